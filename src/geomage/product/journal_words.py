"""What a line of a review may say, kind by kind: the hash of a line proves no more than its chain.

Anyone can make a line whose hash is right, another program as well; what it says is checked here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from geomage.product.grading import WORDS

__all__ = ["is_sound"]

_GRADES: Final = (0, 1, 2, 3, 4, None)
_LAST_VERSION: Final = 99


def is_sound(line: Mapping[str, Any]) -> bool:
    """Whether a line has what its kind needs; kinds that are not known need nothing."""
    texts = all(isinstance(line.get(name), str) for name in ("at", "who", "what", "after", "hash"))
    return texts and _KINDS.get(line["what"], _anything)(line)


def _anything(_line: Mapping[str, Any]) -> bool:
    return True


def _opens(line: Mapping[str, Any]) -> bool:
    return isinstance(line.get("manifest"), str)


def _grades(line: Mapping[str, Any]) -> bool:
    grade = line.get("grade", "")
    known = (grade is None or type(grade) is int) and grade in _GRADES
    return known and type(line.get("building")) in (int, str) and _is_count(line.get("n"))


def _samples(line: Mapping[str, Any]) -> bool:
    strata = line.get("strata")
    drawn = isinstance(strata, list) and all(_is_stratum(one) for one in strata)
    return drawn and _is_count(line.get("size")) and _is_count(line.get("seed"))


def _is_stratum(one: Any) -> bool:
    if not isinstance(one, dict) or not isinstance(one.get("name"), str):
        return False
    rows, size = one.get("rows"), one.get("size")
    if not isinstance(rows, list) or not all(_is_count(row) for row in rows):
        return False
    whole = type(size) is int and size > 0 and len({*rows}) == len(rows) <= size
    return whole and one.get("word") in WORDS


def _reissues(line: Mapping[str, Any]) -> bool:
    version = line.get("version")
    return type(version) is int and 0 < version <= _LAST_VERSION


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


_KINDS: Final[Mapping[str, Callable[[Mapping[str, Any]], bool]]] = {
    "open": _opens,
    "grade": _grades,
    "sample": _samples,
    "begin": _reissues,
    "give up": _reissues,
    "reissue": _reissues,
}
