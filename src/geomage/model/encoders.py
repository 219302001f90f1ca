"""Convolutional encoders: an image of any sensor -> features from fine to coarse.

An encoder has `widths`, channels of each level, and `strides`, pixels between two cells of each.
Nothing in these looks at the whole image, so a window with a halo says what the whole image says.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 -- the name everybody knows

from geomage.model.blueprint import ConvNextParams, ResNetParams
from geomage.model.layers import ChannelNorm, Downsample, Residual
from geomage.model.sensor_stem import SensorStem

__all__ = ["ConvEncoder"]

_FIRST_SCALE = (
    0.1  # of the branch beside the identity; 1e-6 in the paper, for networks of any depth
)


class ConvNextBlock(nn.Module):
    """A 7 x 7 convolution of each channel, then four times the channels and back, scaled."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.look = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = ChannelNorm(width)
        self.widen = nn.Conv2d(width, 4 * width, 1)
        self.narrow = nn.Conv2d(4 * width, width, 1)
        self.scale = nn.Parameter(torch.full((width, 1, 1), _FIRST_SCALE))

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape (batch, width, y, x)."""
        beside: Tensor = self.narrow(F.gelu(self.widen(self.norm(self.look(x)))))
        return x + self.scale * beside


class ConvEncoder(nn.Module):
    """Stem at 1/2 of the resolution, then blocks at 1/4, 1/8 and so on."""

    def __init__(self, params: ResNetParams | ConvNextParams) -> None:
        super().__init__()
        self.widths = params.widths
        self.strides = tuple(2 ** (k + 1) for k in range(len(params.widths)))
        self.stem = SensorStem(params.widths[0], params.stem, 2)
        block = Residual if isinstance(params, ResNetParams) else ConvNextBlock
        pairs = zip(params.widths[:-1], params.widths[1:], params.depths, strict=True)
        self.stages = nn.ModuleList(
            nn.Sequential(Downsample(a, b), *(block(b) for _ in range(depth)))
            for a, b, depth in pairs
        )

    def forward(
        self,
        image: Float[Tensor, "batch band y x"],
        channels: Float[Tensor, "band 2"],
        gsd: Float[Tensor, " batch"],
    ) -> list[Tensor]:
        """Features from fine to coarse, `widths` channels at 1 / `strides` of the resolution."""
        features = [self.stem(image, channels, gsd)]
        for stage in self.stages:
            features.append(stage(features[-1]))
        return features
