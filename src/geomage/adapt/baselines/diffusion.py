"""How a diffusion model of target images learns: it says which noise was added.

L = E ‖ε - ε_θ(α_t x + σ_t ε, t)‖² over the pixels that hold data, t even in 0..0.98 (Ho et al.
2020, NeurIPS, equation 14; beyond 0.98 an image is all noise, and DDIM divides by what is left).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from geomage.adapt.baselines.learnt import Learnt, as_seen, learn, reach_of
from geomage.adapt.baselines.pools import open_pools
from geomage.adapt.baselines.scale import Scale
from geomage.adapt.baselines.sdedit import SdeditParams
from geomage.adapt.method import Fitting
from geomage.data.chip import Channel
from geomage.learn.objective import StepBatch
from geomage.model.velocity import VelocityUNet, build_velocity
from geomage.model.velocity_onnx import export_velocity

__all__ = ["Noise", "learn_noise"]

_LAST = 0.98


class Noise:
    """A network that says the noise of a target image."""

    def __init__(self, params: SdeditParams, scale: Scale, seed: int) -> None:
        self.scale = scale
        network = build_velocity(params.network, len(scale.mean), 0, seed)
        self.modules = nn.ModuleDict({"network": network})

    def terms(self, batch: StepBatch, rng: np.random.Generator, done: float) -> dict[str, Tensor]:
        """Mean squared error of the noise; the source is not looked at."""
        del done
        assert batch.unlabelled is not None
        x, valid = as_seen(batch.unlabelled, self.scale)
        t = torch.as_tensor(rng.uniform(0, _LAST, len(x)), dtype=torch.float32, device=x.device)
        noise = torch.as_tensor(rng.normal(size=x.shape), dtype=torch.float32, device=x.device)
        angle = (t * torch.pi / 2)[:, None, None, None]
        said = self.modules["network"](
            angle.cos() * x + angle.sin() * noise, t, batch.unlabelled.gsd
        ).float()
        loss = ((said - noise).square() * valid).sum() / (valid.sum() * x.shape[1]).clamp(min=1)
        return {"noise": loss, "total": loss}

    def follow(self, done: float) -> None:
        """Nothing follows."""


def learn_noise(
    params: SdeditParams, fitting: Fitting, scale: Scale, channels: tuple[Channel, ...]
) -> Learnt:
    """Train in the folder of the run; a killed run goes on."""
    batches = open_pools(fitting, params.pool, channels)
    network = learn(Noise(params, scale, fitting.seed), batches, fitting, params)
    assert isinstance(network, VelocityUNet)
    return Learnt(export_velocity(network), reach_of(network))
