"""Recipes, chips and run folders that learning cannot use: refused before anything is written."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra [train] brings torch")

import torch
from safetensors.torch import save_file

import dataset_folders as made
from file_limit import files_up_to
from geomage.cli import main
from geomage.data.chip import Channel, Chip
from geomage.data.chip_sources import SourceParams
from geomage.data.kept_chips import MARK, keep_chips
from geomage.data.readers import READERS
from geomage.data.tables import build
from geomage.errors import CorruptError, InputError, OutputError, RunError
from geomage.geo.scratch import hold_alone
from geomage.learn import export_run
from geomage.learn.chip_batches import ChipBatches, WeightedChips, feed_of
from geomage.learn.chip_recipe import BatchParams, chip_recipe_from_dict
from geomage.learn.chip_run import _held_out, load_network, train_chips
from geomage.learn.limits import OBJECTIVE, refuse_params
from geomage.learn.loop_state import new_state, read_state, read_tensors
from geomage.learn.objectives import OBJECTIVES
from geomage.learn.pictures import write_picture
from geomage.learn.run_folder import RunPaths, forget_after, note, read_run_table
from geomage.learn.selfsupervised.pretext import read_encoder
from geomage.model.architecture import Architecture, build_network
from geomage.model.onnx_network import write_network_onnx

NAN, INF = float("nan"), float("inf")


def recipe(folder: Path, reader: str = "levir", **more: Any) -> Any:
    table = {
        "objective": "supervised",
        "architecture": {"width": 8},
        "batches": {"crop": 16},
        "labelled": [{"reader": reader, "folder": str(folder)}],
    }
    return chip_recipe_from_dict(table | more, "recipe")


# ------------------------------------------------------------------------------ recipes


def numbers(params: Any, above: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    """Where the numbers of an objective's parameters lie, and what they are."""
    found = []
    for one in fields(params):
        value = getattr(params, one.name)
        if is_dataclass(value):
            found += numbers(value, (*above, one.name))
        elif not isinstance(value, bool | str):
            found.append(((*above, one.name), value))
    return found


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_number_of_an_objective_has_limits_that_its_default_keeps(name: str) -> None:
    params = OBJECTIVES[name].params()
    assert {path[-1] for path, _ in numbers(params)} <= set(OBJECTIVE)
    refuse_params(name, params)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_number_that_no_objective_could_use_is_refused(name: str) -> None:
    params = OBJECTIVES[name].params
    for path, usual in numbers(params()):
        for value in (NAN, INF, -1.0, 1e300):
            odd: Any = [value, value] if isinstance(usual, tuple) else value
            if type(usual) is int:
                odd = -1 if value < 0 else 10**9
            for part in reversed(path):
                odd = {part: odd}
            with pytest.raises(InputError) as error:
                refuse_params(name, build(params, odd, name))
            assert path[-1] in str(error.value)


def test_a_number_of_an_objective_leaves_no_run_folder(tmp_path: Path) -> None:
    odd = {"objective": "fixmatch", "params": {"weight": NAN}}
    with pytest.raises(InputError, match=r"params of fixmatch: weight = nan is outside 0\.\.1000"):
        train_chips(recipe(tmp_path, **odd), tmp_path / "run")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["keys", "type", "forward", "pixels", "gsd"])
def test_a_head_may_not_bear_a_name_that_is_taken(name: str) -> None:
    with pytest.raises(InputError, match=f"heads.{name}"):
        build_network(Architecture(heads={"classes": 2, name: 1}), 0)


# ------------------------------------------------------------------------------ chips


def test_chips_of_two_dates_are_refused_before_a_run_folder_is_made(tmp_path: Path) -> None:
    made.levir(tmp_path / "levir")
    with pytest.raises(InputError, match=r"train_2 has 2 dates and the network takes 1.*siamese"):
        train_chips(recipe(tmp_path / "levir"), tmp_path / "run")
    assert [one.name for one in tmp_path.iterdir()] == ["levir"]


