"""A city as CityJSON: closed solids where the layers say, every number in its place."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from geomage.world import STYLES
from geomage.world.cityjson import city_document, cityjson_bytes
from geomage.world.solids import stand_heights, terrain_at
from solids import is_closed
from towns import town


@pytest.fixture(scope="module", params=[(s, 0) for s in STYLES] + [("village", 2)], ids=str)
def city(request):
    return town(*request.param)


@pytest.fixture(scope="module")
def document(city):
    return json.loads(cityjson_bytes(city))


def geometries(document, kind: str):
    for name, thing in document["CityObjects"].items():
        for geometry in thing.get("geometry", ()):
            if geometry["type"] == kind:
                yield name, geometry


def numbers(boundaries) -> set[int]:
    if isinstance(boundaries, int):
        return {boundaries}
    return set().union(*(numbers(part) for part in boundaries)) if boundaries else set()


def metres(document) -> np.ndarray:
    turn = document["transform"]
    return np.array(document["vertices"]) * turn["scale"] + turn["translate"]


def test_the_head_says_version_place_and_grid(city, document):
    assert (document["type"], document["version"]) == ("CityJSON", "2.0")
    assert document["transform"]["scale"] == [0.001] * 3
    about = document["metadata"]
    assert about["referenceSystem"] == "https://www.opengis.net/def/crs/EPSG/0/32631"
    low, high = about["geographicalExtent"][:3], about["geographicalExtent"][3:]
    assert np.allclose(metres(document).min(0), low, atol=1e-6)
    assert np.allclose(metres(document).max(0), high, atol=1e-6)
    west, south, east, north = city.dtm.box.boundingbox.bbox
    assert np.allclose([low[0], low[1], high[0], high[1]], [west, south, east, north], atol=0.01)


def test_every_vertex_is_used_and_none_stands_twice(document):
    used = numbers([g["boundaries"] for o in document["CityObjects"].values()
                    for g in o.get("geometry", ())])  # fmt: skip
    assert used == set(range(len(document["vertices"])))
    assert len({tuple(v) for v in document["vertices"]}) == len(document["vertices"])
    assert all(isinstance(x, int) for v in document["vertices"][:50] for x in v)


def test_every_building_is_closed_and_every_face_named(document):
    for name, solid in geometries(document, "Solid"):
        (shell,) = solid["boundaries"]
        assert is_closed(shell), name
        (values,) = solid["semantics"]["values"]
        assert len(values) == len(shell)
        named = [solid["semantics"]["surfaces"][i]["type"] for i in values]
        assert set(named) == {"GroundSurface", "WallSurface", "RoofSurface"}


def test_each_wing_has_its_solid(city, document):
    objects = document["CityObjects"]
    wings = city.roofs.groupby("building_id").size()
    assert sum(o["type"] == "Building" for o in objects.values()) == len(city.buildings)
    for who, count in wings.items():
        own = objects[f"building-{who}"]
        if count == 1:
            assert own["geometry"][0]["type"] == "Solid"
            assert "children" not in own
            continue
        assert len(own["children"]) == count
        for child in own["children"]:
            assert objects[child]["type"] == "BuildingPart"
            assert objects[child]["parents"] == [f"building-{who}"]
    assert len(list(geometries(document, "Solid"))) == len(city.roofs)


def test_heights_are_terrain_and_eaves(city, document):
    floor, foot = stand_heights(city)
    assert (floor >= foot).all()
    xyz = metres(document)
    for i, (who, top) in enumerate(zip(city.buildings["building_id"], city.buildings["height"],
                                       strict=True)):  # fmt: skip
        own = [g for name, g in geometries(document, "Solid")
               if name == f"building-{who}" or name.startswith(f"building-{who}-")]  # fmt: skip
        z = xyz[[*numbers([g["boundaries"] for g in own])], 2]
        assert z.min() == pytest.approx(foot[i], abs=0.002)
        assert z.max() == pytest.approx(floor[i] + top, abs=0.002)
        if i > 20:
            break


def test_attributes_carry_the_record(city, document):
    for row in city.buildings.head(10).itertuples():
        said = document["CityObjects"][f"building-{row.building_id}"]["attributes"]
        assert said["function"] == said["use"] == row.use
        assert said["measuredHeight"] == pytest.approx(row.height, abs=1e-3)
        assert said["storeysAboveGround"] == row.storeys
        assert said["vulnerability"] == row.vulnerability
        assert said["occupants_night"] == pytest.approx(row.occupants_night, abs=1e-3)
        assert "red" not in said


def test_terrain_and_streets_lie_on_the_terrain(city, document):
    xyz = metres(document)
    for name in ("TINRelief", "Road", "LandUse"):
        for thing in document["CityObjects"].values():
            if thing["type"] == name:
                at = xyz[[*numbers(thing["geometry"][0]["boundaries"])]]
                assert np.allclose(terrain_at(city.dtm, at[:, :2]), at[:, 2], atol=0.01)
    assert document["CityObjects"]["terrain"]["attributes"]["spacing_m"] == 10.0


def test_the_same_city_gives_the_same_bytes(city):
    assert cityjson_bytes(city) == cityjson_bytes(city)


def test_columns_of_strangers_come_along_and_nothing_known_is_left_out():
    city = town("suburb", 0)
    city = city.with_layers(
        buildings=city.buildings.assign(source_id="way/1", given=np.nan, storeys=3)
    )
    said = city_document(city)["CityObjects"]["building-1"]["attributes"]
    assert said["source_id"] == "way/1"
    assert "given" not in said


@pytest.mark.skipif(find_spec("cjio") is None, reason="needs cjio")
def test_other_software_reads_it(tmp_path):
    """In a process of its own: cjio changes how the whole process writes numbers as JSON."""
    file, again = tmp_path / "town.city.json", tmp_path / "again.city.json"
    file.write_bytes(cityjson_bytes(town("suburb", 0)))
    words = ["cjio", str(file), "vertices_clean", "save", str(again)]
    code = f"import sys; sys.argv = {words!r}; from cjio.cjio import cli; cli()"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    ours, theirs = json.loads(file.read_text()), json.loads(again.read_text())
    assert theirs["CityObjects"].keys() == ours["CityObjects"].keys()
    assert theirs["metadata"]["referenceSystem"] == ours["metadata"]["referenceSystem"]
    assert len(theirs["vertices"]) == len(ours["vertices"])
