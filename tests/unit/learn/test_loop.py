"""The loop: killed and resumed equals uninterrupted, two processes equal one, it knows to stop."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import socket
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import loop_stand_in
import numpy as np
import pytest
import torch
from loop_stand_in import PARAMS, Brightness, Squares, run

from geomage.data.tables import build
from geomage.errors import InputError, RunError
from geomage.learn import precision
from geomage.learn.loop import learning_rate, training_step
from geomage.learn.loop_params import LoopParams
from geomage.learn.loop_state import new_state, read_batch, read_tensors
from geomage.learn.objective import StepBatch
from geomage.learn.processes import Group

PATIENCE = 240  # seconds: a busy machine imports torch in half a minute
ALONE = Group(0, 1, torch.device("cpu"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing interrupts."""
    out = tmp_path_factory.mktemp("loop") / "whole"
    run(out, Squares())
    return out


@dataclass(frozen=True)
class Stopped(Squares):
    """Squares that end a run at a step as a person does."""

    def batch(self, step: int, rank: int, world: int) -> StepBatch:
        if step == self.killed:
            raise KeyboardInterrupt
        return super().batch(step, rank, world)


def lines(out: Path) -> list[dict[str, float]]:
    """Metrics, but for what a clock says."""
    found = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k != "seconds"} for line in found]


def start(out: Path, killed: int, dropout: float, **env: str) -> subprocess.Popen[bytes]:
    """The stand-in as a process of its own."""
    words = [sys.executable, loop_stand_in.__file__, str(out), str(killed), str(dropout)]
    return subprocess.Popen(words, env=os.environ | env, stderr=subprocess.DEVNULL)


def test_a_run_notes_terms_and_looks(whole: Path):
    found = lines(whole)
    assert [x["step"] for x in found if "total" in x] == [2, 4, 5, 6, 8, 10, 12]
    assert [x["step"] for x in found if "seen" in x] == [5, 10, 12]
    assert found[-2]["entropy"] < found[0]["entropy"]


def test_killed_and_resumed_equals_uninterrupted(whole: Path, tmp_path: Path):
    killed = tmp_path / "killed"
    with start(killed, 8, 0.2) as process:
        assert process.wait(PATIENCE) == -9
    assert lines(killed)[-1]["step"] >= 5
    run(killed, Squares())
    for name in ("checkpoint.safetensors", "network.safetensors"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes(), name
    assert lines(killed) == lines(whole)


def test_two_processes_learn_what_one_learns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    run(tmp_path / "one", Squares(), dropout=0.0)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    group = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}  # as torchrun says
    (tmp_path / "two").mkdir()
    with start(tmp_path / "two", 10**6, 0.0, RANK="1", LOCAL_RANK="1", **group) as other:
        for name, value in {"RANK": "0", "LOCAL_RANK": "0", **group}.items():
            monkeypatch.setenv(name, value)
        run(tmp_path / "two", Squares(), dropout=0.0)
        assert other.wait(PATIENCE) == 0
    one, _ = read_tensors(tmp_path / "one/checkpoint.safetensors")
    two, _ = read_tensors(tmp_path / "two/checkpoint.safetensors")
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        assert torch.allclose(tensor, two[name], atol=1e-5), name
    for here, there in zip(lines(tmp_path / "one"), lines(tmp_path / "two"), strict=True):
        assert here == pytest.approx(there, rel=1e-4)


def test_a_loss_that_is_not_a_number_stops_and_keeps_its_batch(tmp_path: Path):
    with pytest.raises(RunError, match="step 6: the loss is not finite") as caught:
        run(tmp_path / "run", Squares(broken=6))
    path = tmp_path / "run/refused_batch_000006_0.safetensors"
    assert str(path) in str(caught.value)
    kept = read_batch(path)
    assert kept.unlabelled is None
    assert torch.isnan(kept.labelled.pixels[0, 0, 0, 2, 3])
    tensors, facts = read_tensors(tmp_path / "run/checkpoint.safetensors")
    assert facts["step"] == 5
    assert all(t.isfinite().all() for t in tensors.values())


