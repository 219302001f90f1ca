"""An image that is written while it is mapped: one line, nothing made, and the next starts anew."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from rasterio.windows import Window

from geomage.errors import RunError
from geomage.evaluation import map_into
from geomage.geo import Raster, read_raster, write_cog
from geomage.mapping import MapJob, map_rasters
from geomage.mapping.imagery import open_imagery
from geomage.mapping.picture import look
from geomage.product import write_product
from large_town import GRID, many, write_large_town, write_network
from tiny_town import paint

HERE = Window(0, 0, 200, 200)


def shrink(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def rewrite(path: Path) -> None:
    write_cog(path.with_name("other.tif"), Raster(many(paint(gone=True)), GRID)).replace(path)


def remove(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("change", [shrink, rewrite, remove])
def test_no_window_is_read_of_an_image_that_changed(tmp_path: Path, change) -> None:
    picture = look(write_large_town(tmp_path).before, None)
    said = r"before\.tif changed while it was read.*again"
    with open_imagery([picture], GRID) as imagery:
        imagery.read(HERE)
        change(picture.path)
        with pytest.raises(RunError, match=said):
            imagery.read(HERE)
    with (
        pytest.raises(RunError, match=said),
        open_imagery([picture], GRID, imagery.stretch),
    ):
        pass


def map_and_rewrite(job: MapJob) -> None:
    with map_rasters(job) as result:
        rewrite(job.before[0])
        write_product(result, job.out, before_paths=job.before)


def test_a_job_whose_image_changes_makes_nothing_and_the_next_starts_anew(tmp_path: Path) -> None:
    town, model = write_large_town(tmp_path), write_network(tmp_path / "tiny.onnx")
    job = MapJob(before=(town.before,), out=tmp_path / "out", model=model)
    with pytest.raises(RunError, match="changed"):
        map_and_rewrite(job)
    assert not job.out.exists()
    said: list[str] = []
    product = map_into(job, said.append)
    assert said == []
    fresh = MapJob(before=(town.before,), out=tmp_path / "fresh", model=model)
    for name, path in map_into(fresh).rasters.items():
        assert np.array_equal(read_raster(path).values, read_raster(product.rasters[name]).values)
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]
