"""The exported model: one ONNX file that says what it is, run without torch."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort
from jaxtyping import Float32, UInt8

from geomage.errors import GeomageError, ModelError
from geomage.model.backends import (
    DEFAULT_BACKEND,
    Runner,
    as_shares,
    find_backend,
    find_precision,
)
from geomage.model.blueprint import ARCHITECTURE_KEY
from geomage.model.card import INPUTS, METADATA_KEY, ModelCard
from geomage.model.gate import refuse_ungated
from geomage.model.run_onnxruntime import open_session, run_session

__all__ = ["Model", "Prediction", "default_model_path", "load_model"]

LARGEST_FILE = 512 * 2**20  # bytes; a model beyond it is refused before it is read
CHANNELS = {"landcover": 8, "damage": 4, "flags": 3}
_COUNTS, _SHARES = "tensor(uint8)", "tensor(float)"  # what graphs take: counts, or counts / 255


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
    """A loaded model: its card, what runs it and how exactly."""

    def __init__(
        self, path: Path, card: ModelCard, run: Runner, backend: str, precision: str
    ) -> None:
        self.path = path
        self.card = card
        self.backend = backend
        self.precision = precision
        self._run = run

    def predict(
        self, before: UInt8[np.ndarray, "batch 3 y x"], after: UInt8[np.ndarray, "_ 3 _ _"]
    ) -> Prediction:
        """Run on counts; y and x are multiples of `card.stride`.

        The answers leave out `card.trim` px at each side of the images.
        """
        _check_images(before, after, self.card)
        said = self._run(*(np.ascontiguousarray(image) for image in (before, after)))
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


def load_model(
    path_or_name: Path | str = "default",
    threads: int | None = None,
    *,
    backend: str = DEFAULT_BACKEND,
    precision: str | None = None,
    accept_loss: bool = False,
) -> Model:
    """Open a model file, or the shipped one by the name "default".

    Every file is opened by ONNX Runtime first, whatever runs it in the end: it takes no weights
    from outside, and what it cannot open goes no further.

    Args:
        path_or_name: an ONNX file exported by geomage, or "default".
        threads: threads inside one call; all cores of this process when None.
        backend: one of `BACKENDS`.
        precision: what it computes in; that of the file when None. Lower ones than fp32 must have
            passed the accuracy gate, as the card of the model says.
        accept_loss: run in a precision that has not passed the gate.

    Raises:
        ModelError: the file is missing, is not ONNX, keeps its weights outside, was not exported by
            geomage, or has not passed the gate for this precision.
        InputError: no such backend or precision.
        MissingExtraError: the backend is not installed.
    """
    runs = find_backend(backend)
    if precision is not None:
        find_precision(backend, precision)
    path = default_model_path() if str(path_or_name) == "default" else Path(path_or_name)
    if not path.is_file():
        raise ModelError(f"{path}: no such model file; give an ONNX file exported by geomage")
    if not 0 < path.stat().st_size <= LARGEST_FILE:
        raise ModelError(f"{path}: {path.stat().st_size} bytes cannot be a model of geomage")
    content, threads = path.read_bytes(), threads or len(os.sched_getaffinity(0))
    with _blamed(path, "cannot be opened as an ONNX model"):
        session = open_session(content, threads if backend == DEFAULT_BACKEND else 1)
    card = _read_card(path, session)
    counts = _takes_counts(path, session)
    precision = _agreed(path, card, backend, precision)
    if not accept_loss:
        refuse_ungated(path, card, backend, precision)
    if backend == DEFAULT_BACKEND:
        return Model(path, card, _fed(run_session(session), counts), backend, precision)
    del session
    module = runs.require()
    with _blamed(path, f"cannot be run by {backend}"):
        run = module.open_runner(content, threads, precision)
    return Model(path, card, _fed(run, counts), backend, precision)


def _fed(run: Runner, counts: bool) -> Runner:  # noqa: FBT001 -- one of two forms of one thing
    """Feed counts to a graph that takes them, or counts / 255 to one of the older form."""
    if counts:
        return run

    def scaled(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return run(as_shares(before), as_shares(after))

    return scaled


@contextmanager
def _blamed(path: Path, what: str) -> Iterator[None]:
    """Turn what a library raises into a ModelError of one line; they have no common base."""
    try:
        yield
    except GeomageError as error:
        raise ModelError(f"{path}: {error}") from error
    except Exception as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise ModelError(f"{path}: {what}: {reason}") from error


def _read_card(path: Path, session: ort.InferenceSession) -> ModelCard:
    facts = session.get_modelmeta().custom_metadata_map
    text = facts.get(METADATA_KEY)
    if text is None and ARCHITECTURE_KEY in facts:
        raise ModelError(
            f"{path}: a network that learnt from chips, which makes no map: that takes a model of "
            "`geomage train line`; docs/learning.md shows how to ask this one"
        )
    if text is None:
        raise ModelError(f"{path}: an ONNX file, but not exported by geomage (it has no card)")
    with _blamed(path, "its card cannot be read"):
        return ModelCard.from_json(text)


def _agreed(path: Path, card: ModelCard, backend: str, precision: str | None) -> str:
    """The precision asked for, if the weights in the file and the backend can serve it."""
    if precision is None:
        return find_precision(backend, card.precision)
    if (card.precision == "int8") != (precision == "int8"):
        raise ModelError(
            f"{path}: keeps its weights in {card.precision} and cannot be run in {precision}; "
            "make an int8 model with geomage quantise, or give the fp32 one"
        )
    return precision


def _takes_counts(path: Path, session: ort.InferenceSession) -> bool:
    """Whether a graph takes counts, not counts / 255; all else is as the contract has it."""
    inputs = {node.name: list(node.shape) for node in session.get_inputs()}
    outputs = {node.name: list(node.shape) for node in session.get_outputs()}
    if set(inputs) != set(INPUTS) or any(len(s) != 4 or s[1] != 3 for s in inputs.values()):
        raise ModelError(f"{path}: inputs {inputs} are not before and after (batch, 3, y, x)")
    if set(outputs) != set(CHANNELS):
        raise ModelError(f"{path}: outputs {sorted(outputs)} are not {sorted(CHANNELS)}")
    kinds = {node.type for node in session.get_inputs()}
    if kinds not in ({_COUNTS}, {_SHARES}):
        raise ModelError(f"{path}: inputs of {', '.join(sorted(kinds))} are no counts")
    return kinds == {_COUNTS}


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
