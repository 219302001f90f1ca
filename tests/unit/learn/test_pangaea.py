"""PANGAEA's protocol on made chips: what learns, what stays, how windows lie, what is reported."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import dataset_folders as made
from geomage.cli import main
from geomage.data.chip import UNKNOWN, Chip
from geomage.data.readers.bands import RGB
from geomage.errors import InputError
from geomage.learn.protocol import PangaeaParams, evaluate_pangaea, load_parts
from geomage.learn.protocol.pangaea import (
    epoch_batches,
    falling,
    judge,
    learn_decoder,
    new_probe,
    pixel_entropy,
    steps_of,
    take_step,
)
from geomage.learn.protocol.parts import Parts
from geomage.learn.protocol.weights import find_weights, put_weights
from geomage.learn.protocol.windows import batch_of, slide, window_starts
from geomage.model.architecture import Architecture, build_network

torch.set_num_threads(1)
SMALL = {"epochs": 2, "batch": 2, "size": 32, "width": 8, "every": 1, "device": "cpu"}


class Squares:
    """Chips with a bright square (class 1) on dark ground (class 0)."""

    classes = ("ground", "square")

    def __init__(self, count: int = 4, dates: int = 1, side: int = 48) -> None:
        self.names = tuple(f"chip_{k}" for k in range(count))
        self.dates, self.side = dates, side

    def chip(self, index: int) -> Chip:
        rng = np.random.default_rng(index)
        labels = np.zeros((self.side, self.side), np.uint8)
        row, col = rng.integers(4, self.side - 20, 2)
        labels[row : row + 16, col : col + 16] = 1
        pixels = np.full((self.dates, 3, self.side, self.side), 0.2, np.float32)
        pixels[-1, :, labels == 1] = 0.9
        valid = np.ones(labels.shape, bool)
        return Chip(self.names[index], pixels, RGB, 0.5, valid, labels)


def parts_of(source: Squares) -> Parts:
    return Parts(source, source, source, source.classes, {})


def probe_of(source: Squares, **params):
    told = PangaeaParams("levir", **{**SMALL, **params})
    return new_probe(find_weights("resnet-tiny"), parts_of(source), told)


@pytest.mark.parametrize(("length", "starts"), [(512, [0, 144, 288]), (224, [0]), (240, [0, 16])])
def test_windows_are_as_few_as_cover_and_evenly_spread(length, starts):
    assert window_starts(length, 224) == starts


def test_windows_average_where_they_overlap():
    chip = Squares(side=48).chip(0)
    seen = []

    def say(batch):
        seen.append(len(batch.pixels))
        return batch.pixels[:, 0, :1] * len(batch.pixels)

    said = slide(say, chip, 32, batch=3)
    assert seen == [3, 1]
    # windows at 0 and 16: the last of four comes alone and says a third of the others
    np.testing.assert_allclose(said[0, :16, :16], chip.pixels[0, 0, :16, :16] * 3)
    np.testing.assert_allclose(said[0, 40:, 40:], chip.pixels[0, 0, 40:, 40:])
    np.testing.assert_allclose(said[0, 20, 20], chip.pixels[0, 0, 20, 20] * (3 * 3 + 1) / 4)


def test_a_chip_smaller_than_a_window_keeps_its_size():
    said = slide(lambda batch: batch.pixels[:, 0], Squares(side=40).chip(0), 64, 8)
    assert said.shape == (3, 40, 40)


def test_the_loss_reaches_the_decoder_and_not_the_encoder():
    probe = probe_of(Squares(dates=2))
    before = {name: value.clone() for name, value in probe.network.state_dict().items()}
    trained = {n: p for n, p in probe.network.named_parameters() if p.requires_grad}
    assert {name.split(".")[0] for name in trained} == {"merge", "decoder", "heads"}
    batch = batch_of([Squares(dates=2).chip(0)], 32, np.random.default_rng(0))
    probe.learn()
    take_step(probe, batch, torch.optim.AdamW(trained.values(), lr=1e-2))
    for name, parameter in probe.network.named_parameters():
        moved = not torch.equal(before[name], parameter)
        assert moved != name.startswith("encoder."), name
        assert (parameter.grad is not None) == (name in trained), name


def test_unknown_pixels_ask_nothing():
    logits = torch.zeros(1, 2, 1, 3, requires_grad=True)
    labels = torch.tensor([[[0, 1, UNKNOWN]]], dtype=torch.uint8)
    pixel_entropy(logits, labels).backward()
    assert (logits.grad[..., 2] == 0).all()
    assert (logits.grad[..., :2] != 0).all()
    nothing = pixel_entropy(logits, torch.full((1, 1, 3), UNKNOWN, dtype=torch.uint8))
    assert nothing.item() == 0
    assert nothing.requires_grad


def test_the_learning_rate_falls_at_60_and_90_percent():
    optimiser = torch.optim.AdamW([torch.zeros(1, requires_grad=True)], lr=1e-4)
    schedule, rates = falling(optimiser, 10), []
    for _ in range(10):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    np.testing.assert_allclose(rates, [1e-4] * 6 + [1e-5] * 3 + [1e-6])


def test_the_last_small_batch_is_dropped_unless_it_is_the_only_one():
    assert steps_of(17, 8) == 2
    assert steps_of(5, 8) == 1
    assert [len(b.labels) for b in epoch_batches(Squares(5), PangaeaParams("levir"), 0)] == [5]


def test_the_best_validation_is_kept_and_seeds_repeat():
    one, two = (probe_of(Squares(), epochs=3) for _ in range(2))
    for probe in (one, two):
        learn_decoder(probe, parts_of(Squares()))
    assert [line["epoch"] for line in one.history] == [0, 1, 2, 3]
    assert one.history == two.history
    assert one.best == max(line["mIoU"] for line in one.history)
    one.network.load_state_dict(one.kept)
    assert one.test(Squares())["mIoU"] == pytest.approx(one.best)


def test_a_test_by_hand():
    def ground(batch):
        return torch.tensor([1.0, 0.0])[None, :, None, None].expand(len(batch.labels), 2, 32, 32)

    # everything is called ground: 48² pixels, 256 of them squares
    found = judge(ground, Squares(1), 32)
    share = (48**2 - 256) / 48**2
    assert found["IoU"] == pytest.approx({"ground": share, "square": 0.0})
    assert found["mIoU"] == pytest.approx(share / 2)
    assert found["precision"] == {"ground": pytest.approx(share), "square": None}
    assert found["recall"] == {"ground": 1.0, "square": 0.0}
    assert found["accuracy"] == pytest.approx(share)


def test_weights_of_a_run_are_found_and_frozen(tmp_path):
    network = build_network(Architecture(), 5)
    save_file(network.state_dict(), tmp_path / "network.safetensors")
    (tmp_path / "recipe.json").write_text(
        json.dumps({"hash": "0", "recipe": {"architecture": {"encoder": "resnet-tiny"}}})
    )
    other = build_network(Architecture(), 6)
    put_weights(find_weights(str(tmp_path)), other)
    for mine, theirs in zip(other.encoder.parameters(), network.encoder.parameters(), strict=True):
        assert torch.equal(mine, theirs)
        assert not mine.requires_grad
    (tmp_path / "recipe.json").write_text('{"architecture": {"encoder": "resnet-small"}}')
    weights = find_weights(str(tmp_path / "network.safetensors"))
    with pytest.raises(InputError, match="no encoder of this form"):
        put_weights(weights, build_network(Architecture("resnet-small"), 0))
    with pytest.raises(InputError, match="is no encoder: give a run folder"):
        find_weights("resnet-tinny")


def test_an_event_is_left_out(tmp_path):
    made.sen1floods11(tmp_path)
    told = PangaeaParams("sen1floods11", leave_out="Bolivia", corrupt=0)
    parts = load_parts(tmp_path, told)
    assert parts.test.names == ("Bolivia_4",)
    assert set(parts.train.names) | set(parts.val.names) == {"Ghana_1", "Spain_2", "Spain_3"}
    with pytest.raises(InputError, match=r"no event 'Bolivya' .near: Bolivia"):
        load_parts(tmp_path, PangaeaParams("sen1floods11", leave_out="Bolivya"))


SHORT = "--epochs 1 --batch 2 --size 32 --width 8 --every 1 --device cpu"


def test_a_whole_run_from_the_command_line(tmp_path, capsys):
    made.sen1floods11(tmp_path)
    words = f"evaluate resnet-tiny {tmp_path} --protocol pangaea --dataset sen1floods11"
    line = f"{words} --product s2 {SHORT}"
    assert main(line.split()) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["chips"] == {"train": 1, "val": 1, "test": 1}
    assert result["test"]["pixels"] == 7 * 8  # the last row is of no class
    assert result["command"] == f"geomage {line}"
    assert result["weights"]["frozen"] > result["weights"]["learnt"] > 0
    assert {"device", "cores", "torch"} <= set(result["machine"])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--epochs 3", "--epochs belongs to a protocol: add --protocol pangaea"),
        ("--leave-out x", "--leave-out belongs to a protocol"),
        ("--protocol pangea --dataset xbd", "no protocol 'pangea' (near: pangaea)"),
        ("--protocol pangaea", "needs --dataset NAME"),
        ("--protocol pangaea --dataset xbd --fraction 2", "fraction = 2.0 is outside"),
    ],
)
def test_wrong_use_of_the_protocol_is_told(words, told, tmp_path, capsys):
    assert main(["evaluate", "resnet-tiny", str(tmp_path), *words.split()]) == 2
    assert told in capsys.readouterr().err


def test_a_whole_run_on_pairs_reports_the_xview2_score(tmp_path):
    made.xbd(tmp_path)
    params = PangaeaParams("xbd", siamese="difference", **{**SMALL, "epochs": 1})
    result = evaluate_pangaea("resnet-tiny", tmp_path, params)
    assert 0 <= result["test"]["xView2"]["score"] <= 1
    assert result["chips"] == {"train": 3, "val": 1, "test": 2}


def test_wrong_numbers_are_told():
    with pytest.raises(InputError, match="epochs = 0 is outside"):
        PangaeaParams("levir", epochs=0)
    with pytest.raises(InputError, match=r"split = 'offical' is none of .* .near: official"):
        PangaeaParams("levir", split="offical")
    with pytest.raises(InputError, match="--size 33 is no multiple"):
        probe_of(Squares(), size=33)
    with pytest.raises(InputError, match="no reader 'levi'"):
        PangaeaParams("levi")
