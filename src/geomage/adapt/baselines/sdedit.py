"""SDEdit: noise a source image part-way, then take the noise away as if it were of the target.

A diffusion model of the target alone, x_t = α_t x + σ_t ε with α_t = cos(πt/2), σ_t = sin(πt/2)
(variance preserving, cosine schedule; Nichol and Dhariwal 2021), learns to say ε (Ho et al. 2020,
equation 14). The source is noised to t = `strength` (Meng et al. 2022, ICLR, algorithm 1) and
brought back along the deterministic steps of DDIM (Song et al. 2021, ICLR, equation 12, η = 0):

    x_0 = (x_t - σ_t ε) / α_t,   x_s = α_s x_0 + σ_s ε.

Noise is drawn by place and style, so that windows join; strength 0 is the identity.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from geomage.adapt.baselines.bank import weigh
from geomage.adapt.baselines.domain import gather
from geomage.adapt.baselines.scale import Network, Scale, filled_to_stride, scale_of
from geomage.adapt.flow.place_noise import place_noise
from geomage.adapt.method import Fitting, Parts
from geomage.data.limits import refuse_outside
from geomage.data.translation import Figures, TranslatorCard, Window
from geomage.model.velocity_blueprint import VelocityUNetParams

__all__ = ["Sdedit", "SdeditParams", "build_sdedit", "denoise", "fit_sdedit", "levels"]

Batch = Float[np.ndarray, "1 band y x"]
_LIMITS = {
    "strength": (0.0, 0.95),
    "steps": (1, 1000),
    "pool": (2, 10**6),
    "images": (1, 4096),
}


@dataclass(frozen=True)
class SdeditParams:
    """SDEdit."""

    network: VelocityUNetParams = field(default_factory=VelocityUNetParams)
    """What says the noise, as the flow has it."""
    strength: float = 0.3
    """t that the source is noised to, 0 (not at all) to 0.95."""
    steps: int = 4
    """Evaluations of the network; each reaches as far again."""
    pool: int = 1024
    """Crops of the target."""
    images: int = 64
    """Chips of the target whose mean and deviation are measured."""

    def __post_init__(self) -> None:
        refuse_outside("adapt, sdedit", vars(self), _LIMITS)


def levels(t: float) -> tuple[float, float]:
    """α_t and σ_t; α² + σ² = 1."""
    return float(np.cos(np.pi * t / 2)), float(np.sin(np.pi * t / 2))


def denoise(noise: Callable[[Batch, float], Batch], x: Batch, strength: float, steps: int) -> Batch:
    """From x_t at t = `strength` to x_0 in even steps of DDIM, by ε(x_t, t)."""
    for t, s in pairwise(np.linspace(strength, 0, steps + 1).tolist()):
        (alpha, sigma), (alpha_s, sigma_s) = levels(t), levels(s)
        said = noise(x, t)
        x = (alpha_s * (x - sigma * said) / alpha + sigma_s * said).astype(np.float32)
    return x


@dataclass(frozen=True)
class Sdedit:
    """`Translator` that noises and denoises."""

    card: TranslatorCard
    network: Network
    scale: Scale
    strength: float
    steps: int

    def translate(
        self, window: Window, figures: Figures, style: int
    ) -> Float[np.ndarray, "made y x"]:
        """Another image of the target with the window's coarse content."""
        del figures
        if self.strength == 0:
            return np.where(window.valid, window.pixels, 0).astype(np.float32)
        z = filled_to_stride(self.scale.seen(window), self.card.stride_px)
        noise = place_noise(style, window.row, window.column, z.shape[1:])
        alpha, sigma = levels(self.strength)
        said = partial(self._noise, gsd_m=window.gsd_m)
        x = (alpha * z + sigma * noise).astype(np.float32)
        return self.scale.pixels(denoise(said, x, self.strength, self.steps)[0], window)

    def _noise(self, x: Batch, t: float, gsd_m: float) -> Batch:
        told = {"x": x, "t": np.array([t], np.float32), "gsd": np.array([gsd_m], np.float32)}
        return self.network.run(**told)


def fit_sdedit(params: SdeditParams, fitting: Fitting) -> Parts:
    """Train on the target, and export what says the noise."""
    from geomage.adapt.baselines.diffusion import learn_noise  # noqa: PLC0415 -- needs torch

    gathered = gather(fitting, params.images, weigh)
    scale = scale_of(gathered.found)
    learnt = learn_noise(params, fitting, scale, gathered.made)
    card = gathered.card("sdedit", params.steps * learnt.halo_px, params.network.stride)
    return Parts(card, scale.tables(), {"noise": learnt.network}, asdict(params))


def build_sdedit(parts: Parts) -> Sdedit:
    """From what says the noise."""
    numbers = parts.numbers
    return Sdedit(
        parts.card,
        Network(parts.networks["noise"]),
        Scale.of(parts.tables),
        float(numbers["strength"]),
        int(numbers["steps"]),
    )
