"""Distances from a training domain in a space of features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from jaxtyping import Float
from scipy.spatial import cKDTree

from geomage.adapt.plausibility.perceptual import layer_means
from geomage.adapt.plausibility.scoring import Chips, Layers
from geomage.errors import InputError

__all__ = ["FeatureScorer", "Mahalanobis", "Nearest", "RelativeMahalanobis", "Vectors"]

Vectors = Float[np.ndarray, "chip feature"]


def _refuse(features: np.ndarray, least: int) -> None:
    if len(features) < least or not np.isfinite(features).all():
        raise InputError(f"{len(features)} vectors of features: at least {least} finite ones")


@dataclass(frozen=True)
class Mahalanobis:
    """d² = (x - μ)ᵀ Σ⁻¹ (x - μ) (Lee et al. 2018, arXiv 1807.03888, one class)."""

    mean: Float[np.ndarray, " feature"]
    precision: Float[np.ndarray, "feature feature"]

    @classmethod
    def fit(cls, features: Vectors, shrink: float = 0.05) -> Self:
        """Fit to a domain.

        Args:
            features: of its chips.
            shrink: share of the covariance replaced by its mean variance, so that fewer chips than
                features still give an inverse (Ledoit and Wolf 2004).

        Raises:
            InputError: fewer than two chips.
        """
        _refuse(features, 2)
        covariance = np.atleast_2d(np.cov(features, rowvar=False))
        size = len(covariance)
        level = np.trace(covariance) / size
        mixed = (1 - shrink) * covariance + (shrink * level + 1e-12) * np.eye(size)
        return cls(features.mean(axis=0), np.linalg.inv(mixed))

    def distance(self, features: Vectors) -> Float[np.ndarray, " chip"]:
        """d² of each."""
        off = features - self.mean
        return np.asarray(np.einsum("ni,ij,nj->n", off, self.precision, off))


@dataclass(frozen=True)
class RelativeMahalanobis:
    """d²(domain) - d²(background): what all images share takes no part.

    Ren et al. 2021, "A Simple Fix to Mahalanobis Distance", arXiv 2106.09022.
    """

    domain: Mahalanobis
    background: Mahalanobis

    @classmethod
    def fit(
        cls, features: Vectors, others: Float[np.ndarray, "other feature"], shrink: float = 0.05
    ) -> Self:
        """Fit to a domain, and to a background of the domain and other images together."""
        both = np.concatenate([features, others])
        return cls(Mahalanobis.fit(features, shrink), Mahalanobis.fit(both, shrink))

    def distance(self, features: Vectors) -> Float[np.ndarray, " chip"]:
        """Difference of both d²."""
        return np.asarray(self.domain.distance(features) - self.background.distance(features))


@dataclass(frozen=True)
class Nearest:
    """Distance to the k-th nearest chip of the domain (Sun et al. 2022, arXiv 2204.06507)."""

    known: Vectors
    """Of the domain, brought to unit length."""
    k: int = 5

    @classmethod
    def fit(cls, features: Vectors, k: int = 5) -> Self:
        """Keep the features of a domain.

        Raises:
            InputError: fewer than k chips.
        """
        _refuse(features, k)
        return cls(_unit(features), k)

    def distance(self, features: Vectors) -> Float[np.ndarray, " chip"]:
        """Of each to its k-th nearest, 0..2."""
        found, _ = cKDTree(self.known).query(_unit(features), k=[self.k])
        return np.asarray(found[:, 0])


def _unit(features: np.ndarray) -> np.ndarray:
    return np.asarray(features / np.maximum(np.linalg.norm(features, axis=1)[:, None], 1e-12))


@dataclass(frozen=True)
class FeatureScorer:
    """A `Scorer`: a distance of the means of an encoder's layers."""

    layers: Layers
    of: Mahalanobis | RelativeMahalanobis | Nearest

    def score(self, chips: Chips) -> Float[np.ndarray, " chip"]:
        """Score chips of the scale that the encoder takes."""
        return self.of.distance(layer_means(self.layers(chips)))
