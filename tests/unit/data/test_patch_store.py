"""The store of patches: what goes in comes out, and nothing else is ever handed over."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("zstandard")

from geomage.data import PatchStore, write_patches
from geomage.errors import InputError, OutputError


def patches(count: int = 9):
    rng = np.random.default_rng(0)
    for i in range(count):
        yield {
            "image": rng.integers(0, 4000, (2, 16, 16)).astype(np.uint16),
            "height": rng.normal(size=(16, 16)).astype(np.float32),
            "place": np.array([0, 16 * i, 3]),
            "aim": i % 3,
        }


@pytest.fixture
def path(tmp_path) -> Path:
    assert write_patches(tmp_path / "a.patches", patches(), facts={"town": "Joplin"}) == 9
    return tmp_path / "a.patches"


def test_what_goes_in_comes_out_in_any_order(path):
    store = PatchStore(path)
    assert len(store) == 9
    assert store.facts == {"town": "Joplin"}
    given = list(patches())
    for i in (8, 0, 3, -1):
        assert store[i].keys() == given[i].keys()
        for name, values in given[i].items():
            np.testing.assert_array_equal(store[i][name], values)
            assert np.asarray(store[i][name]).dtype == np.asarray(values).dtype
    assert store.places[:, 1].tolist() == [16 * i for i in range(9)]
    assert sum(1 for _ in store) == 9


def test_the_same_patches_give_the_same_bytes_and_nothing_lies_beside(path):
    write_patches(path.with_name("b.patches"), patches(), facts={"town": "Joplin"})
    assert path.read_bytes() == path.with_name("b.patches").read_bytes()
    assert sorted(p.name for p in path.parent.iterdir()) == ["a.patches", "b.patches"]


def test_a_store_cut_short_anywhere_is_refused(path):
    whole = path.read_bytes()
    for length in (*range(1, len(whole), len(whole) // 40), len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"a\.patches"):
            PatchStore(path)


def test_a_changed_byte_never_gives_another_patch(path):
    whole = bytearray(path.read_bytes())
    given = list(patches())
    rng = np.random.default_rng(1)
    refused = 0
    for at in rng.integers(0, len(whole), 60):
        path.write_bytes(bytes(whole[:at]) + bytes([whole[at] ^ 0x55]) + bytes(whole[at + 1 :]))
        for i in range(9):
            try:
                found = PatchStore(path)[i]["image"]
            except InputError:
                refused += 1
            else:
                np.testing.assert_array_equal(found, given[i]["image"])
    assert refused >= 60


def test_a_store_that_shrinks_while_open_is_refused(path):
    store = PatchStore(path)
    with path.open("r+b") as file:
        file.truncate(100)
    with pytest.raises(InputError, match="shorter than when it was opened"):
        store[0]


def test_a_failed_writing_leaves_the_older_store(path):
    def broken():
        yield from patches(3)
        raise RuntimeError("no more")

    before = path.read_bytes()
    with pytest.raises(RuntimeError):
        write_patches(path, broken())
    assert path.read_bytes() == before
    assert len(list(path.parent.iterdir())) == 1
    with pytest.raises(OutputError, match="cannot write"):
        write_patches(path.parent / "none" / "x.patches", patches())


def test_patches_of_another_make_are_refused(path):
    odd = {"image": np.zeros((2, 8, 8), np.uint16), "height": np.zeros((8, 8), np.float32)}
    with pytest.raises(InputError, match="patch 9 is"):
        write_patches(path, [*patches(), odd])
    with pytest.raises(InputError, match="no patch to store"):
        write_patches(path, [])
    with pytest.raises(InputError, match="a store holds numbers"):
        write_patches(path, [{"image": np.array([{"a": 1}], object)}])


def test_a_store_goes_to_other_processes_and_to_torch(path):
    assert len(pickle.loads(pickle.dumps(PatchStore(path)))) == 9  # noqa: S301 -- our own
    torch = pytest.importorskip("torch")
    loader = torch.utils.data.DataLoader(
        PatchStore(path), batch_size=4, num_workers=2, multiprocessing_context="fork", shuffle=True
    )
    rows = [int(r) for batch in loader for r in batch["place"][:, 1]]
    assert sorted(rows) == [16 * i for i in range(9)]
