"""The pass over tiles that seeks burnt ground: red and near infrared of both dates in, a mask out.

What is measured of them is the affair of `burnt`; this module finds the bands, measures the level
of blocks spread over both dates, and the fall in tiles that hang on the grid, each by itself.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from odc.geo.geobox import GeoBox
from rasterio.windows import Window
from tqdm import tqdm

from geomage.geo import Dress, RasterFacts, TileKey, TileStore, Tiling, ground_gsd
from geomage.mapping.burnt import (
    BELL_M,
    BRIGHT,
    BROWNING,
    FALL,
    GREEN,
    REDDENING,
    WEIGHT,
    Level,
    fall_of,
    level_of,
    on_pixels,
    side_of_cells,
    told_in,
)
from geomage.mapping.compose import painted_cog
from geomage.mapping.date import Date, open_date
from geomage.mapping.dates import Dates
from geomage.mapping.imagery import Imagery
from geomage.mapping.journal import Work
from geomage.mapping.palette import BURNT
from geomage.mapping.picture import Picture
from geomage.mapping.regrid import Layer
from geomage.mapping.runs import TileRun, tile_runs
from geomage.mapping.sighting import Frame, join_frames, shared_frame
from geomage.workers import Run

__all__ = [
    "Sought",
    "around_tile",
    "burnt_raster",
    "fall_tiling",
    "find_burnt",
    "find_nir",
    "missing_nir",
]

_SIDE: Final = 1024  # px of a tile
_UNSEEN: Final = 255
_STEP: Final = 100.0  # stored counts of a fall of 1
_HALF: Final = 128  # of what is known, times 255
_RUN: Final = 4  # tiles a task
_SHOWN: Final = 0.05  # of a block, from which the level is measured in it
_BLOCK, _MOST = 256, 10  # px, and how many along either side, that the level is measured of
_NAMES: Final = ("nir", "nir1", "nir08", "nearinfrared")  # the second is a maker's, of two
_DONE: Final = "burnt.json"


@dataclass(frozen=True)
class Sought:
    """What came of the search."""

    fall: Layer | None
    """Bands fall (times 100) and known (255 where it is); None where none could be measured."""
    facts: dict[str, Any]
    """JSON values: how it was levelled, or why nothing is outlined."""


def find_nir(facts: RasterFacts) -> int | None:
    """Number of the near-infrared band, by its description, else its colour; None if not one."""
    found = _named(facts, _NAMES)
    return found[0] if len(found) == 1 else None


def _named(facts: RasterFacts, names: tuple[str, ...]) -> list[int]:
    """Numbers of the bands that are called by the first of some names that any is called by."""
    said = ["".join(filter(str.isalnum, name.lower())) for name in facts.names]
    for known in (said, facts.bands):
        for name in names:
            if name in known:
                return [number for number, one in enumerate(known, start=1) if one == name]
    return []


def missing_nir(dates: tuple[tuple[Picture, ...], tuple[Picture, ...]]) -> str | None:
    """Why burnt ground cannot be told from the images of two dates; None where it can."""
    if not dates[1]:
        return "it takes two dates, and one was given"
    without = [
        f"{one.path.name} ({_count(one.facts)})"
        for date in dates for one in date if find_nir(one.facts) is None
    ]  # fmt: skip
    if not without:
        return None
    return (
        f"not one band of {', '.join(without)} is called near infrared, and red, green and blue do "
        "not tell burnt ground from other ground: give images of both dates that have it, and "
        "where the band has no name, describe it as nir (rasterio: set_band_description(4, 'nir'))"
    )


def _count(facts: RasterFacts) -> str:
    called = len(_named(facts, _NAMES))
    return f"{facts.count} bands" + (f", {called} called so" if called else "")


def _spectral(date: Date) -> Date:
    """The date read as red and near infrared."""
    pictures = tuple(replace(one, bands=_bands(one)) for one in date.pictures)
    return replace(date, pictures=pictures)


def _bands(picture: Picture) -> tuple[int, int, int]:
    (nir,) = _named(picture.facts, _NAMES)
    return next(iter(_named(picture.facts, ("red",))), picture.bands[0]), nir, nir


@dataclass(frozen=True)
class _Fall:
    """Task: measure the fall in a run of tiles; what is there already stays."""

    dates: tuple[Date, Date]
    level: Level
    store: TileStore

    def __call__(self, run: TileRun) -> int:
        with ExitStack() as stack:
            images = [stack.enter_context(open_date(date)) for date in self.dates]
            for key in run.keys:
                if not self.store.has(key):
                    self.store.write(key, self._tile(images, key))
        return len(run.keys)

    def _tile(self, images: list[Imagery], key: TileKey) -> np.ndarray:
        tiling = self.store.tiling
        core, gsd = tiling.core(key), ground_gsd(tiling.box)
        cell, window = side_of_cells(gsd), around_tile(tiling, key)
        values, seen = _read(images, self.dates, window)
        fall = fall_of(values, seen, self.level, gsd)
        part = Window(
            core.col_off - window.col_off, core.row_off - window.row_off, core.width, core.height
        )
        counts = on_pixels(np.nan_to_num(fall), cell, part) * _STEP
        out = np.zeros((2, int(core.height), int(core.width)), "uint8")
        out[1] = seen[part.toslices()] * np.uint8(255)
        out[0] = np.clip(np.rint(counts), 0, 255) * (out[1] > 0)
        return out


def fall_tiling(grid: GeoBox) -> Tiling:
    """The tiles of a grid that are searched at once, in whole cells."""
    cell = side_of_cells(ground_gsd(grid))
    return Tiling(grid, _SIDE // cell * cell)


def around_tile(tiling: Tiling, key: TileKey) -> Window:
    """A tile and the cells around it that its means depend on, as far as the grid reaches."""
    gsd = ground_gsd(tiling.box)
    cell = side_of_cells(gsd)
    return tiling.around(key, cell * (2 + math.ceil(3 * BELL_M / (cell * gsd))))


def _read(
    images: list[Imagery], dates: tuple[Date, Date], window: Window
) -> tuple[np.ndarray, np.ndarray]:
    """(4, y, x) of a window of the grid, and where both dates show it in all bands."""
    parts, seen = [], np.ones((int(window.height), int(window.width)), bool)
    for image, date in zip(images, dates, strict=True):
        values, there = image.stored(window)
        seen &= there & (date.seen.read(window)[0] > 0)
        parts.append(values[:2])
    both = np.concatenate(parts)
    return both, seen & told_in(both)


def _level(dates: tuple[Date, Date], work: Work) -> Level | str:
    """Measured of blocks spread over all that both dates show, or read where it was before."""
    done = work.folder / _DONE
    if done.exists():
        stated = json.loads(done.read_text(encoding="utf-8"))
        if isinstance(stated, str):
            return stated
        return Level(**{k: tuple(v) for k, v in stated.items()})
    found = level_of(_blocks(dates), ground_gsd(dates[0].box))
    part = done.with_suffix(".part")
    said = found if isinstance(found, str) else asdict(found)
    part.write_text(json.dumps(said), encoding="utf-8")
    part.replace(done)
    return found


def _blocks(dates: tuple[Date, Date]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """At most 100 blocks of 256 px, 1 MB each, one after the other."""
    first, second = (date.seen for date in dates)
    tiling = first.store.tiling
    frame = join_frames(shared_frame(first, second, tiling, key) for key in tiling)
    with ExitStack() as stack:
        images = [stack.enter_context(open_date(date)) for date in dates]
        for place in [] if frame is None else _places(frame):
            values, seen = _read(images, dates, place)
            if seen.mean() > _SHOWN:
                yield values.astype("float32"), seen


def _places(frame: Frame) -> list[Window]:
    """Blocks spread over a frame, which they fill where they can."""
    top, left, bottom, right = frame
    height, width = (min(_BLOCK, side) for side in (bottom - top, right - left))
    rows, cols = _starts(top, bottom - height, height), _starts(left, right - width, width)
    return [Window(col, row, width, height) for row in rows for col in cols]


def _starts(first: int, last: int, side: int) -> list[int]:
    count = min(_MOST, -(-(last - first) // side) + 1)
    return sorted({round(start) for start in np.linspace(first, last, count)})


def find_burnt(dates: Dates, part: Window, work: Work, run: Run) -> Sought:
    """Measure how far the near infrared fell, in a part of the grid of the work.

    Args:
        dates: both, where their content lies.
        part: of that grid.
        work: where tiles are kept.
        run: who does it.
    """
    second = () if dates.second is None else dates.second.pictures
    why = missing_nir((dates.first.pictures, second))
    if why is not None or dates.second is None:
        return Sought(None, {"left_out": why})
    both = (_spectral(dates.first), _spectral(dates.second))
    level = _level(both, work)
    if isinstance(level, str):
        return Sought(None, {"left_out": level})
    grid = dates.first.seen.store.tiling.box
    store = TileStore(work.folder / "fall", fall_tiling(grid), ("fall", "known"))
    keys = list(store.tiling.over(part))
    with tqdm(total=len(keys), desc="burnt", unit="tile", leave=False, disable=None) as bar:
        for done in run(_Fall(both, level, store), list(tile_runs(keys, _RUN)), work.mark):
            bar.update(done)
    facts: dict[str, Any] = {
        "fall": FALL, "weight": WEIGHT, "browning": BROWNING, "reddening": REDDENING,
        "green_ndvi": GREEN, "bright": BRIGHT, "bell_m": BELL_M,
    }  # fmt: skip
    facts |= {name: list(values) for name, values in asdict(level).items()}
    return Sought(Layer(store, (0, 1), grid, "bilinear"), facts)


def burnt_raster(fall: Layer, store: TileStore, part: Window, work: Work) -> Path:
    """Make the raster of burnt ground: 0 not, 1 burnt, 255 not analysed.

    Args:
        fall: of `find_burnt`.
        store: pixels of the product.
        part: of its grid, what is mapped.
        work: the working folder.
    """
    layer = replace(fall, box=store.tiling.box)

    def paint(key: TileKey, codes: np.ndarray) -> np.ndarray:
        counts, known = layer.read(store.tiling.core(key))
        burnt = (counts >= FALL * _STEP).astype("uint8")
        burnt[(known < _HALF) | (codes > 0)] = _UNSEEN
        return np.asarray(burnt[None])

    dress = Dress("burnt", nodata=_UNSEEN, colours=BURNT)
    return painted_cog(store, paint, dress, part, work)
