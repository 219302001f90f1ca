"""CUT: an adversary asks for the target's look, contrast of patches holds the content in place.

Contrastive unpaired translation (Park et al. 2020, ECCV; equations in `cut_objective`), with the
U-Net of the flow as its generator, so that both have the same size, cost and reach: no instance
normalisation, which looks at a whole image, and no noise, so that a style changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from geomage.adapt.baselines.generated import fit_generated
from geomage.adapt.method import Fitting, Parts
from geomage.data.limits import refuse_outside
from geomage.model.velocity_blueprint import VelocityUNetParams

__all__ = ["CutParams", "fit_cut"]

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


def fit_cut(params: CutParams, fitting: Fitting) -> Parts:
    """Train, and export the averaged generator."""
    from geomage.adapt.baselines.cut_objective import Cut  # noqa: PLC0415 -- needs torch

    return fit_generated("cut", params, fitting, Cut)