def test_chips_of_one_date_are_refused_by_a_network_of_two(tmp_path: Path) -> None:
    made.sen1floods11(tmp_path / "floods")
    two = {"architecture": {"width": 8, "siamese": "difference"}}
    with pytest.raises(InputError, match=r"Bolivia_4 has 1 dates and the network takes 2"):
        train_chips(recipe(tmp_path / "floods", "sen1floods11", **two), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_held_out_chips_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    made.levir(tmp_path)
    (tmp_path / "val/A/val_1.png").write_bytes(b"junk")
    source = READERS["levir"](tmp_path, "all", "")
    assert len(_held_out(source, 0.25)) == 3
    with pytest.raises(RunError, match=r"1 of 4 chips cannot be read, 0\.2 of all"):
        _held_out(source, 0.2)


def test_chips_without_any_label_are_refused(tmp_path: Path) -> None:
    made.sen1floods11(tmp_path / "floods")
    for path in (tmp_path / "floods").rglob("*_LabelHand.tif"):
        made.tif(path, np.full((made.SIDE,) * 2, -1, np.int16))
    few = [{"reader": "sen1floods11", "folder": str(tmp_path / "floods"), "fraction": 0.5}]
    with pytest.raises(InputError, match="no pixel of its chips has a label"):
        train_chips(recipe(tmp_path, labelled=few), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_complex_numbers_are_no_image(tmp_path: Path) -> None:
    made.sen1floods11(tmp_path)
    path = next(tmp_path.rglob("Ghana_1_S1Hand.tif"))
    made.tif(path, np.full((2, made.SIDE, made.SIDE), 1 + 1j, np.complex64))
    with pytest.raises(InputError, match=r"Ghana_1_S1Hand\.tif holds complex numbers"):
        READERS["sen1floods11"](tmp_path, "train", "").chip(0)


@dataclass(frozen=True)
class HalfRead:
    """Two chips, one of which cannot be read."""

    broken: int
    names: tuple[str, ...] = ("a", "b")
    classes: tuple[str, ...] = ()

    def chip(self, index: int) -> Chip:
        if index == self.broken:
            raise CorruptError("damaged")
        pan = (Channel("pan", 0.6),)
        return Chip("a", np.ones((1, 1, 16, 16), np.float32), pan, 1.0, np.ones((16, 16), bool))


def test_twins_of_which_none_can_be_read_end_the_run() -> None:
    first, second = HalfRead(broken=0), HalfRead(broken=1)
    feed = feed_of([WeightedChips(first, other=second)])
    batches = ChipBatches(None, feed, BatchParams(crop=16, most_corrupt=1.0), 0)
    with pytest.raises(RunError, match="can be read"):
        batches.batch(0, 0, 1)


def test_a_name_with_an_end_of_line_leaves_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(tmp_path / "a\nb\x1b[31m"), "-o", str(tmp_path / "m.onnx")]) == 2
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert said.strip().isprintable()


# ------------------------------------------------------------------------------ run folders


class Bare:
    """An objective of one layer."""

    def __init__(self) -> None:
        self.modules = torch.nn.ModuleDict({"network": torch.nn.Linear(2, 1)})

    def terms(self, batch: Any, rng: Any, done: float) -> dict[str, torch.Tensor]:
        raise NotImplementedError

    def follow(self, done: float) -> None:
        raise NotImplementedError


@pytest.mark.parametrize("facts", ["[]", "{", "5", '{"step": -1}', '{"step": "x"}', "{}"])
def test_a_checkpoint_that_tells_no_step_is_refused(tmp_path: Path, facts: str) -> None:
    state = new_state(Bare(), 0.0)
    tensors = {f"modules.{n}": t for n, t in state.objective.modules.state_dict().items()}
    tensors |= {f"averaged.{n}": t for n, t in state.averaged.state_dict().items()}
    told = facts.replace("{", '{"recipe": "mine", ', 1) if '"step"' in facts else facts
    save_file(tensors, tmp_path / "c.safetensors", {"geomage": told})
    with pytest.raises(InputError, match=r"c\.safetensors"):
        read_state(tmp_path / "c.safetensors", state, "mine")


def test_a_checkpoint_without_its_optimiser_does_not_go_on_otherwise(tmp_path: Path) -> None:
    state = new_state(Bare(), 0.0)
    tensors = {f"modules.{n}": t for n, t in state.objective.modules.state_dict().items()}
    tensors |= {f"averaged.{n}": t for n, t in state.averaged.state_dict().items()}
    save_file(tensors, tmp_path / "c.safetensors", {"geomage": '{"recipe": "mine", "step": 7}'})
    with pytest.raises(InputError, match="does not fit"):
        read_state(tmp_path / "c.safetensors", state, "mine")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "w.safetensors")
    with pytest.raises(InputError, match="no file"):
        read_tensors(tmp_path / "w.safetensors")


