"""Strong views: the same place in another light, through another sensor; nothing moves.

For each chip and date on its own, as light and sensor differ between two dates without any damage:
x ← m + κ g_b (x - m) + o, gains and contrast log-normal, m the mean over the pixels that hold data;
by chance every band becomes the mean of all bands, and by chance a Gaussian blur. It is the colour
jitter, greying and blur of UniMatch (Yang et al. 2023, CVPR, section 4.1) for any bands; the ranges
are ours. Pixels that hold no data stay 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 -- the name everybody knows

__all__ = ["StrongParams", "strong_view"]

Pixels = Float[Tensor, "batch date band y x"]


@dataclass(frozen=True)
class StrongParams:
    """How far a strong view goes; standard deviations, chances 0..1."""

    chance: float = 0.8
    """Chance that light changes at all."""
    gain: float = 0.25
    """Of the logarithm of the gain of a date."""
    band_gain: float = 0.1
    """Of the logarithm of the gain of a band."""
    contrast: float = 0.3
    """Of the logarithm of the contrast about the mean of the chip."""
    offset: float = 0.06
    """Of what is added to every band, of full scale."""
    grey: float = 0.2
    """Chance that all bands become their mean."""
    blur: float = 0.5
    """Chance of a blur."""
    sigma: tuple[float, float] = (0.3, 1.5)
    """Range of the standard deviation of the blur, pixels."""
    noise: float = 0.02
    """Largest standard deviation of the noise, of full scale."""


def strong_view(pixels: Pixels, params: StrongParams, rng: np.random.Generator) -> Pixels:
    """Draw one strong view of each chip."""
    holds = pixels != 0
    view = _relight(pixels, holds, params, rng)
    grey = _spread(pixels, rng.random(pixels.shape[:2]) < params.grey)
    view = torch.where(grey > 0, view.mean(2, keepdim=True).expand_as(view), view)
    if params.blur > 0:
        view = _blurred(view, params, rng)
    if params.noise > 0:
        grain = torch.from_numpy(rng.standard_normal(pixels.shape, np.float32)).to(pixels)
        view = view + _spread(pixels, rng.uniform(0, params.noise, pixels.shape[:2])) * grain
    return torch.where(holds, view, torch.zeros_like(view))


def _spread(like: Pixels, drawn: np.ndarray) -> Tensor:
    """A number for each chip and date, or for each band too, ready to multiply pixels."""
    shape = (*drawn.shape, *(1,) * (5 - drawn.ndim))
    return torch.from_numpy(np.asarray(drawn, np.float32)).to(like).reshape(shape)


def _relight(
    pixels: Pixels, holds: Tensor, params: StrongParams, rng: np.random.Generator
) -> Pixels:
    """Another gain, colour, contrast and level."""
    dates, bands = pixels.shape[:2], pixels.shape[:3]
    changed = (rng.random(dates) < params.chance).astype(np.float32)
    gain = _spread(pixels, np.exp(changed * rng.normal(0, params.gain, dates)))
    tint = changed[..., None] * rng.normal(0, params.band_gain, bands)
    contrast = _spread(pixels, np.exp(changed * rng.normal(0, params.contrast, dates)))
    offset = _spread(pixels, changed * rng.normal(0, params.offset, dates))
    lit = pixels * gain * _spread(pixels, np.exp(tint))
    count = holds.sum((2, 3, 4), keepdim=True).clamp(min=1)
    mean = (lit * holds).sum((2, 3, 4), keepdim=True) / count
    return mean + contrast * (lit - mean) + offset


def _blurred(pixels: Pixels, params: StrongParams, rng: np.random.Generator) -> Pixels:
    """A Gaussian for each chip and date, cut at three pixels; by chance none."""
    planes = pixels.shape[0] * pixels.shape[1]
    sigma = np.where(rng.random(planes) < params.blur, rng.uniform(*params.sigma, planes), 1e-3)
    taps = np.exp(-0.5 * (np.arange(-3, 4) / sigma[:, None]) ** 2)
    taps = np.repeat(taps / taps.sum(1, keepdims=True), pixels.shape[2], 0)
    kernel = torch.from_numpy(taps).to(pixels)
    y, x = pixels.shape[-2:]
    flat = pixels.reshape(1, -1, y, x)
    wide = F.pad(flat, (3, 3, 3, 3), mode="replicate")
    count = flat.shape[1]
    with torch.autocast(pixels.device.type, enabled=False):  # 8 bits of an image, 8 of bfloat16
        down = F.conv2d(wide, kernel[:, None, :, None], groups=count)
        return F.conv2d(down, kernel[:, None, None, :], groups=count).reshape(pixels.shape)
