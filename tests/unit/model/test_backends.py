"""Backends: the same numbers behind one door, and lower precision only where it was measured."""

from __future__ import annotations

import gc
import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from geomage.errors import InputError, ModelError
from geomage.model import BACKENDS, Gate, ModelCard, Prediction, load_model
from geomage.model.card import METADATA_KEY
from geomage.model.quantise import keep_gates, quantise_onnx

RNG = np.random.default_rng(11)
GATE = Gate(("xbd",), 19, 10**6, 0.55, 0.549)


def pair(y: int, x: int) -> tuple[np.ndarray, np.ndarray]:
    before, after = RNG.integers(0, 256, (2, 1, 3, y, x), np.uint8)
    return before, after


def gap(one: Prediction, other: Prediction) -> float:
    names = ("landcover", "damage", "flags")
    return max(float(np.abs(getattr(one, n) - getattr(other, n)).max()) for n in names)


@pytest.fixture(scope="module")
def int8(exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pairs = iter(RNG.integers(0, 256, (4, 2, 3, 64, 64), np.uint8))
    return quantise_onnx(exported, tmp_path_factory.mktemp("int8") / "int8.onnx", pairs, "noise")


@pytest.mark.parametrize("name", [name for name in BACKENDS if name != "onnxruntime"])
@pytest.mark.parametrize("side", [(256, 256), (320, 256)])
def test_all_backends_agree_in_fp32(exported: Path, card: ModelCard, name: str, side):
    if name == "openvino" and importlib.util.find_spec("openvino") is None:
        pytest.skip("openvino is not installed: pip install 'geomage[openvino]'")
    images = pair(*(n + 2 * card.trim for n in side))
    said = load_model(exported, 1, backend=name).predict(*images)
    again = load_model(exported, 1, backend=name).predict(*images)
    assert gap(said, load_model(exported, 1).predict(*images)) < 1e-4
    assert gap(said, again) == 0


def test_threads_change_no_bit(exported: Path):
    images = pair(256, 320)
    assert gap(*(load_model(exported, n).predict(*images) for n in (1, 2))) == 0


def test_an_answer_outlives_its_model_and_the_next_answer(exported: Path):
    """It lies in the memory of the runtime, which must not be used again while it is held."""
    model = load_model(exported, 1)
    first = model.predict(*pair(256, 256))
    names = ("landcover", "damage", "flags")
    kept = Prediction(*(getattr(first, name).copy() for name in names))
    later = [model.predict(*pair(256, 256)) for _ in range(2)]
    del model, later
    gc.collect()
    load_model(exported, 1).predict(*pair(320, 256))
    assert gap(first, kept) == 0


@pytest.mark.parametrize("name", ["onnxruntim", "OpenVINO", "tensorrt"])
def test_an_unknown_backend_is_refused(exported: Path, name: str):
    with pytest.raises(InputError, match="choose one of onnxruntime, openvino, torch"):
        load_model(exported, 1, backend=name)


def test_near_names_are_suggested(exported: Path):
    with pytest.raises(InputError, match="near: openvino"):
        load_model(exported, 1, backend="openvin")
    with pytest.raises(InputError, match="near: bf16"):
        load_model(exported, 1, backend="torch", precision="bf1")


def test_int8_is_kept_in_its_card_and_close(exported: Path, int8: Path):
    model = load_model(int8, 1, accept_loss=True)
    assert (model.precision, model.card.calibration) == ("int8", "noise")
    images = pair(64, 64)
    assert 0 < gap(model.predict(*images), load_model(exported, 1).predict(*images)) < 0.5


def test_what_was_not_measured_is_refused(exported: Path, int8: Path):
    with pytest.raises(ModelError, match="never measured"):
        load_model(int8, 1)
    with pytest.raises(ModelError, match="never measured"):
        load_model(exported, 1, backend="torch", precision="bf16")


def test_what_passed_is_run_on_its_own_backend_only(int8: Path, tmp_path: Path):
    path = keep_gates(int8, tmp_path / "gated.onnx", {"onnxruntime/int8": GATE})
    assert load_model(path, 1, precision="int8").card.gates["onnxruntime/int8"]["pairs"] == 19
    with pytest.raises(ModelError, match="openvino was never measured"):
        load_model(path, 1, backend="openvino")


@pytest.mark.parametrize("f1", [0.545, 0.5, float("-inf")])
def test_a_loss_of_half_a_point_does_not_pass(f1: float):
    assert not replace(GATE, f1=f1).passed


@pytest.mark.parametrize(
    "fault", [{"f1": 0.5}, {"f1": "0.55"}, {"pairs": 0}, {"sets": 3}, {"f1_fp32": 2, "f1": 2}]
)
def test_a_card_cannot_talk_its_way_through(int8: Path, tmp_path: Path, fault: dict):
    model = onnx.load(int8)
    facts = json.loads({p.key: p.value for p in model.metadata_props}[METADATA_KEY])
    facts["gates"] = {"onnxruntime/int8": GATE.as_dict() | {"passed": True} | fault}
    onnx.helper.set_model_props(model, {METADATA_KEY: json.dumps(facts)})
    onnx.save(model, tmp_path / "liar.onnx")
    with pytest.raises(ModelError, match=r"liar\.onnx"):
        load_model(tmp_path / "liar.onnx", 1)


def test_a_file_is_run_in_the_precision_of_its_weights(exported: Path, int8: Path):
    with pytest.raises(ModelError, match="geomage quantise"):
        load_model(exported, 1, precision="int8", accept_loss=True)
    with pytest.raises(ModelError, match="cannot be run in fp32"):
        load_model(int8, 1, precision="fp32", accept_loss=True)


@pytest.mark.parametrize("fault", ["no scale", "scale of text"])
def test_a_broken_int8_file_is_refused(int8: Path, tmp_path: Path, fault: str):
    model = onnx.load(int8)
    node = next(n for n in model.graph.node if n.op_type == "QuantizeLinear")
    scale = next(i for i in model.graph.initializer if i.name == node.input[1])
    if fault == "no scale":
        model.graph.initializer.remove(scale)
    else:
        scale.CopyFrom(onnx.helper.make_tensor(scale.name, onnx.TensorProto.STRING, [1], [b"x"]))
    onnx.save(model, tmp_path / "broken.onnx")
    with pytest.raises(ModelError, match=r"broken\.onnx"):
        load_model(tmp_path / "broken.onnx", 1, accept_loss=True)


def test_an_operator_that_torch_lacks_is_named(exported: Path, tmp_path: Path):
    model = onnx.load(exported)
    next(n for n in model.graph.node if n.op_type == "Relu").op_type = "Softplus"
    onnx.save(model, tmp_path / "odd.onnx")
    with pytest.raises(ModelError, match="lacks the operators Softplus"):
        load_model(tmp_path / "odd.onnx", 1, backend="torch")
