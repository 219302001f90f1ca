"""Earthquakes obey their formulas: intensity, site, correlation of residuals, shares of grades."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geomage.disaster import EarthquakeParams, calm, earthquake
from geomage.disaster import shaking as sh
from geomage.disaster.earthquake import (
    VULNERABILITY,
    common_draws,
    grade_shares,
    harmed,
    mean_grade,
    vulnerability_of,
)
from geomage.disaster.vulnerability import binomial_grades
from towns import table_bytes, town

quick = settings(max_examples=60, deadline=None, derandomize=True)
magnitudes = st.floats(3, 9.5)
velocities = st.floats(180, 900)
ORACLE = Path(__file__).parents[1] / "data/oracles/openquake.json"
# EMS-98 (Gruenthal 1998), definitions of intensity: class -> {grade: quantity} of buildings
EMS98 = {
    7: {"A": {3: "many", 4: "few"}, "B": {2: "many", 3: "few"}, "C": {2: "few"}, "D": {1: "few"}},
    8: {"A": {4: "many", 5: "few"}, "B": {3: "many", 4: "few"}, "C": {2: "many", 3: "few"},
        "D": {2: "few"}},
    9: {"A": {5: "many"}, "B": {4: "many", 5: "few"}, "C": {3: "many", 4: "few"},
        "D": {2: "many", 3: "few"}, "E": {2: "few"}},
    10: {"A": {5: "most"}, "B": {5: "many"}, "C": {4: "many", 5: "few"}, "D": {3: "many", 4: "few"},
         "E": {2: "many", 3: "few"}, "F": {2: "few"}},
}  # fmt: skip
QUANTITY = {"few": (0.0, 0.2), "many": (0.1, 0.6), "most": (0.5, 1.0)}  # its figure, fuzzy borders
# index of each class where it is most plausible, Giovinazzi (2005): steps of .16
CLASS = {"A": 0.90, "B": 0.74, "C": 0.58, "D": 0.42, "E": 0.26, "F": 0.10}


@pytest.fixture(scope="module")
def oracle():
    return json.loads(ORACLE.read_text())


def test_intensity_agrees_with_values_worked_by_hand():
    # M 6 at 20 km: Rm = -.209 + 2.042 e = 5.3417; I = 2.085 + 8.568 - 1.402 ln 20.7011 = 6.4049
    assert sh.intensity_at(6.0, 20_000, 1e-9) == pytest.approx(6.4049, abs=1e-3)
    # M 7 at hypot(30, 40) = 50 km: Rm = 14.8794; ln 52.1669 = 3.95445; I = 6.5369
    assert sh.intensity_at(7.0, 30_000, 40) == pytest.approx(6.5369, abs=1e-3)
    # M 7 at 100 km: ln 101.1008 = 4.61612; + .078 ln 2 = .05407; I = 5.66327
    assert sh.intensity_at(7.0, 100_000, 1e-9) == pytest.approx(5.6633, abs=1e-3)


def test_intensity_and_its_deviation_agree_with_openquake(oracle):
    r = np.array(oracle["hypocentral_km"])
    for magnitude, true in zip(oracle["magnitude"], oracle["intensity"]["mean"], strict=True):
        ours = sh.intensity_at(magnitude, 1000 * r, 1e-9)
        assert ours == pytest.approx(np.clip(true, 1, 12), abs=1e-6)
    assert sh.total_sigma(1000 * r, 1e-9) == pytest.approx(oracle["intensity"]["sigma"], abs=1e-9)


def test_correlation_of_residuals_agrees_with_openquake(oracle):
    assert len(oracle["correlation"]) == 10
    for case in oracle["correlation"]:
        b = sh.correlation_length_km(case["period_s"], clustered=case["clustered"])
        ours = np.exp(-3 * np.array(oracle["lag_km"]) / b)
        assert ours == pytest.approx(case["rho"], abs=1e-9)


def test_amplification_by_the_site_agrees_with_openquake(oracle):
    v, pga = np.meshgrid(oracle["vs30"], oracle["pga_g"], indexing="ij")
    assert sh.site_gain(v, pga) == pytest.approx(np.array(oracle["ln_site_pgv"]), abs=1e-9)


@quick
@given(magnitudes, st.floats(0, 300_000), st.floats(0, 300_000), st.floats(1, 60))
def test_intensity_falls_with_distance(magnitude, one, other, depth):
    near, far = sorted((one, other))
    assert sh.intensity_at(magnitude, near, depth) >= sh.intensity_at(magnitude, far, depth) - 1e-9


@quick
@given(magnitudes, magnitudes, st.floats(0, 200_000), st.floats(1, 60))
def test_intensity_grows_with_magnitude(one, other, distance, depth):
    weak, strong = sorted((one, other))
    assert sh.intensity_at(weak, distance, depth) <= sh.intensity_at(strong, distance, depth) + 1e-9


@quick
@given(st.floats(1, 12), st.floats(1, 12), velocities)
def test_a_harder_shock_stays_the_harder_one_on_any_ground(one, other, vs30):
    felt = sh.amplified(np.array(sorted((one, other))), np.array(vs30))
    assert felt[0] <= felt[1] + 1e-9


@quick
@given(st.floats(1, 12))
def test_the_mean_site_changes_next_to_nothing(intensity):
    # the two lines of each motion meet within .03 of an intensity of where the table breaks them
    felt = sh.amplified(np.array([intensity]), np.array([sh.VS30_MEAN]))
    assert felt[0] == pytest.approx(intensity, abs=0.03)


@quick
@given(st.floats(2, 6), velocities, velocities)
def test_softer_ground_shakes_harder_where_shaking_is_weak(intensity, one, other):
    soft, hard = sorted((one, other))
    felt = sh.amplified(np.array([intensity] * 2), np.array([soft, hard]))
    assert felt[0] >= felt[1] - 1e-9


@quick
@given(st.floats(1, 12))
def test_motion_and_intensity_are_inverse(intensity):
    motion = sh.motion_at(np.array([intensity]))
    for y, line in ((981 * motion.pga_g, sh._PGA), (motion.pgv_cm_s, sh._PGV)):
        assert sh._intensity_of(np.log10(y), line)[0] == pytest.approx(intensity, abs=0.03)


def test_velocity_of_the_ground_follows_its_table():
    assert sh.vs30_of(np.array([0.0, 3e-4, 0.01, 0.05, 0.14, 2.0])).tolist() == pytest.approx(
        [180, 180, 300, 490, 760, 900]
    )
    slope = np.geomspace(1e-5, 1, 200)
    assert (np.diff(sh.vs30_of(slope)) >= 0).all()


@quick
@given(st.floats(-0.3, 0.3), st.floats(-0.3, 0.3), st.integers(2, 40), st.integers(2, 40))
def test_slope_of_a_plane_is_exact_up_to_its_border(east, north, rows, columns):
    i, j = np.indices((rows, columns)) * 32.0
    slope = sh.local_slope(100 + east * j - north * i, 32.0)
    assert slope == pytest.approx(np.hypot(east, north), abs=1e-6)


def test_slope_is_that_of_a_few_hundred_metres():
    i, _ = np.indices((60, 60)) * 32.0
    kerbs = 5.0 * np.sin(2 * np.pi * i / 64.0)  # up to .5 steep, over 64 m
    assert sh.local_slope(kerbs + 0.02 * i, 32.0)[10:-10, 10:-10] == pytest.approx(0.02, abs=2e-3)


@pytest.mark.parametrize("length", [4.0, 8.5, 20.0])
def test_the_correlation_length_is_recovered_from_residuals(length):
    """Ratio of semivariogram 1 - exp(-3 h / b) to that of the fields, 60 km at 500 m."""
    fields = np.stack([sh.correlated_field((s, 20), (120, 120), 0.5, length) for s in range(36)])
    assert fields.mean() == pytest.approx(0, abs=0.06 * np.sqrt(length / 4))
    assert fields.var() == pytest.approx(1, abs=0.08)
    lags = np.arange(1, int(length / 0.5) + 1)
    along = [((fields[:, k:] - fields[:, :-k]) ** 2).mean() / 2 for k in lags]
    across = [((fields[:, :, k:] - fields[:, :, :-k]) ** 2).mean() / 2 for k in lags]
    gamma = (np.array(along) + np.array(across)) / 2
    b = np.linspace(0.3, 3, 541) * length
    misfit = ((gamma[:, None] - (1 - np.exp(-3 * 0.5 * lags[:, None] / b))) ** 2).sum(0)
    assert b[misfit.argmin()] == pytest.approx(length, rel=0.06)


def test_within_a_town_the_residual_is_nearly_one_number():
    field = np.stack([sh.correlated_field((s, 20), (17, 17), 32.0, 8500.0) for s in range(16)])
    inside = field.std((1, 2)).mean()
    assert 0.1 < inside < 0.45  # of a town of 512 m, in deviations between towns
    assert field.mean((1, 2)).std() > 0.6


def test_mean_grade_agrees_with_values_worked_by_hand():
    # masonry V = .7 at VIII: (8 + 4.375 - 13.1) / 2.3 = -.31522; 2.5 (1 + tanh) = 1.7368
    assert mean_grade(np.array(8.0), np.array(0.7)) == pytest.approx(1.7368, abs=1e-3)
    # the mean is one half of the scale where I + 6.25 V = 13.1
    assert mean_grade(np.array(13.1 - 6.25 * 0.5), np.array(0.5)) == pytest.approx(2.5)


@pytest.mark.parametrize("intensity", EMS98)
def test_shares_of_grades_are_those_of_the_definitions_of_ems_98(intensity):
    for name, said in EMS98[intensity].items():
        share = grade_shares(float(mean_grade(np.array(float(intensity)), np.array(CLASS[name]))))
        for grade, quantity in said.items():
            least, most = QUANTITY[quantity]
            assert least <= share[grade] <= most, (intensity, name, grade, share)


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
    reached = binomial_grades(np.array([mu]))[0]
    assert reached == pytest.approx(1 - shares.cumsum()[:5], abs=1e-12)


def test_draws_are_alike_among_neighbours_and_uniform_over_towns():
    city = town("informal", 0)
    at = city.buildings.geometry.centroid
    x, y = at.x.to_numpy(), at.y.to_numpy()
    u = np.stack([common_draws(city, seed) for seed in range(120)])
    assert np.quantile(u, [0.01, 0.1, 0.5, 0.9, 0.99]) == pytest.approx(
        [0.01, 0.1, 0.5, 0.9, 0.99], abs=0.06
    )  # 120 towns, each hardly more than one independent draw
    rho = np.corrcoef(u.T)
    apart = np.hypot(x[:, None] - x, y[:, None] - y)
    near, far = rho[(apart > 0) & (apart < 12)].mean(), rho[apart > 100].mean()
    assert 0.4 < near < 0.7
    assert 0.03 < far < near - 0.2


def test_an_earthquake_deals_its_grades_binomially():
    """Over many seeds, the shares of grades of a town are those of its mean grades."""
    city = town("informal", 0)
    field = np.full(city.dtm.values.shape[1:], 8.5, np.float32)
    found, true = np.zeros(6), np.zeros(6)
    for seed in range(70):
        found += np.bincount(harmed(city, field, "none", seed)["grade_physical"], minlength=6)
        mu = mean_grade(np.full(len(city.buildings), 8.5), vulnerability_of(city, "none", seed))
        reached = np.c_[np.ones(len(mu)), binomial_grades(mu), np.zeros(len(mu))]
        true += -np.diff(reached, axis=1).sum(0)
    assert found / found.sum() == pytest.approx(true / true.sum(), abs=0.025)


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


@pytest.mark.parametrize("seed", [3])
def test_no_building_fares_better_in_a_stronger_earthquake(seed):
    city = town("informal", 0)
    grades = [
        earthquake(city, EarthquakeParams(m, 6_000), seed).buildings["grade_physical"].to_numpy()
        for m in (3, 5, 7, 9)
    ]
    assert (np.diff(grades, axis=0) >= 0).all()
    assert grades[0].mean() < grades[-1].mean() - 0.3


@pytest.mark.parametrize("seed", [3])
def test_no_building_of_a_stronger_typology_fares_worse(seed):
    city = town("informal", 0)
    order = ("adobe", "masonry", "reinforced concrete", "timber", "steel")
    params = EarthquakeParams(7.4, 5_000, scatter=0.0)
    grades = [
        earthquake(city.with_layers(buildings=city.buildings.assign(typology=t)), params, seed)
        .buildings["grade_physical"]
        .to_numpy()
        for t in order
    ]
    assert (np.diff(grades, axis=0) <= 0).all()
    assert grades[0].sum() > grades[-1].sum()


def test_better_design_never_harms_concrete_more():
    city = town("centre", 0)
    field = np.full(city.dtm.values.shape[1:], 9.0, np.float32)
    grades = [
        harmed(city, field, code, 1)["grade_physical"].to_numpy()
        for code in ("none", "unknown", "moderate", "high")
    ]
    assert (np.diff(grades, axis=0) <= 0).all()
    concrete = (city.buildings["typology"] == "reinforced concrete").to_numpy()
    assert np.array_equal(grades[0][~concrete], grades[-1][~concrete])
    assert grades[0][concrete].sum() > grades[-1][concrete].sum()


@pytest.mark.parametrize(
    "params", [EarthquakeParams(9.5, 2e7), EarthquakeParams(9.0, 1_001_000, 10)]
)
def test_out_of_reach_nothing_changes_by_one_bit(params):
    city = town("suburb", 0)
    event, still = earthquake(city, params, 5), calm(city)
    for name in ("buildings", "streets", "bridges", "trees", "objects"):
        assert table_bytes(getattr(event, name)) == table_bytes(getattr(still, name)), name
    assert event.intensity.values.tobytes() == still.intensity.values.tobytes()
    assert not any(raster.values.any() for raster in event.rasters.values())


def test_under_the_threshold_nothing_is_damaged_at_all():
    city = town("informal", 0)
    event = earthquake(city, EarthquakeParams(4.0, 40_000, scatter=0.0))
    assert 1 < event.intensity.values.max() < 4.5
    assert not event.buildings["grade_physical"].any()
    assert (event.buildings["failure"] == "intact").all()
    assert (event.buildings["cause"] == "none").all()


def test_weakly_felt_buildings_are_spared_where_others_are_hit():
    city = town("informal", 0)
    field = np.full(city.dtm.values.shape[1:], 9.5, np.float32)
    field[:, : field.shape[1] // 2] = 4.4
    table = harmed(city, field, "none", 2)
    weak = table["intensity"] < 4.5
    assert weak.any()
    assert table.loc[~weak, "grade_physical"].mean() > 1
    columns = ["grade_physical", "grade_visible", "lost", "rubble", "lean", "tarp"]
    assert not table.loc[weak, columns].any().any()
    assert (table.loc[weak, "failure"] == "intact").all()
