"""What the encoder of an exported model sees, layer by layer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx

from geomage.adapt.plausibility.scoring import Layers
from geomage.errors import ModelError
from geomage.model import default_model_path
from geomage.model.run_onnxruntime import open_session

__all__ = ["open_layers"]

_INSIDE = "/encoder/"


def open_layers(model: Path | None = None, batch: int = 32) -> Layers:
    """Cut the encoder out of a model file; it takes chips 0..1 of red, green and blue.

    Args:
        model: an ONNX file; the shipped one when None.
        batch: chips at once.

    Raises:
        ModelError: the file holds no encoder of ours.
    """
    path = default_model_path() if model is None else model
    proto = onnx.load_from_string(path.read_bytes())
    names = _ends(proto.graph)
    if not names:
        raise ModelError(f"{path}: no encoder is found in its graph")
    del proto.graph.output[:]
    del proto.graph.node[1 + _last(proto.graph, names) :]
    floats = onnx.TensorProto.FLOAT
    proto.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, floats, [None] * 4) for name in names
    )
    session = open_session(proto.SerializeToString(), 1)
    counts = session.get_inputs()[0].type == "tensor(uint8)"

    def see(chips: np.ndarray) -> list[np.ndarray]:
        parts = []
        for first in range(0, len(chips), batch):
            image = chips[first : first + batch].astype(np.float32)
            image = np.rint(255 * image).clip(0, 255).astype(np.uint8) if counts else image
            # Where both dates go through one encoder as one batch, the second is left out.
            second = image if counts else image[:1]
            said = session.run(names, {"before": image, "after": second})
            parts.append([layer[: len(image)] for layer in said])
        return [np.concatenate(layers) for layers in zip(*parts, strict=True)]

    return see


def _last(graph: onnx.GraphProto, names: list[str]) -> int:
    """Place of the node behind which none makes what is wanted; nodes stand in order of work."""
    return max(k for k, node in enumerate(graph.node) if set(node.output) & set(names))


def _ends(graph: onnx.GraphProto) -> list[str]:
    """Values of the encoder of the first date that something outside takes, from fine to coarse."""
    outside = {
        name
        for node in graph.node
        if not any(_INSIDE in made for made in node.output)
        for name in node.input
    }
    seen = {"before"}  # and what comes of it
    for node in graph.node:
        if seen & set(node.input):
            seen |= set(node.output)
    made = [name for node in graph.node for name in node.output if name in seen]
    return [name for name in made if _INSIDE in name and name in outside]
