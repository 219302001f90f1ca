"""What is measured with every translation: does it look like the target, and is it still true?

    found = measure_faithfulness(translator, source, target, FaithfulnessParams(), instruments)

A translation that moves a wall makes its label a lie, however real it looks; so how near it comes
to the target (KID, FID) never stands alone, but beside what became of masks, edges and places.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float

from geomage.adapt.alignment import drifts, edge_counts, find_edges, near_borders
from geomage.adapt.baselines.domain import LEAST_VALID, Image
from geomage.adapt.distances import Distance, frechet_distance, kernel_distance, layer_distance
from geomage.adapt.segmenter import Segmenter
from geomage.adapt.style_statistics import STYLE_SIDE, energy_distance, measure_style
from geomage.data.chip import UNKNOWN, Chip, ChipSource
from geomage.data.limits import refuse_outside
from geomage.data.translation import TranslatedChips, Translator
from geomage.errors import InputError
from geomage.geo import stretch_counts
from geomage.metrics import BinaryCounts, binary_counts

__all__ = [
    "FAITHFULNESS",
    "Faithfulness",
    "FaithfulnessParams",
    "Features",
    "Instruments",
    "measure_faithfulness",
    "read_faithfulness",
    "sum_up",
    "write_faithfulness",
]


FAITHFULNESS = "faithfulness.json"
"""Of a run folder."""


@runtime_checkable
class Features(Protocol):
    """What an encoder sees in the first date of a chip."""

    def layers(self, chip: Chip) -> list[Float[np.ndarray, "channel y x"]]:
        """From fine to coarse."""

    def vectors(self, chip: Chip) -> Float[np.ndarray, "tile feature"]:
        """A row for each square tile."""


@dataclass(frozen=True)
class Instruments:
    """What measures beside arithmetic; what is None is not measured.

    segmenter: fixed; sees source and translation.
    features: of an encoder of our own.
    """

    segmenter: Segmenter | None = None
    features: Features | None = None


@dataclass(frozen=True)
class FaithfulnessParams:
    """How much is measured, and what the segmenter's answer is compared with."""

    chips: int = 64
    """Of the source, spread evenly over it; all where it has fewer."""
    target_chips: int = 256
    """Of the target, likewise."""
    positive: tuple[int, ...] = (1,)
    """Labels that the segmenter looks for: 1 of other and building, 1 to 4 of damage; or none."""
    blocks: int = 10
    """Of KID."""
    side_px: int = 64
    """Of blocks whose drift is measured, pixels."""
    stretch: bool = True
    """Show the encoder what mapping shows its model: images on the line of `geo.stretch`."""
    seed: int = 0
    """Of styles, and of the blocks of KID."""

    def __post_init__(self) -> None:
        ranges = {
            "chips": (1, 10**6),
            "target_chips": (1, 10**6),
            "blocks": (1, 1000),
            "side_px": (64, 1024),
        }
        refuse_outside("faithfulness", vars(self), ranges)


