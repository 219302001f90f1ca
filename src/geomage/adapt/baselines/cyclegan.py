"""CycleGAN: an adversary asks for the target's look, the way back asks that nothing is lost.

Zhu et al. 2017 (ICCV; equations in `cyclegan_objective`), with the U-Net of the flow as either
generator. What is hidden in small changes comes back, too (Chu, Zhmoginov and Sandler 2017): that a
cycle closes is no proof that walls stayed where they are.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from geomage.adapt.baselines.generated import fit_generated
from geomage.adapt.method import Fitting, Parts
from geomage.data.limits import refuse_outside
from geomage.model.velocity_blueprint import VelocityUNetParams

__all__ = ["CycleParams", "fit_cycle"]

_LIMITS = {
    "cycle": (0.0, 1000.0),
    "identity": (0.0, 1000.0),
    "critic": (1, 1024),
    "pool": (2, 10**6),
    "images": (1, 4096),
}


@dataclass(frozen=True)
class CycleParams:
    """CycleGAN."""

    network: VelocityUNetParams = field(default_factory=VelocityUNetParams)
    """Either generator, as the flow has it."""
    cycle: float = 10.0
    """λ of the way there and back."""
    identity: float = 5.0
    """Weight of images that are of the wanted domain already."""
    critic: int = 32
    """Channels of either critic at half the resolution; twice and four times that follow."""
    pool: int = 1024
    """Crops of either domain."""
    images: int = 64
    """Chips of either domain whose mean and deviation are measured."""

    def __post_init__(self) -> None:
        refuse_outside("adapt, cyclegan", vars(self), _LIMITS)


def fit_cycle(params: CycleParams, fitting: Fitting) -> Parts:
    """Train both ways, and export the averaged generator of the target."""
    from geomage.adapt.baselines.cyclegan_objective import Cycle  # noqa: PLC0415 -- needs torch

    return fit_generated("cyclegan", params, fitting, Cycle)
