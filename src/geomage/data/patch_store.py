"""Patches in one file: each compressed by zstd on its own, an index at the end, read at random.

Layout, all numbers little-endian: 8 bytes `GEOMPAT1`; the patches, one zstd frame each (RFC 8878,
with size and checksum), whose content is the bytes of the layers one after the other, C order;
the index, a zstd frame of a JSON text and two tables of int64, (patch + 1) first bytes and
(patch, 4) source, row, column, aim; last 40 bytes: first byte of the index, its length, length of
its JSON, number of patches (uint64 each) and `GEOMPEND`. A file without that end was cut short.
Nothing is unpickled.
"""

from __future__ import annotations

import json
import math
import mmap
import struct
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from geomage.errors import InputError, MissingExtraError, OutputError
from geomage.geo.scratch import hidden_path
from geomage.geo.space import why_unwritten

__all__ = ["PatchStore", "write_patches"]

Patch = dict[str, Any]
_MAGIC, _END = b"GEOMPAT1", b"GEOMPEND"
_TAIL = struct.Struct("<4Q8s")
_LEVEL = 3
_MOST = 2**31  # bytes of one patch, or of the index
_KINDS = "uif"


def _zstd() -> Any:
    """The zstd library; MissingExtraError where it is not installed."""
    try:
        import zstandard  # noqa: PLC0415 -- an extra
    except ImportError as error:
        raise MissingExtraError(
            "a store of patches needs zstandard: install geomage with its extra, "
            "pip install -e '.[patches]' -c constraints.txt in a checkout, or pip install "
            "'geomage[patches]'"
        ) from error
    return zstandard


