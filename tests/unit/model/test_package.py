"""The exported form: the same numbers as the network, any size, and nothing but our own files."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from geomage.errors import ModelError
from geomage.model import ModelCard, default_model_path, load_model
from geomage.model.export import HALO, TRIM, WINDOW, Probabilities, write_onnx
from geomage.model.network import Network

RNG = np.random.default_rng(7)


def pair(batch: int, y: int, x: int) -> tuple[np.ndarray, np.ndarray]:
    before, after = RNG.integers(0, 256, (2, batch, 3, y, x), np.uint8)
    return before, after


@pytest.mark.parametrize("shape", [(1, 32, 32), (2, 64, 96), (1, 160, 32)])
def test_the_file_says_what_the_network_says(exported: Path, network: Network, shape):
    before, after = pair(*shape)
    said = load_model(exported, threads=1).predict(before, after)
    with torch.no_grad():
        expected = Probabilities(network, 1.0)(torch.from_numpy(before), torch.from_numpy(after))
    for mine, theirs in zip((said.landcover, said.damage, said.flags), expected, strict=True):
        np.testing.assert_allclose(mine, theirs.numpy(), rtol=1e-5, atol=1e-6)


def _of_shares(exported: Path, path: Path) -> Path:
    """The same graph in the older form: shares come in, and are brought about 0."""
    model = onnx.load(exported)
    for one in model.graph.input:
        one.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    counted = [n for n in model.graph.node if n.op_type == "DequantizeLinear"]
    assert len(counted) >= 2
    for name, value in (("mean", 97 / 255), ("scale", 5.0)):
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.float32(value), name))
    for node in counted:
        share, off, out = node.input[0], f"{node.output[0]}/off", node.output[0]
        at = list(model.graph.node).index(node)
        model.graph.node.remove(node)
        model.graph.node.insert(at, onnx.helper.make_node("Mul", [off, "scale"], [out]))
        model.graph.node.insert(at, onnx.helper.make_node("Sub", [share, "mean"], [off]))
    onnx.save(model, path)
    return path


def test_counts_say_what_counts_over_255_say(tmp_path: Path, exported: Path, network: Network):
    """Files of the older form take shares; they are told the same counts, by the same call."""

    counts = pair(1, 64, 32)
    shares = [torch.from_numpy(one).float() / 255 for one in counts]
    with torch.no_grad():
        new, old = network(*map(torch.from_numpy, counts)), network(*shares)
    for mine, theirs in zip(new, old, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)
    older = _of_shares(exported, tmp_path / "older.onnx")
    said, expected = (load_model(one, threads=1).predict(*counts) for one in (older, exported))
    np.testing.assert_allclose(said.landcover, expected.landcover, atol=1e-5)
    np.testing.assert_allclose(said.damage, expected.damage, atol=1e-5)


def test_probabilities_add_up_to_one(exported: Path):
    said = load_model(exported, threads=1).predict(*pair(1, 64, 64))
    np.testing.assert_allclose(said.landcover.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(said.damage.sum(1), 1, atol=1e-5)
    assert said.flags.min() >= 0
    assert said.flags.max() <= 1


def test_the_temperature_is_inside(tmp_path: Path, exported: Path, network: Network, card):
    """p at temperature T is proportional to p ** (1 / T)."""
    warm = write_onnx(network, replace(card, temperature=2.0), tmp_path / "warm.onnx")
    before, after = pair(1, 32, 32)
    cold = load_model(exported, threads=1).predict(before, after).damage
    root = np.sqrt(cold)
    expected = root / root.sum(1, keepdims=True)
    np.testing.assert_allclose(
        load_model(warm, threads=1).predict(before, after).damage, expected, atol=1e-5
    )


def test_the_weights_of_the_loss_are_undone(tmp_path: Path, exported: Path, network: Network, card):
    """A grade that weighed w in the loss is said w times less often."""
    weights = (1.0, 2.0, 1.5, 3.0)
    plain = write_onnx(network, card, tmp_path / "plain.onnx", weights)
    before, after = pair(1, 32, 32)
    shares = load_model(exported, threads=1).predict(before, after).damage
    shares = shares / np.array(weights)[:, None, None]
    expected = shares / shares.sum(1, keepdims=True)
    np.testing.assert_allclose(
        load_model(plain, threads=1).predict(before, after).damage, expected, atol=1e-5
    )


def test_the_card_comes_back(exported: Path, card: ModelCard):
    assert load_model(exported, threads=1).card == card
    assert ModelCard.from_json(card.to_json()) == card


def test_a_card_from_before_windows_and_trim_is_read(card: ModelCard):
    facts = json.loads(card.to_json())
    del facts["window"], facts["trim"]
    old = ModelCard.from_json(json.dumps(facts))
    assert (old.window, old.trim) == (1024, 0)


@pytest.fixture(scope="module")
def trimmed(tmp_path_factory: pytest.TempPathFactory, network: Network, card: ModelCard) -> Path:
    path = tmp_path_factory.mktemp("model") / "trimmed.onnx"
    return write_onnx(network, replace(card, halo=HALO, window=WINDOW, trim=TRIM), path)


@pytest.mark.parametrize("shape", [(1, 32, 32), (2, 64, 160)])
def test_a_trimmed_file_answers_for_the_middle(trimmed: Path, network: Network, shape):
    batch, y, x = shape
    before, after = pair(batch, y + 2 * TRIM, x + 2 * TRIM)
    said = load_model(trimmed, threads=1).predict(before, after)
    with torch.no_grad():
        whole = Probabilities(network, 1.0)(torch.from_numpy(before), torch.from_numpy(after))
    for mine, theirs in zip((said.landcover, said.damage, said.flags), whole, strict=True):
        assert mine.shape == (batch, theirs.shape[1], y, x)
        np.testing.assert_allclose(mine, theirs[..., TRIM:-TRIM, TRIM:-TRIM], atol=1e-5)


def test_a_trimmed_file_refuses_images_that_leave_nothing(trimmed: Path):
    with pytest.raises(ModelError, match="leave nothing to answer"):
        load_model(trimmed, threads=1).predict(*pair(1, 2 * TRIM, 2 * TRIM + 32))


def test_a_card_that_lies_about_the_trim_is_found_out(tmp_path: Path, trimmed: Path):
    model = onnx.load(trimmed)
    card = replace(load_model(trimmed, threads=1).card, trim=TRIM - 32)
    onnx.helper.set_model_props(model, {"geomage": card.to_json()})
    onnx.save(model, tmp_path / "liar.onnx")
    with pytest.raises(ModelError, match="trim"):
        load_model(tmp_path / "liar.onnx", threads=1).predict(*pair(1, 2 * TRIM + 32, 448))


def test_a_shipped_model_is_small_and_ours():
    path = default_model_path()
    if not path.exists():
        pytest.skip("no model is shipped yet")
    model = load_model()
    assert path.stat().st_size <= 8 * 2**20
    assert model.card.recipe
    assert "no real" in model.card.trained_on


def test_sides_must_be_multiples_of_the_stride(exported: Path):
    with pytest.raises(ModelError, match="multiples of 32"):
        load_model(exported, threads=1).predict(*pair(1, 32, 33))


def test_dates_must_agree_in_shape(exported: Path):
    with pytest.raises(ModelError, match="differ in shape"):
        load_model(exported, threads=1).predict(pair(1, 32, 32)[0], pair(1, 64, 32)[1])


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"\x08\x07" * 40])
def test_what_is_not_a_model_is_refused(tmp_path: Path, content: bytes):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.onnx"):
        load_model(path, threads=1)


def test_a_missing_model_is_refused(tmp_path: Path):
    with pytest.raises(ModelError, match="no such model file"):
        load_model(tmp_path / "nowhere.onnx")


def test_a_cut_off_model_is_refused(tmp_path: Path, exported: Path):
    path = tmp_path / "cut.onnx"
    path.write_bytes(exported.read_bytes()[:-1000])
    with pytest.raises(ModelError, match=r"cut\.onnx"):
        load_model(path, threads=1)


def test_a_strangers_model_is_refused(tmp_path: Path, exported: Path):
    model = onnx.load(exported)
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "stranger.onnx")
    with pytest.raises(ModelError, match="not exported by geomage"):
        load_model(tmp_path / "stranger.onnx", threads=1)


def test_a_card_of_another_version_is_refused(tmp_path: Path, exported: Path, card: ModelCard):
    model = onnx.load(exported)
    facts = {**json.loads(card.to_json()), "wavelengths": [1, 2, 3]}
    onnx.helper.set_model_props(model, {"geomage": json.dumps(facts)})
    onnx.save(model, tmp_path / "newer.onnx")
    with pytest.raises(ModelError, match="wavelengths"):
        load_model(tmp_path / "newer.onnx", threads=1)


def test_weights_outside_the_file_are_refused(tmp_path: Path, exported: Path):
    model = onnx.load(exported)
    onnx.save(model, tmp_path / "outside.onnx", save_as_external_data=True, size_threshold=64)
    with pytest.raises(ModelError, match=r"outside\.onnx"):
        load_model(tmp_path / "outside.onnx", threads=1)


def test_mapping_needs_no_torch():
    code = "import geomage.model, geomage.learn, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_shipped_model_says_the_same_of_a_window_and_of_all_around_it():
    """Its halo is as wide as it looks."""
    model = load_model(threads=1)
    halo, inner = model.card.halo, 64
    assert model.card.trim == halo
    images = pair(1, inner + 2 * halo + 64, inner + 2 * halo + 96)
    whole = model.predict(*images)
    here = np.s_[..., 32 : 32 + inner + 2 * halo, 64 : 64 + inner + 2 * halo]
    alone = model.predict(*(np.ascontiguousarray(image[here]) for image in images))
    for name in ("landcover", "damage", "flags"):
        part = getattr(whole, name)[..., 32 : 32 + inner, 64 : 64 + inner]
        np.testing.assert_allclose(getattr(alone, name), part, atol=1e-5)
