"""Who does the work, in how much memory, in one go or after a kill: not a byte of a map depends."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

import geopandas as gpd
import pyogrio
import pytest

from geomage.evaluation import map_into
from geomage.mapping import MapJob, map_rasters
from geomage.mapping.plan import make_plan, memory_bytes
from geomage.model import load_model
from geomage.product import ProductPaths
from large_town import town_job
from small_cluster import small_cluster


@dataclass(frozen=True)
class Bytes:
    """A map, as far as it can be compared."""

    rasters: dict[str, str]
    buildings: bytes
    not_analysed: bytes


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> MapJob:
    return town_job(tmp_path_factory.mktemp("town"))


@pytest.fixture(scope="module")
def alone(job: MapJob) -> Bytes:
    return mapped(job)


def mapped(job: MapJob) -> Bytes:
    with map_rasters(job) as result:
        assert result.facts["windows"]["run"] == 8
        assert len(result.buildings) > 100
        return Bytes(
            {name: sha256(path) for name, path in result.rasters.items()},
            result.buildings.to_json().encode(),
            result.not_analysed.to_json().encode(),
        )


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_two_processes_give_the_bytes_of_one(job: MapJob, alone: Bytes):
    assert mapped(replace(job, jobs=2)) == alone


def test_a_cluster_gives_the_bytes_of_one_process(job: MapJob, alone: Bytes, tmp_path: Path):
    pytest.importorskip("distributed", reason="the extra [cluster] brings it")
    with small_cluster(tmp_path) as cluster:
        assert mapped(replace(job, scheduler=cluster.address)) == alone


def test_a_budget_changes_how_far_is_read_ahead_and_no_byte(job: MapJob, alone: Bytes):
    card = load_model(job.model, 1).card
    plan = make_plan(job, card)
    least = memory_bytes(replace(plan, depth=1), card)
    tight = replace(job, memory_bytes=least)
    assert make_plan(tight, card).depth < plan.depth
    assert mapped(tight) == alone


def test_a_whole_product_is_the_same_from_two_processes(job: MapJob, tmp_path: Path):
    one = map_into(replace(job, out=tmp_path / "one"))
    two = map_into(replace(job, out=tmp_path / "two", jobs=2))
    assert summary(one) == summary(two)
    assert {name: sha256(path) for name, path in one.rasters.items()} == {
        name: sha256(path) for name, path in two.rasters.items()
    }
    names = [str(name) for name in pyogrio.list_layers(one.vectors)[:, 0]]
    assert names == [str(name) for name in pyogrio.list_layers(two.vectors)[:, 0]]
    for name in names:
        layers = [gpd.read_file(product.vectors, layer=name) for product in (one, two)]
        assert layers[0].equals(layers[1]), name


def summary(product: ProductPaths) -> dict:
    return json.loads(product.summary.read_text())
