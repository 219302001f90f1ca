"""Networks of Earth observation under one contract: any sensor, one date or two, any questions.

    network = build_network(Architecture("resnet-tiny", heads={"classes": 4}), seed=0)
    said = network(pixels, channels, gsd)   # {"classes": (batch, 4, y, x)}

What a network is told of a sensor are the key of each band and the GSD, so that one network serves
several sensors.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 -- the name everybody knows

from geomage.errors import InputError
from geomage.model.blueprint import ENCODERS, HEIGHT, Architecture, VitParams
from geomage.model.decoders import Dpt, Ladder, UNet, UperNet
from geomage.model.encoders import ConvEncoder
from geomage.model.siamese import Attention, Concatenate, Difference
from geomage.model.timm_encoder import TimmEncoder
from geomage.model.transformers import Vit

__all__ = ["Architecture", "EarthNetwork", "build_network"]

_UNIT_M = 10.0
"""Height of one unit of the head, metres; ours: a house of three floors."""
_DECODERS: dict[str, type[UNet | Dpt | UperNet]] = {"unet": UNet, "dpt": Dpt, "upernet": UperNet}
_MERGES = {"concatenate": Concatenate, "difference": Difference, "attention": Attention}


class Head(nn.Module):
    """Features of the decoder -> answers at full resolution, by pixel shuffle."""

    def __init__(self, width: int, channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv = nn.Conv2d(width, channels * stride**2, 1)
        _smooth_shuffle(self.conv, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, channel, y, x)."""
        return F.pixel_shuffle(self.conv(x), self.stride)


def _smooth_shuffle(conv: nn.Conv2d, factor: int) -> None:
    """Start every sub-pixel of a shuffled head equal: no chequerboard (Aitken et al. 2017)."""
    assert conv.bias is not None
    with torch.no_grad():
        for values in (conv.weight, conv.bias):
            values.copy_(values[:: factor**2].repeat_interleave(factor**2, 0))


def _make_encoder(name: str) -> ConvEncoder | Vit | TimmEncoder:
    if name not in ENCODERS:
        return TimmEncoder(name)
    params = ENCODERS[name]
    return Vit(params) if isinstance(params, VitParams) else ConvEncoder(params)


def _refuse_kept_names(heads: Iterable[str]) -> None:
    """A table of torch keeps its layers under their names, beside its own."""
    table = nn.ModuleDict()
    for name in heads:
        if hasattr(table, name):
            raise InputError(f"heads.{name}: torch keeps this name for itself: choose another")


class EarthNetwork(nn.Module):
    """An encoder for each date, a merge of two dates, a decoder, and heads."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.encoder = _make_encoder(architecture.encoder)
        widths, strides = self.encoder.widths, self.encoder.strides
        two = architecture.dates > 1
        self.merge = _MERGES[architecture.siamese](widths, strides) if two else nn.Identity()
        self.ladder = Ladder(widths, strides)
        make = _DECODERS[architecture.decoder]
        decoder = make(widths, self.ladder.strides, architecture.width)
        _refuse_kept_names(architecture.heads)
        self.decoder = decoder
        self.heads = nn.ModuleDict(
            {
                name: Head(decoder.width, channels, decoder.stride)
                for name, channels in architecture.heads.items()
            }
        )
        self.stride = max(self.ladder.strides)
        """y and x of images are multiples of this, pixels."""

    def forward(
        self,
        pixels: Float[Tensor, "batch date band y x"],
        channels: Float[Tensor, "band 2"],
        gsd: Float[Tensor, " batch"],
    ) -> dict[str, Tensor]:
        """Answers (batch, channel, y, x) by the name of the head: logits, or heights in metres.

        pixels: as `geomage.data.chip.Chip` has them, `architecture.dates` of them.
        channels: `Channel.key` of each band.
        gsd: metres.
        """
        return self.decode(self.encode(pixels, channels, gsd))

    def encode(
        self,
        pixels: Float[Tensor, "batch date band y x"],
        channels: Float[Tensor, "band 2"],
        gsd: Float[Tensor, " batch"],
    ) -> list[Tensor]:
        """Features from fine to coarse that the decoder takes, of all dates together."""
        self._refuse(pixels)
        dates = [self.encoder(image, channels, gsd) for image in pixels.unbind(1)]
        merged: list[Tensor] = self.merge(*dates)
        return merged

    def decode(self, features: list[Tensor]) -> dict[str, Tensor]:
        """Answers by the name of the head, from what `encode` gave."""
        x = self.decoder(self.ladder(features))
        said = {name: head(x) for name, head in self.heads.items()}
        if HEIGHT in said:
            said[HEIGHT] = _UNIT_M * F.softplus(said[HEIGHT])
        return said

    def _refuse(self, pixels: Tensor) -> None:
        """Refuse images that do not fit."""
        dates, y, x = pixels.shape[1], pixels.shape[3], pixels.shape[4]
        if dates != self.architecture.dates:
            raise InputError(
                f"{dates} dates for a network of {self.architecture.dates} "
                f"(siamese = {self.architecture.siamese!r}): give as many images of a place"
            )
        if y % self.stride or x % self.stride:
            raise InputError(
                f"images of {y} x {x} px: y and x must be multiples of {self.stride}, "
                "the stride of the network"
            )


def build_network(architecture: Architecture, seed: int) -> EarthNetwork:
    """Make an untrained network; equal seeds give equal weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return EarthNetwork(architecture)
