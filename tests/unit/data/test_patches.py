"""Patches: what rasterio reads there, enough data, same seed same patches, shares that add up."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.windows import Window

import mosaics
from geomage.data import PatchParams, PatchSource, patch_reader, patch_source, patch_stream
from geomage.data.patch_plan import draw_shift, tally_classes, windows_of
from geomage.errors import BudgetError, InputError

SMALL = PatchParams(size=64, per_chunk=24, chunk=256, buffer=50, seed=3)


@pytest.fixture(scope="module")
def paths(tmp_path_factory) -> dict[str, Path]:
    return mosaics.write(tmp_path_factory.mktemp("mosaic"))


@pytest.fixture(scope="module")
def source(paths) -> PatchSource:
    images = {"fine": paths["fine"], "coarse": paths["coarse"]}
    return patch_source(images, {"classes": paths["classes"]})


def key(patch) -> tuple[int, ...]:
    return (*map(int, patch["place"]), patch["aim"], int(patch["fine"].sum()))


def with_(**words) -> PatchParams:
    return PatchParams(**{**vars(SMALL), **words})


def test_every_patch_is_what_rasterio_reads_there(paths, source):
    patches = list(patch_stream([source], SMALL))
    assert len(patches) > 80
    with (
        rasterio.open(paths["fine"]) as fine,
        rasterio.open(paths["coarse"]) as coarse,
        rasterio.open(paths["classes"]) as classes,
    ):
        for patch in patches:
            _, row, col = patch["place"]
            assert not row % 2
            assert not col % 2
            there = Window(col, row, 64, 64)
            np.testing.assert_array_equal(patch["fine"], fine.read(window=there))
            np.testing.assert_array_equal(patch["classes"], classes.read(1, window=there))
            half = Window(col // 2, row // 2, 32, 32)
            np.testing.assert_array_equal(patch["coarse"], coarse.read(window=half))


def test_patches_come_from_everywhere_in_the_long_run(source):
    stream = patch_stream([source], with_(max_nodata=1.0))
    seen = np.zeros(source.shape, int)
    for epoch in range(8):
        for patch in stream.epoch(epoch):
            _, row, col = patch["place"]
            seen[row : row + 64, col : col + 64] += 1
    assert (seen[40:-40, 40:-40] == 0).mean() < 0.01  # over the borders of windows, too
    assert 0.5 < seen[100:200].mean() / seen[400:500].mean() < 2


@pytest.mark.parametrize("most", [0.0, 0.1, 0.6])
def test_no_patch_lacks_more_data_than_stated(source, most):
    shares = [
        (p["fine"] == 0).all(axis=0).mean() for p in patch_stream([source], with_(max_nodata=most))
    ]
    assert max(shares) <= most
    if most:
        assert max(shares) > 0


def test_the_same_seed_gives_the_same_patches_and_epochs_differ(source):
    first, again = (list(map(key, patch_stream([source], SMALL).epoch(2))) for _ in range(2))
    assert first == again
    assert first != list(map(key, patch_stream([source], with_(seed=4)).epoch(2)))
    other = list(map(key, patch_stream([source], SMALL).epoch(3)))
    assert len(set(first) & set(other)) < 3


def test_shares_of_workers_are_disjoint_and_together_whole(source):
    stream = patch_stream([source, source], SMALL)
    whole = Counter(map(key, stream.epoch(1)))
    parts = [Counter(map(key, stream.share(i, 3).epoch(1))) for i in range(3)]
    assert all(parts)
    assert sum(parts, Counter()) == whole


def test_the_buffer_mixes_windows_and_loses_nothing(source):
    stream = patch_stream([source], SMALL)
    plain, mixed = list(map(key, stream.unmixed(0))), list(map(key, stream.epoch(0)))
    assert Counter(plain) == Counter(mixed)
    moved = [abs(plain.index(one) - i) for i, one in enumerate(mixed)]
    assert np.mean(moved) > 20


def test_classes_come_equally_often_and_patches_hold_what_they_are_for(source):
    stream = patch_stream([source], with_(balance="classes", max_nodata=1.0, per_chunk=150))
    patches = [p for epoch in range(2) for p in stream.epoch(epoch)]
    assert all((p["classes"] == p["aim"]).any() for p in patches)
    many = Counter(p["aim"] for p in patches)
    assert set(many) == {1, 2, 3}
    assert all(abs(n / len(patches) - 1 / 3) < 0.05 for n in many.values())


def test_weights_replace_equal_shares(source):
    params = with_(balance="classes", weights={1: 1.0, 3: 3.0}, max_nodata=1.0, per_chunk=150)
    aims = [p["aim"] for p in patch_stream([source], params)]
    assert set(aims) == {1, 3}
    assert np.mean(np.equal(aims, 3)) == pytest.approx(0.75, abs=0.05)


def test_classes_are_counted_exactly(source):
    tally = tally_classes(source, "classes", 256)
    assert tally.classes == (1, 2, 3)
    found = np.bincount(mosaics.labels().ravel())
    assert tally.counts.sum(axis=(0, 1)).tolist() == found[1:].tolist()


def test_windows_cover_a_source_once_wherever_they_begin(source):
    rng = np.random.default_rng(0)
    for _ in range(5):
        covered = np.zeros(source.shape, int)
        for w in windows_of(source, 256, 64, draw_shift(rng, source, 256)):
            assert min(w.rows, w.cols) >= 64
            covered[w.row : w.row + w.rows, w.col : w.col + w.cols] += 1
        assert (covered == 1).all()


def test_what_was_never_written_is_not_read(tmp_path, monkeypatch):
    source = patch_source({"fine": mosaics.write_sparse(tmp_path / "sparse.tif")})
    read = []
    plain = patch_reader._read
    monkeypatch.setattr(patch_reader, "_read", lambda *a: read.append(a[2]) or plain(*a))
    patches = list(patch_stream([source], PatchParams(size=32, chunk=256, per_chunk=40)))
    assert patches
    assert [(w.row, w.col) for w in read] == [(0, 0)]
    assert all(p["fine"].mean() > 7 * 0.8 for p in patches)


def test_blocks_never_written_hold_no_data(tmp_path):
    source = patch_source({"fine": mosaics.write_sparse(tmp_path / "sparse.tif")})
    params = PatchParams(size=32, chunk=512, per_chunk=200, max_nodata=0.0)
    patches = list(patch_stream([source], params))
    assert patches
    assert all((p["fine"] == 7).all() for p in patches)


def collected(stream) -> list[tuple[int, ...]]:
    return [key(patch) for patch in stream]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_other_processes_draw_the_same(source, method):
    stream = patch_stream([source], SMALL)
    begun = iter(stream)
    next(begun)  # a fork comes amid an epoch
    here = collected(stream)
    with multiprocessing.get_context(method).Pool(1) as pool:
        assert pool.apply(collected, (stream,)) == here
    assert sum(1 for _ in begun) == len(here) - 1


def test_no_file_stays_open(source):
    before = len(list(Path("/proc/self/fd").iterdir()))
    running = iter(patch_stream([source], SMALL))
    next(running)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_loader_of_torch_gives_each_patch_once(source):
    torch = pytest.importorskip("torch")
    from geomage.learn.patch_feed import PatchFeed

    stream = patch_stream([source], SMALL)
    feed = PatchFeed(stream)
    loader = torch.utils.data.DataLoader(
        feed, batch_size=16, num_workers=2, multiprocessing_context="fork", persistent_workers=True
    )
    for epoch in (0, 1):
        feed.set_epoch(epoch)
        places = Counter(tuple(p) for batch in loader for p in batch["place"].tolist())
        due = [stream.share(i, 2).epoch(epoch) for i in (0, 1)]
        assert places == Counter(tuple(map(int, p["place"])) for part in due for p in part)


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        ({"size": 63}, InputError, "size = 63: .* multiple of 2"),
        ({"size": 700}, InputError, "640 x 640 px only"),
        ({"chunk": 32}, InputError, "chunk = 32"),
        ({"max_nodata": 2.0}, InputError, "max_nodata = 2.0"),
        ({"balance": "clases"}, InputError, "near: classes"),
        ({"balance": "classes", "weights": {9: 1.0}}, InputError, "class 9 is nowhere"),
        ({"weights": {1: -1.0}}, InputError, "none below 0"),
        ({"buffer": 10**7}, BudgetError, "buffer = 10000000 takes"),
    ],
)
def test_parameters_that_cannot_be_served_are_refused(source, words, error, said):
    with pytest.raises(error, match=said):
        patch_stream([source], with_(**words))


def test_grids_that_do_not_nest_are_refused(tmp_path, paths):
    from geomage.geo import Raster, write_cog

    odd = write_cog(
        tmp_path / "odd.tif", Raster(np.ones((1, 50, 50), np.uint8), mosaics.box(50, 50, 0.8))
    )
    with pytest.raises(InputError, match="does not nest"):
        patch_source({"a": paths["fine"], "b": odd})
    far = write_cog(
        tmp_path / "far.tif", Raster(np.ones((1, 50, 50), np.uint8), mosaics.box(50, 50, 0.5, 9e3))
    )
    with pytest.raises(InputError, match="share no area"):
        patch_source({"a": paths["fine"], "b": far})


def test_a_file_that_changes_under_a_stream_is_named(tmp_path):
    from geomage.geo import Raster, write_cog

    path = tmp_path / "a.tif"
    write_cog(path, Raster(np.ones((1, 600, 600), np.uint8), mosaics.box(600, 600)))
    stream = patch_stream([patch_source({"fine": path})], PatchParams(size=64, chunk=600))
    write_cog(path, Raster(np.ones((1, 520, 520), np.uint8), mosaics.box(520, 520)))
    with pytest.raises(InputError, match=r"a\.tif.*fewer than when the run began"):
        list(stream)
