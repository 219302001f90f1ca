"""Output folders that appear whole or not at all."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from geomage.errors import OutputError


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
    refuse_taken(target, overwrite=overwrite)
    _refuse_strange(target)
    made = _missing_parents(target)
    work = _beside(target, "part")
    try:
        work.mkdir(parents=True)
    except OSError as error:
        _remove(made)
        raise OutputError(f"cannot write {target}: {error.strerror or error}") from error
    try:
        yield work
        refuse_taken(target, overwrite=overwrite)  # it may have come while we worked
        _refuse_strange(target)
        _swap(work, target)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        _remove(made)
        raise


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


def _beside(target: Path, what: str) -> Path:
    return target.with_name(f".{target.name}.{secrets.token_hex(4)}.{what}")


def _missing_parents(target: Path) -> list[Path]:
    return [parent for parent in target.parents if not parent.exists()]


def _remove(folders: list[Path]) -> None:
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            return


def _swap(work: Path, target: Path) -> None:
    """Move `work` to `target`; what stood there goes only when the new one stands."""
    try:
        if not target.exists():
            work.rename(target)
            return
        old = _beside(target, "old")
        target.rename(old)
        try:
            work.rename(target)
        except OSError:
            old.rename(target)
            raise
    except OSError as error:
        raise OutputError(f"cannot move the result to {target}: {error.strerror}") from error
    shutil.rmtree(old, ignore_errors=True)
