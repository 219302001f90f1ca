"""Shards: plain tar of npz and json, joined from fragments, the same bytes every time."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest

from geomage.data import shards
from geomage.errors import InputError
from samples import a_sample


def made(index: int) -> bytes:
    rng = np.random.default_rng(index)
    sample = a_sample((20, 30), damage=rng.integers(0, 5, (20, 30)).astype(np.uint8))
    return shards.fragment(f"{index:07d}", shards.arrays_of(sample), {"index": index, "gsd": 0.5})


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    path = tmp_path / "x.tar"
    shards.write_shard(path, [made(i) for i in (4, 5, 6)])
    return path


def test_any_reader_of_tar_and_npz_reads_a_shard(shard: Path):
    with tarfile.open(shard) as tar:
        assert tar.getnames() == [f"000000{i}.{end}" for i in (4, 5, 6) for end in ("npz", "json")]
        with np.load(io.BytesIO(tar.extractfile("0000005.npz").read())) as arrays:
            assert arrays["before"].shape == (3, 20, 30)
            assert arrays["damage"].dtype == np.uint8
            assert arrays["height"].shape == (2, 20, 30)
        assert json.loads(tar.extractfile("0000005.json").read())["index"] == 5
        assert {(m.mtime, m.uid, m.gid) for m in tar} == {(0, 0, 0)}


def test_a_fragment_gives_back_what_went_in(shard: Path):
    places = shards.members(shard)
    assert list(places) == [4, 5, 6]
    data = shards.cut(shard, *places[6])
    assert data == made(6)
    assert shards.read_record(data) == {"index": 6, "gsd": 0.5}
    rng = np.random.default_rng(6)
    damage = rng.integers(0, 5, (20, 30)).astype(np.uint8)
    np.testing.assert_array_equal(shards.read_arrays(data)["damage"], damage)


def test_fragments_of_a_shorter_shard_make_a_longer_one(tmp_path: Path, shard: Path):
    places = shards.members(shard)
    pieces = [shards.cut(shard, *places[i]) for i in (4, 5)]
    shards.write_shard(tmp_path / "y.tar", [*pieces, made(6)])
    assert (tmp_path / "y.tar").read_bytes() == shard.read_bytes()


def test_heights_are_kept_to_a_sixty_fourth_of_a_metre():
    height = np.random.default_rng(0).uniform(0, 60, (2, 8, 9)).astype(np.float32)
    kept = shards.arrays_of(a_sample(height=height))["height"]
    assert np.abs(kept - height).max() <= 1 / 128
    assert not (kept * 64 % 1).any()


def test_water_that_came_is_told_from_water_that_was_there():
    water = np.array([[0, 1, 1, 255]], np.uint8)
    depth = np.array([[0, 0, 0.5, 0]], np.float32)
    flood = shards.arrays_of(a_sample((1, 4), water=water, depth=depth))["flood"]
    assert flood.tolist() == [[0, 2, 1, 255]]


def test_nothing_is_unpickled():
    with io.BytesIO() as memory:
        np.savez(memory, before=np.array([{"a": 1}], dtype=object))
        packed = memory.getvalue()
    with pytest.raises(ValueError, match="allow_pickle"):
        shards.read_arrays(shards._member("0000001.npz", packed))


def test_a_shard_cut_short_is_named(shard: Path):
    shard.write_bytes(shard.read_bytes()[:1700])
    with pytest.raises(InputError, match=r"x\.tar is damaged"):
        shards.members(shard)
