"""Blocks of an image that cannot be decoded: named, not analysed, and the rest is mapped."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
from odc.geo.geobox import GeoBox

from geomage.cli import main
from geomage.geo import read_raster
from geomage.mapping import MapJob, map_rasters
from large_town import GRID, SHAPE, many, write_network
from tiny_town import paint

BLOCK = 128  # px
HOLE = (slice(256, 384), slice(384, 512))  # rows, columns of the damaged block
CODECS = {
    "deflate": {"compress": "deflate"},
    "jpeg": {"compress": "jpeg", "photometric": "ycbcr", "interleave": "pixel"},
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_network(tmp_path_factory.mktemp("model") / "tiny.onnx")


def write_blocks(path: Path, image: np.ndarray, codec: str = "deflate", box: GeoBox = GRID) -> Path:
    profile = {
        "driver": "GTiff", "count": 3, "height": SHAPE[0], "width": SHAPE[1], "dtype": "uint8",
        "crs": "EPSG:32633", "transform": box.affine, "tiled": True, "blockxsize": BLOCK,
        "blockysize": BLOCK, **CODECS[codec],
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(image)
    return path


def spoil(path: Path, row: int = 2, col: int = 3) -> Path:
    """Overwrite a block, all of it or the middle of a JPEG."""
    with rasterio.open(path) as dataset:
        offset, size = (
            int(dataset.get_tag_item(f"BLOCK_{what}_{col}_{row}", "TIFF", bidx=1))
            for what in ("OFFSET", "SIZE")
        )
        noise = (
            b"\x55\xff\x33\x12" * 40 if dataset.profile["compress"] == "jpeg" else b"\xff" * size
        )
    data = bytearray(path.read_bytes())
    middle = offset + (size - len(noise)) // 2
    data[middle : middle + len(noise)] = noise
    path.write_bytes(data)
    return path


def pair(place: Path, codec: str = "deflate") -> tuple[Path, Path]:
    return (
        write_blocks(place / "before.tif", many(paint()), codec),
        write_blocks(place / "after.tif", many(paint(gone=True)), codec),
    )


def mapped(job: MapJob) -> tuple[dict[str, np.ndarray], list[str], dict, list[str]]:
    said: list[str] = []
    with map_rasters(job, said.append) as result:
        rasters = {name: read_raster(path).values[0] for name, path in result.rasters.items()}
        return rasters, sorted(set(result.not_analysed["reason"])), dict(result.facts), said


@pytest.fixture(scope="module", params=CODECS)
def sound(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, model: Path
) -> tuple[tuple[Path, Path], dict[str, np.ndarray]]:
    """Two whole images, and the rasters that become of them."""
    place = tmp_path_factory.mktemp("sound")
    images = pair(place, request.param)
    job = MapJob(before=images[:1], after=images[1:], out=place / "out", model=model)
    return images, mapped(job)[0]


@pytest.mark.parametrize("date", ["first", "second"])
def test_a_damaged_block_is_named_and_not_analysed_and_the_rest_is_mapped(
    tmp_path: Path,
    model: Path,
    sound: tuple[tuple[Path, Path], dict[str, np.ndarray]],
    date: str,
) -> None:
    images, expected = [Path(shutil.copy(image, tmp_path)) for image in sound[0]], sound[1]
    bad = spoil(images[date == "second"])
    job = MapJob(before=(images[0],), after=(images[1],), out=tmp_path / "out", model=model)
    rasters, reasons, facts, said = mapped(job)
    assert reasons == [f"{date} image damaged"]
    assert (rasters["damage"][HOLE] == 255).all()
    assert [one["file"] for one in facts["unreadable"]] == [bad.name]
    assert len(said) == 1
    assert f"{bad.name} is damaged" in said[0]
    column, row = facts["unreadable"][0]["column"], facts["unreadable"][0]["row"]
    assert 190 <= row < 450
    assert 318 <= column < 578
    assert (rasters["damage"] == 255).sum() <= (2 * BLOCK) ** 2
    if date == "first":
        assert (rasters["landcover"][HOLE] == 0).all()
    away = np.ones(SHAPE, bool)
    away[180:460, 308:588] = False
    assert (rasters["damage"] == expected["damage"])[away].all()
    assert np.abs(rasters["building"].astype(int) - expected["building"])[away].max() <= 1


def test_two_processes_lose_the_same(tmp_path: Path, model: Path) -> None:
    images = pair(tmp_path, "jpeg")
    spoil(images[0])
    spoil(images[1], 3, 1)
    told = []
    for jobs in (1, 2):
        out = tmp_path / f"out{jobs}"
        job = MapJob(before=images[:1], after=images[1:], out=out, model=model, jobs=jobs)
        told.append(mapped(job))
    for name, values in told[0][0].items():
        assert np.array_equal(values, told[1][0][name]), name
    assert told[0][1] == ["first image damaged", "second image damaged"]
    assert told[0][2]["unreadable"] == told[1][2]["unreadable"]


def test_the_command_leaves_with_three_and_check_says_it_before(
    tmp_path: Path, model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before, after = map(str, pair(tmp_path))
    spoil(Path(after))
    assert main(["check", before, after, "--model", str(model)]) == 0
    assert "note: after.tif is damaged: " in capfd.readouterr().err
    out = tmp_path / "out"
    assert main(["map", before, after, "--model", str(model), "-o", str(out)]) == 3
    said = capfd.readouterr().err
    assert "after.tif is damaged: " in said
    assert "Traceback" not in said
    summary = json.loads((out / "summary.json").read_text())
    assert list(summary["area"]["not_analysed_by_reason_m2"]) == ["second image damaged"]
    assert any("after.tif is damaged" in doubt for doubt in summary["doubts"])
