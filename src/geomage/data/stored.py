"""A sample as it stands in a dataset, checked: a stranger may have changed it."""

from __future__ import annotations

import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from geomage.data import shards
from geomage.data.layout import Layout
from geomage.data.sample_folder import TITLES, layers_in, record_in
from geomage.errors import InputError

__all__ = ["damaged", "stored_arrays", "stored_record"]

_ODD = (
    *(KeyError, IndexError, ValueError, TypeError, AttributeError, RecursionError, OverflowError),
    *(OSError, EOFError, struct.error, zlib.error, zipfile.BadZipFile, tarfile.TarError),
)
_LONGEST = 200  # letters of another library's message
_METRES = ("height", "depth")


@contextmanager
def damaged(path: Path) -> Iterator[None]:
    """Turn whatever reading a damaged file raises into one InputError that names it."""
    try:
        yield
    except InputError:
        raise
    except _ODD as error:
        why = f"{path} is missing" if isinstance(error, FileNotFoundError) else _why(path, error)
        raise InputError(f"{why}; delete what is left of it and run again") from error


def _why(path: Path, error: Exception) -> str:
    said = str(error).strip().partition("\n")[0][:_LONGEST]
    return f"{path} is damaged: {said or type(error).__name__}"


def stored_record(layout: Layout, index: int, *, shard: bool) -> dict[str, Any]:
    """What a dataset says of a sample, from its shard or its folder.

    Raises:
        InputError: it is missing or damaged.
    """
    path = layout.shard(layout.block(index)) if shard else layout.sample(index)
    with damaged(path):
        record = shards.read_record(_fragment(path, index)) if shard else record_in(path)
        if record["index"] != index:
            raise InputError(
                f"{path} is damaged: sample {index} says that it is another; delete it and run "
                "again"
            )
        if not (isfinite(record["gsd"]) and record["gsd"] > 0):
            raise ValueError(f"a GSD of {record['gsd']}")
        dict(record["facts"])
    return record


def stored_arrays(layout: Layout, index: int, *, shard: bool) -> dict[str, np.ndarray]:
    """The arrays of a sample, from its shard or its folder, each of its shape and kind.

    Raises:
        InputError: one is missing or damaged.
    """
    path, side = layout.shard(layout.block(index)), layout.recipe.stream.size_px
    if not shard:
        path = layout.sample(index)
    with damaged(path):
        arrays = shards.read_arrays(_fragment(path, index), side) if shard else layers_in(path)
        _refuse_odd(arrays, side)
    return arrays


def _refuse_odd(arrays: Mapping[str, np.ndarray], side: int) -> None:
    """Raise ValueError at a layer that is missing, or of another shape or kind than it should."""
    for name in TITLES:
        values = arrays[name]
        first = {"before": len(arrays["before"]), "after": len(arrays["before"]), "height": 2}
        due = (first[name], side, side) if name in first else (side, side)
        kinds = "f" if name in _METRES else "iu"
        if values.shape != due or values.dtype.kind not in kinds:
            raise ValueError(f"{name} is {values.dtype} {values.shape}, not {due}")


def _fragment(path: Path, index: int) -> bytes:
    stat = path.stat()
    places = _places(path, stat.st_mtime_ns, stat.st_size)
    if index not in places:
        raise ValueError(f"it lacks sample {index}")
    return shards.cut(path, *places[index])


@lru_cache(maxsize=4096)
def _places(path: Path, _changed: int, _size: int) -> dict[int, tuple[int, int]]:
    return shards.members(path)
