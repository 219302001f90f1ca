"""A report of one image: buildings and land cover, and no word of damage figures."""

from __future__ import annotations

import json
import re

import pytest

from browser import opened
from geomage.product.page import cover
from geomage.product.summary import LANDCOVER


@pytest.fixture
def text(make_product) -> str:
    return make_product(dates=1).report.read_text()


def test_no_damage_cards_stand_empty(text) -> None:
    figures = text.partition('class="figures"')[2].partition("</section>")[0]
    assert re.findall(r'data-layer="(\w+)"', figures) == ["mapped"]
    for word in ("Destroyed", "Damaged", "Possibly damaged", "No visible damage", "assessed"):
        assert word not in figures
    assert "Where it is worst" not in text


def test_buildings_and_shares_of_land_cover_are_told(text) -> None:
    figures = text.partition('class="figures"')[2].partition("</section>")[0]
    assert ('<span class="n">6</span><span class="w">Buildings mapped') in figures
    # 600 of 8000 px are buildings, the rest is rangeland
    assert '<span class="n">92 %</span><span class="w">Rangeland' in figures
    table = text.partition("Land cover, share of the area seen")[2].partition("</section>")[0]
    assert '8 %</td><td class="num">150 m²' in table
    assert table.count("<tr>") == len(LANDCOVER)


def test_buildings_are_drawn_alike_the_largest_first(make_product) -> None:
    product = make_product(dates=1)
    block = re.search(r'id="data">(.*?)</script>', product.report.read_text())
    (group,) = json.loads(block[1])["groups"]
    assert (group["word"], group["css"], len(group["rows"])) == ("Building", "mapped", 6)
    assert all(row[8] is None for row in group["rows"])  # "no second image" is said once, on top


def test_limits_and_names_are_those_of_one_image(text) -> None:
    assert text.count("Image: before.tif") == 2  # under the title and among the sources
    assert "Before:" not in text
    assert "<h1>Building map: before.tif</h1>" in text
    assert "damage to walls" not in text
    assert "Damage cannot be told from one image" in text


def test_land_cover_keeps_its_colours_on_the_page(make_product, tmp_path) -> None:
    fills = "[...document.querySelectorAll('.bar rect')].map(r => getComputedStyle(r).fill)"
    border = "getComputedStyle(document.querySelector('.tile.cover')).borderTopWidth"
    with opened(make_product(dates=1).report, tmp_path / "profile") as tab:
        assert tab.ask(fills)[1] == "rgb(0, 255, 36)"  # rangeland
        assert tab.ask(border) == "9px"


def test_a_map_that_saw_nothing_has_no_shares() -> None:
    empty = {"landcover": dict.fromkeys(LANDCOVER.values(), 0.0)}
    assert "%" not in cover.cover_table(empty)
