"""Colour matching: mean and covariance of the bands become those of the target.

x → μ_t + T (x - μ_s), with T Σ_s T' = Σ_t. Three maps do that, or nearly:

- `monge-kantorovich` T = Σ_s^-½ (Σ_s^½ Σ_t Σ_s^½)^½ Σ_s^-½, the one that moves colours least
  (Pitié and Kokaram 2007, CVMP, section 3);
- `coral` T = Σ_t^½ Σ_s^-½, whiten and recolour (Sun, Feng and Saenko 2016, AAAI, algorithm 1,
  without their + I, which is far above the variance of reflectances);
- `reinhard` T = diag(σ_t / σ_s), band by band (Reinhard et al. 2001; in the bands as they are, for
  a decorrelated colour space is known for red, green and blue only): the deviations, not the
  covariances.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from geomage.adapt.baselines.bank import draw_row, kept_figures, refuse_match, weigh
from geomage.adapt.baselines.domain import gather
from geomage.adapt.method import Fitting, Parts
from geomage.data.limits import CHANCE, refuse_outside
from geomage.data.translation import Figures, TranslatorCard, Window
from geomage.errors import InputError, near_names

__all__ = [
    "MAPS",
    "Colour",
    "ColourBank",
    "ColourParams",
    "Colours",
    "build_colour",
    "fit_colour",
    "match_colours",
]

Covariance = Float[np.ndarray, "band band"]
_FLOOR = 1e-8  # variance along an axis over the largest, below which an image has none


def _power(covariance: Covariance, exponent: float) -> Covariance:
    """Power of a covariance; axes without variance stay so, whatever the exponent."""
    variance, axes = np.linalg.eigh(covariance)
    has = variance > max(_FLOOR * variance[-1], np.finfo(np.float32).tiny)
    powers = np.where(has, np.where(has, variance, 1.0) ** exponent, 0.0)
    return np.asarray((axes * powers) @ axes.T)


def _monge_kantorovich(source: Covariance, target: Covariance) -> Covariance:
    root, whiten = _power(source, 0.5), _power(source, -0.5)
    return np.asarray(whiten @ _power(root @ target @ root, 0.5) @ whiten)


def _coral(source: Covariance, target: Covariance) -> Covariance:
    return np.asarray(_power(target, 0.5) @ _power(source, -0.5))


def _reinhard(source: Covariance, target: Covariance) -> Covariance:
    return _coral(np.diag(np.diag(source)), np.diag(np.diag(target)))


MAPS: Mapping[str, Callable[[Covariance, Covariance], Covariance]] = MappingProxyType(
    {"monge-kantorovich": _monge_kantorovich, "coral": _coral, "reinhard": _reinhard}
)
"""T from the covariances of source and target, by name."""


@dataclass(frozen=True)
class ColourParams:
    """Colour matching."""

    map: str = "monge-kantorovich"
    """Of `MAPS`."""
    match: str = "domain"
    """Of `bank.MATCHES`: the whole target domain; or all images of a site (a [[target]] of the
    recipe) as one, or one target image, either drawn by style."""
    images: int = 64
    """Target chips that are measured; of each site, where sites are matched."""
    strength: float = 1.0
    """Share of the way, 0 (the source) to 1 (the target's colours)."""

    def __post_init__(self) -> None:
        refuse_match("colour", self.match)
        refuse_outside("adapt, colour", vars(self), {"images": (1, 4096), "strength": CHANCE})
        if self.map not in MAPS:
            raise InputError(
                f"adapt, colour: map = {self.map!r}{near_names(self.map, MAPS)} is none of "
                f"{', '.join(MAPS)}"
            )


class Colours(NamedTuple):
    """Mean and covariance of the bands of an image."""

    mean: Float[np.ndarray, " band"]
    covariance: Covariance


@dataclass(frozen=True)
class ColourBank:
    """Colours of target images, or of a domain as one."""

    mean: Float[np.ndarray, "image band"]
    covariance: Float[np.ndarray, "image band band"]

    def draw(self, style: int) -> Colours:
        """Of the image of a style, every image as likely."""
        row = draw_row(style, len(self.mean))
        return Colours(self.mean[row], self.covariance[row])

    def tables(self) -> dict[str, np.ndarray]:
        """As `Parts` keep them."""
        return {"mean": self.mean, "covariance": self.covariance}

    @classmethod
    def of_tables(cls, tables: Mapping[str, np.ndarray]) -> ColourBank:
        """Back from `tables`."""
        return cls(*(np.asarray(tables[name], float) for name in ("mean", "covariance")))

    @classmethod
    def of_figures(cls, kept: Sequence[Figures]) -> ColourBank:
        """Of images that were measured."""
        return cls(np.stack([f.mean for f in kept]), np.stack([f.covariance for f in kept]))


def match_colours(
    pixels: Float[np.ndarray, "band y x"], source: Figures, target: Colours, name: str
) -> Float[np.ndarray, "band y x"]:
    """μ_t + T (x - μ_s), T of `MAPS[name]`; where the source has no variance μ_t alone is left."""
    T = MAPS[name](source.covariance, target.covariance)
    centred = pixels - source.mean[:, None, None]
    return np.asarray(np.tensordot(T, centred, 1) + target.mean[:, None, None])


@dataclass(frozen=True)
class Colour:
    """`Translator` by mean and covariance."""

    card: TranslatorCard
    bank: ColourBank
    map: str
    strength: float

    def translate(
        self, window: Window, figures: Figures, style: int
    ) -> Float[np.ndarray, "made y x"]:
        """Each pixel by the mean and covariance of the whole image it is cut from."""
        moved = match_colours(window.pixels, figures, self.bank.draw(style), self.map)
        mixed = window.pixels + self.strength * (moved - window.pixels)
        return np.where(window.valid, mixed, 0).astype(np.float32)


def fit_colour(params: ColourParams, fitting: Fitting) -> Parts:
    """Measure target images."""
    gathered = gather(fitting, params.images, weigh, by_site=params.match == "site")
    bank = ColourBank.of_figures(kept_figures(gathered.found, gathered.sites, params.match))
    return Parts(gathered.card("colour"), bank.tables(), {}, asdict(params))


def build_colour(parts: Parts) -> Colour:
    """From the bank."""
    numbers = parts.numbers
    return Colour(
        parts.card, ColourBank.of_tables(parts.tables), numbers["map"], float(numbers["strength"])
    )
