"""The first pass: what each date shows, how far the second lies off, told to all that follow."""

from __future__ import annotations

import json
import shutil
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from affine import Affine
from odc.geo.geobox import GeoBox
from tqdm import tqdm

from geomage.errors import InputError
from geomage.geo import Shift, Stretch, TileKey, TileStore, Tiling, ground_gsd
from geomage.mapping.date import Date, open_date
from geomage.mapping.imagery import Damage, find_stretch, join_damage, open_imagery
from geomage.mapping.journal import Work
from geomage.mapping.picture import Picture, same_pixels
from geomage.mapping.regrid import Layer
from geomage.mapping.runs import TileRun, tile_runs
from geomage.mapping.sighting import (
    Look,
    join_frames,
    join_looks,
    look_tile,
    seen_tile,
    shared_frame,
    shift_between,
)
from geomage.workers import Run

__all__ = ["Dates", "read_dates"]

_DONE = "dates.json"


@dataclass(frozen=True)
class Dates:
    """Both dates of a job, on the grid of the work."""

    first: Date
    second: Date | None
    shift: Shift | None
    damage: tuple[Damage, ...] = ()
    """Of the images of both dates."""


@dataclass(frozen=True)
class _LookAt:
    """Task: look at the images of one date in a run of tiles."""

    pictures: tuple[Picture, ...]
    stretch: Stretch
    store: TileStore
    lost: TileStore

    def __call__(self, run: TileRun) -> dict[TileKey, Look]:
        tiling, found = self.store.tiling, {}
        with open_imagery(self.pictures, tiling.box, self.stretch) as imagery:
            for key in run.keys:
                bits, lost, found[key] = look_tile(imagery, tiling, key)
                self.store.write(key, bits)
                if found[key].damage:
                    self.lost.write(key, lost)
        return found


def read_dates(
    pictures: tuple[tuple[Picture, ...], tuple[Picture, ...]], tiling: Tiling, work: Work, run: Run
) -> Dates:
    """Look at the images of both dates, or read what a killed run found.

    Args:
        pictures: images of the first date, and of the second, where there is one.
        tiling: of the grid of the work.
        work: where it is kept.
        run: who does it.

    Raises:
        InputError: a date holds no data.
    """
    before, after = pictures
    first = _date(before, tiling, work.folder, "before")
    second = _date(after, tiling, work.folder, "after") if after else None
    done = work.folder / _DONE
    if done.exists():
        record = json.loads(done.read_text(encoding="utf-8"))
    else:
        record = _look(first, second, work, run)
        part = done.with_suffix(".part")
        part.write_text(json.dumps(record), encoding="utf-8")
        part.replace(done)
    return _told(first, second, record)


def _date(pictures: tuple[Picture, ...], tiling: Tiling, folder: Path, name: str) -> Date:
    """A date of which only the images are known."""
    seen, lost = (
        Layer(TileStore(folder / f"{what}_{name}", tiling, (what,)), (0,), tiling.box)
        for what in ("seen", "lost")
    )
    return Date(pictures, tiling.box, find_stretch(pictures), (0, 0, 0), seen, lost)


def _look(first: Date, second: Date | None, work: Work, run: Run) -> dict[str, Any]:
    """Fill the tiles of what is seen; returns what else was found, as JSON values."""
    sights = [_sight(first, "look at the first date", work, run)]
    shift = None
    if second is not None:
        where = f" where {_names(first.pictures)} lies"
        sights.append(_sight(second, "look at the second date", work, run, where))
        shift = asdict(_shift(first, second))
    return {"sights": sights, "shift": shift}


def _sight(date: Date, label: str, work: Work, run: Run, where: str = "") -> dict[str, Any]:
    """Look at all tiles of one date; returns its mean colour, and what is damaged.

    where: words on the place, for the message where nothing is seen there.
    """
    assert date.lost is not None
    store, lost = date.seen.store, date.lost.store
    raw = replace(store, folder=store.folder.with_name(f"raw_{store.folder.name}"))
    for folder in (store.folder, raw.folder):  # of a run that was killed while it looked
        shutil.rmtree(folder, ignore_errors=True)
    looks: dict[TileKey, Look] = {}
    task = _LookAt(date.pictures, date.stretch, raw, lost)
    with tqdm(total=len(store.tiling), desc=label, unit="tile", leave=False, disable=None) as bar:
        for found in run(task, list(tile_runs(store.tiling, 8)), work.mark):
            looks |= found
            bar.update(len(found))
    sighting = join_looks(store.tiling, looks)
    for key, look in looks.items():
        if look.black:
            store.write(key, seen_tile(raw.read_tile(key), sighting, store.tiling, key))
        else:
            raw.hand_over(key, store)
    shutil.rmtree(raw.folder, ignore_errors=True)
    damage = join_damage(one for key in sorted(looks) for one in looks[key].damage)
    if not any(map(store.holds, store.tiling)):
        why = f"; {'; '.join(map(str, damage))}" if damage else ""
        raise InputError(f"nothing to map: {_names(date.pictures)} holds no data{where}{why}")
    return {
        "colour": [float(value) for value in sighting.colour],
        "damage": [asdict(one) for one in damage],
    }


def _shift(first: Date, second: Date) -> Shift:
    store = first.seen.store
    both = [key for key in store.tiling if store.holds(key) and second.seen.store.holds(key)]
    frame = join_frames(shared_frame(first.seen, second.seen, store.tiling, key) for key in both)
    with ExitStack() as stack:
        before, after = (stack.enter_context(open_date(date)) for date in (first, second))
        return shift_between(before, after, (first.seen, second.seen), frame)


def _told(first: Date, second: Date | None, record: dict[str, Any]) -> Dates:
    """The dates with what was found of them, the second moved by its shift."""
    sights = record["sights"]
    damage = tuple(Damage(**one) for sight in sights for one in sight["damage"])
    first = _found(first, sights[0])
    if second is None:
        return Dates(first, None, None, damage)
    shift = Shift(**record["shift"])
    return Dates(first, _moved(_found(second, sights[1]), shift), shift, damage)


def _found(date: Date, sight: dict[str, Any]) -> Date:
    """The date with what was found of it."""
    lost = date.lost if sight["damage"] else None
    return replace(date, colour=tuple(sight["colour"]), lost=lost)


def _moved(date: Date, shift: Shift) -> Date:
    """A date read from where its content lies, by a shift that could be measured.

    Images whose pixels are those of the grid move by whole pixels, and keep theirs as they are.
    """
    if shift.reason or (shift.dx_m, shift.dy_m) == (0, 0):
        return date
    gsd = ground_gsd(date.box)
    cols, rows = shift.dx_m / gsd, -shift.dy_m / gsd
    if all(same_pixels(picture.box, date.box) for picture in date.pictures):
        cols, rows = round(cols), round(rows)
    moved = date.box.affine @ Affine.translation(cols, rows)
    return replace(
        date,
        box=GeoBox(date.box.shape, moved, date.box.crs),
        seen=_behind(date.seen, cols, rows),
        lost=None if date.lost is None else _behind(date.lost, cols, rows),
    )


def _behind(layer: Layer, cols: float, rows: float) -> Layer:
    return replace(layer, shift=(round(cols), round(rows)))


def _names(pictures: tuple[Picture, ...]) -> str:
    return ", ".join(str(picture.path) for picture in pictures)
