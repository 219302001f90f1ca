"""The few layers that encoders and decoders share."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 -- the name everybody knows

__all__ = [
    "ChannelNorm",
    "ConvNorm",
    "Count",
    "Downsample",
    "Residual",
    "double",
    "first_places",
]


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of each pixel by itself (Ba et al. 2016).

    Why not batch or group normalisation: it is the same at a batch of one, in training and after;
    it keeps no statistics that teachers or several sensors could disagree on; and it looks at one
    pixel alone, so that a window with a halo says what the whole image says.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape (batch, width, y, x); channels end up last in memory."""
        last = x.permute(0, 2, 3, 1)
        normal = F.layer_norm(last, self.weight.shape, self.weight, self.bias, 1e-6)
        return normal.permute(0, 3, 1, 2)


class ConvNorm(nn.Module):
    """Convolution of odd size, normalisation, ReLU."""

    def __init__(self, wide_in: int, wide_out: int, size: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(wide_in, wide_out, size, padding=size // 2, bias=False)
        self.norm = ChannelNorm(wide_out)

    def forward(self, x: Tensor) -> Tensor:
        """Keep y and x."""
        return F.relu(self.norm(self.conv(x)))


class Downsample(nn.Module):
    """Normalisation, then a 2 x 2 convolution of step 2: a cell lies amid the four it comes from.

    So nothing moves against the image, as it does by half a pixel with a 3 x 3 of step 2.
    """

    def __init__(self, wide_in: int, wide_out: int) -> None:
        super().__init__()
        self.norm = ChannelNorm(wide_in)
        self.conv = nn.Conv2d(wide_in, wide_out, 2, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Halve y and x."""
        halved: Tensor = self.conv(self.norm(x))
        return halved


class Residual(nn.Module):
    """Two 3 x 3 convolutions beside an identity, normalised first (He et al. 2016, ResNet v2)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = (
            nn.Conv2d(width, width, 3, padding=1, bias=False) for _ in range(2)
        )
        self.before, self.between = ChannelNorm(width), ChannelNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape (batch, width, y, x)."""
        seen = self.first(F.relu(self.before(x)))
        beside: Tensor = self.second(F.relu(self.between(seen)))
        return x + beside


Count = int | Tensor
"""A length of an image; a tensor while a graph is traced for export, so that it stays free."""


def first_places(count: Count, like: Tensor) -> Tensor:
    """0, 1, … count - 1, on the device of another tensor."""
    return torch.arange(count, device=like.device)  # type: ignore[arg-type]


def double(x: Tensor) -> Tensor:
    """Twice the cells, bilinear."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
