"""The words of the report: what was seen is called seen, and nothing is said in odd units."""

from __future__ import annotations

import pytest

from geomage.product.page import topics, wording


def test_destroyed_is_defined_by_the_rule_that_gives_it() -> None:
    said = wording.definitions()
    assert "is gone" not in said
    assert "once the cost of a miss is counted (none 1, minor 2, major 2, destroyed 4)" in said


def areas(flood: dict[str, float] | None) -> str:
    area = {"of_interest_m2": 1_510_502.0, "not_analysed_by_reason_m2": {"cloud": 370_182.0}}
    summary = {"area": area, "flood": flood}
    return wording.area_table(summary, topics.extent_rows(summary, None))


def test_a_flood_is_what_was_seen_and_its_limit_stands_beside_it() -> None:
    text = areas({"flooded": 126.0, "permanent water": 0.0})
    assert "Seen as flooded" in text
    assert ">Flooded<" not in text
    assert "muddy water may pass for bare ground" in text


def test_how_much_of_a_flood_is_missed_stands_beside_it() -> None:
    measured = {"precision": 0.77, "recall": 0.15, "on": "8 simulated floods"}
    said = wording.water_limits({"flood": {"x": 1}, "extents": {"flooded": {"measured": measured}}})
    assert said[-1].endswith("was flooded, and 15 % of the flood was outlined.")


def test_what_is_true_of_such_maps_stands_beside_the_counts() -> None:
    numbers = {"damage_low": 561.0, "damage_high": 1298.0}
    whole = {**numbers, "destroyed_low": 224.0, "destroyed_high": 921.0}
    said = wording.spoken(wording.in_truth({"zones": {"whole": whole, "outside_all_zones": 0}}))
    assert "561 to 1,298 buildings have damage" in said
    assert "224 to 921 of them are destroyed (nine times in ten)" in said
    part = wording.in_truth({"zones": {"whole": whole, "outside_all_zones": 3}})
    assert "nine times in ten, in the zones given" in part
    assert wording.in_truth({"zones": {"whole": {"damage_low": None}}}) == ""


def test_without_a_second_date_nothing_is_said_of_water() -> None:
    assert "water" not in areas(None)


@pytest.mark.parametrize(
    ("m2", "said"),
    [(0, "0 m²"), (9_999, "9,999 m²"), (10_000, "1.0 ha"), (370_182, "37.0 ha"), (2e6, "2.00 km²")],
)
def test_large_areas_are_said_in_large_units(m2, said) -> None:
    assert wording.area(m2) == said


def test_a_key_breaks_between_its_words_only() -> None:
    facts = {"model": {"landcover_classes": ("tree", "water"), "gsd": 0.30000000000000004}}
    text = wording.made_table(facts)
    assert '<th scope="row">model.<wbr>landcover_<wbr>classes</th><td>tree, water</td>' in text
    assert '<th scope="row">model.<wbr>gsd</th><td>0.3</td>' in text


def test_what_is_empty_gets_no_row() -> None:
    assert "notes" not in wording.made_table({"notes": [], "shift": None, "seed": 0})


def test_a_hostile_key_and_value_stay_text() -> None:
    text = wording.made_table({"<b>.x_y": ["<i>"]})
    assert "<b>" not in text
    assert "<i>" not in text
