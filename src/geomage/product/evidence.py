"""The images a product was made from, found again and known by their hashes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from odc.geo.geobox import GeoBox

from geomage.errors import InputError
from geomage.product.folder import ProductPaths, sha256_of

__all__ = ["Evidence", "find_images", "shift_of"]

ROLES: Final = ("before", "after")
_FARTHEST_M: Final = 1000.0  # no shift that is measured comes near it


@dataclass(frozen=True)
class Evidence:
    """The images of both dates, and how those of the second lie on the grid."""

    before: tuple[Path, ...]
    after: tuple[Path, ...]
    box: GeoBox  # grid of the product
    shift_m: tuple[float, float]  # (east, north) by which the second date lies off it

    def of(self, role: str) -> tuple[tuple[Path, ...], tuple[float, float]]:
        """Images of a date, the top one first, and their shift in metres."""
        return (self.before, (0.0, 0.0)) if role == "before" else (self.after, self.shift_m)


def shift_of(facts: Mapping[str, Any]) -> tuple[float, float]:
    """(east, north) metres by which the second date lies off the grid; zeros where not known.

    Raises:
        InputError: it states something else.
    """
    stated = facts.get("shift")
    shift: Mapping[str, Any] = stated if isinstance(stated, Mapping) else {}
    if not shift or shift.get("reason"):
        return (0.0, 0.0)
    moved = shift.get("dx_m"), shift.get("dy_m")
    if not all(isinstance(one, int | float) and abs(one) <= _FARTHEST_M for one in moved):
        raise InputError(
            f"the manifest says that the second date lies {moved} m off, which is no shift: take a "
            "copy of the product that was not touched"
        )
    return (float(shift["dx_m"]), float(shift["dy_m"]))


def find_images(
    paths: ProductPaths,
    manifest: Mapping[str, Any],
    box: GeoBox,
    given: Mapping[str, Sequence[Path]],
) -> Evidence:
    """Find every image the manifest names, by its hash.

    Each is looked for among the files given, then where the manifest says it lay from the product,
    beside the product, and in the current folder.

    Args:
        paths: the product.
        manifest: its record.
        box: its grid.
        given: files by role, ``before`` and ``after``, where they have moved.

    Raises:
        InputError: one is missing or is another file than the one that was mapped.
    """
    found: dict[str, list[Path]] = {role: [] for role in ROLES}
    hashes: dict[Path, str] = {}
    for one in manifest.get("inputs") or ():
        role, name, sha256 = str(one["role"]), str(one["name"]), str(one["sha256"])
        if role not in ROLES:
            continue
        candidates = [*given.get(role, ()), *_places(paths.folder, one)]
        found[role].append(_known(candidates, role, name, sha256, hashes))
    facts = manifest.get("parameters") or {}
    return Evidence(tuple(found["before"]), tuple(found["after"]), box, shift_of(facts))


def _places(folder: Path, one: Mapping[str, Any]) -> Iterator[Path]:
    """Where an image may lie that nobody has moved."""
    name = Path(str(one["name"])).name
    if isinstance(one.get("path"), str):
        yield folder / one["path"]
    yield folder.absolute().parent / name
    yield Path.cwd() / name


def _known(
    candidates: Sequence[Path], role: str, name: str, sha256: str, hashes: dict[Path, str]
) -> Path:
    """The first file with the hash; each is read once."""
    others = []
    for path in candidates:
        if not path.is_file():
            continue
        if path not in hashes:
            hashes[path] = sha256_of(path)
        if hashes[path] == sha256:
            return path
        others.append(path)
    option = f"say where it lies with --{role} FILE"
    if others:
        raise InputError(
            f"{others[0]} is not the {name} that was mapped (its sha256 begins "
            f"{hashes[others[0]][:8]}, not {sha256[:8]}); {option}"
        )
    raise InputError(f"the image {name} ({role}) is no longer where it was; {option}")
