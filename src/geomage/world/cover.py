"""What covers the ground: land, water and coast, from tags; what grows there is inferred.

Where no tag says what the ground is, the blocks between streets do: paved where buildings cover
more than a quarter of a block, lawn down to a fiftieth, meadow below. That is inferred, and marked
so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import shapely
from shapely import Polygon
from shapely.geometry.base import BaseGeometry

from geomage.world.parcels import polygons_of

__all__ = ["Cover", "blocks_between", "read_cover", "sea_of"]

PAVED, GREEN = 0.25, 0.02  # shares of a block under buildings


@dataclass(frozen=True)
class Cover:
    """What an area is: kind of land (or `water`), layer of painting, and what fills it.

    fill: forest, trees, bushes, orchard, parking, or nothing.
    """

    kind: str
    layer: int
    fill: str = ""


_COVERS: Mapping[tuple[str, str], Cover] = {
    ("natural", "water"): Cover("water", 0), ("natural", "bay"): Cover("water", 0),
    ("landuse", "basin"): Cover("water", 0), ("landuse", "reservoir"): Cover("water", 0),
    ("landuse", "pond"): Cover("water", 0), ("waterway", "riverbank"): Cover("water", 0),
    ("waterway", "dock"): Cover("water", 0), ("leisure", "swimming_pool"): Cover("water", 4),
    ("natural", "wood"): Cover("forest_floor", 0, "forest"),
    ("landuse", "forest"): Cover("forest_floor", 0, "forest"),
    ("landuse", "open_forest"): Cover("meadow", 0, "trees"),
    ("natural", "scrub"): Cover("meadow", 1, "bushes"),
    ("natural", "heath"): Cover("meadow", 1), ("natural", "grassland"): Cover("meadow", 1),
    ("natural", "wetland"): Cover("meadow", 1), ("natural", "fell"): Cover("meadow", 0),
    ("natural", "sand"): Cover("sand", 1), ("natural", "beach"): Cover("sand", 1),
    ("natural", "shingle"): Cover("gravel", 1), ("natural", "scree"): Cover("gravel", 1),
    ("natural", "bare_rock"): Cover("gravel", 1), ("natural", "mud"): Cover("bare", 1),
    ("landuse", "grass"): Cover("lawn", 2), ("landuse", "village_green"): Cover("lawn", 1),
    ("landuse", "recreation_ground"): Cover("lawn", 0), ("landuse", "flowerbed"): Cover("lawn", 2),
    ("landuse", "meadow"): Cover("meadow", 0), ("landuse", "farmland"): Cover("field", 0),
    ("landuse", "orchard"): Cover("meadow", 0, "orchard"),
    ("landuse", "vineyard"): Cover("field", 0), ("landuse", "plant_nursery"): Cover("field", 0),
    ("landuse", "allotments"): Cover("lawn", 0, "bushes"),
    ("landuse", "cemetery"): Cover("lawn", 0, "trees"),
    ("landuse", "railway"): Cover("ballast", -1), ("landuse", "construction"): Cover("bare", 0),
    ("landuse", "brownfield"): Cover("bare", 0), ("landuse", "greenfield"): Cover("meadow", 0),
    ("landuse", "quarry"): Cover("bare", 0), ("landuse", "landfill"): Cover("bare", 0),
    ("landuse", "industrial"): Cover("asphalt", -1), ("landuse", "port"): Cover("concrete", -1),
    ("leisure", "park"): Cover("lawn", 0, "trees"),
    ("leisure", "garden"): Cover("lawn", 1, "trees"),
    ("leisure", "golf_course"): Cover("lawn", 0, "trees"), ("leisure", "pitch"): Cover("lawn", 3),
    ("leisure", "playground"): Cover("sand", 3), ("leisure", "track"): Cover("clay", 2),
    ("leisure", "dog_park"): Cover("meadow", 1), ("leisure", "common"): Cover("lawn", 0),
    ("leisure", "nature_reserve"): Cover("meadow", -1), ("leisure", "marina"): Cover("water", 0),
    ("amenity", "parking"): Cover("asphalt", 2, "parking"),
    ("amenity", "marketplace"): Cover("concrete", 2), ("amenity", "fountain"): Cover("water", 4),
    ("amenity", "grave_yard"): Cover("lawn", 0, "trees"),
    ("place", "square"): Cover("concrete", 1), ("man_made", "pier"): Cover("concrete", 5),
    ("man_made", "bridge"): Cover("concrete", 5), ("highway", "pedestrian"): Cover("concrete", 2),
    ("highway", "footway"): Cover("concrete", 2), ("highway", "service"): Cover("asphalt", 2),
    ("aeroway", "apron"): Cover("concrete", 1), ("aeroway", "runway"): Cover("asphalt", 2),
    ("aeroway", "taxiway"): Cover("asphalt", 2), ("aeroway", "aerodrome"): Cover("meadow", -1),
}  # fmt: skip
_HARD_PITCH = {"tennis": "clay", "basketball": "asphalt", "skateboard": "concrete",
               "boules": "gravel", "beachvolleyball": "sand"}  # fmt: skip


def read_cover(tags: Mapping[str, str]) -> Cover | None:
    """What an area is; None where its tags do not say what one sees."""
    if tags.get("indoor") == "yes" or tags.get("location") == "underground":
        return None
    if tags.get("amenity") == "parking" and tags.get("parking", "surface") != "surface":
        return None
    if tags.get("leisure") == "pitch" and (kind := _HARD_PITCH.get(tags.get("sport", ""))):
        return Cover(kind, 3)
    return next((cover for pair, cover in _COVERS.items() if tags.get(pair[0]) == pair[1]), None)


def sea_of(coast: np.ndarray, square: Polygon) -> list[Polygon]:
    """The sea within a rectangle: what lies to the right of its coastlines (OSM convention).

    A coast that is cut short bounds nothing; where land and sea meet in one piece, it is land.

    Args:
        coast: lines, land on their left.
        square: the rectangle.
    """
    lines = [part for g in coast for part in _lines_in(g, square)]
    if not lines:
        return []
    pieces = polygons_of(shapely.polygonize([shapely.union_all([*lines, square.exterior])]))
    left, right = _beside(lines, 1.0), _beside(lines, -1.0)
    return [p for p in pieces if _count(p, right) > 0 and _count(p, left) == 0]


def _lines_in(line: BaseGeometry, square: Polygon) -> list[shapely.LineString]:
    parts = shapely.get_parts(line.intersection(square))
    return [p for p in parts if isinstance(p, shapely.LineString) and p.length > 0.01]


def _beside(lines: list[shapely.LineString], side: float, away: float = 0.05) -> np.ndarray:
    """Points (n, 2) beside the middle of every segment; side 1 is left."""
    points = []
    for line in lines:
        xy = shapely.get_coordinates(line)
        step, middle = np.diff(xy, axis=0), (xy[1:] + xy[:-1]) / 2
        length = np.hypot(*step.T)
        normal = np.stack([-step[:, 1], step[:, 0]], 1)[length > 0] / length[length > 0, None]
        points.append(middle[length > 0] + side * away * normal)
    return np.concatenate(points)


def _count(piece: Polygon, points: np.ndarray) -> int:
    return int(shapely.contains_xy(piece, points).sum())


def blocks_between(
    roads: list[BaseGeometry], water: BaseGeometry, square: Polygon
) -> list[Polygon]:
    """Cut a rectangle by the outlines of streets and by water; pieces under 60 m² are none.

    Args:
        roads: the areas of streets.
        water: its area.
        square: the rectangle.
    """
    free = square.difference(shapely.union_all([*roads, water]))
    return polygons_of(free, 60.0)
