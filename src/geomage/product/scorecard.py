"""A score as a table for people; machines take its JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from geomage.product.page.wording import NOTHING, percent

__all__ = ["score_table"]

_RATIOS: Final = {"precision": "precision", "recall": "recall", "f1": "F1", "iou": "IoU"}
_COUNTS: Final = {"found": "found", "missed": "missed", "not_analysed": "not analysed"}
_INDENT: Final = "  "


def score_table(record: Mapping[str, Any]) -> str:
    """Lines a terminal shows as they are.

    Args:
        record: what `Score.as_dict` gives.
    """
    parts = [_detection(record["buildings"]), _pixels(record["building_pixels"])]
    if record["damage"] is None:
        parts.append("Damage was not scored.")
    else:
        damage = record["damage"]
        parts += [_ratios(damage), _confusion(damage), _words(damage)]
        if damage["unknown_grade"]:
            parts.append(
                f"{damage['unknown_grade']:,} buildings of the reference have no known grade: they"
                " count as buildings, not in the tables of damage."
            )
    return "\n\n".join(parts)


def _detection(found: Mapping[str, Any]) -> str:
    whole = found["reference"]
    rows = [
        [name, f"{found[key]:,}", percent(found[key] / whole if whole else None)]
        for key, name in _COUNTS.items()
    ]
    left = f"; {found['too_small']:,} too small to judge" if found["too_small"] else ""
    lines = [f"Buildings of the reference: {whole:,}{left}", *_aligned(rows)]
    lines.append(
        f"Buildings of the map: {found['mapped']:,}, of which {found['false']:,}"
        f" ({percent(found['false_share'])}) are none in the reference"
    )
    return "\n".join([*lines, f"A building is {found['rule']}."])


def _pixels(found: Mapping[str, Any]) -> str:
    said = ", ".join(f"{name} {_ratio(found[key])}" for key, name in _RATIOS.items())
    return f"Building pixels: {said}"


def _ratios(damage: Mapping[str, Any]) -> str:
    rows = [["", "buildings", *_RATIOS.values()]]
    for name, one in damage["all"]["by_class"].items():
        rows.append([name, f"{one['buildings']:,}", *(_ratio(one[key]) for key in _RATIOS)])
    head = "Damage, over all buildings of the reference (missed or not analysed is wrong)"
    means = (
        f"macro-F1 {_ratio(damage['all']['macro_f1'])};"
        f" over the buildings found {_ratio(damage['found']['macro_f1'])}"
        " (means over the classes that are true or said)"
    )
    return "\n".join([head, *_aligned(rows), _INDENT + means])


def _confusion(damage: Mapping[str, Any]) -> str:
    return _table(damage, "confusion", "the map says (columns)")


def _words(damage: Mapping[str, Any]) -> str:
    return _table(damage, "words", "the word of the map (columns)")


def _table(damage: Mapping[str, Any], name: str, columns: str) -> str:
    """Counts by class of the reference."""
    table = damage[name]
    rows = [["", *table["columns"]]]
    for truth, counts in zip(damage["classes"], table["counts"], strict=True):
        rows.append([truth, *(f"{count:,}" for count in counts)])
    head = f"Buildings by what the reference says (rows) and {columns}"
    return "\n".join([head, *_aligned(rows)])


def _ratio(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """The first column to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        _INDENT
        + "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
