"""The numbers of a product, each with what it is a share of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from geopandas import GeoDataFrame
from odc.geo.geobox import GeoBox

from geomage.geo import open_raster
from geomage.product.grading import (
    DECIDED_DAMAGED,
    DECIDED_DESTROYED,
    DECIDED_INTACT,
    NOT_ANALYSED,
    WORDS,
)
from geomage.product.squares import Square
from geomage.product.surface import areas_m2, box_outline, class_counts, pixel_area_m2
from geomage.product.tables import Table, table_csv

__all__ = ["LANDCOVER", "summarise", "summary_csv", "summary_table"]

LANDCOVER: Final = {
    1: "bareland",
    2: "rangeland",
    3: "developed space",
    4: "road",
    5: "tree",
    6: "water",
    7: "agriculture",
    8: "building",
}
_BURNT: Final = {0: "not burnt", 1: "burnt", 255: "not analysed"}
_FLOOD: Final = {0: "dry", 1: "flooded", 2: "permanent water", 255: "not analysed"}


def summarise(
    buildings: GeoDataFrame,
    not_analysed: GeoDataFrame,
    box: GeoBox,
    rasters: Mapping[str, Path],
    squares: Sequence[Square],
) -> dict[str, Any]:
    """Count buildings and areas; JSON-able.

    Shares of a damage word are of the buildings *assessed*; the share not analysed is of the
    buildings *mapped*. A share of nothing is ``None``.

    Args:
        buildings: graded buildings (see `grading.graded`) with ``area_m2``.
        not_analysed: polygons with ``reason``.
        box: grid of the product.
        rasters: {name: path} of the product's rasters.
        squares: the worst squares, worst first.
    """
    return {
        "buildings": _buildings(buildings),
        "area": _area(not_analysed, box),
        "flood": _classes(rasters.get("flood"), box, _FLOOD),
        "burnt": _classes(rasters.get("burnt"), box, _BURNT),
        "landcover": _classes(rasters.get("landcover"), box, LANDCOVER),
        "worst_squares": [square.as_dict() for square in squares],
        "rules": {
            "destroyed_from_probability": DECIDED_DESTROYED,
            "damaged_from_probability": DECIDED_DAMAGED,
            "not_damaged_from_probability": DECIDED_INTACT,
            "areas": "plane, no CRS" if box.crs is None else "WGS 84 ellipsoid",
        },
    }


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None


def _buildings(buildings: GeoDataFrame) -> dict[str, Any]:
    word, area = buildings["damage_gra"].to_numpy(), buildings["area_m2"].to_numpy(float)
    unseen = word == NOT_ANALYSED
    mapped, assessed = len(buildings), int((~unseen).sum())
    reasons = buildings.loc[unseen, "reason"]
    return {
        "mapped": mapped,
        "assessed": assessed,
        "area_m2": round(float(np.nansum(area)), 1),
        "by_damage": {
            name: {
                "count": int((word == name).sum()),
                "share_of_assessed": _share(int((word == name).sum()), assessed),
                "area_m2": round(float(np.nansum(area[word == name])), 1),
            }
            for name in WORDS
            if name != NOT_ANALYSED
        },
        "not_analysed": {
            "count": mapped - assessed,
            "share_of_mapped": _share(mapped - assessed, mapped),
            "area_m2": round(float(np.nansum(area[unseen])), 1),
            "by_reason": {str(k): int(v) for k, v in reasons.value_counts().sort_index().items()},
        },
    }


def _area(not_analysed: GeoDataFrame, box: GeoBox) -> dict[str, Any]:
    total = float(areas_m2(box_outline(box))[0])
    by_reason = {
        str(reason): round(float(areas_m2(group).sum()), 1)
        for reason, group in not_analysed.groupby("reason")
    }
    unseen = min(sum(by_reason.values()), total)
    return {
        "of_interest_m2": round(total, 1),
        "analysed_m2": round(total - unseen, 1),
        "not_analysed_m2": round(unseen, 1),
        "not_analysed_share": _share(unseen, total),
        "not_analysed_by_reason_m2": by_reason,
    }


def _classes(path: Path | None, box: GeoBox, names: Mapping[int, str]) -> dict[str, float] | None:
    if path is None:
        return None
    with open_raster(path) as dataset:
        counts = class_counts(dataset)
    return {name: round(float(counts[k]) * pixel_area_m2(box), 1) for k, name in names.items()}


def summary_csv(summary: Mapping[str, Any]) -> str:
    """The same numbers as a table: what, count, of, share, area_m2."""
    return table_csv(summary_table(summary))


def summary_table(summary: Mapping[str, Any]) -> Table:
    """The same numbers as a table: what, count, of, share, area_m2."""
    head = ("what", "count", "of", "share", "area_m2")
    return Table(head, _rows(summary), frozenset({"share"}))


def _rows(summary: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    b, area = summary["buildings"], summary["area"]
    unseen = b["not_analysed"]
    rows: list[tuple[Any, ...]] = [
        ("buildings mapped", b["mapped"], "", "", b["area_m2"]),
        ("buildings assessed", b["assessed"], b["mapped"], _share(b["assessed"], b["mapped"]), ""),
    ]
    rows += [
        (word, one["count"], b["assessed"], one["share_of_assessed"], one["area_m2"])
        for word, one in b["by_damage"].items()
    ]
    rows.append(
        (NOT_ANALYSED, unseen["count"], b["mapped"], unseen["share_of_mapped"], unseen["area_m2"])
    )
    rows += [
        (f"{NOT_ANALYSED}: {reason}", count, b["mapped"], _share(count, b["mapped"]), "")
        for reason, count in unseen["by_reason"].items()
    ]
    rows.append(("area of interest", "", "", "", area["of_interest_m2"]))
    rows.append(("area not analysed", "", "", area["not_analysed_share"], area["not_analysed_m2"]))
    for title in ("flood", "burnt", "landcover"):
        rows += [(f"{title}: {k}", "", "", "", v) for k, v in (summary.get(title) or {}).items()]
    return rows