def test_a_teacher_that_is_no_file_of_tensors_is_refused(tmp_path: Path) -> None:
    torch.save({"encoder.x": torch.zeros(1)}, tmp_path / "teacher.safetensors")
    with pytest.raises(InputError, match=r"teacher\.safetensors cannot be read"):
        read_encoder(tmp_path / "teacher.safetensors")


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"recipe": 5}', '{"recipe": "objective"}'])
def test_a_damaged_recipe_of_a_run_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "recipe.json").write_text(text)
    with pytest.raises(InputError, match=r"recipe\.json is damaged"):
        read_run_table(tmp_path)
    with pytest.raises(InputError, match=r"recipe\.json is damaged"):
        export_run(tmp_path, tmp_path / "m.onnx")


def test_a_checkpoint_of_another_network_is_not_exported(tmp_path: Path) -> None:
    table = {"objective": "supervised", "labelled": [{"reader": "levir", "folder": "x"}]}
    (tmp_path / "recipe.json").write_text(json.dumps({"recipe": table}))
    save_file(
        {"averaged.x": torch.zeros(1)}, tmp_path / "checkpoint.safetensors", {"geomage": "{}"}
    )
    with pytest.raises(InputError, match="another network than the recipe"):
        load_network(tmp_path)


def test_lines_of_metrics_that_tell_no_step_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 1}\n\xff\xfe\n[1]\n5\n{"a": 1}\n{"step": null}\n')
    forget_after(path, 3)
    assert path.read_text() == '{"step": 1}\n'


def test_a_picture_or_a_line_that_may_not_grow_is_named_and_leaves_no_half(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    with files_up_to(1000):
        with pytest.raises(OutputError, match=r"cannot write .*000001\.png"):
            write_picture(tmp_path / "000001.png", noise)
        with pytest.raises(OutputError, match=r"cannot write .*metrics\.jsonl"):
            note(tmp_path / "metrics.jsonl", {"step": 1, "why": "x" * 2000})
    assert [one.name for one in tmp_path.iterdir()] in ([], ["metrics.jsonl"])


def test_a_network_that_may_not_grow_leaves_no_half(tmp_path: Path) -> None:
    network = build_network(Architecture(width=8), 0)
    with files_up_to(50_000), pytest.raises(OutputError, match=r"cannot write .*m\.onnx"):
        write_network_onnx(network, tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


def test_a_run_is_not_exported_over_its_own_files(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.safetensors").write_bytes(b"dear")
    with pytest.raises(OutputError, match="file of the run itself"):
        export_run(tmp_path, tmp_path / "." / "checkpoint.safetensors")
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == b"dear"


@pytest.mark.parametrize("name", ["model.onnx", "metrics.jsonl", "network.safetensors"])
def test_files_of_others_are_not_written_over(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"dear")
    made.levir(tmp_path / "levir")
    with pytest.raises(InputError, match=f"{name} is of no run of geomage"):
        train_chips(recipe(tmp_path / "levir"), tmp_path)
    assert (tmp_path / name).read_bytes() == b"dear"


def test_of_two_runs_of_one_folder_the_later_is_refused(tmp_path: Path) -> None:
    made.sen1floods11(tmp_path / "floods")
    out = tmp_path / "run"
    out.mkdir()
    held = hold_alone(out)
    try:
        with pytest.raises(OutputError, match="another run is writing"):
            train_chips(recipe(tmp_path / "floods", "sen1floods11"), out)
    finally:
        held.release()
    assert not RunPaths(out).recipe.exists()


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_a_damaged_mark_of_kept_chips_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / MARK).write_text(text)
    with pytest.raises(InputError, match=r"chips\.json is damaged"):
        keep_chips(tmp_path, SourceParams("simulated-floods").maker())


# ------------------------------------------------------------------------------ datasets


@pytest.mark.parametrize(
    ("name", "listed"),
    [
        ("sen1floods11", "v1.1/splits/flood_handlabeled/flood_train_data.csv"),
        ("mados", "splits/train_X.txt"),
        ("openearthmap", "train.txt"),
        ("bright", "train_set.txt"),
        ("burnscars", "splits/train.txt"),
    ],
)
def test_a_list_of_chips_that_is_no_text_is_named(tmp_path: Path, name: str, listed: str) -> None:
    make = getattr(made, name)
    make(tmp_path, listed=True) if name == "burnscars" else make(tmp_path)
    (tmp_path / listed).write_bytes(b"\xff\xfe\0")
    with pytest.raises(InputError, match=f"{Path(listed).name} is no text"):
        READERS[name](tmp_path, "train", "")


def test_strange_names_of_mados_come_last_and_break_nothing(tmp_path: Path) -> None:
    made.mados(tmp_path)
    (tmp_path / "Scene_1").rename(tmp_path / "Scene_1x²")
    assert len(READERS["mados"](tmp_path, "all", "").names) == 3
