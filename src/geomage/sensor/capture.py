"""From radiance to counts: optics, sampling, air, cloud, tone, noise, quantisation, compression."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from geomage.sensor import _kernels
from geomage.sensor.models import SensorModel

__all__ = ["Framing", "Shot", "capture", "cloud_alpha", "frame", "sample_shot"]

_STRIP = 0.75


@dataclass(frozen=True)
class Framing:
    """Where output pixels fall on the fine grid: row = row0 + ratio * i (pixel centres)."""

    rows: int
    columns: int
    ratio: float
    row0: float
    col0: float

    def pick(self, layer: np.ndarray) -> np.ndarray:
        """Take the nearest fine pixel (…, y, x) of a truth layer."""
        r = np.clip(
            np.rint(self.row0 + self.ratio * np.arange(self.rows)).astype(int),
            0,
            layer.shape[-2] - 1,
        )
        c = np.clip(
            np.rint(self.col0 + self.ratio * np.arange(self.columns)).astype(int),
            0,
            layer.shape[-1] - 1,
        )
        return np.asarray(layer[..., r[:, None], c[None, :]])


@dataclass(frozen=True)
class Shot:
    """The state of air and camera at one date."""

    blur_px: float = 0.55  # standard deviation of the point spread, output pixels
    haze: tuple[float, float, float] = (0.02, 0.025, 0.035)  # path reflectance
    clear: float = 0.95  # transmission of the air
    white: float = 0.45  # reflectance that maps to 255 when nothing is to be clipped
    clipped: float = 0.0  # share of clear pixels that saturate: the scene sets the white point
    gamma: float = 1.6
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    colour: float = 1.0  # saturation
    noise: float = 0.006
    sharpen: float = 0.0
    jpeg: int = 0  # quality, 0 none
    cloud: float = 0.0  # cover 0..1
    seed: int = 0


def sample_shot(rng: np.random.Generator, *, cloudy: float = 0.0) -> Shot:
    """Draw a shot; `cloudy` is the chance of cloud in it.

    Providers stretch each strip so that little of it saturates and take the blue of the air away:
    what they deliver is darker, more colourful and yellower than plain reflectance.
    """
    thick = abs(rng.normal(0, 0.035)) * rng.choice([0.3, 1.0, 1.8])
    bluish = np.array([0.75, 0.95, 1.25]) ** rng.uniform(0, 1.4)
    path = np.clip(thick * bluish, 0, 0.2)
    return Shot(
        blur_px=float(rng.uniform(0.3, 0.95)),
        haze=(float(path[0]), float(path[1]), float(path[2])),
        clear=float(1 - 1.6 * thick),
        white=float(rng.uniform(0.26, 0.68)),
        clipped=float(np.exp(rng.uniform(*np.log((0.0008, 0.08))))),
        gamma=float(rng.uniform(1.0, 2.4)),
        tint=(
            float(rng.normal(1.0, 0.06)),
            float(rng.normal(1.0, 0.04)),
            float(rng.uniform(0.62, 1.12)),
        ),
        colour=float(rng.uniform(0.4, 1.5)),
        noise=float(np.exp(rng.uniform(*np.log((0.0012, 0.014))))),
        sharpen=float(rng.choice([0, 0.4, 0.9, 1.6]) * rng.uniform(0.5, 1)),
        jpeg=int(rng.choice([0, 0, 60, 75, 90])),
        cloud=float(rng.uniform(0.15, 0.75)) if rng.random() < cloudy else 0.0,
        seed=int(rng.integers(2**31)),
    )


def frame(
    fine_px: float,
    fine_shape: tuple[int, int],
    gsd: float,
    shape: tuple[int, int],
    shift_m: tuple[float, float] = (0.0, 0.0),
) -> Framing:
    """Centre an output grid on a fine one.

    Args:
        fine_px: metres of a fine pixel.
        fine_shape: (rows, columns) of the fine grid.
        gsd: metres of an output pixel.
        shape: (rows, columns) of the output.
        shift_m: (east, north) by which the output lies off, metres.
    """
    ratio = gsd / fine_px
    row0 = (fine_shape[0] - 1) / 2 - ratio * (shape[0] - 1) / 2 - shift_m[1] / fine_px
    col0 = (fine_shape[1] - 1) / 2 - ratio * (shape[1] - 1) / 2 + shift_m[0] / fine_px
    return Framing(shape[0], shape[1], ratio, row0, col0)


def cloud_alpha(shape: tuple[int, int], cover: float, rng: np.random.Generator) -> np.ndarray:
    """Opacity of cloud (y, x) 0..1: fractal noise cut at the wanted cover."""
    field = np.zeros(shape, np.float32)
    for octave in range(5):
        cells = 2 ** (octave + 1) + 1
        coarse = rng.random((cells, cells)).astype(np.float32)
        zoomed = ndimage.zoom(
            coarse, (shape[0] / cells, shape[1] / cells), order=2, grid_mode=True, mode="nearest"
        )
        field += zoomed[: shape[0], : shape[1]] * 0.55**octave
    cut = np.quantile(field, 1 - cover)
    soft = rng.uniform(0.08, 0.45) * float(np.ptp(field))
    t = np.clip((field - cut) / soft + 0.4, 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def capture(
    radiance: np.ndarray, framing: Framing, shot: Shot, model: SensorModel | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Make counts (3, y, x) uint8 and the share of each pixel hidden by cloud or its shadow (y, x).

    Args:
        radiance: (3, y, x) normalised radiance on the fine grid.
        framing: where output pixels fall.
        shot: air and camera.
        model: sensor; None takes blur and noise from the shot alone.
    """
    rng = np.random.default_rng([shot.seed, 41])
    fine = np.empty_like(radiance)
    sigma, reach = _point_spread(framing, shot, model)
    for b in range(3):
        ndimage.gaussian_filter(radiance[b], sigma, output=fine[b], truncate=reach)
    out = np.empty((3, framing.rows, framing.columns), np.float32)
    _kernels.resample(fine, framing.row0, framing.col0, framing.ratio, out)
    hidden = np.zeros(out.shape[1:], np.float32)
    white = _white_point(out, shot)
    if shot.cloud > 0:
        out, hidden = _cloudy(out, shot.cloud, rng)
    out = out * shot.clear + np.array(shot.haze, np.float32)[:, None, None]
    noise = shot.noise if model is None else 0.3 / model.snr
    out += (
        rng.normal(0, 1, out.shape).astype(np.float32)
        * noise
        * np.sqrt(np.clip(out, 0.02, 1) / 0.3)
    )
    out = _tone(out, shot, white)
    return _compressed(np.clip(out * 255 + 0.5, 0, 255).astype(np.uint8), shot.jpeg), hidden


