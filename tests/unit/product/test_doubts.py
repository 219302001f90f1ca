"""Doubts: what a run found weak is said, in the report and to machines, and nothing else is."""

from __future__ import annotations

import json

import pytest
import shapely
from geopandas import GeoDataFrame

from geomage.product.doubts import doubts, partly_analysed
from geomage.product.layers import flood_beside_obscured_m2

ALL_SEEN = {
    "of_interest_m2": 1e5,
    "not_analysed_m2": 0.0,
    "not_analysed_share": 0.0,
    "not_analysed_by_reason_m2": {},
}
CARD = {"gsd_min": 0.3, "gsd_max": 1.0}


def test_a_run_without_fault_leaves_no_doubt() -> None:
    facts = {
        "notes": [],
        "shift": {"dx_m": 1.0, "dy_m": 0.0, "score": 1.0, "reason": ""},
        "model": CARD,
        "inputs": [{"file": "before.tif", "gsd_m": 0.5}],
    }
    assert doubts(facts, ALL_SEEN, placed=True) == []


@pytest.mark.parametrize(
    ("facts", "area", "said"),
    [
        ({"notes": ["the --gsd was not used"]}, ALL_SEEN, "The --gsd was not used."),
        ({"shift": {"reason": "too unlike"}}, ALL_SEEN, "shift between the dates is not known"),
        (
            {},
            {
                "of_interest_m2": 36.0,
                "not_analysed_m2": 9.0,
                "not_analysed_share": 0.25,
                "not_analysed_by_reason_m2": {"cloud": 9.0},
            },
            "25 % of the area is not analysed (cloud)",
        ),
        (
            {"run_together": {"area_share": 0.41, "larger_than_m2": 2000.0}},
            ALL_SEEN,
            "41 % of the area mapped as building lies in patches larger than 2,000 m²",
        ),
        (
            {"model": CARD, "inputs": [{"file": "a.tif", "gsd_m": 1.5}]},
            ALL_SEEN,
            "a.tif has pixels of 1.50 m; the model knows 0.3 to 1 m: small buildings are lost",
        ),
    ],
)
def test_each_weakness_is_said_once(facts, area, said) -> None:
    (only,) = doubts(facts, area, placed=True)
    assert said in only


def test_flood_beside_cloud_is_doubted_and_flood_elsewhere_is_not(make_product) -> None:
    near = shapely.box(0, 0, 10, 10)
    flood = GeoDataFrame({"area_m2": [100.0, 50.0]}, geometry=[near, shapely.box(50, 0, 55, 10)])
    cloud = GeoDataFrame(
        {"reason": ["obscured at second date", "outside the second image"]},
        geometry=[shapely.box(10, 2, 20, 20), shapely.box(55, 0, 60, 10)],
    )
    assert flood_beside_obscured_m2(flood, cloud) == 100
    (only,) = doubts({}, ALL_SEEN, placed=True, flood_beside_obscured_m2=100.0)
    assert only.startswith("100 m² of what is seen as flooded borders on what is obscured")
    assert not any("flooded" in doubt for doubt in stated(make_product()))


def stated(product) -> list[str]:
    return json.loads(product.summary.read_text())["doubts"]


def test_a_few_large_halls_leave_no_doubt() -> None:
    few = {"run_together": {"area_share": 0.1, "larger_than_m2": 2000.0}}
    assert doubts(few, ALL_SEEN, placed=True) == []


@pytest.mark.parametrize(("unseen", "worth_a_word"), [(49.0, False), (50.0, True)])
def test_what_rounds_to_nothing_counts_as_analysed(unseen: float, *, worth_a_word: bool) -> None:
    area = {**ALL_SEEN, "not_analysed_m2": unseen, "not_analysed_by_reason_m2": {"cloud": unseen}}
    assert partly_analysed(area) == worth_a_word
    assert bool(doubts({}, area, placed=True)) == worth_a_word


def test_a_map_without_a_place_is_doubted() -> None:
    assert "no CRS" in doubts({}, ALL_SEEN, placed=False)[0]


def test_the_report_and_the_summary_hold_the_same_doubts(make_product) -> None:
    shift = {"dx_m": 0.0, "dy_m": 0.0, "score": 0.0, "reason": "<too unlike>"}
    product = make_product(facts={"shift": shift})
    assert len(stated(product)) == 2  # the shift, and the share of the toy run that is hidden
    page = product.report.read_text()
    section = page.partition('<section class="doubts"')[2].partition("</section>")[0]
    assert section.count("<li>") == 2
    assert "&lt;too unlike&gt;" in section
    assert page.index('class="doubts"') < page.index('id="stage"')


def test_damage_that_such_events_hide_is_told() -> None:
    for found, said in (((90, 220), True), ((20, 220), False), ((0, 0), False)):
        text = " ".join(doubts({}, ALL_SEEN, placed=True, missed=("flood", *found)))
        assert ("90 of 220 damaged buildings" in text) == said


def test_a_doubt_begins_as_a_sentence_does() -> None:
    area = ALL_SEEN | {"not_analysed_m2": 60.0, "not_analysed_share": 0.0006}
    (text,) = doubts({}, area, placed=True)
    assert text.startswith("Under 1 % of the area")
