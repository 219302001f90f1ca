"""Networks that say a velocity v(x, t): what flow matching learns.

    network = build_velocity(VelocityUNetParams(), bands=3, planes=9, seed=0)
    v = network(x, t, gsd, given)      # of the shape of x

`given` are planes that go with x pixel by pixel: valid or not, one plane a class, the source image.
Nothing in the U-Net looks at a whole image, so that a window with a halo says what the whole image
says; the transformer does.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 -- the name everybody knows

from geomage.model.layers import ChannelNorm, Downsample, double
from geomage.model.transformers import place_waves
from geomage.model.velocity_blueprint import (
    VelocityParams,
    VelocityTransformerParams,
    VelocityUNetParams,
)

__all__ = [
    "VelocityNetwork",
    "VelocityTransformer",
    "VelocityUNet",
    "build_velocity",
    "probe_reach",
    "probe_reach_of",
]

_WAVES = 16
_FIRST_SCALE = 0.1  # of the last layer: the flow begins near standstill


class Told(nn.Module):
    """Time and GSD -> channels that blocks are steered by.

    GSD is told by its logarithm alone: told in fine waves it names the place, and the network
    hangs on it.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2 * _WAVES + 1, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()
        )

    def forward(self, t: Float[Tensor, " batch"], gsd: Float[Tensor, " batch"]) -> Tensor:
        """Return (batch, width)."""
        turns = math.pi * t[:, None] * torch.arange(1, _WAVES + 1, device=t.device)
        said: Tensor = self.layers(torch.cat([turns.sin(), turns.cos(), gsd.log10()[:, None]], 1))
        return said


class SteeredBlock(nn.Module):
    """Two 3 x 3 convolutions beside an identity, scaled and shifted by what is told (FiLM)."""

    def __init__(self, width: int, told: int) -> None:
        super().__init__()
        self.before, self.between = ChannelNorm(width), ChannelNorm(width)
        self.first, self.second = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        self.steer = nn.Linear(told, 2 * width)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        """Keep the shape (batch, width, y, x)."""
        scale, shift = self.steer(told)[:, :, None, None].chunk(2, 1)
        seen = self.between(self.first(F.silu(self.before(x))))
        beside: Tensor = self.second(F.silu(seen * (1 + scale) + shift))
        return x + beside


class VelocityUNet(nn.Module):
    """Down by 2 x 2 convolutions of step 2, up by bilinear doubling, added where they meet."""

    def __init__(self, params: VelocityUNetParams, bands: int, planes: int) -> None:
        super().__init__()
        self.bands, self.planes, self.stride = bands, planes, params.stride
        widths, self.fold = params.widths, params.fold
        self.told = Told(params.told)
        self.stem = nn.Conv2d((bands + planes) * self.fold**2, widths[0], 3, padding=1)
        self.down = nn.ModuleList(_blocks(w, params) for w in widths)
        self.halve = nn.ModuleList(Downsample(a, b) for a, b in pairwise(widths))
        self.narrow = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairwise(widths))
        self.up = nn.ModuleList(_blocks(w, params) for w in widths[:-1])
        self.norm = ChannelNorm(widths[0])
        self.head = nn.Conv2d(widths[0], bands * self.fold**2, 3, padding=1)
        _scale_down(self.head)

    def forward(
        self,
        x: Float[Tensor, "batch band y x"],
        t: Float[Tensor, " batch"],
        gsd: Float[Tensor, " batch"],
        given: Float[Tensor, "batch plane y x"] | None = None,
    ) -> Float[Tensor, "batch band y x"]:
        """v(x, t); y and x are multiples of `stride`."""
        told = self.told(t, gsd)
        beside = self.way_down(_with_planes(x, given), told)
        x = beside[-1]
        for level in reversed(range(len(self.up))):
            x = beside[level] + double(self.narrow[level](x))
            x = _through(self.up[level], x, told)
        return F.pixel_shuffle(self.head(F.silu(self.norm(x))), self.fold)

    def way_down(self, x: Float[Tensor, "batch plane y x"], told: Tensor) -> list[Tensor]:
        """Features from fine to coarse of an image and its planes."""
        x = self.stem(F.pixel_unshuffle(x, self.fold))
        seen: list[Tensor] = []
        for level, blocks in enumerate(self.down):
            x = self.halve[level - 1](x) if level else x
            x = _through(blocks, x, told)
            seen.append(x)
        return seen


def _blocks(width: int, params: VelocityUNetParams) -> nn.ModuleList:
    return nn.ModuleList(SteeredBlock(width, params.told) for _ in range(params.depth))


def _through(blocks: nn.Module, x: Tensor, told: Tensor) -> Tensor:
    assert isinstance(blocks, nn.ModuleList)
    for block in blocks:
        x = block(x, told)
    return x


def _with_planes(x: Tensor, given: Tensor | None) -> Tensor:
    return x if given is None else torch.cat([x, given], 1)


def _scale_down(layer: nn.Conv2d) -> None:
    with torch.no_grad():
        for values in layer.parameters():
            values.mul_(_FIRST_SCALE)


def _plain_norm(width: int) -> nn.LayerNorm:
    """Without weights: scale and shift are told."""
    return nn.LayerNorm(width, 1e-6, elementwise_affine=False)


