"""Hidden folders beside an output, where work lies until it is whole.

The process that works in one holds a lock on it, which the system drops when the process ends,
however it ends: a folder that can be locked is a leftover, and the next run of the same output
removes it. Where a file system knows no locks nothing is swept.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from geomage.errors import OutputError
from geomage.geo.space import is_full, why_unwritten

_TRIES = 16  # names, each of which another run may sweep away before it is locked


class Scratch:
    """A hidden folder held by this process; `discard` it, or move it away and `release` it."""

    def __init__(self, folder: Path, lock: int | None, made: list[Path]) -> None:
        self.folder = folder
        self._lock = lock
        self._made = made  # folders above it that were missing, nearest first

    @classmethod
    def make(cls, target: Path) -> Self:
        """Make one beside the output `target`, an absolute path, and the folders above it.

        Raises:
            OutputError: nothing can be written there.
        """
        made = [parent for parent in target.parents if not parent.exists()]
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            for _ in range(_TRIES):
                folder = hidden_path(target, "part")
                folder.mkdir()
                lock = _open(folder)
                if lock is not None and _lock(lock) is not False and _stands(folder, lock):
                    return cls(folder, lock, made)
                _close(lock)
        except OSError as error:
            _remove(made)
            raise OutputError(f"cannot write {target}: {error.strerror or error}") from error
        raise OutputError(f"cannot write {target}: its working folder keeps vanishing")

    @contextmanager
    def work(self, target: Path) -> Iterator[Path]:
        """Yield the folder for the work on `target`; on any error it is discarded.

        Raises:
            OutputError: the disk is full; the message names `target`, not the hidden folder.
        """
        try:
            yield self.folder
        except OSError as error:
            said = self._in_words(error, target)
            self.discard()
            if said is None:
                raise
            raise said from error
        except BaseException:
            self.discard()
            raise

    def _in_words(self, error: OSError, target: Path) -> OutputError | None:
        """What an error of writing means to those who know only the output."""
        if isinstance(error, OutputError):
            return OutputError(str(error).replace(str(self.folder), str(target)))
        if not is_full(error):
            return None
        return OutputError(f"cannot write {target}: {why_unwritten(error, self.folder)}")

    def release(self) -> None:
        """Let go of the folder, wherever it lies now."""
        _close(self._lock)
        self._lock = None

    def discard(self) -> None:
        """Remove the folder if it is still there, and the folders above that it was made with."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.release()
        _remove(self._made)


def hold(folder: Path) -> Scratch:
    """Hold a folder that stands, so that no other run takes it for a leftover."""
    lock = _open(folder)
    if lock is not None:
        _lock(lock)
    return Scratch(folder, lock, [])


def hold_alone(folder: Path) -> Scratch:
    """Hold a folder that stands, so that no other run works in it.

    Where a file system knows no locks, nothing is held.

    Raises:
        OutputError: another run holds it.
    """
    lock = _open(folder)
    if lock is not None and _lock(lock) is False:
        _close(lock)
        raise OutputError(
            f"another run is writing {folder}; wait until it is done or choose another output"
        )
    return Scratch(folder, lock, [])


def hidden_path(target: Path, what: str) -> Path:
    """A hidden neighbour of an output: the new one in parts (`part`), or the `old` one."""
    return target.with_name(f".{target.name}.{secrets.token_hex(4)}.{what}")


def sweep(target: Path) -> None:
    """Remove what killed runs left beside an output; what a living run holds stays.

    A run killed between its last two moves leaves the older output under a hidden name and none
    under its own: that one is put back.
    """
    for folder, what in _leftovers(target):
        lock = _open(folder)
        try:
            if lock is None or not _lock(lock) or not _stands(folder, lock):
                continue
            if what == "old" and not target.exists():
                folder.rename(target)
            else:
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            _close(lock)


def _leftovers(target: Path) -> Iterator[tuple[Path, str]]:
    """Hidden folders named as geomage names them, and whether they are `part` or `old`."""
    pattern = re.compile(rf"\.{re.escape(target.name)}\.[0-9a-z_]{{8}}\.(part|old)")
    try:
        names = os.listdir(target.parent)  # noqa: PTH208 -- names are matched before paths are made
    except OSError:
        return
    for match in filter(None, map(pattern.fullmatch, names)):
        folder = target.with_name(match[0])
        if folder.is_dir() and not folder.is_symlink():
            yield folder, match[1]


def _open(folder: Path) -> int | None:
    try:
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None


def _lock(opened: int) -> bool | None:
    """Lock without waiting: whether it is ours, None where the file system knows no locks."""
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _stands(folder: Path, opened: int) -> bool:
    """Whether the opened folder still has its name: a sweep may have come before the lock."""
    try:
        return os.path.samestat(folder.stat(), os.fstat(opened))
    except OSError:
        return False


def _close(opened: int | None) -> None:
    if opened is not None:
        os.close(opened)


def _remove(folders: list[Path]) -> None:
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            return
