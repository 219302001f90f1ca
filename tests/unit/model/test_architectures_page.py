"""The page of the architectures lists what there is, with the parameters it has."""

from __future__ import annotations

import itertools
from pathlib import Path

import torch

from geomage.model.architecture import Architecture, EarthNetwork
from geomage.model.blueprint import DECODERS, ENCODERS, SIAMESE
from geomage.model.network import count_parameters


def test_the_table_is_of_what_there_is(project: Path):
    page = (project / "docs" / "architectures.md").read_text()
    assert all(f"`{merge}`" in page for merge in SIAMESE if merge != "none")
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines()]
    rows = {(row[0], row[1]): row[2:5] for row in cells if row and row[0] in ENCODERS}
    assert list(rows) == list(itertools.product(ENCODERS, DECODERS))
    for (encoder, decoder), (stride, of_encoder, of_all) in rows.items():
        with torch.device("meta"):
            network = EarthNetwork(Architecture(encoder, decoder))
        assert int(stride) == network.stride
        assert of_encoder == f"{count_parameters(network.encoder) / 1e6:.2f}"
        assert of_all == f"{count_parameters(network) / 1e6:.2f}"
