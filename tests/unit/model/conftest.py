"""A small untrained network and the file it exports to."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from geomage.model import ModelCard
from geomage.model.export import write_onnx
from geomage.model.network import Network, NetworkParams


@pytest.fixture(scope="session")
def card() -> ModelCard:
    return ModelCard(
        name="toy",
        version="0",
        gsd_min=0.3,
        gsd_max=1.0,
        gsd=0.5,
        stride=32,
        halo=128,
        recipe={"steps": 0, "pool": {"count": 1}},
    )


@pytest.fixture(scope="session")
def network() -> Network:
    """Lively statistics in every normalisation, so that nothing is near zero."""
    torch.manual_seed(3)
    net = Network(NetworkParams((8, 8, 16, 16, 16), 8, (1, 2)))
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = None  # a plain mean over the batches below
    with torch.no_grad():
        for _ in range(4):
            net(torch.rand(4, 3, 64, 128).round(), torch.rand(4, 3, 64, 128))
    return net.eval()


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory, network: Network, card: ModelCard) -> Path:
    return write_onnx(network, card, tmp_path_factory.mktemp("model") / "toy.onnx")
