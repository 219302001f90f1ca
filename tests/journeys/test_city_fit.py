"""Fitting a style to a real town, growing a look-alike, and what bad input is told."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from shapely import LineString, box

from geomage.geo import write_vectors
from geomage.world import read_city, read_style

pytest.importorskip("momepy", reason="the extra [fit] is not installed")

HERE = (500_000, 5_400_000)


def houses(count=40, crs="EPSG:32633"):
    shapes = [
        box(x, y, x + 12 + k % 5, y + 9)
        for k in range(count)
        for x, y in [(HERE[0] + 25 * (k % 8), HERE[1] + 25 * (k // 8))]
    ]
    return gpd.GeoDataFrame({"id": range(count)}, geometry=shapes, crs="EPSG:32633").to_crs(crs)


@pytest.fixture(scope="module")
def bubenec(data_dir):
    path = data_dir / "osm" / "bubenec.gpkg"
    if not path.is_file():
        pytest.skip(f"no real town at {path}")
    return path


def test_a_real_town_gives_a_style_and_the_style_a_town(geomage, bubenec, tmp_path):
    style, town = tmp_path / "bubenec.toml", tmp_path / "town"
    answer = geomage("city", "fit", bubenec, "-o", style, "--rounds", 0, "--json")
    assert answer.code == 0, answer.err
    assert answer.facts["buildings"] == 144
    assert any("reprojected" in note for note in answer.facts["notes"])
    assert "Pseudo-Mercator" in answer.err
    fitted = read_style(style)
    assert fitted.name == "bubenec"
    assert 200 < np.median(fitted.footprint_m2) < 320
    assert fitted.attached > 0.6
    assert fitted.plans["box"] > 0
    again = geomage("city", "fit", bubenec, "-o", style, "--rounds", 0)
    assert again.code == 2
    assert "--overwrite" in again.err
    answer = geomage("city", "grow", "--style", style, "--size", 200, "-o", town)
    assert answer.code == 0, answer.err
    assert "buildings, bubenec:" in answer.err
    city = read_city(town)
    assert city.params.style == fitted
    assert len(city.buildings) > 8
    assert city.buildings.is_valid.all()
    shapes = city.buildings.geometry.to_numpy()
    one, other = shapely.STRtree(shapes).query(shapes, "intersects")
    shared = shapely.area(shapely.intersection(shapes[one], shapes[other]))[one < other]
    assert shared.max(initial=0) < 0.01


def test_a_grown_town_can_be_fitted(geomage, town, tmp_path):
    answer = geomage("city", "fit", town, "-o", tmp_path / "s.toml", "--rounds", 0, "--json")
    assert answer.code == 0, answer.err
    assert read_style(tmp_path / "s.toml").storeys[1] >= 1


def test_footprints_alone_in_degrees_are_reprojected_and_what_lacks_is_said(geomage, tmp_path):
    path = tmp_path / "houses.geojson"
    houses(crs="EPSG:4326").to_file(path)
    answer = geomage("city", "fit", path, "-o", tmp_path / "s.toml", "--rounds", 0)
    assert answer.code == 0, answer.err
    for words in ("reprojected from WGS 84", "no streets", "no plots"):
        assert words in answer.err
    style = read_style(tmp_path / "s.toml")
    assert style.footprint_m2[0] == pytest.approx(108, rel=0.01)
    assert style.order is None


def test_streets_come_from_another_file_and_layers_go_by_name(geomage, tmp_path):
    east, north = HERE
    lines = [
        LineString([(east - 8, y), (east + 200, y)]) for y in range(north - 8, north + 150, 50)
    ]
    lines += [
        LineString([(x, north - 8), (x, north + 150)]) for x in range(east - 8, east + 210, 50)
    ]
    gpd.GeoDataFrame(geometry=lines, crs="EPSG:32633").to_file(tmp_path / "roads.gpkg")
    houses().to_file(tmp_path / "town.gpkg", layer="homes")
    houses(3).to_file(tmp_path / "town.gpkg", layer="other")
    fit = ("city", "fit", tmp_path / "town.gpkg", "-o", tmp_path / "s.toml", "--rounds", 0)
    assert "homes, other" in geomage(*fit).err
    answer = geomage(
        *fit, "--layer-buildings", "homes", "--streets", tmp_path / "roads.gpkg", "--json"
    )
    assert answer.code == 0, answer.err
    assert answer.facts["buildings"] == 40
    assert read_style(tmp_path / "s.toml").order > 0.9


def test_bad_towns_are_refused_in_one_line_and_leave_nothing(geomage, tmp_path):
    empty, points, nowhere = (tmp_path / f"{n}.geojson" for n in ("empty", "points", "nowhere"))
    empty.write_text("")
    houses().set_geometry(houses().centroid).to_crs("EPSG:4326").to_file(points)
    gpkg = tmp_path / "bare.gpkg"
    write_vectors(gpkg, {"buildings": houses().set_crs(None, allow_override=True)})
    fake = tmp_path / "fake.osm.pbf"
    fake.write_bytes(b"not a map")
    cases = {
        empty: "empty",
        points: "no Polygon in it, but Point",
        nowhere: "does not exist",
        gpkg: "no CRS",
        fake: "not what its ending .pbf says",
        tmp_path: "not a city folder",
    }
    for path, words in cases.items():
        answer = geomage("city", "fit", path, "-o", tmp_path / "s.toml")
        assert answer.code == 2, path
        assert words in answer.err, (path, answer.err)
        assert "Traceback" not in answer.err
    assert not (tmp_path / "s.toml").exists()
    answer = geomage("city", "fit", points, "-o", tmp_path / "s.json")
    assert answer.code == 2
    assert "name it s.toml" in answer.err
    answer = geomage("city", "grow", "--style", tmp_path / "none.toml", "-o", tmp_path / "t")
    assert answer.code == 2
    assert "none.toml" in answer.err