@dataclass(frozen=True)
class Faithfulness:
    """What a translation keeps, and how near it comes; None where nothing measures it."""

    chips: int
    """Translated."""
    seconds_per_megapixel: float
    """Of the processor, all dates counted."""
    mask_consistency: float | None = None
    """IoU of the segmenter's masks of source and translation, over all pixels; 1 nothing moved."""
    label_iou_before: float | None = None
    """IoU of the label and the segmenter's mask of the source."""
    label_iou_after: float | None = None
    """The same of the translation: below the one before, the label became less true."""
    edge_f1: float | None = None
    """Of edges near borders of labels (all edges without labels), to within a pixel, 0..1."""
    drift_px: float | None = None
    """Mean way that blocks moved, pixels."""
    drift_p95_px: float | None = None
    """The 95th percentile of it."""
    unmatched: float | None = None
    """Share of blocks that could not be found again, of those that are found in themselves."""
    style: float | None = None
    """Energy distance of the style of translations to that of the target: light, colour, sharpness,
    shadow (`geomage.adapt.style_statistics`); to be compared with the next one alone."""
    style_untranslated: float | None = None
    """The same of the source: what there was to gain. None for other bands."""
    perceptual: float | None = None
    """Mean distance of source and translation in the encoder's layers, 0..4."""
    kid: Distance | None = None
    """Translation to target."""
    kid_untranslated: Distance | None = None
    """Source to target: what there was to gain."""
    fid: float | None = None
    """Translation to target; to be compared with other figures of as many chips alone."""
    fid_untranslated: float | None = None
    """Source to target."""

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON; KID as value and error."""
        return {
            name: value._asdict() if isinstance(value, Distance) else value
            for name, value in vars(self).items()
        }


@dataclass
class _Tally:
    """What adds up chip by chip."""

    seconds: float = 0.0
    pixels: int = 0
    chips: int = 0
    masks: BinaryCounts = field(default_factory=lambda: BinaryCounts(0, 0, 0))
    labels: list[BinaryCounts] = field(default_factory=lambda: [BinaryCounts(0, 0, 0)] * 2)
    edges: list[BinaryCounts] = field(default_factory=lambda: [BinaryCounts(0, 0, 0)] * 2)
    moved: list[np.ndarray] = field(default_factory=list)
    still: list[np.ndarray] = field(default_factory=list)
    layers: list[float] = field(default_factory=list)
    vectors: list[list[np.ndarray]] = field(default_factory=lambda: [[], []])
    styles: list[list[np.ndarray]] = field(default_factory=lambda: [[], []])


def measure_faithfulness(
    translator: Translator,
    source: ChipSource,
    target: ChipSource,
    params: FaithfulnessParams,
    instruments: Instruments,
) -> Faithfulness:
    """Translate chips of the source and measure what became of them.

    Args:
        translator: what is judged.
        source: labelled chips for label IoU; without labels all edges count, and no label.
        target: what the translation shall look like.
        params: how much.
        instruments: a segmenter, an encoder, or neither.

    Raises:
        InputError: a source without a valid pixel, or too few tiles for KID and FID.
    """
    tally = _Tally()
    translated = TranslatedChips(source, translator, params.seed)
    for index in _spread(len(source.names), params.chips):
        before = source.chip(index)
        if before.valid.any():
            started = time.process_time()
            after = translated.chip(index)
            tally.seconds += time.process_time() - started
            _add(tally, before, after, params, instruments)
    if not tally.chips:
        raise InputError("none of the source's chips has a valid pixel: nothing can be measured")
    return Faithfulness(
        tally.chips,
        tally.seconds / (tally.pixels / 1e6),
        **_places(tally),
        **_styles(tally, target, params),
        **({} if instruments.segmenter is None else _masks(tally)),
        **(
            {}
            if instruments.features is None
            else _looks(tally, target, params, instruments.features)
        ),
    )


def _spread(count: int, most: int) -> list[int]:
    """Numbers spread evenly over `count`."""
    return sorted({int(k) for k in np.linspace(0, count - 1, min(count, most))})


def _add(
    tally: _Tally, before: Chip, after: Chip, params: FaithfulnessParams, by: Instruments
) -> None:
    """Measure one chip and its translation."""
    tally.chips += 1
    tally.pixels += int(before.valid.size) * before.pixels.shape[0]
    _add_places(tally, before, after, params)
    for kept, chip in zip(tally.styles, (before, after), strict=True):
        kept.extend(_style_rows(chip))
    if by.segmenter is not None:
        _add_masks(tally, before, by.segmenter(before), by.segmenter(after), params.positive)
    if by.features is not None:
        _add_looks(tally, by.features, [_shown(chip, params) for chip in (before, after)])


def _shown(chip: Chip, params: FaithfulnessParams) -> Chip:
    """The chip as the encoder is shown it."""
    if not params.stretch:
        return chip
    counts = np.stack([stretch_counts(np.where(chip.valid, date, 0)) for date in chip.pixels])
    return replace(chip, pixels=(counts / 255).astype(np.float32))


def _add_looks(tally: _Tally, features: Features, chips: Sequence[Chip]) -> None:
    """What the encoder sees in a chip and its translation."""
    for kept, chip in zip(tally.vectors, chips, strict=True):
        kept.append(features.vectors(chip))
    before, after = (features.layers(chip) for chip in chips)
    tally.layers.append(layer_distance(before, after))


def _add_places(tally: _Tally, before: Chip, after: Chip, params: FaithfulnessParams) -> None:
    """Edges and blocks, in the mean of all bands."""
    valid = before.valid
    greys = [np.where(valid, chip.pixels[0].mean(0), 0) for chip in (before, after)]
    edges = [find_edges(grey, valid) for grey in greys]
    where = valid if before.labels is None else near_borders(before.labels) & valid
    tally.edges = [
        a + b for a, b in zip(tally.edges, edge_counts(edges[0], edges[1], where), strict=True)
    ]
    tally.moved.append(drifts(greys[0], greys[1], valid, params.side_px))
    tally.still.append(drifts(greys[0], greys[0], valid, params.side_px))


def _add_masks(
    tally: _Tally,
    chip: Chip,
    before: Bool[np.ndarray, "y x"],
    after: Bool[np.ndarray, "y x"],
    positive: Sequence[int],
) -> None:
    """The segmenter's masks against each other, and against the label."""
    seen = chip.valid
    tally.masks += binary_counts(before[seen], after[seen])
    if chip.labels is not None and positive:
        known = seen & (chip.labels != UNKNOWN)
        true = np.isin(chip.labels, positive)[known]
        masks = (before, after)
        pairs = zip(tally.labels, masks, strict=True)
        tally.labels = [sums + binary_counts(true, mask[known]) for sums, mask in pairs]


