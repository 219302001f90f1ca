"""The folder of a run: where its files lie, and its metrics, one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["RunPaths", "forget_after", "note"]


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


def note(metrics: Path, line: Mapping[str, Any]) -> None:
    """Append one line of metrics."""
    with metrics.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def forget_after(metrics: Path, step: int) -> None:
    """Drop the lines a killed run wrote after its checkpoint, and one it did not finish."""
    lines = metrics.read_text("utf-8").splitlines() if metrics.exists() else []
    kept = [line for line in lines if _step_of(line) <= step]
    metrics.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")


def _step_of(line: str) -> float:
    """The step a line is about; after all others where it is broken off."""
    try:
        return float(json.loads(line)["step"])
    except ValueError:
        return float("inf")
