"""City and event folders that strangers changed: refused by name before any work."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely
from affine import Affine
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox

from geomage.cli import main
from geomage.disaster import StormParams, read_event, storm, write_event
from geomage.errors import InputError
from geomage.geo import Raster, read_raster, write_cog, write_vectors
from geomage.world import LAYERS, read_city, write_city
from geomage.world.layers import COLUMNS, read_layers
from towns import town

EVENT_LAYERS = ("buildings", "streets", "trees")
Spoil = Callable[[gpd.GeoDataFrame], gpd.GeoDataFrame]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("folders")
    towns = (town("suburb", seed) for seed in range(20))
    city = next(c for c in towns if all(len(getattr(c, name)) for name in LAYERS))
    write_city(city, place / "town")
    write_event(storm(city, StormParams(ef=3)), place / "event")
    return place


@pytest.fixture
def place(folders: Path, tmp_path: Path) -> Path:
    """Copies to damage."""
    return shutil.copytree(folders, tmp_path / "folders")


def rewrite(vectors: Path, layer: str, spoil: Spoil) -> None:
    """The same GeoPackage with one layer changed."""
    names = [name for name, _ in pyogrio.list_layers(vectors)]
    tables = {name: gpd.read_file(vectors, layer=name) for name in names}
    vectors.unlink()
    write_vectors(vectors, tables | {layer: spoil(tables[layer])})


def commands(place: Path) -> list[list[str]]:
    """Every verb that reads one of the two folders."""
    city, event, out = str(place / "town"), str(place / "event"), str(place / "out")
    return [
        *(["strike", hazard, city, "-o", out] for hazard in ("flood", "earthquake", "fire")),
        ["strike", "storm", city, "-o", out],
        ["city", "show", city, "-o", str(place / "out.png")],
        ["render", event, "-o", out],
    ]


def set_first(column: str, value: object) -> Spoil:
    def spoil(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        values = frame[column].astype(object if value is None or isinstance(value, str) else float)
        values.iloc[0] = value
        return frame.assign(**{column: values.infer_objects()})

    return spoil


def set_shape(shape: shapely.Geometry | None) -> Spoil:
    def spoil(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        shapes = [shape, *frame.geometry[1:]]
        return frame.set_geometry(gpd.GeoSeries(shapes, index=frame.index, crs=frame.crs))

    return spoil


def spoilt_column(name: str, kind: str) -> list[tuple[Spoil, str]]:
    """Ways to spoil a column, and what is said of it."""
    ways: list[tuple[Spoil, str]] = [
        (lambda frame: frame.drop(columns=name), "is missing"),
        (set_first(name, None), "holds nothing in 1 rows"),
    ]
    if kind == "number":
        ways.append((set_first(name, np.inf), "holds inf, outside"))
        ways.append((lambda frame: frame.assign(**{name: "wide"}), "holds .* instead of numbers"))
    elif kind == "word of few":
        ways.append((set_first(name, "cardboard"), "holds 'cardboard'"))
    return ways


@pytest.mark.parametrize("layer", LAYERS)
def test_a_column_that_is_spoilt_is_named(folders: Path, tmp_path: Path, layer: str) -> None:
    table = gpd.read_file(folders / "town" / "city.gpkg", layer=layer)
    assert len(table), "the town lacks what this test spoils"
    columns = COLUMNS[layer]
    kinds = dict.fromkeys([*columns.numbers][:2], "number")
    kinds |= {name: "word of few" if some else "word" for name, some in columns.words.items()}
    for name, kind in kinds.items():
        for spoil, says in spoilt_column(name, kind):
            path = write_vectors(tmp_path / "city.gpkg", {layer: spoil(table)})
            with pytest.raises(InputError, match=rf"city\.gpkg, layer {layer}: {name} {says}"):
                read_layers(path, {layer: columns}, CRS("EPSG:32631"))


SHAPES: dict[str, tuple[Spoil, str]] = {
    "null": (set_shape(None), "no shape in 1 rows"),
    "empty": (set_shape(shapely.Polygon()), "no shape in 1 rows"),
    "a point": (set_shape(shapely.Point(0, 0)), "holds Point"),
    "another crs": (lambda frame: frame.to_crs("EPSG:4326"), "another CRS"),
    "no crs": (lambda frame: frame.set_crs(None, allow_override=True), "another CRS"),
    "emptied": (lambda frame: frame.iloc[:0], "do not fit"),
    "one gone": (lambda frame: frame.iloc[1:], "do not fit"),
    "one twice": (lambda frame: frame.iloc[[0, 0, *range(1, len(frame))]], "two buildings"),
}


@pytest.mark.parametrize(("spoil", "says"), SHAPES.values(), ids=SHAPES)
def test_buildings_of_no_shape_or_number_are_refused(place: Path, spoil: Spoil, says: str) -> None:
    rewrite(place / "town" / "city.gpkg", "buildings", spoil)
    with pytest.raises(InputError, match=rf"city\.gpkg.*({says})"):
        read_city(place / "town")


@pytest.mark.parametrize("x", [np.inf, np.nan])
def test_a_tree_that_stands_nowhere_is_refused(place: Path, x: float) -> None:
    rewrite(place / "town" / "city.gpkg", "trees", set_shape(shapely.Point(x, 0)))
    with pytest.raises(InputError, match=r"city\.gpkg, layer trees .*(no numbers|no shape)"):
        read_city(place / "town")


@pytest.mark.parametrize("layer", EVENT_LAYERS)
def test_what_was_struck_must_be_what_stands(place: Path, layer: str) -> None:
    vectors, whole = place / "event" / "event.gpkg", place / "whole.gpkg"
    shutil.copy(vectors, whole)
    for rows in (slice(0, 0), slice(1, None)):
        shutil.copy(whole, vectors)
        rewrite(vectors, layer, lambda frame, rows=rows: frame.iloc[rows])
        with pytest.raises(InputError, match=rf"event\.gpkg: the layer {layer} holds"):
            read_event(place / "event")


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("grade_visible", 7, "holds 7, outside 0..3"),
        ("grade_physical", -1, "holds -1, outside 0..5"),
        ("lost", None, "holds nothing"),
        ("failure", "melted", "holds 'melted'"),
        ("building_id", 9999, "others than"),
    ],
)
def test_damage_that_is_none_is_refused(place: Path, column: str, value: object, says: str) -> None:
    rewrite(place / "event" / "event.gpkg", "buildings", set_first(column, value))
    with pytest.raises(InputError, match=rf"event\.gpkg.*{says}"):
        read_event(place / "event")


CONTENTS: dict[str, Callable[[bytes], bytes]] = {
    "half": lambda data: data[: len(data) // 2],
    "nearly whole": lambda data: data[:-9],
    "noise": lambda data: data[: len(data) // 2] + b"\xa5" * 4096 + data[len(data) // 2 + 4096 :],
}


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize(
    "file", ["town/city.gpkg", "town/dtm.tif", "event/event.gpkg", "event/intensity.tif"]
)
def test_a_cut_or_spoilt_file_is_named_by_every_verb(
    place: Path, capfd: pytest.CaptureFixture[str], file: str, content: str
) -> None:
    path = place / file
    path.write_bytes(CONTENTS[content](path.read_bytes()))
    for words in commands(place):
        if str(path.parent) not in words:
            continue
        capfd.readouterr()
        assert main(words) == 2, words
        said = capfd.readouterr().err
        assert said.startswith("geomage: ")
        assert path.name in said
    assert sorted(entry.name for entry in place.iterdir()) == ["event", "town"]


def test_a_hazard_that_is_gone_is_missed(place: Path) -> None:
    (place / "event" / "debris.tif").unlink()
    with pytest.raises(InputError, match=r"debris\.tif is missing"):
        read_event(place / "event")


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"assets": [1]}', '{"assets": {"a": 1}}'])
def test_an_event_needs_its_item(place: Path, text: str | None) -> None:
    item = place / "event" / "item.json"
    item.unlink() if text is None else item.write_text(text)
    with pytest.raises(InputError, match=r"item\.json is damaged"):
        read_event(place / "event")


@pytest.mark.parametrize("heading", [None, "north", True, float("nan")])
def test_a_storm_needs_its_heading(place: Path, heading: object) -> None:
    path = place / "event" / "event.json"
    about = json.loads(path.read_text())
    about["parameters"]["heading_deg"] = heading
    path.write_text(json.dumps(about))
    with pytest.raises(InputError, match="heading_deg"):
        read_event(place / "event")


@pytest.mark.parametrize("file", ["town/dtm.tif", "event/intensity.tif", "event/debris.tif"])
def test_rasters_of_another_kind_or_place_are_refused(place: Path, file: str) -> None:
    path = place / file
    good = read_raster(path)
    hole = good.values.copy()
    hole[:, 3, 3] = np.nan
    away = GeoBox(good.box.shape, Affine.translation(64, 0) @ good.box.affine, good.box.crs)
    bad = {
        "uint8": Raster(good.values.astype("uint8"), good.box),
        "2 band": Raster(np.repeat(good.values, 2, axis=0), good.box),
        "no number in 1 pixels": Raster(hole, good.box),
        "another grid|does not cover": Raster(good.values, away),
        "grid|cover": Raster(good.values[:, :9, :9], GeoBox((9, 9), good.box.affine, good.box.crs)),
    }
    for says, raster in bad.items():
        write_cog(path, raster)
        with pytest.raises(InputError, match=rf"{path.name}.*({says})"):
            read_city(path.parent) if path.parent.name == "town" else read_event(path.parent)


@pytest.mark.parametrize(
    "site",
    [
        {"crs": None, "origin": [0, 0], "dtm": None},
        {"crs": "EPSG:999999", "origin": [0, 0], "dtm": None},
        {"crs": "(" * 100_000, "origin": [0, 0], "dtm": None},
        {"crs": "EPSG:32633", "origin": [10**400, 0], "dtm": None},
        {"crs": "EPSG:32633", "origin": [0], "dtm": None},
        {"crs": "EPSG:32633", "origin": [0, 0], "dtm": 5},
        {},
        [],
    ],
    ids=lambda site: str(site)[:30],
)
def test_a_site_that_is_none_is_refused(place, capfd, site):
    path = place / "town/city.params.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"site": site}))
    capfd.readouterr()
    assert main(["city", "show", str(place / "town"), "-o", str(place / "out.png")]) == 2
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "city.params.json is damaged" in lines[0]
    assert len(lines[0]) < 1000
    assert not (place / "out.png").exists()


def test_parameters_nested_without_end_are_refused(place):
    (place / "town/city.params.json").write_text("[" * 200_000)
    with pytest.raises(InputError, match="damaged"):
        read_city(place / "town")
