"""One map of the products of many scenes: rasters with one pixel order, and a STAC collection.

The order is that of the products as they are named, as with the images of one date: a pixel of a
raster is that of the first product that says something of it there. So it depends on nothing else,
neither on tiles nor on who writes them. Each raster is looked at for itself: where clouds hid the
first scene, damage may come from another one than the building.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import rasterio
from odc.geo.geobox import GeoBox
from rasterio.enums import Resampling
from rasterio.io import DatasetReader
from rasterio.warp import reproject
from rasterio.windows import Window

from geomage.errors import InputError
from geomage.geo import (
    BLOCK_CACHE,
    Dress,
    TileKey,
    TileStore,
    Tiling,
    absent_value,
    decoding,
    fresh_folder,
    is_held,
    mosaic_to_cog,
    open_raster,
    refuse_full,
    true_path,
    warp_crs,
    window_box,
)
from geomage.geo.open import dataset_facts
from geomage.geo.under import whole_shift, window_under
from geomage.mapping import palette
from geomage.product.mapped import RASTERS
from geomage.product.scenes import Scene, common_grid, find_scenes
from geomage.product.scenes_stac import write_scenes

__all__ = ["RULE", "write_mosaic"]

RULE: Final = "each pixel is that of the first product, in this order, that has a value there"
_SIDE: Final = 2048  # px of a tile
_PROBABILITY: Final = {"unit": "probability * 255"}
_UNSEEN: Final = 255


@dataclass(frozen=True)
class _Kind:
    """How a raster says that it has no value somewhere."""

    dress: Dress
    fill: int
    classes: bool = True

    @property
    def bands(self) -> tuple[str, ...]:
        """Of the tiles: values, and where there are any if no value is to spare."""
        return (self.dress.name,) if self.dress.mask is None else (self.dress.name, "mask")


_KINDS: Final = {
    "building": _Kind(Dress("building", tags=_PROBABILITY, mask=2), 0, classes=False),
    "landcover": _Kind(Dress("landcover", 0, palette.LANDCOVER), 0),
    "damage": _Kind(Dress("damage", _UNSEEN, palette.DAMAGE), _UNSEEN),
    "flood": _Kind(Dress("flood", _UNSEEN, palette.FLOOD), _UNSEEN),
    "burnt": _Kind(Dress("burnt", _UNSEEN, palette.BURNT), _UNSEEN),
    "change": _Kind(
        Dress("change", _UNSEEN, tags={"unit": "probability * 255, 254 at most"}), _UNSEEN
    ),
}


def write_mosaic(products: Sequence[Path], out: Path, *, overwrite: bool = False) -> Path:
    """Write a mosaic folder, whole or not at all: COGs over all products, and their collection.

    The grid is that of the first product; products on another grid or in another CRS are brought
    to it by the nearest pixel. Memory does not grow with the size; it was not measured.

    Args:
        products: product folders, the one on top first.
        out: the folder to make.
        overwrite: replace a mosaic that stands there.

    Returns:
        The collection.

    Raises:
        InputError: see `find_scenes`.
        BudgetError: see `common_grid`.
        OutputError: the folder exists, holds a product, or cannot be written.
    """
    scenes = find_scenes(products)
    _refuse_within(out, scenes)
    tiling = Tiling(common_grid(scenes), _SIDE)
    names = [name for name in RASTERS if any(name in scene.paths.rasters for scene in scenes)]
    refuse_full(out, 2 * sum(p.stat().st_size for s in scenes for p in s.paths.rasters.values()))
    with (
        fresh_folder(out, overwrite=overwrite) as folder,
        rasterio.Env(GDAL_CACHEMAX=BLOCK_CACHE),
    ):
        for name in names:
            kind = _KINDS[name]
            store = TileStore(folder / "tiles", tiling, kind.bands, fill=kind.fill)
            _fill(store, [scene for scene in scenes if name in scene.paths.rasters], name)
            path = folder / f"{name}.tif"
            mosaic_to_cog(store, path, 0, kind.dress, classes=kind.classes)
            shutil.rmtree(store.folder, ignore_errors=True)
        write_scenes(folder, out.absolute(), scenes, tiling.box, names, RULE)
    return out / "collection.json"


def _refuse_within(out: Path, scenes: Sequence[Scene]) -> None:
    target = true_path(out)
    for scene in scenes:
        own = true_path(scene.paths.folder)
        if target == own or target in own.parents or own in target.parents:
            raise InputError(
                f"the mosaic {out} and the product {scene.paths.folder} lie within each other; "
                "choose another output"
            )


def _fill(store: TileStore, scenes: Sequence[Scene], name: str) -> None:
    """Write the tiles that products reach, row by row: only those of a row are open at once."""
    tiling = store.tiling
    places = [scene.window(tiling.box) for scene in scenes]
    over = [set(tiling.over(place)) for place in places]
    for row in sorted({key.row for keys in over for key in keys}):
        with ExitStack() as stack:
            opened = [
                (stack.enter_context(_layer(scene, name, tiling.box)), keys)
                for scene, keys in zip(scenes, over, strict=True)
                if any(key.row == row for key in keys)
            ]
            for key in sorted({key for _, keys in opened for key in keys if key.row == row}):
                store.write(key, compose(store, key, [one for one, keys in opened if key in keys]))


def compose(store: TileStore, key: TileKey, layers: Sequence[_Layer]) -> np.ndarray:
    """(band, y, x) of one tile: the first layer that has a value wins, pixel by pixel."""
    core = store.tiling.core(key)
    out = np.full((int(core.height), int(core.width)), store.fill, "uint8")
    free = np.ones(out.shape, bool)
    for layer in layers:
        values, seen = layer.read(core)
        new = free & seen
        out[new] = values[new]
        free &= ~new
        if not free.any():
            break
    return out[None] if len(store.bands) == 1 else np.stack([out, ~free * np.uint8(255)])


@dataclass(frozen=True)
class _Layer:
    """One raster of one product, open, and the grid it goes to."""

    dataset: DatasetReader
    own: GeoBox
    grid: GeoBox
    kind: _Kind

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """(y, x) values on a window of the grid, and where there are any."""
        part = window_box(self.grid, window)
        values = np.full(tuple(part.shape), self.kind.fill, "uint8")
        seen = np.zeros(values.shape, "uint8")
        source = window_under(self.own, part)
        if source is None:
            return values, seen > 0
        found, held = self._stored(source)
        shift = whole_shift(part, window_box(self.own, source))
        if shift is not None:
            _paste(found, values, shift)
            _paste(held, seen, shift)
        elif held.any():
            _bring(found, values, window_box(self.own, source), part)
            _bring(held, seen, window_box(self.own, source), part)
        return values, seen > 0

    def _stored(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """Values and, not 0, where there are any, of a window of the raster itself."""
        shape = (int(window.height), int(window.width))
        with decoding(self.dataset.name):
            if is_held(self.dataset, window):
                values = self.dataset.read(1, window=window)
            else:
                values = np.full(shape, absent_value(self.dataset), "uint8")
            if self.kind.dress.mask is not None:
                return values, self.dataset.read_masks(1, window=window)
        return values, (values != self.kind.fill).astype("uint8")


def _paste(values: np.ndarray, out: np.ndarray, shift: tuple[int, int]) -> None:
    """Lay an array on another, so many rows and columns from its corner; what sticks out is cut."""
    here, there = [], []
    for size, room, start in zip(values.shape, out.shape, shift, strict=True):
        first, last = max(0, start), min(room, start + size)
        here.append(slice(first, max(first, last)))
        there.append(slice(first - start, max(first, last) - start))
    out[tuple(here)] = values[tuple(there)]


def _bring(values: np.ndarray, out: np.ndarray, own: GeoBox, part: GeoBox) -> None:
    """The nearest pixel, where there is one."""
    reproject(
        values, out, resampling=Resampling.nearest, init_dest_nodata=False, tolerance=0,
        src_crs=warp_crs(own), src_transform=own.affine,
        dst_crs=warp_crs(part), dst_transform=part.affine,
    )  # fmt: skip


@contextmanager
def _layer(scene: Scene, name: str, grid: GeoBox) -> Iterator[_Layer]:
    path = scene.paths.rasters[name]
    with open_raster(path) as dataset:
        facts = dataset_facts(dataset)
        if facts.box != scene.box or (facts.count, facts.dtype) != (1, "uint8"):
            raise InputError(
                f"{path} is no uint8 raster of one band on the grid of its product: map the images "
                "again"
            )
        yield _Layer(dataset, scene.box, grid, _KINDS[name])
