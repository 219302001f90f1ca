"""Selections: patches where they should be, counted exactly, in splits that never meet."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest

import mosaics
from geomage.data import (
    PatchParams,
    PatchSource,
    SelectionParams,
    patch_source,
    patch_stream,
    select_patches,
)
from geomage.errors import InputError
from geomage.geo import Raster, write_cog, write_vectors

SPLITS = {"train": 0.6, "val": 0.2, "test": 0.2}


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> list[PatchSource]:
    """Two scenes that overlap by some pixels."""
    folder = tmp_path_factory.mktemp("mosaic")
    paths = mosaics.write(folder)
    other = mosaics.box(400, 400, east=270.0)
    values = np.random.default_rng(0).integers(1, 255, (3, 400, 400), np.uint8)
    write_cog(folder / "b.tif", Raster(values, other, 0))
    write_cog(folder / "b_classes.tif", Raster(np.full((1, 400, 400), 2, np.uint8), other, 0))
    return [
        patch_source({"fine": paths["fine"]}, {"classes": paths["classes"]}),
        patch_source({"fine": folder / "b.tif"}, {"classes": folder / "b_classes.tif"}),
    ]


def grid(**words) -> SelectionParams:
    return SelectionParams(**{"size": 32, "label": "classes", "block": 4, **words})


def test_a_grid_holds_every_patch_with_data_and_counts_its_classes(sources):
    table = select_patches(sources[:1], grid(splits={"all": 1.0}, max_nodata=0.5))
    hole = np.zeros((20, 20), bool)
    hole[:5, :5] = True  # 150 px: of the fifth patch along a side two thirds
    hole[4, 4] = False  # two thirds by two thirds are less than half
    assert len(table) == 400 - hole.sum()
    labels = mosaics.labels()
    for row in table.itertuples():
        part = labels[row.row : row.row + 32, row.col : row.col + 32]
        assert [row.class_1, row.class_2, row.class_3] == [(part == c).sum() for c in (1, 2, 3)]
        assert row.geometry.area == pytest.approx((32 * 0.5) ** 2)
    assert (table.centroid.x - table.x).abs().max() < 1e-6


@pytest.mark.parametrize("step", [32, 8])
@pytest.mark.parametrize("splits", [SPLITS, "chessboard"])
def test_no_patch_of_one_split_meets_one_of_another(sources, step, splits):
    table = select_patches(sources, grid(step=step, splits=splits))
    assert set(table.source) == {0, 1}
    parts = {name: part.union_all() for name, part in table.groupby("split")}
    assert set(parts) == (set(SPLITS) if splits == SPLITS else {"train", "val"})
    for one, other in combinations(parts.values(), 2):
        assert one.intersection(other).area == 0


def test_splits_have_their_shares(sources):
    table = select_patches(sources, grid(step=16, splits=SPLITS, block=2))
    found = table["split"].value_counts(normalize=True)
    assert all(abs(found[name] - share) < 0.1 for name, share in SPLITS.items())


def test_random_patches_are_aimed_at_classes_equally_and_split_as_well(sources):
    params = grid(strategy="class", count=300, splits=SPLITS, block=6)
    table = select_patches(sources, params)
    assert table.equals(select_patches(sources, params))
    assert not table.duplicated(["source", "row", "col"]).any()
    many = select_patches(sources, grid(strategy="class", count=300, splits={"all": 1.0}))
    assert len(many) == 300
    shares = many["aim"].value_counts(normalize=True)
    assert all(abs(shares[c] - 1 / 3) < 0.08 for c in (1, 2, 3))
    for row in many.itertuples():
        assert getattr(row, f"class_{row.aim}") > 0
    parts = {name: part.union_all() for name, part in table.groupby("split")}
    assert parts["train"].intersection(parts["test"]).area == 0


def test_a_stream_gives_what_was_selected(sources, tmp_path: Path):
    table = select_patches(sources, grid(splits=SPLITS))
    write_vectors(tmp_path / "s.gpkg", {"patches": table})
    train = gpd.read_file(tmp_path / "s.gpkg").query("split == 'train'")
    stream = patch_stream(sources, PatchParams(size=32, chunk=200), train)
    orders = [[tuple(map(int, p["place"])) for p in stream.epoch(e)] for e in (0, 1)]
    assert sorted(orders[0]) == sorted(zip(train.source, train.row, train.col, strict=True))
    assert sorted(orders[0]) == sorted(orders[1])
    assert orders[0] != orders[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"strategy": "gird"}, r"near: grid"),
        ({"strategy": "class"}, "count of at least 1"),
        ({"step": 0}, "step = 0"),
        ({"block": 1}, "block = 1"),
        ({"splits": "even"}, "chessboard"),
        ({"splits": {"train": 0.0}}, "one above"),
        ({"label": "none"}, "label 'none' is none of classes"),
    ],
)
def test_parameters_that_cannot_be_served_are_refused(sources, words, said):
    with pytest.raises(InputError, match=said):
        select_patches(sources, grid(**words))


def test_selections_that_do_not_fit_a_stream_are_refused(sources):
    table = select_patches(sources, grid(splits=SPLITS))
    with pytest.raises(InputError, match="patches of 32 px, size = 64"):
        patch_stream(sources, PatchParams(size=64), table)
    with pytest.raises(InputError, match="no column 'col'"):
        patch_stream(sources, PatchParams(size=32), table.drop(columns="col"))


def test_the_page_of_patches_runs_as_it_stands(project, tmp_path: Path, monkeypatch):
    pytest.importorskip("torch")
    pytest.importorskip("zstandard")
    paths = mosaics.write(tmp_path)
    for name, made in (("before", "fine"), ("after", "fine"), ("damage", "classes")):
        (tmp_path / f"{name}.tif").write_bytes(paths[made].read_bytes())
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    page = (project / "docs" / "patches.md").read_text()
    for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(code, names)  # noqa: S102 -- our own page
    assert names["patch"]["before"].shape == (3, 64, 64)
    assert (names["patch"]["damage"] == names["patch"]["aim"]).any()
    assert next(iter(names["loader"]))["after"].shape[1:] == (3, 64, 64)
    assert len(names["store"]) == len(names["table"].query("split == 'train'"))
