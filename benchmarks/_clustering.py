"""How damage clusters in space: join counts and Moran's I over nearest neighbours.

The weight of a pair is 1 where j is one of the k nearest neighbours of i, and 0 else: not
symmetric. z is against permutations of the values over the places.

Sources: Cliff and Ord (1981), Spatial Processes, chapter 1 (join counts, Moran's I).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

__all__ = ["Clustering", "join_counts", "morans_i", "neighbours"]


@dataclass(frozen=True)
class Clustering:
    """A statistic of how like neighbours are, beside what chance gives."""

    value: float
    expected: float  # mean over permutations
    z: float  # (value - expected) / standard deviation over permutations

    @property
    def ratio(self) -> float:
        """The statistic over what chance gives."""
        return self.value / self.expected


def neighbours(xy: np.ndarray, k: int = 6) -> np.ndarray:
    """Rows (n, k) of the k nearest other places of each place (n, 2)."""
    found = KDTree(xy).query(xy, k + 1)[1]
    own = found == np.arange(len(xy))[:, None]
    own[~own.any(1), -1] = True  # twins may come before the place itself
    return np.asarray(found[~own].reshape(len(xy), k))


def join_counts(
    hit: np.ndarray, near: np.ndarray, seed: int = 0, permutations: int = 199
) -> Clustering:
    """Count pairs of neighbours that are both hit.

    Args:
        hit: (n,) bool.
        near: (n, k) rows of neighbours, from `neighbours`.
        seed: of the permutations.
        permutations: how many.
    """
    return _beside_chance(_joins, hit.astype(float), near, seed, permutations)


def morans_i(
    value: np.ndarray, near: np.ndarray, seed: int = 0, permutations: int = 199
) -> Clustering:
    """Correlate values (n,) with those of their neighbours: I of Moran, about 0 by chance."""
    return _beside_chance(_moran, value.astype(float), near, seed, permutations)


def _joins(hit: np.ndarray, near: np.ndarray) -> float:
    return float((hit[:, None] * hit[near]).sum())


def _moran(value: np.ndarray, near: np.ndarray) -> float:
    off = value - value.mean()
    spread = float((off**2).mean())
    return float((off[:, None] * off[near]).mean() / spread) if spread > 0 else 0.0


def _beside_chance(
    statistic: Callable[[np.ndarray, np.ndarray], float],
    value: np.ndarray,
    near: np.ndarray,
    seed: int,
    permutations: int,
) -> Clustering:
    rng = np.random.default_rng([seed, 17])
    found = np.array([statistic(rng.permutation(value), near) for _ in range(permutations)])
    real, spread = float(statistic(value, near)), float(found.std())
    z = (real - float(found.mean())) / spread if spread > 0 else 0.0
    return Clustering(real, float(found.mean()), z)
