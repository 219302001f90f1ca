"""Hazards obey their formulas: intensity, shares of grades, fronts of fire, wind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from geomage.disaster import StormParams
from geomage.disaster.earthquake import VULNERABILITY, grade_shares, intensity_at, mean_grade
from geomage.disaster.fire import _ember_fuel, arrival_time
from geomage.disaster.storm import wind_field
from towns import town

quick = settings(max_examples=60, deadline=None, derandomize=True)
magnitudes = st.floats(3, 9.5)


def test_intensity_agrees_with_values_worked_by_hand():
    # M 6 at 20 km: Rm = -.209 + 2.042 e = 5.3417; I = 2.085 + 8.568 - 1.402 ln 20.7011 = 6.4049
    assert intensity_at(6.0, 20_000, 1e-9) == pytest.approx(6.4049, abs=1e-3)
    # M 7 at hypot(30, 40) = 50 km: Rm = 14.8794; ln 52.1669 = 3.95445; I = 6.5369
    assert intensity_at(7.0, 30_000, 40) == pytest.approx(6.5369, abs=1e-3)
    # M 7 at 100 km: ln 101.1008 = 4.61612; + .078 ln 2 = .05407; I = 5.66327
    assert intensity_at(7.0, 100_000, 1e-9) == pytest.approx(5.6633, abs=1e-3)


@quick
@given(magnitudes, st.floats(0, 300_000), st.floats(0, 300_000), st.floats(1, 60))
def test_intensity_falls_with_distance(magnitude, one, other, depth):
    near, far = sorted((one, other))
    assert intensity_at(magnitude, near, depth) >= intensity_at(magnitude, far, depth) - 1e-9


@quick
@given(magnitudes, magnitudes, st.floats(0, 200_000), st.floats(1, 60))
def test_intensity_grows_with_magnitude(one, other, distance, depth):
    weak, strong = sorted((one, other))
    assert intensity_at(weak, distance, depth) <= intensity_at(strong, distance, depth) + 1e-9


def test_mean_grade_agrees_with_values_worked_by_hand():
    # masonry V = .7 at VIII: (8 + 4.375 - 13.1) / 2.3 = -.31522; 2.5 (1 + tanh) = 1.7368
    assert mean_grade(np.array(8.0), np.array(0.7)) == pytest.approx(1.7368, abs=1e-3)
    # the mean is one half of the scale where I + 6.25 V = 13.1
    assert mean_grade(np.array(13.1 - 6.25 * 0.5), np.array(0.5)) == pytest.approx(2.5)


@quick
@given(st.floats(0, 5))
def test_shares_of_grades_are_binomial(mu):
    shares = grade_shares(mu)
    assert shares.shape == (6,)
    assert shares.min() >= 0
    assert shares.sum() == pytest.approx(1)
    assert shares @ np.arange(6) == pytest.approx(mu, abs=1e-9)
    p = mu / 5
    assert shares[0] == pytest.approx((1 - p) ** 5, abs=1e-12)
    assert shares[2] == pytest.approx(10 * p**2 * (1 - p) ** 3, abs=1e-12)


@quick
@given(st.floats(1, 12), st.floats(1, 12))
def test_a_stronger_typology_never_fares_worse_in_expectation(one, other):
    weak, strong = sorted((one, other))
    order = ["adobe", "masonry", "reinforced concrete", "timber", "steel"]
    harm = np.array([mean_grade(np.array(strong), np.array(VULNERABILITY[t])) for t in order])
    assert (np.diff(harm) <= 1e-12).all()
    less = np.array([mean_grade(np.array(weak), np.array(VULNERABILITY[t])) for t in order])
    assert (less <= harm + 1e-12).all()
    assert set(order) == set(VULNERABILITY)


def test_fire_in_still_air_goes_at_its_rate():
    arrival = arrival_time(np.ones((41, 41)), 2.0, (20, 20), (0.0, 0.0), rate=0.5)
    rows, columns = np.indices(arrival.shape) - 20
    true = 2.0 * np.hypot(rows, columns) / 0.5
    assert arrival[20, 20] == 0
    assert arrival[20, 30] == pytest.approx(40)
    assert (arrival >= true - 1e-9).all()
    assert (arrival <= true * 1.03 + 1e-9).all()  # of sixteen directions, 11 degrees off at most


@quick
@given(
    arrays(np.float64, (9, 10), elements=st.sampled_from([0.0, 0.2, 0.6, 1.0])),
    arrays(np.float64, (9, 10), elements=st.sampled_from([0.0, 0.3])),
    st.floats(-10, 10),
    st.floats(-10, 10),
)
def test_more_fuel_never_delays_the_front(fuel, more, east, north):
    fuel[4, 4] = 0.5
    before = arrival_time(fuel, 2.0, (4, 4), (east, north), 0.02)
    after = arrival_time(fuel + more, 2.0, (4, 4), (east, north), 0.02)
    finite = np.isfinite(before)
    assert (after[finite] <= before[finite] * (1 + 1e-9)).all()
    assert np.isinf(after[fuel + more == 0]).all()
    assert before[4, 4] == 0
    assert (np.delete(before, 4 * 10 + 4) > 0).all()


@pytest.mark.parametrize("wind", [(8.0, 0.0), (0.0, 8.0), (-8.0, 0.0), (0.0, -8.0)])
def test_the_front_runs_with_the_wind_and_backs_against_it(wind):
    arrival = arrival_time(np.ones((61, 61)), 2.0, (30, 30), wind, 0.02)
    di, dj = -int(np.sign(wind[1])), int(np.sign(wind[0]))
    head, back = arrival[30 + 20 * di, 30 + 20 * dj], arrival[30 - 20 * di, 30 - 20 * dj]
    side = arrival[30 + 20 * dj, 30 + 20 * di]
    still = arrival_time(np.ones((61, 61)), 2.0, (30, 30), (0.0, 0.0), 0.02)[30, 50]
    assert head < still
    assert head < side < back
    along = arrival[30 + di * np.arange(30), 30 + dj * np.arange(30)]
    assert (np.diff(along) > 0).all()


@pytest.mark.parametrize("speed", [0.0, 4.0, 10.0, 16.0])
@pytest.mark.parametrize("width_m", [4, 8, 12, 20, 30])
def test_embers_carry_fire_over_gaps_of_a_second_and_a_half_of_wind_only(speed, width_m):
    gsd, gap = 2.0, width_m // 2
    fuel = np.ones((30, 60))
    fuel[:, 25 : 25 + gap] = 0
    fuel = np.where(fuel > 0, fuel, _ember_fuel(fuel, gsd, speed))
    arrival = arrival_time(fuel, gsd, (15, 5), (speed, 0.0), 0.02)
    crossed = np.isfinite(arrival[:, 25 + gap :]).any()
    # two more pixels: distances go from centre to centre, and a front steps over a single one
    if width_m > 1.5 * speed + 2 * gsd:
        assert not crossed
    if width_m <= 1.5 * speed:
        assert crossed


def test_in_still_air_no_gap_is_crossed():
    fuel = np.ones((20, 20))
    fuel[:, 10] = 0
    arrival = arrival_time(fuel, 2.0, (10, 3), (0.0, 0.0), 0.02)
    assert np.isinf(arrival[:, 11:]).all()


@given(
    st.floats(0, 360), st.floats(15, 100), st.floats(-40, 40), st.integers(0, 5), st.integers(0, 5)
)
@quick
def test_wind_peaks_on_the_track_and_falls_to_its_sides(heading, radius, offset, one, other):
    city = town()
    wind = wind_field(city, StormParams(one, radius, heading, offset))
    side = abs(city.dtm.box.affine.a)
    rows, columns = np.indices(wind.shape)
    x = (columns + 0.5 - wind.shape[1] / 2) * side
    y = (wind.shape[0] / 2 - rows - 0.5) * side
    turn = np.radians(heading)
    to_right = x * np.cos(turn) - y * np.sin(turn)  # heading is clockwise from north
    away = np.abs(to_right - offset).ravel()
    order = np.argsort(away)
    assert (np.diff(wind.ravel()[order]) <= 1e-6).all()
    assert wind.max() == pytest.approx(wind.ravel()[order[0]])
    weak, strong = sorted((one, other))
    assert (
        wind_field(city, StormParams(weak, radius, heading, offset))
        <= wind_field(city, StormParams(strong, radius, heading, offset))
    ).all()
