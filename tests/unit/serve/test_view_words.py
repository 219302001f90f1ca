"""The page of `view` knows every layer and every kind of event that a product may hold."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from geomage.mapping import palette
from geomage.product.access.styles import (
    CUT_COLOURS,
    MOMENT_COLOURS,
    STREET_COLOURS,
    street_styles,
)
from geomage.product.extent_layers import BURNT, DEBRIS
from geomage.product.layers import FLOOD
from geomage.product.page.looks import LOOKS
from geomage.product.schema import LAYERS
from geomage.product.styles import BURNT_COLOUR

SCRIPT = (files("geomage.serve") / "pages" / "view.js").read_text("utf-8")


def listed(name: str) -> str:
    """The inside of an object of the script."""
    found = re.search(rf"const {name} = \{{(.*?)\}};", SCRIPT, re.DOTALL)
    assert found
    return found[1]


@pytest.mark.parametrize("layer", [*LAYERS, "mostAffectedA", "cutOffA", "accessTimeA"])
def test_every_layer_has_a_name_for_people(layer: str) -> None:
    assert layer == "source" or f"{layer}: " in listed("NAMES")


def test_each_kind_of_event_has_a_colour_of_its_own() -> None:
    colours = dict(re.findall(r'"([^"]+)": "(#\w+)"', listed("EVENTS")))
    assert set(colours) == {FLOOD, DEBRIS, BURNT}
    assert len(set(colours.values())) == 3
    assert colours[BURNT] == BURNT_COLOUR == "#{:02x}{:02x}{:02x}".format(*palette.BURNT[1][:3])


def test_streets_have_one_colour_wherever_they_are_drawn() -> None:
    view, report = (
        (files(room) / folder / name).read_text("utf-8")
        for room, folder, name in (
            ("geomage.serve", "pages", "view.css"),
            ("geomage.product.page", ".", "report.css"),
        )
    )
    said = re.findall(r'(\w+): \["(#\w+)", "(#\w+)"\]', listed("STATES"))
    assert {state: (line, casing) for state, line, casing in said} == STREET_COLOURS
    style = street_styles()["transportationL"]
    for state, (line, casing) in STREET_COLOURS.items():
        assert (LOOKS[state].stroke, LOOKS[state].casing) == (line, casing)
        for key in (rf"\.street\.{state}", rf"\.key\.{state}"):
            assert re.search(rf"{key}{{[^}}]*{line}", view + report), key
        for colour in (line, casing):
            assert ",".join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5)) + ",255" in style
    for name, colours in (("CUT", CUT_COLOURS), ("MOMENTS", MOMENT_COLOURS)):
        assert dict(re.findall(r'"([\w ]+)": "(#\w+)"', listed(name))) == colours
