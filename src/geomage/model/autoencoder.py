"""A small autoencoder of images: one cell of some numbers for each square of pixels.

A cell is a mean and a deviation, as in a variational autoencoder (Kingma and Welling 2014). Half
of the way in and out is linear in the pixels of the square, so that walls stay where they are.
Convolutions alone: a window with a halo says what the whole image says.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 -- the name everybody knows

from geomage.model.layers import Residual

__all__ = ["Autoencoder", "Cells", "build_autoencoder"]

_FIRST_DEVIATION = -6.0  # logarithm of the variance of a cell at first: nearly none
_FIRST_SCALE = 0.1


class Cells(NamedTuple):
    """What is known of the cells of an image."""

    mean: Float[Tensor, "batch channel row column"]
    log_variance: Float[Tensor, "batch channel row column"]


class Autoencoder(nn.Module):
    """Pixels to cells and back."""

    def __init__(self, bands: int, channels: int, stride: int, width: int, depth: int) -> None:
        super().__init__()
        self.bands, self.channels, self.stride = bands, channels, stride
        folded = bands * stride**2
        self.straight_in = nn.Conv2d(folded, channels, 1)
        self.straight_out = nn.Conv2d(channels, folded, 1)
        self.curved_in = _branch(folded, width, depth, 2 * channels)
        self.curved_out = _branch(channels, width, depth, folded)
        _begin_orthogonal(self.straight_in, self.straight_out)
        with torch.no_grad():
            last = list(self.curved_in.parameters())[-1]
            last[channels:].fill_(_FIRST_DEVIATION)

    def encode(self, image: Float[Tensor, "batch band y x"]) -> Cells:
        """Cells of an image whose sides are multiples of `stride`."""
        folded = F.pixel_unshuffle(image, self.stride)
        mean, log_variance = self.curved_in(folded).chunk(2, 1)
        return Cells(self.straight_in(folded) + mean, log_variance)

    def decode(
        self, cells: Float[Tensor, "batch channel row column"]
    ) -> Float[Tensor, "batch band y x"]:
        """Back to pixels."""
        return F.pixel_shuffle(self.straight_out(cells) + self.curved_out(cells), self.stride)


def _branch(wide_in: int, width: int, depth: int, wide_out: int) -> nn.Sequential:
    last = nn.Conv2d(width, wide_out, 1)
    with torch.no_grad():
        last.weight.mul_(_FIRST_SCALE)
    return nn.Sequential(
        nn.Conv2d(wide_in, width, 3, padding=1), *(Residual(width) for _ in range(depth)), last
    )


def _begin_orthogonal(inward: nn.Conv2d, outward: nn.Conv2d) -> None:
    """Begin as a projection and its transpose."""
    nn.init.orthogonal_(inward.weight.flatten(1))
    with torch.no_grad():
        outward.weight.copy_(inward.weight.transpose(0, 1))
        for layer in (inward, outward):
            assert layer.bias is not None
            layer.bias.zero_()


def build_autoencoder(
    bands: int, channels: int, stride: int, width: int = 32, depth: int = 1, seed: int = 0
) -> Autoencoder:
    """Build one, its weights drawn from the seed.

    Args:
        bands: of an image.
        channels: of a cell.
        stride: pixels of a side of a cell.
        width: of the convolutions.
        depth: pairs of them, in and out.
        seed: of the weights.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Autoencoder(bands, channels, stride, width, depth)
