"""The siamese network: one encoder for both dates, one decoder for each question.

Everything is convolution, so a window with a halo gives what the whole image gives; there is no
pooling over the image, the context comes from dilated convolutions at the coarsest level. Logits
leave the decoders at 1/2 (land cover) and 1/4 (damage, flags) of the resolution and reach the full
one by pixel shuffle.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 -- the name everybody knows

from geomage.model.card import DAMAGE_CLASSES, FLAGS, LANDCOVER_CLASSES

__all__ = ["FIELD", "STRIDE", "Logits", "Network", "NetworkParams", "count_parameters"]

STRIDE = 32  # pixels between two columns of the coarsest features
FIELD = 288  # pixels beyond which nothing reaches an output (widest context: dilations 1, 2)
COUNT_MEAN = 0.38  # of counts / 255, over the simulated stream
COUNT_SCALE = 0.2


class Logits(NamedTuple):
    """What the network says of each pixel before softmax or sigmoid, at full resolution."""

    landcover: Float[Tensor, "batch 8 y x"]
    damage: Float[Tensor, "batch 4 y x"]
    flags: Float[Tensor, "batch 3 y x"]


@dataclass(frozen=True)
class NetworkParams:
    """The widths of the network."""

    widths: tuple[int, int, int, int, int] = (32, 48, 80, 128, 160)
    """Channels at 1/2, 1/4, 1/8, 1/16 and 1/32 of the resolution."""
    decoder: int = 48
    """Channels of the decoders at 1/4 and coarser."""
    context: tuple[int, ...] = (1, 2)
    """Dilations of the context blocks at the coarsest level."""


class ConvNorm(nn.Sequential):
    """Convolution, batch normalisation and, unless told otherwise, ReLU."""

    def __init__(
        self, wide_in: int, wide_out: int, size: int = 3, *, step: int = 1, active: bool = True
    ) -> None:
        layers: list[nn.Module] = [
            nn.Conv2d(wide_in, wide_out, size, step, padding=size // 2, bias=False),
            nn.BatchNorm2d(wide_out),
        ]
        super().__init__(*layers, *([nn.ReLU(inplace=True)] if active else []))


class Residual(nn.Module):
    """Two 3 x 3 convolutions beside an identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(ConvNorm(width, width), ConvNorm(width, width, active=False))

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


class Encoder(nn.Module):
    """Image to features at 1/2, 1/4, 1/8, 1/16 and 1/32."""

    def __init__(self, params: NetworkParams) -> None:
        super().__init__()
        w = params.widths
        self.stem = ConvNorm(3, w[0], 5, step=2)
        self.levels = nn.ModuleList(
            nn.Sequential(ConvNorm(fine, coarse, 3, step=2), Residual(coarse))
            for fine, coarse in itertools.pairwise(w[:4])
        )
        context = [Context(w[4], dilation) for dilation in params.context]
        self.levels.append(nn.Sequential(ConvNorm(w[3], w[4], 3, step=2), *context))

    def forward(self, image: Float[Tensor, "batch 3 y x"]) -> list[Tensor]:
        """Return the features from fine to coarse."""
        features = [self.stem((image - COUNT_MEAN) / COUNT_SCALE)]
        for level in self.levels:
            features.append(level(features[-1]))
        return features


class Decoder(nn.Module):
    """Features from coarse to fine: bilinear upsampling, a lateral 1 x 1, a 3 x 3 convolution."""

    def __init__(self, widths: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(w, width, 1) for w in widths)
        self.mix = nn.ModuleList(ConvNorm(width, width) for _ in widths[1:])

    def forward(self, features: list[Tensor]) -> Tensor:
        """Take features from fine to coarse; return (batch, width, y, x) of the finest."""
        x = F.relu(self.lateral[-1](features[-1]))
        for k in reversed(range(len(self.mix))):
            up = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = self.mix[k](F.relu(up + self.lateral[k](features[k])))
        return x


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
        self.encoder = Encoder(params)
        self.cover = Decoder(w[1:], d)
        self.cover_narrow = nn.Conv2d(d, w[0], 1)
        self.cover_lateral = nn.Conv2d(w[0], w[0], 1)
        self.cover_fine = ConvNorm(w[0], w[0])
        self.cover_head = nn.Conv2d(w[0], 4 * len(LANDCOVER_CLASSES), 1)
        self.compare = nn.ModuleList(ConvNorm(3 * width, width, 1) for width in w[1:])
        self.change = Decoder((w[1] + d, *w[2:]), d)
        self.change_fine = Residual(d)
        self.change_head = nn.Conv2d(d, 16 * (len(DAMAGE_CLASSES) + len(FLAGS)), 1)
        _smooth_shuffle(self.cover_head, 2)
        _smooth_shuffle(self.change_head, 4)

    def forward(
        self, before: Float[Tensor, "batch 3 y x"], after: Float[Tensor, "batch 3 y x"]
    ) -> Logits:
        """Take counts / 255; y and x are multiples of `STRIDE`."""
        both = self.encoder(torch.cat([before, after]))
        first, second = zip(*(f.chunk(2) for f in both), strict=True)
        cover = self.cover(list(first[1:]))
        fine = self.cover_narrow(cover)
        fine = F.interpolate(fine, scale_factor=2, mode="bilinear", align_corners=False)
        fine = self.cover_fine(F.relu(fine + self.cover_lateral(first[0])))
        landcover = F.pixel_shuffle(self.cover_head(fine), 2)

        pairs = zip(self.compare, first[1:], second[1:], strict=True)
        seen = [mix(torch.cat([a, b, (a - b).abs()], 1)) for mix, a, b in pairs]
        seen[0] = torch.cat([seen[0], cover], 1)
        change = F.pixel_shuffle(self.change_head(self.change_fine(self.change(seen))), 4)
        damage, flags = change[:, : len(DAMAGE_CLASSES)], change[:, len(DAMAGE_CLASSES) :]
        return Logits(landcover, damage, flags)


def count_parameters(network: nn.Module) -> int:
    """How many numbers are learnt."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)
