"""Whether a worker elsewhere is like this process: same files before it, same code, same libraries.

Results are the same bytes only where these are the same.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["Likeness", "likeness", "makers", "unlike"]

_LIBRARIES = ("numba", "numpy", "onnxruntime", "pyproj", "rasterio", "scipy", "shapely")


@dataclass(frozen=True)
class Likeness:
    """What every worker must share with the process that asks it to work."""

    mark: Path
    content: str
    """Digest of what stands in the mark: another file of that name is not the same."""
    code: str
    libraries: tuple[tuple[str, str], ...]


def likeness(mark: Path) -> Likeness:
    """What this process is like."""
    return Likeness(mark, _digest(mark), _code(), _libraries())


def makers() -> dict[str, str]:
    """What bytes depend on beside input and parameters: the package's code, and its libraries."""
    return {"code": _code(), **dict(_libraries())}


@cache
def unlike(asked: Likeness) -> str | None:
    """Say in what this process differs, and what to do; None where it is alike."""
    place = asked.mark.parent
    try:
        content = _digest(asked.mark)
    except OSError:
        return f"does not see {place}: the output must lie on a file system that all workers share"
    if content != asked.content:
        return f"sees another {asked.mark}: the output must lie on a file system that all share"
    if _code() != asked.code:
        return "runs another version of geomage: install this one"
    for (name, there), (_, here) in zip(asked.libraries, _libraries(), strict=True):
        if there != here:
            return f"has {name} {here} where this process has {there}: install the same"
    return None


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@cache
def _code() -> str:
    """Digest of every source file of the package."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def _libraries() -> tuple[tuple[str, str], ...]:
    return tuple((name, _version(name)) for name in _LIBRARIES)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"
