"""The siamese network: two branches for each date, one decoder for each question.

The fine branch sees the image down to 1/8 of its resolution and reaches no more than `FINE` px. The
coarse branch starts from patches of 4 px, sees 1/16 and 1/32 and has the wide view, by dilated
convolutions: there a wide margin is cheap. Both meet in the decoders. Everything is convolution, so
a window with a halo gives what the whole image gives; there is no pooling over the image. Given a
halo, each level is computed no farther than the level above it looks. Logits leave the decoders at
1/2 (land cover) and 1/4 (damage, flags) of the resolution and reach the full one by pixel shuffle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 -- the name everybody knows

from geomage.model.card import DAMAGE_CLASSES, FLAGS, LANDCOVER_CLASSES

__all__ = [
    "FIELD",
    "FINE",
    "STRIDE",
    "Image",
    "Logits",
    "Network",
    "NetworkParams",
    "count_parameters",
]

STRIDE = 32  # pixels between two columns of the coarsest features
FIELD = 192  # pixels beyond which nothing reaches a window on the stride (dilations 1, 2)
FINE = 48  # the same through the fine branch, from a window with corners on multiples of 8 px
MARGINS = (1, 3, 3, 3, 2)  # cells beyond the output that the decoders see at 1/2 .. 1/32
COUNT_MEAN, COUNT_SCALE = 97, 51  # of the simulated stream, about; a graph wants a whole mean


class Logits(NamedTuple):
    """What the network says of each pixel before softmax or sigmoid, at full resolution."""

    landcover: Float[Tensor, "batch 8 y x"]
    damage: Float[Tensor, "batch 4 y x"]
    flags: Float[Tensor, "batch 3 y x"]


@dataclass(frozen=True)
class NetworkParams:
    """The widths of the network."""

    widths: tuple[int, int, int, int, int] = (32, 48, 96, 112, 160)
    """Channels at 1/2, 1/4, 1/8 (fine branch), 1/16 and 1/32 (coarse branch) of the resolution."""
    decoder: int = 48
    """Channels of the decoders at 1/4 and coarser."""
    context: tuple[int, ...] = (1, 2)
    """Dilations of the context blocks at the coarsest level."""


Image = Float[Tensor, "batch 3 y x"] | UInt8[Tensor, "batch 3 y x"]
"""Counts, or counts / 255."""


def _centred(image: Image) -> Float[Tensor, "batch 3 y x"]:
    """Counts about 0, as the convolutions take them."""
    if image.is_floating_point():
        return (image * 255 - COUNT_MEAN) / COUNT_SCALE
    centred: Tensor = _CentredCounts.apply(image)  # type: ignore[no-untyped-call]
    return centred


class _CentredCounts(torch.autograd.Function):
    """The same of whole counts, in one operator of a graph instead of four."""

    @staticmethod
    def forward(_ctx: Any, image: Tensor) -> Tensor:
        """Counts as `_centred` has them."""
        return (image.float() - COUNT_MEAN) * (1 / COUNT_SCALE)

    @staticmethod
    def symbolic(g: Any, image: Any) -> Any:
        """The same in a graph."""
        scale = g.op("Constant", value_t=torch.tensor(1 / COUNT_SCALE))
        mean = g.op("Constant", value_t=torch.tensor(COUNT_MEAN, dtype=torch.uint8))
        return g.op("DequantizeLinear", image, scale, mean)


def _cut(x: Tensor, cells: int) -> Tensor:
    """Leave out so many cells at each side."""
    return F.pad(x, (-cells,) * 4) if cells else x


class ConvNorm(nn.Sequential):
    """Convolution, batch normalisation and, unless told otherwise, ReLU.

    Odd sizes are padded; even ones cut the image into patches, with `step` the size.
    """

    def __init__(
        self, wide_in: int, wide_out: int, size: int = 3, *, step: int = 1, active: bool = True
    ) -> None:
        layers: list[nn.Module] = [
            nn.Conv2d(wide_in, wide_out, size, step, padding=size // 2 * (size % 2), bias=False),
            nn.BatchNorm2d(wide_out),
        ]
        super().__init__(*layers, *([nn.ReLU(inplace=True)] if active else []))


def _inside(layer: nn.Module, x: Tensor) -> Tensor:
    """A layer of 3 x 3 cells on x without padding: one cell less at each side.

    The same as cutting its answer, which costs ONNX Runtime two changes of layout.
    """
    assert isinstance(layer, ConvNorm)
    conv, *rest = layer
    assert isinstance(conv, nn.Conv2d)
    out = F.conv2d(x, conv.weight)
    for module in rest:
        out = module(out)
    return out


def _merge(layer: nn.Module, parts: list[Tensor]) -> Tensor:
    """The layer over parts of equal width laid on each other; they are not copied together.

    In training they are: the statistics of the batch are those of the sum.
    """
    if layer.training:
        merged: Tensor = layer(torch.cat(parts, 1))
        return merged
    assert isinstance(layer, ConvNorm)
    conv, norm, width = layer[0], layer[1], parts[0].shape[1]
    assert isinstance(conv, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    weight = conv.weight * scale[:, None, None, None]
    out = F.conv2d(parts[0], weight[:, :width], norm.bias - norm.running_mean * scale)
    for k, part in enumerate(parts[1:], 1):
        out = out + F.conv2d(part, weight[:, k * width : (k + 1) * width])
    return F.relu(out)


class Residual(nn.Module):
    """A 3 x 3 convolution and one of `size` beside an identity."""

    def __init__(self, width: int, size: int = 3) -> None:
        super().__init__()
        last = ConvNorm(width, width, size, active=False)
        self.body = nn.Sequential(ConvNorm(width, width), last)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape (batch, width, y, x)."""
        return F.relu(x + self.body(x))


