"""Any network of `architecture` to one ONNX file, for one sensor or for all."""

from __future__ import annotations

import json
import warnings
from dataclasses import asdict
from pathlib import Path

import onnx
import torch
from jaxtyping import Float
from torch import Tensor, nn

from geomage.errors import OutputError
from geomage.geo.space import why_unwritten
from geomage.model.architecture import EarthNetwork
from geomage.model.blueprint import ARCHITECTURE_KEY

__all__ = ["write_network_onnx"]

OPSET = 18
_PIXELS = {0: "batch", 3: "y", 4: "x"}
_SAMPLE_BANDS = 3


class _Answers(nn.Module):
    """The network, its answers in the order of its heads; channels may be known for good."""

    def __init__(self, network: EarthNetwork, channels: Tensor | None) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("channels", channels)

    def forward(self, pixels: Tensor, gsd: Tensor, channels: Tensor | None = None) -> list[Tensor]:
        """Answers, each (batch, channel, y, x)."""
        said = self.network(pixels, self.channels if channels is None else channels, gsd)
        return list(said.values())


def write_network_onnx(
    network: EarthNetwork, path: Path, channels: Float[Tensor, "band 2"] | None = None
) -> Path:
    """Export a network; the file appears under its name when complete.

    Inputs are `pixels` (batch, date, band, y, x), `gsd` (batch) in metres and, unless the sensor is
    given here, `channels` (band, 2); outputs are named after the heads. Batch, y and x are free,
    and the number of bands where channels are an input. Given channels, the stem's filters are
    constants of the file: it serves one sensor, and is quicker.
    """
    training = network.training
    part = path.with_suffix(".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        _export(network.eval(), part, channels)
        model = onnx.load(str(part))
        card = asdict(network.architecture) | {"stride": network.stride}
        onnx.helper.set_model_props(model, {ARCHITECTURE_KEY: json.dumps(card)})
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, str(part))
        part.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {why_unwritten(error, path.parent)}") from error
    finally:
        network.train(training)
        if part.is_file():
            part.unlink()
    return path


def _export(network: EarthNetwork, part: Path, channels: Tensor | None) -> None:
    heads = list(network.heads)
    fixed = channels is not None
    bands = _SAMPLE_BANDS if channels is None else len(channels)
    side = 2 * network.stride
    pixels = torch.rand(2, network.architecture.dates, bands, side, side + network.stride)
    sample = (pixels, torch.ones(2)) if fixed else (pixels, torch.ones(2), torch.zeros(bands, 2))
    free: dict[str, dict[int, str]] = {"pixels": dict(_PIXELS), "gsd": {0: "batch"}}
    if not fixed:
        free["pixels"][2] = "band"
        free["channels"] = {0: "band"}
    with warnings.catch_warnings():
        # The tracing exporter is deprecated, yet it alone keeps all axes free.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Answers(network, channels),
            sample,
            str(part),
            input_names=list(free),
            output_names=heads,
            dynamic_axes=free | {name: {0: "batch", 2: "y", 3: "x"} for name in heads},
            opset_version=OPSET,
            dynamo=False,
        )
