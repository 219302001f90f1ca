"""The printed page: one sheet with everything on it, and a scale that is true."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from findings import make_findings
from geomage.product.layers import observed
from geomage.product.page.graticule import graticule, nice_step
from geomage.product.page.pictures import Picture
from geomage.product.page.printing import can_print, print_map

if not can_print():
    pytest.skip("no reportlab here; install the extra pdf to run this", allow_module_level=True)
pdfium = pytest.importorskip("pypdfium2", reason="pypdfium2 reads the page; it is in the extra dev")

MM = 72 / 25.4


def printed(found, path: Path) -> tuple[str, tuple[float, float], int]:
    """Its words, its size in mm and the number of its pages."""
    print_map(found, path)
    with pdfium.PdfDocument(path) as document:
        page = document[0]
        wide, high = page.get_size()
        words = page.get_textpage()
        text = words.get_text_bounded()
        words.close()
        page.close()
        return re.sub(r"\s+", " ", text), (wide / MM, high / MM), len(document)


def test_all_that_a_reader_needs_stands_on_one_sheet(tmp_path: Path) -> None:
    text, size, pages = printed(make_findings(tmp_path), tmp_path / "map.pdf")
    assert pages == 1
    assert size == pytest.approx((420, 297), abs=0.5)
    for words in (
        "Damage map: after.tif", "AUTOMATIC MAP", "not yet checked by a person",
        "1 Destroyed", "2 Damaged", "20 % of assessed", "6 buildings mapped", "Legend",
        "Where it is worst", "What this map cannot say", "Made by a model alone", "Sources",
        "before.tif", "after.tif", "product version 1", "EPSG:32615", "degrees, WGS 84",
        "° N", "° W", "made by geomage", "Scale about 1 :", "2026-01-02",
    ):  # fmt: skip
        assert words in text, words


def test_zones_roads_and_a_place_are_printed_where_they_exist(tmp_path: Path) -> None:
    found = make_findings(tmp_path, full=True)
    text, _, _ = printed(found, tmp_path / "map.pdf")
    for words in (
        "Toytown",
        "Road: Blocked, 1.5 km",
        "Old <i>town",
        "Most affected areas",
        "1 to 3",
        "899 to 1,501",
    ):
        assert words in text, words


def test_burnt_ground_is_drawn_with_its_area_where_there_is_any(tmp_path: Path) -> None:
    found = make_findings(tmp_path)
    told, _, _ = printed(found, tmp_path / "flood.pdf")
    assert "Seen as flooded, 200 m²" in told
    assert "burnt" not in told.lower()
    fire = observed(found.flood[["geometry", "area_m2"]], "fire", "Burnt area", 2)
    burnt = {"not burnt": 1600.0, "burnt": 35_600.0, "not analysed": 0.0}
    summary = {**found.summary, "burnt": burnt, "extents": {"burnt": {"measured": None}}}
    text, _, _ = printed(replace(found, flood=fire, summary=summary), tmp_path / "fire.pdf")
    assert "Seen as burnt, 3.6 ha" in text
    assert "Burnt patches under 200 m² are not outlined" in text
    assert "Seen as flooded" not in text


def test_the_same_map_is_the_same_bytes(tmp_path: Path) -> None:
    found = make_findings(tmp_path)
    for name in ("a.pdf", "b.pdf"):
        print_map(found, tmp_path / name)
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()


def test_one_date_and_no_crs_are_said(tmp_path: Path) -> None:
    text, _, _ = printed(make_findings(tmp_path, crs=None, dates=1), tmp_path / "map.pdf")
    assert "Building map: before.tif" in text
    assert "metres from the upper left" in text
    assert "Destroyed" not in text
    assert "° N" not in text


def test_a_hostile_name_stays_text_and_strange_letters_do_not_stop_it(tmp_path: Path) -> None:
    found = make_findings(tmp_path, name="<b>&\u2215前.tif")
    text, _, _ = printed(found, tmp_path / "map.pdf")
    assert "<b>&" in text


def test_a_tall_picture_stands_upright(tmp_path: Path) -> None:
    found = make_findings(tmp_path)
    tall = replace(
        found,
        box=GeoBox((160, 50), found.box.affine, found.box.crs),
        before=Picture(50, 160, found.before.jpeg),
        after=Picture(50, 160, found.after.jpeg),
    )
    _, size, pages = printed(tall, tmp_path / "map.pdf")
    assert size == pytest.approx((297, 420), abs=0.5)
    assert pages == 1


def test_the_scale_that_is_told_is_that_of_the_paper(tmp_path: Path) -> None:
    """A map of 50 m is printed 285 mm wide or less, so that the scale is about 1 : 175 or more."""
    text, _, _ = printed(make_findings(tmp_path), tmp_path / "map.pdf")
    scale = int(re.search(r"1 : ([\d,]+)", text)[1].replace(",", ""))
    document = pdfium.PdfDocument(tmp_path / "map.pdf")
    page = document[0]
    widths = [
        right - left
        for left, _, right, _ in (one.get_bounds() for one in page.get_objects())
        if right - left > 150 * MM and right - left < 400 * MM
    ]
    page.close()
    document.close()
    assert scale == pytest.approx(50_000 / (max(widths) / MM), rel=0.06)  # two figures are told


@pytest.mark.parametrize(("most", "step"), [(1, 1), (1.99, 1), (0.0049, 0.002), (77, 50), (5, 5)])
def test_steps_are_round(most: float, step: float) -> None:
    assert nice_step(most) == pytest.approx(step)


def test_meridians_lie_where_they_should() -> None:
    """On a grid in degrees a line of the graticule is straight, at its own coordinate."""
    box = GeoBox((100, 200), Affine(0.01, 0, 10.0, 0, -0.01, 50.0), "EPSG:4326")
    lines = graticule(box, Picture(200, 100, b""))
    for path, name, north in lines:
        told = float(name.split("°")[0])
        at = 10 + path[:, 0] * 0.01 if north else 50 - path[:, 1] * 0.01
        assert np.allclose(at, told, atol=1e-9)
        assert name[-1] == ("E" if north else "N")
    assert 3 <= sum(north for _, _, north in lines) <= 12
    assert math.isclose(len({name for _, name, _ in lines}), len(lines))
