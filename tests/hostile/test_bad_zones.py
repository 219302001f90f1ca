"""Zones and people that cannot be laid on a map: one line each, before anything is mapped."""

from __future__ import annotations

import warnings
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox

from geomage.cli import main
from geomage.geo import Raster, write_cog

BOX = GeoBox((64, 64), Affine(0.5, 0, 500_000.0, 0, -0.5, 5_400_000.0), "EPSG:32631")
HERE = shapely.box(499_990, 5_399_960, 500_040, 5_400_010)
BOWTIE = shapely.Polygon([(500_000, 5_400_000), (500_030, 5_399_970), (500_030, 5_400_000),
                          (500_000, 5_399_970)])  # fmt: skip


@pytest.fixture
def said(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    """What `geomage map` says of wishes that cannot be met; nothing may have been written."""
    image = np.full((3, 64, 64), 90, np.uint8)
    before, after = (write_cog(tmp_path / f"{n}.tif", Raster(image, BOX)) for n in ("b", "a"))

    def run(*words: str | Path) -> str:
        out = tmp_path / "out"
        code = main(["map", str(before), str(after), "-o", str(out), *map(str, words)])
        text = capfd.readouterr().err.strip()
        assert code == 2, text
        assert text.count("\n") == 0, text
        assert not list(tmp_path.glob("*out*"))
        return text

    return run


def zones(path: Path, shapes: list, crs: str | None = "EPSG:32631", **columns: list) -> Path:
    """A file of zones."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="'crs' was not provided")
        gpd.GeoDataFrame(columns, geometry=shapes, crs=crs).to_file(path)
    return path


@pytest.mark.parametrize(
    ("shapes", "crs", "words"),
    [
        ([BOWTIE], "EPSG:32631", "zone 'a' is no area (Self-intersection"),
        ([shapely.Polygon()], "EPSG:32631", "zone 'a' is empty"),
        ([shapely.Point(500_010, 5_399_990)], "EPSG:32631", "zone 'a' is a Point"),
        ([HERE], "EPSG:32633", "none of its 1 zones lies on the map"),
        ([HERE, HERE.buffer(-5)], "EPSG:32631", "'a' and 'b' lie over each other"),
    ],
)
def test_zones_that_are_none(said, tmp_path: Path, shapes, crs, words) -> None:
    names = list("ab")[: len(shapes)]
    assert words in said("--zones", zones(tmp_path / "z.gpkg", shapes, crs, name=names))


def test_zones_without_crs_or_with_nothing_in_them(said, tmp_path: Path) -> None:
    bare = zones(tmp_path / "z.shp", [HERE], None, name=["a"])
    assert "has a CRS and" in said("--zones", bare)
    empty = tmp_path / "e.geojson"
    empty.write_text('{"type": "FeatureCollection", "features": []}')
    assert "holds no polygon" in said("--zones", empty)
    assert "does not exist" in said("--zones", tmp_path / "none.gpkg")


def test_names_that_name_nothing(said, tmp_path: Path) -> None:
    parts = [shapely.box(500_000, 5_399_968, 500_016, 5_400_000),
             shapely.box(500_016, 5_399_968, 500_032, 5_400_000)]  # fmt: skip
    twice = zones(tmp_path / "t.gpkg", parts, ward=["x", "x"], name=["a", ""])
    assert "no column 'wards' (near: ward)" in said("--zones", twice, "--zone-name", "wards")
    assert "two zones are named 'x'" in said("--zones", twice, "--zone-name", "ward")
    assert "1 zones have no name" in said("--zones", twice)


def people(
    path: Path, values: np.ndarray, crs: str | None = "EPSG:32631", x: float = 499_900
) -> Path:
    """A population raster of 50 m."""
    box = GeoBox(values.shape[-2:], Affine(50, 0, x, 0, -50, 5_400_050.0), crs)
    return write_cog(path, Raster(np.atleast_3d(values.T).T.astype("float32"), box))


def test_population_that_cannot_be_used(said, tmp_path: Path) -> None:
    good = np.ones((6, 6))
    flag = "--population"
    assert "has no CRS" in said(flag, people(tmp_path / "n.tif", good, None))
    assert "lies elsewhere" in said(flag, people(tmp_path / "w.tif", good, x=600_000))
    assert "counts -9999 people" in said(flag, people(tmp_path / "m.tif", good * -9999))
    assert "has 2 bands" in said(flag, people(tmp_path / "2.tif", np.ones((2, 6, 6))))


def test_an_area_of_interest_that_crosses_itself(said, tmp_path: Path) -> None:
    path = zones(tmp_path / "aoi.gpkg", [BOWTIE])
    assert "crosses itself" in said("--extent", path)
