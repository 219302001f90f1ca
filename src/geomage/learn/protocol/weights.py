"""Weights of a pre-trained encoder: found in a run folder or a file, and put into a network."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from geomage.errors import InputError
from geomage.model.architecture import EarthNetwork
from geomage.model.blueprint import ENCODERS, TIMM

__all__ = ["Weights", "find_weights", "put_weights"]

_FILES = ("network.safetensors", "checkpoint.safetensors")
_PREFIXES = ("averaged.encoder.", "encoder.", "network.encoder.", "modules.network.encoder.", "")


@dataclass(frozen=True)
class Weights:
    """Where an encoder comes from: its name, and its file where it has one."""

    encoder: str
    path: Path | None = None

    def as_dict(self) -> dict[str, Any]:
        """Name, file and the beginning of its sha256."""
        digest = self.path and hashlib.sha256(self.path.read_bytes()).hexdigest()[:16]
        file = None if self.path is None else self.path.name
        return {"encoder": self.encoder, "file": file, "sha256": digest}


def find_weights(model: str) -> Weights:
    """Read what MODEL names: an encoder, a run folder, or a file in one.

    Raises:
        InputError: neither, or a file whose recipe does not tell its encoder.
    """
    path = Path(model)
    if model in ENCODERS or model.startswith(TIMM):
        return Weights(model)
    if path.is_dir():
        found = next((path / name for name in _FILES if (path / name).is_file()), None)
        if found is None:
            raise InputError(f"{path} is no run folder: it holds none of {', '.join(_FILES)}")
        path = found
    if path.suffix != ".safetensors" or not path.is_file():
        raise InputError(
            f"{model} is no encoder: give a run folder, a file of weights (.safetensors) in one, "
            f"or a name: {', '.join(ENCODERS)}, {TIMM}NAME"
        )
    return Weights(_told_encoder(path), path)


def _told_encoder(path: Path) -> str:
    recipe = path.parent / "recipe.json"
    try:
        told = _architecture(json.loads(recipe.read_text("utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{recipe} cannot be read: it tells the encoder of {path}") from error
    if told is None:
        raise InputError(f"{recipe} tells no architecture with an encoder: is it a run folder?")
    return told


def _architecture(table: Any) -> str | None:
    """The encoder of the first table named `architecture`, however deep."""
    if not isinstance(table, dict):
        return None
    own = table.get("architecture")
    if isinstance(own, dict) and isinstance(own.get("encoder"), str):
        return str(own["encoder"])
    return next((name for value in table.values() if (name := _architecture(value))), None)


def put_weights(weights: Weights, network: EarthNetwork) -> None:
    """Load the encoder's weights, if there are any, and freeze it.

    Raises:
        InputError: the file holds another encoder.
    """
    encoder: nn.Module = network.encoder
    if weights.path is not None:
        encoder.load_state_dict(_matching(weights.path, encoder))
    encoder.requires_grad_(requires_grad=False).eval()


def _matching(path: Path, encoder: nn.Module) -> dict[str, Tensor]:
    """The tensors of an encoder, under whichever name a run keeps them."""
    tensors = _read(path)
    wanted = {name: value.shape for name, value in encoder.state_dict().items()}
    for prefix in _PREFIXES:
        own = {n.removeprefix(prefix): v for n, v in tensors.items() if n.startswith(prefix)}
        if {name: value.shape for name, value in own.items()} == wanted:
            return own
    raise InputError(f"{path} holds no encoder of this form: does its recipe belong to it?")


def _read(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
