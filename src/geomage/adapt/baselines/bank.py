"""Target images, each or many as one kept as their figures; a style draws one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from geomage.adapt.baselines.domain import Image
from geomage.data.translation import QUANTILES, Figures, measure_figures
from geomage.errors import InputError, near_names

__all__ = [
    "MATCHES",
    "Weighed",
    "draw_row",
    "kept_figures",
    "pool_figures",
    "refuse_large",
    "refuse_match",
    "weigh",
]

MATCHES = ("image", "site", "domain")
"""What an image is matched to: one target image, all images of a site, or all of the target."""

_MOST_VALUES = 10**6
_PURPOSE = 21  # of draws from a bank


class Weighed(NamedTuple):
    """Figures of one image."""

    figures: Figures
    pixels: int
    """Valid pixels."""


def draw_row(style: int, rows: int) -> int:
    """The row that a style draws, of so many."""
    return int(np.random.default_rng([style, _PURPOSE]).integers(rows))


def refuse_large(tables: Mapping[str, np.ndarray]) -> None:
    """Raise InputError at more numbers than a translator's file holds."""
    count = sum(table.size for table in tables.values())
    if count > _MOST_VALUES:
        raise InputError(
            f"what is kept of the target are {count:,} numbers, and a translator holds "
            f"{_MOST_VALUES:,}: choose fewer images, or a smaller beta where there is one"
        )


def weigh(image: Image) -> Weighed:
    """Measure an image."""
    return Weighed(measure_figures(image.pixels, image.valid), int(image.valid.sum()))


def refuse_match(method: str, match: str) -> None:
    """Raise InputError unless `match` is one of `MATCHES`."""
    if match not in MATCHES:
        raise InputError(
            f"adapt, {method}: match = {match!r}{near_names(match, MATCHES)} is none of "
            f"{', '.join(MATCHES)}"
        )


def kept_figures(images: Sequence[Weighed], sites: Sequence[int], match: str) -> list[Figures]:
    """Keep images one by one, those of a site as one, or all as one.

    sites: of each image. match: of `MATCHES`.
    """
    if match == "image":
        return [image.figures for image in images]
    if match == "domain":
        return [pool_figures(images)]
    of = np.asarray(sites)
    groups = (np.flatnonzero(of == site).tolist() for site in np.unique(of))
    return [pool_figures([images[k] for k in group]) for group in groups]


def pool_figures(images: Sequence[Weighed]) -> Figures:
    """Figures of the pixels of all images together.

    Mean and covariance are exact (but for n and n - 1); quantiles invert the mixture of the images'
    distributions, each linear between its own quantiles.
    """
    w = np.array([image.pixels for image in images], float)
    w /= w.sum()
    means = np.stack([image.figures.mean for image in images])
    within = np.einsum("i,iab->ab", w, np.stack([i.figures.covariance for i in images]))
    mean = w @ means
    off = means - mean
    quantiles = np.stack([i.figures.quantiles for i in images], axis=1)
    mixed = np.stack([_mixed_quantiles(band, w) for band in quantiles])
    return Figures(mixed, mean, within + (off * w[:, None]).T @ off)


def _mixed_quantiles(
    quantiles: Float[np.ndarray, "image share"], w: Float[np.ndarray, " image"]
) -> Float[np.ndarray, " share"]:
    """Quantiles of a mixture whose parts have shares `w`."""
    shares = np.linspace(0, 1, QUANTILES)
    values = np.unique(quantiles)
    below = sum(
        part * np.interp(values, *_distinct(row, shares), left=0.0, right=1.0)
        for part, row in zip(w, quantiles, strict=True)
    )
    return np.asarray(np.interp(shares, *_distinct(np.asarray(below), values)))


def _distinct(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A rising line through points whose equal `x` are one point, at the mean of their `y`."""
    once, of = np.unique(x, return_inverse=True)
    return once, np.bincount(of, y) / np.bincount(of)
