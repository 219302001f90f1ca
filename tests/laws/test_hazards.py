"""Hazards obey their formulas: water at rest, fronts of fire."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from geomage.disaster.fire import _ember_fuel, arrival_time
from geomage.disaster.flood import damage_factor, fill

quick = settings(max_examples=60, deadline=None, derandomize=True)
ground = arrays(
    np.float64, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.floats(0, 8)
)


@quick
@given(st.floats(0, 10), st.floats(0, 10))
def test_deeper_water_costs_more(one, other):
    shallow, deep = sorted((one, other))
    assert 0 <= damage_factor(np.array(shallow)) <= damage_factor(np.array(deep)) <= 1


@quick
@given(ground, st.floats(0.1, 9), st.integers(0, 143))
def test_still_water_lies_level_and_reaches_only_what_it_is_joined_to(z, level, where):
    source = np.zeros(z.shape, bool)
    source.flat[where % z.size] = True
    depth = fill(z, level, source)
    wet = depth > 0
    assert (depth >= 0).all()
    assert not wet[z >= level].any()
    assert (z + depth)[wet] == pytest.approx(level, abs=1e-5)
    # every body of water holds a source, and no lower ground next to it stays dry
    bodies, count = ndimage.label(wet, np.ones((3, 3)))
    assert all(source[bodies == body].any() for body in range(1, count + 1))
    beside = ndimage.binary_dilation(wet, np.ones((3, 3))) & ~wet
    assert (z[beside] >= level - 1e-6).all()


@quick
@given(ground, st.floats(0.1, 9), st.floats(0.1, 9))
def test_a_higher_level_is_deeper_everywhere(z, one, other):
    low, high = sorted((one, other))
    source = z == z.min()
    assert (fill(z, low, source) <= fill(z, high, source) + 1e-6).all()


def test_a_hollow_behind_a_dam_stays_dry_until_the_dam_is_topped():
    z = np.zeros((5, 9))
    z[:, 4] = 3.0
    source = np.zeros(z.shape, bool)
    source[2, 0] = True
    assert not fill(z, 2.0, source)[:, 5:].any()
    assert fill(z, 3.5, source)[:, 5:] == pytest.approx(3.5)


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
