"""Whole commands: what a person types, and what comes back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.transform import from_origin
from rasterio.warp import transform_bounds

from geomage.cli import main


@dataclass(frozen=True)
class Answer:
    """What a command left with."""

    code: int
    out: str
    err: str

    @property
    def facts(self) -> dict[str, Any]:
        """The JSON on stdout."""
        return json.loads(self.out)


@pytest.fixture
def geomage(capfd: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Run one command in this process."""

    def run(*words: str | Path | float) -> Answer:
        capfd.readouterr()
        code = main([str(word) for word in words])
        said = capfd.readouterr()
        return Answer(code, said.out, said.err)

    return run


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small suburb, grown once."""
    folder = tmp_path_factory.mktemp("journey") / "town"
    assert main(["city", "grow", "--size", "200", "--seed", "4", "-o", str(folder)]) == 0
    return folder


@pytest.fixture(scope="session")
def blank_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported model that has learnt nothing: the way through, without the skill."""
    from geomage.learn.checkpoint import new_learner
    from geomage.learn.export import write_onnx
    from geomage.learn.recipe import Recipe
    from geomage.model import ModelCard
    from geomage.model.export import HALO, TRIM, WINDOW
    from geomage.model.network import STRIDE

    network = new_learner(Recipe(widths=(8, 8, 8, 8, 8), decoder=8)).averaged
    grid = {"stride": STRIDE, "halo": HALO, "window": WINDOW, "trim": TRIM}
    card = ModelCard("blank", "1", gsd_min=0.3, gsd_max=1.0, gsd=0.5, **grid)
    return write_onnx(network, card, tmp_path_factory.mktemp("model") / "blank.onnx")


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two images of one place, the second shifted, shorter and on the grid of another CRS."""
    folder = tmp_path_factory.mktemp("pair")
    rng = np.random.default_rng(5)
    ground = np.kron(rng.integers(40, 220, (3, 40, 40)), np.ones((1, 8, 8))).astype(np.uint8)
    ground += rng.integers(0, 20, ground.shape, dtype=np.uint8)
    before, after = folder / "before.tif", folder / "after.tif"
    _write(before, ground, "EPSG:32631", from_origin(500_000, 5_400_160, 0.5, 0.5))
    west, south, east, north = transform_bounds(
        "EPSG:32631", "EPSG:4326", 500_000, 5_400_000, 500_160, 5_400_160
    )
    step = (east - west) / 320, (north - south) / 320
    _write(after, ground[:, :240], "EPSG:4326", from_origin(west, north, *step))
    return before, after


def _write(path: Path, values: np.ndarray, crs: str, transform: Affine) -> None:
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 3, "crs": crs, "transform": transform}
    _, height, width = values.shape
    with rasterio.open(path, "w", height=height, width=width, **profile) as file:
        file.write(values)
