"""Layers beside those of Copernicus EMS: real packages and ours, opened by the same lines."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pyogrio
import pytest

from geomage.errors import InputError
from geomage.product import Order
from geomage.product.schema import LAYERS

PACKAGE = "EMSR648_AOI04_GRA_MONIT01_r1_VECTORS_v1_vector"


def opened(path: Path, layer: str | None = None) -> tuple[dict[str, str], list[dict]]:
    """{field: type} and rows of a layer, whoever made it."""
    info = pyogrio.read_info(path, layer=layer)
    types = dict(zip(info["fields"], info["ogr_types"], strict=True))
    table = pyogrio.read_dataframe(path, layer=layer, read_geometry=False)
    return types, table.to_dict("records")


@pytest.fixture(scope="module")
def package(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ems")
    with zipfile.ZipFile(data_dir / "ems" / f"{PACKAGE}.zip") as archive:
        some = [name for name in archive.namelist() if name.endswith((".shp", ".dbf", ".shx"))]
        archive.extractall(folder, some)
    return folder


def theirs(package: Path, layer: str) -> Path:
    (found,) = (
        package.rglob(f"*_{layer}_*.shp") if layer != "source" else package.rglob("*_source_*.dbf")
    )
    return found


PAIRS = [
    ("transportationL", "transportationL"),
    ("builtUpA", "builtUpP"),
    ("facilitiesP", "facilitiesA"),
    ("imageFootprintA", "imageFootprintA"),
    ("areaOfInterestA", "areaOfInterestA"),
    ("source", "source"),
]


@pytest.mark.parametrize(("mine", "real"), PAIRS)
def test_every_field_of_a_real_package_is_there_in_its_type_and_order(
    make_product, package, mine, real
) -> None:
    wanted, rows = opened(theirs(package, real))
    found, _ = opened(make_product().vectors, mine)
    assert rows
    assert {name: found.get(name) for name in wanted} == wanted
    assert list(found)[: len(wanted)] == list(wanted)


def test_every_field_of_a_real_observed_event_is_there(make_product, data_dir) -> None:
    wanted, rows = opened(data_dir / "ems" / "EMSR332_observed_event.shp")
    found, mine = opened(make_product().vectors, "observedEventA")
    assert {name: found.get(name) for name in wanted} == wanted
    assert mine[0]["event_type"] in {row["event_type"] for row in rows}


def test_words_of_damage_and_method_are_those_of_the_service(make_product, package) -> None:
    _, rows = opened(theirs(package, "builtUpP"))
    _, mine = opened(make_product().vectors, "builtUpA")
    said = {row["damage_gra"] for row in rows}
    assert said == {row["damage_gra"] for row in mine} - {"Not Analysed"}
    assert {row["cd_value"] for row in mine} == {row["cd_value"] for row in rows}


@pytest.mark.parametrize("crs", ["EPSG:32615", None])
def test_every_source_that_is_referred_to_stands_in_the_table(make_product, crs) -> None:
    paths = make_product(crs)
    _, rows = opened(paths.vectors, "source")
    known = {row["src_id"] for row in rows}
    assert len(known) == len(rows)
    for layer in set(LAYERS) - {"source"}:
        for row in opened(paths.vectors, layer)[1]:
            stated = {value for name, value in row.items() if name.endswith("src_id")}
            assert stated <= known, layer


def test_a_layer_of_which_nothing_is_known_has_its_fields_and_no_row(make_product) -> None:
    vectors = make_product().vectors
    types, rows = opened(vectors, "transportationL")
    assert rows == []
    assert {"state", "depth_m", "damage_gra"} <= set(types)
    assert pyogrio.read_info(vectors, layer="facilitiesP")["geometry_type"] == "Point"


@pytest.mark.parametrize(
    ("kind", "code", "map_type"),
    [
        ("GRA", "GRA", "Grading"),
        ("FEP", "FEP", "First Estimate"),
        ("DEL_MONIT02", "DEL_MONIT02", "Delineation-Monit02"),
        ("MONIT", "GRA_MONIT01", "Grading-Monit01"),  # as EMSR648 writes it
    ],
)
def test_kinds_are_called_as_the_service_calls_them(kind, code, map_type) -> None:
    order = Order(kind, 3, event_id="EMSR648", area_id="04")
    assert (order.code, order.map_type) == (code, map_type)
    assert order.name == f"EMSR648_AOI04_{code}_v3"


def test_kind_and_version_stand_in_the_product(make_product) -> None:
    paths = make_product(order=Order("MONIT", 2, "earthquake", "EMSR648", "04", "Kahramanmaras"))
    _, (area,) = opened(paths.vectors, "areaOfInterestA")
    assert (area["map_type"], area["version"], area["locality"]) == (
        "Grading-Monit01",
        2,
        "Kahramanmaras",
    )
    for file in (paths.summary, paths.manifest, paths.item):
        assert "EMSR648_AOI04_GRA_MONIT01_v2" in file.read_text()


def test_a_map_of_one_date_grades_nothing(make_product) -> None:
    _, (area,) = opened(make_product(dates=1).vectors, "areaOfInterestA")
    assert area["map_type"] == "Reference"
    with pytest.raises(InputError, match="second image"):
        make_product(dates=1, order=Order("GRA_MONIT01"), out="b")


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "gra"},
        {"kind": "MONIT_GRA"},
        {"version": 0},
        {"event_type": "floood"},
        {"locality": ""},
        {"event_id": "EMSR\n648"},
    ],
)
def test_orders_that_no_product_has_are_refused(wrong) -> None:
    with pytest.raises(InputError, match=str(next(iter(wrong.values())))[:4] or "1 to 254"):
        Order(**wrong)


def test_near_names_of_events_are_offered() -> None:
    with pytest.raises(InputError, match="near: flood"):
        Order(event_type="floood")
