"""Strikes and pictures asked for with numbers and towns that cannot be: one line, nothing left."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine
from odc.geo import wh_
from odc.geo.geobox import GeoBox

from geomage.cli import main
from geomage.disaster import EarthquakeParams, earthquake, read_event, write_event
from geomage.errors import InputError
from geomage.geo import Raster, write_cog
from geomage.world import City, read_city, write_city
from geomage.world.sources import ImportParams
from towns import town


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_city(town("suburb", 1), tmp_path_factory.mktemp("place") / "town")


def strike(city: Path, words: str, out: Path) -> int:
    """Exit code of one strike; a warning would end it as a fault."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        hazard, *rest = words.split()
        return main(["strike", hazard, str(city), "-o", str(out), *rest])


REFUSED = {
    "flood --source rain --cell 129": "cells of 129 m are wider than the town of 128 m",
    "flood --source dam --cell 1e308": "cells of 1e+308 m are wider than the town",
    "fire --hours 1e308": "burning time 1e+308 h must be more than 0 hours, up to 8766",
    "fire --ignition=": "--ignition '' is no place",
    "volcano --ash 1e16 --column 50": "ash would lie",
    "storm --heading 1e9": "a heading of 1e+09 degrees is no direction",
    "storm --kind cyclone --heading=-inf": "a heading of -inf degrees is no direction",
    "storm --radius 1e-308": "a radius of strongest wind of 1e-308 m cannot be",
    "storm --offset 1e308": "is not on Earth",
    "storm --kind cyclone --offset nan": "a track nan km beside the town is not on Earth",
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_is_refused(
    city: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], words: str
) -> None:
    assert strike(city, words, tmp_path / "out") == 2
    said = capfd.readouterr().err
    assert said.startswith("geomage: ")
    assert said.count("\n") == 1
    assert REFUSED[words] in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("hazard", ["fire", "volcano --distance 0", "landslide --pga 2"])
def test_every_seed_of_64_bits_will_do(city: Path, tmp_path: Path, hazard: str) -> None:
    assert strike(city, f"{hazard} --seed {2**64 - 1}", tmp_path / "out") == 0


def test_a_front_longer_than_the_town_is_as_long_as_it(city: Path, tmp_path: Path) -> None:
    burnt = []
    for n, front in enumerate(("1000", "1e308")):
        out = tmp_path / str(n)
        assert strike(city, f"fire --front {front}", out) == 0
        burnt.append(read_event(out).rasters["arrival"].values)
    assert np.array_equal(*burnt)


def test_hardly_any_shaking_moves_nothing_that_stands(city: Path, tmp_path: Path) -> None:
    assert strike(city, "landslide --pga 1e-308", tmp_path / "out") == 0


def moved(city: City, by: float) -> City:
    """The first building of a city far outside its terrain."""
    first = city.buildings["building_id"].iloc[0]
    tables = {}
    for name in ("buildings", "roofs"):
        table = getattr(city, name).copy()
        far = table.geometry.translate(by, by)
        table.geometry = table.geometry.where(table["building_id"] != first, far)
        tables[name] = table
    return city.with_layers(**tables)


def test_a_building_outside_the_terrain_stays_dry(tmp_path: Path) -> None:
    place = write_city(moved(town("suburb", 1), 5000.0), tmp_path / "town")
    assert strike(place, "flood", tmp_path / "event") == 0
    assert read_event(tmp_path / "event").buildings["depth"].iloc[0] == 0


GRIDS = {
    "one cell": (GeoBox(wh_(1, 1), Affine(200, 0, 0, 0, -200, 200), "EPSG:32631"), "1 x 1 cells"),
    "degrees": (GeoBox(wh_(9, 9), Affine(1e-4, 0, 2, 0, -1e-4, 48), "EPSG:4326"), "in degrees"),
    "oblong": (GeoBox(wh_(9, 9), Affine(2, 0, 0, 0, -4, 36), "EPSG:32631"), "not square"),
    "south up": (GeoBox(wh_(9, 9), Affine(2, 0, 0, 0, 2, 0), "EPSG:32631"), "not square"),
    "too fine": (GeoBox(wh_(9, 9), Affine(0.01, 0, 0, 0, -0.01, 1), "EPSG:32631"), "under 0.1 m"),
}


@pytest.mark.parametrize("name", GRIDS)
def test_terrain_that_nothing_flows_over_is_refused(tmp_path: Path, name: str) -> None:
    box, says = GRIDS[name]
    params = ImportParams((), str(box.crs), box.boundingbox.bbox, None, 0, {}, ())
    dtm = Raster(np.zeros((1, *box.shape), np.float32), box, None, ("height",))
    write_city(replace(town("suburb", 1), params=params, dtm=dtm), tmp_path / "town")
    with pytest.raises(InputError, match=rf"dtm\.tif .*{says}"):
        read_city(tmp_path / "town")


