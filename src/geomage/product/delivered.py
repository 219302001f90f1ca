"""A product folder read back window by window, each piece checked: a damaged one has no score."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from geopandas import GeoDataFrame
from odc.geo.geobox import GeoBox
from rasterio.io import DatasetReader
from rasterio.windows import Window

from geomage.errors import InputError
from geomage.geo import (
    absent_value,
    check_raster,
    decoding,
    is_held,
    open_raster,
    read_vectors,
)
from geomage.product.folder import ProductPaths, product_paths, sha256_of
from geomage.product.grading import WORDS

__all__ = ["NOT_ANALYSED_PX", "Delivered", "listed_files", "open_delivered"]

NOT_ANALYSED_PX: Final = 255
_GRADES: Final = (0, 1, 2, 3, 4, NOT_ANALYSED_PX)
_THRESHOLD: Final = 0.5  # of building probability, where the product does not state one
_AGAIN: Final = "map the images again"


@dataclass(frozen=True)
class Delivered:
    """What a product says, for as long as its rasters are open."""

    box: GeoBox
    buildings: GeoDataFrame  # polygons in the CRS of the grid, `damage_gra` of `WORDS`
    rasters: Mapping[str, DatasetReader]  # building, and damage where there are two dates
    threshold: float  # of `building`, 0 to 255

    @property
    def two_dates(self) -> bool:
        """Whether it speaks of damage."""
        return "damage" in self.rasters

    def holds(self, window: Window) -> bool:
        """Whether the files hold anything of a window; else they say the same of all of it."""
        return any(is_held(dataset, window) for dataset in self.rasters.values())

    def built(self, window: Window) -> np.ndarray:
        """(y, x) bool: mapped as building."""
        return self._values("building", window) >= self.threshold

    def damage(self, window: Window) -> np.ndarray:
        """(y, x) uint8 of `_GRADES`.

        Raises:
            InputError: it holds something else.
        """
        values = self._values("damage", window)
        found = np.flatnonzero(np.bincount(values.ravel(), minlength=256)).tolist()
        odd = sorted({*found} - {*_GRADES})
        if odd:
            name = self.rasters["damage"].name
            raise InputError(f"{name} holds {odd[:8]}, which are no grades; {_AGAIN}")
        return values

    def _values(self, name: str, window: Window) -> np.ndarray:
        dataset = self.rasters[name]
        if not is_held(dataset, window):
            shape = (int(window.height), int(window.width))
            return np.full(shape, absent_value(dataset), np.uint8)
        with decoding(dataset.name):
            return np.asarray(dataset.read(1, window=window))


@contextmanager
def open_delivered(out: Path) -> Iterator[Delivered]:
    """Open the pieces of a product that can be scored.

    Raises:
        InputError: it is none, or a piece is missing, damaged, changed, or not of this product.
    """
    paths = product_paths(out)
    rasters = _listed(paths)
    box = check_raster(rasters["building"]).box
    with ExitStack() as stack:
        opened = {name: _opened(stack, path, box) for name, path in rasters.items()}
        threshold = 255 * _threshold(paths.item)
        yield Delivered(box, _buildings(paths, box), opened, threshold)


def listed_files(paths: ProductPaths, names: Sequence[str]) -> dict[str, Path]:
    """The files of these names that the manifest lists, each as it was when the product was made.

    Raises:
        InputError: one of them is missing, damaged or changed, which is named.
    """
    files = _record(paths.manifest).get("files")
    if not isinstance(files, dict):
        raise InputError(f"{paths.manifest} is damaged: it lists no files; {_AGAIN}")
    found = {}
    for name in names:
        path, stated = paths.folder / name, files.get(name)
        if stated is None:
            continue
        if not path.is_file():
            raise InputError(f"{paths.folder} is not whole: {name} is missing; {_AGAIN}")
        if not isinstance(stated, dict) or sha256_of(path) != stated.get("sha256"):
            raise InputError(
                f"{path} is not the file that {paths.manifest.name} lists: it was damaged or "
                f"changed; {_AGAIN}"
            )
        found[name] = path
    return found


def _listed(paths: ProductPaths) -> dict[str, Path]:
    """The rasters that can be scored, by name."""
    found = listed_files(paths, ("building.tif", "damage.tif"))
    if "building.tif" not in found:
        raise InputError(
            f"{paths.folder / 'building.tif'} is not the file that {paths.manifest.name} lists: it "
            f"was damaged or changed; {_AGAIN}"
        )
    return {name.removesuffix(".tif"): path for name, path in found.items()}


def _opened(stack: ExitStack, path: Path, box: GeoBox) -> DatasetReader:
    """One raster on the grid of the product, until the stack unwinds."""
    facts = check_raster(path)
    if facts.count != 1 or facts.dtype != "uint8":
        raise InputError(
            f"{path} has {facts.count} band(s) of {facts.dtype}, not one of uint8; {_AGAIN}"
        )
    if facts.box != box:
        raise InputError(f"{path} lies on another grid than the rest of the product; {_AGAIN}")
    return stack.enter_context(open_raster(path))


def _threshold(item: Path) -> float:
    """Probability from which the model calls a pixel building, as the product states it."""
    card: Any = _record(item)
    for key in ("properties", "geomage:parameters", "model"):
        card = card.get(key) if isinstance(card, dict) else None
    stated = card.get("building_threshold") if isinstance(card, dict) else None
    if stated is None:
        return _THRESHOLD
    if type(stated) not in (int, float) or not 0 < stated <= 1:
        raise InputError(f"{item} is damaged: building_threshold is {stated!r}; {_AGAIN}")
    return float(stated)


def _buildings(paths: ProductPaths, box: GeoBox) -> GeoDataFrame:
    path = paths.vectors
    shapes = read_vectors(path, "builtUpA")
    if not isinstance(shapes, GeoDataFrame) or "damage_gra" not in shapes:
        raise InputError(f"{path}: the layer builtUpA lacks damage_gra or its shapes; {_AGAIN}")
    odd = sorted({str(word) for word in shapes["damage_gra"]} - {*WORDS})
    if odd:
        raise InputError(f"{path}: damage_gra of builtUpA holds {', '.join(odd[:4])}; {_AGAIN}")
    shapeless = shapes.geometry.isna() | shapes.geometry.is_empty
    if shapeless.any():
        raise InputError(f"{path}: {int(shapeless.sum())} buildings have no shape; {_AGAIN}")
    if shapes.empty and _mapped(paths.summary):
        raise InputError(f"{path}: the layer builtUpA is empty; {_AGAIN}")
    if (shapes.crs is None) != (box.crs is None):
        raise InputError(f"{path} and the rasters beside it do not share a CRS; {_AGAIN}")
    return shapes if box.crs is None else shapes.to_crs(box.crs.to_wkt())


def _mapped(summary: Path) -> bool:
    """Whether the summary speaks of any building."""
    found = _record(summary).get("buildings")
    return bool(isinstance(found, dict) and found.get("mapped"))


def _record(path: Path) -> Mapping[str, Any]:
    """The JSON object in a file."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}; {_AGAIN}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged: it is not JSON ({error}); {_AGAIN}") from error
    if not isinstance(record, dict):
        raise InputError(f"{path} is damaged: it is no JSON object; {_AGAIN}")
    return record
