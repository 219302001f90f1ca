"""Nothing changes: what every other method must beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from geomage.adapt.baselines.domain import Image, gather
from geomage.adapt.method import Fitting, Parts
from geomage.data.translation import Figures, TranslatorCard, Window

__all__ = ["Identity", "IdentityParams", "build_identity", "fit_identity"]


@dataclass(frozen=True)
class IdentityParams:
    """There is nothing to choose."""


@dataclass(frozen=True)
class Identity:
    """`Translator` that gives back what it is given."""

    card: TranslatorCard

    def translate(
        self, window: Window, figures: Figures, style: int
    ) -> Float[np.ndarray, "made y x"]:
        """The window, 0 where not valid."""
        del figures, style
        return np.where(window.valid, window.pixels, 0).astype(np.float32)


def fit_identity(params: IdentityParams, fitting: Fitting) -> Parts:
    """See that both domains have images of the same bands."""
    del params
    return Parts(gather(fitting, 1, _see).card("identity"), {}, {}, {})


def _see(image: Image) -> tuple[int, ...]:
    return image.pixels.shape


def build_identity(parts: Parts) -> Identity:
    """From its card."""
    return Identity(parts.card)
