"""Translators of one pass: a network that learnt against an adversary, by CUT or CycleGAN."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from geomage.adapt.baselines.bank import weigh
from geomage.adapt.baselines.domain import gather, measure_source
from geomage.adapt.baselines.scale import Network, Scale, filled_to_stride, scale_of
from geomage.adapt.method import Fitting, Parts
from geomage.data.translation import Figures, TranslatorCard, Window

__all__ = ["Generated", "build_generated", "fit_generated"]


@dataclass(frozen=True)
class Generated:
    """`Translator` by one pass of a network."""

    card: TranslatorCard
    network: Network
    scale: Scale

    def translate(
        self, window: Window, figures: Figures, style: int
    ) -> Float[np.ndarray, "made y x"]:
        """What the generator makes of the window; figures and style change nothing."""
        del figures, style
        z = filled_to_stride(self.scale.seen(window), self.card.stride_px)
        gsd = np.array([window.gsd_m], np.float32)
        return self.scale.pixels(self.network.run(z=z, gsd=gsd)[0], window)


def fit_generated(
    method: str, params: Any, fitting: Fitting, objective: Callable[[Any, Scale, int], Any]
) -> Parts:
    """Train, and export the averaged generator.

    Args:
        method: name of the method.
        params: with `network`, `pool` and `images`.
        fitting: domains, run folder, loop.
        objective: builds what is learnt, of params, scale and seed.
    """
    from geomage.adapt.baselines.adversary import learn_generator  # noqa: PLC0415 -- needs torch

    gathered = gather(fitting, params.images, weigh)
    scale = scale_of([*gathered.found, *measure_source(fitting, params.images, weigh)])
    learnt = learn_generator(
        objective(params, scale, fitting.seed), params, fitting, gathered.channels
    )
    card = gathered.card(method, learnt.halo_px, params.network.stride)
    return Parts(card, scale.tables(), {"generator": learnt.network}, asdict(params))


def build_generated(parts: Parts) -> Generated:
    """From the generator."""
    return Generated(parts.card, Network(parts.networks["generator"]), Scale.of(parts.tables))
