"""What the networks cost: parameters, multiplications and time, and that ONNX says the same.

    python -m benchmarks.architectures [--side 256] [--encoders resnet-tiny,…] [-o nets.json]

Each encoder with each decoder, one image of `side` pixels, 3 bands. Multiply-adds are counted by
torch's FlopCounterMode on shapes alone, and given per million pixels; those of a transformer grow
with the side. Time is one thread of this machine, CPU time of the process, least of three: other
work on the machine does not count, but what it takes of the caches does. ONNX Runtime runs a file
written for one sensor. The last column is the largest distance of its answer from torch's.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch.utils.flop_counter import FlopCounterMode

from geomage.data.chip import Channel
from geomage.model.architecture import Architecture, EarthNetwork, build_network
from geomage.model.blueprint import DECODERS, ENCODERS
from geomage.model.network import count_parameters
from geomage.model.onnx_network import write_network_onnx

CHANNELS = (Channel("red", 0.66), Channel("green", 0.56), Channel("blue", 0.49))


def multiply_adds(architecture: Architecture, side: int) -> float:
    """Per pixel, counted without computing."""
    with torch.device("meta"):
        network = EarthNetwork(architecture).eval()
        sample = torch.rand(1, architecture.dates, 3, side, side), torch.zeros(3, 2), torch.ones(1)
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        network(*sample)
    return counter.get_total_flops() / 2 / side**2


def least(work: Callable[[], object], times: int = 3) -> float:
    """CPU-seconds of the quickest run, after one that warms up."""
    work()
    found = []
    for _ in range(times):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return min(found)


def opened(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def cost(architecture: Architecture, side: int, folder: Path) -> dict[str, float | str]:
    """One line of the table."""
    network = build_network(architecture, 0).eval()
    keys = torch.tensor([channel.key for channel in CHANNELS])
    pixels = torch.rand(1, architecture.dates, 3, side, side)
    session = opened(write_network_onnx(network, folder / "network.onnx", keys))
    feed = {"pixels": pixels.numpy(), "gsd": np.ones(1, np.float32)}
    with torch.no_grad():
        said = network(pixels, keys, torch.ones(1))["classes"].numpy()
        by_torch = least(lambda: network(pixels, keys, torch.ones(1)))
    return {
        "encoder": architecture.encoder,
        "decoder": architecture.decoder,
        "encoder_parameters": count_parameters(network.encoder),
        "parameters": count_parameters(network),
        "stride": network.stride,
        "macs_per_pixel": multiply_adds(architecture, side),
        "torch_ms": 1000 * by_torch,
        "onnx_ms": 1000 * least(lambda: session.run(None, feed)),
        "gap": float(np.abs(session.run(None, feed)[0] - said).max()),
    }


def line(found: dict[str, float | str]) -> str:
    """One line of the table, in Markdown."""
    million = 1e6
    return (
        f"| {found['encoder']} | {found['decoder']} | {found['stride']} "
        f"| {found['encoder_parameters'] / million:.2f} | {found['parameters'] / million:.2f} "
        f"| {found['macs_per_pixel'] / 1000:.1f} | {found['torch_ms']:.0f} "
        f"| {found['onnx_ms']:.0f} | {found['gap']:.0e} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=256, help="pixels")
    parser.add_argument("--encoders", default=",".join(ENCODERS))
    parser.add_argument("-o", "--output", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    print(
        "| encoder | decoder | stride | encoder M | all M | GMAC / Mpx | torch ms | ONNX ms | gap |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for encoder, decoder in itertools.product(asked.encoders.split(","), DECODERS):
            found = cost(Architecture(encoder, decoder), asked.side, Path(folder))
            print(line(found), flush=True)
            rows.append(found)
    if asked.output:
        asked.output.write_text(json.dumps({"side": asked.side, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
