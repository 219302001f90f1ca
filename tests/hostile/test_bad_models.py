"""Model files whose card lies: a ModelError when they are loaded, before any image is read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

onnx = pytest.importorskip("onnx", reason="the extra [train] brings onnx, which writes the model")

from geomage.cli import main  # noqa: E402  (after the skip)
from geomage.errors import ModelError  # noqa: E402
from geomage.model import load_model  # noqa: E402
from geomage.model.card import METADATA_KEY, ModelCard  # noqa: E402
from tiny_network import write_tiny_network  # noqa: E402

NAN, INF = float("nan"), float("inf")
LIES: list[dict[str, object]] = [
    *({"building_threshold": value} for value in (NAN, INF, "x", -5, 0, 1, None, True, [0.5])),
    *({"gsd_max": value} for value in (INF, NAN, "a", 1e6, True)),
    *({"gsd": value} for value in (None, 2.0, 0.1, "0.5")),
    {"gsd_min": 1e-9, "gsd": 1e-9},
    {"stride": 1, "halo": 0},
    {"stride": 32.5, "halo": 65.0},
    *({"stride": value} for value in (True, None, 0, -8, 4096, "8")),
    *({"halo": value} for value in (8.0, -16, 17, 32 * 10**6)),
    *({"window": value} for value in (0, 250, 1001, 10**5, 512.0, True, "1024", None)),
    *({"trim": value} for value in (-8, 7, 24, 8.0, "8", None)),
    *({"bands": value} for value in (["nir"] * 3, ["red"], "rgb", [1, 2, 3], {})),
    *({"landcover_classes": value} for value in (["a"], None, [[]])),
    {"damage_classes": ["none"]},
    {"flags": ["changed", "water", "obscured"]},
    *({"name": value} for value in ([1, {}], None, 5, "a\nb", "\x1b[31m", "x" * 2000)),
    *({"licence": value} for value in (None, 5)),
    {"trained_on": 5},
    *({"temperature": value} for value in (0, NAN, "1")),
    *({"seed": value} for value in (-1, 0.5, True)),
    *({"recipe": value} for value in ([], None, {"steps": NAN})),
]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_network(tmp_path_factory.mktemp("model") / "tiny.onnx")


def with_card(sound: Path, path: Path, text: str) -> Path:
    model = onnx.load(sound)
    onnx.helper.set_model_props(model, {METADATA_KEY: text})
    onnx.save(model, str(path))
    return path


@pytest.mark.parametrize("lie", LIES, ids=str)
def test_every_field_of_a_card_is_checked(sound: Path, tmp_path: Path, lie: dict) -> None:
    truth = json.loads(load_model(sound).card.to_json())
    path = with_card(sound, tmp_path / "liar.onnx", json.dumps(truth | lie))
    with pytest.raises(ModelError) as caught:
        load_model(path, threads=1)
    said = str(caught.value)
    assert "liar.onnx" in said
    assert said.isprintable()
    assert len(said) < 400


@pytest.mark.parametrize("text", ["", "[", "[]", "5", "NaN", '{"recipe": 1e999}', "[" * 10**5])
def test_what_is_no_card_is_refused(sound: Path, tmp_path: Path, text: str) -> None:
    with pytest.raises(ModelError):
        ModelCard.from_json(text)
    with pytest.raises(ModelError):
        load_model(with_card(sound, tmp_path / "liar.onnx", text), threads=1)


def test_a_lying_model_leaves_one_line_and_nothing_else(
    sound: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    truth = json.loads(load_model(sound).card.to_json())
    text = json.dumps(truth | {"building_threshold": NAN})
    path = with_card(sound, tmp_path / "liar.onnx", text)
    words = ["map", "no.tif", "--model", str(path), "-o", str(tmp_path / "out")]
    assert main(words) == 2
    assert capfd.readouterr().err.count("\n") == 1
    assert [one.name for one in tmp_path.iterdir()] == ["liar.onnx"]
