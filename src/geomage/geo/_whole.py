"""Is the file of an image all there? A look at offsets and end marks; no pixel is decoded."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from geomage.errors import InputError

_OFFSETS, _COUNTS = (273, 324), (279, 325)  # TIFF tags: strips, tiles
_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 4, 6: 1, 7: 1, 8: 2, 9: 4, 13: 4, 16: 8, 17: 8, 18: 8}  # bytes
_TAIL = 65536  # bytes at the end searched for an end mark


def refuse_partial(file: Path, driver: str) -> None:
    """Raise InputError when the file ends before what its own directory says it holds."""
    if driver == "GTiff":
        _refuse_partial_tiff(file)
    elif driver in ("PNG", "JPEG"):
        mark = b"IEND" if driver == "PNG" else b"\xff\xd9"
        with file.open("rb") as stream:
            stream.seek(max(0, file.stat().st_size - _TAIL))
            if mark not in stream.read():
                raise InputError(f"{file} is truncated: its {driver} end mark is missing")


@dataclass(frozen=True)
class _Layout:
    """Byte order and field sizes: classic TIFF or BigTIFF."""

    order: str
    big: bool

    @property
    def entry(self) -> str:
        return self.order + ("HHQ" if self.big else "HHI")

    @property
    def word(self) -> str:
        return self.order + ("Q" if self.big else "I")

    @property
    def slot(self) -> int:
        return 8 if self.big else 4


def _refuse_partial_tiff(file: Path) -> None:
    size = file.stat().st_size
    with file.open("rb") as stream:
        try:
            end = _last_byte(stream)
        except (struct.error, EOFError, ValueError) as error:
            raise InputError(f"{file} is truncated: its TIFF directory is cut short") from error
    if end > size:
        raise InputError(
            f"{file} is truncated: its directory asks for {end} bytes, the file has {size}; "
            "fetch it again"
        )


def _last_byte(stream: BinaryIO) -> int:
    """The byte after the last block that any directory of the file points at."""
    head = stream.read(16)
    order = "<" if head[:2] == b"II" else ">"
    layout = _Layout(order, struct.unpack(order + "H", head[2:4])[0] == 43)
    where = struct.unpack(layout.word, head[8:16] if layout.big else head[4:8])[0]
    end, seen = 0, set[int]()
    while where and where not in seen and len(seen) < 256:
        seen.add(where)
        blocks, where = _directory(stream, layout, where)
        end = max(end, blocks)
    return end


def _directory(stream: BinaryIO, layout: _Layout, where: int) -> tuple[int, int]:
    """(end of the furthest block of one directory, place of the next directory)."""
    stream.seek(where)
    count_form = layout.order + ("Q" if layout.big else "H")
    count = struct.unpack(count_form, _take(stream, struct.calcsize(count_form)))[0]
    if count > 4096:
        raise ValueError(count)
    width = struct.calcsize(layout.entry[0] + layout.entry[1:3]) + 2 * layout.slot
    table = _take(stream, count * width)
    following = struct.unpack(layout.word, _take(stream, layout.slot))[0]
    offsets = counts = np.zeros(0, np.uint64)
    for row in range(count):
        tag, kind, number = struct.unpack_from(layout.entry, table, row * width)
        if tag in _OFFSETS + _COUNTS:
            slot = table[(row + 1) * width - layout.slot : (row + 1) * width]
            values = _values(stream, layout, kind, number, slot)
            offsets, counts = (values, counts) if tag in _OFFSETS else (offsets, values)
    if offsets.size == 0 or offsets.size != counts.size:
        return 0, following
    return int((offsets + counts)[offsets > 0].max(initial=0)), following


def _values(stream: BinaryIO, layout: _Layout, kind: int, number: int, slot: bytes) -> np.ndarray:
    """The unsigned integers of one tag, stored in the slot itself or elsewhere in the file."""
    width = _WIDTHS.get(kind, 1)
    if width * number > layout.slot:
        stream.seek(struct.unpack(layout.word, slot)[0])
        data = _take(stream, width * number)
    else:
        data = slot[: width * number]
    return np.frombuffer(data, f"{layout.order}u{width}").astype(np.uint64)


def _take(stream: BinaryIO, count: int) -> bytes:
    # Asked in pieces, so that a lying count meets the end of the file before it meets memory.
    pieces, left = [], count
    while left > 0:
        piece = stream.read(min(left, 1 << 24))
        if not piece:
            raise EOFError
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)
