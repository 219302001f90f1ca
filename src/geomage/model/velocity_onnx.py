"""A velocity network as one ONNX file, batch, rows and columns left free."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping

import onnx
import torch
from torch import Tensor, nn

from geomage.model.velocity import VelocityNetwork

__all__ = ["export_module", "export_velocity"]

OPSET = 18
_PIXELS = {0: "batch", 2: "y", 3: "x"}


def export_velocity(network: VelocityNetwork) -> bytes:
    """Inputs `x`, `t`, `gsd` and, where the network has planes, `given`; output `v`."""
    side = 2 * network.stride
    samples = {
        "x": torch.rand(2, network.bands, side, side + network.stride),
        "t": torch.rand(2),
        "gsd": torch.ones(2),
    }
    if network.planes:
        samples["given"] = torch.rand(2, network.planes, side, side + network.stride)
    return export_module(network, samples, "v")


def export_module(module: nn.Module, samples: Mapping[str, Tensor], output: str) -> bytes:
    """Any module from images (batch, channel, y, x) and vectors (batch) to one image.

    Args:
        module: is brought to evaluation mode and back.
        samples: its arguments in order, by the names they get.
        output: name of what it returns.
    """
    training, content = module.training, io.BytesIO()
    free = {name: _PIXELS if value.ndim == 4 else {0: "batch"} for name, value in samples.items()}
    try:
        with warnings.catch_warnings(), torch.no_grad():
            # The tracing exporter is deprecated, yet it alone keeps all axes free.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module.eval(),
                tuple(samples.values()),
                content,  # type: ignore[arg-type]  # a buffer will do
                input_names=list(samples),
                output_names=[output],
                dynamic_axes=free | {output: _PIXELS},
                opset_version=OPSET,
                dynamo=False,
            )
    finally:
        module.train(training)
    model = onnx.load_from_string(content.getvalue())
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())
