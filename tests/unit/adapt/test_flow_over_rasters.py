"""A learnt network, from its recipe to a raster: kept as files, opened again, without seams."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from geomage.adapt.recipe import AdaptRecipe
from geomage.adapt.run import make_translator
from geomage.adapt.translator_file import open_translator, open_translator_file
from geomage.data.chip_sources import SourceParams
from geomage.errors import ModelError
from geomage.learn.loop_params import LoopParams
from geomage.mapping.translate import TranslateJob, translate_raster
from made_floods import write_floods

SIDES = (40, 64, 512)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A flow of a few steps between two regions."""
    folder = tmp_path_factory.mktemp("flow")
    floods = write_floods(folder / "floods", count=8)
    ghana = SourceParams("sen1floods11", str(floods), product="s1", events=("Ghana",))
    recipe = AdaptRecipe(
        "flow",
        params={"unet": {"widths": [8, 8], "told": 8}, "pairs": {"pool": {"count": 32}}},
        source=(ghana,),
        target=(replace(ghana, events=("Spain",)),),
        crop=16,
        batch=4,
        loop=LoopParams(steps=8, epoch=8, learning_rate=1e-2, threads=1, device="cpu"),
    )
    make_translator(recipe, folder / "run")
    return folder / "run"


def test_windows_of_a_network_cannot_be_seen(run: Path, tmp_path: Path):
    rng = np.random.default_rng(1)
    db = (-12 + rng.normal(0, 3, (2, 150, 130))).astype(np.float32)
    image, labels = tmp_path / "image.tif", tmp_path / "labels.tif"
    profile = {"driver": "GTiff", "crs": "EPSG:32630", "transform": from_origin(5e5, 8e5, 10, 10)}
    for path, values in ((image, db), (labels, (db[:1] < -14).astype(np.uint8))):
        size = {"count": len(values), "height": 150, "width": 130, "dtype": values.dtype}
        with rasterio.open(path, "w", **profile, **size) as file:
            file.write(values)
    made = []
    for side in SIDES:
        out = tmp_path / f"{side}.tif"
        job = TranslateJob(
            image=image,
            out=out,
            labels=labels,
            opens=partial(open_translator_file, run),
            style=3,
            side_px=side,
        )
        translate_raster(job)
        with rasterio.open(out) as file:
            made.append(file.read())
    assert np.abs(made[0] - db).mean() > 0.1
    assert np.abs(made[0] - made[2]).max() < 1e-3
    assert np.abs(made[1] - made[2]).max() < 1e-3


def test_a_network_of_another_run_is_refused(run: Path):
    card = open_translator(run).card
    assert card.halo_px > 0
    path = run / "translator.velocity.onnx"
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(ModelError, match="is not the network it was written with"):
        open_translator(run)
    path.write_bytes(content)
