"""Histogram matching: the quantiles of each band become those of the target.

T_b(x) = Q_b(P_b(x)), P_b the distribution of band b in the whole source image, Q_b the quantiles of
the target (Gonzalez and Woods, Digital Image Processing, section 3.3): the monotone map of least
cost from one to the other. Bands are matched one by one, so that colours that go together need not.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import Float

from geomage.adapt.baselines.bank import draw_row, kept_figures, refuse_large, refuse_match, weigh
from geomage.adapt.baselines.domain import gather
from geomage.adapt.method import Fitting, Parts
from geomage.data.limits import CHANCE, refuse_outside
from geomage.data.translation import Figures, TranslatorCard, Window

__all__ = [
    "Histogram",
    "HistogramParams",
    "build_histogram",
    "fit_histogram",
    "match_quantiles",
]


_DIGITS = 6  # of a quantile: a file of them is read by people, too


@dataclass(frozen=True)
class HistogramParams:
    """Histogram matching."""

    match: str = "image"
    """Of `bank.MATCHES`: one target image, or all images of a site (a [[target]] of the recipe) as
    one, either drawn by style; or the whole target domain."""
    images: int = 64
    """Target chips that are measured; of each site, where sites are matched."""
    strength: float = 1.0
    """Share of the way, 0 (the source) to 1 (the target's histogram)."""

    def __post_init__(self) -> None:
        refuse_match("histogram", self.match)
        refuse_outside("adapt, histogram", vars(self), {"images": (1, 4096), "strength": CHANCE})


def match_quantiles(
    x: Float[np.ndarray, "*shape"],
    source: Float[np.ndarray, " share"],
    target: Float[np.ndarray, " share"],
) -> Float[np.ndarray, "*shape"]:
    """Values at the same share of the target as they have in the source, never falling.

    A value that the source has in many pixels goes to the mean of the target over their shares;
    what lies beyond the source's quantiles to the target's end.
    """
    once, of = np.unique(source, return_inverse=True)
    level = np.bincount(of, target) / np.bincount(of)
    return np.asarray(np.interp(x, once, level))


@dataclass(frozen=True)
class Histogram:
    """`Translator` by quantiles."""

    card: TranslatorCard
    quantiles: Float[np.ndarray, "image band share"]
    """Of target images, or of the domain as one."""
    strength: float

    def translate(
        self, window: Window, figures: Figures, style: int
    ) -> Float[np.ndarray, "made y x"]:
        """Each pixel by the quantiles of the whole image it is cut from."""
        target = self.quantiles[draw_row(style, len(self.quantiles))]
        bands = zip(window.pixels, figures.quantiles, target, strict=True)
        moved = np.stack([match_quantiles(*band) for band in bands])
        mixed = window.pixels + self.strength * (moved - window.pixels)
        return np.where(window.valid, mixed, 0).astype(np.float32)


def fit_histogram(params: HistogramParams, fitting: Fitting) -> Parts:
    """Measure target images."""
    gathered = gather(fitting, params.images, weigh, by_site=params.match == "site")
    kept = kept_figures(gathered.found, gathered.sites, params.match)
    quantiles = np.stack([figures.quantiles for figures in kept]).round(_DIGITS)
    refuse_large({"quantiles": quantiles})
    return Parts(gathered.card("histogram"), {"quantiles": quantiles}, {}, asdict(params))


def build_histogram(parts: Parts) -> Histogram:
    """From quantiles."""
    quantiles = np.asarray(parts.tables["quantiles"], float)
    return Histogram(parts.card, quantiles, float(parts.numbers["strength"]))
