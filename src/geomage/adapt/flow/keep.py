"""What a learnt flow is kept as: ONNX files, numbers and a card."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from geomage import __version__
from geomage.adapt.flow.codec import AnyCodec, Codecs, LatentCodec
from geomage.adapt.flow.flow_batches import FlowBatches
from geomage.adapt.flow.translator import FlowNumbers
from geomage.adapt.method import Parts
from geomage.data.translation import TranslatorCard
from geomage.model.velocity import (
    VelocityNetwork,
    VelocityUNet,
    probe_reach,
    probe_reach_of,
)
from geomage.model.velocity_onnx import export_module, export_velocity

__all__ = ["Kept", "keep_parts"]

_LOOKS = {"euler": 1, "heun": 2, "bogacki-shampine": 3}
"""Evaluations of a step that hang on one another: each looks as far as the network does."""


@dataclass(frozen=True)
class Kept:
    """A flow when all has been learnt."""

    batches: FlowBatches
    method: str
    network: VelocityNetwork
    codecs: Codecs
    numbers: FlowNumbers


class _Encode(nn.Module):
    def __init__(self, codec: AnyCodec) -> None:
        super().__init__()
        self.codec = codec

    def forward(self, pixels: Tensor, valid: Tensor) -> Tensor:
        """Pixels and valid (batch, 1, y, x) to values."""
        return self.codec.encode(pixels, valid[:, 0] > 0)


class _Decode(nn.Module):
    def __init__(self, codec: AnyCodec) -> None:
        super().__init__()
        self.codec = codec

    def forward(self, values: Tensor) -> Tensor:
        """Values to pixels."""
        return self.codec.decode(values)


def keep_parts(kept: Kept) -> Parts:
    """Export networks; say how far a translation looks."""
    channels, made = kept.batches.channels
    side = 4 * kept.numbers.cell
    image = {
        "pixels": torch.rand(1, len(channels), side, side),
        "valid": torch.ones(1, 1, side, side),
    }
    values = {"values": torch.rand(1, kept.network.bands, 4, 4)}
    networks = {
        "velocity": export_velocity(kept.network.eval()),
        "encode": export_module(_Encode(kept.codecs.source), image, "values"),
        "decode": export_module(_Decode(kept.codecs.target), values, "pixels"),
    }
    gsd = kept.batches.pairs(0).source.gsd_m
    card = TranslatorCard(
        kept.method,
        kept.method,
        channels,
        made,
        (float(gsd.min()), float(gsd.max())),
        halo_px=_halo(kept),
        stride_px=_stride(kept),
        classes=kept.batches.domains.source.classes if kept.numbers.classes else (),
        version=__version__,
    )
    return Parts(card, {}, networks, asdict(kept.numbers) | {"times": list(kept.numbers.times)})


def _stride(kept: Kept) -> int:
    return kept.numbers.square // 2 or kept.numbers.cell * kept.network.stride


def _halo(kept: Kept) -> int:
    """Pixels beyond a whole stride that its answer hangs on."""
    if not isinstance(kept.network, VelocityUNet):
        return kept.numbers.square // 2
    stride, numbers = kept.network.stride, kept.numbers
    each = -(-probe_reach(kept.network) // stride) * stride
    steps = len(numbers.march_times()) - 1
    cells = steps * _LOOKS[numbers.method] * each
    reach = numbers.cell * cells + _codec_reach(kept)
    whole = _stride(kept)
    return -(-reach // whole) * whole


def _codec_reach(kept: Kept) -> int:
    """Pixels that an autoencoder looks beyond a cell, inward and outward together."""
    source, target = kept.codecs
    if not isinstance(source, LatentCodec) or not isinstance(target, LatentCodec):
        return 0
    inward, outward = (copy.deepcopy(one.autoencoder).double() for one in (source, target))
    encode: Callable[[Tensor], Tensor] = lambda image: inward.encode(image).mean  # noqa: E731
    cell = kept.numbers.cell
    reach = probe_reach_of(encode, inward.bands, cell)
    return reach + cell * probe_reach_of(outward.decode, outward.channels, 1)
