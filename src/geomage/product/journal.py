"""What a reviewer did to a product, line by line: a file that only grows, each line chained.

One JSON object a line, in the order of time::

    {"n": 4, "at": "2026-05-01T03:12:09+00:00", "who": "ana", "what": "grade", …,
     "after": "<hash of line 3>", "hash": "<hash of this line>"}

``hash`` is the SHA-256 of the object without it, as JSON with sorted keys and no spaces; ``after``
is the hash of the line before, or 64 zeros. So a line that was changed, taken out or put in is
found; one that lacks at the end is not, which only a copy elsewhere can show. A line is on the
disk before the page is told that its edit is kept.

``what`` is ``open`` (with the product's version and the hash of its manifest), ``grade`` (with
``building``, ``grade`` 0 to 4, and what it ``was``; a grade of None takes an edit back), ``sample``
(with the strata drawn), ``begin`` (with the version that is being made), ``give up`` (with the
version that was not) or ``reissue`` (with the version made and where).
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from geomage.errors import InputError, OutputError
from geomage.product.journal_words import is_sound

__all__ = [
    "ENCLOSED",
    "LONGEST_NAME",
    "Edit",
    "Journal",
    "edits_of",
    "journal_beside",
    "open_journal",
    "read_lines",
]

ENCLOSED: Final = "review.jsonl"
"""Name of the lines that led to a product, within it."""
_FIRST: Final = "0" * 64
LONGEST_NAME: Final = 80
_MOST_BYTES: Final = 2**28

Line = Mapping[str, Any]


@dataclass(frozen=True)
class Edit:
    """The word that stands for a building after all that was done."""

    building: int | str
    grade: int  # 1 to 4, 0 not analysed
    who: str
    at: str


def journal_beside(out: Path) -> Path:
    """Where the journal of a product lies: beside it, for the product itself is not touched."""
    folder = Path(out).absolute()
    return folder.with_name(f"{folder.name}.review.jsonl")


def read_lines(path: Path) -> list[Line]:
    """All lines of a journal, each checked against the one before.

    A last line without its end is what a cut of power leaves of an edit that was never
    confirmed: it is passed over.

    Raises:
        InputError: a line was changed, taken out, or is none of ours.
    """
    data = _bytes(path)
    lines: list[Line] = []
    after = _FIRST
    for number, text in enumerate(data[: data.rfind(b"\n") + 1].splitlines(), 1):
        line = _line(path, number, text)
        if lines and line["after"] != after:
            raise _changed(path, number, "does not follow from the line before")
        lines.append(line)
        after = line["hash"]
    return lines


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InputError(
                f"{path} is larger than {_MOST_BYTES >> 20} MiB: no review is that long"
            )
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error


def _line(path: Path, number: int, text: bytes) -> Line:
    try:
        line = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise _changed(path, number, "is not JSON") from error
    if not isinstance(line, dict) or not is_sound(line):
        raise _changed(path, number, "is no line of a review")
    if line["hash"] != _hash(line):
        raise _changed(path, number, "does not have the hash of what it says")
    return line


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def _changed(path: Path, number: int, how: str) -> InputError:
    return InputError(
        f"{path}, line {number} {how}: the journal was changed after it was written; take a copy "
        "that was not"
    )


def _hash(line: Line) -> str:
    bare = {name: value for name, value in line.items() if name != "hash"}
    text = json.dumps(bare, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


class Journal:
    """A journal held open by this process alone; made by `open_journal`."""

    def __init__(self, path: Path, file: int, lines: list[Line], after: str) -> None:
        self.path = path
        self.lines = lines
        self._file = file
        self._after = after

    def add(self, who: str, what: str, /, **facts: Any) -> Line:
        """Append one line; it is on the disk when this returns.

        Raises:
            OutputError: the disk is full, or the file cannot be written.
        """
        line: dict[str, Any] = {
            "n": len(self.lines) + 1,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "who": who[:LONGEST_NAME],
            "what": what,
            **facts,
            "after": self._after,
        }
        line["hash"] = _hash(line)
        self._append(json.dumps(line, ensure_ascii=True, allow_nan=False).encode() + b"\n")
        self.lines.append(line)
        self._after = line["hash"]
        return line

    def _append(self, text: bytes) -> None:
        end = os.fstat(self._file).st_size
        try:
            if os.write(self._file, text) != len(text):
                raise OSError("the disk is full")  # noqa: TRY301 -- undone below, like any other
            os.fsync(self._file)
        except OSError as error:
            os.ftruncate(self._file, end)
            raise OutputError(f"cannot write {self.path}: {error.strerror or error}") from error


@contextmanager
def open_journal(path: Path, follows: Sequence[Line] = ()) -> Iterator[Journal]:
    """Hold a journal to add to, a new one where there is none.

    Args:
        path: the file.
        follows: lines of the version before, which a new journal goes on from.

    Raises:
        InputError: it was changed by hand.
        OutputError: another review holds it, or it cannot be written.
    """
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
    try:
        _hold(file, path)
        lines = read_lines(path)
        _cut_torn(file, path)
        before = lines or list(follows)
        yield Journal(path, file, lines, before[-1]["hash"] if before else _FIRST)
    finally:
        if os.fstat(file).st_size == 0:
            path.unlink(missing_ok=True)
        os.close(file)


def _hold(file: int, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise OutputError(
            f"another review is writing {path}: close it first, or work on a copy of the product"
        ) from error
    except OSError:
        return  # a file system without locks


def _cut_torn(file: int, path: Path) -> None:
    """Remove what stands after the last end of a line, or the next line would be lost with it."""
    data = _bytes(path)
    whole = data.rfind(b"\n") + 1
    if whole != len(data):
        os.ftruncate(file, whole)


def edits_of(lines: Sequence[Line]) -> dict[int | str, Edit]:
    """What stands for each building that was graded, by id, in the order of its last edit."""
    found: dict[int | str, Edit] = {}
    for line in lines:
        if line["what"] != "grade":
            continue
        found.pop(line["building"], None)
        if line["grade"] is not None:
            found[line["building"]] = Edit(line["building"], line["grade"], line["who"], line["at"])
    return found
