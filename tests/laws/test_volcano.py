"""Lava keeps its volume and never climbs, ash keeps its mass, and more of either never spares."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from geomage.disaster import VolcanoParams, calm, volcano
from geomage.disaster._kernels_creep import NO_HEAD, hashed, pour, walk
from geomage.disaster.lava import EIGHT_SIDES, disc_radius, parcels, plane_of, unit_rest
from geomage.disaster.tephra import (
    AshColumn,
    column_shares,
    deposit,
    fall_speed,
    roof_load,
    sliding,
)
from geomage.disaster.volcano import ash_chance, lava_chance
from towns import table_bytes, town

quick = settings(max_examples=40, deadline=None, derandomize=True)
grounds = arrays(
    np.float64, st.tuples(st.integers(5, 16), st.integers(5, 16)), elements=st.floats(0, 20)
)
K, GSD = 0.25, 2.0


def level(cells: int, volume_m3: float, k: float = K, rough: float = 0.15) -> np.ndarray:
    """Thickness of lava that came out in the middle of level ground, metres."""
    h = np.zeros((cells, cells))
    assert (
        pour(
            h * 0,
            h,
            parcels(volume_m3) / GSD**2,
            cells // 2,
            cells // 2,
            EIGHT_SIDES * k,
            GSD,
            rough,
            1,
        )
        == 0
    )
    return h


@quick
@given(grounds, st.floats(1, 5_000), st.floats(0.01, 3), st.floats(0, 1), st.integers(0, 99))
def test_the_volume_of_lava_is_kept(z, volume, k, rough, seed):
    h = np.zeros(z.shape)
    away = pour(
        z, h, parcels(volume) / GSD**2, z.shape[0] // 2, z.shape[1] // 2, k, GSD, rough, seed
    )
    assert (h >= 0).all()
    assert away >= 0
    assert (h.sum() + away) * GSD**2 == pytest.approx(volume, rel=1e-9)


@quick
@given(grounds, st.floats(50, 5_000), st.integers(0, 99))
def test_lava_never_flows_uphill_on_what_it_filled(z, volume, seed):
    h = np.zeros(z.shape)
    i, j = z.shape[0] // 2, z.shape[1] // 2
    pour(z, h, parcels(volume) / GSD**2, i, j, 0.3, GSD, 0.15, seed)
    trace, none = np.full((500, 2), np.nan), np.zeros((1, 1))
    walk(
        z, h, none, none, i, j, 40.0, NO_HEAD, 0.0, 0.3, GSD, 0.15, seed, 7, trace, np.zeros(4, int)
    )
    steps = trace[np.isfinite(trace[:, 0])]
    assert (steps[:, 0] > steps[:, 1]).all()


@pytest.mark.parametrize("volume", [2e3, 2e4])
def test_on_level_ground_lava_ends_as_the_dome_of_a_bingham_fluid(volume):
    # Blake (1990): h^2 = 2 k (R - r), so R = (15 V / (8 pi sqrt(2 k)))^(2/5)
    h = level(101, volume)
    radius = np.sqrt((h > 0).sum() * GSD**2 / np.pi)
    assert radius == pytest.approx(disc_radius(volume, K), rel=0.08)
    assert h.max() == pytest.approx(np.sqrt(2 * K * radius), rel=0.3)
    rows, columns = np.nonzero(h > 0)
    assert abs(np.ptp(rows) - np.ptp(columns)) < 0.15 * np.ptp(rows)  # as wide as it is long


def test_the_radius_of_a_dome_agrees_with_a_value_worked_by_hand():
    # 15 * 1e4 / (8 pi sqrt(.5)) = 8440.5; ^.4 = 37.19
    assert disc_radius(1e4, 0.25) == pytest.approx(37.19, abs=0.05)
    assert unit_rest(2500 * 9.81 * 0.4) == pytest.approx(0.4)


@pytest.mark.parametrize("slope", [0.2, 0.3])
def test_on_a_slope_lava_rests_as_thick_as_its_strength_allows(slope):
    # Hulme (1974): rho g h tan a = tau, so h = k / tan a where it is wide
    z = np.repeat(-slope * GSD * np.arange(160.0)[:, None], 101, 1)
    h = np.zeros(z.shape)
    pour(z, h, parcels(6e3) / GSD**2, 30, 50, EIGHT_SIDES * K, GSD, 0.15, 3)
    middle = h[34:60, 49:52]
    assert 0.9 < middle.mean() / (K / slope) < 1.55  # its unevenness makes it thicker
    rows = np.nonzero(h.any(1))[0]
    assert rows.max() - 30 > 3 * (30 - rows.min())  # it ran down, not up


@quick
@given(st.floats(1, 3e6), st.floats(1, 3e6))
def test_parcels_of_a_smaller_eruption_come_first_in_a_larger_one(one, other):
    small, large = sorted((one, other))
    few, many = parcels(small), parcels(large)
    assert few.sum() == pytest.approx(small, rel=1e-12)
    assert (few > 0).all()
    assert np.array_equal(few[:-1], many[: len(few) - 1])
    assert few[-1] <= many[len(few) - 1] * (1 + 1e-9)


@pytest.mark.parametrize("seed", [0, 1])
def test_more_lava_is_nowhere_thinner(seed):
    z = np.random.default_rng(seed).uniform(0, 3, (60, 60))
    before = np.zeros(z.shape)
    for volume in (300.0, 900.0, 901.0, 5_000.0, 20_000.0):
        h = np.zeros(z.shape)
        pour(z, h, parcels(volume) / GSD**2, 30, 30, K, GSD, 0.15, seed)
        assert (h >= before - 1e-9).all()
        before = h


def test_stronger_lava_stands_thicker_and_covers_less():
    weak, strong = level(101, 5e3, 0.1), level(101, 5e3, 0.8)
    assert strong.max() > 1.5 * weak.max()
    assert (strong > 0).sum() < 0.7 * (weak > 0).sum()


def test_draws_of_a_step_are_uniform_and_its_own():
    u = np.array([hashed(5, p, s, k) for p in range(10) for s in range(20) for k in range(9)])
    assert len(np.unique(u)) == len(u)
    assert u.mean() == pytest.approx(0.5, abs=0.02)
    assert u.std() == pytest.approx(np.sqrt(1 / 12), abs=0.01)


def test_the_plane_of_a_plane_is_its_own():
    i, j = np.indices((30, 40))
    assert plane_of(0.05 * 2 * j - 0.2 * 2 * i, 2.0) == pytest.approx((0.05, -0.2))


@pytest.mark.parametrize("wind", [(0.0, 0.0), (9.0, 0.0), (-4.0, 7.0)])
@pytest.mark.parametrize("phi", [-1.0, 2.0])
def test_ash_on_a_large_grid_adds_up_to_what_was_erupted(wind, phi):
    at = 80.0 * np.sinh(np.linspace(-9.5, 9.5, 401))  # finer near the vent, out to 535 km
    mass = deposit(AshColumn(3e9, 4_000, wind, phi, 1.0), at, at)
    assert (mass >= 0).all()
    mass *= np.gradient(at)[:, None] * np.gradient(at)
    assert mass.sum() == pytest.approx(3e9, rel=5e-3)
    centre = np.array([(mass.sum(0) * at).sum(), (mass.sum(1) * at).sum()]) / mass.sum()
    if wind == (0.0, 0.0):
        assert np.abs(centre).max() < 1
        assert mass == pytest.approx(mass.T)
    else:  # it lies downwind
        assert centre @ wind > 0
        assert centre[0] * wind[1] == pytest.approx(centre[1] * wind[0], rel=1e-2, abs=1)


def test_ash_of_one_height_and_size_falls_where_it_should():
    # all grains alike fall from 0..H at one speed: those of height z land at wind z / v
    column = AshColumn(1e9, 2_000, (10.0, 0.0), 0.0, 0.0)
    speed = float(fall_speed(np.array([0.0]))[0])
    levels = (np.arange(24) + 0.5) / 24
    mean = float((column_shares(levels) * levels).sum()) * 2_000 * 10 / speed
    at = np.arange(-10_000, 20_000, 40.0)  # fine enough for what falls from the lowest level
    mass = deposit(column, at, at)
    assert (mass.sum(0) * at).sum() / mass.sum() == pytest.approx(mean, rel=1e-3)


def test_ash_spreads_as_a_random_walk():
    # grains that fall within an hour in still air: along an axis the variance is that of a random
    # walk, 2 K (t + t') with K = 100 m2/s and 2 K t' = .0064 z^2
    speed = float(fall_speed(np.array([0.0]))[0])
    at = np.arange(-8_000, 8_001, 50.0)
    mass = deposit(AshColumn(1e9, 2_000, (0.0, 0.0), 0.0, 0.0), at, at)
    levels = (np.arange(24) + 0.5) / 24
    z = 2_000 * levels
    variance = 2 * 100 * z / speed + 2 * 0.0032 * z**2
    expected = float((column_shares(levels) * variance).sum())
    assert (mass.sum(0) * at**2).sum() / mass.sum() == pytest.approx(expected, rel=1e-3)


def test_grains_fall_as_fast_as_worked_by_hand():
    # 5 phi, 31.25 um, Stokes: 9.81 * 1500 * (3.125e-5)^2 / (18 * 1.8e-5) = .04435 m/s
    assert fall_speed(np.array([5.0]))[0] == pytest.approx(0.04435, rel=1e-3)
    # -4 phi, 16 mm, turbulent: sqrt(3.1 * 14715 * .016 / 1.2) = 24.66 m/s
    assert fall_speed(np.array([-4.0]))[0] == pytest.approx(24.66, rel=1e-3)
    assert (np.diff(fall_speed(np.linspace(-6, 8, 60))) < 0).all()


def test_most_ash_leaves_the_column_high_up():
    levels = np.linspace(0.01, 0.99, 99)
    shares = column_shares(levels)
    assert shares.sum() == pytest.approx(1)
    assert 0.6 < levels[shares.argmax()] < 0.9


def test_ash_slides_off_steep_roofs():
    assert sliding(np.array([0.0, 20.0, 27.5, 35.0, 60.0]), wet=False).tolist() == [1, 1, 0.5, 0, 0]
    assert sliding(np.array([30.0, 32.5, 35.0]), wet=True).tolist() == [1, 0.5, 0]
    # 200 kg/m2 weigh 1.962 kPa, half as much again when wet
    assert roof_load(np.array([200.0]), wet=False)[0] == pytest.approx(1.962)
    assert roof_load(np.array([200.0]), wet=True)[0] == pytest.approx(2.943)


@quick
@given(st.floats(0, 20), st.floats(0, 20), st.floats(1, 8))
def test_thicker_ash_and_lava_never_lower_a_chance(one, other, strength):
    pair = np.sort([one, other])
    for chance in (lava_chance(pair), ash_chance(pair, np.full(2, strength))):
        assert (chance[0] <= chance[1] + 1e-12).all()
        assert (np.diff(chance, axis=1) <= 1e-12).all()
    assert not lava_chance(np.zeros(1)).any()


def test_half_the_roofs_collapse_at_their_mean_load():
    assert ash_chance(np.array([3.0]), np.array([3.0]))[0, 3] == pytest.approx(0.5)


@pytest.mark.parametrize("seed", [3])
@pytest.mark.parametrize(
    "harm", [{"ash_kg": (0.0, 1e8, 1e9, 3e9, 1e10, 1e11)}, {"lava_m3": (0.0, 1e3, 1e4, 6e4, 3e5)}]
)
def test_no_building_fares_better_under_more(harm, seed):
    city = town("suburb", 0, 160.0)
    ((name, values),) = harm.items()
    still = VolcanoParams(60.0, lava_m3=0.0, ash_kg=0.0, wind_speed=2.0)
    grades = np.array(
        [
            volcano(city, replace(still, **{name: value}), seed).buildings["grade_physical"]
            for value in values
        ]
    )
    assert not grades[0].any()
    assert (np.diff(grades, axis=0) >= 0).all()
    assert grades[-1].max() == 5


def test_beyond_its_reach_an_eruption_changes_no_bit():
    city = town("suburb", 0, 160.0)
    far = VolcanoParams(60_000.0, 90.0, ash_kg=1e9, wind_speed=0.0)
    for params in (far, VolcanoParams(lava_m3=0.0, ash_kg=0.0)):
        event, still = volcano(city, params), calm(city)
        for name in ("buildings", "streets", "bridges", "trees", "objects"):
            assert table_bytes(getattr(event, name)) == table_bytes(getattr(still, name)), name
        assert not any(raster.values.any() for raster in event.rasters.values())


def test_buildings_out_of_the_lava_are_as_they_were():
    city = town("suburb", 0, 160.0)
    event = volcano(city, VolcanoParams(0.0, lava_m3=4_000.0, ash_kg=0.0), hours=0.0)
    still = calm(city)
    clear = event.buildings["intensity"] == 0
    assert clear.any()
    assert not clear.all()
    assert table_bytes(event.buildings[clear]) == table_bytes(still.buildings[clear])