def test_terrain_higher_than_any_on_earth_is_refused(tmp_path: Path) -> None:
    city = town("suburb", 1)
    high = replace(city.dtm, values=city.dtm.values + np.float32(2e4))
    write_city(replace(city, dtm=high), tmp_path / "town")
    with pytest.raises(InputError, match=r"dtm\.tif holds heights of 200"):
        read_city(tmp_path / "town")


def longest(streets: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    line = shapely.LineString([(-4e8, 0), (4e8, 0)])
    return streets.set_geometry([line, *streets.geometry[1:]], crs=streets.crs)


ASSETS: dict[str, tuple[str, Callable[[gpd.GeoDataFrame], gpd.GeoDataFrame], str]] = {
    "a street round the Earth": ("streets", longest, "km of lines"),
    "halves of numbers": (
        "buildings",
        lambda table: table.assign(building_id=table["building_id"] + 0.5),
        "which is no whole number",
    ),
    "towers into space": (
        "buildings",
        lambda table: table.assign(height=1e4),
        "height holds 10000",
    ),
}


@pytest.mark.parametrize("name", ASSETS)
def test_assets_that_cannot_stand_are_refused(tmp_path: Path, name: str) -> None:
    layer, spoil, says = ASSETS[name]
    city = town("suburb", 1)
    write_city(city.with_layers(**{layer: spoil(getattr(city, layer))}), tmp_path / "town")
    with pytest.raises(InputError, match=says):
        read_city(tmp_path / "town")


def test_streets_cross_water_whose_outline_crosses_itself(tmp_path: Path) -> None:
    city = town("suburb", 1)
    a = city.dtm.box.boundingbox
    loops = [(a.left, a.bottom), (a.right, a.top), (a.right, a.bottom), (a.left, a.top)]
    look = {"kind": ["river"] * 2, **dict.fromkeys(("red", "green", "blue"), 0.1)}
    shapes = [shapely.Polygon(loops), shapely.box(a.left, a.bottom, a.left + 60, a.top)]
    water = gpd.GeoDataFrame(look, geometry=shapes, crs=city.land.crs)
    write_city(city.with_layers(water=water.assign(source_id="", given="")), tmp_path / "town")
    assert strike(tmp_path / "town", "earthquake", tmp_path / "event") == 0


def test_streets_of_several_pieces_are_pictured(tmp_path: Path) -> None:
    city = town("suburb", 1)
    pieces = city.streets.geometry.map(
        lambda line: shapely.MultiLineString([shapely.ops.substring(line, *ends, normalized=True)
                                              for ends in ((0, 0.4), (0.6, 1))])
    )  # fmt: skip
    wide = city.streets.assign(width=12.0, surface="asphalt").set_geometry(pieces)
    wide["kind"] = ["rail" if row % 2 else "primary" for row in range(len(wide))]
    write_city(city.with_layers(streets=wide), tmp_path / "town")
    assert strike(tmp_path / "town", "earthquake", tmp_path / "event") == 0
    assert main(["render", str(tmp_path / "event"), "-o", str(tmp_path / "scene")]) == 0


@pytest.fixture(scope="module")
def flooded(city: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    event = tmp_path_factory.mktemp("flood") / "event"
    assert strike(city, "flood", event) == 0
    return event


@pytest.mark.parametrize("value", [-1.0, 1e9])
@pytest.mark.parametrize("name", ["water_depth", "mud", "velocity"])
def test_hazards_that_no_strike_leaves_are_refused(
    flooded: Path, tmp_path: Path, name: str, value: float
) -> None:
    shutil.copytree(flooded, tmp_path / "event")
    path = tmp_path / "event" / f"{name}.tif"
    field = read_event(tmp_path / "event").rasters[name]
    path.unlink()
    write_cog(path, replace(field, values=np.full_like(field.values, value)))
    with pytest.raises(InputError, match=rf"{name}\.tif holds {value:g}".replace("+", "\\+")):
        read_event(tmp_path / "event")


@pytest.mark.parametrize(("column", "value"), [("sink", 1e9), ("lost", -1.0), ("lean", 1e9)])
def test_buildings_that_grow_as_they_fall_are_refused(
    city: Path, tmp_path: Path, column: str, value: float
) -> None:
    struck = earthquake(read_city(city), EarthquakeParams())
    table = struck.buildings.assign(**{column: value})
    write_event(replace(struck, buildings=table), tmp_path / "event")
    with pytest.raises(InputError, match=f"layer buildings: {column} holds .*, outside"):
        read_event(tmp_path / "event")
