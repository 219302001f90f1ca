"""Training shards: tar files of one `.npz` and one `.json` a sample, in the order of indices.

The layout is that of WebDataset: files of one sample share a name up to the first dot. Nothing
but tar, zip and NumPy's own format is needed to read one, and nothing in it is ever unpickled.
Images, which hardly compress, are stored as they are; labels are deflated.

A *fragment* is the two members of one sample as they lie in a tar, headers included, so that a
shard is fragments one after the other and an end mark. Owners and times are zero: equal samples
give equal bytes.
"""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from geomage.data.sample import Sample, flood_classes
from geomage.errors import InputError

__all__ = ["arrays_of", "fragment", "members", "read_arrays", "read_record", "write_shard"]

BLOCK = tarfile.BLOCKSIZE
END = bytes(tarfile.RECORDSIZE)
DEPTH = 64  # heights and depths are kept in 1/64 m: their low bits are zero and deflate
_DEFLATE = 4
_STORED = ("before", "after")
_MOST_BANDS = 64


def arrays_of(sample: Sample) -> dict[str, np.ndarray]:
    """The arrays a dataset keeps of a sample, by the names of its files."""
    return {
        "before": sample.before,
        "after": sample.after,
        "landcover": sample.landcover,
        "landcover_second": sample.landcover_second,
        "damage": sample.damage,
        "flood": flood_classes(sample),
        "change": sample.change,
        "obscured": sample.obscured,
        "instances": sample.instances,
        "height": _rounded(sample.height),
        "depth": _rounded(sample.depth),
    }


def _rounded(metres: np.ndarray) -> np.ndarray:
    return np.asarray(np.rint(metres * DEPTH) / DEPTH, np.float32)


def fragment(key: str, arrays: Mapping[str, np.ndarray], record: Mapping[str, Any]) -> bytes:
    """One sample as it lies in a shard."""
    text = json.dumps(dict(record), sort_keys=True, allow_nan=False).encode()
    return _member(f"{key}.npz", _npz(arrays)) + _member(f"{key}.json", text)


def _npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    """What `numpy.load` reads; every member has the same date (1980-01-01)."""
    with io.BytesIO() as memory:
        with zipfile.ZipFile(memory, "w") as archive:
            for name, values in arrays.items():
                member = zipfile.ZipInfo(f"{name}.npy")
                stored = name in _STORED
                member.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
                with io.BytesIO() as one:
                    np.save(one, np.ascontiguousarray(values), allow_pickle=False)
                    archive.writestr(member, one.getvalue(), compresslevel=_DEFLATE)
        return memory.getvalue()


def _member(name: str, data: bytes) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    return info.tobuf(tarfile.USTAR_FORMAT) + data + bytes(-len(data) % BLOCK)


def write_shard(path: Path, fragments: Iterable[Path | bytes]) -> None:
    """Join fragments, in the order given, into one file that is not yet under its final name."""
    with path.open("wb") as file:
        for one in fragments:
            file.write(one if isinstance(one, bytes) else one.read_bytes())
        file.write(END)


def members(path: Path) -> dict[int, tuple[int, int]]:
    """Where the fragment of each sample lies in a shard: index -> (first byte, past the last).

    Raises:
        InputError: it is no shard.
    """
    found: dict[int, tuple[int, int]] = {}
    try:
        with tarfile.open(path, "r:") as tar:
            for info in tar:
                start, end = info.offset, info.offset_data + info.size + -info.size % BLOCK
                index = int(info.name.partition(".")[0])
                found[index] = (min(start, found.get(index, (start,))[0]), end)
    except (tarfile.TarError, ValueError) as error:
        raise InputError(f"{path} is damaged: {error}; delete it and run again") from error
    return found


def cut(path: Path, start: int, end: int) -> bytes:
    """Some bytes of a file."""
    with path.open("rb") as file:
        file.seek(start)
        return file.read(end - start)


def _files(data: bytes) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(data + END)) as tar:
        for info in tar:
            file = tar.extractfile(info) if info.isreg() else None
            if file is not None:
                yield info.name.partition(".")[2], file.read()


def read_arrays(data: bytes, side: int = 2**20) -> dict[str, np.ndarray]:
    """The arrays of a fragment; one of more than `side` rows or columns raises ValueError unread.

    What a header states is believed by NumPy, which would take that much memory.
    """
    packed = dict(_files(data))["npz"]
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        return {info.filename.removesuffix(".npy"): _array(archive, info, side)
                for info in archive.infolist()}  # fmt: skip


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, side: int) -> np.ndarray:
    """One array, once its header and its length agree and are within bounds."""
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        if version != (1, 0):
            raise ValueError(f"{info.filename} is of another version of NumPy's format")
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        head = file.tell()
    few = len(shape) <= 3 and max(shape[-2:], default=0) <= side and shape[:-2] <= (_MOST_BANDS,)
    size = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if dtype.hasobject:
        raise ValueError(f"{info.filename} holds pickled objects: allow_pickle is off")
    if not few or info.file_size != head + size:
        raise ValueError(f"{info.filename} states {dtype} {shape}, which it cannot hold")
    with archive.open(info) as file:
        return np.asarray(np.lib.format.read_array(file, allow_pickle=False))


def read_record(data: bytes) -> dict[str, Any]:
    """The facts of a fragment."""
    record: dict[str, Any] = json.loads(dict(_files(data))["json"])
    return record
