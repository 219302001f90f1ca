"""A product that stands, read back whole so that it can be reviewed and issued again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from geopandas import GeoDataFrame
from odc.geo.geobox import GeoBox

from geomage.errors import InputError
from geomage.geo import check_raster, read_vectors
from geomage.mapping.given import OUTSIDE_EXTENT, OUTSIDE_IMAGE
from geomage.product.folder import ProductPaths, product_paths, sha256_of
from geomage.product.grading import BY_EYE, NOT_ANALYSED, PROBABILITIES, WORDS

__all__ = ["Standing", "changed_files", "read_buildings", "read_record", "read_standing"]

OUTSIDE: Final = (OUTSIDE_IMAGE, OUTSIDE_EXTENT)
"""Reasons of a building that the map does not reach."""
_AGAIN: Final = "map the images again, or take a copy that was not touched"
_NEEDED: Final = ("building_id", "damage_gra", "confidence", "reason", "grade", *PROBABILITIES)


@dataclass(frozen=True)
class Standing:
    """What a product says of itself and of its buildings."""

    paths: ProductPaths
    manifest: Mapping[str, Any]
    box: GeoBox  # grid of its rasters
    buildings: GeoDataFrame  # as `grading.graded` gives them, with ``det_method``

    @property
    def out_of_sight(self) -> np.ndarray:
        """(building,) bool: those that lie outside the map."""
        reason = self.buildings["reason"].to_numpy(object)
        return np.isin(reason.astype(str), OUTSIDE)

    @property
    def version(self) -> int:
        """1 where the product does not say."""
        order = self.manifest.get("order")
        stated = order.get("version") if isinstance(order, Mapping) else None
        return stated if type(stated) is int and stated > 0 else 1


def read_standing(out: Path, *, check: Sequence[str] | None = None) -> Standing:
    """Read a product of two dates back.

    Args:
        out: the product folder.
        check: names of the files to hold against the manifest; all of them when None.

    Raises:
        InputError: it is none, was changed by hand, is damaged, or speaks of one date alone.
    """
    paths = product_paths(out)
    manifest = read_record(paths)
    changed = changed_files(paths, manifest, check)
    if changed:
        raise InputError(f"{changed[0]}; {_AGAIN}")
    if check is None:
        refuse_contradiction(paths, manifest)
    if "damage" not in paths.rasters:
        raise InputError(f"{out} was made from one date: it has no damage to grade")
    box = check_raster(paths.rasters["damage"]).box
    return Standing(paths, manifest, box, read_buildings(paths, box))


def read_record(paths: ProductPaths) -> Mapping[str, Any]:
    """The manifest.

    Raises:
        InputError: it is damaged.
    """
    try:
        record = json.loads(paths.manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{paths.manifest} is damaged: {error}; {_AGAIN}") from error
    whole = isinstance(record, dict) and isinstance(record.get("files"), dict)
    if not whole or not all(isinstance(one, dict) for one in record["files"].values()):
        raise InputError(f"{paths.manifest} is damaged: it lists no files; {_AGAIN}")
    odd = [name for name, is_whole in _WHOLE.items() if not is_whole(record.get(name))]
    if odd:
        raise InputError(f"{paths.manifest} is damaged at its {odd[0]}; {_AGAIN}")
    return dict(record)


def _is_record(value: Any) -> bool:
    return value is None or isinstance(value, dict)


def _are_inputs(value: Any) -> bool:
    """Whether each input has its role, name and hash."""
    if not isinstance(value, list):
        return False
    return all(
        isinstance(one, dict)
        and all(isinstance(one.get(name), str) for name in ("role", "name", "sha256"))
        for one in value
    )


def _is_history(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(v, dict) for v in value))


_WHOLE: Final[Mapping[str, Callable[[Any], bool]]] = {
    "inputs": _are_inputs,
    "parameters": lambda value: isinstance(value, dict),
    "order": _is_record,
    "accuracy": _is_record,
    "history": _is_history,
}


def refuse_contradiction(paths: ProductPaths, manifest: Mapping[str, Any]) -> None:
    """Raise InputError when the manifest says other things than the files whose hashes it lists.

    Nothing holds the hash of the manifest itself; what it says of how the product was made and of
    its name stands in ``item.json`` as well, its accuracy in ``summary.json``.
    """
    item, summary = (_read(path) for path in (paths.item, paths.summary))
    made = (item.get("properties") or {}).get("geomage:parameters")
    named = manifest.get("product")
    order = manifest.get("order") or {}
    same = {
        "parameters": made == {**manifest["parameters"], "product": named},
        "accuracy": manifest.get("accuracy") == summary.get("accuracy"),
        "order": not order or {name: order.get(name) for name in named or ()} == named,
    }
    odd = [name for name, is_same in same.items() if not is_same]
    if odd:
        raise InputError(
            f"{paths.manifest} was edited: what it says of its {odd[0]} is not what the "
            f"files it lists say; {_AGAIN}"
        )


def _read(path: Path) -> dict[str, Any]:
    """A record of a product that is not damaged; nothing where it has none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {}


