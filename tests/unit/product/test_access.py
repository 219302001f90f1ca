"""What is reached before and after, on a square of streets with arms."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from geomage.product import Order
from geomage.product.access.delivered import delivered_streets
from geomage.product.access.speeds import DEEPEST_M, KMH, driven_kmh, wading_kmh
from geomage.product.access.states import OUTSIDE_MAP
from geomage.product.access.transport import COLUMNS
from street_products import UTM, placed, write_street_product, write_streets

SERVICE = {
    "obj_type": str, "name": str, "info": str, "damage_gra": str, "det_method": str,
    "notation": str, "or_src_id": np.integer, "dmg_src_id": np.integer, "cd_value": str,
}  # fmt: skip


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    """The east arm of the northern street is flooded; a hospital stands in the south."""
    place = tmp_path_factory.mktemp("access")
    streets = write_streets(place / "streets.gpkg", name=["North", "South", "West", "East"])
    hospital = gpd.GeoDataFrame(
        {"name": ["Hospital"]}, geometry=[shapely.Point(placed(200, 310))], crs=UTM
    )
    hospital.to_file(place / "hospital.geojson")
    order = Order(roads=streets, facilities=place / "hospital.geojson")
    painted = {"flood": [(315, 90, 330, 110, 1)], "change": [(150, 92, 160, 108, 60)]}
    return write_street_product(place, order, **painted)


def layer(product, name: str) -> gpd.GeoDataFrame:
    return gpd.read_file(product / "products.gpkg", layer=name)


def test_the_layer_has_every_field_of_the_service_and_ours(product) -> None:
    found = layer(product, "transportationL")
    assert set(COLUMNS) <= set(found.columns)
    for name, kind in SERVICE.items():
        values = found[name]
        assert isinstance(values.iloc[0], kind), name
    assert set(found.geom_type) == {"LineString"}
    assert set(found["damage_gra"]) <= {
        "No visible damage", "Damaged", "Possibly damaged", "Not Analysed"
    }  # fmt: skip


def test_fields_are_those_of_a_package_of_the_service(product, data_dir) -> None:
    zipped = data_dir / "ems" / "EMSR648_AOI04_GRA_MONIT01_r1_VECTORS_v1_vector.zip"
    if not zipped.is_file():
        pytest.skip(f"no package of the service at {zipped}")
    name = "EMSR648_AOI04_GRA_MONIT01_transportationL_r1_v1.json"
    theirs = gpd.read_file(f"/vsizip/{zipped}/{name}", rows=50)
    ours = layer(product, "transportationL")
    for column in theirs.columns.drop("geometry"):
        assert ours[column].dtype.kind == theirs[column].dtype.kind, column
    assert set(theirs["info"]) & {"21122-Local Road", "21121-Secondary Road"}
    assert set(ours["obj_type"]) <= set(theirs["obj_type"])


def test_an_arm_behind_water_is_cut_off_and_the_rest_is_joined(product) -> None:
    found = layer(product, "transportationL")
    middle = found.geometry.interpolate(0.5, normalized=True)
    arm = (middle.x > placed(345, 0)[0]) & (middle.y > placed(0, 150)[1])
    end = found[found.geometry.intersects(shapely.Point(placed(380, 100)).buffer(1))]
    assert end["access"].tolist() == ["cut off"]
    assert end["state"].tolist() == ["flooded"]
    others = found[~arm & (found["state"] == "passable")]
    assert set(others["access"]) == {"joined"}


def test_numbers_have_denominators_and_add_up(product) -> None:
    roads = json.loads((product / "summary.json").read_text())["roads"]
    lengths = [one["length_m"] for one in roads["by_state"].values()]
    assert sum(lengths) == pytest.approx(roads["on_map_m"], abs=1)
    assert sum(one["share_of_length"] for one in roads["by_state"].values()) == pytest.approx(
        1, abs=1e-3
    )
    homes = sum(one["buildings"] for one in roads["access"].values())
    assert homes + roads["buildings_on_no_street"] == 4
    reached = roads["facilities"]
    assert reached["buildings_reached_before"]["at_all"] == 4
    assert (
        reached["buildings_reached_after"]["at_all"]
        <= reached["buildings_reached_at_best"]["at_all"]
    )


def test_times_before_are_those_of_speed_and_length(product) -> None:
    found = layer(product, "transportationL")
    near = found[found.geometry.distance(shapely.Point(placed(200, 300))) < 1]
    assert (near["reach_before_s"] <= near["seconds"]).all()
    far = found[found.geometry.intersects(shapely.Point(placed(300, 20)).buffer(1))].iloc[0]
    metres = 100 + 280 - far["length_m"] / 2
    assert far["reach_before_s"] == pytest.approx(metres * 3.6 / 25, rel=0.01)
    assert (
        found["reach_after_s"].dropna()
        >= found["reach_before_s"][found["reach_after_s"].notna()] - 30
    ).all()


def test_isochrones_grow_with_time_and_shrink_after_the_event(product) -> None:
    areas = layer(product, "accessTimeA").set_index(["moment", "minutes"])["area_m2"]
    for moment in ("before", "after", "at best"):
        assert areas[moment].is_monotonic_increasing
    assert areas["after", 5] <= areas["at best", 5] <= areas["before", 5]


def test_the_facility_says_whether_it_is_joined(product) -> None:
    found = layer(product, "facilitiesP")
    assert found["name"].tolist() == ["Hospital"]
    assert found["access"].tolist() == ["joined"]
    assert found["street_m"].iloc[0] == pytest.approx(10, abs=0.2)


def test_the_facility_names_the_file_it_is_from(product) -> None:
    found, sources = layer(product, "facilitiesP"), layer(product, "source")
    own = sources.loc[sources["role"] == "facilities", "src_id"].tolist()
    assert found["or_src_id"].tolist() == own
    unseen = found["damage_gra"] == "Not Analysed"
    after = sources.loc[sources["role"] == "after", "src_id"].tolist()
    assert found["dmg_src_id"].tolist() == [997 if one else after[-1] for one in unseen]


def test_every_layer_of_access_has_a_style(product) -> None:
    styles = set(layer(product, "layer_styles")["f_table_name"])
    assert {"transportationL", "cutOffA", "accessTimeA", "facilitiesP"} <= styles


def test_the_workbook_lists_streets_by_class_and_those_that_do_not_work(product) -> None:
    roads, broken = sheet(product, "roads"), sheet(product, "roads not passable")
    frame = layer(product, "transportationL")
    frame = frame[frame["why"] != OUTSIDE_MAP]
    assert roads["length_m"].sum() == pytest.approx(frame["length_m"].sum(), abs=1)
    assert roads["segments"].sum() == len(frame)
    assert roads.groupby("class")["share"].sum().tolist() == pytest.approx([1], abs=1e-3)
    assert len(broken) == (frame["state"] != "passable").sum() > 0
    assert broken["state"].iloc[0] == "flooded"  # before what is unknown
    west, south, east, north = frame.to_crs(4326).total_bounds
    assert broken["longitude"].between(west, east).all()
    assert broken["latitude"].between(south, north).all()


def sheet(product: Path, name: str) -> pd.DataFrame:
    """A sheet of the workbook, numbers as numbers."""
    main = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    with zipfile.ZipFile(product / "tables.xlsx") as file:
        sheets = ET.fromstring(file.read("xl/workbook.xml")).iter(f"{main}sheet")  # noqa: S314
        number = next(one.get("sheetId") for one in sheets if one.get("name") == name)
        tree = ET.fromstring(file.read(f"xl/worksheets/sheet{number}.xml"))  # noqa: S314
    each = tree.iter(f"{main}row")
    rows = [["".join(cell.itertext()) for cell in row.iter(f"{main}c")] for row in each]
    frame = pd.DataFrame(rows[1:], columns=rows[0])
    numbers = {"segments", "length_m", "share", "longitude", "latitude"} & {*frame.columns}
    return frame.astype(dict.fromkeys(numbers, float))


def test_files_of_the_order_stand_in_manifest_and_sources(product) -> None:
    inputs = json.loads((product / "manifest.json").read_text())["inputs"]
    assert [one["role"] for one in inputs] == ["before", "after", "roads", "facilities"]
    source = layer(product, "source")
    roads = source[source["role"] == "roads"]["src_id"].tolist()
    assert set(layer(product, "transportationL")["or_src_id"]) == set(roads)


def test_streets_laid_on_a_product_later_are_those_laid_on_it_at_once(product, tmp_path) -> None:
    streets = write_streets(tmp_path / "streets.gpkg", name=["North", "South", "West", "East"])
    ours = delivered_streets(product, Order(roads=streets)).frame
    theirs = delivered_streets(product).frame
    for name in ("state", "why", "start_node", "end_node", "oneway"):
        assert ours[name].tolist() == theirs[name].tolist(), name


def test_speeds_fall_with_depth_and_end_where_no_vehicle_goes() -> None:
    depth = np.linspace(0, 0.7, 71)
    for dry in KMH.values():
        found = wading_kmh(np.full(71, dry), depth)
        assert (np.diff(found) <= 1e-9).all()
        assert found[0] == dry or found[0] == pytest.approx(86.9448)
        assert (found[depth > DEEPEST_M + 1e-9] == 0).all()
        assert (found[depth <= DEEPEST_M] > 0).all()
    assert driven_kmh("residential", "RU:urban") == 25
    assert driven_kmh("primary", "50") == 40
    assert driven_kmh("primary", "0") == 65
