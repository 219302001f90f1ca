"""Decoders: features from fine to coarse -> one map of features, of a stride of its own.

Each takes a ladder: levels whose strides double. `Ladder` makes one of a transformer's levels,
which all have the stride of its patch. A decoder has `width`, its channels, and `stride`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 -- the name everybody knows

from geomage.errors import InputError
from geomage.model.layers import (
    ChannelNorm,
    ConvNorm,
    Count,
    Downsample,
    Residual,
    double,
    first_places,
)

__all__ = ["Dpt", "Ladder", "UNet", "UperNet", "ladder_strides"]

_POOLS = (1, 2, 3, 6)
"""Cells a side of the pooled maps of UPerNet, as PSPNet has them."""


def ladder_strides(strides: tuple[int, ...]) -> tuple[int, ...]:
    """Strides that double: as they are, or for equal ones s: …, s / 2, s, 2 s.

    Raises:
        InputError: neither.
    """
    count, first = len(strides), strides[0]
    if strides == tuple(first * 2**k for k in range(count)):
        return strides
    if len(set(strides)) == 1 and first % 2 ** (count - 2) == 0:
        return tuple(first * 2 ** (k + 2) // 2**count for k in range(count))
    raise InputError(f"an encoder of strides {strides}: decoders need strides that double")


class Ladder(nn.Module):
    """Levels brought to the strides of a ladder, by learnt steps of 2."""

    def __init__(self, widths: tuple[int, ...], strides: tuple[int, ...]) -> None:
        super().__init__()
        self.strides = ladder_strides(strides)
        triples = zip(widths, strides, self.strides, strict=True)
        self.steps = nn.ModuleList(_steps(width, *pair) for width, *pair in triples)

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Keep the channels."""
        return [step(level) for step, level in zip(self.steps, features, strict=True)]


def _steps(width: int, stride: int, wanted: int) -> nn.Module:
    """From one stride to another."""
    layers: list[nn.Module] = []
    while stride > wanted:
        layers += [nn.ConvTranspose2d(width, width, 2, 2), ChannelNorm(width), nn.GELU()]
        stride //= 2
    while stride < wanted:
        layers += [Downsample(width, width)]
        stride *= 2
    return nn.Sequential(*layers)


class UNet(nn.Module):
    """From coarse to fine: upsampled, laid beside the level above, mixed (Ronneberger et al. 2015).

    Levels are brought to `width` channels first.
    """

    def __init__(self, widths: tuple[int, ...], strides: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.width, self.stride = width, strides[0]
        self.lateral = nn.ModuleList(ConvNorm(w, width, 1) for w in widths)
        self.mix = nn.ModuleList(ConvNorm(2 * width, width) for _ in widths[1:])

    def forward(self, features: list[Tensor]) -> Tensor:
        """Return (batch, width, y / stride, x / stride)."""
        levels = [layer(level) for layer, level in zip(self.lateral, features, strict=True)]
        x: Tensor = levels.pop()
        for mix in reversed(self.mix):
            x = mix(torch.cat([double(x), levels.pop()], 1))
        return x


class Dpt(nn.Module):
    """From coarse to fine: refined, upsampled, added to the refined level above, refined again.

    The dense prediction transformer's fusion (Ranftl et al. 2021), with normalised blocks. Features
    leave at 1/2 of the resolution where the finest level is coarser.
    """

    def __init__(self, widths: tuple[int, ...], strides: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.width, self.stride = width, min(strides[0], 2)
        self.lateral = nn.ModuleList(nn.Conv2d(w, width, 3, padding=1, bias=False) for w in widths)
        self.refine = nn.ModuleList(Residual(width) for _ in widths[1:])
        self.fuse = nn.ModuleList(Residual(width) for _ in widths)
        doublings = (strides[0] // self.stride).bit_length() - 1
        self.finer = nn.ModuleList(ConvNorm(width, width) for _ in range(doublings))

    def forward(self, features: list[Tensor]) -> Tensor:
        """Return (batch, width, y / stride, x / stride)."""
        levels = [layer(level) for layer, level in zip(self.lateral, features, strict=True)]
        x: Tensor = self.fuse[-1](levels[-1])
        for k in reversed(range(len(self.refine))):
            x = self.fuse[k](double(x) + self.refine[k](levels[k]))
        for mix in self.finer:
            x = mix(double(x))
        return F.relu(x)


def _shares(count: Count, cells: int, like: Tensor) -> Tensor:
    """What share each of `count` places has in each of `cells` means, (cells, count).

    The cells of adaptive average pooling: from floor(i n / cells) to ceil((i + 1) n / cells). As a
    matrix it exports for images of any size, which that does not.
    """
    place = first_places(count, like)
    cell = first_places(cells, like)[:, None]
    start, end = cell * count // cells, ((cell + 1) * count + cells - 1) // cells
    inside = ((place >= start) & (place < end)).to(like.dtype)
    return inside / inside.sum(1, keepdim=True)


def pooled(x: Tensor, cells: int) -> Tensor:
    """Means over `cells` x `cells` parts of the whole image, (batch, width, cells, cells)."""
    rows, columns = _shares(x.shape[2], cells, x), _shares(x.shape[3], cells, x)
    return rows @ x @ columns.T


class UperNet(nn.Module):
    """Pooled maps of the coarsest level, a pyramid downwards, and all levels mixed at the finest.

    Xiao et al. 2018. Pooling looks at the whole image: a window does not say what the whole says.
    """

    def __init__(self, widths: tuple[int, ...], strides: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.width, self.stride = width, strides[0]
        self.pools = nn.ModuleList(ConvNorm(widths[-1], width, 1) for _ in _POOLS)
        self.top = ConvNorm(widths[-1] + len(_POOLS) * width, width)
        self.lateral = nn.ModuleList(ConvNorm(w, width, 1) for w in widths[:-1])
        self.smooth = nn.ModuleList(ConvNorm(width, width) for _ in widths[:-1])
        self.mix = ConvNorm(len(widths) * width, width)

    def forward(self, features: list[Tensor]) -> Tensor:
        """Return (batch, width, y / stride, x / stride)."""
        x = self.pyramid_top(features[-1])
        levels = [x]
        for k in reversed(range(len(self.smooth))):
            x = double(x) + self.lateral[k](features[k])
            levels.append(self.smooth[k](x))
        size = features[0].shape[2:]
        mixed: Tensor = self.mix(torch.cat([_to_size(level, size) for level in levels], 1))
        return mixed

    def pyramid_top(self, x: Tensor) -> Tensor:
        """The coarsest level with what its pooled maps say, (batch, width, y, x)."""
        maps = [
            _to_size(layer(pooled(x, cells)), x.shape[2:])
            for layer, cells in zip(self.pools, _POOLS, strict=True)
        ]
        top: Tensor = self.top(torch.cat([x, *maps], 1))
        return top


def _to_size(x: Tensor, size: torch.Size) -> Tensor:
    return F.interpolate(x, size, mode="bilinear", align_corners=False)
