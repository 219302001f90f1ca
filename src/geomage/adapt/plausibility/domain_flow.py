"""A flow from noise to the images of one domain, without conditions: what ODEED goes along."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from geomage.adapt.flow.path import Ends, LinearPath
from geomage.adapt.flow.solver import Velocity
from geomage.adapt.plausibility.scoring import Chips
from geomage.errors import InputError
from geomage.model.velocity import VelocityUNet, build_velocity
from geomage.model.velocity_blueprint import VelocityUNetParams

__all__ = ["DomainFlow", "DomainFlowParams", "learn_domain_flow"]

_GSD_M = 1.0  # told to the network: one domain, one GSD


@dataclass(frozen=True)
class DomainFlowParams:
    """How the flow is learnt."""

    network: VelocityUNetParams = field(
        default_factory=lambda: VelocityUNetParams(widths=(16, 32, 48))
    )
    steps: int = 600
    batch: int = 16
    rate: float = 2e-3
    """Peak of the one-cycle schedule of AdamW, which ends near 0 and needs no averaged weights."""
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= 10**6 or not 1 <= self.batch <= 4096:
            raise InputError(f"domain flow: steps = {self.steps}, batch = {self.batch}")


@dataclass(frozen=True)
class DomainFlow:
    """A flow, and the scale of the images it goes to: x = (chip - mean) / deviation by band."""

    network: VelocityUNet
    mean: Float[np.ndarray, " band"]
    deviation: Float[np.ndarray, " band"]
    batch: int = 32

    def scaled(self, chips: Chips) -> Chips:
        """Chips on the scale of the flow."""
        scaled = (chips - self.mean[:, None, None]) / self.deviation[:, None, None]
        return np.asarray(scaled, np.float32)

    def unscaled(self, x: Chips) -> Chips:
        """And back."""
        return np.asarray(x * self.deviation[:, None, None] + self.mean[:, None, None], np.float32)

    def velocity(self) -> Velocity:
        """v(x, t) of arrays (chip, band, y, x)."""

        @torch.no_grad()
        def v(x: np.ndarray, t: float) -> np.ndarray:
            parts = torch.split(torch.from_numpy(np.asarray(x, np.float32)), self.batch)
            return torch.cat([self.network(p, *_told(len(p), t)) for p in parts]).numpy()

        return v


def _told(count: int, t: float) -> tuple[Tensor, Tensor]:
    """Time and GSD of a batch."""
    return torch.full((count,), float(t)), torch.full((count,), _GSD_M)


def learn_domain_flow(
    chips: Chips, params: DomainFlowParams, say: Callable[[int, float], None] = lambda *_: None
) -> DomainFlow:
    """Learn v(x_t, t) = E[x - ε | x_t] of x_t = t x + (1 - t) ε (Lipman et al. 2023, 2210.02747).

    Args:
        chips: of the domain; turned and mirrored at random.
        params: how.
        say: told step and loss, every hundred steps.

    Raises:
        InputError: no chips.
    """
    if not len(chips):
        raise InputError("domain flow: no chips to learn from")
    mean, deviation = chips.mean(axis=(0, 2, 3)), chips.std(axis=(0, 2, 3)) + 1e-3
    network = build_velocity(params.network, bands=chips.shape[1], planes=0, seed=params.seed)
    assert isinstance(network, VelocityUNet)
    flow = DomainFlow(network, mean, deviation)
    x = torch.from_numpy(flow.scaled(chips))
    rng = np.random.default_rng(params.seed)
    optimiser = torch.optim.AdamW(network.parameters(), params.rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, params.rate, params.steps)
    for step in range(params.steps):
        loss = _loss(network, _batch(x, params.batch, rng), rng)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        if step % 100 == 99:
            say(step + 1, float(loss.detach()))
    network.eval()
    return flow


def _batch(x: Tensor, count: int, rng: np.random.Generator) -> Tensor:
    """Chips drawn, turned by quarters and mirrored."""
    chosen = x[torch.from_numpy(rng.integers(len(x), size=count))]
    turned = torch.rot90(chosen, int(rng.integers(4)), (2, 3))
    return turned.flip(3) if rng.random() < 0.5 else turned


def _loss(network: VelocityUNet, x: Tensor, rng: np.random.Generator) -> Tensor:
    """|v(x_t, t) - (x - ε)|², times spread evenly over the batch."""
    noise = torch.from_numpy(rng.standard_normal(x.shape).astype(np.float32))
    t = (torch.arange(len(x)) + float(rng.random())) / len(x)
    point = LinearPath().at(Ends(noise, x), t[:, None, None, None])
    said = network(point.x_t, t, torch.full_like(t, _GSD_M))
    loss: Tensor = ((said - point.u_t) ** 2).mean()
    return loss
