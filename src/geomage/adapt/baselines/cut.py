"""CUT: an adversary asks for the target's look, contrast of patches holds the content in place.

Contrastive unpaired translation (Park et al. 2020, ECCV; equations in `cut_objective`), with the
U-Net of the flow as its generator, so that both have the same size, cost and reach: no instance
normalisation, which looks at a whole image, and no noise, so that a style changes nothing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

import numpy as np
from jaxtyping import Float

from geomage.adapt.baselines.bank import weigh
from geomage.adapt.baselines.domain import gather, measure_source
from geomage.adapt.baselines.scale import Network, Scale, filled_to_stride, scale_of
from geomage.adapt.method import Fitting, Parts
from geomage.data.limits import refuse_outside
from geomage.data.translation import Figures, TranslatorCard, Window
from geomage.model.velocity_blueprint import VelocityUNetParams

__all__ = ["CutParams", "Generated", "build_generated", "fit_cut"]

_LIMITS = {
    "contrast": (0.0, 1000.0),
    "temperature": (1e-3, 10.0),
    "places": (2, 4096),
    "features": (1, 1024),
    "critic": (1, 1024),
    "pool": (2, 10**6),
    "images": (1, 4096),
}


@dataclass(frozen=True)
class CutParams:
    """CUT."""

    network: VelocityUNetParams = field(default_factory=VelocityUNetParams)
    """The generator, as the flow has it."""
    contrast: float = 1.0
    """λ of the contrast of patches, of the source and of the target alike."""
    temperature: float = 0.07
    """τ of the contrast."""
    places: int = 64
    """Patches of an image at each resolution."""
    features: int = 64
    """Channels that patches are compared in."""
    critic: int = 32
    """Channels of the critic at half the resolution; twice and four times that follow."""
    pool: int = 1024
    """Crops of either domain."""
    images: int = 64
    """Chips of either domain whose mean and deviation are measured."""

    def __post_init__(self) -> None:
        refuse_outside("adapt, cut", vars(self), _LIMITS)


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


def fit_cut(params: CutParams, fitting: Fitting) -> Parts:
    """Train, and export the averaged generator."""
    from geomage.adapt.baselines.cut_objective import learn_cut  # noqa: PLC0415 -- needs torch

    gathered = gather(fitting, params.images, weigh)
    scale = scale_of([*gathered.found, *measure_source(fitting, params.images, weigh)])
    learnt = learn_cut(params, fitting, scale, gathered.channels)
    card = gathered.card("cut", learnt.halo_px, params.network.stride)
    return Parts(card, scale.tables(), {"generator": learnt.network}, asdict(params))


def build_generated(parts: Parts) -> Generated:
    """From the generator."""
    return Generated(parts.card, Network(parts.networks["generator"]), Scale.of(parts.tables))
