"""Every kind of encoder, decoder and merge exports, and ONNX Runtime says what torch says."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from geomage.data.chip import Channel
from geomage.model.architecture import Architecture, EarthNetwork, build_network
from geomage.model.blueprint import ARCHITECTURE_KEY, DECODERS, SIAMESE
from geomage.model.onnx_network import write_network_onnx

FAMILIES = ("resnet-tiny", "convnext-tiny", "vit-tiny")
CHANNELS = (Channel("red", 0.66), Channel("nir", 0.84), Channel("vv", 55500.0))
KEYS = torch.tensor([channel.key for channel in CHANNELS])
# Any two of an encoder, a decoder and a merge meet in one of these: a Latin square, and for one
# date a diagonal, whose encoders and decoders meet in the square.
PAIRED = [
    (encoder, DECODERS[(k + n) % 3], merge)
    for (k, encoder), (n, merge) in itertools.product(enumerate(FAMILIES), enumerate(SIAMESE[1:]))
]
SINGLE = [(*pair, "none") for pair in zip(FAMILIES, DECODERS, strict=True)]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small networks lose more than they gain by waiting for each other's threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def opened(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


@torch.no_grad()
def gap(network: EarthNetwork, session: onnxruntime.InferenceSession, *, told: bool) -> float:
    """Largest distance of the two, of a size, batch and number of bands it was not traced at."""
    generator = torch.Generator().manual_seed(2)
    bands = [0, 1, 2, 1] if told else [0, 1, 2]
    sides = (3 * network.stride, network.stride)
    pixels = torch.rand(3, network.architecture.dates, len(bands), *sides, generator=generator)
    gsd = torch.tensor([0.3, 10, 30])
    said = network.eval()(pixels, KEYS[bands], gsd)
    feed = {"pixels": pixels.numpy(), "gsd": gsd.numpy()}
    feed |= {"channels": KEYS[bands].numpy()} if told else {}
    found = session.run(list(said), feed)
    assert all(answer.std() > 0.05 for answer in said.values())
    return max(np.abs(a - b.numpy()).max() for a, b in zip(found, said.values(), strict=True))


@pytest.mark.parametrize(("encoder", "decoder", "siamese"), SINGLE + PAIRED)
def test_onnx_runtime_agrees(encoder: str, decoder: str, siamese: str, tmp_path: Path):
    heads = {"classes": 3, "height": 1}
    network = build_network(Architecture(encoder, decoder, siamese, heads, 16), 0)
    path = write_network_onnx(network, tmp_path / "network.onnx")
    assert gap(network, opened(path), told=True) < 1e-4
    assert [p.name for p in tmp_path.iterdir()] == ["network.onnx"]


@pytest.mark.parametrize("encoder", FAMILIES)
def test_a_file_for_one_sensor_knows_its_filters(encoder: str, tmp_path: Path):
    network = build_network(Architecture(encoder, width=16), 0)
    session = opened(write_network_onnx(network, tmp_path / "network.onnx", KEYS))
    assert {one.name for one in session.get_inputs()} == {"pixels", "gsd"}
    assert gap(network, session, told=False) < 1e-4


def test_any_two_parts_meet_in_one_of_the_exports():
    for one, other in itertools.combinations((FAMILIES, DECODERS, SIAMESE), 2):
        for pair in itertools.product(one, other):
            assert any(set(pair) <= set(parts) for parts in SINGLE + PAIRED)


def test_the_file_says_what_it_is_and_training_goes_on(tmp_path: Path):
    architecture = Architecture(siamese="difference", heads={"damage": 5, "height": 1})
    network = build_network(architecture, 0).train()
    session = opened(write_network_onnx(network, tmp_path / "new" / "network.onnx"))
    card = json.loads(session.get_modelmeta().custom_metadata_map[ARCHITECTURE_KEY])
    assert card.pop("stride") == network.stride
    assert Architecture(**card) == architecture
    assert [one.name for one in session.get_outputs()] == ["damage", "height"]
    assert network.training
