"""What is drawn: each thing as what it is, the worst first, and never more than a page can hold."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from PIL import Image

from browser import opened
from findings import make_findings
from geomage.product.access.states import OUTSIDE_MAP
from geomage.product.accuracy import Judged, estimate_accuracy
from geomage.product.page import drawing
from geomage.product.page.data import page_data
from geomage.product.page.drawing import draw, event_kind
from geomage.product.page.looks import LOOKS, ROAD_STATES
from geomage.product.page.outlines import encoded
from geomage.product.page.pictures import Picture
from geomage.product.page.report import report_html
from geomage.product.page.still import marked
from geomage.product.squares import square_grid


@pytest.mark.parametrize(
    ("kind", "said", "is_"),
    [
        ("5-Flood", "Flooded area", "flood"),
        ("5-Flood", "Permanent water", "water"),
        ("8-Wildfire", "Burnt area", "burnt"),
        ("1-Earthquake", "Debris", "debris"),
        ("3-Storm Not Applicable", "Debris", "debris"),
        ("6-Mass Movement", "Landslide", "debris"),
        ("Not Applicable", "", "flood"),
    ],
)
def test_an_area_is_drawn_as_what_it_is(kind: str, said: str, is_: str) -> None:
    assert event_kind(kind, said) == is_
    assert is_ in LOOKS


def test_what_does_not_exist_is_not_spoken_of(tmp_path: Path) -> None:
    plain = report_html(make_findings(tmp_path))
    for words in ("<h2>Roads", "Most affected areas", "<h2>People", "How often the words"):
        assert words not in plain


def test_roads_zones_and_people_are_told_where_they_exist(tmp_path: Path) -> None:
    people = {"exposed": 1200, "low": 900, "share_damaged": 0.25}
    found = make_findings(tmp_path, full=True, summary={"people": people})
    text = report_html(found)
    assert "<h1>Damage map: Toytown</h1>" in text
    assert "version 2" in text
    assert "Roads, of 3.0 km on the map" in text
    assert re.search(r'Blocked</label></td><td class="num">1.5 km</td><td class="num">50 %', text)
    assert "Old &lt;i&gt;town" in text
    assert "<i>town" not in text
    figures = ("100 %", "3", "1 to 3", "899 to 1,501")
    assert "".join(f'<td class="num">{figure}</td>' for figure in figures) in text
    assert "Share damaged" in text
    assert '<td class="num">25 %</td>' in text


def test_streets_around_the_map_are_not_in_the_lengths_on_it(tmp_path: Path) -> None:
    found = make_findings(tmp_path, full=True)
    why = ["seen", "rubble", "under new water", OUTSIDE_MAP]
    text = report_html(replace(found, roads=found.roads.assign(why=why)))
    assert "Roads, of 2.6 km on the map" in text
    assert re.search(r'Unknown: not seen</label></td><td class="num">0 m', text)
    assert "400 m around the map are drawn as unknown." in text


def test_what_is_cut_off_and_what_is_reached_is_told(tmp_path: Path) -> None:
    cut = {"cut off": 13, "possibly cut off": 27}
    reached = {"before": 80, "after": 40, "at_best": 67}
    roads = {
        "access": {word: {"buildings": n, "of_buildings": 80} for word, n in cut.items()},
        "facilities": {
            f"buildings_reached_{moment}": {"within_10_min": n, "of": 80}
            for moment, n in reached.items()
        },
    }
    text = report_html(make_findings(tmp_path, full=True, summary={"roads": roads}))
    assert "Cut off: 13 of 80 buildings." in text
    assert "streets of unknown state: 27 of 80." in text
    assert "80 of 80 buildings before, 40 after, 67 if unknown streets work." in text


def test_what_is_cut_off_and_how_far_facilities_reach_is_drawn(tmp_path: Path) -> None:
    found = make_findings(tmp_path, full=True)
    drawn = draw(found)
    page = json.loads(page_data(found, drawn))
    layers = {one["key"]: one for one in page["layers"]}
    for key in ("cutoff", "maybecut", "reach_before", "reach_after"):
        assert len(layers[key]["paths"]) == 1
    assert layers["reach_after"]["names"] == ["10 min"]
    text = report_html(found, drawn)
    assert 'data-layer="cutoff" checked>' in text
    assert 'data-layer="reach_after">' in text  # many lines: off until it is asked for
    before, after = (
        np.asarray(
            Image.open(io.BytesIO(marked(found.before, one, square_grid(found.box), 50).jpeg))
        )
        for one in (replace(drawn, areas=[]), drawn)
    )
    assert np.abs(before[10, 25].astype(int) - after[10, 25]).max() > 20  # on paper too


def test_given_footprints_are_not_called_mapped(tmp_path: Path) -> None:
    found = make_findings(tmp_path)
    text = report_html(replace(found, facts={**found.facts, "footprints": {"file": "a.gpkg"}}))
    assert "buildings given</b> as footprints" in text
    assert "buildings mapped" not in text
    assert "the model did not find" not in text


def test_what_happened_stands_under_the_title(tmp_path: Path) -> None:
    found = make_findings(tmp_path, summary={"product": {"event_type": "3-Storm"}})
    assert "event: storm" in report_html(found)


def test_a_judged_sample_is_told_and_changes_the_stamp(tmp_path: Path) -> None:
    strata = [Judged("sure", "Destroyed", 100, ("Destroyed",) * 38 + ("Damaged",) * 2)]
    made = {"of_version": 1, "reviewers": ["ana"], "not_judgeable": 0}
    accuracy = {**made, **estimate_accuracy(strata)}
    text = report_html(make_findings(tmp_path, summary={"accuracy": accuracy}))
    assert "40 buildings checked by a person" in text
    assert "not yet checked" not in text
    assert "How right version 1 was" in text
    assert "<b>95 %</b> of 100 buildings" in text


def test_zones_that_are_the_squares_are_not_told_twice(tmp_path: Path) -> None:
    found = make_findings(tmp_path, full=True)
    squares = replace(found, zones=found.zones.assign(zone=["A1", "B2"]))
    text = report_html(squares)
    assert draw(squares).zones is None
    assert text.count('data-extent="') == 2  # gone to all the same
    assert "Most affected areas" in text
    assert "Where it is worst" not in text
    assert "Where it is worst" in report_html(found)


def test_blocked_roads_lie_on_top_and_come_first(tmp_path: Path, monkeypatch) -> None:
    found = make_findings(tmp_path, full=True)
    assert [one.key for one in draw(found).roads] == [*reversed(ROAD_STATES)]
    monkeypatch.setattr(drawing, "MOST_LINES", 2)
    drawn = {one.key: (len(one.paths), one.left) for one in draw(found).roads}
    assert drawn == {"blocked": (1, 0), "flooded": (1, 0), "unknown": (0, 1), "passable": (0, 1)}
    assert "2 segments of road not drawn" in report_html(found)


def test_a_state_that_nobody_knows_is_unknown(tmp_path: Path) -> None:
    found = make_findings(tmp_path, full=True)
    odd = found.roads.assign(state=["passable", "maybe", None, "blocked"])
    drawn = {one.key: len(one.paths) for one in draw(replace(found, roads=odd)).roads}
    assert drawn == {"passable": 1, "unknown": 2, "flooded": 0, "blocked": 1}
    assert '1.8 km</td><td class="num">60 %' in report_html(replace(found, roads=odd))


def many(found, count: int, points: int):
    """Findings with round houses, all destroyed but the first."""
    rng = np.random.default_rng(1)
    spots = shapely.points(rng.uniform(0, 50, count), rng.uniform(0, 40, count))
    x0, y0 = found.box.affine @ (0, 80)
    rounds = shapely.buffer(spots, 3.0, quad_segs=points // 4)
    shapes = shapely.transform(rounds, lambda p: p + np.array([x0, y0]))
    frame = found.buildings.iloc[[0] * count].reset_index(drop=True)
    frame = frame.assign(building_id=range(count))
    frame.loc[0, "damage_gra"] = "No visible damage"
    return replace(found, buildings=gpd.GeoDataFrame(frame, geometry=shapes, crs=found.box.crs))


def test_the_worst_that_fit_are_drawn_and_the_rest_is_said(tmp_path: Path, monkeypatch) -> None:
    found = many(make_findings(tmp_path), 200, 16)
    assert draw(found).buildings == 200
    monkeypatch.setattr(drawing, "MOST_OUTLINES", 150)
    assert [len(group.rows) for group in draw(found).groups] == [150, 0, 0, 0, 0]
    assert "150 outlines drawn, worst first; 50 more in products.gpkg" in report_html(found)
    monkeypatch.setattr(drawing, "MOST_POINTS", 400)
    drawn = draw(found)
    assert 0 < drawn.buildings < 150
    assert sum(len(p) for group in drawn.groups for one in group.paths for p in one) <= 400


def test_outlines_grow_coarser_before_any_is_left_out(tmp_path: Path, monkeypatch) -> None:
    found = many(make_findings(tmp_path), 40, 64)
    fine = sum(len(p) for one in draw(found).groups[0].paths for p in one)
    monkeypatch.setattr(drawing, "MOST_POINTS", fine - 1)
    drawn = draw(found)
    assert drawn.buildings == 40
    assert sum(len(p) for one in drawn.groups[0].paths for p in one) < fine


def test_a_page_of_millions_stays_small(tmp_path: Path, monkeypatch) -> None:
    """What the script reads takes 160 bytes a building and 9 a point, or less; both are bounded."""
    monkeypatch.setattr(drawing, "MOST_POINTS", 20_000)
    found = many(make_findings(tmp_path), 1_000, 64)
    data, page = [
        page_data(found, draw(found)),
        report_html(found),
    ]
    rows = json.loads(data)["groups"][0]["rows"]
    points = sum(len(path) // 2 for row in rows for path in row[1])
    assert len(data) < 160 * len(rows) + 9 * points + 8_000
    assert data in page
    layers = 7 * drawing.MOST_POINTS_OF_A_LAYER  # four kinds of area, not analysed, roads, zones
    assert 160 * drawing.MOST_OUTLINES + 9 * (600_000 + layers) < 22e6


def test_a_path_comes_back_from_its_steps() -> None:
    path = np.array([[1.04, 2.0], [3.1, -4.0], [0.0, 0.06]])
    back = np.cumsum(np.reshape(encoded(path), (-1, 2)), axis=0) / 10
    assert np.abs(back - path).max() <= 0.05 + 1e-9


def test_the_still_picture_shows_the_layers(tmp_path: Path) -> None:
    found = make_findings(tmp_path, full=True)
    with Image.open(io.BytesIO(found.after.jpeg)) as image:
        file = io.BytesIO()
        image.resize((800, 640)).save(file, "JPEG")
    large = Picture(800, 640, file.getvalue())
    still = marked(large, draw(replace(found, before=large)), square_grid(found.box), 80.0)
    with Image.open(io.BytesIO(still.jpeg)) as image:
        shown = np.asarray(image.convert("RGB"), float)
    assert shown.shape == (640, 800, 3)
    red, green, blue = shown[8 * 36, 8 * 12]  # in the destroyed house
    assert red > green + 5
    assert red > blue + 5
    red, green, blue = shown[8 * 75, 8 * 25]  # in the flood
    assert blue > red + 20
    red, green, blue = shown[8 * 15, 8 * 65]  # on the blocked street
    assert red > green + 60
    assert blue > green + 60


def test_a_zone_is_gone_to_by_its_row(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text(report_html(make_findings(tmp_path, full=True)), encoding="utf-8")
    scale = "document.getElementById('world').getBoundingClientRect().width"
    with opened(page, tmp_path / "profile") as tab:
        before = tab.ask(scale)
        tab.ask("document.querySelector('tr[data-extent]').focus()")
        tab.press("Enter")
        assert tab.ask(scale) != before
        assert tab.ask("document.querySelectorAll('[data-layer=blocked]').length") == 1
        assert tab.complaints() == []
