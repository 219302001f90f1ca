"""The report on a laptop and on a phone, from a file, with the network off."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from browser import Tab, opened
from geomage.product import write_product
from toy_run import CREATED, make_image, make_run

SCREENS = {"laptop": (1366, 768), "phone": (390, 844)}
BEFORE, AFTER = 90, 140  # grey of the two images of the toy run
HOUSES = [(10 + 15 * i, 35) for i in range(6)]  # their middles, in pixels of a picture of 100 x 80


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reported")
    images = {
        "before_paths": [make_image(folder / "before.tif", value=BEFORE)],
        "after_paths": [make_image(folder / "after.tif", value=AFTER)],
    }
    run = make_run(folder / "work")
    return write_product(run, folder / "out", created=CREATED, **images).report


@pytest.fixture(scope="module")
def chromium(report: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with opened(report, tmp_path_factory.mktemp("profile")) as tab:
        yield tab


@pytest.fixture(params=SCREENS)
def size(request) -> tuple[int, int]:
    return SCREENS[request.param]


@pytest.fixture
def tab(chromium: Tab, size: tuple[int, int], report: Path) -> Tab:
    """The report, opened anew."""
    chromium.events.clear()
    chromium.open(report.as_uri(), *size)
    return chromium


def on_screen(tab: Tab, column: float, row: float) -> tuple[float, float]:
    """Where a pixel of the picture lies, the whole map shown."""
    x, y = tab.ask(
        "(() => { document.getElementById('stage').scrollIntoView({block: 'nearest'});"
        " const box = document.getElementById('world').getBoundingClientRect();"
        f" return [box.left + box.width * {column} / 100, box.top + box.height * {row} / 80]; }})()"
    )
    return x, y


def grey(tab: Tab, column: float, row: float) -> float:
    """What stands on the screen there, as one number."""
    tab.rest()
    x, y = on_screen(tab, column, row)
    shot = tab.call("Page.captureScreenshot", format="png")["data"]
    with Image.open(io.BytesIO(base64.b64decode(shot))) as image:
        return float(np.mean(image.convert("RGB").getpixel((round(x), round(y)))))


def test_nothing_is_asked_of_the_network_and_nothing_complains(tab: Tab, report: Path) -> None:
    tab.mouse(on_screen(tab, *HOUSES[1]))
    for key in ("n", "n", "p", "b", "b", "+", "0"):
        tab.press(key)
    for box in ("[data-layer=grid]", "[data-layer=flood]", "[data-layer=destroyed]"):
        tab.ask(f"document.querySelector('{box}').click()")
    tab.ask("document.querySelector('tr[data-square],tr[data-extent]').click()")
    assert tab.requests() == [report.as_uri()]  # the page itself, which shows that all are counted
    assert tab.complaints() == []


def test_a_page_that_complained_would_be_heard(tab: Tab) -> None:
    tab.ask("setTimeout(() => { new Image().src = 'https://example.org/a.png'; }, 0)")
    tab.ask("new Promise(done => setTimeout(done, 200))")
    assert tab.complaints()  # the policy refuses it


def test_the_mouse_swipes(tab: Tab) -> None:
    free = 30, 10  # no building, no flood, no line of the grid
    assert grey(tab, *free) == pytest.approx(BEFORE, abs=3)
    grip = tab.middle("divider")
    tab.mouse(grip, (grip[0] - 60, grip[1]), (on_screen(tab, 15, 35)[0], grip[1]))
    assert grey(tab, *free) == pytest.approx(AFTER, abs=3)


def test_the_keyboard_swipes(tab: Tab) -> None:
    free = 70, 10
    assert grey(tab, *free) == pytest.approx(AFTER, abs=3)
    for _ in range(60):
        tab.press("Tab")
        if tab.ask("document.activeElement.id") == "swipe":
            break
    for _ in range(40):
        tab.press("ArrowRight")
    assert grey(tab, *free) == pytest.approx(BEFORE, abs=3)


def test_a_click_shows_the_chips_of_that_building(tab: Tab) -> None:
    assert tab.ask("document.getElementById('chips').hidden")
    tab.mouse(on_screen(tab, *HOUSES[0]))
    tab.ask("new Promise(done => setTimeout(done, 600))")  # the card scrolls into sight
    assert "Destroyed" in tab.ask("document.getElementById('chosen').textContent")
    assert "Building 1," in tab.ask("document.getElementById('chosen').textContent")
    for name, value in (("chip-before", BEFORE), ("chip-after", AFTER)):
        x, y = tab.ask(
            f"(() => {{ const box = document.getElementById('{name}').getBoundingClientRect();"
            " return [box.right, box.bottom]; })()"
        )
        assert x <= tab.ask("innerWidth")
        assert y <= tab.ask("innerHeight")  # seen without scrolling
        pixel = f"document.getElementById('{name}').getContext('2d').getImageData(150, 150, 1, 1)"
        assert tab.ask(f"{pixel}.data[0]") == pytest.approx(value, abs=3)


def test_a_layer_is_switched_off_and_on(tab: Tab) -> None:
    x, y = 10, 30  # on the upper rim of the destroyed house
    red = grey(tab, x, y)
    assert abs(red - BEFORE) > 10
    tab.ask("document.querySelector('[data-layer=destroyed]').click()")
    assert grey(tab, x, y) == pytest.approx(BEFORE, abs=3)
    tab.ask("document.querySelector('[data-layer=destroyed]').click()")
    assert grey(tab, x, y) == pytest.approx(red, abs=3)


def test_the_keyboard_goes_through_the_page_in_the_order_it_is_read(tab: Tab) -> None:
    order = []
    for _ in range(80):
        tab.press("Tab")
        order.append(tab.ask("document.activeElement.id || document.activeElement.className"))
        if order[-1] == "next":
            break
    known = ["skip", "fill", "stage", "in", "out", "fit", "swipe", "prev", "next"]
    assert [name for name in order if name in known] == known


def test_all_that_can_be_used_has_a_name(tab: Tab) -> None:
    nodes = tab.call("Accessibility.getFullAXTree")["nodes"]
    used = ("button", "checkbox", "slider", "application", "link", "image", "meter")
    found = [node for node in nodes if node.get("role", {}).get("value") in used]
    assert len(found) > 15
    assert [n for n in found if not n.get("name", {}).get("value") and not n["ignored"]] == []


# WCAG 2.1, 1.4.3: contrast = (lighter + .05) / (darker + .05), of relative luminances
CONTRAST = """
(() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (rgb) => rgb.slice(0, 3).map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0.5) return colour;
    }
    return [255, 255, 255];
  };
  const low = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode.parentElement;
    if (!walk.currentNode.textContent.trim() || !node.getClientRects().length) continue;
    if (node.closest("script, .scale")) continue;
    const [a, b] = [light(parse(getComputedStyle(node).color)), light(ground(node))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.push(node.textContent.slice(0, 40) + " " + ratio.toFixed(2));
  }
  return low;
})()
"""


def test_all_words_stand_out_from_their_ground(tab: Tab) -> None:
    tab.ask("document.querySelector('[data-layer=none]').click()")  # a tile that is switched off
    assert tab.ask(CONTRAST) == []
    tab.ask("document.querySelector('.sub').style.color = '#999'")
    assert tab.ask(CONTRAST) != []


def test_without_script_the_pictures_stand_still(tab: Tab, size, report: Path) -> None:
    tab.call("Page.enable")
    tab.events.clear()
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    tab.call("Page.navigate", url=report.as_uri())
    tab.wait_for("Page.loadEventFired")
    shown = (
        "['before', 'still'].map(name => { const image = document.getElementById(name);"
        " return image.getClientRects().length === 1 && image.naturalWidth; })"
    )
    assert tab.ask(shown) == [100, 100]
    assert tab.ask("getComputedStyle(document.getElementById('overlay')).display") == "none"
    assert "Scripts are off" in tab.ask("document.querySelector('.map').innerText")
    assert tab.ask("document.documentElement.scrollWidth") == size[0]
