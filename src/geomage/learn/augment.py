"""From a stored pair to a training crop: where it is cut, how it is turned, in what light.

Geometry is the same for both dates but for a shift of a pixel or two; radiometry is drawn for each
date on its own, for light, season and sensor differ between two dates without any damage.
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 -- the name everybody knows

from geomage.learn.pool import IMAGES, TRUTH
from geomage.learn.recipe import AugmentParams

__all__ = ["Batch", "cut", "draw_batch", "relight"]

_PAN_NOISY = 0.6  # share of images with noise that is the same in all bands
_PAN_RANGE = 15.0  # its largest standard deviation over its least

LUMA = (0.299, 0.587, 0.114)


class Batch(NamedTuple):
    """What one training step sees."""

    before: Float[Tensor, "batch 3 y x"]
    after: Float[Tensor, "batch 3 y x"]
    truth: UInt8[Tensor, "batch 5 y x"]


def cut(
    stack: UInt8[np.ndarray, "11 y x"], side: int, params: AugmentParams, rng: np.random.Generator
) -> tuple[Float[Tensor, "6 side side"], UInt8[Tensor, "5 side side"]]:
    """Cut, turn, mirror and magnify a square; images come out in 0..1."""
    largest = min(stack.shape[1:]) - params.shift
    wide = min(round(side / math.exp(rng.uniform(*np.log(params.zoom)))), largest)
    dy, dx = (int(d) for d in rng.integers(-params.shift, params.shift + 1, 2))
    y, x = _window(stack, wide, (dy, dx), params, rng)
    square = np.array(stack[:, y : y + wide, x : x + wide])
    square[3:6] = stack[3:6, y + dy : y + dy + wide, x + dx : x + dx + wide]
    square = np.rot90(square, int(rng.integers(4)), (1, 2))
    square = square[:, ::-1] if rng.integers(2) else square
    pixels = torch.from_numpy(np.ascontiguousarray(square))
    images, truth = pixels[IMAGES].float() / 255, pixels[TRUTH]
    if wide != side:
        images = F.interpolate(
            images[None],
            (side, side),
            mode="bilinear",
            align_corners=False,
            antialias=wide > side,
        )[0]
        truth = F.interpolate(truth[None], (side, side), mode="nearest-exact")[0]
    return images, truth


def _window(
    stack: UInt8[np.ndarray, "11 y x"],
    wide: int,
    moved: tuple[int, int],
    params: AugmentParams,
    rng: np.random.Generator,
) -> tuple[int, int]:
    """Top left corner of a window; for a share of them the fullest of three by building."""
    tries = 3 if rng.random() < params.built else 1
    low = [max(0, -d) for d in moved]
    high = [n - wide - max(0, d) for n, d in zip(stack.shape[1:], moved, strict=True)]
    corners = rng.integers(low, high, (tries, 2), endpoint=True).tolist()
    graded = [np.count_nonzero(stack[7, y : y + wide : 4, x : x + wide : 4]) for y, x in corners]
    y, x = corners[int(np.argmax(graded))]
    return y, x


def relight(
    image: Float[Tensor, "3 y x"], params: AugmentParams, rng: np.random.Generator
) -> Float[Tensor, "3 y x"]:
    """Another gain, colour, gamma, contrast, sharpness and noise; stays in 0..1."""

    def spread(sigma: float, size: tuple[int, ...] = ()) -> Tensor:
        return torch.tensor(np.exp(rng.normal(0, sigma, size)), dtype=torch.float32)

    image = image.clamp(1e-3, 1) ** spread(params.gamma)
    image = image * (spread(params.gain) * spread(params.band_gain, (3, 1, 1)))
    mean = image.mean()
    image = mean + (image - mean) * spread(params.contrast) + rng.normal(0, params.offset)
    if rng.random() < 0.5:
        grey = torch.einsum("b,byx->yx", torch.tensor(LUMA), image)
        image = torch.lerp(image, grey[None], rng.uniform(0, params.desaturate))
    if rng.random() < params.blur:
        image = _blur(image, rng.uniform(0.4, 1.2))
    if params.pan_noise > 0 and rng.random() < _PAN_NOISY:
        height = params.pan_noise * np.exp(rng.uniform(-math.log(_PAN_RANGE), 0))
        image = image + float(height) * _noise(rng, (1, *image.shape[1:]))
    if rng.random() < params.sharpen:
        image = image + rng.uniform(0.2, 1.2) * (image - _blur(image, 1.0))
    noise = _noise(rng, tuple(image.shape))
    return (image + rng.uniform(-params.noise, params.noise) * noise).clamp(0, 1)


def _blur(image: Float[Tensor, "3 y x"], sigma: float) -> Float[Tensor, "3 y x"]:
    """Gaussian of a standard deviation in pixels, cut at two pixels."""
    taps = [math.exp(-0.5 * (k / sigma) ** 2) for k in range(-2, 3)]
    taps = [tap / sum(taps) for tap in taps]
    y, x = image.shape[1:]
    wide = F.pad(image[None], (2, 2, 2, 2), mode="replicate")[0]
    across = sum((tap * wide[:, :, k : k + x] for k, tap in enumerate(taps)), torch.zeros(()))
    return sum((tap * across[:, k : k + y] for k, tap in enumerate(taps)), torch.zeros(()))


def _noise(rng: np.random.Generator, shape: tuple[int, ...]) -> Tensor:
    """Normal numbers."""
    start = int(rng.integers(len(_grain()) - math.prod(shape)))
    return _grain()[start : start + math.prod(shape)].view(shape)


@cache
def _grain() -> Float[Tensor, " value"]:
    """Four million normal numbers, drawn once: a stretch of them is the noise of an image."""
    return torch.randn(2**22, generator=torch.Generator().manual_seed(0))


def draw_batch(
    stacks: list[UInt8[np.ndarray, "11 y x"]],
    side: int,
    params: AugmentParams,
    rng: np.random.Generator,
) -> Batch:
    """One crop of each stack, augmented."""
    before, after, truths = [], [], []
    for stack in stacks:
        images, truth = cut(stack, side, params, rng)
        before.append(relight(images[:3], params, rng))
        after.append(relight(images[3:], params, rng))
        truths.append(truth)
    return Batch(torch.stack(before), torch.stack(after), torch.stack(truths))
