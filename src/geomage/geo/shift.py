"""The residual shift between two rasters of one place, by phase correlation of many blocks.

Each pair of blocks is flattened (local mean and contrast removed, so that sun, season and haze
weigh little), and its whitened cross-power spectrum R(k) = F*(k) G(k) / |F(k) G(k)| is added to a
common sum. The place of the peak of its inverse transform is the shift: one answer from all blocks,
which rubble in some and water in others cannot turn.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import rasterio.warp
import scipy.fft
from rasterio.enums import Resampling
from scipy.ndimage import uniform_filter

from geomage.errors import InputError
from geomage.geo.grid import ground_gsd, warp_crs
from geomage.geo.raster import Raster

BLOCK = 256  # px, side of a block
_SMALLEST = 64  # px, blocks below this hold too little to match
_MOST = 10  # blocks along each side
_FULL = 0.98  # of a block that must hold data at both dates
_BLUR = 1.2  # px, width of the peak, so that a parabola finds its top
_NEAR = 1.5  # px, within which a block agrees with the sum
_CLEAR = 7.0  # standard deviations of the surface above which a peak is no chance
_SURE = 12.0  # the same, where one agreeing block is enough

Pair = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Shift:
    """How far the content of the moving raster lies from that of the reference, in metres.

    `dx_m` is positive when the moving content lies to the right (east), `dy_m` when it lies above
    (north). `score` in 0..1 is the share of blocks that agree. `reason` says why a shift of zero is
    given although none could be measured; it is empty when one was.
    """

    dx_m: float
    dy_m: float
    score: float
    reason: str = ""


def measure_shift(reference: Raster, moving: Raster, *, largest_m: float = 10.0) -> Shift:
    """Measure how far `moving` lies from `reference`.

    Args:
        reference: any bands; their mean is compared.
        moving: brought to the grid of `reference` first when it has another.
        largest_m: shifts beyond this are not looked for, metres.

    Returns:
        The shift, or zero with a reason when none can be trusted.
    """
    if (reference.box.crs is None) != (moving.box.crs is None):
        raise InputError("one raster has a CRS and the other has none; their shift has no meaning")
    still, good = _grey(reference)
    if moving.box == reference.box:
        other, seen = _grey(moving)
    else:
        other, seen = _bring(moving, reference)
    return shift_of_blocks(_cut(still, other, good & seen), ground_gsd(reference.box), largest_m)


def shift_of_blocks(pairs: Iterable[Pair], gsd: float, largest_m: float = 10.0) -> Shift:
    """The shift that pairs of equal square blocks, (y, x) float32 each, agree on.

    Args:
        pairs: (reference, moving) blocks of one size, without missing values.
        gsd: side of a pixel, metres.
        largest_m: shifts beyond this are not looked for, metres.
    """
    spectra = [_cross_power(still, moving) for still, moving in pairs]
    if not spectra:
        return Shift(0.0, 0.0, 0.0, "too little ground seen at both dates")
    reach = min(math.ceil(largest_m / gsd), spectra[0].shape[0] // 2 - 2)
    col, row, clear = _peak(sum(spectra[1:], spectra[0]), reach)
    own = [_peak(spectrum, reach) for spectrum in spectra]
    agree = [math.hypot(c - col, r - row) <= _NEAR for c, r, _ in own]
    score = float(np.mean(agree))
    # One block agrees by chance once in a hundred times, two hardly ever.
    if clear < _CLEAR or sum(agree) < (2 if clear < _SURE else 1):
        return Shift(0.0, 0.0, score, "the two dates are too unlike to measure a shift")
    if math.hypot(col, row) * gsd > largest_m:
        return Shift(0.0, 0.0, score, f"the best match lies beyond {largest_m:g} m")
    return Shift(col * gsd, -row * gsd, score)


def flatten(block: np.ndarray) -> np.ndarray:
    """Remove local mean and local contrast of a (y, x) block; float32."""
    values = block.astype("float32")
    mean = uniform_filter(values, 15, mode="reflect")
    spread = uniform_filter(values * values, 31, mode="reflect")
    spread -= uniform_filter(values, 31, mode="reflect") ** 2
    floor = float(spread.mean()) * 0.1 + 1e-6
    return np.asarray((values - mean) / np.sqrt(np.maximum(spread, 0) + floor), "float32")


def _cross_power(still: np.ndarray, moving: np.ndarray) -> np.ndarray:
    """Whitened cross-power spectrum, (y, x // 2 + 1) complex64."""
    fade = np.hanning(still.shape[0]).astype("float32")
    taper = np.outer(fade, fade)
    product = np.conj(scipy.fft.rfft2(flatten(still) * taper))
    product *= scipy.fft.rfft2(flatten(moving) * taper)
    return np.asarray(product / (np.abs(product) + 1e-9), "complex64")


def _peak(spectrum: np.ndarray, reach: int) -> tuple[float, float, float]:
    """(column, row, clearness) of the highest place within `reach` pixels of no shift."""
    side = spectrum.shape[0]
    v = scipy.fft.fftfreq(side)[:, None]
    u = scipy.fft.rfftfreq(side)[None, :]
    low = np.exp(-2 * (math.pi * _BLUR) ** 2 * (u * u + v * v))
    surface = np.fft.fftshift(scipy.fft.irfft2(spectrum * low, s=(side, side)))
    middle = side // 2
    window = surface[middle - reach : middle + reach + 1, middle - reach : middle + reach + 1]
    row, col = np.unravel_index(int(window.argmax()), window.shape)
    row, col = int(row) + middle - reach, int(col) + middle - reach
    clear = (surface[row, col] - surface.mean()) / (surface.std() + 1e-12)
    return (
        col - middle + _top(surface[row, col - 1 : col + 2]),
        row - middle + _top(surface[row - 1 : row + 2, col]),
        float(clear),
    )


def _top(three: np.ndarray) -> float:
    """Where the Gauss curve through three neighbours is highest, in -0.5..0.5 of the middle one."""
    before, here, after = np.log(np.maximum(three, 1e-9))
    bend = before - 2 * here + after
    return 0.0 if bend >= 0 else float(np.clip((before - after) / (2 * bend), -0.5, 0.5))


def _grey(raster: Raster) -> tuple[np.ndarray, np.ndarray]:
    valid = raster.valid()
    return np.where(valid, raster.values.astype("float32").mean(axis=0), 0), valid


def _bring(moving: Raster, reference: Raster) -> tuple[np.ndarray, np.ndarray]:
    """Grey values and validity of `moving` on the grid of `reference`."""
    grey, valid = _grey(moving)
    grey[~valid] = np.nan
    out = np.full(tuple(reference.box.shape), np.nan, "float32")
    rasterio.warp.reproject(
        grey,
        out,
        src_transform=moving.box.affine,
        src_crs=warp_crs(moving.box),
        src_nodata=np.nan,
        dst_transform=reference.box.affine,
        dst_crs=warp_crs(reference.box),
        dst_nodata=np.nan,
        resampling=Resampling.bilinear,
    )
    seen = np.isfinite(out)
    return np.where(seen, out, 0), seen


def _cut(still: np.ndarray, moving: np.ndarray, both: np.ndarray) -> Iterator[Pair]:
    for part in block_places(both):
        yield still[part], moving[part]


def block_places(both: np.ndarray) -> list[tuple[slice, slice]]:
    """Places of equal square blocks, at most 10 x 10, spread over what both dates show.

    Args:
        both: (y, x) bool, where both hold data.
    """
    rows, cols = (np.flatnonzero(both.any(axis=axis)) for axis in (1, 0))
    if rows.size == 0:
        return []
    frame = (int(rows[0]), int(cols[0]), int(rows[-1]) + 1, int(cols[-1]) + 1)
    return [place for place in spread_places(frame) if is_shown(both[place])]


def spread_places(frame: tuple[int, int, int, int]) -> list[tuple[slice, slice]]:
    """Places of equal square blocks, at most 10 x 10, spread over a frame.

    Args:
        frame: first row and column of what both dates show, and those behind the last.
    """
    top, left = frame[:2]
    height, width = frame[2] - top, frame[3] - left
    side = BLOCK
    while side > min(height, width):
        side //= 2
    if side < _SMALLEST:
        return []
    return [
        (slice(top + row, top + row + side), slice(left + col, left + col + side))
        for row in _spread(height, side)
        for col in _spread(width, side)
    ]


def is_shown(both: np.ndarray) -> bool:
    """Whether enough of a block, (y, x) bool where both dates hold data, can be compared."""
    return bool(both.mean() > _FULL)


def _spread(length: int, side: int) -> list[int]:
    """Starts of blocks of `side` pixels, evenly over `length` pixels."""
    count = max(1, min(_MOST, length // side))
    return sorted({round(start) for start in np.linspace(0, length - side, count)})
