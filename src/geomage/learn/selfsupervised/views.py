"""Views that make sense from above, and where they look.

From above there is no up: any rotation and the mirror image are as likely as the place itself.
Objects have a size in metres: a view of another scale is an image of another GSD, and says so.
Season, light and sensor change what a place looks like and not what it is: another date of the
chip is a view of it, and so is the chip of another sensor. Gain, offset and gamma vary by band.
Each view knows its place on the ground, so that cells of two views that show the same ground are
known (`shared_cells`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 -- the name everybody knows

from geomage.learn.objective import ChipBatch

__all__ = [
    "View",
    "ViewParams",
    "draw_places",
    "draw_view",
    "extent_m",
    "relight",
    "same_side",
    "shared_cells",
    "whole",
]

Places = Float[Tensor, "batch 2 3"]
"""Affine from (x, y) of a view, -1..1 at its edges, to metres right of and below the middle."""


@dataclass(frozen=True)
class ViewParams:
    """What a view may change."""

    side: int = 64
    """Pixels of a view, a multiple of the network's stride."""
    scale: tuple[float, float] = (0.7, 1.5)
    """Range of the GSD of a view over that of the chip, drawn evenly in its logarithm."""
    turn: bool = True
    """Any rotation and mirror; where the chip has no room for an angle, quarters of a turn."""
    gain: float = 0.2
    """Standard deviation of the logarithm of the gain of a view."""
    band_gain: float = 0.1
    """Standard deviation of the logarithm of the gain of a band."""
    offset: float = 0.03
    """Standard deviation of the haze or dark level of a band, of full scale."""
    gamma: float = 0.2
    """Standard deviation of the logarithm of gamma."""
    noise: float = 0.02
    """Largest standard deviation of the noise added, of full scale."""


class View(NamedTuple):
    """Chips as seen by one sensor on one date, each from its own place."""

    pixels: Float[Tensor, "batch band y x"]
    channels: Float[Tensor, "band 2"]
    gsd: Float[Tensor, " batch"]
    place: Places


def extent_m(batch: ChipBatch) -> Float[Tensor, "batch 2"]:
    """Metres across a chip, (x, y)."""
    y, x = batch.pixels.shape[-2:]
    return batch.gsd[:, None] * torch.tensor([x, y], device=batch.gsd.device)


def draw_places(
    batch: ChipBatch, params: ViewParams, rng: np.random.Generator, *, alike: bool = False
) -> Places:
    """A square of each chip, turned and mirrored, never beyond its edges.

    alike: one GSD for all of them. Where two views of one place are told apart from those of other
    places, a GSD of its own would name the place: the network is told it.
    """
    n, gsd = len(batch.gsd), batch.gsd.cpu().numpy().astype(float)
    extent = extent_m(batch).cpu().numpy().astype(float)
    low, high = params.scale
    scale = np.exp(rng.uniform(np.log(low), np.log(high), n))
    metres = params.side * gsd * scale
    metres = np.full(n, params.side * np.exp(np.log(gsd).mean()) * scale[0]) if alike else metres
    half = np.minimum(metres, extent.min(1)) / 2
    angle = rng.uniform(0, 2 * np.pi, n) * params.turn
    reach = half * (abs(np.cos(angle)) + abs(np.sin(angle)))
    quarter = np.round(angle / (np.pi / 2)) * (np.pi / 2)
    angle = np.where(2 * reach > extent.min(1), quarter, angle)
    reach = half * (abs(np.cos(angle)) + abs(np.sin(angle)))
    mirror = np.where(rng.integers(0, 2, n) & params.turn, -1.0, 1.0)
    middle = rng.uniform(-1, 1, (n, 2)) * np.maximum(extent / 2 - reach[:, None], 0)
    c, s = np.cos(angle) * half, np.sin(angle) * half
    rows = [np.stack([c * mirror, -s, middle[:, 0]], 1), np.stack([s * mirror, c, middle[:, 1]], 1)]
    return torch.from_numpy(np.stack(rows, 1).astype(np.float32)).to(batch.pixels.device)


def whole(batch: ChipBatch) -> Places:
    """Each chip as it is."""
    half = extent_m(batch) / 2
    return torch.cat([torch.diag_embed(half), torch.zeros_like(half)[..., None]], 2)


