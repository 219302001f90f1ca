"""A style survives its file, and a file that cannot serve is refused by name."""

from __future__ import annotations

import tomllib
from dataclasses import MISSING, fields, replace
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geomage.errors import InputError
from geomage.world import (
    STYLES,
    CityParams,
    Style,
    find_style,
    grow_city,
    read_city,
    read_style,
    write_city,
    write_style,
)
from geomage.world.style_file import style_from_table, style_table


def broken(tmp_path, **changes):
    """A file of the suburb with some keys changed, or left out where None."""
    table = style_table(STYLES["suburb"]) | changes
    path = tmp_path / "broken.toml"
    lines, tables = [], []
    for key, value in table.items():
        if value is None:
            continue
        if isinstance(value, dict):
            tables += [f"[{key}]", *(f"{k} = {v}" for k, v in value.items())]
        else:
            lines.append(f"{key} = {value!r}".replace("True", "true").replace("False", "false"))
    path.write_text("\n".join(lines + tables))
    return path


@pytest.mark.parametrize("style", STYLES.values(), ids=lambda s: s.name)
def test_every_shipped_style_survives_its_file_and_its_table(style, tmp_path):
    path = write_style(style, tmp_path / "style.toml", comment="one\ntwo")
    assert read_style(path) == style
    assert style_from_table(style_table(style), "table") == style
    assert [p.name for p in tmp_path.iterdir()] == ["style.toml"]


rising = st.lists(st.floats(12, 1e5), max_size=9).map(lambda v: tuple(sorted(v)))
shares = st.floats(0, 1)


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=20), rising, shares, st.none() | shares, st.floats(1e-9, 1e6))
def test_any_lawful_style_survives_its_table_and_its_toml(name, areas, share, order, weight):
    style = replace(
        STYLES["village"],
        name=name,
        footprint_m2=areas,
        attached=share,
        order=order,
        roofs=MappingProxyType({"flat": weight, "hip": share}),
    )
    assert style_from_table(style_table(style), "table") == style


@settings(max_examples=25, deadline=None)
@given(name=st.text(st.characters(codec="utf-8"), max_size=12), weight=st.floats(1e-9, 1e6))
def test_names_and_numbers_of_any_kind_are_toml(tmp_path_factory, name, weight):
    style = replace(STYLES["informal"], name=name, yards=MappingProxyType({"bare": weight}))
    path = write_style(style, tmp_path_factory.mktemp("style") / "s.toml")
    assert tomllib.loads(path.read_text(encoding="utf-8"))["name"] == name
    assert read_style(path) == style


def test_fields_left_out_keep_their_default(tmp_path):
    optional = {f.name: None for f in fields(Style) if f.default is not MISSING}
    style = read_style(broken(tmp_path, **optional))
    assert style.empty == 0.05
    assert style.footprint_m2 == ()
    assert style.order is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"colour": 3}, ("unknown key 'colour'", "block_m")),
        ({"fabric": None}, ("fabric is missing",)),
        ({"fabric": "spiral"}, ("fabric", "'spiral'", "grid", "organic")),
        ({"fabric": 3}, ("fabric", "expected a word")),
        ({"bend_m": "much"}, ("bend_m", "expected a number", "'much'")),
        ({"bend_m": True}, ("bend_m", "expected a number")),
        ({"bend_m": -1}, ("bend_m", "-1", "0..500")),
        ({"dirt_streets": 1.5}, ("dirt_streets", "0..1")),
        ({"storeys": [3, 1]}, ("storeys", "must rise")),
        ({"storeys": [1, 2, 3]}, ("storeys", "a list of 2 numbers")),
        ({"storeys": 2}, ("storeys", "a list of 2 numbers")),
        ({"block_m": [0, 100]}, ("block_m", "10..5000")),
        ({"footprint_m2": [30, 20]}, ("footprint_m2", "must rise")),
        ({"roofs": {"flat": -1}}, ("roofs, flat", "-1")),
        ({"roofs": {"flat": 0}}, ("roofs", "no weight is above 0")),
        ({"roofs": {}}, ("roofs", "no weight is above 0")),
        ({"roofs": {"onion": 1}}, ("roofs", "'onion'", "gable")),
        ({"materials": {"gold": 1}}, ("materials", "'gold'", "thatch")),
        ({"land_use": [1, 2]}, ("land_use", "a table of weights")),
    ],
    ids=str,
)
def test_what_cannot_serve_is_refused_with_file_key_and_what_is_allowed(changes, words, tmp_path):
    path = broken(tmp_path, **changes)
    with pytest.raises(InputError) as refusal:
        read_style(path)
    for word in (str(path), *words):
        assert word in str(refusal.value)


@pytest.mark.parametrize("text", ["storeys = [1, nan]", "storeys = [1, inf]"])
def test_numbers_that_are_none_are_refused(text, tmp_path):
    path = broken(tmp_path, storeys=None)
    path.write_text(text + "\n" + path.read_text())
    with pytest.raises(InputError, match="storeys"):
        read_style(path)


@pytest.mark.parametrize("content", [b"", b"name = ", b"\xff\xfe\x00", b"name = 3"])
def test_files_that_are_no_style_are_refused(content, tmp_path):
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"bad\.toml"):
        read_style(path)
    with pytest.raises(InputError, match="cannot read"):
        read_style(tmp_path / "none.toml")


def test_a_name_stays_a_name_and_a_file_becomes_a_style(tmp_path):
    path = write_style(STYLES["centre"], tmp_path / "mine.toml")
    assert find_style("centre") == "centre"
    assert find_style(str(path)) == STYLES["centre"]
    assert find_style("metropolis") == "metropolis"  # refused, with the names, by `CityParams`
    with pytest.raises(InputError, match="suburb"):
        CityParams(128.0, "metropolis")


def test_a_town_of_a_style_of_ones_own_reproduces_itself(tmp_path):
    style = replace(STYLES["centre"], name="mine", storeys=(2.0, 3.0), order=0.5)
    city = grow_city(CityParams(96.0, style, 4))
    again = read_city(write_city(city, tmp_path / "town")).params
    assert again == city.params
    assert grow_city(again).buildings.equals(city.buildings)
    params = tmp_path / "town" / "city.params.json"
    params.write_text(params.read_text().replace('"grid"', '"spiral"'))
    with pytest.raises(InputError, match=r"city\.params\.json.*spiral"):
        read_city(tmp_path / "town")


def test_a_shipped_style_given_whole_grows_the_same_town():
    named, given_ = (grow_city(CityParams(96.0, s, 2)) for s in ("suburb", STYLES["suburb"]))
    assert named.buildings.equals(given_.buildings)


@pytest.mark.parametrize("text", ["a = " + "[" * 5000, "a = " + "9" * 5000, "a = \x00"])
def test_a_style_without_end_is_no_style(tmp_path, text):
    path = tmp_path / "s.toml"
    path.write_text(text)
    with pytest.raises(InputError, match="not a TOML style"):
        read_style(path)
    with pytest.raises(InputError, match="no file"):
        read_style(tmp_path)
