"""Writing Cloud Optimized GeoTIFF, whole or not at all."""

from __future__ import annotations

import secrets
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import rasterio
from odc.geo.geobox import GeoBox
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import MemoryFile
from rasterio.shutil import copy as copy_raster

from geomage.errors import OutputError
from geomage.geo.raster import Raster
from geomage.geo.space import why_unwritten

Colormap = Mapping[int, tuple[int, ...]]


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
        raster: values, grid, no-data value and names of the bands.
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
        MemoryFile() as memory,
    ):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with memory.open(**profile) as dataset:
            dataset.write(raster.values)
            dataset.update_tags(**dict(tags or {}))
            for number, name in enumerate(raster.bands, start=1):
                dataset.set_band_description(number, name)
                if unit is not None:
                    dataset.set_band_unit(number, unit)
            if colormap is not None:
                dataset.write_colormap(1, dict(colormap))
            if mask is not None:
                dataset.write_mask(mask.astype(bool))
        classes = colormap is not None or np.issubdtype(raster.values.dtype, np.integer)
        if raster.values.dtype == np.uint8 and colormap is None:
            classes = raster.nodata is not None
        with memory.open() as dataset:
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
    try:
        # Made in memory: on a full disk GDAL would talk to stderr past every handler of errors.
        with MemoryFile(ext=".tif") as memory:
            copy_raster(
                dataset,
                memory.name,
                driver="COG",
                compress="DEFLATE",
                predictor="NO",
                blocksize=512,
                bigtiff="IF_SAFER",
                overview_resampling="NEAREST" if classes else "AVERAGE",
            )
            part.write_bytes(memory.getbuffer())
        part.replace(target)
    except (RasterioError, OSError) as error:
        raise OutputError(
            f"cannot write {target}: {why_unwritten(error, target.parent)}"
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return target


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
