"""Laws of grown towns, over seeds and kinds of settlement, and of growing them in pieces."""

from __future__ import annotations

from itertools import cycle

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geomage.world import STYLES, CityParams
from geomage.world.districts import DistrictKey, Skeleton
from geomage.world.graph import street_graph
from geomage.world.grow import grow_tile
from towns import town

SIZE = 300.0
APART = ("rail", "motorway")


RIVER = ("village", 5)
TILED = {"suburb": 1, "oldtown": 20, "village": 20, "harbour": 300, "radial": 300}
SEEDS = {style: seed for seed, style in zip(cycle((1, 300)), sorted(STYLES))} | TILED
CASES = [*SEEDS.items(), RIVER]


@pytest.fixture(scope="module", params=CASES, ids=str)
def city(request):
    style, seed = request.param
    return town(style, seed, SIZE)


def overlapping(shapes: np.ndarray) -> float:
    """Largest area two shapes share, m²."""
    one, other = shapely.STRtree(shapes).query(shapes, "intersects")
    pair = one < other
    both = shapely.intersection(shapes[one[pair]], shapes[other[pair]])
    return float(shapely.area(both).max(initial=0.0))


def test_no_building_overlaps_another_or_a_street(city):
    shapes = city.buildings.geometry.to_numpy()
    assert overlapping(shapes) < 1e-6
    lines, half = city.streets.geometry.to_numpy(), city.streets["width"].to_numpy() / 2
    a, b = shapely.STRtree(lines).query(shapes, "dwithin", distance=half.max(initial=1.0))
    assert (shapely.distance(shapes[a], lines[b]) > half[b] - 0.1).all()


def test_parcels_tile_their_block(city):
    blocks = city.blocks.geometry.to_numpy()
    parcels = city.parcels.geometry.to_numpy()
    assert overlapping(parcels) < 1e-6
    built = city.parcels.groupby("block").groups
    for block, rows in built.items():
        lots = parcels[city.parcels.index.get_indexer(rows)]
        left = shapely.symmetric_difference(blocks[int(block)], shapely.union_all(lots))
        if city.blocks["use"].iloc[int(block)] == "built":
            assert shapely.area(left) < 1e-6 * max(1.0, shapely.area(blocks[int(block)]))


def test_every_building_reaches_a_street(city):
    homes = city.buildings[city.buildings["use"] == "residential"]
    farms = city.blocks[~city.blocks["use"].isin(["built", "hall", "school"])].geometry.to_numpy()
    at = homes.geometry.representative_point().to_numpy()
    lone = np.zeros(len(at), bool)
    lone[shapely.STRtree(farms).query(at, "within")[0]] = True  # farms have tracks of their own
    parcels = city.parcels.geometry.to_numpy()
    home, lot = shapely.STRtree(parcels).query(at[~lone], "within")
    lines, half = city.streets.geometry.to_numpy(), city.streets["width"].to_numpy() / 2
    edge = shapely.union_all(shapely.buffer(lines, half + 3.0))
    square = shapely.box(*city.dtm.box.boundingbox.bbox)
    inner = shapely.within(parcels[lot], square.buffer(-8.0))
    assert shapely.intersects(parcels[lot][inner], edge).all()
    assert len(home) == (~lone).sum()


def test_the_streets_are_one_network(city):
    lines = city.streets[~city.streets["kind"].isin(APART)].geometry.to_numpy()
    parts = street_graph(lines).parts()
    assert len(np.unique(parts)) <= 1


def test_water_lies_below_its_banks(city):
    box = city.dtm.box
    z = city.dtm.values[0]
    rows, columns = np.indices(z.shape)
    x, y = box.affine @ (columns + 0.5, rows + 0.5)
    wet = shapely.union_all(city.water[city.water["kind"] != "pool"].geometry.to_numpy())
    for pond in shapely.get_parts(wet):
        inside = shapely.contains_xy(pond.buffer(-3.0), x, y)
        bank = shapely.contains_xy(pond.buffer(5.0), x, y) & ~shapely.contains_xy(wet, x, y)
        if inside.any() and bank.any() and pond.area < 3000:
            assert z[inside].max() < z[bank].min()
        for at in np.argwhere(inside)[::40]:  # along a river: each bank beside its own water
            near = bank & (np.hypot(*(np.indices(z.shape) - at[:, None, None])) < 12)
            if near.any():
                assert z[tuple(at)] < z[near].min()


def test_a_river_runs_through_one_of_them():
    assert "river" in set(town(*RIVER, SIZE).water["kind"])


def test_all_geometry_is_valid(city):
    for name in ("buildings", "roofs", "streets", "blocks", "parcels", "land", "water"):
        assert getattr(city, name).is_valid.all(), name


def keyed(layer: gpd.GeoDataFrame) -> list[tuple]:
    """Rows of a layer without their numbers, in an order of their own."""
    plain = layer.drop(columns=[c for c in ("building_id", "block") if c in layer])
    shapes = [shapely.to_wkb(shapely.normalize(g), hex=True) for g in layer.geometry]
    words = [str(row) for row in plain.drop(columns="geometry").itertuples(index=False)]
    return sorted(zip(shapes, words, strict=True))


@pytest.mark.parametrize(("style", "seed"), TILED.items())
def test_a_tile_grown_alone_is_the_tile_cut_from_the_whole(style, seed):
    whole, half = town(style, seed, SIZE), SIZE / 2
    corners = ((0, 0), (half, 0), (half, half), (0, half))
    windows = [shapely.box(a, b, a + half, b + half) for a, b in corners]
    tiles = [grow_tile(CityParams(SIZE, style, seed), w) for w in windows]
    for name in ("buildings", "trees", "vehicles", "objects", "blocks", "parcels", "roofs"):
        pieces = sorted(row for tile in tiles for row in keyed(getattr(tile, name)))
        assert pieces == keyed(getattr(whole, name)), name
    for tile, w in zip(tiles, windows, strict=True):
        x0, y0, x1, y1 = (int(v / 2) for v in w.bounds)
        rows = slice(len(whole.dtm.values[0]) - y1, len(whole.dtm.values[0]) - y0)
        assert np.array_equal(tile.dtm.values[0], whole.dtm.values[0, rows, x0:x1])
    for name in ("land", "water"):
        parts = shapely.area(np.concatenate([getattr(t, name).geometry.to_numpy() for t in tiles]))
        assert parts.sum() == pytest.approx(getattr(whole, name).area.sum(), rel=1e-6)


@given(st.integers(0, 1000), st.integers(-40, 40), st.integers(-40, 40))
@settings(max_examples=25, deadline=None)
def test_two_districts_share_their_border_to_the_last_bit(seed, column, row):
    lattice = Skeleton.sample(np.random.default_rng(seed), seed, 400.0, 0.35, 12.0)
    here = lattice.district(DistrictKey(column, row))
    for side in here.sides:
        (other,) = set(side.districts) - {here.key}
        twin = [s for s in lattice.district(other).sides if s.districts == side.districts]
        assert [s.line.wkb for s in twin] == [side.line.wkb]
    assert here.outline.is_valid
