"""Doubts: what a run found weak is said, in the report and to machines, and nothing else is."""

from __future__ import annotations

import json

import pytest

from geomage.product.doubts import doubts

ALL_SEEN = {"not_analysed_share": 0.0, "not_analysed_by_reason_m2": {}}
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
            {"not_analysed_share": 0.25, "not_analysed_by_reason_m2": {"cloud": 9.0}},
            "25 % of the area is not analysed (cloud)",
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


def test_a_map_without_a_place_is_doubted() -> None:
    assert "no CRS" in doubts({}, ALL_SEEN, placed=False)[0]


def test_the_report_and_the_summary_hold_the_same_doubts(make_product) -> None:
    shift = {"dx_m": 0.0, "dy_m": 0.0, "score": 0.0, "reason": "<too unlike>"}
    product = make_product(facts={"shift": shift})
    stated = json.loads(product.summary.read_text())["doubts"]
    assert len(stated) == 2  # the shift, and the share of the toy run that is hidden
    page = product.report.read_text()
    section = page.partition('<section class="doubts">')[2].partition("</section>")[0]
    assert section.count("<li>") == 2
    assert "&lt;too unlike&gt;" in section
    assert page.index('class="doubts"') < page.index('id="stage"')
