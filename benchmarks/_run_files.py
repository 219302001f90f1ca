"""Runs of a benchmark that several processes wrote, each to a file of its own."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def runs_of(paths: Iterable[Path]) -> list[Row]:
    """Runs of all files; of one part, arm or objective, and seed the first that is found."""
    found: dict[tuple[Any, ...], Row] = {}
    for path in paths:
        for row in json.loads(path.read_text("utf-8"))["runs"]:
            key = tuple(row.get(name) for name in ("part", "arm", "objective", "seed"))
            found.setdefault(key, row)
    return list(found.values())


def write_runs(path: Path, facts: dict[str, Any]) -> None:
    """Write everything so far; a run that is killed meanwhile leaves what there was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(facts, indent=1), encoding="utf-8")
    part.replace(path)
