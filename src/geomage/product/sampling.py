"""Which buildings a reader looks at: the least certain first, or a random sample by stratum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from geomage.errors import InputError
from geomage.product.grading import NOT_ANALYSED, WORDS

__all__ = ["SAMPLE", "Drawn", "doubt_of", "draw", "drawn_from", "least_certain_first"]

SAMPLE: Final = 100
"""Buildings drawn unless told otherwise."""
LEAST: Final = 5
"""Buildings drawn from a stratum at least, or all of it: ours; fewer leave no variance to speak of.
Olofsson et al. 2014, section 5.1, sets aside 50 to 100 for each class of a whole country."""
_SPLIT: Final = 20  # buildings of a word from which it is split by confidence


@dataclass(frozen=True)
class Drawn:
    """A stratum and the buildings drawn from it, by place in the table."""

    name: str
    word: str
    size: int  # buildings in it
    rows: tuple[int, ...]  # in the order of the draw: any first part of them is a draw as well

    def as_dict(self) -> dict[str, Any]:
        """JSON-able record."""
        return {"name": self.name, "word": self.word, "size": self.size, "rows": [*self.rows]}


def drawn_from(record: dict[str, Any]) -> Drawn:
    """A stratum from its record."""
    return Drawn(record["name"], record["word"], record["size"], tuple(record["rows"]))


def doubt_of(chances: np.ndarray) -> np.ndarray:
    """Probability that the likeliest word is wrong, float64 (building,); nan where none is known.

    Args:
        chances: (building, 4) of no, minor, major damage, destroyed; minor and major are one word.
    """
    p = np.asarray(chances, float)
    return np.asarray(1 - np.maximum(np.maximum(p[:, 0], p[:, 1] + p[:, 2]), p[:, 3]))


def least_certain_first(chances: np.ndarray, area_m2: np.ndarray) -> np.ndarray:
    """Places of buildings by doubt, of equals the larger one first; the unseen come last."""
    doubt = np.nan_to_num(doubt_of(chances), nan=-1.0)
    return np.asarray(np.lexsort((-np.nan_to_num(area_m2), -doubt)))


def draw(
    words: Sequence[str] | np.ndarray, confidence: np.ndarray, size: int, seed: int
) -> list[Drawn]:
    """Draw a random sample of the assessed buildings, by word and confidence.

    Each word is cut at the middle of its confidences into a less sure and a surer half. Every
    stratum gives at least `LEAST` buildings, or all it has; the rest is shared out by size.

    Args:
        words: of the map, a building each; those not analysed are not drawn.
        confidence: in the word, 0..1.
        size: buildings to draw; all when there are fewer.
        seed: of the draw.

    Raises:
        InputError: no building is assessed, or `size` is below one.
    """
    if size < 1:
        raise InputError(f"a sample of {size} buildings says nothing: ask for 1 or more")
    groups = _strata(np.asarray(words, object), np.asarray(confidence, float))
    if not groups:
        raise InputError("no building was assessed, so there is nothing to draw a sample from")
    counts = _shared_out([len(rows) for _, _, rows in groups], size)
    rng = np.random.default_rng(seed)
    return [
        Drawn(name, word, len(rows), tuple(int(i) for i in one.permutation(rows)[:count]))
        for (name, word, rows), count, one in zip(
            groups, counts, rng.spawn(len(groups)), strict=True
        )
    ]


def _strata(words: np.ndarray, sure: np.ndarray) -> list[tuple[str, str, np.ndarray]]:
    """(name, word, places) of every stratum that has a building."""
    found = []
    for word in WORDS:
        rows = np.flatnonzero(words == word)
        if word == NOT_ANALYSED or not len(rows):
            continue
        middle = float(np.median(np.nan_to_num(sure[rows])))
        low = np.nan_to_num(sure[rows]) < middle
        if len(rows) < _SPLIT or low.all() or not low.any():
            found.append((word, word, rows))
            continue
        found.append((f"{word}, confidence below {middle:.3f}", word, rows[low]))
        found.append((f"{word}, confidence from {middle:.3f}", word, rows[~low]))
    return found


def _shared_out(sizes: Sequence[int], wanted: int) -> list[int]:
    """How many of each: `LEAST`, then one by one where a drawn one stands for the most."""
    counts = [min(LEAST, size) for size in sizes]
    while sum(counts) < min(wanted, sum(sizes)):
        open_ = [i for i, size in enumerate(sizes) if counts[i] < size]
        neediest = max(open_, key=lambda i: sizes[i] / (counts[i] + 0.5))
        counts[neediest] += 1
    return counts
