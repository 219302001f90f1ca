"""Schedulers that are not there, say nothing or end, and workers that are not like us."""

from __future__ import annotations

import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from geomage.cli import main
from geomage.errors import InputError, RunError
from geomage.workers import Workers, cluster, open_workers
from geomage.workers.likeness import likeness, unlike
from small_cluster import free_port, small_cluster
from tile_tasks import Tile, WriteTile, write_tiles

pytest.importorskip("distributed", reason="the extra [cluster] brings it")


@pytest.fixture
def deaf() -> Iterator[str]:
    """An address where connections are taken and nothing is ever said."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen()
        yield f"tcp://127.0.0.1:{one.getsockname()[1]}"


def test_an_address_where_nobody_listens_is_told(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(cluster, "_CONNECT_S", 0.5)
    address = f"tcp://127.0.0.1:{free_port()}"
    assert main(["dataset", "vhr", "-o", str(tmp_path / "d"), "--scheduler", address]) == 2
    said = capfd.readouterr().err
    assert f"--scheduler {address}: no Dask scheduler answers there" in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_scheduler_that_takes_calls_and_says_nothing_is_not_waited_for(deaf, monkeypatch):
    monkeypatch.setattr(cluster, "_PATIENCE_S", 0.5)
    with pytest.raises(InputError, match="no Dask scheduler answers there"):
        open_workers(Workers(scheduler=deaf)).__enter__()


@pytest.mark.parametrize("address", ["nowhere", "tcp://", "http://127.0.0.1:1", "tcp://a b:3"])
def test_what_is_no_address_is_told(address, monkeypatch):
    monkeypatch.setattr(cluster, "_CONNECT_S", 0.5)
    with pytest.raises(InputError, match="no Dask scheduler answers there"):
        open_workers(Workers(scheduler=address)).__enter__()


def test_no_workers_and_a_scheduler_that_stops_in_the_middle(tmp_path, monkeypatch):
    out = tmp_path / "out"
    out.mkdir()
    with small_cluster(tmp_path, 1) as small:
        where = Workers(scheduler=small.address)
        with open_workers(where) as run:
            assert len(list(run(WriteTile(out), [Tile(0), Tile(1)], Path(__file__)))) == 2
            left = run(WriteTile(out), map(Tile, range(2, 40)), Path(__file__))
            next(left)
            left.close()  # what nobody waits for is forgotten
        monkeypatch.setattr(cluster, "_PING_S", 0.2)
        with open_workers(where) as run:
            answers = run(WriteTile(out), map(Tile, range(40)), Path(__file__))
            next(answers)
            monkeypatch.setattr(cluster, "_DEAF_S", 1)
            small.scheduler.send_signal(signal.SIGSTOP)
            with pytest.raises(RunError, match="was lost: it has said nothing for 1 s"):
                list(answers)
            small.scheduler.send_signal(signal.SIGCONT)
            monkeypatch.setattr(cluster, "_DEAF_S", 120)
        said: list[str] = []
        monkeypatch.setattr(cluster, "_ALONE_S", 0.5)
        with open_workers(where, said.append) as run:
            answers = run(WriteTile(out), map(Tile, range(200)), Path(__file__))
            next(answers)
            small.workers[0].kill()
            with pytest.raises(RunError, match="has had no workers"):
                list(answers)
        assert said == ["note: the cluster has no workers left; waiting for some"]
        with pytest.raises(InputError, match="has no workers: start some first"):
            open_workers(where).__enter__()


def test_a_cluster_of_another_version_is_refused(tmp_path):
    other = tmp_path / "other"
    shutil.copytree(Path(cluster.__file__).parents[1] / "workers", other / "geomage" / "workers")
    shutil.copy(Path(cluster.__file__).parents[1] / "errors.py", other / "geomage")
    (other / "geomage" / "__init__.py").write_text("")
    with (
        small_cluster(tmp_path, 1, [str(other), *sys.path]) as small,
        pytest.raises(InputError, match=r"worker tcp://.* runs another version of geomage"),
    ):
        write_tiles(tmp_path, 2, Workers(scheduler=small.address))
    assert not list(tmp_path.glob("*.tile"))


def test_what_a_worker_does_not_share_is_named(tmp_path):
    mark = tmp_path / "mark.json"
    mark.write_text("ours")
    asked = likeness(mark)
    assert unlike(asked) is None
    unlike.cache_clear()
    mark.write_text("that of another disk")
    assert "sees another" in unlike(asked)
    unlike.cache_clear()
    mark.unlink()
    assert f"does not see {tmp_path}" in unlike(asked)
    unlike.cache_clear()
