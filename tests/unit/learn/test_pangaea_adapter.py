"""The adapter for pangaea-bench, against a stand-in for the class it extends."""

from __future__ import annotations

import importlib.util
import logging
import sys
import tomllib
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import nn

from geomage.data.chip import radar_share

TAKEN = {
    *("model_name", "input_bands", "input_size", "embed_dim", "output_layers", "output_dim"),
    *("multi_temporal", "multi_temporal_output", "pyramid_output"),
    *("encoder_weights", "download_url"),
}


class Encoder(nn.Module):
    """What `pangaea.encoders.base.Encoder` takes and keeps, as far as its decoders look."""

    def __init__(self, **told):
        super().__init__()
        assert set(told) == TAKEN
        assert not told["multi_temporal"]
        assert not told["download_url"]
        for name, value in told.items():
            setattr(self, name, value)


@pytest.fixture
def adapter(project, monkeypatch):
    names = ("pangaea", "pangaea.encoders", "pangaea.encoders.base")
    for name in names:
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    sys.modules["pangaea.encoders.base"].Encoder = Encoder
    path = project / "adapters" / "pangaea_bench" / "geomage_encoder.py"
    spec = importlib.util.spec_from_file_location("geomage_encoder", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_features_are_those_of_the_encoder(adapter):
    bands = {"optical": ["B4", "B3"], "sar": ["VV", "VH"]}
    encoder = adapter.GeomageEncoder("resnet-tiny", bands, 32, 10.0, 1e-4)
    encoder.load_encoder_weights(logging.getLogger("adapter"))
    image = {
        "optical": torch.full((2, 2, 1, 32, 32), 1500.0),
        "sar": torch.full((2, 2, 32, 32), -5),
    }
    features = encoder(image)
    assert [level.shape[1] for level in features] == encoder.output_dim
    assert encoder.pyramid_output
    assert not any(p.requires_grad for p in encoder.network.encoder.parameters())
    told = torch.tensor([adapter.BANDS[name].key for name in ("B4", "B3", "VV", "VH")])
    pixels = torch.full((2, 4, 32, 32), 0.15)
    pixels[:, 2:] = float(radar_share(np.full(1, -5.0))[0])
    same = encoder.network.encoder(pixels, told, torch.tensor([10.0, 10.0]))
    for level, own in zip(features, same, strict=True):
        torch.testing.assert_close(level, own)


def test_it_is_kept_apart(project):
    folder = project / "adapters" / "pangaea_bench"
    assert "GPL-3.0-or-later" in (folder / "geomage_encoder.py").read_text().splitlines()[0]
    assert "GPL-3.0-or-later" in (folder / "README.md").read_text()
    build = tomllib.loads((project / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    assert build["targets"]["wheel"]["packages"] == ["src/geomage"]
    assert "adapters" not in build["targets"]["sdist"]["include"]
