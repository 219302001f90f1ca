"""A recipe that learns from chips: which objective, which network, which sources, how long.

A recipe is a short TOML file whose tables are the dataclasses below; what it leaves out keeps its
default. No torch is needed to read one.

    objective = "fixmatch"
    [architecture]
    heads = { classes = 8 }
    [[labelled]]
    reader = "simulated-pairs"
    simulated = { task = "landcover", count = 200 }
    [[unlabelled]]
    reader = "levir"
    folder = "LEVIR-CD"
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from geomage.data.chip_sources import SourceParams
from geomage.data.limits import CHANCE, Limits, refuse_outside, refuse_text
from geomage.data.tables import build, find_table
from geomage.errors import InputError
from geomage.learn.loop_params import LoopParams
from geomage.learn.recipe import Recipe, recipe_from_dict
from geomage.model.blueprint import Architecture

__all__ = ["BatchParams", "ChipRecipe", "chip_recipe_from_dict", "find_training_recipe"]

_FOLDER = Path(__file__).parent / "recipes"
_LIMITS: Limits = {
    "crop": (8, 4096),
    "labelled": (1, 4096),
    "unlabelled": (1, 4096),
    "tries": (1, 100),
    "rare": (0.0, 100.0),
    "zoom": (0.1, 10.0),
    **dict.fromkeys(("gain", "band_gain", "offset"), (0.0, 10.0)),
    "gain_db": (0.0, 30.0),
    "most_corrupt": CHANCE,
    "memory_mib": (0, 10**6),
}


@dataclass(frozen=True)
class BatchParams:
    """What becomes of chips before a step sees them. Every crop is turned and mirrored."""

    crop: int = 128
    """Side of a crop, pixels, a multiple of the network's stride."""
    labelled: int = 8
    """Labelled crops a step, of all processes together."""
    unlabelled: int = 8
    """Unlabelled crops a step, of all processes together, where there are such sources."""
    tries: int = 4
    """Places tried until half of a crop holds data and, if labelled, some label."""
    rare: float = 0.0
    """Temperature of rare class sampling (DAFormer, 0.01 there); 0 draws all chips alike."""
    zoom: tuple[float, float] = (1.0, 1.0)
    """Range of the magnification, drawn evenly in its logarithm; the GSD follows."""
    gain: float = 0.0
    """Standard deviation of the logarithm of the gain of an optical image."""
    band_gain: float = 0.0
    """Standard deviation of the logarithm of the gain of a band of it."""
    offset: float = 0.0
    """Standard deviation of the haze or dark level added to it, reflectance."""
    gain_db: float = 0.0
    """Standard deviation of what is added to a radar image, dB; half of it to each band more."""
    most_corrupt: float = 0.02
    """Share of the chips that may be skipped because they cannot be read."""
    memory_mib: int = 1024
    """Chips kept in memory, MiB."""

    def __post_init__(self) -> None:
        refuse_outside("recipe, batches", vars(self), _LIMITS)


@dataclass(frozen=True)
class ChipRecipe:
    """One run."""

    objective: str
    """Way of learning: a name of `SELFSUPERVISED` or of `SEMISUPERVISED`."""
    params: dict[str, Any] = field(default_factory=dict)
    """Parameters of the objective, as its dataclass has them."""
    name: str = "chips"
    """Of the network it makes."""
    seed: int = 0
    """Of weights and crops; draws of the objective are of `loop.seed`."""
    architecture: Architecture = field(default_factory=Architecture)
    start: str = ""
    """Run folder of a pre-training, or its network.safetensors: the encoder begins with it."""
    labelled: tuple[SourceParams, ...] = ()
    """Sources whose labels are learnt from."""
    unlabelled: tuple[SourceParams, ...] = ()
    """Sources of images alone; what labels they have is not learnt from."""
    other: tuple[SourceParams, ...] = ()
    """The places of `unlabelled`, source by source, as another sensor sees them."""
    held_out: tuple[SourceParams, ...] = ()
    """Sources that are pictured and judged by, and never learnt from."""
    batches: BatchParams = field(default_factory=BatchParams)
    loop: LoopParams = field(default_factory=LoopParams)

    def __post_init__(self) -> None:
        refuse_text("recipe: name", self.name)
        refuse_outside("recipe", vars(self), {"seed": (0, 2**63 - 1)})
        if not self.labelled and not self.unlabelled:
            raise InputError("recipe: there are no chips: give [[labelled]] or [[unlabelled]]")
        if self.other and len(self.other) != len(self.unlabelled):
            raise InputError(
                f"recipe: {len(self.other)} [[other]] for {len(self.unlabelled)} [[unlabelled]]: "
                "give one for each, in their order"
            )


def chip_recipe_from_dict(table: dict[str, Any], where: str) -> ChipRecipe:
    """Fill a recipe from nested tables; `where` names their origin in errors."""
    recipe: ChipRecipe = build(ChipRecipe, table, where)
    return recipe


def find_training_recipe(name_or_path: str) -> Recipe | ChipRecipe:
    """Return a shipped recipe by name, or read a TOML file; one with an `objective` is of chips.

    Raises:
        InputError: none of that name; names what is near.
    """
    table, where = find_table(name_or_path, _FOLDER)
    of_chips = "objective" in table
    return (chip_recipe_from_dict if of_chips else recipe_from_dict)(table, where)
