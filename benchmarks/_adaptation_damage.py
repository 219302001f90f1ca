"""Damage: a small two-date network that learns from translated pairs, tested on real ones.

Asked for is whether a pixel shows a building that is damaged badly or destroyed (states 3 and 4).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from torch import nn

from benchmarks._adaptation_chips import of_each
from benchmarks._adaptation_runs import LEVELS, chance, level_of, precision_area
from benchmarks._semisupervised_chips import CHIP, UNKNOWN, is_tested, real_images
from benchmarks._semisupervised_runs import GSD
from geomage.data.chip import Chip, ChipSource
from geomage.data.readers.bands import RGB
from geomage.geo import stretch_counts
from geomage.model.architecture import Architecture

FORM = Architecture("resnet-tiny", siamese="difference", heads={"classes": 2}, width=16)
WEIGHTS = (1.0, 5.0)  # of the classes: few pixels are damaged
BAD = 3  # least damage state that is asked for
_LAST = 4  # beyond it nobody knows


def struck(source: ChipSource, jobs: int) -> list[Chip]:
    """Pairs as a network sees them, and where damage is bad."""
    return of_each(source, _asked, jobs)


def _asked(chip: Chip) -> Chip:
    assert chip.labels is not None
    counts = [stretch_counts(np.where(chip.valid, date, 0)) for date in chip.pixels]
    pixels = (np.stack(counts) / 255).astype(np.float32)
    return replace(chip, pixels=pixels, labels=_bad(chip.labels), gsd_m=GSD)


def _bad(states: np.ndarray) -> np.ndarray:
    said = (states >= BAD).astype(np.uint8)
    return np.where(states > _LAST, UNKNOWN, said).astype(np.uint8)


def real_pairs(data: Path) -> dict[str, list[Chip]]:
    """Real pairs that are tested on, by set."""
    found: dict[str, list[Chip]] = {}
    after = real_images(data, stretch_counts, "after")
    for (name, first, states), (_, second, _) in zip(
        real_images(data, stretch_counts, "before"), after, strict=False
    ):
        found.setdefault(name, []).extend(_tiles(name, np.stack([first, second]), states))
    return found


def _tiles(name: str, images: np.ndarray, states: np.ndarray) -> Iterator[Chip]:
    """Every whole chip of the tested part."""
    for y in range(0, states.shape[0] - CHIP + 1, CHIP):
        for x in range(0, states.shape[1] - CHIP + 1, CHIP):
            square = np.s_[..., y : y + CHIP, x : x + CHIP]
            valid = images[square].any(1).all(0)
            if is_tested(name, x, states.shape[1]) and valid.any():
                labels = np.where(valid, _bad(states[square]), UNKNOWN).astype(np.uint8)
                pixels = (images[square] / 255).astype(np.float32)
                yield Chip(f"{name}_{y}_{x}", pixels, RGB, GSD, valid, labels)


def damage_scores(network: nn.Module, pairs: dict[str, list[Chip]]) -> dict[str, float]:
    """Average precision of bad damage on each set that has any, of all pixels.

    A short run that is unsure never says damage, and has no F1.
    """
    found = {}
    for name, chips in pairs.items():
        counts = np.zeros((2, LEVELS), np.int64)
        for chip in chips:
            said = level_of(chance(network, chip))
            for label in (0, 1):
                counts[label] += np.bincount(said[chip.labels == label], minlength=LEVELS)
        if counts[1].any():
            found[name] = precision_area(counts)
            found[f"{name}, chance"] = float(counts[1].sum() / counts.sum())
    return found