class Context(nn.Module):
    """A bottleneck with one dilated convolution: wide view for few parameters."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        half = width // 2
        self.narrow = ConvNorm(width, half, 1)
        self.look = nn.Conv2d(half, half, 3, padding=dilation, dilation=dilation, bias=False)
        self.norm = nn.BatchNorm2d(half)
        self.widen = ConvNorm(half, width, 1, active=False)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape (batch, width, y, x)."""
        seen = F.relu(self.norm(self.look(self.narrow(x))))
        return F.relu(x + self.widen(seen))


class FineBranch(nn.Module):
    """Image to features at 1/2, 1/4 and 1/8."""

    def __init__(self, params: NetworkParams) -> None:
        super().__init__()
        w = params.widths
        self.stem = ConvNorm(3, w[0], 5, step=2)
        self.quarter = nn.Sequential(ConvNorm(w[0], w[1], step=2), Residual(w[1]))
        self.eighth = nn.Sequential(ConvNorm(w[1], w[2], step=2), Residual(w[2], 1))

    def forward(self, image: Image) -> list[Tensor]:
        """Return the features from fine to coarse."""
        half = self.stem(_centred(image))
        quarter = self.quarter(half)
        return [half, quarter, self.eighth(quarter)]


class CoarseBranch(nn.Module):
    """Image to features at 1/16 and 1/32, by way of patches of 4 px: texture, then context."""

    def __init__(self, params: NetworkParams) -> None:
        super().__init__()
        w = params.widths
        self.texture = nn.Sequential(ConvNorm(3, w[0], 4, step=4), ConvNorm(w[0], w[1], step=2))
        self.sixteenth = nn.Sequential(ConvNorm(w[1], w[3], step=2), Residual(w[3], 1))
        context = [Context(w[4], dilation) for dilation in params.context]
        self.wide = nn.Sequential(ConvNorm(w[3], w[4], 2, step=2), *context)

    def forward(self, image: Image) -> list[Tensor]:
        """Return the features from fine to coarse."""
        sixteenth = self.sixteenth(self.texture(_centred(image)))
        return [sixteenth, self.wide(sixteenth)]


class Decoder(nn.Module):
    """Features from coarse to fine: bilinear upsampling, a lateral 1 x 1, a 3 x 3 convolution."""

    def __init__(self, widths: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(w, width, 1) for w in widths)
        self.mix = nn.ModuleList(ConvNorm(width, width) for _ in widths[1:])

    def forward(self, features: list[Tensor], margins: tuple[int, ...]) -> Tensor:
        """Take features from fine to coarse; return (batch, width, y, x) of the finest.

        margins: cells of each level beyond the output; the finest is returned with one less, since
        its outermost cell is not what the whole image would give.
        """
        x = F.relu(self.lateral[-1](features[-1]))
        for k in reversed(range(len(self.mix))):
            up = _cut(_double(x), 2 * margins[k + 1] - margins[k])
            x = F.relu(up + self.lateral[k](features[k]))
            x = _inside(self.mix[k], x) if k == 0 and margins[0] else self.mix[k](x)
        return x


