"""Fire obeys its laws: it keeps to fuel, runs with wind and slope, and spares nothing it burnt."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from geomage.disaster import FireParams, calm, fire
from geomage.disaster.damage import at_trees, values_at
from geomage.disaster.firefront import arrival_times, course_of, town_of
from geomage.disaster.fuel import Ground
from geomage.disaster.ignition import time_to_ignite, view_factor
from geomage.disaster.spread import (
    FUELS,
    Moisture,
    bed_of,
    dnbr,
    flame_length,
    front_of,
    length_to_breadth,
    scorch_height,
    severity_of_dnbr,
    severity_of_intensity,
)
from towns import plain_town, table_bytes, town

quick = settings(max_examples=60, deadline=None, derandomize=True)
fuels = st.sampled_from(sorted(FUELS))
GSD = 2.0


def ground(rate, to=(0.0, 1.0), ecc=0.0, z=None):
    """Ground whose head runs one way at its rate everywhere."""
    full = np.ones(rate.shape)
    return Ground(
        rate, full * to[0], full * to[1], full * ecc, 0 * full if z is None else z, full, GSD
    )


def arrival(land, row, column):
    starts = np.array([row * land.rate.shape[1] + column])
    return arrival_times(land, starts)[0]


def head(fuel, dead, wind, slope, turn=0.0):
    bed = bed_of(FUELS[fuel], Moisture(dead, dead + 1, dead + 2, 80.0, 110.0))
    rise = (np.array(slope * np.sin(turn)), np.array(slope * np.cos(turn)))
    return front_of(bed, (0.0, wind), rise), bed


@quick
@given(arrays(np.float64, (9, 11), elements=st.sampled_from([0.0, 0.0, 0.1, 0.8])))
def test_fire_burns_what_is_joined_to_its_start_and_never_crosses_a_gap(rate):
    rate[4, 5] = 0.5
    burnt = np.isfinite(arrival(ground(rate, ecc=0.7), 4, 5))
    body = ndimage.label(rate > 0)[0]  # cells that share an edge
    assert np.array_equal(burnt, body == body[4, 5])


def test_in_still_air_on_the_level_fire_is_a_circle_within_the_error_of_its_directions():
    at = arrival(ground(np.full((61, 61), 0.5)), 30, 30)
    rows, columns = np.indices(at.shape) - 30
    true = GSD * np.hypot(rows, columns) / 0.5
    assert at[30, 30] == 0
    assert at[30, 40] == pytest.approx(40)
    assert (at >= true * (1 - 1e-6)).all()
    # 1 / cos of half the widest angle between sixteen directions, 26.57 degrees, is 1.0275
    assert (at <= true * 1.0276 + 1e-9).all()
    assert at == pytest.approx(at[::-1])
    assert at == pytest.approx(at.T)


@quick
@given(
    arrays(np.float64, (9, 10), elements=st.sampled_from([0.0, 0.2, 0.6, 1.0])),
    arrays(np.float64, (9, 10), elements=st.sampled_from([0.0, 0.3])),
    st.floats(0, 0.95),
    st.floats(0, 6.28),
)
def test_a_faster_fuel_never_delays_the_front(rate, more, ecc, course):
    rate[4, 4] = 0.5
    to = (float(np.sin(course)), float(np.cos(course)))
    before = arrival(ground(rate, to, ecc), 4, 4)
    after = arrival(ground(rate + more, to, ecc), 4, 4)
    finite = np.isfinite(before)
    assert (after[finite] <= before[finite] * (1 + 1e-6)).all()
    assert np.isinf(after[rate + more == 0]).all()


@quick
@given(arrays(np.float64, (9, 10), elements=st.sampled_from([0.0, 0.2, 1.0])), st.floats(0, 0.95))
def test_fire_comes_to_every_cell_from_one_that_burnt_before(rate, ecc):
    rate[4, 4] = 0.5
    at = arrival(ground(rate, ecc=ecc), 4, 4)
    near = np.ones((5, 5))
    near[2, 2] = 0
    first = ndimage.generic_filter(at, np.min, footprint=near, mode="constant", cval=np.inf)
    later = np.isfinite(at) & (at > 0)
    assert (first[later] < at[later]).all()
    assert (at == 0).sum() == 1


@pytest.mark.parametrize("to", [(1, 0), (0, 1), (-1, 0), (0, -1)])
def test_the_front_is_the_ellipse_of_its_wind(to):
    ecc, rate = 0.9, 1.0
    at = arrival(ground(np.full((61, 61), rate), to, ecc), 30, 30)
    di, dj = -to[1], to[0]
    ahead, behind = at[30 + 20 * di, 30 + 20 * dj], at[30 - 20 * di, 30 - 20 * dj]
    beside = at[30 + 20 * dj, 30 + 20 * di]
    assert ahead == pytest.approx(40 / rate, rel=1e-5)
    # backing: R (1 - e) / (1 + e); beside the start, R (1 - e), or sooner by tacking
    assert behind == pytest.approx(40 / rate * (1 + ecc) / (1 - ecc), rel=1e-4)
    assert ahead < beside < 40 / rate / (1 - ecc)
    along = at[30 + di * np.arange(30), 30 + dj * np.arange(30)]
    assert (np.diff(along) > 0).all()


def test_fire_takes_the_length_of_the_slope_not_of_its_plan():
    z = np.tile(0.75 * GSD * np.arange(21), (21, 1))
    at = arrival(ground(np.ones((21, 21)), z=z), 10, 10)
    assert at[10, 14] == pytest.approx(8 * 1.25)
    assert at[14, 10] == pytest.approx(8)


@quick
@given(fuels, st.floats(1, 40), st.floats(1, 40), st.floats(0, 15), st.floats(0, 1))
def test_drier_fuel_burns_faster_and_hotter(fuel, one, other, wind, slope):
    dry, damp = sorted((one, other))
    (fast, hot), (slow, cool) = (head(fuel, m, wind, slope) for m in (dry, damp))
    assert fast.rate >= slow.rate * (1 - 1e-9)
    assert hot.heat >= cool.heat - 1e-9
    assert cool.rate >= 0


@quick
@given(fuels, st.floats(0, 20), st.floats(0, 20), st.floats(0, 1.2), st.floats(0, 1.2))
def test_more_wind_and_steeper_slopes_speed_a_fire_up(fuel, one, other, flat, steep):
    weak, strong = sorted((one, other))
    low, high = sorted((flat, steep))
    assert head(fuel, 5, weak, low)[0].rate <= head(fuel, 5, strong, high)[0].rate * (1 + 1e-9)
    ratio = length_to_breadth(np.array([weak, strong]))
    assert 1 - 1e-9 <= ratio[0] <= ratio[1] <= 8


@quick
@given(fuels, st.floats(0.1, 15), st.floats(0.05, 1))
def test_a_head_runs_between_the_wind_and_the_rise(fuel, wind, slope):
    front = head(fuel, 5, wind, slope, np.pi / 2)[0]  # wind to the north, ground rises eastward
    assert float(np.hypot(front.east, front.north)) == pytest.approx(1)
    assert front.east > 0
    assert front.north > 0


@quick
@given(st.floats(0, 1), st.floats(0, 1))
def test_severity_and_the_fall_of_the_burn_ratio_are_each_others_reverse(one, other):
    low, high = sorted((one, other))
    assert dnbr(low) <= dnbr(high)
    assert severity_of_dnbr(dnbr(one)) == pytest.approx(one, abs=1e-9)
    if high > low + 1e-6:
        assert dnbr(low) < dnbr(high)


@quick
@given(st.floats(0, 1e5), st.floats(0, 1e5), st.floats(0, 20))
def test_hotter_fire_lines_have_longer_flames_scorch_higher_and_burn_harder(one, other, wind):
    low, high = sorted((one, other))
    assert flame_length(low) <= flame_length(high)
    assert scorch_height(low, wind) <= scorch_height(high, wind) + 1e-9
    assert scorch_height(high, wind) <= scorch_height(high, 0.0) + 1e-9
    assert 0 <= severity_of_intensity(low, 0.9) <= severity_of_intensity(high, 0.9) <= 0.9


@quick
@given(st.floats(1, 40), st.floats(1, 40), st.floats(1, 40), st.floats(1, 40))
def test_a_nearer_house_fills_more_of_the_view_and_lights_sooner(width, height, one, other):
    near, far = sorted((one, other))
    seen = view_factor(width, height, np.array([near, far]))
    assert 0 < seen[1] <= seen[0] < 1
    close, away = time_to_ignite(117.6 * seen)
    assert close <= away


@pytest.fixture(scope="module")
def city():
    return town("suburb", 0, 300.0)


def graded(city, **changes):
    return fire(city, FireParams(**({"wind_speed": 15.0, "hours": 6.0} | changes)), 2)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("hours", (0.1, 1.0, 3.0, 12.0)),
        ("moisture", (25.0, 12.0, 8.0, 4.0)),
        ("front_m", (0.0, 100.0, 300.0)),
        ("embers", (False, True)),
    ],
)
def test_no_house_fares_better_and_no_ground_is_spared_in_a_harder_fire(city, name, values):
    events = [graded(city, **{name: value}) for value in values]
    grades = np.array([e.buildings["grade_physical"] for e in events])
    assert (np.diff(grades, axis=0) >= 0).all()
    assert grades[-1].sum() > grades[0].sum()
    came = np.array([e.rasters["arrival"].values[0] for e in events])
    came = np.where(came < 0, np.inf, came)
    assert (came[1:] <= came[:-1] * (1 + 1e-6)).all()


def test_without_embers_fire_stays_within_what_touches_and_the_reach_of_houses(city):
    params = FireParams(25.0, 45.0, 48.0, 3.0, embers=False, front_m=0.0)
    held = town_of(city, params, 1)
    course = course_of(held, city, params, 1)
    n, m = held.ground.rate.size, len(held.home)
    body = ndimage.label(held.ground.rate > 0)[0].ravel()
    shapes = city.buildings.geometry.to_numpy()
    beside = ndimage.grey_dilation(held.house, 3).ravel()
    links = [(i, j) for i in range(m) for j in range(m) if shapes[i].distance(shapes[j]) <= 30]
    links += [(m + body[c], h) for c, h in zip(*held.touching, strict=True)]
    assert (beside[held.touching[0]] >= 0).all()
    one, other = np.array(links).T
    size = m + body.max() + 1
    group = connected_components(coo_matrix((np.ones(len(one)), (one, other)), (size, size)))[1]
    burnt = np.isfinite(course.ground.ravel()) & (held.ground.rate.ravel() > 0)
    touched = {*group[m + body[burnt]], *group[:m][np.isfinite(course.houses)]}
    assert n > burnt.sum() > 0
    assert len(touched) == 1


@pytest.mark.parametrize(("side", "spreads"), [(22.0, False), (60.0, True)])
def test_houses_light_each_other_only_within_the_reach_of_their_heat(side, spreads):
    # two houses whose middles are 66.7 m apart on asphalt: 45 m or 7 m of gap
    city = plain_town(200.0, houses=2, side_m=side)
    city = city.with_layers(buildings=city.buildings.assign(height=12.0))
    lit = [
        (
            fire(city, FireParams(9, 45, 12, embers=False), seed).buildings["grade_physical"] > 2
        ).sum()
        for seed in range(6)
    ]
    # the fire starts on the only fuel there is, a house
    assert set(lit) == ({2} if spreads else {1})


def test_in_still_air_no_ember_flies(city):
    with_embers, without = (graded(city, wind_speed=0.0, embers=e) for e in (True, False))
    assert table_bytes(with_embers.buildings) == table_bytes(without.buildings)
    assert np.array_equal(with_embers.rasters["arrival"].values, without.rasters["arrival"].values)
    assert (without.rasters["arrival"].values >= 0).any()


def test_beyond_its_reach_a_fire_changes_nothing(city):
    event, still = graded(city, hours=0.6, wind_speed=9.0, embers=False), calm(city)
    burnt = event.rasters["arrival"].values[0] >= 0
    far = ndimage.distance_transform_edt(~burnt) * GSD > 40
    assert burnt.any()
    assert far.any()
    for raster in (event.intensity, event.rasters["burn"], event.rasters["debris"]):
        assert not raster.values[0][far].any()
    away = ndimage.distance_transform_edt(~burnt) * GSD
    same = values_at(city, away) > 70  # of the middle of a building
    assert same.any()
    assert table_bytes(event.buildings[same]) == table_bytes(still.buildings[same])
    trees = at_trees(city, far)
    assert trees.any()
    assert table_bytes(event.trees[trees]) == table_bytes(still.trees[trees])
