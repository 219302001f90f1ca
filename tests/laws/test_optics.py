"""A sensor blurs and is noisy as much as its table says, and samples where its frame says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geomage.sensor import SENSORS, Framing, SensorModel, Shot, capture, frame

N = 64  # pixels a side
# no air, no tone: counts are 255 times reflectance
CLEAN = Shot(haze=(0.0, 0.0, 0.0), clear=1.0, white=1.0, gamma=1.0, noise=0.0)
MODELS = [model for model in SENSORS.values() if model.names == ("red", "green", "blue")]
NAMES = [model.name for model in MODELS]


def silent(model: SensorModel) -> SensorModel:
    return replace(model, optics=tuple(replace(o, snr=1e9) for o in model.optics))


def framing_of(ratio: float, *, odd: int = 0, shift: tuple[float, float] = (0.0, 0.0)) -> Framing:
    side = round(N * ratio) + 24 + odd
    return frame(1 / ratio, (side, side), 1.0, (N, N), shift)


def modulation(model: SensorModel, framing: Framing, fx: float, fy: float) -> float:
    """Contrast of a wave that comes out, over that which goes in; cycles an output pixel."""
    side = round(N * framing.ratio) + 25
    rows, columns = np.indices((side, side))
    x, y = (columns - framing.col0) / framing.ratio, (rows - framing.row0) / framing.ratio
    wave = 0.5 + 0.4 * np.cos(2 * np.pi * (fx * x + fy * y))
    counts, _ = capture(np.repeat(wave[None], 3, 0).astype(np.float32), framing, CLEAN, model)
    i, j = np.indices((N, N))[:, 6:-6, 6:-6]
    phase = 2 * np.pi * (fx * j + fy * i).ravel()
    design = np.stack([np.cos(phase), np.sin(phase), np.ones(phase.size)], 1)
    seen = counts[1][6:-6, 6:-6].ravel() / 255
    a, b, _ = np.linalg.lstsq(design, seen, rcond=None)[0]
    return float(np.hypot(a, b) / 0.4)


@pytest.mark.parametrize("model", MODELS, ids=NAMES)
@pytest.mark.parametrize("odd", [0, 1])
@pytest.mark.parametrize("ratio", [1.6, 2.0, 3.0])
def test_modulation_near_nyquist_is_the_one_asked(model, ratio, odd):
    fx, fy = 0.47, 0.06  # at Nyquist itself a wave and its alias cannot be told apart
    asked = model.optics[1].mtf ** ((fx**2 + fy**2) / 0.25)
    for shift in ((0.0, 0.0), (0.37, -0.21)):
        framing = framing_of(ratio, odd=odd, shift=shift)
        assert modulation(silent(model), framing, fx, fy) == pytest.approx(asked, rel=0.06)
        assert modulation(silent(model), framing, fy, fx) == pytest.approx(asked, rel=0.06)


def test_modulation_of_a_slanted_edge_at_nyquist_is_the_one_asked():
    model, ratio, tilt = silent(SENSORS["vhr-0.5"]), 4.0, np.radians(6)
    framing = framing_of(ratio)
    side = round(N * ratio) + 24
    rows, columns = np.indices((side, side))
    x, y = (columns - framing.col0) / ratio, (rows - framing.row0) / ratio
    away = (x - N / 2) * np.cos(tilt) + (y - N / 2) * np.sin(tilt)
    edge = 0.2 + 0.6 * np.clip(0.5 + away * ratio, 0, 1)  # each fine pixel by its covered part
    counts, _ = capture(np.repeat(edge[None], 3, 0).astype(np.float32), framing, CLEAN, model)
    i, j = np.indices((N, N))
    away = ((j - N / 2) * np.cos(tilt) + (i - N / 2) * np.sin(tilt)).ravel()
    bins = np.round(away * 8).astype(int) + 48
    inside = (bins >= 0) & (bins <= 96)
    spread = np.bincount(bins[inside], counts[0].ravel()[inside]) / np.bincount(bins[inside])
    line = np.diff(spread) * np.hanning(96)
    at = np.arange(96) / 8
    spectrum = [abs(np.sum(line * np.exp(-2j * np.pi * f * at))) for f in (0.0, 0.5)]
    # the painted edge itself is one fine pixel wide: sinc(1/8)
    assert spectrum[1] / spectrum[0] / np.sinc(0.5 / ratio) == pytest.approx(0.15, abs=0.02)


@pytest.mark.parametrize("model", MODELS, ids=NAMES)
@pytest.mark.parametrize("white", [0.45, 1.0])
def test_signal_to_noise_at_reflectance_three_tenths_is_the_one_asked(model, white):
    plane = np.full((3, 200, 200), 0.3, np.float32)
    shot = Shot(haze=(0.0, 0.0, 0.0), clear=1.0, white=white, gamma=1.0, seed=5)
    counts, _ = capture(plane, frame(1.0, (200, 200), 1.0, (200, 200)), shot, model)
    signal, noise = counts.mean(), np.sqrt(counts.var(axis=(1, 2)).mean() - 1 / 12)
    assert signal == pytest.approx(255 * 0.3 / white, abs=0.6)
    assert signal / noise == pytest.approx(model.optics[1].snr, rel=0.05)


@pytest.mark.parametrize("common", [0.0, 0.5, 0.9])
def test_bands_share_as_much_of_their_noise_as_asked(common):
    model = replace(SENSORS["aerial-0.3"], lossy=False)
    shot = replace(CLEAN, common=common, seed=5)
    plane = np.full((3, 200, 200), 0.3, np.float32)
    counts, _ = capture(plane, frame(1.0, (200, 200), 1.0, (200, 200)), shot, model)
    variance = counts.var(axis=(1, 2)) - 1 / 12
    assert np.sqrt(variance) == pytest.approx(255 * 0.3 / model.optics[1].snr, rel=0.05)
    for one, other in ((0, 1), (0, 2), (1, 2)):
        shared = np.cov(counts[one].ravel(), counts[other].ravel())[0, 1]
        assert shared / variance.mean() == pytest.approx(common, abs=0.03)


def test_noise_grows_as_the_root_of_light():
    model = SENSORS["aerial-0.3"]
    shot = Shot(haze=(0.0, 0.0, 0.0), clear=1.0, white=1.0, gamma=1.0, seed=5)
    spread = []
    for level in (0.2, 0.8):
        plane = np.full((3, 150, 150), level, np.float32)
        counts, _ = capture(plane, frame(1.0, (150, 150), 1.0, (150, 150)), shot, model)
        spread.append(np.sqrt(counts.var(axis=(1, 2)).mean() - 1 / 12))
    assert spread[1] / spread[0] == pytest.approx(2, rel=0.05)


@given(
    st.sampled_from([1.0, 1.25, 1.6, 2.0, 3.0]),
    st.integers(0, 1),
    st.floats(-3, 3),
    st.floats(-3, 3),
)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_truth_and_image_are_taken_at_the_same_places(ratio, odd, east, north):
    framing = framing_of(ratio, odd=odd, shift=(east, north))
    side = round(N * ratio) + 24 + odd
    rows, columns = np.indices((side, side)).astype(np.float32)
    sharp = Shot(blur_px=0.0, haze=(0.0, 0.0, 0.0), clear=1.0, white=1.0, gamma=1.0, noise=0.0)
    ramp = np.stack([columns, rows, columns]) / side
    counts, _ = capture(ramp, framing, sharp)
    picked = framing.pick(np.stack([columns, rows])) / side * 255
    assert np.abs(counts[:2] - picked).max() <= 0.5 * 255 / side + 1.01


@given(st.floats(-3, 3), st.floats(-3, 3))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_a_frame_sits_in_the_middle_and_moves_east_and_north(east, north):
    still, moved = framing_of(2.0), framing_of(2.0, shift=(east, north))
    side = 2 * N + 24
    assert still.col0 + still.ratio * (N - 1) / 2 == pytest.approx((side - 1) / 2)
    assert still.row0 == still.col0
    assert moved.col0 - still.col0 == pytest.approx(2 * east)  # two fine pixels a metre
    assert still.row0 - moved.row0 == pytest.approx(2 * north)  # rows go south
