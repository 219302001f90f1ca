"""Every sensor of the table, band by band: sharpness, noise, counts, places, bytes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from geomage.sensor import SENSORS, Band, SensorModel, Shot, capture, frame

# no air, no tone
CLEAN = Shot(haze=(0.0, 0.0, 0.0), clear=1.0, white=1.0, gamma=1.0, noise=0.0, aerosol=None, seed=5)


def _parts(model: SensorModel) -> list[SensorModel]:
    """Return the instruments of a sensor: itself, or its colours and its pan band alone."""
    if model.sharpening is None:
        return [model]
    colour, pan = model.optics[0], model.sharpening.optics
    alone = replace(model, sharpening=None)
    return [
        replace(alone, name=f"{model.name} colour", gsd=colour.gsd),
        replace(
            alone, name=f"{model.name} pan", gsd=pan.gsd, optics=(pan,),
            bands=(Band("pan", 650.0, 300.0),),
        ),
    ]  # fmt: skip


PARTS = [part for model in SENSORS.values() for part in _parts(model)]
EVERY = [
    pytest.param(part, band, id=f"{part.name} {part.names[band]}")
    for part in PARTS
    for band in range(len(part.bands))
]
MODELS = [pytest.param(model, id=name) for name, model in SENSORS.items()]
LINEAR = [pytest.param(m, id=n) for n, m in SENSORS.items() if m.level != "picture"]


def silent(model: SensorModel) -> SensorModel:
    """Return the sensor without noise."""
    pan = model.sharpening
    if pan is not None:
        pan = replace(pan, optics=replace(pan.optics, snr=1e9))
    optics = tuple(replace(o, snr=1e9) for o in model.optics)
    return replace(model, optics=optics, sharpening=pan)


def alone(model: SensorModel, band: int) -> SensorModel:
    """Return the sensor with one of its bands, on the grid of its product."""
    if model.level == "picture":  # red, green and blue come together
        return model
    return replace(model, bands=(model.bands[band],), optics=(model.optics[band],))


def taken(model: SensorModel, band: int, image: np.ndarray, framing, shot: Shot) -> np.ndarray:
    """Reflectance (y, x) that a band measures of an image, at its own samples."""
    one, every = alone(model, band), round(model.optics[band].gsd / model.gsd)
    counts, _ = capture(np.repeat(image[None], len(one.bands), 0), framing, shot, one)
    kept = counts[band if one is model else 0].astype(float)[::every, ::every]
    return kept / model.scale


@pytest.mark.parametrize(("model", "band"), EVERY)
def test_modulation_is_the_one_of_the_table(model, band):
    every, n = round(model.optics[band].gsd / model.gsd), 40
    framing = frame(1.0, (2 * n * every + 20, 2 * n * every + 21), 2.0, (n * every, n * every))
    own = framing.coarser(every)
    rows, columns = np.indices((2 * n * every + 20, 2 * n * every + 21))
    x, y = (columns - own.col0) / own.ratio, (rows - own.row0) / own.ratio
    fx, fy = 0.47, 0.06  # at Nyquist itself a wave and its alias cannot be told apart
    wave = (0.4 + 0.3 * np.cos(2 * np.pi * (fx * x + fy * y))).astype(np.float32)
    seen = taken(silent(model), band, wave, framing, CLEAN)[6:-6, 6:-6]
    i, j = np.indices((n, n))[:, 6:-6, 6:-6]
    phase = 2 * np.pi * (fx * j + fy * i).ravel()
    design = np.stack([np.cos(phase), np.sin(phase), np.ones(phase.size)], 1)
    a, b, mean = np.linalg.lstsq(design, seen.ravel(), rcond=None)[0]
    asked = model.optics[band].mtf ** ((fx**2 + fy**2) / 0.25)
    assert np.hypot(a, b) / 0.3 == pytest.approx(asked, rel=0.05)
    assert mean == pytest.approx(0.4, rel=0.01)


@pytest.mark.parametrize(("model", "band"), EVERY)
def test_signal_to_noise_is_the_one_of_the_table(model, band):
    at, snr = model.optics[band].at, model.optics[band].snr
    every = round(model.optics[band].gsd / model.gsd)
    side = 110 * every
    framing = frame(1.0, (side, side), 1.0, (side, side))
    plane = np.full((side, side), at, np.float32)
    seen = taken(model, band, plane, framing, CLEAN)
    noise = np.sqrt(seen.var() - (1 / model.scale) ** 2 / 12)
    assert seen.mean() == pytest.approx(at, abs=0.6 / model.scale + 4 * at / snr / 110)
    assert at / noise == pytest.approx(snr, rel=0.04)


@pytest.mark.parametrize("model", LINEAR)
def test_counts_are_reflectance_times_scale_to_the_nearest_and_stop_at_the_top(model):
    top = 2**model.bits - 1
    for value in (0.0, 0.1234, 0.5, 9.0):
        plane = np.full((len(model.bands), 40, 40), value, np.float32)
        counts, _ = capture(plane, frame(0.5, (40, 40), 1.0, (20, 20)), CLEAN, silent(model))
        assert counts.dtype == model.dtype
        assert counts.shape == (len(model.bands), 20, 20)
        assert np.abs(counts.astype(float) - min(value * model.scale, top)).max() <= 0.51


@pytest.mark.parametrize("model", MODELS)
def test_every_band_is_taken_where_the_truth_is(model):
    side, n = 132, 60  # of 60 m, ten pixels
    framing = frame(1.0, (side, side), 2.0, (n, n), (0.3, -0.7))
    rows, columns = np.indices((side, side)).astype(np.float32)
    for ramp in (rows / side, columns / side):
        image = np.repeat(ramp[None], len(model.bands), 0)
        quiet = replace(silent(model), sharpening=None)
        counts, _ = capture(image, framing, CLEAN, quiet)
        first = framing.row0 if ramp[1, 0] > 0 else framing.col0
        truth = (first + framing.ratio * np.arange(n)) / side
        for seen, optics in zip(counts, model.optics, strict=True):
            along = seen.mean(1 if ramp[1, 0] > 0 else 0) / model.scale
            every = max(1, round(optics.gsd / model.gsd))
            blocks = slice(2 * every, n - n % every - 2 * every)  # blur knows no ground beyond
            found = along[blocks].reshape(-1, every).mean(1)
            there = truth[blocks].reshape(-1, every).mean(1)
            assert np.abs(found - there).max() < 0.6 / model.scale + 0.1 / side


@pytest.mark.parametrize("model", MODELS)
def test_the_same_shot_gives_the_same_bytes_and_another_seed_others(model):
    rng = np.random.default_rng(1)
    image = rng.uniform(0.05, 0.4, (len(model.bands), 96, 96)).astype(np.float32)
    kept = image.copy()
    shot = Shot(cloud=0.4, cirrus=0.02, jpeg=80, seed=3)
    framing = frame(0.5, (96, 96), 1.0, (40, 42))
    once, again = (capture(image, framing, shot, model) for _ in range(2))
    other = capture(image, framing, replace(shot, seed=4), model)
    assert image.tobytes() == kept.tobytes()
    assert once[0].tobytes() == again[0].tobytes()
    assert once[1].tobytes() == again[1].tobytes()
    assert once[0].tobytes() != other[0].tobytes()


MERGED = [pytest.param(m, id=n) for n, m in SENSORS.items() if m.sharpening is not None]


@pytest.mark.parametrize("model", MERGED)
def test_sharpening_gives_grey_detail_the_contrast_of_the_pan_band(model):
    n, pan = 48, model.sharpening.optics
    framing = frame(0.5, (2 * n + 20, 2 * n + 20), 1.0, (n, n))
    columns = (np.indices((2 * n + 20, 2 * n + 20))[1] - framing.col0) / framing.ratio
    f = 0.44 * min(1.0, model.gsd / pan.gsd)  # cycles a pixel of the product
    wave = (0.3 + 0.2 * np.cos(2 * np.pi * f * columns)).astype(np.float32)
    image = np.repeat(wave[None], len(model.bands), 0)
    counts, _ = capture(image, framing, CLEAN, silent(model))
    phase = 2 * np.pi * f * np.arange(n)[8:-8]
    design = np.stack([np.cos(phase), np.sin(phase), np.ones(phase.size)], 1)
    asked = pan.mtf ** ((f * pan.gsd / model.gsd) ** 2 / 0.25)
    for band in counts:
        line = band[n // 2, 8:-8] / model.scale
        a, b, _ = np.linalg.lstsq(design, line, rcond=None)[0]
        assert np.hypot(a, b) / 0.2 == pytest.approx(asked, rel=0.1)


@pytest.mark.parametrize("model", MERGED)
def test_colour_bleeds_over_an_edge_that_the_pan_band_does_not_see(model):
    n = 48
    weights = np.array(model.sharpening.weights)
    red = model.colours[0]
    side = 2 * n + 20
    image = np.full((len(model.bands), side, side), 0.2, np.float32)
    image[red, :, side // 2 :] += 0.1
    blue = model.colours[2]
    image[blue, :, side // 2 :] -= 0.1 * weights[red] / weights[blue]  # the same grey
    counts, _ = capture(image, frame(0.5, (side, side), 1.0, (n, n)), CLEAN, silent(model))
    line = counts[red, n // 2] / model.scale
    between = ((line > 0.21) & (line < 0.29)).sum()
    assert between >= model.optics[0].gsd / model.gsd - 1  # pixels: a colour sample or so
    assert between <= 3 * model.optics[0].gsd / model.gsd