def _point_spread(
    framing: Framing, shot: Shot, model: SensorModel | None
) -> tuple[tuple[float, float], float]:
    """Standard deviations (rows, columns) in fine pixels of the blur, and where it is cut off."""
    if model is None:
        return (shot.blur_px * framing.ratio, shot.blur_px * framing.ratio), 2.6
    rows = framing.row0 + framing.ratio * np.arange(framing.rows)
    columns = framing.col0 + framing.ratio * np.arange(framing.columns)
    asked, ratio = model.mtf_nyquist, framing.ratio
    return (_sigma_for(asked, ratio, rows), _sigma_for(asked, ratio, columns)), 4.0


def _sigma_for(mtf_nyquist: float, ratio: float, at: np.ndarray) -> float:
    """Blur that makes sampling at the fine positions `at` (n,) pass `mtf_nyquist`.

    MTF(f) = exp(-2 pi^2 sigma^2 f^2) B(f) at f = 1 / (2 ratio) cycles a fine pixel, with the
    bilinear interpolation's B = |1 - t + t exp(2 pi i f)| at the sub-pixel phases t.
    """
    t = at - np.floor(at)
    f = 0.5 / ratio
    b = float(np.mean(np.abs(1 - t + t * np.exp(2j * np.pi * f))))
    if mtf_nyquist >= b:  # the fine grid is too coarse to be any sharper
        return 0.0
    return float(np.sqrt(-2 * np.log(mtf_nyquist / b)) * ratio / np.pi)


def _cloudy(
    image: np.ndarray, cover: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Put clouds and their shadows over an image."""
    alpha = cloud_alpha(image.shape[1:], cover, rng)
    away = tuple(float(v) for v in rng.integers(-120, 120, 2))
    shadow = ndimage.shift(alpha, away, order=0, mode="mirror") * (1 - alpha)
    white = rng.uniform(0.45, 0.8)
    dark = image * (1 - 0.62 * shadow)
    return dark * (1 - alpha) + white * alpha, np.maximum(alpha, 0.55 * shadow)


def _white_point(image: np.ndarray, shot: Shot) -> float:
    """Reflectance that maps to 255: `white`, or what the scene itself asks for.

    A strip is much longer than a scene: where all of a scene is dark, under water or ash, something
    else in the strip is not, and the white point stays at three quarters of `white` or more.
    """
    if shot.clipped <= 0:
        return shot.white
    asked = float(np.quantile(image.max(0), 1 - shot.clipped))
    return float(np.clip(asked, _STRIP * shot.white, 1.2))


def _tone(image: np.ndarray, shot: Shot, white: float) -> np.ndarray:
    """White point, tint, saturation, gamma, sharpening; 0..1."""
    grey = image.mean(0, keepdims=True)
    image = grey + (image - grey) * shot.colour
    image = np.clip(image / white * np.array(shot.tint, np.float32)[:, None, None], 0, None)
    image = np.minimum(image, 1.0) ** (1 / shot.gamma)
    if shot.sharpen > 0:
        soft = np.stack([ndimage.uniform_filter(b, 3) for b in image])
        image = image + shot.sharpen * (image - soft)
    return np.asarray(np.clip(image, 0, 1))


def _compressed(counts: np.ndarray, quality: int) -> np.ndarray:
    if quality == 0:
        return counts
    with io.BytesIO() as memory:
        Image.fromarray(np.ascontiguousarray(counts.transpose(1, 2, 0))).save(
            memory, "JPEG", quality=quality
        )
        return np.ascontiguousarray(np.asarray(Image.open(memory)).transpose(2, 0, 1))
