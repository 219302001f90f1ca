"""A fitted style brings back what a town was grown from, and is nearer to it than a default."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import geopandas as gpd
import numpy as np
import pytest
import shapely
from shapely import box

from geomage.errors import BudgetError, InputError
from geomage.world import STYLES, CityParams, grow_city, read_style, write_style
from geomage.world.allotment import deal, lots_of, quantile, split_lots
from geomage.world.fit import FitParams, fit_style
from geomage.world.form_layers import city_layers
from geomage.world.goals import Goal, place_goal, shape_footprint
from geomage.world.grow import grow_tile
from geomage.world.measure import distances, ks_distance, measure_form
from geomage.world.rows import cut_row

pytest.importorskip("momepy", reason="the extra [fit] is not installed")

AREAS = (40.0, 90.0, 130.0, 180.0, 420.0)
KNOWN = replace(
    STYLES["suburb"],
    name="known",
    block_m=(58, 78),
    bend_m=6.0,
    footprint_m2=AREAS,
    elongation=(0.45, 0.7, 0.95),
    block_coverage=(0.12, 0.2, 0.26),
    land_use=MappingProxyType({"built": 1.0}),
    barriers=MappingProxyType({"none": 1.0}),
    quarters=MappingProxyType({}),
    plans=MappingProxyType({"box": 1.0}),
    trees_per_ha=(0, 0),
    storeys=(2.0, 3.0),
    empty=0.0,
    outbuilding=0.0,
    wooded=0.0,
)
SIDE = 420.0


def form_of(style, seed, side=SIDE):
    layers = city_layers(grow_city(CityParams(side, style, seed)))
    return measure_form(layers.buildings, layers.streets, layers.plots)


@pytest.fixture(scope="module")
def form():
    return form_of(KNOWN, 12)


@pytest.fixture(scope="module")
def fitted(form):
    return fit_style(form, FitParams(towns=1, rounds=1, size_m=SIDE), name="again")


@pytest.fixture(scope="module")
def grown(fitted):
    """Forms of two towns of the fitted style."""
    return [form_of(fitted, seed) for seed in (1, 2)]


def test_a_town_follows_the_quantiles_of_its_style(form):
    dealt = quantile(AREAS, np.linspace(0, 1, 400))
    assert ks_distance(form.footprint_m2, dealt) < 0.12  # the square cuts its districts
    assert ks_distance(form.elongation, quantile(KNOWN.elongation, np.linspace(0, 1, 400))) < 0.15
    assert abs(np.median(form.coverage) - 0.2) < 0.03


def test_fitting_a_grown_town_gives_back_its_style(fitted):
    probability = np.linspace(0.1, 0.9, 9)
    came, went = (quantile(s.footprint_m2, probability) for s in (fitted, KNOWN))
    assert np.allclose(came, went, rtol=0.25)
    came, went = (quantile(s.elongation, probability) for s in (fitted, KNOWN))
    assert np.allclose(came, went, atol=0.1)
    came, went = (quantile(s.block_coverage, np.array([0.25, 0.5, 0.75])) for s in (fitted, KNOWN))
    assert np.allclose(came, went, atol=0.05)
    assert fitted.storeys == pytest.approx(KNOWN.storeys, abs=1)
    assert fitted.land_use["built"] > 0.85
    assert fitted.attached < 0.1
    assert fitted.name == "again"


def test_streets_of_a_fitted_style_close_blocks_of_the_measured_size(form, grown):
    blocks = np.concatenate([town.block_m2 for town in grown])
    assert np.median(blocks) == pytest.approx(np.median(form.block_m2), rel=0.5)


def test_a_fitted_style_is_nearer_than_the_defaults(form, grown):
    def far(towns):
        found = [distances(form, town) for town in towns]
        # coverage of the half dozen blocks of a small town says nothing: `benchmarks.likeness` does
        return np.mean([[d[n] for n in ("footprint_m2", "elongation")] for d in found])

    defaults = [[form_of(style, 1)] for style in ("suburb", "centre")]
    near = far(grown)
    assert near < 0.12
    assert near < 0.6 * min(map(far, defaults))


def test_the_same_form_and_seed_give_the_same_style(form):
    form = replace(form, block_m2=np.empty(0))  # nothing to search for: towns grow at once
    params = FitParams(towns=1, rounds=1, size_m=128.0, seed=3)
    assert fit_style(form, params) == fit_style(form, params)
    with pytest.raises(InputError):
        FitParams(towns=0)


def test_without_a_round_nothing_is_grown(form, monkeypatch):
    monkeypatch.setattr("geomage.world.fit.grow_city", lambda _: pytest.fail("a town was grown"))
    measured = fit_style(form, FitParams(rounds=0), name="measured")
    assert measured.footprint_m2 == pytest.approx(
        np.quantile(form.footprint_m2, np.linspace(0, 1, 101), method="hazen"), rel=1e-3
    )


def test_without_streets_the_buildings_are_fitted():
    rng = np.random.default_rng(0)
    at = rng.permutation(400)[:60]
    shapes = [
        box(20 * (k % 20), 20 * (k // 20), 20 * (k % 20) + 12, 20 * (k // 20) + 9) for k in at
    ]
    alone = measure_form(gpd.GeoDataFrame(geometry=shapes, crs="EPSG:32633"))
    style = fit_style(alone, FitParams(towns=1, rounds=1, size_m=128.0))
    assert style.fabric in {s.fabric for s in STYLES.values()}
    assert style.order is None
    assert style.footprint_m2[0] == style.footprint_m2[-1] == pytest.approx(108)


def test_a_tile_of_a_look_alike_grown_alone_is_the_tile_of_the_whole():
    params = CityParams(140.0, replace(KNOWN, attached=0.5, heading_deg=(-30.0, 0.0, 20.0)), 3)
    halves = [grow_tile(params, box(x, 0, x + 70, 140)) for x in (0, 70)]
    whole = grow_city(params)
    for name in ("buildings", "parcels", "blocks"):
        pieces = sorted(g.wkb for half in halves for g in getattr(half, name).geometry)
        assert pieces == sorted(g.wkb for g in getattr(whole, name).geometry), name


@pytest.mark.parametrize("count", [1, 2, 7, 30])
def test_lots_tile_their_block_in_proportion(count):
    rng = np.random.default_rng(count)
    block = shapely.Polygon([(0, 0), (120, 10), (110, 90), (30, 70)])
    areas = rng.uniform(40, 160, count)
    lots = split_lots(rng, block, areas)
    assert sum(lot.parcel.area for lot in lots) == pytest.approx(block.area, abs=4 * count)
    ratio = [lot.parcel.area / lot.goal.area_m2 for lot in lots if lot.goal]
    assert np.allclose(ratio, block.area / areas.sum(), rtol=0.3)


def test_a_row_lines_the_street_wall_to_wall_around_a_court():
    rng = np.random.default_rng(1)
    block, areas = box(0, 0, 110, 80), np.full(24, 190.0)
    lots, rest = cut_row(rng, block, areas, np.full(24, 0.8))
    found = np.array([lot.area for lot in lots])
    assert np.allclose(found, 190, rtol=0.12)
    assert sum(found) + sum(p.area for p in rest) == pytest.approx(block.area, rel=0.01)
    assert all(lot.distance(block.exterior) < 0.01 for lot in lots)
    one, other = shapely.STRtree(lots).query(lots, "intersects")
    shared = shapely.area(shapely.intersection(np.array(lots)[one], np.array(lots)[other]))
    assert shared[one != other].max() < 0.01
    touching = sum(lot.distance(shapely.union_all(lots[:k] + lots[k + 1 :])) < 0.01
                   for k, lot in enumerate(lots))  # fmt: skip
    assert touching >= 22
    assert cut_row(rng, box(0, 0, 100, 12), areas, np.full(24, 0.8)) is None


@pytest.mark.parametrize("area", [30.0, 200.0, 700.0, 890.0])
def test_a_footprint_has_the_area_it_was_meant_to_have(area):
    rng = np.random.default_rng(2)
    lot = shapely.Polygon([(0, 0), (30, 2), (32, 30), (1, 28)])
    shape = shape_footprint(rng, lot, Goal(area, 0.6))
    polygon = (
        shape if isinstance(shape, shapely.Polygon) else shape.rectangle(shape.length, shape.width)
    )
    assert lot.buffer(0.01).contains(polygon)
    assert polygon.area == pytest.approx(min(area, lot.area), rel=0.08)
    for plan in ("L", "T", "U", "courtyard", "cluster"):
        style = replace(STYLES["suburb"], plans=MappingProxyType({plan: 1.0}))
        built = place_goal(rng, style, lot, Goal(area, 0.6))
        if built is not None:
            assert built.footprint.area == pytest.approx(min(area, lot.area), rel=0.08)


def test_every_block_is_dealt_its_coverage():
    rng = np.random.default_rng(4)
    blocks = [box(x, y, x + 90, y + 80) for x in range(10, 900, 110) for y in range(10, 900, 100)]
    fillings = deal(rng, KNOWN, blocks, blocks)
    cover = np.array([f.areas_m2.sum() for f in fillings]) / 7200
    assert ks_distance(cover, quantile(KNOWN.block_coverage, np.linspace(0, 1, 200))) < 0.1
    assert deal(rng, STYLES["suburb"], blocks, blocks) == [None] * len(blocks)
    assert all(len(lots_of(rng, b, f)) for b, f in zip(blocks, fillings, strict=True))


def test_a_town_of_giants_still_gives_a_lawful_style(tmp_path):
    giants = gpd.GeoDataFrame(
        {"storeys": [190] * 12},
        geometry=[box(3000 * k, 0, 3000 * k + 2500, 2500) for k in range(12)],
        crs="EPSG:32633",
    )
    form = measure_form(giants, None, giants)
    style = fit_style(form, FitParams(towns=1, rounds=1, size_m=200.0))
    assert read_style(write_style(style, tmp_path / "giants.toml")) == style


def test_a_country_is_not_a_town(monkeypatch):
    monkeypatch.setattr("geomage.world.measure.MOST_BUILDINGS", 3)
    many = gpd.GeoDataFrame(geometry=[box(k, 0, k + 9, 9) for k in range(4)], crs="EPSG:32633")
    with pytest.raises(BudgetError, match="cut out a part"):
        measure_form(many)
