"""The fixed segmenter that says where buildings stand before and after a translation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from geomage.data.chip import Chip
from geomage.data.translation import TranslatorCard
from geomage.errors import InputError
from geomage.geo import stretch_counts
from geomage.model.card import LANDCOVER_CLASSES
from geomage.model.package import Model, load_model

__all__ = [
    "MapModelSegmenter",
    "Segmenter",
    "building_labels",
    "fitting_segmenter",
    "shipped_segmenter",
]

_BUILDING = LANDCOVER_CLASSES.index("building")
_SEEN = ("red", "green", "blue")


Segmenter = Callable[[Chip], Bool[np.ndarray, "y x"]]
"""Where one thing stands at the first date of a chip; the same for the same chip."""


@dataclass(frozen=True)
class MapModelSegmenter:
    """Buildings, as a model that maps sees them in red, green and blue."""

    model: Model

    def __call__(self, chip: Chip) -> Bool[np.ndarray, "y x"]:
        """Where a building is likelier than the card's threshold; False where not valid.

        Raises:
            InputError: the chip lacks red, green or blue.
        """
        card = self.model.card
        counts = stretch_counts(_visible(chip))
        y, x = counts.shape[1:]
        side = [(card.trim, card.trim - (n + 2 * card.trim) % -card.stride) for n in (y, x)]
        padded = np.pad(counts, ((0, 0), *side), mode="symmetric")[None]
        building = self.model.predict(padded, padded).landcover[0, _BUILDING, :y, :x]
        return np.asarray((building >= card.building_threshold) & chip.valid, bool)


def _visible(chip: Chip) -> np.ndarray:
    """Red, green and blue of the first date, 0 where not valid."""
    names = [channel.name for channel in chip.channels]
    lacks = [name for name in _SEEN if name not in names]
    if lacks:
        raise InputError(
            f"{chip.name}: no band {lacks[0]}: it has {', '.join(names)}; "
            "give a segmenter of these bands"
        )
    rows = [names.index(name) for name in _SEEN]
    return np.where(chip.valid, chip.pixels[0, rows], 0)


def building_labels(classes: Sequence[str]) -> tuple[int, ...]:
    """Labels of what a building is, of buildings, land cover or damage; none where none says so."""
    if "no building" in classes:
        return tuple(k for k, name in enumerate(classes) if name != "no building")
    return tuple(k for k, name in enumerate(classes) if name == "building")


def shipped_segmenter(threads: int = 1) -> MapModelSegmenter:
    """The model that comes with geomage."""
    return MapModelSegmenter(load_model("default", threads))


def fitting_segmenter(card: TranslatorCard) -> MapModelSegmenter | None:
    """The shipped model, where it can see what a translator takes and gives; else none.

    It sees red, green and blue, at a GSD that it knows.
    """
    for channels in (card.channels, card.made):
        if not {channel.name for channel in channels}.issuperset(_SEEN):
            return None
    segmenter = shipped_segmenter()
    known = segmenter.model.card
    fits = known.gsd_min <= card.gsd_m[0] and card.gsd_m[1] <= known.gsd_max
    return segmenter if fits else None
