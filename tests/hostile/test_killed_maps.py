"""Maps killed in every pass: run again, and no byte is other, no tile made twice, nothing left."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import pytest

from large_town import write_large_town, write_network
from map_nursery import Child, Nursery, nursery, wait_until

PASSES = {
    "look": ("*/raw_seen_before/r*/r*.tif", 4),
    "look at the second date": ("*/raw_seen_after/r*/r*.tif", 6),
    "first tile": ("*/model/r*/r*.tif", 1),
    "some tiles": ("*/model/r*/r*.tif", 3),
    "last tile": ("*/model/r*/r*.tif", 7),
    "compose": ("*/product/r*/r*.tif", 1),
    "damage": ("*/damage/r*/r*.tif", 1),
    "rasters": ("*/result/*.tif", 2),
    "product": ("../.out.*.part/*.tif", 2),
    "vectors": ("../.out.*.part/products.gpkg", 1),
}


@dataclass(frozen=True)
class Bench:
    """Where maps are made."""

    nursery: Nursery
    words: list[str]
    whole: dict[str, str]
    """Hashes of the files of a map that nobody disturbed."""

    def start(self, out: Path, *more: str) -> Child:
        return self.nursery.start([*self.words, "-o", str(out), *more], out.with_name("end"))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    place = tmp_path_factory.mktemp("inputs")
    town, model = write_large_town(place), write_network(place / "tiny.onnx")
    words = ["map", str(town.before), str(town.after), "--model", str(model)]
    with nursery() as hands:
        out = place / "whole" / "out"
        out.parent.mkdir()
        first = Bench(hands, words, {})
        said = first.start(out).wait()
        assert said["code"] in (0, 3), said["said"]
        yield Bench(hands, words, hashes(out))


def hashes(out: Path) -> dict[str, str]:
    """Of all files but the list of hashes; of vectors, of what is in them."""
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in out.iterdir()
        if path.suffix != ".gpkg" and path.name != "manifest.json"
    }
    buildings = gpd.read_file(out / "products.gpkg", layer="builtUpA")
    assert len(buildings) > 100
    return found | {"buildings": buildings.to_json()}


def stamps(work: Path) -> dict[Path, int]:
    """When each tile of the model was written; none once they are being removed."""
    try:
        return {path: path.stat().st_mtime_ns for path in work.glob("*/model/r*/r*.tif")}
    except FileNotFoundError:
        return {}


def watch(work: Path, pattern: str, least: int) -> bool:
    """Whether so many files are there; not while one of their folders goes."""
    try:
        return len(list(work.glob(pattern))) >= least
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("where", PASSES)
def test_a_map_killed_in_any_pass_goes_on_to_the_same_bytes(
    tmp_path: Path, bench: Bench, where: str
) -> None:
    out, work = tmp_path / "out", tmp_path / ".out.work"
    child = bench.start(out)
    wait_until(lambda: watch(work, *PASSES[where]) or child.ended())
    assert child.kill(), "it was done before it could be killed"
    assert not out.exists()
    done = stamps(work)
    again = bench.start(out)
    seen: dict[Path, int] = {}
    while not again.ended():
        seen |= stamps(work)
        time.sleep(0.02)
    said = again.wait()
    assert said["code"] in (0, 3), said["said"]
    assert "going on with the work that an earlier run left" in said["said"]
    assert hashes(out) == bench.whole
    assert {path: seen[path] for path in done} == done
    left = {path.name for path in tmp_path.iterdir()}
    assert left <= {"out", "end", "end.said"}


def test_a_map_killed_again_and_again_with_its_workers_goes_on(
    tmp_path: Path, bench: Bench
) -> None:
    out, work = tmp_path / "out", tmp_path / ".out.work"
    for least in (2, 4, 6):
        child = bench.start(out, "--jobs", "2")
        wait_until(lambda k=least, c=child: watch(work, "*/model/r*/r*.tif", k) or c.ended())
        assert child.kill()
    said = bench.start(out).wait()
    assert said["code"] in (0, 3), said["said"]
    assert hashes(out) == bench.whole


def test_two_maps_at_once_on_one_output_are_refused(tmp_path: Path, bench: Bench) -> None:
    out, work = tmp_path / "out", tmp_path / ".out.work"
    first = bench.start(out)
    wait_until(lambda: watch(work, "*/model/r*/r*.tif", 1) or first.ended())
    second = bench.nursery.start([*bench.words, "-o", str(out)], tmp_path / "second").wait()
    assert second["code"] == 2
    assert f"another run is writing {work}; wait until it is done" in second["said"]
    assert first.wait()["code"] in (0, 3)
    assert hashes(out) == bench.whole
