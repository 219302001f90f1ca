"""Coordinates over a picture of the map: meridians and parallels, or metres."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import pyproj
from odc.geo.geobox import GeoBox

from geomage.geo import ground_gsd
from geomage.product.page.outlines import onto_picture
from geomage.product.page.pictures import Picture

__all__ = ["degrees", "graticule", "nice_step", "pixels"]

_LINES: Final = 5  # each way, about


def nice_step(most: float) -> float:
    """The largest of 1, 2 or 5 times a power of ten that is at most ``most``."""
    decade = 10.0 ** math.floor(math.log10(most))
    return float(max(k * decade for k in (1, 2, 5) if k * decade <= most * (1 + 1e-9)))


def graticule(box: GeoBox, picture: Picture) -> list[tuple[np.ndarray, str, bool]]:
    """(path in picture pixels, its coordinate, whether it runs north) of each line."""
    rows, cols = picture.height, picture.width
    if box.crs is None:
        metre = 1 / (ground_gsd(box) * int(box.shape[1]) / cols)
        step = nice_step(max(rows, cols) / metre / _LINES)
        along = [
            (np.array([[at, 0.0], [at, rows]]), f"{at / metre:g} m", True)
            for at in (np.arange(step * metre, cols, step * metre)).tolist()
        ]
        down = [
            (np.array([[0.0, at], [cols, at]]), f"{at / metre:g} m", False)
            for at in (np.arange(step * metre, rows, step * metre)).tolist()
        ]
        return along + down
    rim = np.array([[0, 0], [cols, 0], [cols, rows], [0, rows]], float)
    west, south, east, north = degrees(rim, box, picture)
    step = nice_step(max(north - south, (east - west) * math.cos(math.radians(south))) / _LINES)
    wide = nice_step(step / max(math.cos(math.radians((south + north) / 2)), 0.05) * 1.01)
    digits = max(0, -math.floor(math.log10(min(step, wide))))
    lines = []
    for lon in _multiples(west, east, wide):
        lats = np.linspace(south, north, 40)
        name = f"{abs(lon):.{digits}f}° {'E' if lon >= 0 else 'W'}"
        lines.append((pixels(np.full(40, lon), lats, box, picture), name, True))
    for lat in _multiples(south, north, step):
        lons = np.linspace(west, east, 40)
        name = f"{abs(lat):.{digits}f}° {'N' if lat >= 0 else 'S'}"
        lines.append((pixels(lons, np.full(40, lat), box, picture), name, False))
    return lines


def _multiples(low: float, high: float, step: float) -> list[float]:
    return [k * step for k in range(math.ceil(low / step), math.floor(high / step) + 1)]


def degrees(rim: np.ndarray, box: GeoBox, picture: Picture) -> tuple[float, float, float, float]:
    """West, south, east and north of picture pixels."""
    back: Any = ~onto_picture(box, picture)
    x, y = back @ (rim[:, 0], rim[:, 1])
    turn = pyproj.Transformer.from_crs(_crs(box), "EPSG:4326", always_xy=True)
    lon, lat = turn.transform(x, y)
    return float(np.min(lon)), float(np.min(lat)), float(np.max(lon)), float(np.max(lat))


def pixels(lon: np.ndarray, lat: np.ndarray, box: GeoBox, picture: Picture) -> np.ndarray:
    """Picture pixels of places in degrees, (point, 2)."""
    turn = pyproj.Transformer.from_crs("EPSG:4326", _crs(box), always_xy=True)
    onto: Any = onto_picture(box, picture)
    return np.column_stack(onto @ turn.transform(lon, lat))


def _crs(box: GeoBox) -> str:
    assert box.crs is not None
    return str(box.crs.to_wkt())
