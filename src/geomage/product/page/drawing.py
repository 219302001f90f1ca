"""What is drawn of a product, in picture pixels, and how much of it a page can hold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd
from geopandas import GeoDataFrame, GeoSeries

from geomage.product.access.reached import CUT_OFF, POSSIBLY_CUT_OFF
from geomage.product.grading import NOT_ANALYSED, WORDS
from geomage.product.page import cover, wording
from geomage.product.page.findings import Findings
from geomage.product.page.looks import ROAD_STATES
from geomage.product.page.outlines import extent_of, onto_picture, paths
from geomage.product.squares import square_grid

__all__ = [
    "MOST_OUTLINES",
    "Drawing",
    "Group",
    "Shapes",
    "draw",
    "event_kind",
    "kinds_of",
    "states_of",
    "zones_are_squares",
]

MOST_OUTLINES: Final = 60_000
"""Buildings drawn, worst first; beyond that the page says how many it leaves to products.gpkg."""

MOST_POINTS: Final = 600_000
"""Points of all outlines of buildings together; the worst buildings that fit are drawn."""

MOST_AREAS: Final = 20_000
"""Areas of a layer drawn, the largest first, and none that is smaller than a pixel of the picture;
``products.gpkg`` has all, and the page says so."""

MOST_LINES: Final = 60_000
"""Segments of road drawn, blocked ones first and the longest first."""

MOST_POINTS_OF_A_LAYER: Final = 100_000
"""Points of any other layer; its largest shapes that fit are drawn."""

_COARSER: Final = (1.0, 4.0, 16.0)


@dataclass(frozen=True)
class Shapes:
    """Shapes drawn alike."""

    key: str  # of `looks.LOOKS`; the switch of the layer bears it too
    paths: list[list[np.ndarray]]  # by shape: (point, 2) in picture pixels
    closed: bool = True
    names: tuple[str, ...] = ()  # by shape, written on the map
    left: int = 0  # shapes that are not drawn


@dataclass(frozen=True)
class Group:
    """Buildings drawn alike."""

    word: str
    key: str
    rows: GeoDataFrame  # in the order they are stepped through
    paths: list[list[np.ndarray]]


@dataclass(frozen=True)
class Drawing:
    """All that is drawn."""

    areas: list[Shapes]  # lowest first
    roads: list[Shapes]  # passable first, so that what is blocked lies on top
    zones: Shapes | None  # None also where they are the lettered squares, which the grid shows
    zone_places: Shapes | None  # the same, drawn or not
    facilities: Shapes | None
    groups: list[Group]  # worst first
    reach: list[Shapes] = field(default_factory=list)  # of facilities, on the live map alone

    @property
    def buildings(self) -> int:
        """Buildings drawn."""
        return sum(len(group.rows) for group in self.groups)

    def extents(self, most: int) -> list[tuple[float, float, float, float] | None]:
        """Extents of the first buildings, as `outlines.extent_of`; None where nothing is drawn."""
        first = [shape for group in self.groups for shape in group.paths[:most]][:most]
        return [extent_of(shape) if shape else None for shape in first]

    @property
    def layers(self) -> list[Shapes]:
        """All but the buildings, in the order they are drawn: under the buildings."""
        more = [one for one in (self.zones, self.facilities) if one is not None]
        return [*self.areas, *self.reach, *self.roads, *more]


def draw(found: Findings) -> Drawing:
    """Everything a picture of the product shows; the layers that do not exist are left out."""
    return Drawing(
        areas=[
            *_events(found),
            *_cut_off(found),
            *_some(_areas("areas", found.not_analysed, found)),
        ],
        roads=_roads(found),
        zones=None if zones_are_squares(found) else _zones(found),
        zone_places=_zones(found),
        facilities=_facilities(found),
        groups=_groups(found),
        reach=_reach(found),
    )


def _some(shapes: Shapes) -> list[Shapes]:
    return [shapes] if shapes.paths or shapes.left else []


def event_kind(*words: str) -> str:
    """Which look an area of ``observedEventA`` gets, by the words said of it.

    ``flood``, ``water`` (there before), ``burnt`` or ``debris``.
    """
    said = " ".join(words).lower()
    if "permanent" in said:
        return "water"
    if any(word in said for word in ("debris", "slide", "mass movement")):
        return "debris"
    return "burnt" if any(word in said for word in ("burn", "fire")) else "flood"


def kinds_of(events: GeoDataFrame) -> list[str]:
    """The kind of each area of ``observedEventA``."""
    told = [name for name in ("event_type", "obj_desc", "notation") if name in events.columns]
    return [event_kind(*map(str, words)) for words in events[told].itertuples(index=False)]


def _events(found: Findings) -> list[Shapes]:
    lasting = [] if found.water is None else _some(_areas("water", found.water, found))
    if found.flood is None or found.flood.empty:
        return lasting
    kinds = np.array(kinds_of(found.flood))
    return lasting + [
        shapes
        for kind in ("water", "flood", "burnt", "debris")
        for shapes in _some(_areas(kind, found.flood[kinds == kind], found))
    ]


def _cut_off(found: Findings) -> list[Shapes]:
    """Places that no street leads to, the possible ones lowest."""
    if found.cut_off is None or found.cut_off.empty:
        return []
    keys = {POSSIBLY_CUT_OFF: "maybecut", CUT_OFF: "cutoff"}
    return [
        shapes
        for word, key in keys.items()
        for shapes in _some(_areas(key, found.cut_off[found.cut_off["access"] == word], found))
    ]


def _reach(found: Findings) -> list[Shapes]:
    """What lies within so many minutes of a facility, before and after, each rim with its minutes.

    What unknown streets may let one reach is in ``products.gpkg`` alone.
    """
    if found.reach is None or found.reach.empty:
        return []
    parts = []
    for moment in ("before", "after"):
        own = found.reach[found.reach["moment"] == moment].sort_values("minutes")
        lines = _fitting(own.geometry, found)
        names = tuple(f"{minutes} min" for minutes in own["minutes"])[: len(lines)]
        parts += _some(Shapes(f"reach_{moment}", lines, names=names, left=len(own) - len(lines)))
    return parts


def _areas(key: str, areas: GeoDataFrame, found: Findings) -> Shapes:
    kept = seen(areas.geometry, found)
    lines = _fitting(kept, found)
    return Shapes(key, lines, left=len(areas) - len(lines))


def seen(shapes: GeoSeries, found: Findings) -> GeoSeries:
    """The areas that are large enough to be drawn, the largest first."""
    pixel = 1 / abs(onto_picture(found.box, found.before).determinant)
    area = shapes.area.to_numpy()
    order = np.argsort(-area, kind="stable")[:MOST_AREAS]
    return shapes.iloc[order[area[order] >= pixel * (1 - 1e-6)]]


def _fitting(
    shapes: GeoSeries, found: Findings, most: int = MOST_POINTS_OF_A_LAYER
) -> list[list[np.ndarray]]:
    """Paths of the first shapes whose points together stay within a number.

    Outlines that are too fine for all to fit are made coarser, four times and then sixteen times,
    before any is left out.
    """
    lines: list[list[np.ndarray]] = []
    for coarser in _COARSER:
        lines = paths(shapes, found.box, found.before, coarser)
        points = np.cumsum([sum(len(path) for path in shape) for shape in lines])
        if not len(points) or points[-1] <= most:
            return lines
    return lines[: int(np.searchsorted(points, most, side="right"))]


def states_of(roads: GeoDataFrame) -> pd.Series:
    """State of each segment; a word that is none of `ROAD_STATES` is unknown."""
    state: pd.Series = roads["state"]
    return state.where(state.isin(ROAD_STATES), "unknown")


def _roads(found: Findings) -> list[Shapes]:
    if found.roads is None or found.roads.empty:
        return []
    state = states_of(found.roads)
    rank = state.map({word: i for i, word in enumerate(ROAD_STATES)}).to_numpy()
    order = np.lexsort((-found.roads["length_m"].to_numpy(float), rank))[:MOST_LINES]
    lines = _fitting(found.roads.geometry.iloc[order], found)
    drawn = state.to_numpy()[order][: len(lines)]
    whole = state.value_counts()
    return [
        _of_state(word, lines, drawn, int(whole.get(word, 0))) for word in reversed(ROAD_STATES)
    ]


def _of_state(state: str, lines: list[list[np.ndarray]], states: np.ndarray, whole: int) -> Shapes:
    own = [lines[i] for i in np.flatnonzero(states == state)]
    return Shapes(state, own, closed=False, left=whole - len(own))


def zones_are_squares(found: Findings) -> bool:
    """Whether the zones are the lettered squares, which the grid shows already."""
    if found.zones is None or found.zones.empty:
        return False
    grid = square_grid(found.box)
    names = {grid.name(r, c) for r in range(grid.rows) for c in range(grid.columns)}
    return set(map(str, found.zones["zone"])) <= names


def _zones(found: Findings) -> Shapes | None:
    if found.zones is None or found.zones.empty:
        return None
    zones: GeoDataFrame = found.zones
    ranked = zones.sort_values("rank", kind="stable")
    lines = _fitting(ranked.geometry, found)
    names = tuple(str(name) for name in ranked["zone"])[: len(lines)]
    return Shapes("zones", lines, names=names, left=len(zones) - len(lines))


def _facilities(found: Findings) -> Shapes | None:
    """Points, each as a path of one point; of lines and areas, a point inside."""
    if found.facilities is None or found.facilities.empty:
        return None
    first = found.facilities.iloc[:MOST_AREAS]
    inside = first.geometry.representative_point()
    across, down = onto_picture(found.box, found.before) @ (inside.x, inside.y)
    spots = [[np.array([spot])] for spot in zip(across, down, strict=True)]
    names = tuple(_facility_names(first))
    return Shapes(
        "facilities", spots, closed=False, names=names, left=len(found.facilities) - len(spots)
    )


def _facility_names(facilities: GeoDataFrame) -> Iterable[str]:
    for column in ("name", "obj_type", "info"):
        if column in facilities.columns:
            return (str(name) for name in facilities[column])
    return ("" for _ in range(len(facilities)))


def _groups(found: Findings) -> list[Group]:
    """Buildings by word, worst first; with one image all alike, the largest first."""
    rows = _first(found)
    lines = _fitting(rows.geometry, found, MOST_POINTS)
    rows = rows.iloc[: len(lines)]
    if found.after is None:
        return [Group(cover.BUILDINGS, cover.MAPPED, rows, lines)]
    word = rows["damage_gra"].to_numpy()
    return [_of_word(name, rows, lines, word == name) for name in WORDS]


def _of_word(
    name: str, rows: GeoDataFrame, lines: list[list[np.ndarray]], own: np.ndarray
) -> Group:
    return Group(name, wording.SLUGS[name], rows[own], [lines[i] for i in np.flatnonzero(own)])


def _first(found: Findings) -> GeoDataFrame:
    if found.after is None:
        order = np.argsort(-found.buildings["area_m2"].to_numpy(float), kind="stable")
        return found.buildings.iloc[order[:MOST_OUTLINES]]
    return _worst_first(found.buildings)


def _worst_first(buildings: GeoDataFrame) -> GeoDataFrame:
    """Buildings by word, worst first, the surest first; Not Analysed before No visible damage."""
    order = {**{word: i for i, word in enumerate(WORDS)}, NOT_ANALYSED: 2.5}
    rank = buildings["damage_gra"].map(order).to_numpy(float)
    sure = np.nan_to_num(buildings["confidence"].to_numpy(float), nan=0.0)
    return buildings.iloc[np.lexsort((-sure, rank))[:MOST_OUTLINES]]
