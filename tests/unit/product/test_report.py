"""The report: offline, escaped, and right in its numbers."""

from __future__ import annotations

import base64
import hashlib
import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from browser import opened

HOSTILE = "<script>alert(1)</script>&\"' .tif".replace("/", "\u2215")


class Page(HTMLParser):
    """Collects tags, and the text of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, dict[str, str | None], str]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data) -> None:
        if self.tags:
            self.texts.append((*self.tags[-1], data))

    def inside(self, tag: str) -> list[tuple[dict[str, str | None], str]]:
        return [(attrs, text) for name, attrs, text in self.texts if name == tag and text.strip()]


@pytest.fixture
def page(make_product) -> Page:
    return Page(make_product().report.read_text())


def test_nothing_is_loaded_from_anywhere(page: Page) -> None:
    for tag, attrs in page.tags:
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            value = attrs.get(name)
            assert value is None or value.startswith(("data:", "#")), (tag, value)
        assert not any(name.startswith("on") for name in attrs), (tag, attrs)
        assert "style" not in attrs  # the policy would drop it


def test_the_policy_admits_this_style_and_script_only(page: Page) -> None:
    policy = next(a["content"] for t, a in page.tags if a.get("http-equiv"))
    assert policy.startswith("default-src 'none'; img-src data:;")
    scripts = [text for attrs, text in page.inside("script") if "type" not in attrs]
    styles = [text for _, text in page.inside("style")]
    assert (len(scripts), len(styles)) == (1, 1)
    for text in scripts + styles:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy


def test_a_hostile_file_name_stays_text(make_product) -> None:
    text = make_product(name=HOSTILE).report.read_text()
    assert "<script>alert" not in text
    page = Page(text)
    assert len([tag for tag, _ in page.tags if tag == "script"]) == 2
    assert any("<script>alert(1)" in found for _, _, found in page.texts)


def test_a_hostile_reason_and_fact_stay_text(make_product) -> None:
    bad = "</script><script>alert(2)</script>"
    text = make_product(answers=[(0, (float("nan"),) * 4, bad)]).report.read_text()
    assert "<script>alert" not in text


def test_key_figures_stand_on_top(page: Page) -> None:
    tiles = [a for t, a in page.tags if t == "label" and "tile" in (a.get("class") or "")]
    assert [a["class"] for a in tiles] == [
        f"tile {slug}" for slug in ("destroyed", "damaged", "possibly", "none", "unseen")
    ]
    figures = [text for attrs, text in page.inside("span") if attrs.get("class") == "n"]
    assert figures == ["1", "2", "1", "1", "1"]


def test_false_buildings_are_warned_of_right_after_their_number(make_product) -> None:
    after = make_product().report.read_text().partition("6 buildings mapped")[2]
    assert "Part of what is mapped as building may be none" in after[:400]
    assert "docs/limits.md" in after[:400]
    assert "may be none" not in make_product(answers=[], out="bare").report.read_text()


def told(page: Page) -> dict:
    """What the script of a page reads."""
    return json.loads(page.inside("script")[0][1])


def corners(steps: list[int]) -> set[tuple[float, float]]:
    """Points of a path, in picture pixels."""
    return {(x / 10, y / 10) for x, y in np.cumsum(np.reshape(steps, (-1, 2)), axis=0).tolist()}


def test_every_building_is_drawn_with_its_numbers(page: Page) -> None:
    data = told(page)
    assert data["groups"][0]["word"] == "Destroyed"
    assert [len(group["rows"]) for group in data["groups"]] == [1, 2, 1, 1, 1]
    # the destroyed house lies in columns 5 to 15 and rows 30 to 40 of the picture
    row = data["groups"][0]["rows"][0]
    assert corners(row[1][0]) == {(5, 30), (5, 40), (15, 30), (15, 40)}
    assert row[4] == [20, 30, 50, 900]  # thousandths


def test_areas_are_drawn_as_what_they_are(page: Page) -> None:
    layers = {layer["key"]: layer["paths"] for layer in told(page)["layers"]}
    assert [*layers] == ["flood", "areas"]
    assert corners(layers["flood"][0][0]) == {(0, 60), (40, 60), (40, 80), (0, 80)}


def test_places_are_told_in_degrees_only_with_a_crs(make_product) -> None:
    for crs, known in (("EPSG:32615", True), (None, False)):
        page = Page(make_product(crs, out=f"out{known}").report.read_text())
        lon, lat = told(page)["groups"][0]["rows"][0][6:8]
        assert (lon is not None and lat is not None) == known


def test_roofs_shine_through_until_the_reader_fills_them(make_product, tmp_path: Path) -> None:
    # the middle of the destroyed house, on the sheet that lies over the pictures
    opacity = (
        "(() => { const sheet = document.getElementById('overlay'), k = sheet.width / 100;"
        " const s = Math.min(k, sheet.height / 80);"
        " const x = (sheet.width - 100 * s) / 2 + 10 * s, y = (sheet.height - 80 * s) / 2 + 35 * s;"
        " return sheet.getContext('2d').getImageData(x, y, 1, 1).data[3] / 255; })()"
    )
    with opened(make_product().report, tmp_path / "profile") as tab:
        tab.rest()
        before = tab.ask(opacity)
        assert 0.02 < before <= 0.2
        tab.ask("document.getElementById('fill').focus()")
        for _ in range(5):
            tab.press("ArrowRight")
        tab.rest()
        assert tab.ask(opacity) > before


def test_the_swipe_is_moved_by_keys(make_product, tmp_path: Path) -> None:
    value = "Number(document.getElementById('swipe').value)"
    cut = "document.querySelector('figure.after').style.clipPath"
    with opened(make_product().report, tmp_path / "profile") as tab:
        tab.ask("document.getElementById('swipe').focus()")
        for key, way in (("ArrowRight", 1), ("ArrowLeft", -1)):
            before, shown = tab.ask(value), tab.ask(cut)
            tab.press(key)
            assert way * (tab.ask(value) - before) >= 10  # a hundredth of the width or more
            assert tab.ask(cut) != shown
        tab.ask("document.getElementById('stage').focus()")
        before = tab.ask(value)
        tab.press("ArrowRight", shift=True)
        assert tab.ask(value) > before
        tab.press("b")
        assert tab.ask(value) == 0  # the image after, all of it
        tab.press("b")
        assert tab.ask(value) == 1000


@pytest.mark.parametrize("dates", [1, 2])
@pytest.mark.parametrize("width", [400, 1400])
def test_nothing_sticks_out_of_the_screen(make_product, tmp_path: Path, dates, width) -> None:
    name = "a_very_long_file_name_without_a_single_space_in_it_" * 3 + ".tif"
    report = make_product(dates=dates, name=name).report
    with opened(report, tmp_path / "profile", width=width) as tab:
        assert tab.ask("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("dates", [1, 2])
def test_on_paper_the_map_stands_under_the_figures(make_product, tmp_path: Path, dates) -> None:
    bottom = "document.getElementById('still').getBoundingClientRect().bottom"
    a_px = 25.4 / 96  # mm
    size = {"width": round(279 / a_px), "height": round(192 / a_px)}  # A4 across, less its rims
    with opened(make_product(dates=dates).report, tmp_path / "profile", **size) as tab:
        tab.call("Emulation.setEmulatedMedia", media="print")
        assert 0 < tab.ask(bottom) * a_px <= 192


def test_two_fingers_zoom_the_map(make_product, tmp_path: Path) -> None:
    width = "document.getElementById('world').getBoundingClientRect().width"
    with opened(make_product().report, tmp_path / "profile", width=400, height=800) as tab:
        x, y = tab.ask(
            "(() => { const stage = document.getElementById('stage'); stage.scrollIntoView();"
            " const box = stage.getBoundingClientRect();"
            " return [box.left + box.width / 2, box.top + box.height / 4]; })()"
        )
        before = tab.ask(width)
        for kind, apart in (("touchStart", 20), ("touchMove", 40), ("touchMove", 60)):
            points = [{"x": x - apart, "y": y, "id": 1}, {"x": x + apart, "y": y, "id": 2}]
            tab.call("Input.dispatchTouchEvent", type=kind, touchPoints=points)
        tab.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        assert tab.ask(width) > 2 * before
