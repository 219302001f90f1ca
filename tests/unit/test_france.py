"""The sum of France: worked by hand once."""

from __future__ import annotations

import pytest
from benchmarks import france


def test_the_sum_of_france_is_that_of_the_margin():
    means = france.Means(mpx_per_core_s=1.0, compression=2.0, hours=10.0, server_bytes_s=5e9)
    job = france.Job("a scene", 40_000.0**2, 1, 8.0)
    costs = france.reckon(job, means)
    assert costs["core_hours"] == pytest.approx(1600 / 3600)  # 1,600 Mpx at one a second
    assert costs["cores"] == pytest.approx(1600 / 36_000)
    assert costs["nodes"] == 1
    assert costs["tasks"] == pytest.approx(5 * (40_000 / 1024) ** 2)
    assert costs["write_tb"] == pytest.approx(1.6e9 * 3 / 2 / 1e12)
    twice = france.reckon(job, france.Means(2.0, 2.0, 10.0, 5e9))
    assert twice["core_hours"] == pytest.approx(costs["core_hours"] / 2)


def test_what_is_full_first_is_full_twice_as_soon_when_work_is_twice_as_fast():
    slow, fast = (
        france.limits(france.FRANCE, france.Means(rate, 2.0, 24.0, 5e9)) for rate in (0.5, 1.0)
    )
    assert slow == pytest.approx({name: 2 * cores for name, cores in fast.items()})


def test_the_disk_that_is_measured_moves_what_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(france, "MEASURED", 2)
    disk = france.measure_disk(tmp_path)
    assert disk["write_mb_s"] > 0
    assert disk["read_mb_s"] > 0
    assert 1 < disk["compression"] < 10
    assert not list(tmp_path.iterdir())
