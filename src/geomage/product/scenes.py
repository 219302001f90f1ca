"""Products of many scenes as one: which there are, and the grid that covers them all."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.windows import Window

from geomage.errors import BudgetError, InputError
from geomage.geo import check_raster, footprint, ground_gsd
from geomage.geo.under import whole_shift
from geomage.product.folder import ProductPaths, product_paths

__all__ = ["Scene", "common_grid", "find_scenes"]

_MOST_PX: Final = 2**40  # of the grid over all
_TIMES: Final = 2.0  # by which pixels may be finer or coarser than those of the first product


@dataclass(frozen=True)
class Scene:
    """One product among many."""

    name: str  # of its folder, made unique
    paths: ProductPaths
    box: GeoBox

    def window(self, grid: GeoBox) -> Window:
        """Where it lies on a grid, in whole pixels of the grid."""
        shift = whole_shift(grid, self.box)
        if shift is not None:
            rows, cols = self.box.shape
            return Window(shift[1], shift[0], int(cols), int(rows))
        left, top, right, bottom = _reach(self.box, grid)
        return Window(left, top, right - left, bottom - top)


def find_scenes(folders: Sequence[Path]) -> list[Scene]:
    """Read the headers of products, in the order given.

    Raises:
        InputError: one is no product or not whole, is given twice, has no CRS, or has pixels of
            quite another size than the first.
    """
    if not folders:
        raise InputError("a mosaic needs at least one product folder")
    twice = [path for i, path in enumerate(folders) if path.resolve() in _true(folders[:i])]
    if twice:
        raise InputError(f"{twice[0]} is given twice; name each product once")
    scenes: list[Scene] = []
    for folder in folders:
        paths = product_paths(folder)
        _refuse_changed(paths)
        box = check_raster(paths.rasters["building"]).box
        _refuse_misfit(folder, box, scenes[0].box if scenes else box)
        scenes.append(Scene(_unique(folder, scenes), paths, box))
    return scenes


def common_grid(scenes: Sequence[Scene]) -> GeoBox:
    """The grid of the first scene, carried on over all of them.

    Raises:
        BudgetError: they lie so far apart that it has more than 2^40 pixels.
    """
    first = scenes[0].box
    reach = [_reach(scene.box, first) for scene in scenes]
    left, top = (min(ends[i] for ends in reach) for i in (0, 1))
    right, bottom = (max(ends[i] for ends in reach) for i in (2, 3))
    width, height = right - left, bottom - top
    if width * height > _MOST_PX:
        raise BudgetError(
            f"the products are spread over {width:,} x {height:,} px; make a mosaic of those that "
            "lie together"
        )
    return GeoBox((height, width), first.affine @ Affine.translation(left, top), first.crs)


def _reach(box: GeoBox, grid: GeoBox) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of a grid in whole pixels of another."""
    shift = whole_shift(grid, box)
    if shift is not None:
        rows, cols = (int(size) for size in box.shape)
        return shift[1], shift[0], shift[1] + cols, shift[0] + rows
    corners = footprint(box, str(grid.crs)).exterior.coords
    x, y = zip(*(~grid.affine @ at for at in corners), strict=True)
    ends = (min(x), min(y), -max(x), -max(y))
    left, top, right, bottom = (math.floor(end + 1e-6) for end in ends)
    return left, top, -right, -bottom


def _true(folders: Sequence[Path]) -> set[Path]:
    return {path.resolve() for path in folders}


def _unique(folder: Path, scenes: Sequence[Scene]) -> str:
    """The name of a folder, with a number where another has it already."""
    name = folder.resolve().name
    taken = {scene.name for scene in scenes}
    tries = (name, *(f"{name}-{i}" for i in range(2, len(scenes) + 3)))
    return next(one for one in tries if one not in taken)


def _refuse_misfit(folder: Path, box: GeoBox, first: GeoBox) -> None:
    if box.crs is None:
        raise InputError(
            f"{folder} was mapped from images without CRS, so it has no place among others; "
            "leave it out"
        )
    ratio = ground_gsd(box) / ground_gsd(first)
    if not 1 / _TIMES <= ratio <= _TIMES:
        raise InputError(
            f"{folder} has pixels of {ground_gsd(box):.3g} m and the first product of"
            f" {ground_gsd(first):.3g} m, more than {_TIMES:g} times apart: make a mosaic of each"
        )


def _refuse_changed(paths: ProductPaths) -> None:
    """Raise InputError where a raster is missing or has another size than the manifest lists."""
    listed = _files(paths.manifest)
    for name in [file for file in listed if file.endswith(".tif")]:
        path, stated = paths.folder / name, listed[name]
        size = stated.get("bytes") if isinstance(stated, Mapping) else None
        if not path.is_file() or path.stat().st_size != size:
            raise InputError(
                f"{path} is missing or not the file that manifest.json lists: map the images again"
            )
    if "building" not in paths.rasters:
        raise InputError(f"{paths.folder} is not whole: building.tif is missing")


def _files(manifest: Path) -> Mapping[str, Any]:
    try:
        files = json.loads(manifest.read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{manifest} is damaged ({error}): map the images again") from error
    if not isinstance(files, dict):
        raise InputError(f"{manifest} is damaged: it lists no files; map the images again")
    return files
