"""One file of 32-bit weights to one file of 8-bit ones, by ranges seen on calibration pairs.

Static quantisation with ONNX Runtime's own tools: 8-bit weights with a scale for each output
channel, 8-bit unsigned activations with a scale and a zero for each tensor, written as pairs of
QuantizeLinear and DequantizeLinear (QDQ) that any ONNX runtime understands. What turns logits into
probabilities stays in float32.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from jaxtyping import UInt8
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from geomage.model.backends import as_shares
from geomage.model.card import INPUTS, METADATA_KEY, ModelCard
from geomage.model.gate import Gate

__all__ = ["Pair", "keep_gates", "quantise_onnx"]

Pair = UInt8[np.ndarray, "2 3 y x"]
"""Counts of both dates."""
OPERATORS = (
    *("Conv", "Relu", "Add", "Concat", "Resize", "Slice", "DepthToSpace", "AveragePool"),
    "MaxPool",
)
"""What computes in 8 bits. Left out: Sub and Abs, Exp and sums of the softmax."""


class _Pairs(CalibrationDataReader):  # type: ignore[misc]  # ONNX Runtime asks for a subclass
    """Calibration pairs as ONNX Runtime takes them."""

    def __init__(self, pairs: Iterator[Pair], *, counts: bool) -> None:
        self.pairs = pairs
        self.counts = counts  # whether the graph takes them, or counts / 255

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Hand out the next pair."""
        pair = next(self.pairs, None)
        if pair is None:
            return None
        images = pair if self.counts else as_shares(pair)
        return dict(zip(INPUTS, images[:, None], strict=True))


def quantise_onnx(source: Path, out: Path, pairs: Iterator[Pair], calibration: str) -> Path:
    """Write the int8 form of an fp32 model; its card has no gate yet.

    Args:
        source: a model file that `load_model` has opened.
        out: file to write, at once or not at all.
        pairs: what ranges are measured on.
        calibration: the same in words, for the card.
    """
    quiet = logging.getLogger()
    level = quiet.level
    quiet.setLevel(logging.ERROR)  # it warns of pre-processing that is done below
    try:
        with TemporaryDirectory(prefix="geomage-") as place:
            plain, small = Path(place) / "plain.onnx", Path(place) / "small.onnx"
            kinds = {one.type.tensor_type.elem_type for one in onnx.load(str(source)).graph.input}
            quant_pre_process(str(source), str(plain), skip_symbolic_shape=True)
            quantize_static(
                str(plain),
                str(small),
                _Pairs(pairs, counts=kinds == {onnx.TensorProto.UINT8}),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=list(OPERATORS),
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
            )
            model = onnx.load(str(small))
    finally:
        quiet.setLevel(level)
    card = _card_of(onnx.load(str(source)))
    card = replace(card, precision="int8", calibration=calibration, gates={})
    return _save(model, card, out)


def keep_gates(source: Path, out: Path, gates: Mapping[str, Gate]) -> Path:
    """Copy a model with measurements added to its card."""
    model = onnx.load(str(source))
    card = _card_of(model)
    facts = {name: gate.as_dict() for name, gate in gates.items()}
    return _save(model, replace(card, gates={**card.gates, **facts}), out)


def _card_of(model: onnx.ModelProto) -> ModelCard:
    texts = {one.key: one.value for one in model.metadata_props}
    return ModelCard.from_json(texts[METADATA_KEY])


def _save(model: onnx.ModelProto, card: ModelCard, out: Path) -> Path:
    onnx.helper.set_model_props(model, {METADATA_KEY: card.to_json()})
    onnx.checker.check_model(model)
    part = out.with_suffix(".part")
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        onnx.save(model, str(part))
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return out