def draw_view(
    batch: ChipBatch,
    params: ViewParams,
    rng: np.random.Generator,
    place: Places | None = None,
    side: int | None = None,
) -> View:
    """Look at each chip on one of its dates in another light.

    Args:
        batch: the chips.
        params: what may change.
        rng: every draw comes from it.
        place: where to look; drawn when None.
        side: pixels of the view; `params.side` when None.
    """
    place = draw_places(batch, params, rng) if place is None else place
    side = side or params.side
    dates = rng.integers(0, batch.pixels.shape[1], len(batch.gsd))
    chosen = batch.pixels[torch.arange(len(dates)), torch.from_numpy(dates)]
    gsd = 2 * torch.linalg.vector_norm(place[:, :, 1], dim=1) / side
    seen = _sample(chosen, place, extent_m(batch), side, float((gsd / batch.gsd).max()))
    return View(relight(seen, batch.channels, params, rng), batch.channels, gsd, place)


def _sample(
    image: Float[Tensor, "batch band y x"], place: Places, extent: Tensor, side: int, coarser: float
) -> Float[Tensor, "batch band side side"]:
    """Bilinear; where the view is coarser than the chip, the mean of finer samples."""
    fine = max(1, int(np.ceil(coarser - 0.01)))
    inner = place / (extent[:, :, None] / 2)
    shape = (len(image), image.shape[1], side * fine, side * fine)
    grid = F.affine_grid(inner, list(shape), align_corners=False)
    out = F.grid_sample(image, grid, padding_mode="border", align_corners=False)
    return F.avg_pool2d(out, fine) if fine > 1 else out


def relight(
    image: Float[Tensor, "batch band y x"],
    channels: Float[Tensor, "band 2"],
    params: ViewParams,
    rng: np.random.Generator,
) -> Float[Tensor, "batch band y x"]:
    """Another gain, offset, gamma and noise; pixels without data (0 in all bands) stay so.

    Gamma is left out for radar, whose values are logarithms already.
    """
    n, bands = image.shape[:2]

    def normal(sigma: float, size: tuple[int, ...]) -> Tensor:
        return torch.from_numpy(rng.normal(0, sigma, size).astype(np.float32)).to(image.device)

    held = (image != 0).any(1, keepdim=True)
    optical = (channels[:, 0] < _RADAR)[:, None, None]
    power = torch.where(optical, normal(params.gamma, (n, 1, 1, 1)).exp(), 1.0)
    out = image.abs().clamp(min=1e-4) ** power * image.sign()
    gain = normal(params.gain, (n, 1, 1, 1)) + normal(params.band_gain, (n, bands, 1, 1))
    out = out * gain.exp() + normal(params.offset, (n, bands, 1, 1))
    sigma = torch.from_numpy(rng.uniform(0, params.noise, (n, 1, 1, 1)).astype(np.float32))
    grain = torch.from_numpy(rng.standard_normal(tuple(image.shape), np.float32))
    return (out + (sigma * grain).to(image.device)) * held


_RADAR = 3.0
"""Decimal logarithm of a wavelength in um from which a band is radar."""


def same_side(view: View, other: ChipBatch, stride: int) -> int:
    """The side at which another sensor sees the place of a view, pixels, one for the batch.

    As near the GSD of the other sensor as the stride allows.
    """
    metres = view.gsd * view.pixels.shape[-1]
    side = float((metres / other.gsd).mean())
    return max(stride, round(side / stride) * stride)


def shared_cells(
    first: Places, second: Places, shape: tuple[int, int]
) -> tuple[Float[Tensor, "batch y x 2"], Bool[Tensor, "batch y x"]]:
    """Where the cells of a view lie in a second view of the same chips.

    Args:
        first: places of the view whose cells are asked for.
        second: places of the other.
        shape: cells of the view, (y, x).

    Returns:
        Position (x, y) of each cell in the second view, -1..1 at its edges, as
        `torch.nn.functional.grid_sample` takes it with `align_corners=False`, and whether the
        second view shows it.
    """
    inverse = torch.linalg.inv(second[:, :, :2])
    turned = inverse @ first[:, :, :2]
    moved = inverse @ (first[:, :, 2:] - second[:, :, 2:])
    grid = F.affine_grid(
        torch.cat([turned, moved], 2), [len(first), 1, *shape], align_corners=False
    )
    return grid, (grid.abs() <= 1).all(-1)