def test_a_gradient_that_is_not_a_number_moves_nothing():
    state = new_state(Brightness(), 0.0)
    before = [p.detach().clone() for p in state.trained]
    state.objective.modules["network"][0].weight.register_hook(lambda g: g * np.nan)
    with pytest.raises(FloatingPointError, match="gradient = nan"):
        training_step(state, Squares().batch(0, 0, 1), PARAMS, ALONE)
    assert all(torch.equal(a, b) for a, b in zip(before, state.trained, strict=True))


def test_a_checkpoint_of_another_recipe_is_refused(whole: Path):
    with pytest.raises(InputError, match="another recipe"):
        run(whole, Squares(), mark="other")


def test_only_what_is_reached_moves_and_the_global_dice_stay():
    state = new_state(Brightness(), 0.1)
    named = {n: p.detach().clone() for n, p in state.objective.modules.named_parameters()}
    torch.manual_seed(5)
    training_step(state, Squares().batch(0, 0, 1), PARAMS, ALONE)
    drawn = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(drawn, torch.rand(1))
    still = {n for n, p in state.objective.modules.named_parameters() if torch.equal(p, named[n])}
    assert still == {"spare.weight", "spare.bias"}


def test_mixed_precision_learns():
    params = replace(PARAMS, bfloat16=True)
    state = new_state(Brightness(), 0.0)
    losses = [
        training_step(state, Squares().batch(k, 0, 1), params, ALONE)["entropy"] for k in range(12)
    ]
    assert losses[-1] < 0.95 * losses[0]
    assert all(p.dtype == torch.float32 for p in state.trained)


@pytest.mark.parametrize("has", [False, True])
def test_a_run_goes_on_in_the_precision_it_began_in(
    *, has: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    machines = {"there": {"avx512_bf16": has}, "here": {"amx_bf16": not has}}
    monkeypatch.setattr(loop_stand_in, "PARAMS", replace(PARAMS, bfloat16=None))
    for name, killed in (("there", 7), ("here", 10**6)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda name=name: machines[name])
        with contextlib.suppress(KeyboardInterrupt):
            run(tmp_path, Stopped(killed=killed))
    for name in ("checkpoint", "network"):
        assert read_tensors(tmp_path / f"{name}.safetensors")[1]["bfloat16"] is has
    assert {line["bfloat16"] for line in lines(tmp_path) if "total" in line} == {has}
    assert ("goes on in it" in capsys.readouterr().err) == has


def test_the_precision_of_a_machine_is_found_out(monkeypatch: pytest.MonkeyPatch):
    for flag in ("avx512_bf16", "amx_bf16"):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda flag=flag: {flag: True})
        assert precision.settle_bfloat16(ALONE, asked=None)
        assert not precision.settle_bfloat16(ALONE, asked=False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True})
    assert not precision.settle_bfloat16(ALONE, asked=None)
    assert precision.settle_bfloat16(ALONE, asked=True)


def test_a_recipe_may_state_the_precision_or_not():
    for stated in ({"bfloat16": True}, {"bfloat16": False}, {"bfloat16": None}):
        assert asdict(build(LoopParams, stated, "loop"))["bfloat16"] is stated["bfloat16"]
    assert LoopParams().bfloat16 is None
    with pytest.raises(InputError, match="expected bool, got 1"):
        build(LoopParams, {"bfloat16": 1}, "loop")


def test_the_rate_rises_then_falls_to_its_last_share():
    params = LoopParams(steps=100, learning_rate=1.0, warm_up=0.1, last=0.05)
    rates = [learning_rate(params, step) for step in range(100)]
    assert max(rates) == pytest.approx(1.0)
    assert rates.index(max(rates)) in (9, 10)
    assert all(a >= b for a, b in itertools.pairwise(rates[10:]))
    assert learning_rate(params, 100) == pytest.approx(0.05)


def test_wrong_numbers_are_refused():
    for change, hint in (({"ema": 1.5}, "ema"), ({"device": "gpu"}, "auto"), ({"epoch": 0}, "ep")):
        with pytest.raises(InputError, match=hint):
            LoopParams(**change)
