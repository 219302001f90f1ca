"""A dataset folder: whose it is, which samples are whole, and what a killed run left.

There is no list of what is done: a sample is whole when its files stand under their final names,
which they take in one move. `dataset.json` says what the samples are made from; two runs of one
folder are kept apart by a lock that ends with the process.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geomage import __version__
from geomage.data import shards
from geomage.data.layout import Layout
from geomage.data.recipe import DatasetRecipe
from geomage.data.stream import simulator_hash
from geomage.errors import InputError, OutputError
from geomage.geo import refuse_taken, refuse_unwritable
from geomage.geo.scratch import hidden_path, hold_alone
from geomage.geo.space import why_unwritten
from geomage.geo.stac import write_record

__all__ = ["MARK", "MOST_SAMPLES", "Journal", "open_journal", "read_mark"]

MOST_SAMPLES = 10_000_000

MARK = "dataset.json"
CLOSED = ("datasheet.json", "datasheet.md", "preview.png", "samples.csv", "collection.json")
"""Written when all samples are whole; gone while some are missing."""
_LONGEST = 200  # letters of a value that is shown


@dataclass(frozen=True)
class Journal:
    """A dataset folder that this process alone works in."""

    layout: Layout
    count: int

    def missing(self) -> list[int]:
        """Indices of the samples that are not whole, in order."""
        recipe = self.layout.recipe
        whole = set(range(self.count))
        if recipe.shards:
            whole &= set(self.fragments())
        if recipe.cogs:
            found = (self.layout.folder / "samples").glob("*/[0-9]*")
            whole &= {int(p.name) for p in found if p.name.isdecimal()}
        return [i for i in range(self.count) if i not in whole]

    def fragments(self) -> dict[int, Path]:
        """Where the fragment of each sample is: in a shard, or waiting."""
        waiting = (self.layout.folder / "parts").glob("[0-9]*.part")
        found = {int(p.stem): p for p in waiting if p.stem.isdecimal()}
        for path in self.layout.folder.glob("shards/*.tar"):
            found |= dict.fromkeys(shards.members(path), path)
        return found

    def pack(self, block: int, indices: range) -> None:
        """Join the fragments of a shard; those in an older, shorter one are kept."""
        target = self.layout.shard(block)
        older = shards.members(target) if target.exists() else {}
        waiting = [self.layout.part(i) for i in indices]
        if not any(part.exists() for part in waiting):
            return
        target.parent.mkdir(exist_ok=True)
        work = hidden_path(target, "part")
        try:
            pieces: Iterator[Path | bytes] = (
                shards.cut(target, *older[i]) if i in older else self.layout.part(i)
                for i in indices
            )
            shards.write_shard(work, pieces)
            work.replace(target)
        except OSError as error:
            why = why_unwritten(error, target.parent)
            raise OutputError(f"cannot write {target}: {why}") from error
        finally:
            work.unlink(missing_ok=True)
        for part in waiting:
            part.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what unfinished work left under hidden names."""
        for pattern in (".*.part", "*/.*.part", "samples/*/.*.part"):
            for path in self.layout.folder.glob(pattern):
                _remove(path)

    def close(self) -> None:
        """Leave nothing behind where no sample was made."""
        self.sweep()
        for name in ("parts", "shards", "samples"):
            _remove_empty(self.layout.folder / name)
        if {path.name for path in self.layout.folder.iterdir()} == {MARK}:
            (self.layout.folder / MARK).unlink()
        if not any(self.layout.folder.iterdir()):
            self.layout.folder.rmdir()


@contextmanager
def open_journal(
    recipe: DatasetRecipe, folder: Path, count: int, *, overwrite: bool
) -> Iterator[Journal]:
    """Claim a dataset folder, new or begun, for `count` samples of a recipe.

    Args:
        recipe: of the dataset, with its seed.
        folder: where it is, or shall be.
        count: samples in all; more than it holds extends it.
        overwrite: empty a dataset that stands there first.

    Raises:
        OutputError: it cannot be written, another run works there, or it holds something else.
        InputError: it holds a dataset of another recipe, seed or simulator, or a larger one.
    """
    refuse_taken(folder, overwrite=True)
    refuse_unwritable(folder)
    _refuse_strange(folder)
    folder.mkdir(parents=True, exist_ok=True)
    hold = hold_alone(folder)
    journal = Journal(Layout(folder, recipe), count)
    try:
        if overwrite:
            _empty(folder)
        found = read_mark(folder)
        mark = _mark(recipe, count)
        _refuse_other(folder, found, mark)
        journal.sweep()
        if journal.missing() or found != mark:
            for name in CLOSED:
                (folder / name).unlink(missing_ok=True)
        try:
            _note(folder, mark)
            yield journal
        finally:
            journal.close()
    finally:
        hold.release()


def _mark(recipe: DatasetRecipe, count: int) -> dict[str, Any]:
    return {
        "recipe": recipe.as_dict(), "count": count, "geomage": __version__,
        "simulator": simulator_hash(),
    }  # fmt: skip


def _note(folder: Path, mark: Mapping[str, Any]) -> None:
    try:
        write_record(folder / MARK, mark)
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {why_unwritten(error, folder)}") from error


def read_mark(folder: Path) -> dict[str, Any] | None:
    """What `dataset.json` says, with a recipe that is a table and a count that can be.

    Returns:
        None where there is none.

    Raises:
        InputError: it is damaged.
    """
    try:
        found = json.loads((folder / MARK).read_text(encoding="utf-8"))
        whole = isinstance(found["recipe"], dict) and type(found["count"]) is int
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        whole = False
    if not whole or not 1 <= found["count"] <= MOST_SAMPLES:
        raise InputError(f"{folder / MARK} is damaged; pass --overwrite to begin anew")
    return dict(found)


def _refuse_strange(folder: Path) -> None:
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MARK).is_file():
        raise OutputError(
            f"{folder} holds files that are no dataset of geomage; choose another output"
        )


def _refuse_other(folder: Path, found: Mapping[str, Any] | None, mark: Mapping[str, Any]) -> None:
    if found is None:
        return
    if found.get("count", 0) > mark["count"]:
        raise InputError(
            f"{folder} holds {found['count']} samples and --count {mark['count']} asks for fewer: "
            "give that many or more, or pass --overwrite"
        )
    there, here = _flat(found), _flat(mark)
    for name in sorted({*there, *here} - {"count"}):
        if there.get(name) != here.get(name):
            raise InputError(
                f"{folder} was made with {_said(name)} = {_said(there.get(name))} and this run has "
                f"{_said(here.get(name))}: choose another output or pass --overwrite"
            )


def _said(value: Any) -> str:
    """A value on one line, of sensible length."""
    text = str(value)
    return (text if text.isprintable() else ascii(text))[:_LONGEST]


def _flat(record: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Nested tables with dotted names."""
    flat: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, Mapping) and value:
            flat |= _flat(value, f"{above}{name}.")
        else:
            flat[f"{above}{name}"] = value
    return flat


def _empty(folder: Path) -> None:
    """Remove a dataset; its mark goes last, so that a killed removal can be gone on with."""
    for path in folder.iterdir():
        if path.name != MARK:
            _remove(path)
    (folder / MARK).unlink(missing_ok=True)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _remove_empty(folder: Path) -> None:
    """Remove a folder and the folders in it, where nothing else is in them."""
    if folder.is_dir():
        for below in folder.iterdir():
            if below.is_dir() and not any(below.iterdir()):
                below.rmdir()
        if not any(folder.iterdir()):
            folder.rmdir()
