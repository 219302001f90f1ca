"""A model in 8 bits, its ranges seen on simulated pairs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from geomage.learn.quantise import quantise_model
from geomage.model import ModelCard, load_model
from geomage.model.export import HALO, TRIM, WINDOW, write_onnx
from geomage.model.network import STRIDE, Network, NetworkParams


def test_a_model_that_trims_its_halo_is_calibrated_on_whole_pairs(tmp_path: Path):
    """Pairs are smaller than what it trims."""
    torch.manual_seed(0)
    network = Network(NetworkParams((8, 8, 8, 8, 8), 8)).eval()
    card = ModelCard(
        name="small", version="0", gsd_min=0.3, gsd_max=1.0, gsd=0.5, stride=STRIDE,
        halo=HALO, window=WINDOW, trim=TRIM, recipe={"stream": {"size_px": 96}},
    )  # fmt: skip
    full = write_onnx(network, card, tmp_path / "full.onnx")
    small = load_model(quantise_model(full, tmp_path / "int8.onnx", pairs=1), 1, accept_loss=True)
    assert (small.precision, small.card.trim) == ("int8", TRIM)
    side = 64 + 2 * TRIM
    images = np.random.default_rng(0).integers(0, 255, (2, 1, 3, side, side), np.uint8)
    said, wanted = (one.predict(*images) for one in (small, load_model(full, 1)))
    assert 0 < np.abs(said.landcover - wanted.landcover).max() < 0.2
