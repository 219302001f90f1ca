"""What an order adds to a product: its files checked before the work, and its layers after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from geopandas import GeoDataFrame

from geomage.errors import InputError
from geomage.geo import check_raster
from geomage.product.access import AccessMap, map_access
from geomage.product.facilities import read_facilities
from geomage.product.order import FILES, Order
from geomage.product.roads import read_roads
from geomage.product.statistics import check_counts
from geomage.product.transport import map_streets

__all__ = ["check_order", "ordered_access", "ordered_files"]

_OF_STREETS: Final = ("depth", "facilities")


def check_order(order: Order, before: Sequence[Path], gsd: float | None = None) -> None:
    """Raise InputError for what is wrong with the files of an order, before hours of work.

    Args:
        order: what is asked for.
        before: images of the first date, which say where the map will lie.
        gsd: metres a pixel, for an image without CRS.
    """
    check_counts(order, before, gsd)
    for role in _OF_STREETS:
        if getattr(order, role) is not None and order.roads is None:
            raise InputError(f"--{role} needs streets: give them with --roads FILE")
    if order.roads is None:
        return
    box = check_raster(before[0]).box
    read_roads(order.roads, box)
    if order.facilities is not None:
        read_facilities(order.facilities, box)
    if order.depth is not None and check_raster(order.depth).box.crs is None:
        raise InputError(f"--depth {order.depth} has no CRS: give it one (gdal_edit -a_srs)")


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
