"""The counted part of a product: zones, the surface of damage, and the tables of both."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from geopandas import GeoDataFrame
from odc.geo.geobox import GeoBox

from geomage.product.access.tables import street_tables
from geomage.product.affected import affected_surface, write_affected
from geomage.product.measured import Measured
from geomage.product.most_affected import Affected, most_affected, zone_table
from geomage.product.order import Order
from geomage.product.people import residents_of
from geomage.product.summary import summary_table
from geomage.product.tables import table_csv, write_workbook
from geomage.product.zones import given_zones

__all__ = ["check_counts", "count_zones", "write_statistics", "write_tables"]

GIVEN: Final = "source_id"
"""Column that only buildings of given footprints have."""
METHOD: Final = (
    "90 % intervals: draws over events that were measured, weighed by how alike their words are; "
    "shares of the truth by word from Dirichlet posteriors"
)


def check_counts(order: Order, box: GeoBox) -> None:
    """Refuse zones and people that cannot be laid on the images, before these are mapped.

    Args:
        order: what is asked.
        box: grid of the map.

    Raises:
        InputError: see `given_zones` and `residents_of`.
    """
    if order.zones is not None:
        given_zones(order.zones, box, order.zone_name)
    if order.population is not None:
        rim = GeoDataFrame(
            geometry=[box.extent.geom], crs=None if box.crs is None else str(box.crs)
        )
        residents_of(rim, order.population, box)


def count_zones(
    buildings: GeoDataFrame,
    box: GeoBox,
    order: Order,
    measured: Measured | None,
    *,
    two_dates: bool,
) -> Affected | None:
    """The zones of a map; None of one date, whose damage is unknown, unless zones are given.

    Footprints that were given are buildings, so errors count of outlines that were.
    """
    if not two_dates and order.zones is None:
        return None
    errors = None if measured is None else measured.errors
    if errors is not None and GIVEN in buildings:
        errors = errors.of_buildings()
    return most_affected(buildings, box, order, errors)


def write_statistics(
    folder: Path,
    zones: Affected | None,
    buildings: GeoDataFrame,
    not_analysed: GeoDataFrame,
    box: GeoBox,
) -> dict[str, Any]:
    """Write `affected.tif` and `zones.csv`; return what `summary.json` says of them.

    A map of one date has neither.
    """
    if zones is None:
        return {"zones": None, "affected": None}
    (folder / "zones.csv").write_text(table_csv(zone_table(zones)), encoding="utf-8", newline="\n")
    found = {**zones.as_dict(), "method": METHOD}
    if not (buildings["damage_gra"] != "Not Analysed").any():
        return {"zones": found, "affected": None}
    surface = affected_surface(buildings, not_analysed, box)
    write_affected(folder / "affected.tif", surface)
    return {"zones": found, "affected": surface.as_dict()}


def write_tables(
    folder: Path,
    zones: Affected | None,
    summary: Mapping[str, Any],
    roads: GeoDataFrame | None = None,
) -> None:
    """Write `tables.xlsx`: the summary, and the zones and streets where there are any."""
    sheets = {"summary": summary_table(summary)}
    if zones is not None:
        sheets["zones"] = zone_table(zones)
    if roads is not None:
        sheets |= street_tables(roads)
    write_workbook(folder / "tables.xlsx", sheets)
