"""What an order adds to a product: its files checked before the work, and its layers after it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from geopandas import GeoDataFrame
from odc.geo.geobox import GeoBox

from geomage.errors import InputError, OutputError
from geomage.geo import true_path
from geomage.product.access.facilities import read_facilities
from geomage.product.access.reach_map import AccessMap, map_access
from geomage.product.access.roads import read_roads
from geomage.product.access.transport import check_depth, map_streets
from geomage.product.moment import moment_of_making
from geomage.product.order import FILES, Order
from geomage.product.statistics import check_counts

__all__ = ["check_order", "ordered_access", "ordered_files", "refuse_one_date"]

_OF_STREETS: Final = ("depth", "facilities")


def check_order(
    order: Order, box: GeoBox, *, out: Path | None = None, two_dates: bool = True
) -> None:
    """Refuse what is wrong with an order, before hours of work.

    Args:
        order: what is asked for.
        box: grid of the map, of its extent alone where one is given.
        out: the product that will be written.
        two_dates: whether there is a second image.

    Raises:
        InputError: a file cannot be used, a wish lacks the file it is about, or a later look
            (MONIT) is ordered of one date, or ``SOURCE_DATE_EPOCH`` states no time.
        OutputError: a file lies in the folder that will be replaced.
    """
    moment_of_making()
    refuse_one_date(order, two_dates=two_dates)
    _refuse_within(order, out)
    if order.zone_name is not None and order.zones is None:
        raise InputError("--zone-name needs zones: give them with --zones FILE")
    check_counts(order, box)
    for role in _OF_STREETS:
        if getattr(order, role) is not None and order.roads is None:
            raise InputError(f"--{role} needs streets: give them with --roads FILE")
    if order.roads is None:
        return
    read_roads(order.roads, box)
    if order.facilities is not None:
        read_facilities(order.facilities, box)
    if order.depth is not None:
        check_depth(order.depth, box)


def refuse_one_date(order: Order, *, two_dates: bool) -> None:
    """Raise InputError when a later look at an event is ordered of one date."""
    if "MONIT" in order.code and not two_dates:
        raise InputError(f"--kind {order.kind} is a later look at an event: give a second image")


def _refuse_within(order: Order, out: Path | None) -> None:
    """Raise OutputError when a file of an order would go with the folder it lies in."""
    if out is None:
        return
    for role, path in ordered_files(order):
        if true_path(out) in true_path(path).parents:
            raise OutputError(
                f"the output {out} holds the input --{role} {path}; choose another output"
            )


def ordered_files(order: Order) -> list[tuple[str, Path]]:
    """(role, path) of the files of an order."""
    named = [(role, getattr(order, role)) for role in FILES]
    return [(role, Path(path)) for role, path in named if path is not None]


def ordered_access(
    order: Order,
    rasters: Mapping[str, Path],
    not_analysed: GeoDataFrame,
    buildings: GeoDataFrame,
    src_ids: tuple[int, int],
) -> AccessMap | None:
    """Layers and numbers of access; None where no streets are asked for.

    Args:
        order: what is asked for.
        rasters: those of the product.
        not_analysed: polygons with `reason`.
        buildings: with `damage_gra`.
        src_ids: numbers of the streets and of the last image in the table `source`.
    """
    if order.roads is None:
        return None
    streets = map_streets(order.roads, rasters, not_analysed, depth=order.depth, src_ids=src_ids)
    given = order.facilities
    facilities = None if given is None else read_facilities(given, streets.box)
    return map_access(streets, buildings, facilities)
