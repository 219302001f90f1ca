"""What all tests share: shapes are checked facts, and real data is there or the test says so."""

from __future__ import annotations

import gc
import multiprocessing.forkserver
import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

import pytest

import run_time_types

PROJECT = Path(__file__).resolve().parents[1]
TESTS = PROJECT / "tests"

# Files taken first. The first two compile most kernels, each others, which all later processes find
# in the cache; the next need few of them. So no two cores compile the same. Then what takes long,
# so that no core waits for another at the end.
FIRST = (
    "hostile/test_bad_strikes.py",
    "laws/test_flood.py",
    "hostile/test_killed_maps.py",
    "hostile/test_bad_outputs.py",
    "unit/learn/test_loop.py",
    "unit/world/test_fit.py",
    "laws/test_towns.py",
    "unit/world/test_growth.py",
    "unit/disaster/test_strikes.py",
    "unit/data/test_simulated_pairs.py",
)
assert all((TESTS / name).is_file() for name in FIRST)


class PlainKernels(MetaPathFinder):
    """Numba compiles the modules named `_kernels…` itself: they are imported as they stand."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        room, _, module = fullname.rpartition(".")
        if room.startswith("geomage.") and module.startswith("_kernels"):
            return PathFinder.find_spec(fullname, path, target)
        return None


# Every function and dataclass of the package checks its types and array shapes while tests run.
run_time_types.install("geomage")
sys.meta_path.insert(0, PlainKernels())


_preload = multiprocessing.forkserver.set_forkserver_preload


def preload_all(modules: list[str]) -> None:
    """One server forks the workers of all tests: it imports what any task needs, not one."""
    _preload([*modules, "geomage.data", "geomage.mapping"])


multiprocessing.forkserver.set_forkserver_preload = preload_all

# GeoPackages are not forced to the disk table by table: nobody pulls the plug on a test.
os.environ.setdefault("OGR_SQLITE_SYNCHRONOUS", "OFF")


# All that is imported stays: while it is, the collector would look at it again and again.
gc.disable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the files; a Makefile that says `--no-loadscope-reorder` keeps their order."""
    place = {TESTS / name: rank for rank, name in enumerate(FIRST)}
    items.sort(key=lambda item: place.get(item.path, len(FIRST)))


def pytest_collection_finish() -> None:
    """What was imported lives as long as the tests: the collector need not look at it ever."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def project() -> Path:
    """The checkout the tests run in."""
    return PROJECT


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Real imagery: $GEOMAGE_DATA, or shared/data beside the checkout; absent on most machines."""
    folder = Path(os.environ.get("GEOMAGE_DATA") or PROJECT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real imagery at {folder}: set GEOMAGE_DATA to its folder")
    return folder
