"""Where the samples of a dataset lie: on disk, and on the ground.

No place on Earth is meant: samples lie side by side on a lattice in the towns' own UTM zone, each
in a cell of its own, so that software which looks for what overlaps finds nothing twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from pathlib import Path

from affine import Affine
from odc.geo.geobox import GeoBox

from geomage.data.recipe import DatasetRecipe
from geomage.sensor import sensor
from geomage.world.site import Site

__all__ = ["SPLITS", "Layout", "key_of", "split_of"]

SPLITS = ("train", "val", "test")
_GROUP = 1000  # samples in a folder of sample folders
_WEST_M, _EAST_M = 200_000.0, 800_000.0  # of the zone, metres: what lies well within it
_SOUTH_M, _NORTH_M = 1_000_000.0, 9_000_000.0
_STEP_M = 10.0  # cells begin at multiples of this


def key_of(index: int) -> str:
    """The name of a sample."""
    return f"{index:07d}"


def split_of(index: int) -> str:
    """Eight of ten samples train, one validates, one tests; no two share a town."""
    return {8: "val", 9: "test"}.get(index % 10, "train")


@dataclass(frozen=True)
class Layout:
    """The places of a dataset's files, and of its samples."""

    folder: Path
    recipe: DatasetRecipe

    def sample(self, index: int) -> Path:
        """The folder of a sample's COGs."""
        return self.group(index) / key_of(index)

    def group(self, index: int) -> Path:
        """The folder of a thousand samples, which is a STAC catalog."""
        return self.folder / "samples" / f"{index // _GROUP:04d}"

    def part(self, index: int) -> Path:
        """Where a sample waits for its shard to fill."""
        return self.folder / "parts" / f"{key_of(index)}.part"

    def block(self, index: int) -> int:
        """The shard a sample belongs to."""
        return index // self.recipe.shard_samples

    def blocks(self, count: int) -> dict[int, range]:
        """The samples of every shard."""
        many = self.recipe.shard_samples
        starts = range(0, count, many)
        return {self.block(i): range(i, min(i + many, count)) for i in starts}

    def shard(self, block: int) -> Path:
        """The file of a shard."""
        return self.folder / "shards" / f"{self.recipe.name}-{block:05d}.tar"

    def box(self, index: int, gsd: float) -> GeoBox:
        """The grid of a sample, in the upper left of its cell of the lattice."""
        cell = self._cell_m()
        columns, rows = int((_EAST_M - _WEST_M) // cell), int((_NORTH_M - _SOUTH_M) // cell)
        row, column = divmod(index % (columns * rows), columns)
        west, north = _WEST_M + column * cell, _SOUTH_M + (row + 1) * cell
        side = self.recipe.stream.size_px
        return GeoBox((side, side), Affine(gsd, 0, west, 0, -gsd, north), Site().crs)

    def _cell_m(self) -> float:
        stream = self.recipe.stream
        widest = max((sensor(n).gsd for n in stream.sensors), default=stream.gsd_m[1])
        return (ceil(stream.size_px * widest / _STEP_M) + 1) * _STEP_M
