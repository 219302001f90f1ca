"""Reading, computing and writing at once: the same result as one after the other, in bounds."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geomage.mapping.pipeline import run_pipeline


@given(st.lists(st.integers()), st.integers(1, 5))
@settings(max_examples=40, deadline=None)
def test_every_key_is_read_computed_and_written_once_in_order(keys, depth):
    out = []
    done = run_pipeline(
        keys, lambda k: k + 1, lambda v: v * 2, lambda k, v: out.append((k, v)), depth=depth
    )
    assert list(done) == keys
    assert out == [(key, (key + 1) * 2) for key in keys]


@pytest.mark.parametrize("depth", [1, 3])
def test_no_more_is_read_ahead_than_stated(depth):
    alive, most, lock = 0, 0, threading.Lock()

    def read(key):
        nonlocal alive, most
        with lock:
            alive += 1
            most = max(most, alive)
        return key

    def write(_key, _value):
        nonlocal alive
        with lock:
            alive -= 1

    assert len(list(run_pipeline(range(60), read, lambda v: v, write, depth=depth))) == 60
    # Read ahead, being read, computed, waiting to be written, being written.
    assert most <= 2 * depth + 3


@pytest.mark.parametrize("where", ["read", "compute", "write"])
def test_an_error_is_raised_and_what_came_before_it_is_kept(where):
    out, threads = [], threading.active_count()

    def broken(name):
        def act(*args):
            if where == name and args[0] == 5:
                raise ValueError(name)
            return args[0]

        return act

    def write(key, value):
        broken("write")(key)
        out.append(value)

    run = run_pipeline(range(20), broken("read"), broken("compute"), write, depth=2)
    with pytest.raises(ValueError, match=where):
        list(run)
    assert out[:5] == [0, 1, 2, 3, 4]
    if where != "write":
        assert out == [0, 1, 2, 3, 4]
    assert threading.active_count() == threads


def test_leaving_early_ends_the_threads():
    threads = threading.active_count()
    run = run_pipeline(range(100), lambda k: k, lambda v: v, lambda *_: None)
    next(run)
    run.close()
    assert threading.active_count() == threads
