"""Noise that hangs on a place: any two windows of an image draw the same at the pixels they share.

A counter-based generator: seed, band, row and column go through the mixer of SplitMix64 (Steele et
al. 2014), two of its words through Box and Muller's transform.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

__all__ = ["place_noise"]

_GOLDEN = 0x9E3779B97F4A7C15
_ONES = (1 << 64) - 1


def _mixed(word: np.ndarray) -> np.ndarray:
    """Scatter 64-bit words: a bit that changes changes half of all."""
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(word ^ (word >> np.uint64(31)))


def _told(word: np.ndarray, more: np.ndarray) -> np.ndarray:
    """Take one more number into words."""
    return _mixed((word ^ more.astype(np.int64).view(np.uint64)) + np.uint64(_GOLDEN))


def _uniform(word: np.ndarray) -> np.ndarray:
    """0 < u < 1 from the upper 53 bits."""
    return ((word >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def place_noise(
    seed: int, row: int, column: int, shape: tuple[int, int, int]
) -> Float32[np.ndarray, "band y x"]:
    """Standard normal noise of a window.

    Args:
        seed: another one gives other noise everywhere.
        row: of the window's first pixel in its image; may be below 0.
        column: likewise.
        shape: (band, y, x).
    """
    bands, rows, columns = shape
    word = _mixed(np.array([[[(seed * _GOLDEN) & _ONES]]], np.uint64))
    word = _told(word, np.arange(bands)[:, None, None])
    word = _told(word, np.arange(row, row + rows)[:, None])
    word = _told(word, np.arange(column, column + columns))
    radius = np.sqrt(-2 * np.log(_uniform(word)))
    angle = 2 * np.pi * _uniform(_mixed(word + np.uint64(_GOLDEN)))
    return np.asarray(radius * np.cos(angle), np.float32)
