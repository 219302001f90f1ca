"""The exposure record: floor, people and vulnerability follow from what a building is."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely

from geomage.disaster.earthquake import VULNERABILITY
from geomage.world import STYLES
from geomage.world.exposure import OCCUPANCY, TYPOLOGIES, with_exposure
from geomage.world.layers import COLUMNS
from towns import town


def building(**facts) -> gpd.GeoDataFrame:
    row = {"use": "residential", "storeys": 2, "typology": "masonry"} | facts
    return gpd.GeoDataFrame([row], geometry=[shapely.box(0, 0, 20, 10)], crs="EPSG:32631")


def test_a_house_worked_by_hand():
    """400 m2 of floor at 40 m2 a person are ten people; at two in the morning .99 are in."""
    record = with_exposure(building()).iloc[0]
    assert record["floor_area"] == pytest.approx(400)
    assert record["occupants_night"] == pytest.approx(9.9)
    assert record["occupants_day"] == pytest.approx(4.0)
    assert record["vulnerability"] == "B"


def test_an_office_worked_by_hand():
    """Four people in a thousand square feet, .98 of them by day."""
    record = with_exposure(building(use="office")).iloc[0]
    assert record["occupants_day"] == pytest.approx(400 * 10.7639 * 4 / 1000 * 0.98, rel=1e-4)
    assert record["occupants_night"] < 0.03 * record["occupants_day"]


def test_uses_differ_as_their_names_say():
    for use, found in OCCUPANCY.items():
        record = with_exposure(building(use=use)).iloc[0]
        assert record["occupants_day"] == pytest.approx(400 * found.day)
        assert (found.night > found.day) == (use == "residential"), use
    assert with_exposure(building(use="outbuilding")).iloc[0]["occupants_night"] == 0
    unknown = with_exposure(building(use="yes")).iloc[0]
    assert unknown["occupants_night"] == pytest.approx(9.9)


def test_a_weaker_class_has_a_larger_index():
    ranked = sorted(TYPOLOGIES.values(), key=lambda t: t.ems98)
    assert [t.index for t in ranked] == sorted((t.index for t in ranked), reverse=True)


def test_there_is_one_table_of_typologies():
    assert {name: t.index for name, t in TYPOLOGIES.items()} == VULNERABILITY
    assert set(COLUMNS["buildings"].words["typology"]) == set(TYPOLOGIES)
    assert {t.ems98 for t in TYPOLOGIES.values()} <= set(
        COLUMNS["buildings"].words["vulnerability"]
    )
    with pytest.raises(KeyError, match="straw"):
        with_exposure(building(typology="straw"))


def test_no_buildings_have_an_empty_record():
    none = with_exposure(building().iloc[:0])
    assert len(none) == 0
    assert {"floor_area", "occupants_day", "occupants_night", "vulnerability"} <= set(none.columns)


@pytest.mark.parametrize("style", STYLES)
def test_grown_towns_carry_their_record(style):
    buildings = town(style, 0).buildings
    floor = buildings.area * buildings["storeys"]
    assert np.allclose(buildings["floor_area"], floor)
    again = with_exposure(buildings)
    for name in ("occupants_day", "occupants_night", "vulnerability"):
        assert again[name].tolist() == buildings[name].tolist()
