"""Masked autoencoder: most of a view is hidden, and its pixels are to be told from the rest.

He et al. 2022, arXiv 2111.06377. Any encoder serves, so hidden patches are blanked in the image, as
in SimMIM (Xie et al. 2022, arXiv 2111.09886), and not left out of the tokens. Any bands serve: the
last layer of the decoder is made from the key of each band, as the stem of the network is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import final

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 -- the name everybody knows

from geomage.errors import InputError
from geomage.learn.objective import StepBatch
from geomage.learn.selfsupervised.pretext import asked, pretrainable, refuse_side, see
from geomage.learn.selfsupervised.views import ViewParams, draw_view
from geomage.model.architecture import Architecture
from geomage.model.sensor_stem import CENTRE

__all__ = ["Mae", "MaeParams", "draw_mask", "mae", "masked_error", "patches"]


@dataclass(frozen=True)
class MaeParams:
    """What is hidden, and who tells it."""

    view: ViewParams = field(default_factory=ViewParams)
    patch: int = 8
    """Side of a patch, pixels; the side of a view is a multiple of it."""
    ratio: float = 0.75
    """Share of the patches that is hidden (section 3)."""
    width: int = 64
    """Channels of the decoder."""
    normalise: bool = True
    """Whether each patch is told in units of its own mean and deviation (section 3)."""


def draw_mask(
    shape: tuple[int, int, int], ratio: float, rng: np.random.Generator
) -> Bool[Tensor, "batch y x"]:
    """The same number of patches of each view, at random."""
    n, y, x = shape
    rank = rng.random((n, y * x)).argsort(1).argsort(1)
    return torch.from_numpy(rank < round(ratio * y * x)).view(n, y, x)


def patches(
    image: Float[Tensor, "batch band y x"], side: int
) -> Float[Tensor, "batch band row column value"]:
    """Pixels by patch."""
    cut = image.unfold(2, side, side).unfold(3, side, side)
    return cut.flatten(4)


def masked_error(
    told: Float[Tensor, "batch band row column value"],
    image: Float[Tensor, "batch band row column value"],
    mask: Bool[Tensor, "batch row column"],
    *,
    normalise: bool,
) -> Tensor:
    """Mean squared error of the pixels on masked patches alone (section 3)."""
    if normalise:
        deviation, mean = torch.std_mean(image, -1, keepdim=True)
        image = (image - mean) / (deviation + 0.02)  # of full scale: flat patches are mostly noise
    error = (told - image).square().mean((1, 4))
    return (error * mask).sum() / mask.sum().clamp(min=1)


class PixelDecoder(nn.Module):
    """Features of all levels -> pixels of any bands."""

    def __init__(self, widths: tuple[int, ...], params: MaeParams) -> None:
        super().__init__()
        w = params.width
        self.patch = params.patch
        self.blank = nn.Parameter(torch.tensor(CENTRE))  # what a hidden pixel holds
        self.lateral = nn.ModuleList(nn.Conv2d(width, w, 1) for width in widths)
        self.mix = nn.Sequential(
            nn.GELU(), nn.Conv2d(w, w, 3, padding=1), nn.GELU(), nn.Conv2d(w, w, 3, padding=1)
        )
        self.band = nn.Sequential(nn.Linear(8, w), nn.GELU(), nn.Linear(w, (w + 1) * self.patch**2))
        last = self.band[-1]
        assert isinstance(last, nn.Linear)
        nn.init.normal_(last.weight, std=1 / w)

    def forward(
        self, features: list[Tensor], channels: Float[Tensor, "band 2"], shape: tuple[int, int]
    ) -> Float[Tensor, "batch band row column value"]:
        """shape: patches of the view, (row, column)."""
        levels = zip(self.lateral, features, strict=True)
        x = torch.stack([_resized(layer(f), shape) for layer, f in levels]).sum(0)
        x = self.mix(x)
        made = self.band(_waves(channels)).view(len(channels), self.patch**2, -1)
        told: Tensor = torch.einsum("nwyx,bvw->nbyxv", x, made[..., :-1])
        out: Tensor = told + made[None, :, None, None, :, -1]
        return out


def _waves(channels: Float[Tensor, "band 2"]) -> Float[Tensor, "band 8"]:
    """Key of a band as numbers of size 1: waves of the logarithm of its wavelength."""
    turn = 2 * math.pi * channels[:, :1] * torch.tensor([0.2, 1.0, 4.0], device=channels.device)
    return torch.cat([channels, turn.sin(), turn.cos()], 1)


def _resized(x: Tensor, shape: tuple[int, int]) -> Tensor:
    """Mean of cells, or bilinear between them."""
    if x.shape[2] >= shape[0]:
        return F.adaptive_avg_pool2d(x, shape)
    return F.interpolate(x, shape, mode="bilinear", align_corners=False)


@final
class Mae:
    """The encoder sees the rest; the decoder is thrown away afterwards."""

    def __init__(self, params: MaeParams, architecture: Architecture, seed: int) -> None:
        self.params = params
        network = pretrainable(architecture, seed)
        refuse_side(params.view.side, network, "view.side")
        if params.view.side % params.patch:
            raise InputError(f"patch = {params.patch} px does not divide {params.view.side} px")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.decoder = PixelDecoder(tuple(network.encoder.widths), params)
        self.encoder: nn.Module = network.encoder
        self.modules = nn.ModuleDict({"network": network, "decoder": self.decoder})

    def terms(self, batch: StepBatch, rng: np.random.Generator, done: float) -> dict[str, Tensor]:  # noqa: ARG002
        """One term: `pixels`."""
        p = self.params
        view = draw_view(asked(batch.unlabelled, "mae"), p.view, rng)
        cells = p.view.side // p.patch
        mask = draw_mask((len(view.gsd), cells, cells), p.ratio, rng).to(view.pixels.device)
        fine = mask.repeat_interleave(p.patch, 1).repeat_interleave(p.patch, 2)[:, None]
        seen = view._replace(pixels=torch.where(fine, self.decoder.blank, view.pixels))
        features = see(self.encoder, seen)
        told = self.decoder(features, view.channels, (cells, cells))
        truth = patches(view.pixels, p.patch)
        loss = masked_error(told, truth, mask, normalise=p.normalise)
        return {"pixels": loss, "total": loss}

    def follow(self, done: float) -> None:
        """Nothing follows."""


def mae(params: MaeParams, architecture: Architecture, seed: int) -> Mae:
    """Prepare to pre-train the encoder of an architecture."""
    return Mae(params, architecture, seed)
