"""Polygons in arrays say what shapely and the burnt raster say."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox

from geomage.geo import rasterise
from geomage.geo.polygons import Polygons, paint_runs

GRID = GeoBox((60, 80), Affine(1, 0, 0, 0, -1, 0), "EPSG:32631")


@pytest.fixture
def shapes() -> np.ndarray:
    rng = np.random.default_rng(3)
    centres = rng.uniform((-5, -5), (85, 65), (40, 2))
    disks = shapely.buffer(shapely.points(centres), rng.uniform(1, 9, 40), quad_segs=3)
    yards = shapely.difference(disks, shapely.buffer(shapely.points(centres), 0.7))
    pairs = [shapely.union(yards[i], yards[(7 * i + 3) % 40]) for i in range(0, 40, 4)]
    return np.array([*yards, *pairs], object)


def test_shapes_come_back_as_they_were(shapes) -> None:
    kept = Polygons.of(shapes)
    assert shapely.equals(kept.geometries(), shapes).all()
    assert np.allclose(kept.areas(), shapely.area(shapes))
    assert np.allclose(kept.frames(), shapely.bounds(shapes))
    some = np.array([3, 41, 3, 0])
    assert shapely.equals(kept.some(some).geometries(), shapes[some]).all()
    halves = [kept.some(np.arange(0, 20)), kept.some(np.arange(20, 50))]
    assert shapely.equals(Polygons.joined(halves).geometries(), shapes).all()


@pytest.mark.parametrize("one", [shapely.box(0, 0, 2, 3), shapely.MultiPolygon()])
def test_one_or_none(one) -> None:
    several = np.array([one][: int(not one.is_empty)], object)
    kept = Polygons.of(several)
    assert len(kept) == len(several)
    assert len(kept.geometries()) == len(several)
    assert kept.runs(5, 5).pixels().tolist() == [6] * len(several)
    assert len(Polygons.joined([kept, kept])) == 2 * len(several)


def test_pixels_are_those_of_the_burnt_raster(shapes) -> None:
    runs = Polygons.of(shapes).runs(60, 80)
    rng = np.random.default_rng(4)
    values = rng.integers(0, 255, (60, 80))
    for number, shape in enumerate(shapes):
        upright = shapely.transform(shape, lambda xy: xy * [1, -1])  # rows run down
        burnt = rasterise([upright], GRID) > 0
        assert runs.pixels()[number] == burnt.sum()
        assert runs.sums(values)[number] == values[burnt].sum()


def test_where_shapes_overlap_the_largest_value_is_painted() -> None:
    here = Polygons.of(np.array([shapely.box(0, 0, 3, 3), shapely.box(1, 1, 4, 4)], object))
    for values in (np.array([2, 1], "uint8"), np.array([1, 2], "uint8")):
        out = np.zeros((5, 5), "uint8")
        paint_runs(here.runs(5, 5), values, out)
        assert out[2, 2] == 2
        assert (out[0, 0], out[3, 3]) == tuple(values)
