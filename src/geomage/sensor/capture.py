"""From radiance to counts: optics, sampling, air, cloud, tone, noise, quantisation, compression."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import lcm

import numpy as np
from PIL import Image
from scipy import ndimage

from geomage.errors import InputError
from geomage.sensor.air import Air, air_between, gas, haze_of, spread_light
from geomage.sensor.bands import VISIBLE, Band
from geomage.sensor.clouds import (
    CIRRUS_M,
    Clouds,
    cloud_colour,
    clouds_over,
    shadow_depth,
    thinned,
    veil_over,
)
from geomage.sensor.framing import Framing
from geomage.sensor.looks import Looks
from geomage.sensor.models import Optics, SensorModel
from geomage.sensor.optics import add_noise, blurred, brought_back, exposed, sharpened

__all__ = [
    "Shot",
    "capture",
    "develop",
    "expose",
    "exposed_shapes",
    "sample_shot",
    "sample_weather",
    "stride",
]

_STRIP = 0.75
_SPANS = {
    "blur_px": (0, 100), "white": (1e-6, 1e6), "clipped": (0, 1), "gamma": (0.01, 100),
    "noise": (0, 10), "common": (0, 1), "jpeg": (0, 100), "cloud": (0, 1),
    "cloud_height": (0, 20_000), "cloud_depth": (0, 1), "aerosol": (0, 10), "cirrus": (0, 1),
    "seed": (0, 2**64),
}  # fmt: skip
_SAMPLED_PX = 4096
_STRIP_ROWS = 1024  # of pictures, sharpened and compressed together, so that large ones fit memory
_MISJUDGED = 0.1  # relative error of aerosol and vapour in an atmospheric correction
_PAN_NM = Band("pan", 650.0, 300.0)


@dataclass(frozen=True)
class Shot:
    """The state of air and camera at one date.

    Pictures (8 bits) take haze, clear and all of the tone; linear products take aerosol and cirrus
    through the physics of `air`; cloud and looks serve both.
    """

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
    looks: Looks = field(default_factory=Looks)  # sun and view: where shadows of clouds fall
    cloud_height: float = 1500.0  # metres
    cloud_depth: float = 1.0  # opacity of the thickest cloud
    aerosol: float | None = 0.12  # optical thickness at 550 nm; None: no air at all
    cirrus: float = 0.0  # mean reflectance of high thin cloud
    common: float = 0.0  # share of a picture's noise that all bands have alike

    def __post_init__(self) -> None:
        for name, (least, most) in _SPANS.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                raise InputError(f"{name} of a shot is {value:g}, outside {least:g}..{most:g}")


def sample_shot(rng: np.random.Generator, *, cloudy: float = 0.0) -> Shot:
    """Draw a shot; `cloudy` is the chance of cloud in it.

    Providers stretch each strip so that little of it saturates and take the blue of the air away:
    what they deliver is darker, more colourful, greener and yellower than plain reflectance. Wider
    ranges look more like the real sets, one date by itself, and cost damage: what changed between
    two dates drowns in what two cameras made of it. A panchromatic band sharpens colours, so that
    its noise is in all of them: in the quietest squares of real pictures red and green agree by .8
    to .97.
    """
    thick = abs(rng.normal(0, 0.035)) * rng.choice([0.3, 1.0, 1.8])
    bluish = np.array([0.75, 0.95, 1.25]) ** rng.uniform(0, 1.4)
    path = np.clip(thick * bluish, 0, 0.2)
    return Shot(
        blur_px=float(rng.uniform(0.38, 1.0)),
        haze=(float(path[0]), float(path[1]), float(path[2])),
        clear=float(1 - 1.6 * thick),
        white=float(rng.uniform(0.32, 0.68)),
        clipped=float(np.exp(rng.uniform(*np.log((0.0008, 0.03))))),
        gamma=float(rng.uniform(1.0, 1.9)),
        tint=(
            float(rng.normal(0.95, 0.08)),
            float(rng.normal(1.03, 0.06)),
            float(rng.uniform(0.74, 1.05)),
        ),
        colour=float(rng.uniform(0.7, 1.5)),
        noise=float(np.exp(rng.uniform(*np.log((0.004, 0.016))))),
        sharpen=float(rng.choice([0, 0, 0.5, 1.0]) * rng.uniform(0.5, 1)),
        jpeg=int(rng.choice([0, 0, 60, 75, 90])),
        cloud=float(rng.uniform(0.15, 0.75)) if rng.random() < cloudy else 0.0,
        seed=int(rng.integers(2**31)),
        common=float(rng.uniform(0.8, 1.0)),
    )


def sample_weather(rng: np.random.Generator, shot: Shot, looks: Looks) -> Shot:
    """Put a shot under a sun and a sky: aerosol, clouds' height, now and then thin ones or cirrus.

    Aerosol is log-normal about 0.12, as over land far from cities (AERONET; rounded by us).
    """
    return replace(
        shot,
        looks=looks,
        cloud_height=float(rng.uniform(600, 3000)),
        aerosol=float(np.clip(0.12 * np.exp(rng.normal(0, 0.6)), 0.02, 0.8)),
        cirrus=float(rng.uniform(0.003, 0.04)) if rng.random() < 0.2 else 0.0,
        cloud_depth=float(rng.uniform(0.4, 0.9)) if rng.random() < 0.6 else 1.0,
    )


@dataclass(frozen=True)
class _Sky:
    """What lies over a frame: `frame` is the product's; veil (1, y, x)."""

    frame: Framing
    shot: Shot
    clouds: Clouds | None = None
    veil: np.ndarray | None = None


