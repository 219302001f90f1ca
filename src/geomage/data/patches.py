"""Where patches come from: rasters of one place whose grids nest, each cut at its own resolution.

Positions are counted in pixels of the finest raster, from the upper left corner of the area that
all rasters share. A raster *k* times coarser gives patches of a *k*-th of the side, as with the
several sources of OTBTF's PatchesExtraction; patches lie where every raster has a whole pixel, that
is at multiples of `PatchSource.step`. Only headers are read here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from geomage.errors import InputError, near_names
from geomage.geo import RasterFacts, open_raster
from geomage.geo.open import dataset_facts

__all__ = ["RESERVED", "PatchLayer", "PatchSource", "Window", "patch_source"]

RESERVED = ("place", "aim")  # what a patch says of itself, beside its layers
_OFF = 1e-3  # of a pixel, by which grids that nest may seem not to


@dataclass(frozen=True)
class Window:
    """Pixels of the finest raster of a source: first row and column, rows and columns."""

    row: int
    col: int
    rows: int
    cols: int


@dataclass(frozen=True)
class PatchLayer:
    """One raster of a source.

    name: what its pixels are called in a patch; label: (y, x) classes instead of (band, y, x).
    factor: pixels of the finest raster along one of its own.
    row, col: its pixel in the upper left corner of the source.
    block: rows and columns that are stored, and so read, together.
    """

    name: str
    path: Path
    label: bool
    factor: int
    row: int
    col: int
    count: int
    dtype: str
    nodata: float | None
    block: tuple[int, int]

    def own(self, window: Window) -> Window:
        """The same place in pixels of this raster."""
        k = self.factor
        return Window(
            window.row // k + self.row,
            window.col // k + self.col,
            window.rows // k,
            window.cols // k,
        )

    def shape(self, size: int) -> tuple[int, ...]:
        """Shape of its part of a patch of `size` pixels of the finest raster."""
        side = size // self.factor
        return (side, side) if self.label else (self.count, side, side)


@dataclass(frozen=True)
class PatchSource:
    """Rasters of one place: `box` is the area that all share, on the grid of the finest."""

    layers: tuple[PatchLayer, ...]
    box: GeoBox

    @property
    def shape(self) -> tuple[int, int]:
        """(y, x) pixels of the finest raster."""
        return (int(self.box.shape[0]), int(self.box.shape[1]))

    @property
    def step(self) -> int:
        """Pixels of the finest raster along one of the coarsest: patches begin at multiples."""
        return max(layer.factor for layer in self.layers)

    def label(self, name: str) -> PatchLayer:
        """The label raster of a name; any other name raises InputError."""
        labels = {layer.name: layer for layer in self.layers if layer.label}
        if name not in labels:
            known = f"none of {', '.join(labels)}" if labels else "not there: the source has none"
            raise InputError(f"label {name!r} is {known}{near_names(name, labels)}")
        return labels[name]


def patch_source(
    images: Mapping[str, Path | str], labels: Mapping[str, Path | str] | None = None
) -> PatchSource:
    """Describe rasters of one place.

    Args:
        images: file by name, such as before and after, or several sensors of different GSD.
        labels: file by name; one band of classes each.

    Raises:
        InputError: a file that cannot be read, a name taken twice, a label of several bands, grids
            that do not nest, or no area in common.
    """
    labels = labels or {}
    files = {**images, **labels}
    if not images:
        raise InputError("patches need at least one image")
    twice = [name for name in files if name in RESERVED or (name in images and name in labels)]
    if twice:
        raise InputError(f"layer {twice[0]!r}: that name is taken; choose another")
    seen = {name: _seen(path) for name, path in files.items()}
    for name in labels:
        if seen[name][0].count != 1:
            raise InputError(
                f"label {name!r}: {files[name]} has {seen[name][0].count} bands, not 1"
            )
    facts = {name: found for name, (found, _) in seen.items()}
    base = min(facts.values(), key=lambda one: abs(one.box.affine.determinant))
    nests = {name: _nest(base, found) for name, found in facts.items()}
    top, left, rows, cols = _shared(facts, nests)
    layers = tuple(
        PatchLayer(
            name=name, path=facts[name].path, label=name in labels, factor=k,
            row=(top - row) // k, col=(left - col) // k, count=facts[name].count,
            dtype=facts[name].dtype, nodata=facts[name].nodata, block=seen[name][1],
        )
        for name, (k, row, col) in nests.items()
    )  # fmt: skip
    affine = base.box.affine @ Affine.translation(left, top)
    return PatchSource(layers, GeoBox((rows, cols), affine, base.box.crs))


def _seen(path: Path | str) -> tuple[RasterFacts, tuple[int, int]]:
    """Header of a raster and its (y, x) block."""
    with open_raster(path) as dataset:
        facts = dataset_facts(dataset)
        if np.dtype(facts.dtype).kind not in "uif" or len(set(dataset.dtypes)) > 1:
            raise InputError(f"{path} holds {', '.join(set(dataset.dtypes))}: patches need one "
                             "type of real numbers")  # fmt: skip
        rows, cols = dataset.block_shapes[0]
        return facts, (int(rows), int(cols))


def _nest(base: RasterFacts, other: RasterFacts) -> tuple[int, int, int]:
    """(factor, row, col) of a raster in pixels of the finest one.

    Raises:
        InputError: its pixels are not whole squares of the finest one's.
    """
    if base.box.crs != other.box.crs:
        raise InputError(
            f"{base.path} and {other.path} differ in CRS: bring both to one (gdalwarp)"
        )
    a, b, col, d, e, row = (~base.box.affine @ other.box.affine)[:6]
    k = round(a)
    drift = max(other.shape) * max(abs(a - k), abs(e - k), abs(b), abs(d))
    offs = (abs(col - round(col)), abs(row - round(row)), drift)
    if k < 1 or max(offs) > _OFF * max(1, k):
        raise InputError(
            f"{other.path} does not nest in the grid of {base.path}: its pixels are {a:.6g} x "
            f"{e:.6g} of the finest, {col:.6g} across and {row:.6g} down; bring it to that grid "
            "(gdalwarp -tap)"
        )
    return k, round(row), round(col)


def _shared(
    facts: Mapping[str, RasterFacts], nests: Mapping[str, tuple[int, int, int]]
) -> tuple[int, int, int, int]:
    """(top, left, rows, cols) that all share, in whole pixels of the coarsest raster."""
    coarsest = max(nests, key=lambda name: nests[name][0])
    step, phase_row, phase_col = nests[coarsest]
    for name, (k, row, col) in nests.items():
        if step % k or (phase_row - row) % k or (phase_col - col) % k:
            raise InputError(
                f"{facts[name].path} and {facts[coarsest].path} do not nest: pixels of the one do "
                "not end where pixels of the other end; bring them to one grid (gdalwarp -tap)"
            )
    ends = [(row + k * facts[n].shape[0], col + k * facts[n].shape[1])
            for n, (k, row, col) in nests.items()]  # fmt: skip
    top = _up(max(row for _, row, _ in nests.values()), phase_row, step)
    left = _up(max(col for _, _, col in nests.values()), phase_col, step)
    rows = (min(end for end, _ in ends) - top) // step * step
    cols = (min(end for _, end in ends) - left) // step * step
    if rows <= 0 or cols <= 0:
        raise InputError(f"{', '.join(str(f.path) for f in facts.values())} share no area")
    return top, left, rows, cols


def _up(value: int, phase: int, step: int) -> int:
    """The first number from `value` on that is `phase` plus a multiple of `step`."""
    return value + (phase - value) % step
