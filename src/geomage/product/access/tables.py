"""Streets as sheets of `tables.xlsx`: how much of each class works, and where the others are."""

from __future__ import annotations

from typing import Final

import numpy as np
from geopandas import GeoDataFrame

from geomage.product.access.states import BLOCKED, FLOODED, OUTSIDE_MAP, PASSABLE, UNKNOWN
from geomage.product.surface import lonlat
from geomage.product.tables import Table

__all__ = ["MOST_ROWS", "street_tables"]

MOST_ROWS: Final = 10_000
"""Segments listed, blocked ones first and the longest first; ``transportationL`` has all."""
_WORST_FIRST: Final = (BLOCKED, FLOODED, UNKNOWN, PASSABLE)


def street_tables(roads: GeoDataFrame) -> dict[str, Table]:
    """The sheets ``roads`` (lengths by class and state) and ``roads not passable`` (each segment).

    Args:
        roads: `transportationL`; segments around the map are left out.
    """
    inside = roads[(roads["why"] != OUTSIDE_MAP).to_numpy()]
    return {"roads": _by_class(inside), "roads not passable": _segments(inside)}


def _by_class(roads: GeoDataFrame) -> Table:
    whole = roads.groupby("info")["length_m"].sum()
    rows: list[tuple[object, ...]] = []
    for kind, metres in whole.items():
        own = roads[roads["info"] == kind]
        for state in _WORST_FIRST:
            some = own.loc[own["state"] == state, "length_m"]
            length = float(some.sum())
            share = round(length / metres, 4) if metres else None
            rows.append((kind, state, len(some), round(length, 1), round(metres, 1), share))
    head = ("class", "state", "segments", "length_m", "of_length_m", "share")
    return Table(head, rows, frozenset({"share"}))


def _segments(roads: GeoDataFrame) -> Table:
    """Those that do not work or that nobody saw, with the middle of each in degrees."""
    broken = roads[(roads["state"] != PASSABLE).to_numpy()]
    rank = broken["state"].map({word: place for place, word in enumerate(_WORST_FIRST)})
    order = np.lexsort((-broken["length_m"].to_numpy(float), rank.to_numpy(float)))[:MOST_ROWS]
    first = broken.iloc[order]
    places = lonlat(first.geometry.interpolate(0.5, normalized=True)).round(6).tolist()
    names = ("name", "info", "state", "why", "depth_m", "length_m")
    columns = [first[name].tolist() for name in names]
    rows = [(*row, *place) for *row, place in zip(*columns, places, strict=True)]
    return Table(("name", "class", *names[2:], "longitude", "latitude"), rows)
