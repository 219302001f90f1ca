"""A browser on the pages of `view` and `review`: keys, clicks, screens, nothing from outside."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from geomage.product.journal import edits_of, journal_beside, read_lines

pytest.importorskip("starlette", reason="needs the extra [web]")
from tests.served import Served, serving, toy_product
from tests.watched import Watched, watched

from geomage.serve.review import open_review
from geomage.serve.running import ReviewOrder
from geomage.serve.view import open_view

LAPTOP, PHONE = (1366, 768), (390, 844)
SCREENS = pytest.mark.parametrize("screen", [LAPTOP, PHONE], ids=["laptop", "phone"])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_product(tmp_path_factory.mktemp("made")).parent


@pytest.fixture
def out(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path / "out"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with watched(tmp_path_factory.mktemp("browser") / "profile") as tab:
        yield tab


@contextmanager
def shown(served: Served, tab: Watched, screen: tuple[int, int]) -> Iterator[Watched]:
    """The page, watched: at the end there was no error and no request elsewhere."""
    tab.open(f"http://127.0.0.1:{served.port}/", *screen)
    tab.until("document.documentElement?.dataset.ready === 'yes'")
    yield tab
    assert tab.troubles() == []
    assert {url.split("/")[2] for url in tab.requests()} == {f"127.0.0.1:{served.port}"}
    assert tab.ask("document.documentElement.scrollWidth") <= screen[0]


def settled(tab: Watched) -> None:
    tab.until("document.documentElement.dataset.awaited === '0'")


def colours(tab: Watched) -> dict[str, Any]:
    """Counts of some colours on the map."""
    return tab.ask(
        """(() => { const m = document.createElement('canvas'), c = {red: 0, yellow: 0, grey: 0};
        const map = document.getElementById('map');
        [m.width, m.height] = [map.width, map.height];
        const pen = m.getContext('2d', {willReadFrequently: true});
        pen.drawImage(map, 0, 0);
        const d = pen.getImageData(0, 0, m.width, m.height).data;
        for (let i = 0; i < d.length; i += 4) {
          const [r, g, b] = [d[i], d[i + 1], d[i + 2]];
          if (r > 150 && g < 70 && b < 80) c.red++;
          if (r > 200 && g > 170 && b < 90) c.yellow++;
          if (r === g && g === b && r > 80 && r < 160) c.grey++;
        } return c; })()"""
    )


@SCREENS
def test_view_shows_the_product_and_answers_keys_and_clicks(
    out: Path, browser: Watched, screen: tuple[int, int]
) -> None:
    with (
        serving(open_view(out, {}).app) as served,
        shown(served, browser, screen) as tab,
    ):
        settled(tab)
        found = colours(tab)
        assert min(found["red"], found["yellow"]) > 20  # a house destroyed, one possibly damaged
        assert found["grey"] > 1000  # the image
        scale = tab.ask("document.getElementById('scale').textContent")
        tab.press("+")
        tab.press("+")
        settled(tab)
        assert tab.ask("document.getElementById('scale').textContent") != scale
        tab.press("Home")
        settled(tab)
        base = "document.querySelector('#base [aria-checked=true]').dataset.base"
        assert tab.ask(base) == "after"
        tab.press("b")
        assert tab.ask(base) == "before"
        if screen == LAPTOP:
            _click_a_house(tab)
        else:
            assert tab.ask("getComputedStyle(document.getElementById('layers')).display") == "none"
            tab.ask("document.getElementById('fold').click()")
            assert tab.ask("getComputedStyle(document.getElementById('layers')).display") != "none"


def _click_a_house(tab: Watched) -> None:
    """The middle of the first house: pixel (10, 35) of 100 x 80."""
    x, y = tab.ask(
        """(() => { const [l, b, r, t] = plane.bounds;
        return [across(l + .1 * (r - l)), down(t - .4375 * (t - b))]; })()"""
    )
    tab.click(x, y)
    said = "document.getElementById('found').innerText"
    tab.until("!document.getElementById('found').hidden")
    assert "Destroyed" in tab.ask(said)
    assert "Automatic extraction" in tab.ask(said)
    tab.ask("document.querySelector('[data-layer=builtUpA]').click()")
    tab.press("Escape")
    settled(tab)
    assert tab.ask("document.getElementById('found').hidden")
    assert colours(tab)["yellow"] == 0


def test_a_raster_that_is_damaged_is_said_and_not_shown_as_empty(
    out: Path, browser: Watched
) -> None:
    view = open_view(out, {})
    with (out / "damage.tif").open("r+b") as file:  # after it was found whole
        file.seek(-40, 2)
        file.truncate()
    with serving(view.app) as served:
        browser.open(f"http://127.0.0.1:{served.port}/", *LAPTOP)
        browser.until("document.documentElement?.dataset.ready === 'yes'")
        browser.ask("document.querySelector('[data-layer=damage]').click()")
        browser.until("!document.getElementById('hint').hidden")
        assert "could not be loaded" in browser.ask("document.getElementById('hint').innerText")
        assert "damage.tif" in browser.ask("document.getElementById('hint').innerText")


@SCREENS
def test_review_grades_by_keys_and_every_key_is_kept(
    out: Path, browser: Watched, screen: tuple[int, int]
) -> None:
    with (
        open_review(ReviewOrder(out, "ana"), {}) as review,
        serving(lambda hosts: review.app(hosts, "t" * 20)) as served,
        shown(served, browser, screen) as tab,
    ):
        which = "document.getElementById('which').textContent"
        assert tab.ask(which) == "Building 4"  # the least certain
        assert "Possibly damaged" in tab.ask("document.getElementById('facts').innerText")
        tab.until(
            "[...document.querySelectorAll('.chip image')].every(i => i.getAttribute('href'))"
        )
        for key in "4021":  # faster than the server answers
            tab.press(key)
        done = "document.getElementById('done').textContent"
        tab.until(f"{done} === '4'")
        tab.press("u")
        tab.until(f"{done} === '3'")
        tab.press("ArrowLeft")
        tab.press("c")
        tab.press("o")
        tab.until("document.getElementById('wide').getAttribute('aria-pressed') === 'true'")
        assert tab.ask("document.body.classList.contains('bare')")
        tab.ask("document.querySelector('[data-grade=\"3\"]').click()")
        tab.until("document.getElementById('message').textContent.includes('Major damage, kept')")
        for button in ("[data-grade='0']", "#undo"):
            low = tab.ask(f'document.querySelector("{button}").getBoundingClientRect().bottom')
            assert 0 < low <= screen[1]  # within the screen, without scrolling
    lines = read_lines(journal_beside(out))
    grades = [line["grade"] for line in lines if line["what"] == "grade"]
    assert grades == [4, 0, 2, 1, None, 3]
    assert {edit.who for edit in edits_of(lines).values()} == {"ana"}


def test_a_sample_hides_the_words_of_the_map_and_ends_in_a_figure(
    out: Path, browser: Watched
) -> None:
    with (
        open_review(ReviewOrder(out, "ana", sample=100), {}) as review,
        serving(lambda hosts: review.app(hosts, "t" * 20)) as served,
        shown(served, browser, LAPTOP) as tab,
    ):
        facts = "document.getElementById('facts').innerText"
        assert "hidden until you have graded" in tab.ask(facts)
        assert "The map says" not in tab.ask(facts)
        for _ in range(5):
            tab.press("4")
        tab.until("document.getElementById('message').textContent.startsWith('Sample complete')")
        said = tab.ask("document.getElementById('message').textContent")
        assert "5 judged" in said
        assert "The map says" in tab.ask(facts)


def test_a_server_that_is_gone_is_said_and_the_grade_is_not_shown_as_kept(
    out: Path, browser: Watched
) -> None:
    with (
        open_review(ReviewOrder(out, "ana"), {}) as review,
        serving(lambda hosts: review.app(hosts, "t" * 20)) as served,
        shown(served, browser, LAPTOP) as tab,
    ):
        tab.until("document.getElementById('which').textContent")
    tab.press("4")
    tab.until("document.getElementById('message').textContent.includes('NOT kept')")
    assert tab.ask("document.getElementById('done').textContent") == "0"
    assert tab.ask("document.getElementById('own').textContent") == "none yet"


def test_from_map_to_version_2(out: Path, geomage) -> None:
    with (
        open_review(ReviewOrder(out, "ana"), {}) as review,
        serving(lambda hosts: review.app(hosts, "t" * 20)) as served,
    ):
        assert served.edit("/grade", {"row": 0, "grade": 1}, "t" * 20)[0] == 200
    answer = geomage("reissue", out, "-o", out.with_name("out2"), "--json")
    assert answer.code == 0
    assert (answer.facts["version"], answer.facts["edited"]) == (2, 1)
    assert "Version 2: 1 building graded by eye" in answer.err
    summary = json.loads((out.with_name("out2") / "summary.json").read_text())
    assert summary["buildings"]["by_damage"]["No visible damage"]["count"] == 2
    again = geomage("reissue", out, "-o", out.with_name("out2"))
    assert again.code == 2
    assert "exists already" in again.err
