"""Areas do not depend on the CRS; squares can be named on the radio."""

from __future__ import annotations

from pathlib import Path

import pytest
from geopandas import GeoSeries
from pyproj import Geod
from shapely.geometry import Polygon, box

from geomage.geo import pixel_box
from geomage.product import graded
from geomage.product.squares import square_grid, worst_squares
from geomage.product.summary import summary_csv
from geomage.product.surface import areas_m2, pixel_area_m2
from toy_run import grid, make_run


@pytest.mark.parametrize("lat", [0.5, 60.0, -45.0])
def test_areas_agree_with_geodesics(lat: float) -> None:
    shape = Polygon([(9.0, lat), (9.01, lat), (9.012, lat + 0.008), (9.0, lat + 0.01)])
    true = abs(Geod(ellps="WGS84").geometry_area_perimeter(shape)[0])
    assert areas_m2(GeoSeries([shape], crs=4326))[0] == pytest.approx(true, rel=1e-5)


def test_areas_agree_between_degrees_and_utm_at_60_north() -> None:
    house = box(500_100, 6_651_000, 500_130, 6_651_020)
    utm = GeoSeries([house], crs="EPSG:32632")
    assert areas_m2(utm)[0] == pytest.approx(areas_m2(utm.to_crs(4326))[0], rel=1e-6)
    assert areas_m2(utm)[0] == pytest.approx(600, rel=5e-3)


def test_without_crs_areas_are_plane() -> None:
    assert areas_m2(GeoSeries([box(0, 0, 3, 4)]))[0] == 12
    assert pixel_area_m2(pixel_box((10, 20), 0.5)) == pytest.approx(0.25)


@pytest.mark.parametrize(("size", "side"), [((1000, 700), 100), ((1001, 10), 200), ((90, 30), 10)])
def test_squares_are_round_numbers(size: tuple[int, int], side: float) -> None:
    found = square_grid(pixel_box(size, 1.0))
    assert found.side_m == side
    assert found.rows <= 10
    assert (found.rows + 0.1) * side >= size[0]
    assert (found.columns + 0.1) * side >= size[1]


def test_the_worst_square_comes_first(tmp_path: Path) -> None:
    buildings = graded(make_run(tmp_path / "w").buildings)
    squares = worst_squares(buildings, grid("EPSG:32615"))
    # squares of 10 m are 20 px: the destroyed house (columns 5 to 15, rows 30 to 40) is in A2
    assert squares[0].name == "A2"
    assert squares[0].counts["Destroyed"] == 1
    assert sum(square.counts["Damaged"] for square in squares) == 2
    assert all(sum(list(square.counts.values())[:3]) > 0 for square in squares)


def test_formulas_are_defused_in_the_table() -> None:
    summary = {
        "buildings": {
            "mapped": 1,
            "assessed": 0,
            "area_m2": 1.0,
            "by_damage": {},
            "not_analysed": {
                "count": 1,
                "share_of_mapped": 1.0,
                "area_m2": 1.0,
                "by_reason": {"x": 1},
            },
        },
        "area": {"of_interest_m2": 1.0, "not_analysed_share": 0.0, "not_analysed_m2": 0.0},
        "flood": {"=cmd": 1.0},
        "landcover": None,
    }
    text = summary_csv(summary)
    assert "\n=" not in text
    assert "flood: =cmd" in text
