"""Polygons are burnt by the very rule of GDAL."""

import numpy as np
import pytest
import rasterio.features
import shapely
from affine import Affine
from odc.geo import wh_
from odc.geo.geobox import GeoBox

from geomage.geo.shapes import burn_shapes

_CORNER = (500_000.0, 5_400_000.0)


def _box(px: float) -> GeoBox:
    return GeoBox(
        wh_(70, 50), Affine(px, 0, _CORNER[0], 0, -px, _CORNER[1] + 50 * px), "EPSG:32631"
    )


def _by_gdal(shapes: list[shapely.Geometry], box: GeoBox) -> np.ndarray:
    pairs = [(shape, i + 1) for i, shape in enumerate(shapes)]
    return rasterio.features.rasterize(
        pairs, out_shape=tuple(box.shape), transform=box.affine, dtype="int32"
    )


def _ours(shapes: list[shapely.Geometry], box: GeoBox) -> np.ndarray:
    out = np.zeros(tuple(box.shape), np.int32)
    return burn_shapes(shapes, list(range(1, len(shapes) + 1)), box, out)


def _stars(rng: np.random.Generator, count: int, px: float) -> list[shapely.Geometry]:
    """Stars of all sizes, some beyond the grid, a third of them with a hole."""
    found: list[shapely.Geometry] = []
    for _ in range(count):
        turn = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 12)))
        reach = rng.uniform(0.2, 1.0, len(turn)) * rng.uniform(0.3, 30) * px
        at = rng.uniform(-5, 75, 2) * px + _CORNER
        ring = at + np.stack([reach * np.cos(turn), reach * np.sin(turn)], 1)
        star = shapely.make_valid(shapely.Polygon(ring))
        hole = star - shapely.Point(at).buffer(0.3 * reach.min())
        found.append(hole if rng.random() < 1 / 3 else star)
    return [s for s in found if s.geom_type in {"Polygon", "MultiPolygon"}]


@pytest.mark.parametrize("px", [0.2137, 0.5, 2.0])
def test_burns_what_gdal_burns(px: float) -> None:
    shapes, box = _stars(np.random.default_rng(3), 400, px), _box(px)
    assert len(shapes) > 300
    np.testing.assert_array_equal(_ours(shapes, box), _by_gdal(shapes, box))


def test_edges_on_the_middle_of_pixels_go_as_in_gdal() -> None:
    """Rectangles whose sides run through pixel centres, drawn either way round."""
    rng, box = np.random.default_rng(5), _box(1.0)
    for _ in range(60):
        west, east = np.sort(rng.choice(140, 2, replace=False)) / 2 + _CORNER[0]
        south, north = np.sort(rng.choice(100, 2, replace=False)) / 2 + _CORNER[1]
        shape = shapely.box(west, south, east, north, ccw=bool(rng.random() < 0.5))
        np.testing.assert_array_equal(_ours([shape], box), _by_gdal([shape], box))


def test_what_is_no_polygon_is_burnt_too() -> None:
    box = _box(1.0)
    line = shapely.LineString(np.array([(2.5, 3.5), (40.5, 30.5)]) + _CORNER)
    shapes = [line, shapely.box(*np.add(_CORNER, 5), *np.add(_CORNER, 12)), shapely.Polygon()]
    np.testing.assert_array_equal(_ours(shapes, box), _by_gdal(shapes[:2], box))
