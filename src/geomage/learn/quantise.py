"""An int8 model from an fp32 one, its ranges measured on simulated pairs only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from geomage.data import StreamParams
from geomage.errors import InputError, ModelError
from geomage.learn.recipe import build, shipped_recipe
from geomage.learn.stream import MarkedPairs
from geomage.model import Model, ModelCard, load_model
from geomage.model.quantise import Pair, quantise_onnx

__all__ = ["CALIBRATION_PAIRS", "quantise_model"]

CALIBRATION_PAIRS = 12
FIRST = 10**6  # index in the stream; no recipe trains on pairs this far
MOST = 1000


def quantise_model(model: Path | str, out: Path, *, pairs: int = CALIBRATION_PAIRS) -> Path:
    """Write the int8 form of a model, without a gate.

    The pairs come from the stream the model was trained on, as its card tells it, from an index no
    training reaches.

    Raises:
        ModelError: the model cannot be read, or is no fp32 one.
        InputError: too many pairs or none.
    """
    if not 1 <= pairs <= MOST:
        raise InputError(f"--pairs {pairs} is outside 1..{MOST}: choose a number within")
    full = load_model(model, threads=1, accept_loss=True)
    if full.card.precision != "fp32":
        raise ModelError(f"{full.path}: is {full.card.precision} already; give the fp32 model")
    words = f"{pairs} simulated pairs, {FIRST}..{FIRST + pairs - 1} of its stream; no real image"
    return quantise_onnx(full.path, out, _simulated(full, pairs), words)


def _simulated(model: Model, count: int) -> Iterator[Pair]:
    table = model.card.recipe.get("stream") or shipped_recipe().stream
    stream = MarkedPairs(build(StreamParams, table, f"{model.path}, stream"))
    for index in tqdm(range(FIRST, FIRST + count), "calibrate", unit="pair", disable=None):
        yield _cut(stream.stack(index), model.card)


def _cut(stack: np.ndarray, card: ModelCard) -> Pair:
    """Both dates of a stored pair, sides brought to multiples of the stride.

    What the graph trims is put around them, mirrored, so that all of a pair is answered.
    """
    y, x = (side // card.stride * card.stride for side in stack.shape[1:])
    images = stack[:6, :y, :x].reshape(2, 3, y, x)
    rim = (card.trim, card.trim)
    return np.pad(images, ((0, 0), (0, 0), rim, rim), mode="symmetric")
