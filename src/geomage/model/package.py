"""The exported model: one ONNX file that says what it is, run without torch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort
from jaxtyping import Float, Float32

from geomage.errors import ModelError
from geomage.model.card import METADATA_KEY, ModelCard

__all__ = ["Model", "Prediction", "default_model_path", "load_model"]

LARGEST_FILE = 512 * 2**20  # bytes; a model beyond it is refused before it is read
INPUTS = ("before", "after")
CHANNELS = {"landcover": 8, "damage": 4, "flags": 3}


@dataclass(frozen=True)
class Prediction:
    """Probabilities of each pixel."""

    landcover: Float32[np.ndarray, "batch 8 y x"]
    """Classes 1..8 of the first date."""
    damage: Float32[np.ndarray, "batch 4 y x"]
    """Grades 1..4 at the second date, given a building."""
    flags: Float32[np.ndarray, "batch 3 y x"]
    """Water at the second date, changed, obscured."""


class Model:
    """A loaded model: its card and how to run it."""

    def __init__(self, path: Path, session: ort.InferenceSession, card: ModelCard) -> None:
        self.path = path
        self.card = card
        self._session = session

    def predict(
        self, before: Float[np.ndarray, "batch 3 y x"], after: Float[np.ndarray, "_ 3 _ _"]
    ) -> Prediction:
        """Run on counts / 255 in 0..1; y and x are multiples of `card.stride`.

        The answers leave out `card.trim` px at each side of the images.
        """
        _check_images(before, after, self.card)
        feed = {
            name: np.ascontiguousarray(image, np.float32)
            for name, image in zip(INPUTS, (before, after), strict=True)
        }
        said = self._session.run(list(CHANNELS), feed)
        self._check_answers(said, before.shape)
        return Prediction(*said)

    def _check_answers(self, said: Sequence[np.ndarray], seen: tuple[int, ...]) -> None:
        """A card that states another trim than the graph has would move the map."""
        y, x = (side - 2 * self.card.trim for side in seen[2:])
        for name, one in zip(CHANNELS, said, strict=True):
            if one.shape != (seen[0], CHANNELS[name], y, x):
                raise ModelError(
                    f"{self.path}: {name} is {one.shape} for images of {seen}, not what the "
                    f"card's trim of {self.card.trim} px leaves; export the model again"
                )


def default_model_path() -> Path:
    """Where the model shipped with the package lies."""
    return Path(__file__).parent / "weights" / "default.onnx"


def load_model(path_or_name: Path | str = "default", threads: int | None = None) -> Model:
    """Open a model file, or the shipped one by the name "default".

    Args:
        path_or_name: an ONNX file exported by geomage, or "default".
        threads: threads inside one call; all cores of this process when None.

    Raises:
        ModelError: the file is missing, is not ONNX, keeps its weights outside, or was not
            exported by geomage.
    """
    path = default_model_path() if str(path_or_name) == "default" else Path(path_or_name)
    if not path.is_file():
        raise ModelError(f"{path}: no such model file; give an ONNX file exported by geomage")
    if not 0 < path.stat().st_size <= LARGEST_FILE:
        raise ModelError(f"{path}: {path.stat().st_size} bytes cannot be a model of geomage")
    session = _open(path, threads or len(os.sched_getaffinity(0)))
    text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    if text is None:
        raise ModelError(f"{path}: an ONNX file, but not exported by geomage (it has no card)")
    try:
        card = ModelCard.from_json(text)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    _check_signature(path, session)
    return Model(path, session, card)


def _open(path: Path, threads: int) -> ort.InferenceSession:
    """Build a session from bytes, so that no weight can come from another file."""
    options = ort.SessionOptions()
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return ort.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has no common base of its errors
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise ModelError(f"{path}: cannot be opened as an ONNX model: {reason}") from error


def _check_signature(path: Path, session: ort.InferenceSession) -> None:
    """Inputs and outputs are those of the contract."""
    inputs = {node.name: list(node.shape) for node in session.get_inputs()}
    outputs = {node.name: list(node.shape) for node in session.get_outputs()}
    if set(inputs) != set(INPUTS) or any(len(s) != 4 or s[1] != 3 for s in inputs.values()):
        raise ModelError(f"{path}: inputs {inputs} are not before and after (batch, 3, y, x)")
    if set(outputs) != set(CHANNELS):
        raise ModelError(f"{path}: outputs {sorted(outputs)} are not {sorted(CHANNELS)}")


def _check_images(before: np.ndarray, after: np.ndarray, card: ModelCard) -> None:
    for name, image in (("before", before), ("after", after)):
        if image.ndim != 4 or image.shape[1] != 3:
            raise ModelError(f"{name}: expected (batch, 3, y, x), got {image.shape}")
        sides = image.shape[2:]
        if sides[0] % card.stride or sides[1] % card.stride or 0 in image.shape:
            raise ModelError(
                f"{name}: sides {sides} must be positive multiples of {card.stride} px"
            )
        if min(sides) <= 2 * card.trim:
            raise ModelError(
                f"{name}: sides {sides} leave nothing to answer: the model trims {card.trim} px "
                "at each side"
            )
    if before.shape != after.shape:
        raise ModelError(f"before {before.shape} and after {after.shape} differ in shape")
