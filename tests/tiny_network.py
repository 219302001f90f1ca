"""A model small enough to be worked by hand, in the exported form, for tests of mapping.

Building is a steep function of mean brightness over 5 x 5 px of the first date; damage and change
follow from how much brighter or darker the same mean is at the second date; what turns white is
obscured.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the extra [train] brings onnx, which writes the model")

from geomage.model.card import METADATA_KEY, ModelCard  # noqa: E402  (after the skip)

REACH = 2  # px, how far the model looks


def write_tiny_network(path: Path, **card: Any) -> Path:
    """Write the model; keywords replace entries of its card."""
    helper = onnx.helper
    facts = {"name": "tiny", "version": "0", "gsd_min": 0.3, "gsd_max": 1.0, "gsd": 0.5}
    facts |= {"stride": 8, "halo": 16} | card
    floats = onnx.TensorProto.FLOAT
    images = [helper.make_tensor_value_info(n, floats, ["b", 3, "y", "x"]) for n in _IMAGES]
    said = [helper.make_tensor_value_info(n, floats, ["b", k, "y", "x"]) for n, k in _SAID]
    constants = [
        onnx.numpy_helper.from_array(np.asarray(value, "float32"), name)
        for name, value in _CONSTANTS.items()
    ]
    nodes = [
        helper.make_node(kind, inputs.split(), [output], **options)
        for kind, inputs, output, options in _NODES
    ]
    graph = helper.make_graph(nodes, "tiny", images, said, constants)
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=9)
    helper.set_model_props(model, {METADATA_KEY: ModelCard(**facts).to_json()})
    onnx.save(model, str(path))
    return path


_IMAGES = ("before", "after")
_SAID = (("landcover", 8), ("damage", 4), ("flags", 3))
_CONSTANTS = {
    "mean": np.full((1, 3, 5, 5), 1 / 75),
    "steep": 40.0,
    "half": 0.5,
    "quarter": 0.25,
    "bright": 0.9,
    "one": 1.0,
    "nil": 0.0,
    "others": np.r_[np.full(7, 1 / 7), 0].reshape(1, 8, 1, 1),
    "itself": np.r_[np.zeros(7), 1].reshape(1, 8, 1, 1),
}
_NODES: list[tuple[str, str, str, dict[str, Any]]] = [
    ("Conv", "before mean", "first", {"pads": [2, 2, 2, 2]}),
    ("Conv", "after mean", "second", {"pads": [2, 2, 2, 2]}),
    ("Sub", "first half", "over", {}),
    ("Mul", "over steep", "sharp", {}),
    ("Sigmoid", "sharp", "building", {}),
    ("Sub", "one building", "rest", {}),
    ("Mul", "rest others", "spread", {}),
    ("Mul", "building itself", "place", {}),
    ("Add", "spread place", "landcover", {}),
    ("Sub", "first second", "gap", {}),
    ("Abs", "gap", "size", {}),
    ("Sub", "size quarter", "large", {}),
    ("Mul", "large steep", "larger", {}),
    ("Sigmoid", "larger", "change", {}),
    ("Sub", "one change", "same", {}),
    ("Mul", "change nil", "none", {}),
    ("Concat", "same none none change", "damage", {"axis": 1}),
    ("Sub", "second bright", "glare", {}),
    ("Mul", "glare steep", "glaring", {}),
    ("Sigmoid", "glaring", "white", {}),
    ("Sub", "first bright", "dazzle", {}),
    ("Mul", "dazzle steep", "dazzling", {}),
    ("Sigmoid", "dazzling", "ever", {}),
    ("Sub", "one ever", "new", {}),
    ("Mul", "white new", "cloud", {}),
    ("Concat", "none change cloud", "flags", {"axis": 1}),
]
