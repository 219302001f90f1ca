"""Datasets from the command line: made, extended, opened by others' software."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pystac
import pytest
import rasterio
from PIL import Image

from geomage.cli import main
from geomage.data import PairsDataset
from geomage.data.records import CLASSES
from geomage.data.sample_folder import TITLES
from geomage.errors import InputError
from samples import write_tiny
from towns import folder_hashes

COUNT = 3


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A dataset of three samples, made in one go by one process."""
    place = tmp_path_factory.mktemp("dataset")
    words = ["dataset", str(write_tiny(place)), "-o", str(place / "d"), "--count", str(COUNT)]
    assert main(words) == 0
    return place / "d"


def test_two_processes_and_a_later_extension_write_the_same_bytes(geomage, made, tmp_path):
    out = tmp_path / "d"
    recipe = made.parent / "tiny.toml"
    answer = geomage("dataset", recipe, "-o", out, "--count", 1, "--json")
    assert answer.code == 0, answer.err
    assert answer.facts["samples"] == 1
    assert len(pystac.Collection.from_file(str(out / "collection.json")).assets) == 4
    answer = geomage("dataset", recipe, "-o", out, "--count", COUNT, "--jobs", 2)
    assert answer.code == 0, answer.err
    assert folder_hashes(out) == folder_hashes(made)
    stamps = {path: path.stat().st_mtime_ns for path in out.rglob("*.tif")}
    assert geomage("dataset", recipe, "-o", out, "--count", COUNT).code == 0  # nothing to do
    assert stamps == {path: path.stat().st_mtime_ns for path in out.rglob("*.tif")}
    assert folder_hashes(out) == folder_hashes(made)


def test_every_layer_is_a_cog_on_the_grid_its_item_states(made):
    for folder in sorted((made / "samples" / "0000").glob("0*")):
        item = json.loads((folder / "item.json").read_text())
        for name in TITLES:
            with rasterio.open(folder / f"{folder.name}_{name}.tif") as file:
                assert file.shape == (64, 64)
                assert file.crs.to_epsg() == 32631
                assert list(file.transform)[:6] == item["properties"]["proj:transform"]
                assert file.transform.a == item["properties"]["gsd"]
                assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
                values = set(np.unique(file.read(1)))
            if name.removesuffix("_second") in CLASSES:
                assert values <= set(CLASSES[name.removesuffix("_second")]), name


def test_stac_readers_find_every_sample_and_every_file(made):
    collection = pystac.Collection.from_file(str(made / "collection.json"))
    items = list(collection.get_items(recursive=True))
    assert [item.id for item in items] == [f"{i:07d}" for i in range(COUNT)]
    west, south, east, north = collection.extent.spatial.bboxes[0]
    for item in items:
        assert item.collection_id == collection.id == "tiny"
        assert item.get_root().id == "tiny"
        assert west <= item.bbox[0] < item.bbox[2] <= east
        assert south <= item.bbox[1] < item.bbox[3] <= north
        assert set(item.assets) == set(TITLES) == set(collection.to_dict()["item_assets"])
        assert all(Path(asset.get_absolute_href()).is_file() for asset in item.assets.values())
        assert item.properties["geomage:parameters"]["index"] == int(item.id)
        assert "view:off_nadir" in item.assets["after"].extra_fields
    for asset in collection.assets.values():
        assert Path(asset.get_absolute_href()).is_file()


