"""From the pixels of a domain to the values that flow, and back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from geomage.adapt.flow.crops import Crops
from geomage.model.autoencoder import Autoencoder

__all__ = ["AnyCodec", "Codecs", "LatentCodec", "PixelCodec", "pixel_codec"]


class PixelCodec(nn.Module):
    """Each band by its mean and deviation."""

    stride = 1
    mean: Tensor
    std: Tensor

    def __init__(self, mean: Float[np.ndarray, " band"], std: Float[np.ndarray, " band"]) -> None:
        super().__init__()
        self.channels = len(mean)
        for name, values in (("mean", mean), ("std", std)):
            tensor = torch.from_numpy(np.asarray(values, np.float32))
            self.register_buffer(name, tensor[:, None, None])

    @torch.no_grad()
    def encode(
        self, pixels: Float[Tensor, "batch band y x"], valid: Bool[Tensor, "batch y x"]
    ) -> Float[Tensor, "batch band y x"]:
        """0 where not valid."""
        return (pixels - self.mean) / self.std * valid[:, None]

    @torch.no_grad()
    def decode(self, values: Float[Tensor, "batch band y x"]) -> Float[Tensor, "batch band y x"]:
        """Back to pixels."""
        return values * self.std + self.mean


class LatentCodec(nn.Module):
    """Standardised pixels through an autoencoder, cells by their mean and deviation."""

    shift: Tensor
    scale: Tensor

    def __init__(self, pixels: PixelCodec, autoencoder: Autoencoder) -> None:
        super().__init__()
        self.pixels, self.autoencoder = pixels, autoencoder
        self.channels, self.stride = autoencoder.channels, autoencoder.stride
        self.register_buffer("shift", torch.zeros(self.channels, 1, 1))
        self.register_buffer("scale", torch.ones(self.channels, 1, 1))

    @torch.no_grad()
    def encode(
        self, pixels: Float[Tensor, "batch band y x"], valid: Bool[Tensor, "batch y x"]
    ) -> Float[Tensor, "batch channel row column"]:
        """Means of the cells."""
        mean = self.autoencoder.encode(self.pixels.encode(pixels, valid)).mean
        return (mean.float() - self.shift) / self.scale

    @torch.no_grad()
    def decode(
        self, values: Float[Tensor, "batch channel row column"]
    ) -> Float[Tensor, "batch band y x"]:
        """Back to pixels."""
        return self.pixels.decode(self.autoencoder.decode(values * self.scale + self.shift))

    @torch.no_grad()
    def settle(self, *pools: Crops) -> None:
        """Take mean and deviation of the cells of all crops for 0 and 1."""
        self.shift.zero_()
        self.scale.fill_(1.0)
        each = [
            self.encode(torch.from_numpy(crops.pixels), torch.from_numpy(crops.valid))
            for crops in pools
        ]
        cells = torch.cat(each)
        self.shift.copy_(cells.mean((0, 2, 3))[:, None, None])
        self.scale.copy_(cells.std((0, 2, 3))[:, None, None] + 1e-4)


AnyCodec = PixelCodec | LatentCodec
"""Values have `channels` channels and one cell for each `stride` x `stride` pixels."""


class Codecs(NamedTuple):
    """One of each domain; the same one where both have the same bands."""

    source: AnyCodec
    target: AnyCodec


def pixel_codec(*pools: Crops) -> PixelCodec:
    """Fit to the valid pixels of pools of the same bands, each pool as much as the others."""
    stats = []
    for crops in pools:
        seen = crops.pixels.transpose(1, 0, 2, 3)[:, crops.valid].astype(np.float64)
        stats.append((seen.mean(1), seen.var(1)))
    mean = np.mean([m for m, _ in stats], 0)
    variance = np.mean([v + (m - mean) ** 2 for m, v in stats], 0)
    return PixelCodec(mean, np.sqrt(variance) + 1e-4)