def write_patches(
    path: Path | str,
    patches: Iterable[Patch],
    *,
    level: int = _LEVEL,
    facts: Mapping[str, Any] | None = None,
) -> int:
    """Write patches under a temporary name and move the file into place; return how many.

    The same patches give the same bytes. For training draw them with `PatchStream.unmixed`: a
    loader shuffles a store itself.

    Args:
        path: the file to write; an older one is replaced.
        patches: of a `PatchStream`, or any dicts of arrays that all have the same shapes.
        level: of zstd, 1 to 19.
        facts: what the store shall say of itself; JSON.

    Raises:
        InputError: no patch, patches of several makes, or a level that is none.
        OutputError: the file cannot be written.
    """
    if not 1 <= level <= 19:
        raise InputError(f"level = {level}: zstd has levels 1 to 19")
    zstd, target = _zstd(), Path(path)
    text = json.dumps(dict(facts or {}), sort_keys=True, allow_nan=False)
    part = hidden_path(target, "part")
    try:
        with part.open("xb") as file:
            count = _write(file, patches, json.loads(text), zstd.ZstdCompressor(
                level=level, write_checksum=True, write_content_size=True))  # fmt: skip
        part.replace(target)
    except OSError as error:
        raise OutputError(
            f"cannot write {target}: {why_unwritten(error, target.parent)}"
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return count


def _write(file: BinaryIO, patches: Iterable[Patch], facts: Any, squeeze: Any) -> int:
    file.write(_MAGIC)
    layers: list[list[Any]] = []
    firsts, places = [len(_MAGIC)], list[tuple[int, ...]]()
    for number, patch in enumerate(patches):
        arrays = {n: np.asarray(v) for n, v in patch.items() if n not in ("place", "aim")}
        kinds = [[n, a.dtype.newbyteorder("<").str, list(a.shape)] for n, a in arrays.items()]
        layers = layers or kinds
        if (
            kinds != layers
            or not arrays
            or any(a.dtype.kind not in _KINDS for a in arrays.values())
        ):
            raise InputError(f"patch {number} is {kinds}, the first is {layers}: a store holds "
                             "numbers, and patches of one make")  # fmt: skip
        content = [a.astype(a.dtype.newbyteorder("<"), copy=False) for a in arrays.values()]
        frame = squeeze.compress(b"".join(a.tobytes() for a in content))
        firsts.append(firsts[-1] + file.write(frame))
        places.append((*map(int, patch.get("place", (0, 0, 0))), int(patch.get("aim", -1))))
    if not places:
        raise InputError(
            "there is no patch to store: none holds enough data, or none was asked for"
        )
    text = json.dumps({"layers": layers, "facts": facts}, sort_keys=True).encode()
    tables = np.array(firsts, "<i8").tobytes() + np.array(places, "<i8").tobytes()
    index = squeeze.compress(text + tables)
    file.write(index)
    file.write(_TAIL.pack(firsts[-1], len(index), len(text), len(places), _END))
    return len(places)


class PatchStore:
    """Random access to a file of `write_patches`: a map-style dataset of PyTorch, without torch.

    Item *i* is a dict as a `PatchStream` gives it: the layers by name, `place` and `aim`. The file
    is mapped, never read whole; each process maps it for itself.
    """

    def __init__(
        self, path: Path | str, *, transform: Callable[[Patch], Patch] | None = None
    ) -> None:
        """Open a store.

        Args:
            path: the file.
            transform: applied to every patch.

        Raises:
            InputError: missing, cut short, damaged, or no store.
        """
        self.path, self.transform = Path(path).absolute(), transform
        self._zstd = _zstd()
        self._map = self._mapped()
        index = self._index()
        self.layers: dict[str, tuple[np.dtype[Any], tuple[int, ...]]] = index[0]
        self.facts: dict[str, Any] = index[1]
        self._firsts, self.places = index[2], index[3]
        self._bytes = sum(_size(*layer) for layer in self.layers.values())

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self.path, self.transform)

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, number: int) -> Patch:
        """Read one patch; damage to it raises InputError."""
        if not -len(self) <= number < len(self):
            raise IndexError(number)
        number %= len(self)
        content = self._frame(int(self._firsts[number]), int(self._firsts[number + 1]), self._bytes,
                              f"patch {number}")  # fmt: skip
        patch: Patch = {}
        start = 0
        for name, (dtype, shape) in self.layers.items():
            values = np.frombuffer(content, dtype, math.prod(shape), start).reshape(shape)
            patch[name] = values.astype(dtype.newbyteorder("="))
            start += values.nbytes
        patch |= {"place": self.places[number, :3].copy(), "aim": int(self.places[number, 3])}
        return patch if self.transform is None else self.transform(patch)

    def _mapped(self) -> mmap.mmap:
        try:
            with self.path.open("rb") as file:
                head = file.read(len(_MAGIC))
                if head != _MAGIC:
                    raise InputError(
                        f"{self.path} is no store of patches: make one with write_patches"
                    )
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise InputError(f"{self.path} cannot be read: {error.strerror}") from error

    def _index(self) -> tuple[dict[str, Any], dict[str, Any], np.ndarray, np.ndarray]:
        """(layers, facts, first bytes, places), once they agree with each other and the file."""
        tail = self._map[-_TAIL.size :]
        if len(tail) < _TAIL.size or tail[-len(_END) :] != _END:
            raise self._damage("it was cut short: its end is missing")
        first, length, letters, count, _ = _TAIL.unpack(tail)
        if first + length + _TAIL.size != len(self._map):
            raise self._damage(f"its end states {first + length + _TAIL.size} bytes, it has "
                               f"{len(self._map)}")  # fmt: skip
        content = self._frame(first, first + length, letters + 8 * (5 * count + 1), "the index")
        try:
            said = json.loads(content[:letters])
            layers = {str(n): _layer(dtype, shape) for n, dtype, shape in said["layers"]}
            facts = dict(said["facts"])
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise self._damage("its index makes no sense") from error
        tables = np.frombuffer(content, "<i8", offset=letters).astype(np.int64)
        firsts, places = tables[: count + 1], tables[count + 1 :].reshape(count, 4)
        if (
            not count
            or (np.diff(firsts) <= 0).any()
            or (firsts[0], firsts[-1]) != (len(_MAGIC), first)
        ):
            raise self._damage("its index points outside of it")
        return layers, facts, firsts, places

    def _frame(self, start: int, end: int, size: int, what: str) -> bytes:
        """The content of one frame, of a size that is known beforehand."""
        # A map of a file that was cut since ends the process by a signal when it is read.
        if self.path.stat().st_size < len(self._map):
            raise self._damage("it is shorter than when it was opened")
        frame = self._map[start:end]
        try:
            if size > _MOST or self._zstd.frame_content_size(frame) != size:
                raise self._damage(f"{what} is not of the size it should be")
            return bytes(self._zstd.ZstdDecompressor().decompress(frame, max_output_size=size))
        except self._zstd.ZstdError as error:
            raise self._damage(f"{what} does not unpack ({error})") from error

    def _damage(self, why: str) -> InputError:
        return InputError(f"{self.path} is damaged: {why}; make it again")


def _reopen(path: Path, transform: Callable[[Patch], Patch] | None) -> PatchStore:
    return PatchStore(path, transform=transform)


def _layer(dtype: str, shape: list[int]) -> tuple[np.dtype[Any], tuple[int, ...]]:
    kind, sides = np.dtype(dtype), tuple(int(n) for n in shape)
    if kind.kind not in _KINDS or min(sides, default=1) < 1 or _size(kind, sides) > _MOST:
        raise ValueError(f"{dtype} {shape}")
    return kind, sides


def _size(dtype: np.dtype[Any], shape: tuple[int, ...]) -> int:
    return dtype.itemsize * math.prod(shape)
