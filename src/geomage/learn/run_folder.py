"""The folder of a run: where its files lie, and its metrics, one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from geomage.errors import InputError, OutputError
from geomage.geo.folder import true_path
from geomage.geo.scratch import hold_alone
from geomage.geo.space import why_unwritten

__all__ = [
    "RunPaths",
    "forget_after",
    "note",
    "read_run_table",
    "refuse_other_run",
    "refuse_own",
    "refuse_strange",
    "work_alone",
]


class RunPaths:
    """Where the files of a run lie."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.recipe = out / "recipe.json"
        self.metrics = out / "metrics.jsonl"
        self.checkpoint = out / "checkpoint.safetensors"
        self.pictures = out / "pictures"
        self.model = out / "model.onnx"
        self.network = out / "network.safetensors"


@contextmanager
def work_alone(out: Path) -> Iterator[None]:
    """Make a run folder and hold it: of two runs of one folder, the later one is refused.

    Raises:
        OutputError: another run works there.
    """
    out.mkdir(parents=True, exist_ok=True)
    held = hold_alone(out)
    try:
        yield
    finally:
        held.release()


def refuse_strange(paths: RunPaths) -> None:
    """Raise InputError where a new run would write over files that no run made."""
    if paths.recipe.exists() or paths.checkpoint.exists():
        return
    for path in (paths.metrics, paths.model, paths.network):
        if path.exists():
            raise InputError(f"{path} is of no run of geomage: choose another run folder")


def refuse_other_run(paths: RunPaths, mark: str) -> object:
    """Raise InputError when the folder holds a run of another recipe than that of hash `mark`.

    Returns:
        What its run noted of its inputs; None where there is no run, or an older version's.
    """
    if not paths.recipe.exists():
        return None
    try:
        table = json.loads(paths.recipe.read_text("utf-8"))
        found, inputs = table["hash"], table.get("inputs")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{paths.recipe} is damaged; choose another run folder") from error
    if found != mark:
        raise InputError(f"{paths.out}: holds a run of another recipe; choose another folder")
    return inputs


def refuse_own(run: Path, out: Path) -> None:
    """Raise OutputError where an export would write over what a run goes on from."""
    paths = RunPaths(run)
    for path in (paths.recipe, paths.metrics, paths.checkpoint, paths.network):
        if true_path(out) == true_path(path):
            raise OutputError(f"{out} is a file of the run itself; choose another output")


def read_run_table(run: Path) -> dict[str, Any]:
    """The recipe that a run folder was made with, as the table it was read from.

    Raises:
        InputError: no run folder, or its recipe is damaged.
    """
    path = run / "recipe.json"
    try:
        table = json.loads(path.read_text("utf-8"))["recipe"]
    except OSError as error:
        raise InputError(f"{run}: not a run folder: {error.strerror} (recipe.json)") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path} is damaged: give another run folder") from error
    if not isinstance(table, dict):
        raise InputError(f"{path} is damaged: give another run folder")
    return table


def note(metrics: Path, line: Mapping[str, Any]) -> None:
    """Append one line of metrics."""
    try:
        with metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
    except OSError as error:
        reason = why_unwritten(error, metrics.parent)
        raise OutputError(f"cannot write {metrics}: {reason}") from error


def forget_after(metrics: Path, step: int) -> None:
    """Drop the lines a killed run wrote after its checkpoint, and one it did not finish."""
    lines = metrics.read_text("utf-8", "replace").splitlines() if metrics.exists() else []
    kept = [line for line in lines if _step_of(line) <= step]
    metrics.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")


def _step_of(line: str) -> float:
    """The step a line is about; after all others where it is broken off, or tells none."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")
