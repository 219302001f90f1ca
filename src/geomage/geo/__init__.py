"""Grids, rasters and vectors: the only room that touches files of geography."""

from __future__ import annotations

from geomage.geo._beside import unread_place
from geomage.geo._mosaic import Dress
from geomage.geo.areas import vectorise_tiles
from geomage.geo.blocks import (
    BLOCK_CACHE,
    absent_value,
    block_windows,
    held_windows,
    is_held,
    stands_in_blocks,
)
from geomage.geo.cog import mosaic_to_cog, raster_to_cog, write_cog
from geomage.geo.folder import (
    RASTER_ENDINGS,
    fresh_folder,
    refuse_file,
    refuse_output,
    refuse_taken,
    refuse_unwritable,
    true_path,
)
from geomage.geo.grid import (
    footprint,
    ground_gsd,
    is_earthly,
    overlap,
    pixel_box,
    upright_box,
    utm_box,
    warp_crs,
    window_box,
)
from geomage.geo.open import (
    MEMORY,
    RasterFacts,
    check_raster,
    decoding,
    open_raster,
    read_raster,
)
from geomage.geo.raster import Raster
from geomage.geo.scratch import Scratch
from geomage.geo.shapes import rasterise, vectorise
from geomage.geo.shift import Shift, measure_shift
from geomage.geo.space import refuse_full, reserve
from geomage.geo.stretch import Stretch, measure_values, stretch_counts
from geomage.geo.tile_store import TileStore
from geomage.geo.tiling import TileKey, Tiling
from geomage.geo.vectors import growing_vectors, read_vectors, write_vectors

__all__ = [
    "BLOCK_CACHE",
    "MEMORY",
    "RASTER_ENDINGS",
    "Dress",
    "Raster",
    "RasterFacts",
    "Scratch",
    "Shift",
    "Stretch",
    "TileKey",
    "TileStore",
    "Tiling",
    "absent_value",
    "block_windows",
    "check_raster",
    "decoding",
    "footprint",
    "fresh_folder",
    "ground_gsd",
    "growing_vectors",
    "held_windows",
    "is_earthly",
    "is_held",
    "measure_shift",
    "measure_values",
    "mosaic_to_cog",
    "open_raster",
    "overlap",
    "pixel_box",
    "raster_to_cog",
    "rasterise",
    "read_raster",
    "read_vectors",
    "refuse_file",
    "refuse_full",
    "refuse_output",
    "refuse_taken",
    "refuse_unwritable",
    "reserve",
    "stands_in_blocks",
    "stretch_counts",
    "true_path",
    "unread_place",
    "upright_box",
    "utm_box",
    "vectorise",
    "vectorise_tiles",
    "warp_crs",
    "window_box",
    "write_cog",
    "write_vectors",
]
