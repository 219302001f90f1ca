"""A town grown by tiles is the town grown whole, whatever the number of workers."""

from __future__ import annotations

import hashlib

import geopandas as gpd
import numpy as np
import pytest
import shapely

from geomage.world import CityParams, grow_city, read_city, tiles
from geomage.world.graph import street_graph
from geomage.world.grow import APART
from geomage.world.tiles import city_tiles, grow_large_city

PARAMS = CityParams(440.0, "suburb", 11)


@pytest.fixture(scope="module", autouse=True)
def small_tiles():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiles, "TILE_M", 210.0)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return grow_large_city(PARAMS, tmp_path_factory.mktemp("large") / "town").folder


def digest(folder) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}


def shapes(layer: gpd.GeoDataFrame) -> list[bytes]:
    return sorted(shapely.to_wkb(shapely.normalize(layer.geometry.to_numpy())))


def test_tiles_cover_the_town_once():
    for size in (2001.0, 2500.0, 10_000.0):
        windows = np.array(city_tiles(size), object)
        assert shapely.area(windows).sum() == pytest.approx(size**2)
        assert shapely.union_all(windows).area == pytest.approx(size**2)


def test_it_is_the_town_grown_whole(folder):
    city, whole = read_city(folder), grow_city(PARAMS)
    for name in ("buildings", "roofs", "blocks", "parcels", "trees", "vehicles", "objects"):
        assert shapes(getattr(city, name)) == shapes(getattr(whole, name)), name
    assert np.array_equal(city.dtm.values, whole.dtm.values)
    assert city.land.area.sum() == pytest.approx(whole.land.area.sum(), rel=1e-6)
    assert city.streets.length.sum() == pytest.approx(whole.streets.length.sum(), rel=0.02)


def test_numbers_are_unique_and_point_where_they_should(folder):
    city = read_city(folder)
    assert city.buildings["building_id"].is_unique
    assert set(city.roofs["building_id"]) == set(city.buildings["building_id"])
    blocks = city.blocks.geometry.to_numpy()[city.parcels["block"].to_numpy()]
    inner = shapely.point_on_surface(city.parcels.geometry.to_numpy())
    assert (shapely.distance(blocks, inner) < 1e-6).all()


def test_its_streets_are_one_network(folder):
    streets = read_city(folder).streets
    lines = streets[~streets["kind"].isin(APART)].geometry.to_numpy()
    assert len(np.unique(street_graph(lines).parts())) == 1


def test_any_number_of_workers_writes_the_same_bytes(folder, tmp_path):
    again = grow_large_city(PARAMS, tmp_path / "town", jobs=2).folder
    assert digest(again) == digest(folder)