def capture(
    radiance: np.ndarray, framing: Framing, shot: Shot, model: SensorModel | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Make counts (band, y, x) and the share of each pixel hidden by cloud or its shadow (y, x).

    Args:
        radiance: (band, y, x) normalised radiance on the fine grid, in the model's bands: what a
            level white ground in full sun would give is 1.
        framing: where output pixels fall: the grid of the finest band. Coarser bands are taken at
            their own GSD and brought onto it.
        shot: air and camera.
        model: sensor; None is a camera of red, green and blue with blur and noise from the shot.

    Raises:
        InputError: other bands than the sensor has, or radiance that is not finite.
    """
    bands = VISIBLE if model is None else model.bands
    if radiance.ndim != 3 or min(radiance.shape[1:]) < 2 or not np.isfinite(radiance).all():
        raise InputError(
            f"radiance {radiance.shape} must be finite, and (band, y, x) of 2 x 2 px or more"
        )
    if len(radiance) != len(bands):
        raise InputError(
            f"radiance of {len(radiance)} bands for a sensor of {len(bands)}: "
            f"give one each of {', '.join(b.name for b in bands)}"
        )
    return develop(expose(radiance, framing, shot, model), framing, shot, model)


def expose(
    radiance: np.ndarray, framing: Framing, shot: Shot, model: SensorModel | None = None
) -> list[np.ndarray]:
    """What reaches the detectors from the ground: the part of `capture` that sees the fine grid.

    Returns:
        One array (band, y, x) a GSD of the sensor, finest first, each on its own grid, and last
        the panchromatic band where there is one: see `exposed_shapes`. Windows of a frame that
        begin at a multiple of `stride` give the same as windows of the whole.
    """
    if model is None:
        sigma = shot.blur_px * framing.ratio
        return [blurred(radiance, framing, sigma, 2.6)]
    grounds = []
    for gsd, which in _groups(model):
        own = framing.coarser(gsd / model.gsd)
        layers = [exposed(radiance[b : b + 1], own, model.optics[b], gsd)[0] for b in which]
        grounds.append(np.stack(layers))
    if model.level != "picture" and model.sharpening is not None:
        weights = np.array(model.sharpening.weights)
        grey = np.tensordot(weights.astype(np.float32), radiance, 1)[None]
        grounds.append(exposed(grey, framing, model.sharpening.optics, model.gsd))
    return grounds


def exposed_shapes(framing: Framing, model: SensorModel) -> list[tuple[int, int, int]]:
    """Shapes (band, y, x) of what `expose` returns for a frame."""
    shapes = []
    for gsd, which in _groups(model):
        own = framing.coarser(gsd / model.gsd)
        shapes.append((len(which), own.rows, own.columns))
    if model.level != "picture" and model.sharpening is not None:
        shapes.append((1, framing.rows, framing.columns))
    return shapes


def stride(model: SensorModel) -> int | None:
    """Pixels after which all grids of a sensor begin anew; None where its GSDs do not nest."""
    times = [gsd / model.gsd for gsd, _ in _groups(model)]
    if any(abs(t - round(t)) > 1e-6 for t in times):
        return None
    return lcm(*(round(t) for t in times))


def _groups(model: SensorModel) -> list[tuple[float, list[int]]]:
    """GSDs of a sensor, finest first, with the bands taken at each; a picture has but one."""
    if model.level == "picture":
        return [(model.gsd, list(range(len(model.bands))))]
    found = sorted({o.gsd for o in model.optics})
    return [(g, [b for b, o in enumerate(model.optics) if o.gsd == g]) for g in found]


def develop(
    grounds: Sequence[np.ndarray], framing: Framing, shot: Shot, model: SensorModel | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Make counts of what `expose` gave for a whole frame, and the share hidden by cloud."""
    rng = np.random.default_rng([shot.seed, 41])
    sky = _sky_over(framing, shot, linear=model is not None and model.level != "picture", rng=rng)
    if model is None or model.level == "picture":
        counts = _pictured(grounds[0], sky, model, rng)
    else:
        counts = _measured(grounds, sky, model, rng)
    return counts, _hidden(sky)


def _sky_over(framing: Framing, shot: Shot, *, linear: bool, rng: np.random.Generator) -> _Sky:
    clouds = veil = None
    if shot.cloud > 0:
        clouds = clouds_over(framing, shot.cloud, shot.cloud_height, shot.looks, rng)
        clouds = thinned(clouds, shot.cloud_depth)
    if linear and shot.cirrus > 0:
        veil = veil_over(framing, shot.cirrus, rng)[None]
    return _Sky(framing, shot, clouds, veil)


def _hidden(sky: _Sky) -> np.ndarray:
    """Share of each pixel (y, x) hidden by cloud or its shadow."""
    if sky.clouds is None:
        return np.zeros((sky.frame.rows, sky.frame.columns), np.float32)
    return np.asarray(np.maximum(sky.clouds.alpha, np.float32(0.55) * sky.clouds.shadow))


def _pictured(
    ground: np.ndarray, sky: _Sky, model: SensorModel | None, rng: np.random.Generator
) -> np.ndarray:
    """Make an 8-bit picture: all bands at one GSD, through a tone curve."""
    shot, framing = sky.shot, sky.frame
    bands: tuple[Band, ...] = VISIBLE if model is None else model.bands
    if model is None:
        optics = [Optics(framing.gsd, 0.5, 0.3 / max(shot.noise, 1e-9))] * 3
    else:
        optics = list(model.optics)
    white = [_white_point(ground[:3], shot)] + [_white_point(b[None], shot) for b in ground[3:]]
    out = np.empty((len(bands), framing.rows, framing.columns), np.uint8)
    for top in range(0, framing.rows, _STRIP_ROWS):
        rows = slice(top, min(top + _STRIP_ROWS, framing.rows))
        part = _strip(sky, rows)
        air = haze_of(bands, shot.haze, shot.clear)
        seen = _through(ground[:, rows], part.frame, bands, air, part)
        seen = add_noise(seen, optics, rng, shot.common)
        tuned = [_tone(seen[:3], shot, white[0])]
        tuned += [_curve(b[None], shot.gamma, w) for b, w in zip(seen[3:], white[1:], strict=True)]
        counts = np.clip(np.concatenate(tuned) * 255 + 0.5, 0, 255).astype(np.uint8)
        lossy = model is None or model.lossy
        out[:, rows] = _compressed(counts, shot.jpeg if lossy else 0)
    return out


def _strip(sky: _Sky, rows: slice) -> _Sky:
    """Some rows of what lies over a picture."""
    frame = replace(
        sky.frame, rows=rows.stop - rows.start, row0=sky.frame.row0 + sky.frame.ratio * rows.start
    )
    clouds = sky.clouds
    if clouds is not None:
        clouds = replace(clouds, alpha=clouds.alpha[rows], shadow=clouds.shadow[rows])
    return _Sky(frame, sky.shot, clouds, None if sky.veil is None else sky.veil[:, rows])


def _measured(
    grounds: Sequence[np.ndarray], sky: _Sky, model: SensorModel, rng: np.random.Generator
) -> np.ndarray:
    """Make counts proportional to reflectance, each band at its own GSD."""
    shot, framing = sky.shot, sky.frame
    out = np.empty((len(model.bands), framing.rows, framing.columns), np.float32)
    for ground, (gsd, which) in zip(grounds, _groups(model), strict=False):
        bands, times = [model.bands[b] for b in which], gsd / model.gsd
        own = framing.coarser(times)
        air = air_between(bands, shot.aerosol, shot.looks)
        samples = _through(ground, own, bands, air, sky)
        samples = add_noise(samples, [model.optics[b] for b in which], rng)
        out[which] = brought_back(samples, times, own, framing)
    if model.sharpening is not None:
        out = sharpened(out, _pan(grounds[-1], sky, model, rng), model)
    if model.level == "surface":
        out = _corrected(out, model.bands, shot, rng)
    counts = np.clip(out * model.scale + 0.5, 0, 2**model.bits - 1)
    return np.asarray(counts.astype(model.dtype))


def _pan(ground: np.ndarray, sky: _Sky, model: SensorModel, rng: np.random.Generator) -> np.ndarray:
    """Take the panchromatic band (y, x) on the product's grid.

    It keeps the contrast of its own GSD; resampling from there to the product's is taken as ideal.
    """
    assert model.sharpening is not None
    weights = np.array(model.sharpening.weights)
    air = air_between(model.bands, sky.shot.aerosol, sky.shot.looks)
    mean = Air(*(np.array([weights @ part]) for part in vars(air).values()))
    seen = _through(ground, sky.frame, [_PAN_NM], mean, sky)
    return np.asarray(add_noise(seen, [model.sharpening.optics], rng)[0])


def _through(
    ground: np.ndarray, own: Framing, bands: Sequence[Band], air: Air, sky: _Sky
) -> np.ndarray:
    """Look at ground reflectance (band, y, x) on `own` through cloud, its shadow and the air."""

    def column(values: np.ndarray) -> np.ndarray:
        return values.astype(np.float32)[:, None, None]

    if air.mixed.any():
        ground = spread_light(ground, air, own.gsd)
    scatter = column(air.clear / air.gases)
    if sky.clouds is None:
        seen = ground * column(air.clear)
    else:
        c = sky.clouds
        alpha, shadow, top = sky.frame.sampled(np.stack([c.alpha, c.shadow, c.white]), own)
        dark = ground * (1 - column(shadow_depth(bands)) * shadow)
        white = column(cloud_colour(bands) * _above(bands, air, c.height)) * scatter
        seen = dark * (1 - alpha) * column(air.clear) + white * (top * alpha)
    seen = seen + column(air.path)
    if sky.veil is not None:
        veil = sky.frame.sampled(sky.veil, own)
        seen = seen * (1 - veil) + veil * column(_above(bands, air, CIRRUS_M))
    return np.asarray(seen, np.float32)


def _above(bands: Sequence[Band], air: Air, height: float) -> np.ndarray:
    """Transmission (n,) of the gases above a cloud; 1 where the air has none."""
    return np.where(air.gases < 1, gas(bands, height), 1.0)


def _corrected(
    seen: np.ndarray, bands: Sequence[Band], shot: Shot, rng: np.random.Generator
) -> np.ndarray:
    """Take the air out of top-of-atmosphere reflectance, with aerosol and vapour misjudged.

    By a tenth (one standard deviation), what ESA aims at for Level-2A of Sentinel-2 (GMES-GSEG-
    EOPG-TN-09-0008, 4.4.4.2). Light of the surroundings stays in.
    """
    wrong = np.exp(_MISJUDGED * rng.standard_normal(2))
    aerosol = None if shot.aerosol is None else shot.aerosol * float(wrong[0])
    air = air_between(bands, aerosol, shot.looks, float(wrong[1]))
    path, clear = (a.astype(np.float32)[:, None, None] for a in (air.path, air.clear))
    return np.asarray((seen - path) / clear, np.float32)


def _white_point(image: np.ndarray, shot: Shot) -> float:
    """Reflectance that maps to 255: `white`, or what the scene itself asks for.

    A strip is much longer than a scene: where all of a scene is dark, under water or ash, something
    else in the strip is not, and the white point stays at three quarters of `white` or more.
    Measured on every n-th pixel of images with a side of more than 4096.
    """
    if shot.clipped <= 0:
        return shot.white
    every = 1 + (max(image.shape[1:]) - 1) // _SAMPLED_PX
    brightest = image[:, ::every, ::every].max(0)
    asked = float(np.quantile(brightest, 1 - shot.clipped))
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


def _curve(image: np.ndarray, gamma: float, white: float) -> np.ndarray:
    """White point and gamma of a band that is no colour; 0..1."""
    return np.asarray(np.clip(image / white, 0, 1) ** (1 / gamma))


def _compressed(counts: np.ndarray, quality: int) -> np.ndarray:
    """Compress bands (band, y, x) as JPEG does: three as colours, any other as grey."""
    if quality == 0:
        return counts
    parts = [counts[:3].transpose(1, 2, 0), *counts[3:]]
    packed = [np.atleast_3d(_jpeg(part, quality)).transpose(2, 0, 1) for part in parts]
    return np.ascontiguousarray(np.concatenate(packed))


def _jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    with io.BytesIO() as memory:
        Image.fromarray(np.ascontiguousarray(image)).save(memory, "JPEG", quality=quality)
        return np.asarray(Image.open(memory))
