"""Striking a town by each hazard."""

from __future__ import annotations

import geopandas as gpd
import pytest
import rasterio

HAZARDS = {
    "flood": ["--level", 4],
    "earthquake": ["--magnitude", 7.5, "--distance", 2000],
    "fire": ["--wind-speed", 12, "--hours", 2],
    "storm": ["--ef", 4],
    "volcano": ["--distance", 60, "--ash", 2e9],
}


@pytest.mark.parametrize("hazard", HAZARDS)
def test_a_hazard_leaves_its_truth_per_building(geomage, town, tmp_path, hazard):
    event = tmp_path / "event"
    answer = geomage("strike", hazard, town, *HAZARDS[hazard], "-o", event, "--seed", 5, "--json")
    assert answer.code == 0, answer.err
    truth = gpd.read_file(event / "event.gpkg", layer="buildings")
    assert len(truth) == len(gpd.read_file(town / "city.gpkg", layer="buildings"))
    assert truth["grade_physical"].isin(range(6)).all()
    counts = truth["grade_visible"].value_counts()
    assert list(answer.facts["buildings"].values()) == [counts.get(n, 0) for n in range(4)]
    assert truth["grade_physical"].max() > 0, f"this {hazard} touched nothing"
    with rasterio.open(event / "intensity.tif") as intensity:
        assert intensity.tags()["unit"]


def test_a_struck_town_is_not_struck_again(geomage, town, tmp_path):
    assert geomage("strike", "fire", town, "-o", tmp_path / "event").code == 0
    answer = geomage("strike", "flood", tmp_path / "event", "-o", tmp_path / "again")
    assert answer.code == 2
    assert "was struck" in answer.err
    assert not (tmp_path / "again").exists()


def test_a_flood_over_everything_says_so(geomage, town, tmp_path):
    answer = geomage("strike", "flood", town, "--level", 60, "-o", tmp_path / "all")
    assert answer.code == 0
    assert "the water reached every building: the ground rises" in answer.err
    answer = geomage("strike", "flood", town, "--level", 0.2, "-o", tmp_path / "few")
    assert "every building" not in answer.err


def test_a_cyclone_strikes_and_says_how_hard_it_blew(geomage, town, tmp_path):
    words = ["storm", town, "--kind", "cyclone", "--pressure", 930, "--latitude", 20]
    answer = geomage("strike", *words, "-o", tmp_path / "event")
    assert answer.code == 0, answer.err
    assert "the strongest gust in the town is" in answer.err
    assert (tmp_path / "event" / "event.gpkg").exists()


def test_a_storm_that_misses_the_town_says_so(geomage, town, tmp_path):
    answer = geomage("strike", "storm", town, "--offset", 90000, "-o", tmp_path / "event")
    assert answer.code == 0, answer.err
    assert "the tornado misses the town" in answer.err


def test_options_of_the_other_kind_of_storm_are_refused(geomage, town, tmp_path):
    for words, said in (
        (["--pressure", 940], "--pressure is of a cyclone"),
        (["--kind", "cyclone", "--ef", 3], "--ef is of a tornado"),
        (["--kind", "hail"], "choose one of tornado, cyclone"),
    ):
        answer = geomage("strike", "storm", town, *words, "-o", tmp_path / "event")
        assert answer.code == 2
        assert said in answer.err
    assert not list(tmp_path.iterdir())


def test_lava_that_does_not_reach_the_town_says_so(geomage, town, tmp_path):
    words = ["strike", "volcano", town, "--ash", 0]
    answer = geomage(*words, "--distance", 40_000, "-o", tmp_path / "far")
    assert answer.code == 0
    assert "no lava reaches the town: the vent lies" in answer.err
    answer = geomage(*words, "--distance", 800, "--lava", 100, "-o", tmp_path / "little")
    assert "no lava reaches the town" in answer.err
    answer = geomage(*words, "--distance", 0, "-o", tmp_path / "here")
    assert "lava covers" in answer.err


def test_a_town_without_steep_ground_does_not_slide_and_says_why(geomage, town, tmp_path):
    answer = geomage("strike", "landslide", town, "-o", tmp_path / "event", "--json")
    assert answer.code == 0
    assert "no slope slides: the steepest is" in answer.err
    assert answer.facts["buildings"]["none"] == sum(answer.facts["buildings"].values())


