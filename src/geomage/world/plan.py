"""A plan of a town: its layers painted from above in their own colours, for a first look."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely
from PIL import Image, ImageDraw

from geomage.errors import InputError
from geomage.world.city import City, colours

__all__ = ["draw_plan"]

LARGEST_PX = 4096  # side of a plan
FINE_M = 0.5  # a pixel, unless the town is too large for it
_ABOVE = 5  # layers of land from here on lie over streets: markings
_STREETS = {
    "asphalt": 0.13,
    "concrete": 0.32,
    "gravel": 0.3,
    "dirt": 0.27,
    "ballast": 0.18,
}  # reflectance


def draw_plan(city: City, gsd: float | None = None) -> Image.Image:
    """Paint a city, north up.

    Args:
        city: what to paint.
        gsd: metres a pixel; None takes half a metre, or more where the town is large.

    Raises:
        InputError: no pixel, or the picture would have more than 4096 px a side.
    """
    west, south, east, north = city.dtm.box.extent.boundingbox
    gsd = max(FINE_M, max(east - west, north - south) / LARGEST_PX) if gsd is None else gsd
    if not gsd > 0:
        raise InputError(f"a plan needs a pixel of more than 0 m, not {gsd:g}")
    sides = [max(1, round(length / gsd)) for length in (east - west, north - south)]
    if max(sides) > LARGEST_PX:
        raise InputError(
            f"a plan of {east - west:.0f} x {north - south:.0f} m at {gsd:g} m a pixel would have "
            f"{sides[0]} x {sides[1]} px, at most {LARGEST_PX}: choose a coarser --gsd"
        )
    picture = Image.new("RGB", sides, _shade(np.array([0.12, 0.12, 0.07])))
    plan = _Plan(ImageDraw.Draw(picture), (west, north), gsd)
    land = city.land.sort_values("layer", kind="stable")
    plan.fill(land[land["layer"] < _ABOVE])
    plan.fill(city.water)
    _draw_streets(plan, city.streets)
    plan.fill(land[land["layer"] >= _ABOVE])
    plan.fill(_grown(city.vehicles, city.vehicles["width"].to_numpy() / 2))
    plan.fill(city.buildings, edge=(30, 30, 30))
    plan.fill(_grown(city.trees, city.trees["radius"].to_numpy()))
    return picture


class _Plan:
    """A canvas that takes map coordinates."""

    def __init__(
        self, canvas: ImageDraw.ImageDraw, corner: tuple[float, float], gsd: float
    ) -> None:
        self._canvas, self._corner, self._gsd = canvas, np.array(corner), gsd

    def fill(self, layer: gpd.GeoDataFrame, edge: tuple[int, int, int] | None = None) -> None:
        """Paint the polygons of a layer in its colours, in its order."""
        for shape, colour in zip(layer.geometry, colours(layer), strict=True):
            self.polygon(shape, _shade(colour), edge)

    def polygon(
        self,
        shape: shapely.Geometry,
        colour: tuple[int, int, int],
        edge: tuple[int, int, int] | None = None,
    ) -> None:
        """Paint the outer rings of a shape; courtyards are left as they were below."""
        for part in shapely.get_parts(shape):
            ring = (shapely.get_coordinates(part.exterior) - self._corner) / (self._gsd, -self._gsd)
            self._canvas.polygon([tuple(point) for point in ring], colour, edge)


def _draw_streets(plan: _Plan, streets: gpd.GeoDataFrame) -> None:
    for street in streets.itertuples():
        grey = _shade(np.full(3, _STREETS[street.surface]))
        plan.polygon(street.geometry.buffer(street.width / 2), grey)


def _grown(points: gpd.GeoDataFrame, radius: np.ndarray) -> gpd.GeoDataFrame:
    return points.set_geometry(points.geometry.buffer(radius, quad_segs=3))


def _shade(reflectance: np.ndarray) -> tuple[int, int, int]:
    """Turn the reflectance of red, green, blue into counts that look right on a screen."""
    red, green, blue = np.clip(255 * np.sqrt(reflectance * 1.4), 0, 255).astype(int)
    return int(red), int(green), int(blue)
