"""Space on a disk: asked for before the work, kept once given, named when it ends."""

from __future__ import annotations

import errno
import os
import resource
import shutil
from pathlib import Path

from geomage.errors import OutputError

_ENDED = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_LITTLE = 2**20  # bytes free, below which a write that failed is taken to have filled the disk
_LONGEST = 200  # letters of another library's message


def reserve(path: Path, size: int) -> Path:
    """Make a file of `size` zero bytes whose space is its own.

    A mapped file with holes ends the process by SIGBUS when the disk cannot fill them.

    Raises:
        OutputError: there is not that much space.
    """
    try:
        with path.open("xb") as file:
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {_lacks(size, path.parent, error)}") from error
    return path


def refuse_full(target: Path, size: int) -> None:
    """Raise OutputError, before any work, when `size` bytes do not fit beside `target`."""
    place = next(place for place in target.absolute().parents if place.exists())
    if shutil.disk_usage(place).free < size:
        raise OutputError(f"cannot write {target}: {_lacks(size, place)}")


def is_full(error: OSError) -> bool:
    """Whether the system refused to write for want of space, quota or largest file size."""
    return error.errno in _ENDED


def why_unwritten(error: BaseException, folder: Path) -> str:
    """One line on why a write into `folder` failed: the want of space first, where that is it."""
    if isinstance(error, OSError) and error.errno == errno.EFBIG:
        return "the file would be larger than this process may write (ulimit -f)"
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        free = _LITTLE
    if (isinstance(error, OSError) and is_full(error)) or free < _LITTLE:
        return f"no space left, {_words(free)} free on its disk; make room or choose another output"
    strerror = getattr(error, "strerror", None)
    said = str(strerror or error).strip().partition("\n")[0][:_LONGEST] or type(error).__name__
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    if isinstance(error, OSError) or limit == resource.RLIM_INFINITY:
        return said
    # What libraries say of a write that was cut short does not tell why.
    return f"{said}; no file of this process may be larger than {_words(limit)} (ulimit -f)"


def _lacks(size: int, place: Path, error: OSError | None = None) -> str:
    if error is not None and (error.errno == errno.EFBIG or not is_full(error)):
        return why_unwritten(error, place)
    free = shutil.disk_usage(place).free
    return (
        f"{_words(size)} are needed for the work and {_words(free)} are free on its disk; "
        "make room or choose another output"
    )


def _words(size: int) -> str:
    """Bytes in the unit a person would take."""
    for unit, power in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if size >= 2**power:
            return f"{size / 2**power:.1f} {unit}"
    return f"{size} bytes"