class AdaptiveBlock(nn.Module):
    """Attention, then four times the channels and back, each scaled, shifted and gated by time.

    Gates begin at 0, so that a block begins as the identity (adaLN-Zero, Peebles and Xie 2023).
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = _plain_norm(width)
        self.steer = nn.Linear(width, 6 * width)
        self.ask, self.answer = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.think = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        for values in self.steer.parameters():
            nn.init.zeros_(values)

    def forward(self, tokens: Float[Tensor, "batch token width"], told: Tensor) -> Tensor:
        """Keep the shape."""
        shift_a, scale_a, gate_a, shift_b, scale_b, gate_b = self.steer(told)[:, None].chunk(6, 2)
        tokens = tokens + gate_a * self._attend(self.norm(tokens) * (1 + scale_a) + shift_a)
        thought: Tensor = gate_b * self.think(self.norm(tokens) * (1 + scale_b) + shift_b)
        return tokens + thought

    def _attend(self, tokens: Tensor) -> Tensor:
        shape = (tokens.shape[0], tokens.shape[1], 3, self.heads, -1)
        asked = self.ask(tokens).reshape(shape)
        query, key, value = asked.permute(2, 0, 3, 1, 4).unbind(0)
        seen = F.scaled_dot_product_attention(query, key, value)
        answer: Tensor = self.answer(seen.transpose(1, 2).flatten(2))
        return answer


class VelocityTransformer(nn.Module):
    """A diffusion transformer: every patch looks at all others."""

    def __init__(self, params: VelocityTransformerParams, bands: int, planes: int) -> None:
        super().__init__()
        self.bands, self.planes, self.stride = bands, planes, params.stride
        width, self.width, self.patch = params.width, params.width, params.patch
        self.told = Told(width)
        self.stem = nn.Conv2d(bands + planes, width, params.patch, params.patch)
        self.blocks = nn.ModuleList(AdaptiveBlock(width, params.heads) for _ in range(params.depth))
        self.norm, self.steer = _plain_norm(width), nn.Linear(width, 2 * width)
        self.head = nn.Conv2d(width, bands * params.patch**2, 1)
        for layer in (self.steer, self.head):
            for values in layer.parameters():
                nn.init.zeros_(values)

    def forward(
        self,
        x: Float[Tensor, "batch band y x"],
        t: Float[Tensor, " batch"],
        gsd: Float[Tensor, " batch"],
        given: Float[Tensor, "batch plane y x"] | None = None,
    ) -> Float[Tensor, "batch band y x"]:
        """v(x, t); y and x are multiples of `stride`."""
        told = self.told(t, gsd)
        grid: Tensor = self.stem(_with_planes(x, given))
        rows, columns = grid.shape[2:]
        tokens = grid.flatten(2).transpose(1, 2)
        tokens = tokens + place_waves(rows, columns, gsd * self.patch, self.width)
        for block in self.blocks:
            tokens = block(tokens, told)
        scale, shift = self.steer(told)[:, None].chunk(2, 2)
        tokens = self.norm(tokens) * (1 + scale) + shift
        grid = tokens.transpose(1, 2).reshape(x.shape[0], self.width, rows, columns)
        return F.pixel_shuffle(self.head(grid), self.patch)


VelocityNetwork = VelocityUNet | VelocityTransformer


def build_velocity(params: VelocityParams, bands: int, planes: int, seed: int) -> VelocityNetwork:
    """Build a network, its weights drawn from the seed.

    Args:
        params: which one.
        bands: of x, and of the velocity.
        planes: that go with x; 0 for none.
        seed: of the weights.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if isinstance(params, VelocityUNetParams):
            return VelocityUNet(params, bands, planes)
        return VelocityTransformer(params, bands, planes)


def probe_reach(network: VelocityUNet) -> int:
    """How far beyond a cell of its stride the answer of a network looks, pixels.

    Found by the gradient, in double precision: exact, but for what cancels by chance.
    """
    probed = copy.deepcopy(network).double().requires_grad_(requires_grad=False)
    one = torch.ones(1, dtype=torch.float64)

    def answer(seen: Tensor) -> Tensor:
        x, given = seen[:, : probed.bands], seen[:, probed.bands :]
        said: Tensor = probed(x, one / 2, one, given if probed.planes else None)
        return said

    return probe_reach_of(answer, network.bands + network.planes, network.stride)


def probe_reach_of(answer: Callable[[Tensor], Tensor], channels: int, cell: int) -> int:
    """How far beyond a cell of its input the answer for that cell looks, in pixels of the input.

    Args:
        answer: from images (1, channel, y, x) of float64 to such of the same size, or of another
            by a fixed ratio.
        channels: of the input.
        cell: side of the squares of the input that belong together.
    """
    half = 8 * cell
    while True:
        farthest = _farthest(answer, channels, half, cell)
        if farthest < half - 2 * cell:
            return farthest
        half *= 2


def _farthest(answer: Callable[[Tensor], Tensor], channels: int, half: int, cell: int) -> int:
    """Of the pixels that the cell right of and below the middle of an image hangs on."""
    draw, side = torch.Generator().manual_seed(0), 2 * half
    seen = torch.rand(1, channels, side, side, generator=draw, dtype=torch.float64).requires_grad_()
    said = answer(seen)
    begin, end = (n * said.shape[-1] // side for n in (half, half + cell))
    part = said[..., begin:end, begin:end]
    weights = torch.rand(part.shape, generator=draw, dtype=torch.float64)
    (gradient,) = torch.autograd.grad((weights * part).sum(), seen)
    rows, columns = (gradient != 0).any(dim=1)[0].nonzero().T
    least = min(int(rows.min()), int(columns.min()))
    most = max(int(rows.max()), int(columns.max()))
    return max(0, half - least, most - (half + cell - 1))
