"""The page of `view` knows every layer and every kind of event that a product may hold."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from geomage.product.extent_layers import DEBRIS
from geomage.product.layers import FLOOD
from geomage.product.schema import LAYERS

SCRIPT = (files("geomage.serve") / "pages" / "view.js").read_text("utf-8")


def listed(name: str) -> str:
    """The inside of an object of the script."""
    found = re.search(rf"const {name} = \{{(.*?)\}};", SCRIPT, re.DOTALL)
    assert found
    return found[1]


@pytest.mark.parametrize("layer", [*LAYERS, "mostAffectedA", "cutOffA", "accessTimeA"])
def test_every_layer_has_a_name_for_people(layer: str) -> None:
    assert layer == "source" or f"{layer}: " in listed("NAMES")


def test_debris_is_not_painted_as_flood() -> None:
    colours = dict(re.findall(r'"([^"]+)": "(#\w+)"', listed("EVENTS")))
    assert set(colours) == {FLOOD, DEBRIS}
    assert colours[FLOOD] != colours[DEBRIS]
