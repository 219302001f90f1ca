"""What a model file says of itself: bands, ground sampling distances, classes, how it was made."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from geomage.errors import ModelError

__all__ = ["DAMAGE_CLASSES", "FLAGS", "LANDCOVER_CLASSES", "METADATA_KEY", "ModelCard"]

LANDCOVER_CLASSES = (
    "bareland",
    "rangeland",
    "developed space",
    "road",
    "tree",
    "water",
    "agriculture",
    "building",
)
DAMAGE_CLASSES = ("none", "minor", "major", "destroyed")
FLAGS = ("water", "changed", "obscured")
METADATA_KEY = "geomage"


@dataclass(frozen=True)
class ModelCard:
    """The metadata of an exported model."""

    name: str
    version: str
    gsd_min: float
    """Finest GSD the model is used at, metres; finer images are averaged."""
    gsd_max: float
    """Coarsest GSD the model is used at, metres."""
    gsd: float
    """GSD that square pixels outside the range are brought to, metres."""
    stride: int
    """Image sides are multiples of this, pixels."""
    halo: int
    """Margin after which a window agrees with the whole image, pixels."""
    bands: tuple[str, ...] = ("red", "green", "blue")
    landcover_classes: tuple[str, ...] = LANDCOVER_CLASSES
    damage_classes: tuple[str, ...] = DAMAGE_CLASSES
    flags: tuple[str, ...] = FLAGS
    normalisation: str = (
        "each image stretched: its 1st and 99th percentile, all bands together, to 16 and 240; "
        "then counts / 255; the rest is inside the graph"
    )
    building_threshold: float = 0.5
    """Probability from which a pixel is called building."""
    temperature: float = 1.0
    """Divides the damage logits; already inside the graph."""
    recipe: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    licence: str = "Apache-2.0"
    trained_on: str = ""
    geomage_version: str = ""

    def __post_init__(self) -> None:
        if not 0 < self.gsd_min <= self.gsd <= self.gsd_max:
            raise ModelError(
                f"model card {self.name!r}: GSD range {self.gsd_min} <= {self.gsd} <= "
                f"{self.gsd_max} m does not hold"
            )
        if self.stride < 1 or self.halo < 0 or self.halo % self.stride:
            raise ModelError(
                f"model card {self.name!r}: halo {self.halo} is not a multiple of the stride "
                f"{self.stride}"
            )

    def to_json(self) -> str:
        """Write the card as one JSON object."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ModelCard:
        """Read the card; unknown or missing keys are a ModelError."""
        try:
            data = json.loads(text)
        except json.JSONDecodeError as error:
            raise ModelError(f"the model's metadata is not JSON: {error}") from error
        if not isinstance(data, dict):
            raise ModelError("the model's metadata is not a JSON object")
        unknown = sorted(set(data) - {f.name for f in fields(cls)})
        if unknown:
            raise ModelError(
                f"the model's metadata has unknown keys {unknown}: it was made by another version "
                "of geomage; update geomage or export the model again"
            )
        data = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        try:
            return cls(**data)
        except TypeError as error:
            raise ModelError(f"the model's metadata is incomplete: {error}") from error
