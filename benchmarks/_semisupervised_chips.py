"""Chips of the semi-supervised benchmark: simulated pairs, and real images with buildings.

Images are counts after `stretch_counts`, as mapping takes them, over 255. Of each real image the
east three eighths are tested on and the rest is learnt from (of the suburb, whose east holds no
building, the west quarter is tested on), so that no test pixel is ever trained on, labelled or not.
LEVIR has no labels of buildings and is unlabelled throughout.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import rasterio
from PIL import Image
from rasterio import features
from rasterio.enums import Resampling
from rasterio.warp import transform_geom

from geomage.data import StreamParams
from geomage.geo import stretch_counts
from geomage.learn.pool import pair_path, write_pair
from geomage.learn.stream import MarkedPairs

UNKNOWN = 255
CHIP = 128  # pixels, of real images
TOWN = 512  # pixels, of simulated ones
FIRST = 100_000  # index of the first simulated pair, far from those that models are trained on
BUILDING = 8  # land cover
EAST, WEST = 0.625, 0.25  # where the tested part of a real image begins, or ends
BANEPA_GSD = 0.5  # metres, that the drone mosaic of 0.15 m is brought to
SETS = ("banepa", "mexico", "tornado_suburb", "xbd")
COVER = ("bareland", "rangeland", "developed", "road", "tree", "water", "agriculture", "building")


@dataclass(frozen=True)
class Chips:
    """Images of one size, and what they show; 255 where nobody knows."""

    pixels: np.ndarray  # uint8 (chip, 3, y, x)
    labels: np.ndarray  # uint8 (chip, y, x)
    sets: np.ndarray  # name of the set of each

    def __len__(self) -> int:
        return len(self.pixels)

    def of(self, chosen: np.ndarray) -> Chips:
        """Some of them, by number or mask."""
        return Chips(self.pixels[chosen], self.labels[chosen], self.sets[chosen])

    def counts(self, classes: int) -> np.ndarray:
        """Pixels (chip, class)."""
        rows = [np.bincount(chip.ravel(), minlength=256)[:classes] for chip in self.labels]
        return np.stack(rows)


def joined(parts: list[Chips]) -> Chips:
    return Chips(
        np.concatenate([p.pixels for p in parts]),
        np.concatenate([p.labels for p in parts]),
        np.concatenate([p.sets for p in parts]),
    )


# ------------------------------------------------------------------------------ simulated


def simulated(pool: Path, count: int, jobs: int) -> tuple[Chips, Chips]:
    """The first date of `count` pairs, and of a quarter more to test on; land cover 0..7.

    pool: a folder of pairs as `geomage train` keeps them; those that are missing are made.
    """
    indices = range(FIRST, FIRST + count + count // 4)
    fill(pool, indices, jobs)
    stacks = [np.load(pair_path(pool, i), mmap_mode="r") for i in indices]
    labels = np.stack([s[6] for s in stacks]).astype(np.int16) - 1
    labels = np.where(labels < 0, UNKNOWN, labels).astype(np.uint8)
    names = np.full(len(stacks), "simulated")
    every = Chips(np.stack([s[:3] for s in stacks]), labels, names)
    return every.of(np.arange(count)), every.of(np.arange(count, len(stacks)))


def fill(folder: Path, indices: Iterable[int], jobs: int) -> None:
    """Simulate what is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [i for i in indices if not pair_path(folder, i).exists()]
    if missing:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(jobs, context) as workers:
            list(workers.map(partial(_make, folder), missing))


def _make(folder: Path, index: int) -> None:
    write_pair(folder, index, MarkedPairs(StreamParams(size_px=TOWN)).stack(index))


def buildings_alone(chips: Chips) -> Chips:
    """Land cover -> 1 building, 0 anything else."""
    said = (chips.labels == BUILDING - 1).astype(np.uint8)
    return Chips(chips.pixels, np.where(chips.labels == UNKNOWN, UNKNOWN, said), chips.sets)


# ------------------------------------------------------------------------------ real


