"""The pool: which pairs a step may see, and what happens when the simulator breaks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from stand_in import Blocks, Failing

from geomage.errors import InputError, RunError
from geomage.learn.pool import Pool, PoolPlan, trim

PLAN = PoolPlan("blocks", count=6, start=2, rate=0.5, held_out=2)


def test_the_pool_grows_with_the_steps_not_with_time():
    assert [PLAN.available(step) for step in (0, 1, 2, 5, 8, 9, 100)] == [2, 2, 3, 4, 6, 6, 6]


def test_held_out_pairs_are_made_early_and_never_drawn():
    assert PLAN.order() == [0, 1, 6, 7, 2, 3, 4, 5]
    assert PLAN.available(10**6) == 6


def test_workers_make_what_the_source_makes(tmp_path: Path):
    source = Blocks(side=48)
    pool = Pool(tmp_path / "pool", PLAN)
    pool.fill(source, jobs=2)
    try:
        for index in PLAN.order():
            np.testing.assert_array_equal(pool.read(index), source.stack(index))
    finally:
        pool.close()
    assert not list((tmp_path / "pool").glob("*.part"))


def test_a_broken_simulator_stops_the_run(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    pool = Pool(tmp_path / "pool", PLAN)
    pool.fill(Failing(), jobs=1)
    try:
        with pytest.raises(RunError, match="pair 0"):
            pool.read(0)
    finally:
        pool.close()
    assert "cannot be made" in capfd.readouterr().err


def test_pairs_of_another_stream_are_refused(tmp_path: Path):
    Pool(tmp_path, PLAN)
    Pool(tmp_path, PLAN)
    with pytest.raises(InputError, match="another stream"):
        Pool(tmp_path, PoolPlan("other", 6, 2, 0.5, 2))


def test_a_folder_of_something_else_is_refused(tmp_path: Path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(InputError, match="not a pool"):
        Pool(tmp_path, PLAN)


def test_trim_keeps_the_near_corner():
    stack = Blocks(side=70).stack(0)
    np.testing.assert_array_equal(trim(stack), stack[:, :64, :64])
