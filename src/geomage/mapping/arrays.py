"""Images as xarray holds them: which bands, on which grid, where they hold data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.windows import Window

from geomage.errors import InputError
from geomage.geo import ground_gsd, is_earthly, pixel_box
from geomage.mapping.plan import COARSE
from geomage.mapping.stretch import holds_values
from geomage.model import ModelCard

__all__ = ["Photo", "common_grid", "is_valid", "look_at"]

_BAND_DIMS = ("band", "bands", "variable")
_COLOURS = ("red", "green", "blue")
_NEAR = 0.01  # px, by which corners of equal grids may differ, read from coordinates as they are

_UNEVEN = 0.1  # px, by which a coordinate may lie off the grid, as single precision makes it


@dataclass(frozen=True)
class Photo:
    """One date: an array, and how to read it."""

    name: str
    """What the caller calls it."""
    image: xr.DataArray
    """(band, y, x)."""
    bands: tuple[int, ...]
    """Places of red, green and blue, and of alpha where there is one."""
    nodata: float | None

    @property
    def shape(self) -> tuple[int, int]:
        """(y, x) pixels."""
        return (int(self.image.shape[1]), int(self.image.shape[2]))

    @property
    def mapping(self) -> str | None:
        """Name of the coordinate that states the CRS."""
        place = self.image.odc.crs_coord
        return None if place is None else str(place.name)

    def read(self, rows: slice, cols: slice) -> np.ndarray:
        """Values (band, y, x) of `bands`; of a file that is opened lazily, only what is needed."""
        return np.asarray(self.image.variable[list(self.bands), rows, cols].values)

    def read_window(self, window: Window) -> np.ndarray:
        """Read a window of the grid."""
        rows, cols = window.toslices()
        return self.read(rows, cols)


def look_at(name: str, image: Any) -> Photo:
    """Check that an array is an image.

    Args:
        name: what to call it when something is wrong.
        image: the array, or a Dataset whose variables are the bands.

    Raises:
        InputError: other dimensions than (band, y, x), no red, green and blue, numbers of no use.
    """
    import odc.geo.xr  # noqa: F401, PLC0415 -- a second, and it registers `.odc`

    if isinstance(image, xr.Dataset):
        image = _stacked(name, image)
    if not isinstance(image, xr.DataArray):
        raise InputError(f"{name} is of type {type(image).__name__}, not an xarray.DataArray")
    _refuse_dims(name, image)
    if image.dtype.kind not in "uif":
        raise InputError(f"{name} holds {image.dtype}; integers or real numbers are needed")
    return Photo(name, image, _bands(name, image), _nodata(name, image))


def is_valid(values: np.ndarray, nodata: float | None) -> np.ndarray:
    """(y, x) bool: where an image holds data.

    Nothing but no-data values in red, green and blue is no data, and so is a number in one of
    them that no sensor measures (NaN, say), and an alpha of 0.

    Args:
        values: (band, y, x) of red, green, blue, and alpha where there is one.
        nodata: what stands for no data.
    """
    valid = holds_values(values[:3])
    if nodata is not None:
        valid &= (values[:3] != nodata).any(axis=0)
    if len(values) > 3:
        valid &= values[3] > 0
    return np.asarray(valid)


def common_grid(photos: Sequence[Photo], gsd: float | None, card: ModelCard) -> GeoBox:
    """The grid of all dates, which the model can see as it is.

    Args:
        photos: the dates.
        gsd: side of a pixel in metres, of arrays without CRS.
        card: of the model.

    Raises:
        InputError: no CRS and no `gsd`; grids that differ, are turned or upside down, or have
            pixels that the model does not know. Says how to bring the array to what is needed.
    """
    boxes = [_grid(photo, gsd) for photo in photos]
    _refuse_grid(photos[0].name, boxes[0], card)
    for photo, box in zip(photos[1:], boxes[1:], strict=True):
        _refuse_other(photos[0].name, boxes[0], photo.name, box)
    return boxes[0]


def _stacked(name: str, dataset: xr.Dataset) -> xr.DataArray:
    """Variables red, green, blue, and alpha where there is one, as bands of one array."""
    missing = [colour for colour in _COLOURS if colour not in dataset]
    if missing:
        there = ", ".join(map(str, dataset.data_vars))
        raise InputError(
            f"{name} has the variables {there}, but no {' and no '.join(missing)}: "
            f'{name}.rename(...="{missing[0]}")'
        )
    stated = {_nodata(name, dataset[colour]) for colour in _COLOURS}
    if len(stated) > 1:
        raise InputError(f"{name} has several no-data values, {stated}: give its bands one")
    alpha = ["alpha"] if "alpha" in dataset else []
    image = dataset[[*_COLOURS, *alpha]].to_dataarray("band")
    return image.assign_attrs(nodata=stated.pop())


def _refuse_dims(name: str, image: xr.DataArray) -> None:
    dims = tuple(map(str, image.dims))
    said = f"{name} has the dimensions ({', '.join(dims)})"
    if "time" in dims:
        raise InputError(f"{said}: choose one date, {name}.isel(time=0)")
    sides = image.odc.spatial_dims
    if len(dims) == 3 and sides in {dims[:2], (dims[0], dims[2])}:
        rest = next(dim for dim in dims if dim not in sides)
        order = ", ".join(f'"{dim}"' for dim in (rest, *sides))
        raise InputError(f"{said}, not (band, y, x): {name}.transpose({order})")
    if len(dims) != 3 or sides != dims[1:] or dims[0] not in _BAND_DIMS:
        raise InputError(f'{said}, not (band, y, x): {name}.rename(...="band", ...="y", ...="x")')
    if 0 in image.shape:
        raise InputError(f"{name} has no pixels: its shape is {image.shape}")


def _bands(name: str, image: xr.DataArray) -> tuple[int, ...]:
    """Places of red, green, blue and alpha: by name, or the first three where none has such."""
    names = _band_names(image)
    usable = [place for place, one in enumerate(names) if one != "alpha"]
    if any(colour in names for colour in _COLOURS):
        missing = [colour for colour in _COLOURS if colour not in names]
        if missing:
            raise InputError(
                f"{name} has the bands {', '.join(names)}, but no {' and no '.join(missing)}"
            )
        usable = [names.index(colour) for colour in _COLOURS]
    if len(usable) < 3:
        raise InputError(
            f"{name} has {len(usable)} band{'s' * (len(usable) != 1)} of values; "
            "red, green and blue are needed"
        )
    alpha = [names.index("alpha")] if "alpha" in names else []
    return (*usable[:3], *alpha)


def _band_names(image: xr.DataArray) -> list[str]:
    """Names of bands in small letters: their coordinate, or as rioxarray keeps those of a file."""
    dim, count = image.dims[0], image.shape[0]
    if dim in image.coords and image.coords[dim].dtype.kind in "OUT":
        return [str(one).lower() for one in image.coords[dim].values]
    names = image.attrs.get("long_name")
    if isinstance(names, list | tuple) and len(names) == count:
        return [str(one).lower() for one in names]
    return [""] * count


def _nodata(name: str, image: xr.DataArray) -> float | None:
    """What stands for no data; what was already made NaN on reading is no more in `attrs`."""
    for key in ("nodata", "_FillValue", "missing_value"):
        value = image.attrs.get(key)
        if value is not None:
            try:
                return float(value)
            except (TypeError, ValueError) as error:
                raise InputError(f"{name}: its no-data value {value!r} is no number") from error
    return None


def _grid(photo: Photo, gsd: float | None) -> GeoBox:
    """The grid of an array; of one without CRS, by its shape and the size of its pixels."""
    name, place = photo.name, photo.image.odc
    if place.crs is None:
        if gsd is None:
            raise InputError(
                f"{name} has no CRS: state it, {name}.odc.assign_crs('EPSG:...'), or the side of "
                "its pixels in metres, gsd=..."
            )
        if not 0 < gsd < 1e4:
            raise InputError(f"gsd={gsd:g} is not a size of pixels in metres")
        return pixel_box(photo.shape, gsd)
    if not is_earthly(place.crs):
        raise InputError(f"{name} has a CRS that is neither projected nor geographic on the earth")
    if not isinstance(place.geobox, GeoBox) or not _is_even(photo.image, place.geobox):
        raise InputError(
            f"{name} has no grid: its {photo.image.dims[1]} and {photo.image.dims[2]} coordinates "
            "are missing, of one pixel only, or not evenly spaced"
        )
    return place.geobox


def _is_even(image: xr.DataArray, box: GeoBox) -> bool:
    """Whether the coordinates are those of the grid; the grid is read from their ends."""
    a, b, c, d, e, f = box.affine[:6]
    if not b == d == 0:
        return True  # coordinates of turned grids count pixels
    lines = ((image.dims[1], f, e), (image.dims[2], c, a))
    return all(
        np.abs((image.coords[dim].values - start) / step - np.arange(image.sizes[dim]) - 0.5).max()
        < _UNEVEN
        for dim, start, step in lines
        if dim in image.coords
    )


def _refuse_grid(name: str, box: GeoBox, card: ModelCard) -> None:
    """Raise InputError where the model cannot see the pixels as they are."""
    a, b, _, d, e, _ = box.affine[:6]
    if b == d == 0 and a > 0 and e > 0:
        raise InputError(
            f"{name} runs from south to north: turn it over, {name}.isel(y=slice(None, None, -1))"
        )
    gsd = ground_gsd(box)
    if gsd > COARSE * card.gsd_max:
        raise InputError(
            f"{name} has pixels of {gsd:.2f} m; the model {card.name} sees buildings at "
            f"{card.gsd_min:g} to {card.gsd_max:g} m: too coarse, nothing would be mapped"
        )
    known = card.gsd_min * 0.999 <= gsd <= card.gsd_max * 1.001
    turned = not (b == d == 0 and a > 0)
    degrees = box.crs is not None and box.crs.geographic
    if degrees:
        fault = "is in degrees, the model sees metres"
    elif turned:
        fault = "is turned, north is not up"
    elif abs(a + e) >= 0.02 * a:
        fault = f"has pixels of {a:g} x {-e:g}, not square ones"
    elif not known:
        fault = (
            f"has pixels of {gsd:.3g} m, outside of {card.gsd_min:g} to {card.gsd_max:g} m, what "
            f"the model {card.name} knows"
        )
    else:
        return
    raise InputError(f"{name} {fault}: {_remedy(name, box, card, gsd if known else card.gsd)}")


def _remedy(name: str, box: GeoBox, card: ModelCard, aim: float) -> str:
    """How to bring an array to square pixels of `aim` metres."""
    gsd = ground_gsd(box)
    if box.crs is None:
        return f"bring it to pixels of {card.gsd:g} m, and state that with gsd="
    if box.crs.geographic:
        crs, step = "utm", aim
    else:
        a, _, _, d, _, _ = box.affine[:6]
        crs, step = f"EPSG:{box.crs.epsg}" if box.crs.epsg else "utm", aim * np.hypot(a, d) / gsd
    how = "average" if aim > gsd else "cubic"
    return f'{name}.odc.reproject("{crs}", resolution={step:.4g}, resampling="{how}")'


def _refuse_other(name: str, box: GeoBox, other: str, second: GeoBox) -> None:
    """Raise InputError where the second date has other pixels than the first."""
    if (box.crs is None) != (second.crs is None):
        with_crs, without = (name, other) if second.crs is None else (other, name)
        raise InputError(f"{with_crs} has a CRS, {without} has none: they cannot be laid together")
    same = box.crs == second.crs and box.shape == second.shape
    if same and _corners_apart(box, second.affine) <= _NEAR:
        return
    if box.crs is None:
        sizes = [f"{shape[1]} x {shape[0]} px" for shape in (box.shape, second.shape)]
        raise InputError(
            f"{name} is {sizes[0]} and {other} {sizes[1]}: arrays without CRS must have one size"
        )
    raise InputError(
        f"{other} is not on the grid of {name}: "
        f'{other}.odc.reproject({name}.odc.geobox, resampling="cubic")'
    )


def _corners_apart(box: GeoBox, other: Affine) -> float:
    """Largest distance of equal corners, in pixels."""
    rows, cols = map(int, box.shape)
    corners = np.array([(0, 0, 1), (cols, 0, 1), (0, rows, 1), (cols, rows, 1)], "float64")
    moved = ~box.affine @ other
    there = corners @ np.array([[moved.a, moved.d], [moved.b, moved.e], [moved.c, moved.f]])
    return float(np.abs(there - corners[:, :2]).max())