def test_a_fire_says_what_burnt_or_why_nothing_did(geomage, town, tmp_path):
    answer = geomage("strike", "fire", town, "--wind-speed", 20, "-o", tmp_path / "burnt")
    assert answer.code == 0
    assert "% of the ground burnt;" in answer.err
    answer = geomage("strike", "fire", town, "--moisture", 50, "-o", tmp_path / "wet")
    assert answer.code == 0
    assert "note: nothing burnt: dead fuel of 50 % is too wet" in answer.err
    for words, why in (
        (["--ignition", "-9000,0"], "outside the town"),
        (["--ignition", "here"], "write EAST,NORTH"),
        (["--moisture", 0.3], "outside 1..60"),
    ):
        answer = geomage("strike", "fire", town, *words, "-o", tmp_path / "no")
        assert answer.code == 2
        assert why in answer.err


def test_two_triggers_or_nothing_at_all_are_refused(geomage, town, tmp_path):
    for words, said in (
        (["landslide", town, "--rain", 300, "--pga", 0.4], "--rain is one trigger"),
        (["volcano", town, "--lava", 0, "--ash", 0], "nothing erupts"),
    ):
        answer = geomage("strike", *words, "-o", tmp_path / "event")
        assert answer.code == 2
        assert said in answer.err
    assert not list(tmp_path.iterdir())


def test_parameters_out_of_range_are_refused(geomage, town, tmp_path):
    for words in (
        ["flood", "--level", -1],
        ["flood", "--level", 1e308],
        ["earthquake", "--magnitude", 12],
        ["storm", "--ef", 7],
        ["volcano", "--lava", -1],
        ["volcano", "--wind-speed", -3],
        ["landslide", "--rain", -1],
        ["landslide", "--pga", 0.3, "--magnitude", 7],
    ):
        answer = geomage("strike", words[0], town, *words[1:], "-o", tmp_path / "event")
        assert answer.code == 2
        assert answer.err.startswith("geomage: ")
    assert not list(tmp_path.iterdir())


def test_only_a_city_can_be_struck(geomage, tmp_path):
    answer = geomage("strike", "fire", tmp_path / "nowhere", "-o", tmp_path / "event")
    assert answer.code == 2
    assert "city" in answer.err


def test_a_town_is_never_replaced_by_its_own_disaster(geomage, town):
    held = sorted(p.name for p in town.iterdir())
    for out in (town, town.parent):
        answer = geomage("strike", "storm", town, "-o", out, "--overwrite")
        assert answer.code == 2
        assert "choose another output" in answer.err
    assert sorted(p.name for p in town.iterdir()) == held


def test_an_earthquake_on_the_far_side_of_the_world_says_so(geomage, town, tmp_path):
    event = tmp_path / "event"
    for words in (["--epicentre", "-177,-48.7"], ["--distance", 2e7]):
        answer = geomage("strike", "earthquake", town, *words, "-o", event, "--overwrite")
        assert answer.code == 0
        assert "nothing is felt and nothing damaged" in answer.err
        truth = gpd.read_file(event / "event.gpkg", layer="buildings")
        assert not truth["grade_physical"].any()


def test_an_earthquake_says_how_it_was_felt(geomage, town, tmp_path):
    strike = ("strike", "earthquake", town, "--scatter", 0)
    answer = geomage(*strike, "--magnitude", 8, "--distance", 1000, "-o", tmp_path / "near")
    assert "felt at intensity" in answer.err
    assert "people cannot go home" in answer.err
    answer = geomage(*strike, "--magnitude", 4, "--distance", 60000, "-o", tmp_path / "far")
    assert "nothing is damaged: damage begins at intensity 4.5" in answer.err


def test_an_epicentre_is_a_longitude_and_a_latitude(geomage, town, tmp_path):
    for text in ("abc", "13.1", "13.1,42.9,10", "10,91", "nan,0"):
        answer = geomage(
            "strike", "earthquake", town, "--epicentre", text, "-o", tmp_path / "event"
        )
        assert answer.code == 2
        assert "no place" in answer.err
    assert not list(tmp_path.iterdir())
