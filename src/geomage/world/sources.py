"""What an imported city was made from: kept with it, so that anyone can make it again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from geomage.errors import InputError
from geomage.geo.features import Bounds

__all__ = ["ImportParams", "Source", "describe_source"]


@dataclass(frozen=True)
class Source:
    """One file or folder that was read."""

    role: str  # osm, bdtopo, buildings, streets, trees, dtm, ortho
    name: str
    sha256: str
    size: int  # bytes


@dataclass(frozen=True)
class ImportParams:
    """An imported city: its sources, its place, and what was made of them."""

    sources: tuple[Source, ...]
    crs: str
    bounds: Bounds  # of the terrain, metres in `crs`
    bbox: Bounds | None  # W, S, E, N in degrees, where one was asked for
    seed: int
    counts: Mapping[str, int]  # what was given, inferred, repaired, left out
    remarks: tuple[str, ...]
    kind: str = "import"

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, which `of` reads."""
        return asdict(self)

    @staticmethod
    def of(record: Mapping[str, Any]) -> ImportParams:
        """Read what `as_dict` made of one, through JSON.

        Raises:
            KeyError, TypeError, ValueError: it is not what was written.
        """
        bbox = record["bbox"]
        return ImportParams(
            sources=tuple(Source(**source) for source in record["sources"]),
            crs=str(record["crs"]),
            bounds=_four(record["bounds"]),
            bbox=None if bbox is None else _four(bbox),
            seed=int(record["seed"]),
            counts={str(name): int(count) for name, count in record["counts"].items()},
            remarks=tuple(str(remark) for remark in record["remarks"]),
        )


def describe_source(role: str, path: Path) -> Source:
    """Fingerprint a file, or all files of a folder in the order of their names."""
    digest, size = hashlib.sha256(), 0
    try:
        for file in sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]:
            with file.open("rb") as stream:
                while piece := stream.read(1 << 20):
                    digest.update(piece)
                    size += len(piece)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    return Source(role, path.name, digest.hexdigest(), size)


def _four(values: list[float]) -> Bounds:
    left, bottom, right, top = (float(value) for value in values)
    return left, bottom, right, top
