"""PyTorch, on a GPU where there is one: the graph of the file, node by node.

No pickle is read and no class of ours is needed: weights and graph both come from the ONNX file, so
that any network we export runs. Convolutions see channels last on a CPU. bf16 is autocast: the
convolutions compute in it, softmax and sigmoid in float32.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor

from geomage.errors import ModelError
from geomage.model.backends import Runner
from geomage.model.card import INPUTS, OUTPUTS
from geomage.model.torch_operators import OPERATORS

__all__ = ["Graph", "open_runner"]


class Graph:
    """The nodes of an ONNX file and its constants on a device."""

    def __init__(self, content: bytes, device: str) -> None:
        graph = onnx.load_from_string(content).graph
        self.nodes = [
            (node, {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute})
            for node in graph.node
        ]
        unknown = sorted({node.op_type for node, _ in self.nodes} - set(OPERATORS))
        if unknown:
            raise ModelError(f"the backend torch lacks the operators {', '.join(unknown)}")
        self.device = device
        self.constants = {
            one.name: _tensor(onnx.numpy_helper.to_array(one), device) for one in graph.initializer
        }
        for node, options in self.nodes:
            if node.op_type == "Constant":
                value = onnx.numpy_helper.to_array(options["value"])
                self.constants[node.output[0]] = _tensor(value, device)
        self.uses = Counter(name for node, _ in self.nodes for name in node.input)

    def run(self, images: dict[str, Tensor]) -> dict[str, Tensor]:
        """Compute the outputs; what nobody needs any more is dropped at once."""
        values: dict[str, Any] = {**self.constants, **images}
        left = self.uses.copy()
        for node, options in self.nodes:
            if node.op_type == "Constant":
                continue
            taken = [values[name] if name else None for name in node.input]
            made = OPERATORS[node.op_type](options, *taken)
            outputs = made if isinstance(made, tuple) else (made,)
            values |= zip(node.output, outputs, strict=True)
            del taken, made, outputs
            left.subtract(node.input)
            for name in {n for n in node.input if n and not left[n] and n not in OUTPUTS}:
                del values[name]
        return {name: values[name] for name in OUTPUTS}


def _tensor(value: np.ndarray, device: str) -> Tensor:
    """Weights go to the device; whole numbers are shapes and axes, and stay."""
    tensor = torch.from_numpy(np.array(value))
    if not tensor.is_floating_point():
        return tensor
    if tensor.ndim == 4:
        return tensor.to(device).contiguous(memory_format=torch.channels_last)
    return tensor.to(device)


def open_runner(content: bytes, threads: int, precision: str) -> Runner:
    """Make a model ready on the GPU if there is one, or else on `threads` cores.

    The number of threads of torch is one for the whole process: it is set at each call.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    graph = Graph(content, device)

    def run(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        torch.set_num_threads(threads)
        with ExitStack() as stack:
            stack.enter_context(torch.inference_mode())
            # float32 means float32: the shorter mantissa of TF32 costs 1e-3
            stack.enter_context(torch.backends.cudnn.flags(allow_tf32=False))
            if precision == "bf16":
                stack.enter_context(torch.autocast(device, torch.bfloat16))
            images = {
                name: _tensor(image, device).to(device)
                for name, image in zip(INPUTS, (before, after), strict=True)
            }
            said = graph.run(images)
            kept = [said[name].float().cpu().contiguous().numpy() for name in OUTPUTS]
        return (kept[0], kept[1], kept[2])

    return run
