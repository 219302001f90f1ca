"""Output folders that appear whole or not at all."""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from geomage.errors import OutputError
from geomage.geo.scratch import Scratch, hidden_path, hold, sweep

RASTER_ENDINGS = (".tif", ".tiff")
"""Of the rasters we write."""
_NO_LETTERS = ("Cc", "Cs", "Zl", "Zp")  # controls, bytes that are no UTF-8, ends of lines


@contextmanager
def fresh_folder(path: Path | str, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield an empty folder beside `path`; move it into place at the end, remove it on any error.

    Args:
        path: where the folder shall be.
        overwrite: replace a folder that geomage made (it stays untouched until the very end).

    Raises:
        OutputError: `path` exists and `overwrite` is not set, it holds something else than a
            result of geomage, or it cannot be written there.
    """
    target = Path(path).absolute()
    refuse_output(target, overwrite=overwrite)
    scratch = Scratch.make(target)
    with scratch.work(target) as work:
        yield work
        refuse_taken(target, overwrite=overwrite)  # it may have come while we worked
        _refuse_strange(target)
        _swap(work, target)
        scratch.release()


def refuse_output(path: Path | str, *, overwrite: bool) -> None:
    """Raise OutputError, before any work, when `fresh_folder` would refuse this output.

    What killed runs left of the same output is removed first.
    """
    target = _within_reach(path)
    sweep(target)
    refuse_taken(target, overwrite=overwrite)
    _refuse_strange(target)
    refuse_unwritable(target.parent, target.name)


def refuse_file(path: Path | str, *, overwrite: bool, endings: tuple[str, ...] = ()) -> None:
    """Raise OutputError, before any work, when one file cannot be written at `path`.

    endings: the name must have one of them, where any are given.
    """
    target = _within_reach(path)
    if endings and target.suffix.lower() not in endings:
        raise OutputError(f"{target}: choose a name that ends in {endings[0]}")
    if target.is_dir():
        raise OutputError(f"{target} is a folder; name the file to write")
    if target.exists() and not target.is_file():  # a device or a pipe would be replaced
        raise OutputError(f"{target} exists and is no plain file; choose another output")
    if target.exists() and not overwrite:
        raise OutputError(f"{target} exists already; choose another output or pass --overwrite")
    refuse_unwritable(target.parent, target.name)


def refuse_unwritable(folder: Path, name: str = "probe") -> None:
    """Raise OutputError when `name` cannot be made in `folder`, or the folder itself cannot.

    Tried, not asked: a read-only file system says yes to its owner and means no.
    """
    places = (_within_reach(folder), *folder.parents)
    above = next(place for place in places if place.exists() or place.is_symlink())
    if not above.is_dir():
        raise OutputError(f"cannot write in {folder}: {above} is no folder; choose another output")
    probe = hidden_path(above / name, "part")
    try:
        probe.mkdir()
        probe.rmdir()
    except OSError as error:
        raise OutputError(
            f"cannot write in {above}: {error.strerror or error}; choose another output"
        ) from error


def _within_reach(path: Path | str) -> Path:
    """The absolute path; OutputError when the system will not even look there."""
    target = Path(path).absolute()
    if any(unicodedata.category(letter) in _NO_LETTERS for letter in str(target)):
        raise OutputError(
            f"the output {str(path)!a} is no plain name in UTF-8; choose one without line breaks "
            "and control characters"
        )
    for above in target.parents:
        if above.name == ".." and not above.parent.exists():
            raise OutputError(f"cannot write {path}: {above.parent} does not exist")
    try:
        target.exists()
    except OSError as error:  # a folder that may not be entered, a name too long
        raise OutputError(f"cannot write {target}: {error.strerror or error}") from error
    return target


def true_path(path: Path) -> Path:
    """The path without links; one that is a loop of links stays as it is."""
    try:
        return path.absolute().resolve()
    except (OSError, RuntimeError):  # up to Python 3.12 a loop is a RuntimeError
        return path.absolute()


def refuse_taken(target: Path, *, overwrite: bool) -> None:
    """Raise OutputError when `target` cannot become an output folder."""
    if target == Path(target.anchor) or target == Path.cwd() or target in Path.cwd().parents:
        raise OutputError(f"{target} holds the current folder; choose a folder of its own")
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise OutputError(f"{target} exists and is not a folder; choose another output")
    if target.exists() and not overwrite:
        raise OutputError(f"{target} exists already; choose another output or pass --overwrite")


def _refuse_strange(target: Path) -> None:
    """Raise OutputError when `target` holds files that are no result of geomage."""
    if not target.is_dir() or not any(target.iterdir()):
        return
    if not (target / "item.json").is_file():
        raise OutputError(
            f"{target} holds files that are no result of geomage, so it is not replaced; "
            "choose another output or empty it yourself"
        )


def _swap(work: Path, target: Path) -> None:
    """Move `work` to `target`; what stood there goes only when the new one stands."""
    try:
        if not target.exists():
            work.rename(target)
            return
        standing = hold(target)
        old = hidden_path(target, "old")
        try:
            target.rename(old)
            try:
                work.rename(target)
            except OSError:
                old.rename(target)
                raise
        finally:
            standing.release()
    except OSError as error:
        raise OutputError(f"cannot move the result to {target}: {error.strerror}") from error
    shutil.rmtree(old, ignore_errors=True)
