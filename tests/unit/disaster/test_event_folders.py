"""An event folder holds the struck city, what was struck and the hazard."""

from __future__ import annotations

import json
import shutil

import pyogrio
import pytest
import rasterio

from geomage.disaster import (
    EarthquakeParams,
    FireParams,
    FloodParams,
    LandslideParams,
    StormParams,
    VolcanoParams,
    calm,
    earthquake,
    fire,
    flood,
    landslide,
    read_event,
    storm,
    volcano,
    write_event,
)
from geomage.errors import InputError, OutputError
from geomage.world import LAYERS, read_city
from towns import folder_hashes, town

EVENTS = {
    "none": calm,
    "earthquake": lambda city: earthquake(city, EarthquakeParams(7.5, 1_000)),
    "fire": lambda city: fire(city, FireParams()),
    "flood": lambda city: flood(city, FloodParams(2)),
    "storm": lambda city: storm(city, StormParams()),
    "volcano": lambda city: volcano(city, VolcanoParams(40.0, ash_kg=3e9)),
    "landslide": lambda city: landslide(city, LandslideParams(soil_m=3.0, cohesion_pa=0.0)),
}
ADDED = {
    "none": set(),
    "earthquake": {"debris", "debris_height"},
    "fire": {"arrival", "burn", "debris"},
    "flood": {"water_depth", "velocity", "foam", "wet", "mud", "debris", "debris_height"},
    "storm": {"debris", "debris_height", "mud"},
    "volcano": {"lava", "ash", "debris", "debris_height"},
    "landslide": {"slide", "velocity", "debris", "debris_height"},
}


@pytest.fixture(scope="module")
def city():
    return town("suburb", 0)


@pytest.fixture(scope="module", params=EVENTS)
def written(request, city, tmp_path_factory):
    event = EVENTS[request.param](city)
    return event, write_event(event, tmp_path_factory.mktemp("event") / request.param)


def test_the_folder_holds_what_the_design_says(written):
    event, folder = written
    files = {f.name for f in folder.iterdir()}
    assert event.kind in EVENTS
    assert {"city.gpkg", "dtm.tif", "event.gpkg", "event.json", "item.json"} <= files
    assert {f"{name}.tif" for name in ADDED[event.kind]} | {"intensity.tif", "dtm.tif"} == {
        name for name in files if name.endswith(".tif")
    }
    layers = {name for name, _ in pyogrio.list_layers(folder / "event.gpkg")}
    assert layers == {"bridges", "buildings", "objects", "streets", "trees"}
    table = pyogrio.read_dataframe(folder / "event.gpkg", layer="buildings")
    assert {"grade_physical", "grade_visible", "intensity", "cause"} <= set(table.columns)
    streets = pyogrio.read_dataframe(folder / "event.gpkg", layer="streets")
    assert {"state", "depth"} <= set(streets.columns)
    with rasterio.open(folder / "intensity.tif") as intensity:
        assert intensity.tags()["unit"] == event.unit
    item = json.loads((folder / "item.json").read_text())
    for asset in item["assets"].values():
        assert (folder / asset["href"]).is_file()


def test_what_is_read_is_what_was_written(written):
    event, folder = written
    read = read_event(folder)
    assert (read.kind, read.unit) == (event.kind, event.unit)
    assert dict(read.parameters) == dict(event.parameters)
    for name in ("buildings", "streets", "bridges", "trees", "objects"):
        one, other = getattr(event, name), getattr(read, name)
        assert one.geometry.geom_equals(other.geometry).all()
        for column in one.columns.drop("geometry"):
            assert one[column].tolist() == other[column].tolist(), (name, column)
    assert set(read.rasters) == set(event.rasters)
    for name, raster in event.rasters.items():
        assert read.rasters[name].values.tobytes() == raster.values.tobytes(), name
        assert read.rasters[name].box == raster.box
    assert read.intensity.values.tobytes() == event.intensity.values.tobytes()
    assert [len(getattr(read.city, n)) for n in LAYERS] == [
        len(getattr(event.city, n)) for n in LAYERS
    ]


def test_an_event_folder_is_a_city_folder_too(written, city):
    read = read_city(written[1])
    assert read.params == city.params
    assert len(read.buildings) == len(city.buildings)


def test_the_same_event_gives_the_same_bytes(written, city, tmp_path):
    event, folder = written
    again = write_event(EVENTS[event.kind](city), tmp_path / "again")
    assert folder_hashes(again) == folder_hashes(folder)


def test_striking_what_was_read_is_striking_what_was_grown(city, tmp_path):
    from geomage.world import write_city

    read = read_city(write_city(city, tmp_path / "city"))
    for kind, strike in EVENTS.items():
        once = write_event(strike(city), tmp_path / f"{kind}-grown")
        again = write_event(strike(read), tmp_path / f"{kind}-read")
        one, other = folder_hashes(once), folder_hashes(again)
        one.pop("city.gpkg"), other.pop("city.gpkg")  # column order may change on the way
        assert one == other, kind


def test_an_older_folder_is_kept_unless_told(written):
    event, folder = written
    before = folder_hashes(folder)
    with pytest.raises(OutputError):
        write_event(event, folder)
    assert folder_hashes(folder) == before


def test_a_city_is_no_event(city, tmp_path):
    from geomage.world import write_city

    for path in (write_city(city, tmp_path / "city"), tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError, match="event"):
            read_event(path)


@pytest.mark.parametrize("file", ["event.gpkg", "event.json", "intensity.tif", "city.gpkg"])
@pytest.mark.parametrize("content", [None, b"", b"{}", b"<html>not found</html>"])
def test_a_missing_or_damaged_file_is_named(city, tmp_path, file, content):
    folder = write_event(calm(city), tmp_path / "event")
    if content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_bytes(content)
    with pytest.raises(InputError, match=file):
        read_event(folder)


def test_nothing_is_left_of_a_folder_that_could_not_be_written(city, tmp_path):
    event = calm(city)
    broken = type(event)(**{**vars(event), "parameters": {"what": object()}})
    with pytest.raises(TypeError):
        write_event(broken, tmp_path / "event")
    assert not list(tmp_path.iterdir())
    shutil.rmtree(tmp_path)
