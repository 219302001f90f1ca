"""Mapping damage by given footprints: what fails in other toolkits, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import pytest
import rasterio
import shapely

CRS = "EPSG:32631"
EAST, NORTH = 500_000, 5_400_160  # upper left corner of the first image, 320 x 320 px of 0.5 m


def house(x: float, y: float, side: float = 12) -> shapely.Polygon:
    """A square from metres right of and below the corner of the images."""
    return shapely.box(EAST + x, NORTH - y - side, EAST + x + side, NORTH - y)


def write(path: Path, shapes: list, crs: str | None = CRS, **columns: list) -> Path:
    frame = gpd.GeoDataFrame(columns, geometry=shapes, crs=CRS)
    frame = frame.to_crs(crs) if crs else frame.set_crs(None, allow_override=True)
    frame.to_file(path)
    return path


@pytest.fixture
def assess(geomage, pair, blank_model, tmp_path):
    """Map by footprints; the answer, and the layer of buildings."""

    def run(footprints: Path, *words: str, images: tuple[Path, ...] = pair):
        out = tmp_path / "out"
        answer = geomage(
            *("map", *images, "-o", out, "--model", blank_model, "--json"),
            *("--footprints", footprints, "--no-register", *words),
        )
        if not out.exists():
            return answer, None
        built = gpd.read_file(out / "products.gpkg", layer="builtUpA")
        return answer, built.assign(reason=built["reason"].fillna("none"))

    return run


def test_every_footprint_is_answered_for(assess, tmp_path):
    """In another CRS, invalid, overlapping, without id, on no data, and outside the image."""
    bow = shapely.Polygon(house(60, 10).exterior.coords[i] for i in (0, 2, 1, 3, 0))
    shapes = [
        *(house(10, 10), house(16, 16), bow),
        *(house(10, 140), house(-500, 20), house(154, 40), house(100, 60, 0.6)),
    ]
    answer, built = assess(write(tmp_path / "houses.geojson", shapes, "EPSG:4326"))
    assert answer.code == 3, answer.err
    assert len(built) == len(shapes)
    assert built["building_id"].tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert built["source_id"].isna().all()
    assert built["reason"].tolist() == [
        *("none", "none", "none"),
        "outside the second image",
        "outside the image",
        "none",  # half of it lies on the image
        "too small to judge",
    ]
    assert built["damage_gra"].eq("Not Analysed").tolist() == built["reason"].ne("none").tolist()
    found = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert found["parameters"]["footprints"]["repaired"] == 1
    assert found["inputs"][2]["name"] == "houses.geojson"


def test_a_building_on_no_data_is_not_analysed(assess, pair, tmp_path):
    holed = tmp_path / "holed.tif"
    with rasterio.open(pair[0]) as image:
        profile, values = image.profile, image.read()
    values[values == 0] = 1
    values[:, 20:60, 20:60] = 0
    with rasterio.open(holed, "w", **{**profile, "nodata": 0}) as image:
        image.write(values)
    path = write(tmp_path / "houses.gpkg", [house(14, 14), house(60, 20)])
    answer, built = assess(path, images=(holed, pair[1]))
    assert answer.code == 3, answer.err
    assert built["damage_gra"][0] == "Not Analysed"
    assert built["reason"].tolist() == ["no data at first date", "none"]
    assert built["grade"].isna().tolist() == [True, False]
    with rasterio.open(tmp_path / "out" / "damage.tif") as raster:
        assert (raster.read(1, window=((30, 50), (30, 50))) == 255).all()


def test_footprints_outside_the_image_do_not_stop_the_run(assess, tmp_path):
    shapes = [house(-300 * n, 20) for n in range(1, 4)]
    answer, built = assess(write(tmp_path / "houses.shp", shapes))
    assert answer.code == 3, answer.err
    assert built["reason"].tolist() == ["outside the image"] * 3
    assert answer.facts["buildings"]["not_analysed"]["by_reason"] == {"outside the image": 3}


def test_points_are_refused_before_any_work(assess, tmp_path):
    answer, built = assess(write(tmp_path / "a.gpkg", [house(9, 9).centroid]))
    assert answer.code == 2
    assert "holds Point: footprints are polygons" in answer.err
    assert len(answer.err.strip().splitlines()) == 1
    assert built is None
    assert [path.name for path in tmp_path.iterdir()] == ["a.gpkg"]


def test_occupants_are_on_their_buildings_and_in_the_zones(assess, tmp_path):
    shapes = [house(10, 10), house(60, 20), house(-500, 20)]
    people = write(tmp_path / "houses.gpkg", shapes, "EPSG:4326", occupants=[3.0, 4.5, 100.0])
    answer, built = assess(people)
    assert answer.code == 3, answer.err  # the last lies outside
    assert built["occupants"].tolist() == [3.0, 4.5, 100.0]
    found = json.loads((tmp_path / "out" / "summary.json").read_text())["zones"]
    assert found["people"] == "occupants"
    assert found["whole"]["residents"] == 7.5
