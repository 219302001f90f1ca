"""The file of a translator: exact, whole, and refused where it is not what was written."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import onnx
import onnxruntime
import pytest
from made_domains import SOURCE, TARGET, fitting
from onnx import TensorProto, helper

from geomage.adapt import methods
from geomage.adapt.baselines import BASELINES, HistogramParams
from geomage.adapt.flow.translator import FlowNumbers
from geomage.adapt.method import Method, Parts
from geomage.adapt.translator_file import (
    open_translator,
    open_translator_file,
    read_parts,
    write_parts,
)
from geomage.data.translation import translate_chip
from geomage.errors import InputError, ModelError
from toy_translators import Same, card

TABLES = {
    "thirds": np.array([[1 / 3, np.pi * 1e-300], [2 / 3, -0.0]]),
    "small": np.array([0.1, 1e-30], np.float32),
    "counts": np.array([2**62, -1]),
    "flags": np.array([True, False]),
    "none": np.zeros((0, 3)),
}


def double() -> bytes:
    """A network that doubles."""
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [None]) for n in "xy")
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "double", [x], [y])
    opset = [helper.make_opsetid("", 17)]
    return onnx.helper.make_model(graph, opset_imports=opset, ir_version=9).SerializeToString()


@dataclass(frozen=True)
class NoParams:
    """None."""


@dataclass(frozen=True)
class Numbers:
    """Of the toy."""

    steps: int
    rate: float


def build(parts: Parts) -> Same:
    session = onnxruntime.InferenceSession(parts.networks["double"])
    assert session.run(None, {"x": np.ones(1, np.float32)})[0] == 2
    return Same(parts.card)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    toy = Method(NoParams, lambda *_: None, build, numbers=Numbers)
    monkeypatch.setattr(methods, "METHODS", MappingProxyType({**BASELINES, "toy": toy}))
    write_parts(tmp_path, Parts(card(), TABLES, {"double": double()}, {"steps": 4, "rate": 0.1}))
    return tmp_path


def test_what_is_written_is_read_to_the_last_digit(run: Path):
    parts, _ = read_parts(run / "translator.json")
    assert parts.card == card()
    assert parts.numbers == {"steps": 4, "rate": 0.1}
    assert parts.networks == {"double": double()}
    for name, table in TABLES.items():
        assert parts.tables[name].dtype == table.dtype
        assert parts.tables[name].shape == table.shape
        assert parts.tables[name].tobytes() == table.tobytes()


def test_a_folder_and_its_file_open_alike(run: Path):
    assert open_translator(run).card == open_translator(run / "translator.json").card == card()
    assert sorted(path.name for path in run.iterdir()) == [
        "translator.double.onnx",
        "translator.json",
    ]


def test_the_hash_is_of_all_that_answers_hang_on(run: Path):
    parts, first = read_parts(run / "translator.json")
    write_parts(run, parts)
    assert open_translator_file(run).sha256 == first
    for other in (
        parts._replace(numbers={"steps": 5, "rate": 0.1}),
        parts._replace(networks={"double": double() + b"\x72\x00"}),
        parts._replace(card=replace(card(), halo_px=1)),
    ):
        write_parts(run, other)
        assert open_translator_file(run).sha256 != first


def test_a_translator_that_was_learnt_comes_back(tmp_path: Path):
    method = BASELINES["histogram"]
    parts = method.fit(HistogramParams(), fitting(tmp_path))
    write_parts(tmp_path, parts)
    chip = SOURCE.chip(1)
    direct = translate_chip(method.build(parts), chip, 7)
    assert np.array_equal(translate_chip(open_translator(tmp_path), chip, 7).pixels, direct.pixels)
    assert TARGET.channels == open_translator(tmp_path).card.made


# ------------------------------------------------------------------------------ refused


def changed(run: Path, **facts: object) -> Path:
    file = run / "translator.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **facts}))
    return file


def test_what_was_cut_off_is_refused(run: Path):
    file = run / "translator.json"
    content = file.read_bytes()
    for size in (0, 1, len(content) // 2, len(content) - 2):
        file.write_bytes(content[:size])
        with pytest.raises(ModelError, match="no translator"):
            open_translator(run)
    file.unlink()
    with pytest.raises(ModelError, match="no translator there"):
        open_translator(run)
    (run / "recipe.json").write_text("{}")
    with pytest.raises(ModelError, match="its run is not finished"):
        open_translator(run)


def test_a_method_that_is_none_is_refused(run: Path):
    table = json.loads((run / "translator.json").read_text())["card"]
    with pytest.raises(ModelError, match=r"no method 'histogramm' \(near: histogram\)"):
        open_translator(changed(run, card={**table, "method": "histogramm"}))


@pytest.mark.parametrize("content", [b"", b"not ONNX", double()[:-9], double() + b"\x72\x00"])
def test_another_network_is_refused(run: Path, content: bytes):
    (run / "translator.double.onnx").write_bytes(content)
    with pytest.raises(ModelError, match="is not the network it was written with"):
        open_translator(run)


def test_a_network_that_is_missing_or_foreign_is_refused(run: Path):
    parts, _ = read_parts(run / "translator.json")
    (run / "translator.double.onnx").unlink()
    with pytest.raises(ModelError, match=r"translator\.double\.onnx: cannot be read"):
        open_translator(run)
    write_parts(run, parts._replace(networks={"double": b"GIF89a, no ONNX"}))
    with pytest.raises(ModelError, match="its parts make no toy translator"):
        open_translator(run)
    write_parts(run, parts._replace(networks={}))
    with pytest.raises(ModelError, match="its parts make no toy translator: 'double'"):
        open_translator(run)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"format": "other"}, "JSON, but no translator"),
        ({"version": 2}, "of version 2, this geomage reads 1"),
        ({"version": None}, "of version None"),
        ({"more": 1}, "must hold format"),
        ({"card": []}, "card is no table"),
        ({"card": {}}, "is damaged"),
        ({"tables": []}, "tables is no table"),
        ({"networks": {"../double": {"sha256": ""}}}, "no name of a part"),
        ({"networks": {f"n{k}": {"sha256": ""} for k in range(17)}}, "17 networks"),
        ({"networks": {"double": {}}}, "is damaged"),
    ],
)
def test_a_damaged_file_is_refused(run: Path, facts: dict, said: str):
    with pytest.raises(ModelError, match=said):
        open_translator(changed(run, **facts))


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"dtype": "object", "shape": [1], "values": ["x"]}, "is of 'object'"),
        ({"dtype": "float64", "shape": [2], "values": [1.0]}, "do not fill"),
        ({"dtype": "float64", "shape": [-1, -1], "values": [1.0]}, "cannot be"),
        ({"dtype": "float64", "shape": [10**9, 10**9], "values": [1.0]}, "do not fill"),
        ({"dtype": "float64", "shape": [1], "values": [[1.0]]}, "what is no number"),
        ({"dtype": "float64", "shape": [1], "values": ["x"]}, "what is no number"),
        ({"dtype": "float64", "shape": [1], "values": "x"}, "do not fill"),
        ({"dtype": "float64", "shape": "1", "values": [1]}, "cannot be"),
        ({"dtype": "uint8", "shape": [1], "values": [300]}, "is damaged"),
        ({"dtype": "float64", "shape": [1]}, "is damaged"),
        ([], "is damaged"),
    ],
)
def test_absurd_tables_are_refused(run: Path, table: object, said: str):
    with pytest.raises(ModelError, match=said):
        open_translator(changed(run, tables={"one": table}))


@pytest.mark.parametrize("word", ["NaN", "Infinity", "1e999"])
def test_a_number_that_is_not_finite_is_refused(run: Path, word: str):
    text = (run / "translator.json").read_text()
    file = changed(run, tables={"one": {"dtype": "float64", "shape": [1], "values": [12345]}})
    file.write_text(file.read_text().replace("12345", word))
    with pytest.raises(ModelError):
        open_translator(file)
    assert text


@pytest.mark.parametrize(
    "more",
    [
        {"gsd_m": [0, 1]},
        {"gsd_m": [2, 1]},
        {"halo_px": -1},
        {"stride_px": 0},
        {"channels": []},
        {"name": "\x1b[31mred"},
        {"channels": [{"name": "", "wavelength_um": 0.5}]},
    ],
)
def test_a_card_that_cannot_be_is_refused(run: Path, more: dict):
    table = json.loads((run / "translator.json").read_text())["card"]
    with pytest.raises(ModelError, match="card:"):
        open_translator(changed(run, card={**table, **more}))


@pytest.mark.parametrize(
    ("method", "edit", "said"),
    [
        ("histogram", {"strength": 1.5}, "strength = 1.5 is outside 0..1"),
        ("histogram", {"strength": "1"}, "strength: expected float, got '1'"),
        ("histogram", {"strenght": 1.0}, "unknown key 'strenght'"),
        ("colour", {"map": "corall"}, "map = 'corall' .*coral"),
        ("identity", {"steps": 4}, "unknown key 'steps'"),
        ("flow", {"strength": -0.5}, "strength = -0.5 is outside 0..1"),
        ("flow", {"steps": 0}, "steps = 0 is outside 1..10000"),
        ("flow", {"steps": 4.5}, "steps: expected int, got 4.5"),
        ("flow", {"source_noise": 1e6}, "source_noise = 1000000.0 is outside 0..100"),
        ("flow", {"method": "hein"}, "no solver 'hein' .*heun"),
        ("flow", {"times": [0.0, 0.7, 0.5, 1.0]}, "do not rise"),
        ("flow", {"times": [0.0, 0.5]}, "do not rise"),
        ("flow", {"student": True}, "a student without the times"),
        ("flow", {"cell": 3}, "cell = 3 px"),
        ("flow", {"classes": 7}, "told 7 classes, and its card names 2"),
    ],
)
def test_numbers_edited_by_hand_have_the_limits_of_a_recipe(
    tmp_path: Path, method: str, edit: dict, said: str
):
    row = methods.METHODS[method]
    if method == "flow":
        networks = dict.fromkeys(("velocity", "encode", "decode"), double())
        told = replace(card(classes=("dry", "water")), method=method)
        parts = Parts(told, {}, networks, asdict(FlowNumbers(classes=2)) | {"times": []})
    else:
        parts = row.fit(row.params(), fitting(tmp_path))
    write_parts(tmp_path, parts)
    open_translator(tmp_path)
    with pytest.raises(ModelError, match=said):
        open_translator(changed(tmp_path, numbers={**parts.numbers, **edit}))


def test_a_nest_without_end_and_a_file_too_large_are_refused(run: Path):
    file = run / "translator.json"
    file.write_text("[" * 10**6)
    with pytest.raises(ModelError, match="no JSON"):
        open_translator(file)
    with file.open("wb") as stream:
        stream.truncate(2**40)
    with pytest.raises(ModelError, match="are no part of a translator"):
        open_translator(file)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"tables": {"a": np.array([np.nan])}}, "cannot be kept as JSON"),
        ({"tables": {"a": np.array(["x"])}}, "is of <U1"),
        ({"tables": {"../a": np.zeros(1)}}, "no name of a part"),
        ({"numbers": {"a": np.float64("inf")}}, "cannot be kept as JSON"),
        ({"numbers": {"a": object()}}, "cannot be kept as JSON"),
        ({"networks": {"a": b""}}, "0 bytes"),
    ],
)
def test_what_no_file_can_hold_is_not_written(tmp_path: Path, parts: dict, said: str):
    with pytest.raises(InputError, match=said):
        write_parts(tmp_path, Parts(card(), {}, {}, {})._replace(**parts))
    assert not list(tmp_path.iterdir())