def write_faithfulness(found: Faithfulness, folder: Path) -> Path:
    """Write `faithfulness.json` into a run folder; it appears when it is complete."""
    file = folder / FAITHFULNESS
    part = file.with_suffix(".part")
    part.write_text(json.dumps(found.as_dict(), indent=1) + "\n", encoding="utf-8")
    return part.replace(file)


def read_faithfulness(folder: Path) -> dict[str, Any]:
    """What `write_faithfulness` wrote.

    Raises:
        InputError: the file is damaged.
    """
    file = folder / FAITHFULNESS
    try:
        found: dict[str, Any] = dict(json.loads(file.read_text("utf-8")))
    except (ValueError, TypeError) as error:
        raise InputError(f"{file} is damaged: delete it, and adapt again") from error
    return found


def sum_up(facts: Mapping[str, Any]) -> str:
    """What a person should know before a label is kept, of `read_faithfulness`, in one line.

    What an older run did not measure is left out.
    """
    told = [
        f"{what} {facts[name]:.2f}"
        for what, name in (("edges", "edge_f1"), ("building masks", "mask_consistency"))
        if facts.get(name) is not None
    ]
    for what, before, after in (
        ("IoU with labels", "label_iou_before", "label_iou_after"),
        ("style from the target", "style_untranslated", "style"),
    ):
        if facts.get(before) is not None and facts.get(after) is not None:
            told.append(f"{what} {facts[before]:.2f} -> {facts[after]:.2f}")
    return ", ".join(told)


# ------------------------------------------------------------------------------ figures

_Table = dict[str, Any]
_TINY = 1e-6  # of a deviation, so that a dead feature stays 0


def _places(tally: _Tally) -> _Table:
    """Whether edges and blocks are where they were."""
    moved, alone = np.concatenate(tally.moved), np.concatenate(tally.still)
    fair = ~np.isnan(alone)  # a block that is not found in itself says nothing
    found = moved[fair & ~np.isnan(moved)]
    return {
        "edge_f1": _edge_f1(*tally.edges),
        "drift_px": float(found.mean()) if len(found) else None,
        "drift_p95_px": float(np.percentile(found, 95)) if len(found) else None,
        "unmatched": float(1 - len(found) / fair.sum()) if fair.any() else None,
    }


def _edge_f1(said: BinaryCounts, kept: BinaryCounts) -> float | None:
    """Harmonic mean of the edges that have a reason and of those that were kept."""
    p, r = said.precision, kept.recall
    if np.isnan(p + r):
        return None
    return 2 * p * r / (p + r) if p + r else 0.0


def _styles(tally: _Tally, target: ChipSource, params: FaithfulnessParams) -> _Table:
    """How far the style of the target is, before and after; nothing of chips that are too small."""
    spread = _spread(len(target.names), params.target_chips)
    wanted = [row for k in spread for row in _style_rows(target.chip(k))]
    source, made = tally.styles
    if not (wanted and made):
        return {}
    there, same = np.stack(wanted), len(source[0]) == len(wanted[0])
    return {
        "style": energy_distance(np.stack(made), there),
        "style_untranslated": energy_distance(np.stack(source), there) if same else None,
    }


def _style_rows(chip: Chip) -> list[Float[np.ndarray, " statistic"]]:
    """Style of the first date, if the chip is large enough and holds enough."""
    if min(chip.valid.shape) < STYLE_SIDE or chip.valid.mean() < LEAST_VALID:
        return []
    return [measure_style(Image(chip.pixels[0], chip.valid, chip.gsd_m, chip.channels))]


def _masks(tally: _Tally) -> _Table:
    """IoU of all counts; None where nothing is true and nothing said."""
    names = ("mask_consistency", "label_iou_before", "label_iou_after")
    each = [counts.iou for counts in (tally.masks, *tally.labels)]
    return {n: None if np.isnan(v) else v for n, v in zip(names, each, strict=True)}


def _looks(
    tally: _Tally, target: ChipSource, params: FaithfulnessParams, features: Features
) -> _Table:
    """How near the target translation and source come, and how far apart they lie.

    Features have mean 0 and deviation 1 in the target: those of a small encoder have lengths of
    their own, and the kernel of KID takes the third power.
    """
    count = len(target.names)
    there = np.concatenate(
        [
            features.vectors(_shown(target.chip(k), params))
            for k in _spread(count, params.target_chips)
        ]
    )
    middle, spread = there.mean(0), there.std(0) + _TINY
    there, before, after = (
        (vectors - middle) / spread
        for vectors in (there, *(np.concatenate(kept) for kept in tally.vectors))
    )
    return {
        "perceptual": float(np.mean(tally.layers)),
        "kid": kernel_distance(after, there, params.blocks, params.seed),
        "kid_untranslated": kernel_distance(before, there, params.blocks, params.seed),
        "fid": frechet_distance(after, there),
        "fid_untranslated": frechet_distance(before, there),
    }