def changed_files(
    paths: ProductPaths, manifest: Mapping[str, Any], names: Sequence[str] | None = None
) -> list[str]:
    """What is no longer as the manifest lists it, a sentence each.

    Args:
        paths: the product.
        manifest: its record.
        names: which files; all that are listed when None.
    """
    return [
        said
        for name, stated in manifest["files"].items()
        if (names is None or name in names) and (said := _change(paths.folder, name, stated))
    ]


def _change(folder: Path, name: str, stated: Mapping[str, Any]) -> str:
    path = folder / name
    if Path(name).name != name or not path.is_file():
        return f"{folder} is not whole: {name} is missing"
    if path.stat().st_size != stated.get("bytes") or sha256_of(path) != stated.get("sha256"):
        return f"{path} is not the file that manifest.json lists: it was edited or damaged"
    return ""


def _refuse_odd_numbers(paths: ProductPaths, frame: GeoDataFrame) -> None:
    """Raise InputError where a share is none, or an unseen building has one.

    A building graded by eye has no confidence.
    """
    seen = (frame["damage_gra"] != NOT_ANALYSED).to_numpy()
    for name in ("confidence", *PROBABILITIES):
        values = pd.to_numeric(frame[name], errors="coerce").to_numpy(float)
        by_eye = name == "confidence" and "det_method" in frame
        needed = seen & (frame["det_method"] != BY_EYE).to_numpy() if by_eye else seen
        none = np.isnan(values)
        odd = frame["building_id"][(values < 0) | (values > 1) | (none & needed) | ~(none | seen)]
        if len(odd):
            raise InputError(
                f"{paths.vectors}: {name} of building {odd.iloc[0]} is no share; {_AGAIN}"
            )


def read_buildings(paths: ProductPaths, box: GeoBox) -> GeoDataFrame:
    """The buildings with the words they have, in the CRS of the grid.

    Raises:
        InputError: the layer lacks a column, or a word is none of ours.
    """
    frame = read_vectors(paths.vectors, "builtUpA")
    missing = [name for name in _NEEDED if name not in frame.columns]
    if missing or not isinstance(frame, GeoDataFrame):
        raise InputError(f"{paths.vectors}: the layer builtUpA lacks {missing}; {_AGAIN}")
    odd = sorted({str(word) for word in frame["damage_gra"]} - {*WORDS})
    if odd:
        raise InputError(f"{paths.vectors}: damage_gra holds {', '.join(odd[:4])}; {_AGAIN}")
    if (frame.geometry.isna() | frame.geometry.is_empty).any():
        raise InputError(f"{paths.vectors}: a building has no shape; {_AGAIN}")
    if frame["building_id"].duplicated().any():
        raise InputError(f"{paths.vectors}: two buildings share a building_id; {_AGAIN}")
    unseen = (frame["damage_gra"] == NOT_ANALYSED).to_numpy()
    _refuse_odd_numbers(paths, frame)
    reason = np.where(unseen, frame["reason"].to_numpy(object), None)
    grade = frame["grade"].fillna(0).astype(int)
    frame = frame.assign(grade=grade, reason=reason, not_analysed_reason=reason)
    return frame if box.crs is None else frame.to_crs(box.crs.to_wkt())
