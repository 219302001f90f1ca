"""Every town grown is a plausible town: nothing overlaps, everything is valid, seeds decide."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from geomage.errors import InputError
from geomage.geo import Raster
from geomage.world import LAYERS, STYLES, CityParams, city_box, grow_city
from geomage.world.ground import Ground, park_cars
from geomage.world.parcels import split_block
from geomage.world.plan import draw_plan
from towns import table_bytes, town

SEEDS = (0, 16)
COLOURED = ("buildings", "land", "water", "trees", "vehicles", "objects")


@pytest.fixture(
    scope="module", params=[(style, seed) for style in STYLES for seed in SEEDS], ids=str
)
def city(request):
    style, seed = request.param
    return town(style, seed)


@pytest.fixture(scope="module")
def square(city):
    return shapely.box(*city.dtm.box.boundingbox.bbox)


def overlaps(shapes: np.ndarray) -> np.ndarray:
    """Areas that pairs of shapes share, m²."""
    one, other = shapely.STRtree(shapes).query(shapes, "intersects")
    pair = one < other
    return shapely.area(shapely.intersection(shapes[one[pair]], shapes[other[pair]]))


def carriageways(city) -> shapely.Geometry:
    return shapely.union_all(city.streets.buffer(city.streets["width"] / 2).to_numpy())


def test_every_layer_is_there_with_its_columns_in_one_crs(city):
    for name in LAYERS:
        layer = getattr(city, name)
        assert layer.crs == city.dtm.box.crs.to_wkt()
        numbers = layer.select_dtypes("number").to_numpy(float)
        assert np.isfinite(numbers).all(), name
    for name in COLOURED:
        rgb = getattr(city, name)[["red", "green", "blue"]].to_numpy(float)
        assert ((rgb > 0) & (rgb <= 1)).all(), name


def test_every_geometry_is_valid_and_of_its_kind(city):
    kinds = {"streets": "LineString", "trees": "Point", "vehicles": "Point", "objects": "Point"}
    for name in LAYERS:
        shapes = getattr(city, name).geometry
        assert shapes.is_valid.all(), name
        assert not shapes.is_empty.any(), name
        assert set(shapes.geom_type) <= {kinds.get(name, "Polygon")}, name


def test_buildings_stand_apart_inside_the_square_and_off_the_streets(city, square):
    shapes = city.buildings.geometry.to_numpy()
    if not len(shapes):
        return
    assert overlaps(shapes).max(initial=0) < 0.01
    assert shapely.area(shapely.difference(shapes, square)).max() < 0.01
    # outlines of blocks and lots are simplified by up to 0.45 m together
    core = shapely.buffer(shapes, -0.45)
    assert shapely.area(shapely.intersection(core, carriageways(city))).max() < 0.01
    water = shapely.union_all(city.water.geometry.to_numpy())
    assert shapely.area(shapely.intersection(core, water)).max() < 0.01


def test_roofs_cover_their_building_and_nothing_else(city):
    if not len(city.buildings):
        return
    roofs = city.roofs.dissolve("building_id").geometry
    shapes = city.buildings.set_index("building_id").geometry
    assert set(roofs.index) == set(shapes.index)
    differ = shapely.symmetric_difference(roofs.to_numpy(), shapes.loc[roofs.index].to_numpy())
    assert shapely.area(differ).max() < 0.01
    assert (city.roofs["ridge"] >= city.roofs["eave"]).all()
    assert (city.roofs["eave"] > 1.5).all()
    top = city.roofs.groupby("building_id")["ridge"].max()
    assert np.allclose(city.buildings.set_index("building_id")["height"], top)
    boxes = city.roofs[city.roofs["boxed"] == 1]
    assert np.allclose(boxes.area, boxes["length"] * boxes["width"])


def test_identifiers_count_from_one(city):
    assert city.buildings["building_id"].tolist() == list(range(1, len(city.buildings) + 1))


def test_parcels_tile_their_block(city):
    assert overlaps(city.parcels.geometry.to_numpy()).max(initial=0) < 0.01
    for number, lots in city.parcels.groupby("block"):
        block, use = city.blocks.geometry.iloc[number], city.blocks["use"].iloc[number]
        land = shapely.union_all(lots.geometry.to_numpy())
        assert land.difference(block).area < 0.01
        if use == "built":
            # slivers of less than 4 m² are dropped
            assert block.difference(land).area < 4.0 * len(lots)


def test_blocks_do_not_overlap_and_leave_the_streets_free(city, square):
    shapes = city.blocks.geometry.to_numpy()
    assert overlaps(shapes).max(initial=0) < 0.01
    assert shapely.area(shapely.difference(shapes, square)).max() < 0.01
    core = shapely.buffer(shapes, -0.2)
    # arterials and bridges lie in the band that a barrier took from the blocks
    assert shapely.area(shapely.intersection(core, carriageways(city))).max() < 1.0


def test_no_tree_grows_outside_the_square_and_none_is_smaller_than_its_crown(city, square):
    trees = city.trees
    assert shapely.contains(square.buffer(1e-6), trees.geometry.to_numpy()).all()
    assert (trees["height"] > trees["radius"]).all()
    assert set(trees["evergreen"]) <= {0, 1}


def test_the_terrain_covers_the_square_and_lies_above_the_datum(city):
    assert city.dtm.values.shape == (1, 64, 64)
    assert city.dtm.values.dtype == np.float32
    assert city.dtm.values.min() >= 0.9
    assert np.isfinite(city.dtm.values).all()


def test_every_style_grows_towns_with_buildings():
    for style in STYLES:
        assert any(len(town(style, seed).buildings) for seed in (*SEEDS, 1, 2)), style


def test_the_same_parameters_give_the_same_town_and_another_seed_another():
    for style in STYLES:
        grown, other = (town(style, seed) for seed in SEEDS)
        again = grow_city(CityParams(128.0, style, SEEDS[0]))
        for name in LAYERS:
            one, two = table_bytes(getattr(grown, name)), table_bytes(getattr(again, name))
            assert one == two, (style, name)
        assert grown.dtm.values.tobytes() == again.dtm.values.tobytes()
        assert table_bytes(grown.land) != table_bytes(other.land)


def test_growing_does_not_heed_the_global_generator():
    np.random.seed(0)  # noqa: NPY002
    one = grow_city(CityParams(100.0, "centre", 3))
    np.random.seed(99)  # noqa: NPY002
    other = grow_city(CityParams(100.0, "centre", 3))
    assert all(table_bytes(getattr(one, n)) == table_bytes(getattr(other, n)) for n in LAYERS)


def test_styles_differ_as_their_names_say():
    def built(style: str) -> float:
        return float(np.mean([town(style, seed).buildings.area.sum() for seed in SEEDS]))

    assert built("centre") > built("suburb") > built("village")
    assert built("informal") > built("suburb")
    informal, industry = (town(style, 0, 300.0).buildings for style in ("informal", "industry"))
    assert informal.area.mean() < industry.area.mean()


@pytest.mark.parametrize(
    ("params", "word"),
    [
        ({"style": "atlantis"}, "atlantis"),
        ({"size_m": 10.0}, "64"),
        ({"size_m": 1e6}, "20000"),
        ({"size_m": float("nan")}, "nan"),
        ({"seed": -1}, "-1"),
        ({"seed": 2**40}, "seed"),
    ],
)
def test_bad_parameters_are_named(params, word):
    with pytest.raises(InputError, match=word):
        CityParams(**params)


def test_an_unknown_style_is_answered_with_the_known_ones():
    with pytest.raises(InputError) as error:
        CityParams(style="atlantis")
    assert all(style in str(error.value) for style in STYLES)


@pytest.mark.parametrize("seed", range(5))
def test_splitting_an_odd_block_loses_nothing(seed):
    rng = np.random.default_rng(seed)
    ring = rng.uniform(0, 120, (9, 2))
    block = shapely.convex_hull(shapely.MultiPoint(ring)) - shapely.box(40, 0, 50, 60)
    block = max(shapely.get_parts(block), key=shapely.area)
    lots = np.array(split_block(rng, block, 200, 400))
    assert overlaps(lots).max(initial=0) < 1e-6
    assert shapely.area(lots).sum() == pytest.approx(block.area, abs=4.0 * len(lots))
    assert shapely.area(lots).max() <= 400 * 1.35


def test_the_grid_of_a_town_starts_at_its_corner():
    box = city_box(128, 2)
    assert box.boundingbox.bbox == (500_000, 5_400_000, 500_128, 5_400_128)
    assert str(box.crs) == "EPSG:32631"


def test_layers_can_be_replaced_without_touching_the_town():
    before = town()
    after = before.with_layers(trees=before.trees.iloc[:3])
    assert len(after.trees) == 3
    assert len(before.trees) > 3
    assert isinstance(after.dtm, Raster)
    assert after.buildings is before.buildings


def test_a_plan_is_drawn_north_up_and_refused_when_it_would_be_vast():
    picture = draw_plan(town("centre", 0), gsd=1.0)
    assert picture.size == (128, 128)
    pixels = np.asarray(picture)
    house = town("centre", 0).buildings.iloc[0]
    at = house.geometry.representative_point()
    seen = pixels[int(128 - (at.y - 5_400_000)), int(at.x - 500_000)]
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20
    assert seen.max() > 0
    for gsd in (0.001, 0.0, -1.0):
        with pytest.raises(InputError):
            draw_plan(town("centre", 0), gsd=gsd)


def test_a_car_park_of_no_size_holds_no_car():
    ground, rng = Ground(), np.random.default_rng(0)
    for nothing in (shapely.Polygon(), shapely.LineString([(0, 0), (5, 0)])):
        park_cars(rng, ground, nothing)
    assert ground.cars == []
    park_cars(rng, ground, shapely.box(0, 0, 60, 40))
    assert len(ground.cars) > 0
