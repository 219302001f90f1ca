"""Strikes and pictures asked for with numbers and towns that cannot be: one line, nothing left."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from geomage.cli import main
from geomage.disaster import read_event
from geomage.world import City, write_city
from towns import town


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_city(town("suburb", 1), tmp_path_factory.mktemp("place") / "town")


def strike(city: Path, words: str, out: Path) -> int:
    """Exit code of one strike; a warning would end it as a fault."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        hazard, *rest = words.split()
        return main(["strike", hazard, str(city), "-o", str(out), *rest])


REFUSED = {
    "flood --source rain --cell 129": "cells of 129 m are wider than the town of 128 m",
    "flood --source dam --cell 1e308": "cells of 1e+308 m are wider than the town",
    "fire --hours 1e308": "burning time 1e+308 h must be more than 0 hours, up to 8766",
    "fire --ignition=": "--ignition '' is no place",
    "storm --heading 1e9": "a heading of 1e+09 degrees is no direction",
    "storm --kind cyclone --heading=-inf": "a heading of -inf degrees is no direction",
    "storm --radius 1e-308": "a radius of strongest wind of 1e-308 m cannot be",
    "storm --offset 1e308": "is not on Earth",
    "storm --kind cyclone --offset nan": "a track nan km beside the town is not on Earth",
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_is_refused(
    city: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], words: str
) -> None:
    assert strike(city, words, tmp_path / "out") == 2
    said = capfd.readouterr().err
    assert said.startswith("geomage: ")
    assert said.count("\n") == 1
    assert REFUSED[words] in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("hazard", ["fire", "volcano --distance 0", "landslide --pga 2"])
def test_every_seed_of_64_bits_will_do(city: Path, tmp_path: Path, hazard: str) -> None:
    assert strike(city, f"{hazard} --seed {2**64 - 1}", tmp_path / "out") == 0


def test_a_front_longer_than_the_town_is_as_long_as_it(city: Path, tmp_path: Path) -> None:
    burnt = []
    for n, front in enumerate(("1000", "1e308")):
        out = tmp_path / str(n)
        assert strike(city, f"fire --front {front}", out) == 0
        burnt.append(read_event(out).rasters["arrival"].values)
    assert np.array_equal(*burnt)


def test_hardly_any_shaking_moves_nothing_that_stands(city: Path, tmp_path: Path) -> None:
    assert strike(city, "landslide --pga 1e-308", tmp_path / "out") == 0


def moved(city: City, by: float) -> City:
    """The first building of a city far outside its terrain."""
    first = city.buildings["building_id"].iloc[0]
    tables = {}
    for name in ("buildings", "roofs"):
        table = getattr(city, name).copy()
        far = table.geometry.translate(by, by)
        table.geometry = table.geometry.where(table["building_id"] != first, far)
        tables[name] = table
    return city.with_layers(**tables)


def test_a_building_outside_the_terrain_stays_dry(tmp_path: Path) -> None:
    place = write_city(moved(town("suburb", 1), 5000.0), tmp_path / "town")
    assert strike(place, "flood", tmp_path / "event") == 0
    assert read_event(tmp_path / "event").buildings["depth"].iloc[0] == 0