def _double(x: Tensor) -> Tensor:
    """Twice the cells, bilinear."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def _smooth_shuffle(head: nn.Conv2d, factor: int) -> None:
    """Start every sub-pixel of a shuffled head equal: no chequerboard (Aitken et al. 2017)."""
    assert head.bias is not None
    with torch.no_grad():
        for values in (head.weight, head.bias):
            values.copy_(values[:: factor**2].repeat_interleave(factor**2, 0))


class Network(nn.Module):
    """Two images of one place -> land cover of the first date, damage and flags of the second."""

    def __init__(self, params: NetworkParams | None = None) -> None:
        super().__init__()
        self.params = params = params or NetworkParams()
        w, d = params.widths, params.decoder
        self.fine, self.coarse = FineBranch(params), CoarseBranch(params)
        self.cover = Decoder(w[1:], d)
        self.cover_narrow = nn.Conv2d(d, w[0], 1)
        self.cover_lateral = nn.Conv2d(w[0], w[0], 1)
        self.cover_fine = ConvNorm(w[0], w[0])
        self.cover_head = nn.Conv2d(w[0], 4 * len(LANDCOVER_CLASSES), 1)
        self.compare = nn.ModuleList(ConvNorm(3 * width, width, 1) for width in w[1:])
        self.change = Decoder(w[1:], d)
        self.change_join = ConvNorm(2 * d, d, 1)
        self.change_fine = Residual(d)
        self.change_head = nn.Conv2d(d, 16 * (len(DAMAGE_CLASSES) + len(FLAGS)), 1)
        _smooth_shuffle(self.cover_head, 2)
        _smooth_shuffle(self.change_head, 4)

    def forward(
        self,
        before: Image,
        after: Image,
        halo: int = 0,
    ) -> Logits:
        """Take counts, or counts / 255; y and x are multiples of `STRIDE`.

        halo: pixels at each side that are seen, but not answered: 0, or a multiple of `STRIDE`
            from 2 `STRIDE`.
        """
        if not self.training:  # one after the other takes less memory
            return self.decide(self.look(before, halo), self.look(after, halo), halo)
        both = self.look(torch.cat([before, after]))  # one set of statistics for both dates
        first, second = zip(*(level.chunk(2) for level in both), strict=True)
        return self.decide(list(first), list(second))

    def look(self, image: Image, halo: int = 0) -> list[Tensor]:
        """Features from fine to coarse; the three fine ones end `FINE` px beyond the output.

        Counts are cut before they become floats of four times the size.
        """
        near = _cut(image, halo - FINE) if halo else image
        return [*self.fine(near), *self.coarse(image)]

    def decide(self, before: list[Tensor], after: list[Tensor], halo: int = 0) -> Logits:
        """Answer the questions from the features, each level cut to what the decoders see of it."""
        margins = MARGINS if halo else (0,) * len(MARGINS)
        wide = (FINE // 2, FINE // 4, FINE // 8, halo // 16, halo // 32) if halo else margins
        rims = [has - needs for has, needs in zip(wide, margins, strict=True)]
        first, second = (
            [_cut(level, rim) for level, rim in zip(levels, rims, strict=True)]
            for levels in (before, after)
        )
        cover = self.cover(first[1:], margins[1:])
        landcover = self._landcover(first[0], cover, margins)
        damage, flags = self._change(first[1:], second[1:], cover, margins)
        return Logits(landcover, damage, flags)

    def _landcover(self, half: Tensor, cover: Tensor, margins: tuple[int, ...]) -> Tensor:
        """Logits at full resolution, from features at 1/2 and 1/4."""
        rim = margins[0]
        up = _cut(_double(self.cover_narrow(_cut(cover, rim))), rim)
        fine = F.relu(up + self.cover_lateral(half))
        fine = _inside(self.cover_fine, fine) if rim else self.cover_fine(fine)
        return F.pixel_shuffle(self.cover_head(fine), 2)

    def _change(
        self,
        first: list[Tensor],
        second: list[Tensor],
        cover: Tensor,
        margins: tuple[int, ...],
    ) -> tuple[Tensor, Tensor]:
        """Logits at full resolution, from features at 1/4 and coarser, and the land cover's."""
        pairs = zip(self.compare, first, second, strict=True)
        seen = [_merge(layer, [a, b, (a - b).abs()]) for layer, a, b in pairs]
        change = _merge(self.change_join, [self.change(seen, margins[1:]), cover])
        fine = _cut(self.change_fine(change), 2 * margins[0])
        parts = self.change_head(fine).split([16 * len(DAMAGE_CLASSES), 16 * len(FLAGS)], 1)
        damage, flags = (F.pixel_shuffle(part, 4) for part in parts)
        return damage, flags


def count_parameters(network: nn.Module) -> int:
    """How many numbers are learnt."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)
