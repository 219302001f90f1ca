"""Generator against critic, in one step of one optimiser.

- L_adversary = E (D(G(x)) - 1)², whose gradient reaches the generator G alone;
- L_critic = ½ E (D(y) - 1)² + ½ E D(G(x))², whose gradient reaches the critic D alone.

(Least squares; Mao et al. 2017, ICCV, equation 9.) Their sum has the gradient of either player in
its own weights, so that both move at once.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from geomage.adapt.baselines.learnt import Images, Learnt, learn, reach_of
from geomage.adapt.baselines.pools import open_pools
from geomage.adapt.method import Fitting
from geomage.data.chip import Channel
from geomage.learn.objective import Objective
from geomage.model.layers import ChannelNorm
from geomage.model.velocity import VelocityUNet, build_velocity
from geomage.model.velocity_blueprint import VelocityUNetParams
from geomage.model.velocity_onnx import export_module

__all__ = [
    "Generator",
    "PatchCritic",
    "adversary_loss",
    "build_generator",
    "critic_loss",
    "export_generator",
    "learn_generator",
]


class Generator(nn.Module):
    """The U-Net of a velocity at t = 0, added to the image."""

    def __init__(self, unet: VelocityUNet) -> None:
        super().__init__()
        self.unet = unet

    def forward(self, z: Images, gsd: Float[Tensor, " batch"]) -> Images:
        """The image as the target would show it."""
        moved: Tensor = z + self.unet(z, 0 * gsd, gsd)
        return moved

    def features(self, z: Images, gsd: Float[Tensor, " batch"]) -> list[Tensor]:
        """What it sees on the way down, from fine to coarse."""
        return self.unet.way_down(z, self.unet.told(0 * gsd, gsd))


def build_generator(params: VelocityUNetParams, bands: int, seed: int) -> Generator:
    """Equal seeds give equal weights."""
    unet = build_velocity(params, bands, 0, seed)
    assert isinstance(unet, VelocityUNet)
    return Generator(unet)


class PatchCritic(nn.Module):
    """Says of each patch of 26 px whether it is of the target (PatchGAN; Isola et al. 2017)."""

    def __init__(self, bands: int, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(bands, width, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 4, 2, 1),
            ChannelNorm(2 * width),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 4 * width, 3, 1, 1),
            ChannelNorm(4 * width),
            nn.LeakyReLU(0.2),
            nn.Conv2d(4 * width, 1, 3, 1, 1),
        )

    def forward(self, z: Images) -> Tensor:
        """One number for each patch, 1 for the target."""
        said: Tensor = self.layers(z)
        return said.float()


def adversary_loss(critic: nn.Module, fake: Images) -> Float[Tensor, ""]:
    """E (D - 1)², D as it stands: the gradient passes through it, and leaves it alone."""
    still = {name: values.detach() for name, values in critic.named_parameters()}
    said: Tensor = torch.func.functional_call(critic, still, (fake,))
    return (said - 1).square().mean()


def critic_loss(critic: nn.Module, real: Images, fake: Images) -> Float[Tensor, ""]:
    """½ E (D(real) - 1)² + ½ E D(fake)²; nothing reaches what made the images."""
    true, made = critic(real.detach()), critic(fake.detach())
    loss: Tensor = ((true - 1).square().mean() + made.square().mean()) / 2
    return loss


def export_generator(network: Generator) -> Learnt:
    """Inputs `z` and `gsd`, output `made`."""
    stride = network.unet.stride
    z = torch.zeros(2, network.unet.bands, 2 * stride, 3 * stride)
    samples = {"z": z, "gsd": torch.ones(2)}
    return Learnt(export_module(network, samples, "made"), reach_of(network.unet))


def learn_generator(
    objective: Objective, params: Any, fitting: Fitting, channels: tuple[Channel, ...]
) -> Learnt:
    """Train in the folder of the run, where a killed run goes on; `params` has `pool`."""
    network = learn(objective, open_pools(fitting, params.pool, channels), fitting, params)
    assert isinstance(network, Generator)
    return export_generator(network)