def real(data: Path, *, stretched: bool = True, date: str = "before") -> tuple[Chips, Chips, Chips]:
    """To learn from with labels, without, and to test on; 1 building before, 0 anything else.

    stretched: counts as mapping takes them, else those of the files.
    date: before or after; Banepa has no second one.
    """
    learnt, tested, bare = [], [], []
    bring = stretch_counts if stretched else np.asarray
    for name, image, label in real_images(data, bring, date):
        for west, chip in _tiles(image, (label > 0).astype(np.uint8)):
            out = is_tested(name, west, image.shape[2])
            (tested if out else learnt).append((name, *chip))
    for path in sorted((data / "change/levir").glob(f"*_{date}.png")):
        image = bring(_png(path)).astype(np.uint8)
        nothing = np.full(image.shape[1:], UNKNOWN, np.uint8)
        bare += [("levir", *chip) for _, chip in _tiles(image, nothing)]
    return _stacked(learnt), _stacked(bare), _stacked(tested)


def is_tested(name: str, west: int, width: int) -> bool:
    """Whether a chip of a set is tested on, by its west edge and the width of its image."""
    middle = (west + CHIP / 2) / width
    return middle < WEST if name == "tornado_suburb" else middle > EAST


def _stacked(rows: list[tuple[str, np.ndarray, np.ndarray]]) -> Chips:
    names, pixels, labels = zip(*rows, strict=True)
    return Chips(np.stack(pixels), np.stack(labels), np.array(names))


def _tiles(
    image: np.ndarray, label: np.ndarray
) -> Iterator[tuple[int, tuple[np.ndarray, np.ndarray]]]:
    """West edge, and image and label, of every whole chip that holds data."""
    for y in range(0, image.shape[1] - CHIP + 1, CHIP):
        for x in range(0, image.shape[2] - CHIP + 1, CHIP):
            square, truth = image[:, y : y + CHIP, x : x + CHIP], label[y : y + CHIP, x : x + CHIP]
            if square.any():
                yield x, (square, np.where(square.any(0), truth, UNKNOWN).astype(np.uint8))


def real_images(
    data: Path, bring: Callable[[np.ndarray], np.ndarray], date: str
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Name of the set, counts (3, y, x), and label (y, x), 0 no building, of every real image."""
    for name, folder in (("xbd", "xbd"), ("mexico", "mexico_2017")):
        for path in sorted((data / "damage" / folder).glob(f"*_{date}.png")):
            label = np.array(Image.open(str(path).replace(f"_{date}", "_damage")))
            yield name, bring(_png(path)).astype(np.uint8), label
    suburb = data / "damage/tornado_suburb"
    with rasterio.open(suburb / f"{date}.tif") as file:
        image = file.read((1, 2, 3))
    with rasterio.open(suburb / "damage.tif") as file:
        label = file.read(1)
    yield "tornado_suburb", bring(image).astype(np.uint8), label
    if date == "before":
        image, label = _banepa(data / "buildings/banepa")
        yield "banepa", bring(image).astype(np.uint8), label


def _png(path: Path) -> np.ndarray:
    return np.moveaxis(np.array(Image.open(path).convert("RGB")), 2, 0)


def _banepa(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """The drone mosaic at 0.5 m, and its OSM buildings."""
    with rasterio.open(folder / "image.tif") as file:
        metres = abs(file.transform.e) * 111_320  # a degree of latitude
        shape = tuple(round(n * metres / BANEPA_GSD) for n in file.shape)
        image = file.read((1, 2, 3), out_shape=(3, *shape), resampling=Resampling.average)
        scale = file.transform.scale(file.width / shape[1], file.height / shape[0])
        crs, grid = file.crs, file.transform * scale
    houses = json.loads((folder / "buildings_osm.geojson").read_text("utf-8"))["features"]
    shapes = transform_geom("OGC:CRS84", crs, [house["geometry"] for house in houses])
    grid = grid if isinstance(grid, rasterio.Affine) else rasterio.Affine(*grid[:6])
    label = features.rasterize(shapes, shape, transform=grid, dtype="uint8")
    return image, label
