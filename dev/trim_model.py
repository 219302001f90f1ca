"""Rewrite a graph of the first line so that it costs less and says the same.

    python dev/trim_model.py OLD.onnx NEW.onnx [--halo 256] [--window 1024]

The shipped model was exported with its softmax as one operator, took shares instead of counts, and
computed every level over the whole window, halo and all. Its weights stay; the graph

- takes counts, scales them itself, and looks at one date after the other;
- cuts what the encoder found to what the decoders see of it, level by level, so that the halo is
  only seen and not answered (`trim` of the card);
- spells softmax out: ONNX Runtime turns the classes to the last axis and back for its own.

Answers of a window are those of the old graph in the middle of the same window, but for rounding.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from geomage.model import ModelCard
from geomage.model.card import INPUTS, METADATA_KEY

MARGINS = {2: 1, 4: 4, 8: 4, 16: 4, 32: 3}
"""Cells beyond the output that the decoders see, by how many pixels wide a cell is."""
LEVELS = {
    2: ("/network/encoder/stem/stem.2/Relu_output_0", "/network/Slice_output_0", ""),
    4: (
        "/network/encoder/levels.0/levels.0.1/Relu_output_0",
        "/network/Slice_1_output_0",
        "/network/Slice_2_output_0",
    ),
    8: (
        "/network/encoder/levels.1/levels.1.1/Relu_output_0",
        "/network/Slice_3_output_0",
        "/network/Slice_4_output_0",
    ),
    16: (
        "/network/encoder/levels.2/levels.2.1/Relu_output_0",
        "/network/Slice_5_output_0",
        "/network/Slice_6_output_0",
    ),
    32: (
        "/network/encoder/levels.3/levels.3.2/Relu_1_output_0",
        "/network/Slice_7_output_0",
        "/network/Slice_8_output_0",
    ),
}
"""What the encoder found, and its parts of the first and of the second date where the decoders take
them, by the width of a cell."""
COUNT_MEAN, COUNT_SCALE = 0.38, 0.2  # of counts / 255, as that network was trained
CENTRED = "/network/encoder/Div_output_0"
DECODERS = "/network/cover/lateral.3/Conv_output_0"  # their first value
CUTS = {
    # upsampled features lie on what is cut already; a 3 x 3 convolution spoils its outermost cell
    "/network/cover/Resize_output_0": 2 * 3 - 4,
    "/network/cover/Resize_1_output_0": 2 * 4 - 4,
    "/network/cover/Resize_2_output_0": 2 * 4 - 4,
    "/network/cover/mix.0/mix.0.2/Relu_output_0": 1,
    "/network/Resize_output_0": 2 * 3 - 1,
    "/network/cover_fine/cover_fine.2/Relu_output_0": 1,
    "/network/compare.0/compare.0.2/Relu_output_0": 1,
    "/network/change/Resize_output_0": 2 * 3 - 4,
    "/network/change/Resize_1_output_0": 2 * 4 - 4,
    "/network/change/Resize_2_output_0": 2 * 4 - 3,
    "/network/change/mix.0/mix.0.2/Relu_output_0": 1,
    "/network/change_fine/Relu_output_0": 2,
}
"""Cells to cut off at each side of a value of the decoders."""


class Rewriter:
    """Nodes added to a graph, in the order in which it computes."""

    def __init__(self, graph: GraphProto) -> None:
        self.graph = graph
        self.nodes: list[NodeProto] = []

    def constant(self, name: str, value: np.ndarray) -> str:
        """Keep a value under a name."""
        self.graph.initializer.append(numpy_helper.from_array(value, name))
        return name

    def add(self, kind: str, inputs: Sequence[str], output: str, **options: object) -> str:
        """Add a node; returns the name of its output."""
        self.nodes.append(helper.make_node(kind, list(inputs), [output], name=output, **options))
        return output

    def cut(self, value: str, cells: int, output: str = "") -> str:
        """Leave out so many cells at each side of a value; returns the name of what is left."""
        ends = {
            "starts": np.array([cells, cells]),
            "ends": np.array([-cells, -cells]),
            "axes": np.array([2, 3]),
        }
        names = [self.constant(f"{value}/cut/{name}", one) for name, one in ends.items()]
        made = self.add("Slice", [value, *names], output or f"{value}/cut")
        self.nodes[-1].name = f"{value}/cut"
        return made

    def shares(self, logits: str, output: str) -> None:
        """Softmax over classes."""
        axes = self.constant(f"{output}/axes", np.array([1]))
        top = self.add("ReduceMax", [logits, axes], f"{output}/top", keepdims=1)
        below = self.add("Sub", [logits, top], f"{output}/below")
        powers = self.add("Exp", [below], f"{output}/powers")
        total = self.add("ReduceSum", [powers, axes], f"{output}/total", keepdims=1)
        self.add("Div", [powers, total], output)


def rewritten(model: ModelProto, halo: int, window: int) -> ModelProto:
    """The same weights in the graph described above."""
    graph = model.graph
    encoder, decoders = _halves(list(graph.node))
    made = Rewriter(graph)
    for date in INPUTS:
        _encode(made, encoder, date, halo)
    known: dict[str, str] = {}
    for node in decoders:
        node.input[:] = [known.get(name, name) for name in node.input]
        if node.op_type == "Softmax":
            made.shares(node.input[0], node.output[0])
        else:
            made.nodes.append(node)
        known |= {name: made.cut(name, CUTS[name]) for name in node.output if name in CUTS}
    del graph.node[:], graph.value_info[:]
    graph.node.extend(made.nodes)
    _say_of_the_sides(graph)
    card = replace(_card(model), halo=halo, trim=halo, window=window)
    onnx.helper.set_model_props(model, {METADATA_KEY: card.to_json()})
    onnx.checker.check_model(model, full_check=True)
    return model


def _halves(nodes: list[NodeProto]) -> tuple[list[NodeProto], list[NodeProto]]:
    """The encoder from its first convolution on, and the decoders; dates are parted between."""
    kinds = [node.op_type for node in nodes]
    names = [node.output[0] for node in nodes]
    first, parted = kinds.index("Conv"), kinds.index("Shape")
    return nodes[first:parted], nodes[names.index(DECODERS) :]


def _encode(made: Rewriter, encoder: list[NodeProto], date: str, halo: int) -> None:
    """Encode one date; what is cut of each level takes the name by which the decoders know it."""
    constants = {one.name for one in made.graph.initializer}
    counts = made.add("Cast", [date], f"{date}/counts", to=TensorProto.FLOAT)
    scale = made.constant(f"{date}/scale", np.float32(1 / (255 * COUNT_SCALE)))
    mean = made.constant(f"{date}/mean", np.float32(COUNT_MEAN / COUNT_SCALE))
    scaled = made.add("Mul", [counts, scale], f"{date}/scaled")
    mine = {CENTRED: made.add("Sub", [scaled, mean], f"{date}/centred")}
    for node in encoder:
        copy = NodeProto()
        copy.CopyFrom(node)
        copy.name = f"{date}{node.name}"
        copy.input[:] = [name if name in constants else mine[name] for name in node.input]
        mine[node.output[0]] = copy.output[0] = f"{date}{node.output[0]}"
        made.nodes.append(copy)
        for width, (level, *parts) in LEVELS.items():
            part = parts[INPUTS.index(date)]
            if node.output[0] == level and part:
                made.cut(copy.output[0], halo // width - MARGINS[width], part)


def _say_of_the_sides(graph: GraphProto) -> None:
    """Counts come in, and less goes out than came in."""
    for one in graph.input:
        one.type.tensor_type.elem_type = TensorProto.UINT8
    for one in graph.output:
        for axis, name in ((2, "rows"), (3, "columns")):
            one.type.tensor_type.shape.dim[axis].dim_param = name


def _card(model: ModelProto) -> ModelCard:
    held = {one.key: one.value for one in model.metadata_props}
    return ModelCard.from_json(held[METADATA_KEY])


def main() -> None:
    """Read, rewrite, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--halo", type=int, default=256, help="px the model sees beyond its answer")
    parser.add_argument("--window", type=int, default=1024, help="px it answers at once")
    words = parser.parse_args()
    model = rewritten(onnx.load(str(words.old)), words.halo, words.window)
    part = words.new.with_suffix(".part")
    onnx.save(model, str(part))
    part.replace(words.new)


if __name__ == "__main__":
    main()
