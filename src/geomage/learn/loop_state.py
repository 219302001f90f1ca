"""What a step of the loop changes, on disk: one safetensors file, replaced at once."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from geomage.errors import InputError, OutputError
from geomage.geo.space import why_unwritten
from geomage.learn.objective import ChipBatch, Objective, StepBatch

__all__ = [
    "State",
    "follow_weights",
    "move_average",
    "new_state",
    "read_batch",
    "read_state",
    "read_tensors",
    "to_device",
    "write_batch",
    "write_state",
    "write_tensors",
]


@dataclass
class State:
    """Everything a step changes."""

    objective: Objective
    averaged: nn.Module
    """Exponential moving average of `modules["network"]`: pictured, judged and exported."""
    optimiser: torch.optim.AdamW
    step: int = 0

    @property
    def trained(self) -> list[nn.Parameter]:
        """What the optimiser moves."""
        return [p for group in self.optimiser.param_groups for p in group["params"]]


def new_state(objective: Objective, weight_decay: float) -> State:
    """A run at its first step. Vectors (biases, norms) do not decay."""
    averaged = copy.deepcopy(objective.modules["network"]).eval()
    trained = [p for p in objective.modules.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW([g for g in groups if g["params"]], lr=0.0)
    return State(objective, averaged.requires_grad_(requires_grad=False), optimiser)


@torch.no_grad()
def move_average(state: State, decay: float) -> None:
    """Move the average towards the network; a young average moves faster."""
    weight = 1 - min(decay, (1 + state.step) / (10 + state.step))
    follow_weights(state.averaged, state.objective.modules["network"], weight)


@torch.no_grad()
def follow_weights(mine: nn.Module, theirs: nn.Module, weight: float) -> None:
    """Move all numbers of a network towards those of its twin; counters are copied."""
    ours, wanted = mine.state_dict(), theirs.state_dict()
    moving = [name for name, value in ours.items() if value.is_floating_point()]
    ends = [wanted[name].to(ours[name].dtype) for name in moving]
    move = get_ema_multi_avg_fn(1 - weight)  # type: ignore[no-untyped-call]
    move([ours[name] for name in moving], ends, 0)
    for name in ours.keys() - set(moving):
        ours[name].copy_(wanted[name])


# ------------------------------------------------------------------------------ files


def write_tensors(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Write tensors under a temporary name, then move them; facts are JSON values."""
    own = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    part = path.with_suffix(".part")
    try:
        save_file(own, part, {"geomage": json.dumps(dict(facts))})
        part.replace(path)
    except (SafetensorError, OSError) as error:
        raise OutputError(f"cannot write {path}: {why_unwritten(error, path.parent)}") from error
    finally:
        part.unlink(missing_ok=True)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `write_tensors` wrote."""
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise InputError(f"{path}: not a file of a run of geomage: it is no file")
    try:
        with safe_open(path, "pt") as file:
            facts = dict(json.loads((file.metadata() or {})["geomage"]))
            return {name: file.get_tensor(name) for name in file.keys()}, facts  # noqa: SIM118
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not a file of a run of geomage: it tells of none") from error
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: not a file of a run of geomage: {error}") from error


def write_state(path: Path, state: State, facts: Mapping[str, Any]) -> None:
    """Write a checkpoint, with facts of the run: `recipe`, its mark, and `bfloat16`."""
    tensors = {f"modules.{n}": t for n, t in state.objective.modules.state_dict().items()}
    tensors |= {f"averaged.{n}": t for n, t in state.averaged.state_dict().items()}
    for k, values in state.optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{k}.{n}": t for n, t in values.items()}
    write_tensors(path, tensors, {"step": state.step, **facts})


def read_state(path: Path, state: State, mark: str) -> bool | None:
    """Take a run up where its checkpoint left it; return whether it computes in bfloat16.

    None where the version that wrote it did not say, for it knew only what the recipe stated.

    Raises:
        InputError: no checkpoint, or one of another recipe.
    """
    tensors, facts = read_tensors(path)
    if facts.get("recipe") != mark:
        raise InputError(
            f"{path}: belongs to another recipe ({facts.get('recipe')}, this one is {mark}); "
            "choose another run folder"
        )
    try:
        state.objective.modules.load_state_dict(_under(tensors, "modules."))
        state.averaged.load_state_dict(_under(tensors, "averaged."))
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in _under(tensors, "optimiser.").items():
            k, key = name.split(".")
            moments.setdefault(int(k), {})[key] = value
        groups = state.optimiser.state_dict()["param_groups"]
        state.optimiser.load_state_dict({"state": moments, "param_groups": groups})
        state.step = _step_of(facts["step"], moments)
    except (RuntimeError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: does not fit this version: choose another folder") from error
    began = facts.get("bfloat16")
    return None if began is None else bool(began)


def _step_of(told: int, moments: Mapping[int, object]) -> int:
    """The step of a checkpoint; ValueError where it is none, or its optimiser would start anew."""
    if type(told) is not int or told < 0 or (told > 0 and not moments):
        raise ValueError(told)
    return told


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): v for n, v in tensors.items() if n.startswith(prefix)}


# ------------------------------------------------------------------------------ batches


def _parts(batch: StepBatch) -> Iterator[tuple[str, ChipBatch]]:
    for name, part in zip(batch._fields, batch, strict=True):
        if part is not None:
            yield name, part


def write_batch(path: Path, batch: StepBatch, facts: Mapping[str, Any]) -> None:
    """Write a batch, to be looked at or tried again."""
    tensors = {
        f"{name}.{field}": tensor
        for name, part in _parts(batch)
        for field, tensor in zip(part._fields, part, strict=True)
    }
    write_tensors(path, tensors, facts)


def read_batch(path: Path) -> StepBatch:
    """Read what `write_batch` wrote."""
    tensors, _ = read_tensors(path)
    given = {name.split(".")[0] for name in tensors}
    parts = {name: ChipBatch(**_under(tensors, f"{name}.")) for name in sorted(given)}
    return StepBatch(parts.get("labelled"), parts.get("unlabelled"), parts.get("other"))


def to_device(batch: StepBatch, device: torch.device) -> StepBatch:
    """Bring a batch to where the network is."""
    if device.type == "cpu":
        return batch
    moved = {
        name: ChipBatch(*(t.to(device, non_blocking=True) for t in part))
        for name, part in _parts(batch)
    }
    return batch._replace(**moved)
