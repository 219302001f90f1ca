"""Laws of the noise of a place: windows share it, seeds do not, and it is normal and white."""

from __future__ import annotations

import numpy as np

from geomage.adapt.flow.place_noise import place_noise


def test_any_two_windows_draw_the_same_where_they_overlap():
    whole = place_noise(7, -8, 1000, (2, 40, 50))
    part = place_noise(7, 3, 1020, (2, 10, 12))
    assert np.array_equal(part, whole[:, 11:21, 20:32])


def test_it_is_standard_normal_and_white():
    drawn = place_noise(3, 0, 0, (2, 256, 256)).astype(float)
    assert abs(drawn.mean()) < 0.01
    assert abs(drawn.std() - 1) < 0.01
    assert abs((drawn**4).mean() - 3) < 0.1
    for a, b in [(drawn[0], drawn[1]), (drawn[:, 1:], drawn[:, :-1])]:
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.01
    for shifted in (drawn[..., 1:] * drawn[..., :-1], drawn[:, 1:, 1:] * drawn[:, :-1, :-1]):
        assert abs(shifted.mean()) < 0.01


def test_another_seed_draws_other_noise():
    one, other = (place_noise(seed, 0, 0, (1, 64, 64)) for seed in (0, 1))
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.05
    assert np.array_equal(one, place_noise(0, 0, 0, (1, 64, 64)))
    assert one.dtype == np.float32
