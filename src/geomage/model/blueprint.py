"""What an Earth observation network is to be: plain data for recipes, without torch.

Sizes named tiny and small are ours; a number or a letter behind the family says which published
network has the same widths and depths: resnet-18, convnext-t, vit-s.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from geomage.errors import InputError, near_names

__all__ = [
    "ARCHITECTURE_KEY",
    "DECODERS",
    "ENCODERS",
    "HEIGHT",
    "SIAMESE",
    "TIMM",
    "Architecture",
    "ConvNextParams",
    "ResNetParams",
    "VitParams",
]

ARCHITECTURE_KEY = "geomage_architecture"
"""Of the metadata of an exported file: JSON of the architecture, and the network's stride."""
TIMM = "timm:"
"""Begins the name of an encoder of timm."""
HEIGHT = "height"
"""The head that answers metres, 0 or more; all others answer logits."""
_INPUTS = ("pixels", "channels", "gsd")  # of the exported graph, whose names differ from outputs
_WIDEST = 1024  # channels of a decoder or a head


@dataclass(frozen=True)
class ResNetParams:
    """Blocks of two 3 x 3 convolutions beside an identity (He et al. 2016)."""

    widths: tuple[int, ...]
    """Channels at 1/2 (stem), 1/4, 1/8, … of the resolution."""
    depths: tuple[int, ...]
    """Blocks at 1/4, 1/8, …"""
    stem: int = 4
    """Side of the stem's filters, pixels, even."""


@dataclass(frozen=True)
class ConvNextParams:
    """Blocks of a 7 x 7 convolution by channel and two 1 x 1 ones (Liu et al. 2022)."""

    widths: tuple[int, ...]
    """Channels at 1/2 (stem), 1/4, 1/8, … of the resolution."""
    depths: tuple[int, ...]
    """Blocks at 1/4, 1/8, …"""
    stem: int = 4
    """Side of the stem's filters, pixels, even."""


@dataclass(frozen=True)
class VitParams:
    """A vision transformer (Dosovitskiy et al. 2021)."""

    width: int
    """Channels of a token, a multiple of 8 and of `heads`."""
    depth: int
    """Blocks, a multiple of 4: features leave after each quarter."""
    heads: int
    """Of the attention."""
    patch: int
    """Side of the patch of a token, pixels."""


EncoderParams = ResNetParams | ConvNextParams | VitParams
ENCODERS: Mapping[str, EncoderParams] = MappingProxyType(
    {
        "resnet-tiny": ResNetParams((16, 32, 64, 96), (1, 1, 1)),
        "resnet-small": ResNetParams((24, 48, 96, 160, 224), (1, 1, 1, 1)),
        "resnet-18": ResNetParams((64, 64, 128, 256, 512), (2, 2, 2, 2), 8),
        "resnet-34": ResNetParams((64, 64, 128, 256, 512), (3, 4, 6, 3), 8),
        "convnext-tiny": ConvNextParams((16, 32, 64, 96), (1, 2, 2)),
        "convnext-small": ConvNextParams((24, 48, 96, 192, 256), (2, 2, 4, 1)),
        "convnext-t": ConvNextParams((48, 96, 192, 384, 768), (3, 3, 9, 3)),
        "convnext-s": ConvNextParams((48, 96, 192, 384, 768), (3, 3, 27, 3)),
        "vit-tiny": VitParams(64, 4, 4, 8),
        "vit-small": VitParams(192, 8, 6, 8),
        "vit-ti": VitParams(192, 12, 3, 16),
        "vit-s": VitParams(384, 12, 6, 16),
    }
)
DECODERS = ("unet", "dpt", "upernet")
SIAMESE = ("none", "concatenate", "difference", "attention")


@dataclass(frozen=True)
class Architecture:
    """An encoder, a decoder, what becomes of two dates, and the questions answered."""

    encoder: str = "resnet-tiny"
    """A name of `ENCODERS`, or timm:NAME."""
    decoder: str = "unet"
    """unet, dpt or upernet."""
    siamese: str = "none"
    """none for one date; for two how their features meet: concatenate, difference, attention."""
    heads: dict[str, int] = field(default_factory=lambda: {"classes": 2})
    """Channels by the name of a head; "height" answers metres in one channel."""
    width: int = 32
    """Channels of the decoder, a multiple of 8."""

    def __post_init__(self) -> None:
        if not self.encoder.startswith(TIMM):
            _refuse_unknown("encoder", self.encoder, ENCODERS)
        _refuse_unknown("decoder", self.decoder, DECODERS)
        _refuse_unknown("siamese", self.siamese, SIAMESE)
        _refuse_width("width", self.width, 8)
        if not self.heads:
            raise InputError('heads is empty: give channels by name, as {"classes": 4}')
        for name, channels in self.heads.items():
            _refuse_head(name, channels)

    @property
    def dates(self) -> int:
        """Images of one place that the network takes."""
        return 1 if self.siamese == "none" else 2


def _refuse_head(name: str, channels: int) -> None:
    """Names are words of a file's table and of a graph's outputs."""
    if not name.isidentifier():
        raise InputError(f"heads has {name!r}: name a head by letters, digits and underscores")
    if name in _INPUTS:
        raise InputError(f"heads.{name}: an input of the network has this name: choose another")
    _refuse_width(f"heads.{name}", channels)
    if name == HEIGHT and channels != 1:
        raise InputError(f"heads.{HEIGHT} = {channels}: a height is one channel, give 1")


def _refuse_unknown(what: str, name: str, known: Iterable[str]) -> None:
    if name not in known:
        near = near_names(name.lower(), known)
        raise InputError(f"unknown {what} {name!r}{near}: choose one of {', '.join(known)}")


def _refuse_width(what: str, channels: int, step: int = 1) -> None:
    """Whole channels, a multiple of `step`."""
    if type(channels) is not int or not step <= channels <= _WIDEST or channels % step:
        steps = f" in steps of {step}" if step > 1 else ""
        raise InputError(f"{what} = {channels!r} is not a whole number {step}..{_WIDEST}{steps}")
