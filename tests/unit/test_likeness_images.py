"""What tells a simulated image from a real one: figures worked on patterns that are known."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks._looks import hue_histogram, measure_looks, radial_power

RNG = np.random.default_rng(0)
NOISE = np.clip(RNG.normal(128, 20, (3, 256, 256)), 0, 255).astype(np.uint8)


def test_a_wave_has_all_its_power_at_its_frequency():
    x = np.arange(256)
    wave = np.broadcast_to(np.sin(2 * np.pi * 20 * x / 256), (256, 256))
    assert radial_power(wave).argmax() == 20


def test_white_noise_has_a_level_spectrum_and_normal_gradients():
    looks = measure_looks(NOISE)
    assert looks["spectrum slope"] == pytest.approx(0, abs=0.1)
    assert looks["gradient laplacian kurtosis"] == pytest.approx(np.log(3), abs=0.1)
    assert looks["texture correlation at 1 px"] == pytest.approx(0, abs=0.02)
    assert looks["gradient orientation entropy"] > 0.99


def test_steps_lie_along_one_direction():
    rows = np.arange(256) // 15 % 2 * 100 + 60  # no whole number of Haar blocks
    steps = np.broadcast_to(rows[:, None], (3, 256, 256))
    looks = measure_looks(steps.astype(np.uint8))
    assert looks["gradient orientation entropy"] == pytest.approx(0, abs=1e-9)
    assert looks["colour saturation, mean"] == 0


def test_hues_fall_where_they_are_named():
    red, green, blue = (np.array([[*c]]).T for c in ((200, 10, 10), (10, 200, 10), (10, 10, 200)))
    assert hue_histogram(red.astype(float))[0] == 1
    assert hue_histogram(green.astype(float))[2] == 1  # 120 degrees
    assert hue_histogram(blue.astype(float))[5] == 1  # 240 degrees
