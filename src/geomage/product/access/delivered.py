"""The streets of a product that stands, or others laid on it; changed files are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from geopandas import GeoDataFrame

from geomage.errors import InputError
from geomage.geo import check_raster, read_vectors
from geomage.geo.features import open_features
from geomage.product.access.states import STATES
from geomage.product.access.transport import COLUMNS, Streets, map_streets
from geomage.product.delivered import listed_files
from geomage.product.folder import ProductPaths, product_paths
from geomage.product.grading import NOT_ANALYSED
from geomage.product.mapped import RASTERS
from geomage.product.order import PLAIN, Order

__all__ = ["delivered_buildings", "delivered_streets"]

_AGAIN: Final = "map the images again"
_NUMBERS: Final = ("seconds", "length_m", "kmh", "oneway", "level", "start_node", "end_node")


def delivered_streets(out: Path, order: Order = PLAIN) -> Streets:
    """The streets of a product folder with their states.

    Args:
        out: the folder.
        order: other streets to lay on its rasters, and a depth; those of the product when none.

    Raises:
        InputError: it is no product, has no streets, or a piece of it is damaged or changed.
    """
    paths = product_paths(out)
    vectors = _vectors(paths)
    if order.roads is not None:
        files = listed_files(paths, [f"{name}.tif" for name in RASTERS if name != "building"])
        rasters = {path.stem: path for path in files.values()}
        if "landcover" not in rasters:
            raise InputError(f"{paths.folder} is not whole: landcover.tif is missing; {_AGAIN}")
        return map_streets(order.roads, rasters, _hidden(vectors), depth=order.depth)
    listed = listed_files(paths, ["landcover.tif"])
    with open_features(vectors) as file:
        there = "transportationL" in file.layers and bool(listed)
    frame = read_vectors(vectors, "transportationL") if there else GeoDataFrame()
    if frame.empty:  # a layer without a row stands in every product
        raise InputError(
            f"{out} has no streets: give them with --roads FILE, here or to `geomage map`"
        )
    return Streets(_network(vectors, frame), check_raster(listed["landcover.tif"]).box, {})


def delivered_buildings(out: Path) -> GeoDataFrame:
    """The buildings of a product folder, with `damage_gra`."""
    vectors = _vectors(product_paths(out))
    found = read_vectors(vectors, "builtUpA")
    if not isinstance(found, GeoDataFrame) or "damage_gra" not in found:
        raise InputError(f"{vectors}: the layer builtUpA lacks damage_gra or its shapes; {_AGAIN}")
    return found[~(found.geometry.isna() | found.geometry.is_empty)].reset_index(drop=True)


def _vectors(paths: ProductPaths) -> Path:
    found = listed_files(paths, [paths.vectors.name])
    if not found:
        raise InputError(f"{paths.folder} is not whole: its manifest lists no vectors; {_AGAIN}")
    return paths.vectors


def _hidden(vectors: Path) -> GeoDataFrame:
    found = read_vectors(vectors, "notAnalysedA")
    if not isinstance(found, GeoDataFrame) or "reason" not in found:
        raise InputError(f"{vectors}: the layer {NOT_ANALYSED} lacks its reasons; {_AGAIN}")
    return found


def _network(vectors: Path, frame: pd.DataFrame) -> GeoDataFrame:
    """The network, refused where a route through it would be nonsense."""
    missing = [name for name in COLUMNS if name not in frame]
    if missing or not isinstance(frame, GeoDataFrame) or frame.crs is None:
        raise InputError(
            f"{vectors}: the layer transportationL lacks {', '.join(missing) or 'a CRS'}; {_AGAIN}"
        )
    if frame.geometry.isna().any() or frame.geometry.is_empty.any():
        raise InputError(f"{vectors}: the layer transportationL has segments without a shape")
    odd = sorted({*frame["state"].astype(str)} - {*STATES})
    if odd:
        raise InputError(
            f"{vectors}: state of transportationL holds {', '.join(odd[:4])}; {_AGAIN}"
        )
    numbers = frame[list(_NUMBERS)].apply(pd.to_numeric, errors="coerce").to_numpy(float)
    nodes = frame[["start_node", "end_node"]].to_numpy(float)
    bad = ~np.isfinite(numbers).all() or (numbers[:, :2] <= 0).any()
    if bad or (nodes < 0).any() or nodes.max() > 2 * len(frame):
        raise InputError(f"{vectors}: transportationL holds numbers that no street has; {_AGAIN}")
    return frame