def test_the_datasheet_counts_what_is_there(made):
    facts = json.loads((made / "datasheet.json").read_text())
    with (made / "samples.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert facts["samples"] == len(rows) == COUNT
    assert sum(facts["kinds"].values()) == COUNT
    assert sum(facts["gsd_m"]["samples"]) == COUNT
    for name, classes in CLASSES.items():
        stacked = np.stack([_layer(made, i, name) for i in range(COUNT)])
        for value, words in classes.items():
            assert facts["pixels"][name][words] == (stacked == value).sum()
    page = (made / "datasheet.md").read_text()
    for heading in ("Motivation", "Composition", "Class balance", "Uses and limits", "Licence"):
        assert heading in page
    assert all(f"{int(n):,}" in page for n in [facts["buildings"]["all"]])
    with Image.open(made / "preview.png") as picture:
        assert np.asarray(picture).std() > 20


def _layer(made: Path, index: int, name: str) -> np.ndarray:
    key = f"{index:07d}"
    with rasterio.open(made / "samples" / "0000" / key / f"{key}_{name}.tif") as file:
        return file.read(1)


def test_shards_and_cogs_hold_the_same(made):
    data = PairsDataset(made, mask="flood", labels=("landcover", "height"))
    for item in data:
        np.testing.assert_array_equal(item["mask"], _layer(made, item["index"], "flood"))
        np.testing.assert_array_equal(item["landcover"], _layer(made, item["index"], "landcover"))
        np.testing.assert_array_equal(item["height"][0], _layer(made, item["index"], "height"))
        np.testing.assert_array_equal(item["image"][1, 0], _layer(made, item["index"], "after"))


def test_samples_come_as_loaders_and_torchgeo_want_them(made):
    data = PairsDataset(made, split="train")
    assert len(data) == COUNT
    item = data[1]
    assert item["image"].shape == (2, 3, 64, 64)
    assert item["image"].dtype == np.float32
    assert item["mask"].shape == (64, 64)
    assert item["mask"].dtype == np.int64
    with rasterio.open(next(made.rglob("0000001_before.tif"))) as file:
        assert item["crs"] == file.crs.to_string()
        np.testing.assert_allclose(item["bounds"], file.bounds)
    torch = pytest.importorskip("torch")
    loader = torch.utils.data.DataLoader(data, batch_size=2)
    batch = next(iter(loader))
    assert batch["image"].shape == (2, 2, 3, 64, 64)
    assert batch["mask"].dtype == torch.int64
    assert batch["crs"] == ["EPSG:32631"] * 2
    assert batch["bounds"].shape == (2, 4)
    doubled = PairsDataset(made, transform=lambda one: one | {"image": one["image"] * 2})
    assert doubled[0]["image"].max() == 2 * data[0]["image"].max()


def test_wrong_words_for_a_dataset_are_named(made, tmp_path):
    for words, hint in (
        ({"mask": "damgae"}, "near: damage"),
        ({"split": "tset"}, "near: test"),
        ({"labels": ("hight",)}, "near: height"),
    ):
        with pytest.raises(InputError, match=hint):
            PairsDataset(made, **words)
    with pytest.raises(InputError, match="is no dataset"):
        PairsDataset(tmp_path)


@pytest.mark.parametrize(("kept", "gone"), [("cogs", "shards"), ("shards", "samples")])
def test_one_form_alone_may_be_asked_for(geomage, made, tmp_path, kept, gone):
    off = "shards" if kept == "cogs" else "cogs"
    recipe = write_tiny(tmp_path, **{off: "false"})
    answer = geomage("dataset", recipe, "-o", tmp_path / "d", "--count", 1)
    assert answer.code == 0, answer.err
    assert not (tmp_path / "d" / gone).exists()
    assert geomage("dataset", recipe, "-o", tmp_path / "d", "--count", 1).code == 0
    alone, both = PairsDataset(tmp_path / "d")[0], PairsDataset(made)[0]
    np.testing.assert_array_equal(alone["image"], both["image"])
    np.testing.assert_array_equal(alone["mask"], both["mask"])
    assert alone["gsd"] == both["gsd"]


def test_without_distributed_a_scheduler_says_what_to_install(geomage, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    answer = geomage("dataset", "vhr", "-o", tmp_path / "d", "--scheduler", "tcp://127.0.0.1:1")
    assert answer.code == 2
    assert "geomage[cluster]" in answer.err
    assert not list(tmp_path.iterdir())


def test_a_cluster_writes_the_same_bytes(geomage, made, tmp_path):
    distributed = pytest.importorskip("distributed", reason="the extra [cluster] brings it")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as local:
        recipe, address = made.parent / "tiny.toml", local.scheduler_address
        words = ("dataset", recipe, "-o", tmp_path / "d", "--count", COUNT)
        answer = geomage(*words, "--scheduler", address)
        assert answer.code == 0, answer.err
    assert folder_hashes(tmp_path / "d") == folder_hashes(made)
