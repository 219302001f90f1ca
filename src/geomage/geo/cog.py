"""Writing Cloud Optimized GeoTIFF, whole or not at all."""

from __future__ import annotations

import secrets
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from odc.geo.geobox import GeoBox
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import MemoryFile
from rasterio.shutil import copy as copy_raster
from rasterio.windows import Window

from geomage.errors import OutputError
from geomage.geo._mosaic import Dress
from geomage.geo.blocks import BLOCK_CACHE
from geomage.geo.raster import Raster
from geomage.geo.space import refuse_full, why_unwritten
from geomage.geo.tile_store import TileStore

Colormap = Mapping[int, tuple[int, ...]]
_LARGE = 2**28  # bytes of a raster, from which it is gathered and written on disk
_ROWS = 1024  # at once
_RGB = frozenset(("red", "green", "blue"))


def _colour(name: str) -> ColorInterp:
    """What a band is shown as; all but red, green and blue are left to the reader."""
    return ColorInterp[name] if name in _RGB else ColorInterp.undefined


def write_cog(
    path: Path | str,
    raster: Raster,
    *,
    colormap: Colormap | None = None,
    tags: Mapping[str, str] | None = None,
    mask: np.ndarray | None = None,
    unit: str | None = None,
) -> Path:
    """Write a COG under a temporary name and move it into place.

    Args:
        path: the file to write; an older one is replaced.
        raster: values, grid, no-data value, names of the bands and scale of the counts.
        colormap: {value: (red, green, blue[, alpha])} of a one-band uint8 raster of classes.
        tags: metadata of the file.
        mask: (y, x), true where the raster holds a value, for rasters with no value to spare.
        unit: of the values of every band, such as m.

    Returns:
        The path written.
    """
    profile = _profile(raster)
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        warnings.catch_warnings(),
        _beside(Path(path), raster.values.nbytes) as source,
    ):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(source, "w", **profile) as dataset:
            for top in range(0, raster.values.shape[1], _ROWS):
                rows = np.asarray(raster.values[:, top : top + _ROWS])
                dataset.write(rows, window=Window(0, top, rows.shape[2], rows.shape[1]))
            dataset.update_tags(**dict(tags or {}))
            for number, name in enumerate(raster.bands, start=1):
                dataset.set_band_description(number, name)
                if unit is not None:
                    dataset.set_band_unit(number, unit)
            if raster.scale is not None:
                dataset.scales = (raster.scale,) * raster.values.shape[0]
            if set(raster.bands) >= _RGB:
                dataset.colorinterp = [_colour(name) for name in raster.bands]
            if colormap is not None:
                dataset.write_colormap(1, dict(colormap))
            if mask is not None:
                dataset.write_mask(mask.astype(bool))
        classes = colormap is not None or np.issubdtype(raster.values.dtype, np.integer)
        if raster.values.dtype == np.uint8 and colormap is None:
            classes = raster.nodata is not None
        classes &= not set(raster.bands) >= _RGB
        with rasterio.open(source) as dataset:
            return raster_to_cog(dataset, path, classes=classes)


@contextmanager
def _beside(target: Path, size: int) -> Iterator[str]:
    """Name of a file to gather a raster of `size` bytes in: in memory, or on disk a large one.

    Raises:
        OutputError: the disk has no room for a large one and its COG.
    """
    if size <= _LARGE:
        with MemoryFile(ext=".tif") as memory:
            yield memory.name
        return
    refuse_full(target, 3 * size)  # with its overviews, and GDAL's own while it writes
    file = target.with_name(f".{target.name}.{secrets.token_hex(4)}.source.tif")
    try:
        yield str(file)
    except (RasterioError, OSError) as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(
            f"cannot write {target}: {why_unwritten(error, target.parent)}"
        ) from error
    finally:
        file.unlink(missing_ok=True)


def mosaic_to_cog(
    store: TileStore,
    path: Path | str,
    band: int,
    dress: Dress,
    *,
    classes: bool,
    part: Window | None = None,
) -> Path:
    """Make a COG of one band of a folder of tiles; what is empty takes no space.

    Args:
        store: the tiles.
        path: the file to write.
        band: its place in the tiles, from 0.
        dress: name, no-data value, colours, tags, mask.
        classes: whether values are classes (overviews take the nearest) or amounts (the average).
        part: in pixels of the grid; all of it when None.
    """
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), store.mosaic(band, dress, part) as dataset:
        return raster_to_cog(dataset, path, classes=classes)


def raster_to_cog(dataset: object, path: Path | str, *, classes: bool) -> Path:
    """Copy an open dataset into a COG and move it into place.

    Args:
        dataset: an open rasterio dataset.
        path: the file to write.
        classes: whether values are classes (overviews take the nearest) or amounts (the average).
    """
    target = Path(path)
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part.tif")
    options = {
        "driver": "COG", "compress": "DEFLATE", "predictor": "NO", "blocksize": 512,
        "bigtiff": "IF_SAFER", "sparse_ok": True,
        "overview_resampling": "NEAREST" if classes else "AVERAGE",
    }  # fmt: skip
    try:
        if _bytes(dataset) > _LARGE:
            with rasterio.Env(GDAL_CACHEMAX=BLOCK_CACHE):
                copy_raster(dataset, str(part), **options)
        else:
            # Made in memory: on a full disk GDAL would talk to stderr past every handler of errors.
            with MemoryFile(ext=".tif") as memory:
                copy_raster(dataset, memory.name, **options)
                part.write_bytes(memory.getbuffer())
        part.replace(target)
    except (RasterioError, OSError) as error:
        raise OutputError(
            f"cannot write {target}: {why_unwritten(error, target.parent)}"
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return target


def _bytes(dataset: Any) -> int:
    """Size of the values of an open rasterio dataset."""
    each = sum(np.dtype(name).itemsize for name in dataset.dtypes)
    return int(dataset.width * dataset.height * each)


def _profile(raster: Raster) -> dict[str, object]:
    box: GeoBox = raster.box
    count, rows, cols = raster.values.shape
    return {
        "driver": "GTiff",
        "count": count,
        "height": rows,
        "width": cols,
        "dtype": raster.values.dtype.name,
        "crs": None if box.crs is None else box.crs.to_wkt(),
        "transform": box.affine,
        "nodata": raster.nodata,
        "photometric": "RGB"
        if count in (3, 4) and raster.values.dtype == np.uint8
        else "MINISBLACK",
        "interleave": "pixel",
    }
