"""A run's state on disk: one safetensors file, replaced at once, that resumes exactly."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from geomage.errors import InputError, OutputError
from geomage.geo.space import why_unwritten
from geomage.learn.loop_state import follow_weights
from geomage.learn.precision import has_bfloat16
from geomage.learn.recipe import Recipe
from geomage.model.network import Network, NetworkParams

__all__ = [
    "Learner",
    "follow",
    "learner_of",
    "new_learner",
    "read_averaged",
    "read_learner",
    "write_learner",
]


Net = TypeVar("Net", bound=nn.Module)
"""A network that says `Logits` of two dates."""


@dataclass
class Learner(Generic[Net]):
    """Everything a step changes."""

    network: Net
    averaged: Net
    """Exponential moving average of the network, the one exported."""
    optimiser: torch.optim.AdamW
    bfloat16: bool
    """Whether it computes in mixed precision, from the first step to the last."""
    step: int = 0

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return next(self.network.parameters()).device


def network_params(recipe: Recipe) -> NetworkParams:
    """The widths a recipe asks for."""
    if len(recipe.widths) != 5:
        raise InputError(f"recipe: widths = {recipe.widths} must hold 5 numbers")
    a, b, c, d, e = recipe.widths
    return NetworkParams((a, b, c, d, e), recipe.decoder, recipe.context)


def new_learner(recipe: Recipe, device: torch.device | None = None) -> Learner[Network]:
    """A fresh network from the recipe's seed, in channels-last layout, on the CPU or a device."""
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed)
        network = Network(network_params(recipe))
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.weight.data = layer.weight.data.contiguous(memory_format=torch.channels_last)
    return learner_of(network.to(device), recipe)


def learner_of(network: Net, recipe: Recipe) -> Learner[Net]:
    """A learner that begins with a network as it is, on the device that holds it."""
    averaged = copy.deepcopy(network).eval().requires_grad_(requires_grad=False)
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    own = has_bfloat16(next(network.parameters()).device)
    mixed = own if recipe.bfloat16 is None else recipe.bfloat16
    return Learner(network, averaged, optimiser, mixed)


def follow(learner: Learner[Any], decay: float) -> None:
    """Move the average towards the network; a young average moves faster."""
    young = (1 + learner.step) / (10 + learner.step)
    follow_weights(learner.averaged, learner.network, 1 - min(decay, young))


def write_learner(path: Path, learner: Learner[Any], fingerprint: str) -> None:
    """Write a checkpoint under a temporary name, then move it."""
    tensors: dict[str, Tensor] = {}
    for name, value in learner.network.state_dict().items():
        tensors[f"network.{name}"] = value
    for name, value in learner.averaged.state_dict().items():
        tensors[f"averaged.{name}"] = value
    for k, state in learner.optimiser.state_dict()["state"].items():
        for name, value in state.items():
            tensors[f"optimiser.{k}.{name}"] = value
    tensors = {name: value.contiguous() for name, value in tensors.items()}
    part = path.with_suffix(".part")
    facts = {"step": learner.step, "recipe": fingerprint, "bfloat16": learner.bfloat16}
    try:
        save_file(tensors, part, {"geomage": json.dumps(facts)})
        part.replace(path)
    except (SafetensorError, OSError) as error:
        raise OutputError(f"cannot write {path}: {why_unwritten(error, path.parent)}") from error
    finally:
        part.unlink(missing_ok=True)


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, int | str]]:
    try:
        with safe_open(path, "pt") as file:
            facts = dict(json.loads((file.metadata() or {})["geomage"]))
            return {name: file.get_tensor(name) for name in file.keys()}, facts  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise InputError(f"{path}: not a checkpoint of geomage: {error}") from error


@contextmanager
def _fitting(path: Path) -> Iterator[None]:
    """Around what takes the tensors of a checkpoint up: one of another network is an InputError."""
    try:
        yield
    except (RuntimeError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: does not fit its recipe: choose another run folder") from error


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): v for n, v in tensors.items() if n.startswith(prefix)}


def read_learner(
    path: Path, recipe: Recipe, fingerprint: str, device: torch.device | None = None
) -> Learner[Network]:
    """Take a run up where its checkpoint left it; another recipe is refused."""
    tensors, facts = _read(path)
    if facts.get("recipe") != fingerprint:
        raise InputError(f"{path}: belongs to another recipe; choose another run folder")
    learner = new_learner(recipe, device)
    with _fitting(path):
        learner.network.load_state_dict(_under(tensors, "network."))
        learner.averaged.load_state_dict(_under(tensors, "averaged."))
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in _under(tensors, "optimiser.").items():
            k, key = name.split(".")
            state.setdefault(int(k), {})[key] = value
        groups = learner.optimiser.state_dict()["param_groups"]
        learner.optimiser.load_state_dict({"state": state, "param_groups": groups})
        learner.step = int(facts["step"])
        learner.bfloat16 = bool(facts["bfloat16"])
    return learner


def read_averaged(path: Path, recipe: Recipe) -> tuple[Network, int]:
    """The averaged network of a checkpoint, ready to predict, and its step."""
    tensors, facts = _read(path)
    network = Network(network_params(recipe))
    with _fitting(path):
        network.load_state_dict(_under(tensors, "averaged."))
        step = int(facts["step"])
    return network.eval().requires_grad_(requires_grad=False), step
