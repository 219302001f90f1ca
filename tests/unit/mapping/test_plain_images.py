"""Images on the grid of the work are read as they are: the same as by way of resampling."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.windows import Window

from geomage.mapping import imagery as imagery_module
from geomage.mapping.imagery import open_imagery
from geomage.mapping.picture import look
from geomage.mapping.predict import tile_counts
from geomage.model import ModelCard, Prediction

SHAPE = (300, 420)
TOP_LEFT = (500_000.0, 4e6)
BOX = GeoBox(SHAPE, Affine(0.5, 0, TOP_LEFT[0], 0, -0.5, TOP_LEFT[1]), "EPSG:32633")
WIDER = GeoBox((400, 500), BOX.affine @ Affine.translation(-37, -21), BOX.crs)
KINDS = {
    "bytes": {"dtype": "uint8"},
    "bytes, no data": {"dtype": "uint8", "nodata": 0},
    "words, no data": {"dtype": "uint16", "nodata": 65535},
    "floats": {"dtype": "float32"},
    "not a number": {"dtype": "float32", "nodata": float("nan")},
}


def write(path: Path, kind: str) -> Path:
    """Three bands with places of no data and pixels that have its value in one band alone."""
    facts = {"nodata": None, **KINDS[kind]}
    rng = np.random.default_rng(5)
    image = rng.integers(1, 250, (3, *SHAPE)).astype(facts["dtype"])
    empty = np.nan if facts["dtype"] == "float32" else (facts["nodata"] or 0)
    image[:, 40:90, 100:170] = empty
    image[1, 200:220, 30:60] = empty
    with rasterio.open(
        path, "w", driver="GTiff", height=SHAPE[0], width=SHAPE[1], crs=BOX.crs, count=3,
        transform=BOX.affine, tiled=True, blockxsize=128, blockysize=128, **facts,
    ) as dataset:  # fmt: skip
        dataset.write(image)
    return path


@pytest.mark.parametrize("grid", [BOX, WIDER], ids=["own", "wider"])
@pytest.mark.parametrize("kind", KINDS)
def test_reading_as_they_are_is_reading_by_way_of_a_warp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, grid: GeoBox
) -> None:
    picture = look(write(tmp_path / "a.tif", kind), None)
    seen = []
    for plain in (True, False):
        if not plain:
            monkeypatch.setattr(imagery_module, "_is_plain", lambda _: False)
        with open_imagery([picture], grid) as images:
            views = [
                images.view(Window(0, 0, grid.shape[1], grid.shape[0])),
                images.view(Window(90, 33, 64, 71)),
                images.view(Window(grid.shape[1] - 9, 0, 9, 300)),
            ]
        seen.append([(v.values * v.seen, v.seen, v.black & v.seen) for v in views])
    for one, other in zip(*seen, strict=True):
        for mine, theirs in zip(one, other, strict=True):
            np.testing.assert_array_equal(mine, theirs)
    assert 0 < seen[0][0][1].mean() < 1 or kind == "bytes"


def test_counts_are_the_likeliest_class_and_255_times_each_probability() -> None:
    rng = np.random.default_rng(8)
    card = ModelCard(
        name="x", version="0", gsd_min=0.3, gsd_max=1.0, gsd=0.5, stride=8, halo=16, trim=8,
        window=256,
    )  # fmt: skip
    said = Prediction(
        *(rng.random((1, n, 60, 76), dtype="float32") * 1.02 - 0.01 for n in (8, 4, 3))
    )
    seen = rng.random((40, 57)) < 0.8
    here = np.s_[0, :, 8:48, 8:65]
    landcover = said.landcover[here]
    floats = np.concatenate([landcover[7:], said.damage[here], said.flags[here]])
    expected = np.clip(floats.astype(float), 0, 1) * 255
    for bands in (2, 9):
        counts = tile_counts(said, seen, card, bands)
        assert counts.dtype == np.uint8
        np.testing.assert_array_equal(counts[0], (landcover.argmax(0) + 1) * seen)
        assert np.abs(counts[1:].astype(float) - expected[: bands - 1] * seen).max() <= 0.50001
