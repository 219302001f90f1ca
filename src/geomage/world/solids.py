"""Where wings stand, and the closed solid of each in the CRS of the town."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely
from jaxtyping import Float
from scipy import ndimage
from shapely.geometry.base import BaseGeometry

from geomage.geo import Raster
from geomage.world.city import City
from geomage.world.roofs import INSET_FORMS, Roof, Solid, form_on, prism, roof_solid
from geomage.world.skeleton import convex_corners, skeleton

__all__ = ["WingBases", "stand_heights", "terrain_at", "wing_bases", "wing_solids"]


@dataclass(frozen=True)
class WingBases:
    """Axes of n wings.

    centres (n, 2): of the rectangle around each wing in the direction of its ridge, in the CRS;
    angles (n,): radians; forms: as they stand on their outlines; outlines: corners (u, v) of convex
    wings that are no rectangles, else None; reach (n,): largest inset, metres.
    """

    centres: Float[np.ndarray, "n 2"]
    angles: Float[np.ndarray, " n"]
    forms: tuple[str, ...]
    outlines: tuple[np.ndarray | None, ...]
    reach: Float[np.ndarray, " n"]


def wing_bases(roofs: gpd.GeoDataFrame) -> WingBases:
    """Find the axes of the wings of a layer of roofs."""
    shapes, angles = roofs.geometry.to_numpy(), np.radians(roofs["angle"].to_numpy(np.float64))
    centres = shapely.get_coordinates(shapely.centroid(shapes)).reshape(-1, 2)
    forms = [str(form) for form in roofs["form"]]
    outlines: list[np.ndarray | None] = [None] * len(roofs)
    reach = np.minimum(roofs["length"].to_numpy(), roofs["width"].to_numpy()) / 2
    for i in np.flatnonzero(roofs["boxed"].to_numpy() <= 0):
        centres[i], own = _own_axes(shapes[i], angles[i])
        corners = outlines[i] = convex_corners(own)
        forms[i] = form_on(forms[i], corners)
        if corners is not None and forms[i] in INSET_FORMS:
            reach[i] = skeleton(corners).reach
    return WingBases(centres, angles, tuple(forms), tuple(outlines), np.maximum(reach, 1e-6))


def _own_axes(shape: BaseGeometry, angle: float) -> tuple[np.ndarray, BaseGeometry]:
    """Centre of the rectangle around a shape, and the shape in the axes from there."""
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, -s], [s, c]])  # rows (x, y) times this are (u, v)
    anchor = shapely.get_coordinates(shape)[0]  # keeps the digits that large coordinates lose
    turned = shapely.transform(shape, lambda xy: (xy - anchor) @ turn)
    middle = shapely.bounds(turned).reshape(2, 2).mean(0)
    return anchor + turn @ middle, shapely.transform(turned, lambda uv: uv - middle)


def terrain_at(dtm: Raster, xy: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, " n"]:
    """Terrain (n,), metres, bilinear between pixel centres and held at the edges."""
    column, row = ~dtm.box.affine @ (xy[:, 0], xy[:, 1])
    heights = dtm.values[0].astype(np.float64)
    at = np.array([row - 0.5, column - 0.5])
    return np.asarray(ndimage.map_coordinates(heights, at, order=1, mode="nearest"))


def stand_heights(city: City) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Floor and foot of each building, metres above the datum.

    Heights of eaves and ridges count from the floor, the mean of the terrain at the corners of the
    footprint; walls go down to the foot, the lowest of them.
    """
    shapes = city.buildings.geometry.to_numpy()
    xy, owner = shapely.get_coordinates(shapes, return_index=True)
    if not len(shapes):
        return np.zeros(0), np.zeros(0)
    z, first = terrain_at(city.dtm, xy), np.flatnonzero(np.diff(owner, prepend=-1))
    return np.add.reduceat(z, first) / np.bincount(owner), np.minimum.reduceat(z, first)


def wing_solids(city: City) -> list[list[Solid]]:
    """Solids of each row of `roofs`, x east, y north, z above the datum, metres.

    A wing of several parts has several. Parapets and roof objects are left out.
    """
    bases = wing_bases(city.roofs)
    floor, foot = stand_heights(city)
    ids = city.buildings["building_id"].to_numpy()
    order = np.argsort(ids)
    building = order[np.searchsorted(ids, city.roofs["building_id"].to_numpy(), sorter=order)]
    columns = [city.roofs[name].to_numpy(np.float64) for name in _SIDES]
    shapes = city.roofs.geometry.to_numpy()
    boxed = city.roofs["boxed"].to_numpy() > 0
    found = []
    for i, b in enumerate(building):
        outline, depth = bases.outlines[i], floor[b] - foot[b]
        if boxed[i] or outline is not None:
            length, width, eave, ridge = (float(column[i]) for column in columns)
            roof = Roof(bases.forms[i], length, width, eave, ridge, outline)
            own = [roof_solid(roof, depth)]
        else:
            _, turned = _own_axes(shapes[i], bases.angles[i])
            own = [prism(p, columns[2][i], depth) for p in shapely.get_parts(turned)]
        place = (*bases.centres[i], floor[b])
        found.append([_moved(solid, bases.angles[i], place) for solid in own])
    return found


_SIDES = ("length", "width", "eave", "ridge")


def _moved(solid: Solid, angle: float, place: tuple[float, float, float]) -> Solid:
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
    return Solid(solid.vertices @ turn + place, solid.faces, solid.kinds)
