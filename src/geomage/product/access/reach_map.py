"""Access after an event: the layers and the numbers of streets, facilities, and what they reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from geopandas import GeoDataFrame
from odc.geo.geobox import GeoBox

from geomage.product.access.facilities import FARTHEST_M, Facilities, points_in_plane, spots_on
from geomage.product.access.network import Spots
from geomage.product.access.reached import (
    ACCESS,
    MINUTES,
    Access,
    cut_off_places,
    judge_access,
    time_areas,
)
from geomage.product.access.states import OUTSIDE_MAP, STATES, UNKNOWN
from geomage.product.access.transport import Streets, in_plane

__all__ = ["AccessMap", "access_words", "map_access"]

NEAR_M: Final = 200.0
"""A building farther than this from any street of the map is on none."""


@dataclass(frozen=True)
class AccessMap:
    """Layers by name, in drawing order, and the record that `summary.json` keeps under `roads`."""

    layers: Mapping[str, GeoDataFrame]
    summary: Mapping[str, Any]


def map_access(
    streets: Streets, buildings: GeoDataFrame | None = None, facilities: Facilities | None = None
) -> AccessMap:
    """Build `transportationL`, `cutOffA`, and with facilities `facilitiesP` and `accessTimeA`.

    Args:
        streets: the network with its states.
        buildings: those of the product, counted by what reaches them; None counts none.
        facilities: hospitals or depots.
    """
    frame, box = streets.frame, streets.box
    lines = in_plane(frame, box)
    placed = None if facilities is None else _placed(facilities, lines, box)
    access = judge_access(frame, None if placed is None else placed[0])
    layers: dict[str, GeoDataFrame] = {}
    on_map = (frame["why"] != OUTSIDE_MAP).to_numpy()
    inside = frame[on_map].reset_index(drop=True)
    places = cut_off_places(inside, access.access[on_map])
    homes = _nearest(buildings, lines, on_map, box)
    if facilities is not None and placed is not None:
        layers["accessTimeA"] = time_areas(frame, box, access)
    layers["cutOffA"] = _with_buildings(places, buildings, access, homes)
    layers["transportationL"] = _with_access(frame, access)
    if facilities is not None and placed is not None:
        layers["facilitiesP"] = _facilities(facilities, placed, access, buildings)
    record = {
        **_lengths(frame, on_map),
        "access": _by_access(frame, access, on_map, homes),
        "buildings_on_no_street": None if homes is None else int((homes < 0).sum()),
        "facilities": None if placed is None else _reach(placed, access, homes),
        "crossings_without_a_junction": streets.unjoined,
        "ways_left_out": dict(streets.left_out),
    }
    return AccessMap(layers, record)


def _placed(
    facilities: Facilities, lines: np.ndarray, box: GeoBox
) -> tuple[Spots, np.ndarray, np.ndarray]:
    """Spots of the facilities on a street, how far each is from it, and which rows they are."""
    points = points_in_plane(facilities.frame, box)
    spots, far = spots_on(lines, points)
    near = far <= FARTHEST_M
    return Spots(spots.segment[near], spots.share[near]), far, near


def _nearest(
    buildings: GeoDataFrame | None, lines: np.ndarray, on_map: np.ndarray, box: GeoBox
) -> np.ndarray | None:
    """Segment (b,) nearest to each building; -1 where none is within 200 m."""
    if buildings is None:
        return None
    spots, far = spots_on(lines, points_in_plane(buildings, box), on_map)
    return np.where(far <= NEAR_M, spots.segment, -1)


def _with_access(frame: GeoDataFrame, access: Access) -> GeoDataFrame:
    times = {"reach_before_s": access.before, "reach_after_s": access.after}
    known = {
        name: np.where(np.isfinite(seconds), seconds.round(1), np.nan)
        for name, seconds in times.items()
        if seconds is not None
    }
    return frame.assign(access=access.access, **known)


def _with_buildings(
    places: GeoDataFrame, buildings: GeoDataFrame | None, access: Access, homes: np.ndarray | None
) -> GeoDataFrame:
    """Places with the count of buildings in them, and multipolygons throughout."""
    shapes = [
        shapely.multipolygons(shapely.get_parts(shape)) for shape in places.geometry.to_numpy()
    ]
    found = places.set_geometry(gpd.GeoSeries(shapes, crs=places.crs, index=places.index))
    if buildings is None or homes is None:
        return found
    counts = np.zeros(len(found), np.int64)
    inside = shapely.point_on_surface(buildings.geometry.to_numpy())
    word = np.where(homes >= 0, access.access[np.maximum(homes, 0)], "")
    for access_word in ACCESS:
        rows = np.flatnonzero((found["access"] == access_word).to_numpy())
        own = np.flatnonzero(word == access_word)
        if len(rows) and len(own):
            tree = shapely.STRtree(found.geometry.to_numpy()[rows])
            np.add.at(counts, rows[tree.nearest(inside[own])], 1)
    return found.assign(buildings=counts)


def _facilities(
    facilities: Facilities,
    placed: tuple[Spots, np.ndarray, np.ndarray],
    access: Access,
    buildings: GeoDataFrame | None,
) -> GeoDataFrame:
    spots, far, near = placed
    frame = facilities.frame
    word = np.full(len(frame), "on no street", object)
    word[near] = access.access[spots.segment]
    columns = {
        "obj_type": "Not Applicable",
        "name": frame["name"].to_numpy(object),
        "info": "Unknown",
        "damage_gra": _damage_at(frame, buildings),
        "det_method": "Automatic extraction",
        "notation": "Not Applicable",
        "or_src_id": 997,
        "dmg_src_id": 997,
        "cd_value": "Not Applicable",
        "access": word,
        "street_m": far.round(1),
    }
    return GeoDataFrame(
        pd.DataFrame(columns, index=range(len(frame))),
        geometry=frame.geometry.to_numpy(),
        crs=frame.crs,
    )


def _damage_at(frame: GeoDataFrame, buildings: GeoDataFrame | None) -> np.ndarray:
    """Word of the building that holds each place; Not Analysed where none does."""
    found = np.full(len(frame), "Not Analysed", object)
    if buildings is None or not len(buildings):
        return found
    at, building = buildings.sindex.query(frame.geometry, predicate="intersects")
    at, first = np.unique(at, return_index=True)
    found[at] = buildings["damage_gra"].to_numpy(object)[building[first]]
    return found


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None


def _lengths(frame: GeoDataFrame, on_map: np.ndarray) -> dict[str, Any]:
    """Lengths by state, of the streets on the map."""
    state, length = frame["state"].to_numpy(object), frame["length_m"].to_numpy(float)
    total = float(length[on_map].sum())
    some = {word: on_map & (state == word) for word in STATES}
    unknown = frame[some[UNKNOWN]]
    return {
        "on_map_m": round(total, 1),
        "segments_on_map": int(on_map.sum()),
        "outside_map_m": round(float(length[~on_map].sum()), 1),
        "by_state": {
            word: {
                "segments": int(rows.sum()),
                "length_m": round(float(length[rows].sum()), 1),
                "share_of_length": _share(float(length[rows].sum()), total),
            }
            for word, rows in some.items()
        },
        "unknown_by_reason_m": {
            str(why): round(float(metres), 1)
            for why, metres in unknown.groupby("why")["length_m"].sum().items()
        },
    }


def _by_access(
    frame: GeoDataFrame, access: Access, on_map: np.ndarray, homes: np.ndarray | None
) -> dict[str, Any]:
    length = frame["length_m"].to_numpy(float)
    total = float(length[on_map].sum())
    some = None if homes is None else access.access[homes[homes >= 0]]
    found = {}
    for word in ACCESS:
        metres = float(length[on_map & (access.access == word)].sum())
        one: dict[str, Any] = {"length_m": round(metres, 1), "share": _share(metres, total)}
        if some is not None:
            count = int((some == word).sum())
            one |= {"buildings": count, "of_buildings": len(some)}
        found[word] = one
    return found


def _reach(
    placed: tuple[Spots, np.ndarray, np.ndarray], access: Access, homes: np.ndarray | None
) -> dict[str, Any]:
    """Facilities, and the buildings within so many minutes of the nearest one."""
    spots, _, near = placed
    record: dict[str, Any] = {"given": len(near), "on_a_street": int(near.sum())}
    if homes is None or access.before is None:
        return record
    some = homes[homes >= 0]
    moments = {"before": access.before, "after": access.after, "at_best": access.at_best}
    for name, seconds in moments.items():
        assert seconds is not None
        reached = seconds[some]
        record[f"buildings_reached_{name}"] = {
            **{f"within_{one}_min": int((reached <= 60 * one).sum()) for one in MINUTES},
            "at_all": int(np.isfinite(reached).sum()),
            "of": len(some),
        }
    assert len(spots.segment) == near.sum()
    return record


def access_words(record: Mapping[str, Any]) -> str:
    """One sentence of the record of `map_access`."""
    km = {word: one["length_m"] / 1000 for word, one in record["by_state"].items()}
    text = "Streets on the map: " + ", ".join(f"{v:.1f} km {word}" for word, v in km.items() if v)
    cut = record["access"]["cut off"].get("buildings")
    maybe = record["access"]["possibly cut off"].get("buildings")
    if cut or maybe:
        text += f"; {cut} buildings cut off, {maybe} possibly"
    return text
