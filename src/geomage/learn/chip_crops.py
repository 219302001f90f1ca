"""From a chip to a crop: where it is cut, how it is turned, in what light."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch.nn import functional as F  # noqa: N812 -- the name everybody knows

from geomage.data.chip import UNKNOWN, Channel, Chip
from geomage.errors import InputError
from geomage.learn.chip_recipe import BatchParams

__all__ = ["Crop", "cut_chip", "cut_twins", "relight"]

_RADAR_UM = 1e4
_DB = 1 / 25  # of `radar_share`, a decibel


class Crop(NamedTuple):
    """A square of a chip; 0 and `UNKNOWN` where it holds no data."""

    pixels: Float[np.ndarray, "date band y x"]
    labels: UInt8[np.ndarray, "y x"]
    gsd_m: float


def cut_chip(chip: Chip, params: BatchParams, rng: np.random.Generator, *, labelled: bool) -> Crop:
    """Cut, turn, mirror, magnify and relight a square."""
    z = float(np.exp(rng.uniform(*np.log(params.zoom))))
    wide = max(1, round(params.crop / z))
    square = _some_square(chip, wide, params.tries, rng, labelled=labelled)
    square = _turned(square, int(rng.integers(4)), mirrored=bool(rng.integers(2)))
    pixels, valid, labels = square
    pixels = relight(pixels, chip.channels, params, rng) * valid
    crop = Crop(np.ascontiguousarray(pixels), np.ascontiguousarray(labels), chip.gsd_m)
    return crop if wide == params.crop else _resized(crop, params.crop)


def cut_twins(
    chip: Chip, other: Chip, params: BatchParams, rng: np.random.Generator
) -> tuple[Crop, Crop]:
    """The same ground as two sensors see it, turned alike; `crop` px of the first.

    Raises:
        InputError: the side is no whole number of the other's pixels.
    """
    side = params.crop * chip.gsd_m
    wide = side / other.gsd_m
    if abs(wide - round(wide)) > 0.01:
        raise InputError(
            f"{chip.name}: a crop of {side:g} m is {wide:.2f} px of {other.gsd_m:g} m: "
            "choose a crop that is whole in both"
        )
    step = max(chip.gsd_m, other.gsd_m)
    room = [
        min(a * chip.gsd_m, b * other.gsd_m) - side
        for a, b in zip(chip.valid.shape, other.valid.shape, strict=True)
    ]
    corner = [int(rng.integers(max(0, int(r / step + 0.01)) + 1)) * step for r in room]
    turn, mirrored = int(rng.integers(4)), bool(rng.integers(2))
    crops = []
    for one, n in ((chip, params.crop), (other, round(wide))):
        y, x = (round(c / one.gsd_m) for c in corner)
        pixels, valid, labels = _turned(_square(one, y, x, n), turn, mirrored=mirrored)
        lit = relight(pixels, one.channels, params, rng) * valid
        crops.append(Crop(np.ascontiguousarray(lit), np.ascontiguousarray(labels), one.gsd_m))
    return crops[0], crops[1]


class _Square(NamedTuple):
    pixels: Float[np.ndarray, "date band y x"]
    valid: Bool[np.ndarray, "y x"]
    labels: UInt8[np.ndarray, "y x"]


def _some_square(
    chip: Chip, wide: int, tries: int, rng: np.random.Generator, *, labelled: bool
) -> _Square:
    """The first of some drawn places that holds enough; the last where none does."""
    highest = [max(0, n - wide) for n in chip.valid.shape]
    for y, x in rng.integers(0, highest, (tries, 2), endpoint=True).tolist():
        square = _square(chip, y, x, wide)
        known = not labelled or bool((square.labels != UNKNOWN).any())
        if known and square.valid.mean() >= 0.5:
            break
    return square


def _square(chip: Chip, y: int, x: int, wide: int) -> _Square:
    """A window; what lies beyond the chip holds no data."""
    window = np.s_[..., y : y + wide, x : x + wide]
    valid = chip.valid[window]
    blank = np.full(chip.valid.shape, UNKNOWN, np.uint8) if chip.labels is None else chip.labels
    labels = np.where(valid, blank[window], UNKNOWN).astype(np.uint8)
    short = [(0, wide - n) for n in valid.shape]
    pixels = chip.pixels[window]
    if not any(n for _, n in short):
        return _Square(pixels, valid, labels)
    return _Square(
        np.pad(pixels, [(0, 0), (0, 0), *short]),
        np.pad(valid, short),
        np.pad(labels, short, constant_values=UNKNOWN),
    )


def _turned(square: _Square, turn: int, *, mirrored: bool) -> _Square:
    parts = [np.rot90(part, turn, (-2, -1)) for part in square]
    return _Square(*(part[..., ::-1] if mirrored else part for part in parts))


def relight(
    pixels: Float[np.ndarray, "date band y x"],
    channels: tuple[Channel, ...],
    params: BatchParams,
    rng: np.random.Generator,
) -> Float[np.ndarray, "date band y x"]:
    """Another gain and haze of optical bands, another calibration of radar; each date its own."""
    dates, bands = pixels.shape[:2]
    each = rng.normal(size=(2, dates, 1, 1, 1)), rng.normal(size=(dates, bands, 1, 1))
    (whole, haze), band = each
    radar = np.array([c.wavelength_um > _RADAR_UM for c in channels])[:, None, None]
    gain = np.exp(params.gain * whole + params.band_gain * band)
    shift = params.gain_db * _DB * (whole + 0.5 * band)
    lit = np.where(radar, pixels + shift, pixels * gain + params.offset * haze)
    return np.asarray(lit, np.float32)


def _resized(crop: Crop, side: int) -> Crop:
    """Bring a crop to another side, its GSD with it."""
    wide = crop.labels.shape[0]
    pixels = F.interpolate(
        torch.from_numpy(crop.pixels),
        (side, side),
        mode="bilinear",
        align_corners=False,
        antialias=wide > side,
    )
    labels = F.interpolate(
        torch.from_numpy(crop.labels)[None, None], (side, side), mode="nearest-exact"
    )[0, 0]
    return Crop(pixels.numpy(), labels.numpy(), crop.gsd_m * wide / side)
