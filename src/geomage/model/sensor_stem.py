"""The first layer of a network that serves any sensor: its filters follow from each band.

A band says its wavelength and polarisation (`geomage.data.chip.Channel.key`); a small network makes
the filters of the band from them, as in DOFA (Xiong et al. 2024, arXiv 2403.15356). The answers of
the bands are averaged: their order does not matter, nor does a band given twice, and any number of
them can be there. The GSD then scales and shifts each feature (FiLM, Perez et al. 2018).
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 -- the name everybody knows

from geomage.model.layers import ChannelNorm

__all__ = ["CENTRE", "SPREAD", "SensorStem"]

CENTRE, SPREAD = 0.25, 0.25
"""Of pixels; ours: between reflectance, counts / 255 and radar in shares of full scale."""
_OCTAVES = tuple(2.0**k for k in range(-4, 4))
"""Waves over a decade: the longest spans optical to radar, the shortest tells red from green."""
_FIRST = 3.5  # half the range of fresh filter weights, over the filters' side; ours


def _waves(value: Float[Tensor, " n"]) -> Float[Tensor, "n feature"]:
    """Take sin and cos of 2 pi f value, for each octave f."""
    octaves = torch.tensor(_OCTAVES, dtype=value.dtype, device=value.device)
    turns = 2 * math.pi * value[:, None] * octaves
    return torch.cat([turns.sin(), turns.cos()], 1)


def _key_features(channels: Float[Tensor, "band 2"]) -> Float[Tensor, "band feature"]:
    """Waves of the logarithm of the wavelength, and what polarisation a radar has, if it is one."""
    polarisation = channels[:, 1:]
    return torch.cat([_waves(channels[:, 0]), polarisation, polarisation.abs()], 1)


class SensorStem(nn.Module):
    """Images of any bands -> (batch, width, y / step, x / step).

    size, step: of the filters, pixels; alike or both even, so that cells lie amid their pixels.
    """

    def __init__(self, width: int, size: int, step: int, hidden: int = 32) -> None:
        super().__init__()
        self.width, self.size, self.step = width, size, step
        waves = 2 * len(_OCTAVES)
        self.key = nn.Sequential(
            nn.Linear(waves + 2, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU()
        )
        self.filters = nn.Linear(hidden, width * size * size)
        self.bias = nn.Parameter(torch.empty(width).uniform_(-1, 1))
        self.norm = ChannelNorm(width)
        self.scale = nn.Sequential(
            nn.Linear(waves, hidden), nn.GELU(), nn.Linear(hidden, 2 * width)
        )
        nn.init.uniform_(self.filters.weight, -_FIRST / size, _FIRST / size)
        nn.init.uniform_(self.filters.bias, -1 / size, 1 / size)

    def forward(
        self,
        image: Float[Tensor, "batch band y x"],
        channels: Float[Tensor, "band 2"],
        gsd: Float[Tensor, " batch"],
    ) -> Tensor:
        """Pixels as `Chip` has them; keys of the bands; metres."""
        centred = (image - CENTRE) / SPREAD
        pad = (self.size - self.step) // 2
        seen = F.conv2d(centred, self.band_filters(channels), self.bias, self.step, pad)
        scale, shift = self.scale(_waves(gsd.log10()))[:, :, None, None].chunk(2, 1)
        features: Tensor = self.norm(F.gelu(seen)) * (1 + scale) + shift
        return features

    def band_filters(
        self, channels: Float[Tensor, "band 2"]
    ) -> Float[Tensor, "width band size size"]:
        """Filters of each band, divided by the number of bands."""
        flat: Tensor = self.filters(self.key(_key_features(channels))) / channels.shape[0]
        shape = (self.width, self.size, self.size)
        # not view: the ONNX exporter would lose the size of the filters
        filters: Tensor = flat.unflatten(1, shape)  # type: ignore[no-untyped-call]
        return filters.transpose(0, 1)
