"""Laws of learning a velocity: Gaussians, gradients, masks, a student that follows its teacher."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from small_domains import SOURCE, TARGET, Houses
from torch import nn

from geomage.adapt.flow.codec import Codecs, PixelCodec, pixel_codec
from geomage.adapt.flow.coupling import CouplingParams
from geomage.adapt.flow.crops import PoolParams
from geomage.adapt.flow.distil import Distillation, Lesson
from geomage.adapt.flow.flow_batches import FlowBatches
from geomage.adapt.flow.matching import FlowMatching, Guidance, given_planes, side_of
from geomage.adapt.flow.pairs import PairParams
from geomage.adapt.flow.path import LinearPath
from geomage.adapt.flow.solver import SolverParams, solve
from geomage.adapt.method import Domains
from geomage.learn.loop import run_loop
from geomage.learn.loop_params import LoopParams
from geomage.learn.objective import ChipBatch, StepBatch
from geomage.learn.run_folder import RunPaths
from geomage.model.velocity import build_velocity
from geomage.model.velocity_blueprint import VelocityUNetParams

LOOP = LoopParams(steps=20, epoch=10, note=5, bfloat16=False, device="cpu", threads=1)
TINY = VelocityUNetParams((8, 12), 1, 16)


def batches(size=4, **changes):
    params = PairParams(PoolParams(**{"count": 12} | changes), CouplingParams())
    return FlowBatches(Domains(Houses(), Houses(TARGET, seed=1)), params, 16, size, 0)


def objective(source, guidance=None):
    guidance = guidance or Guidance(2)
    codec = pixel_codec(*source.pairs(0))
    network = build_velocity(TINY, 3, guidance.planes(3), 0)
    return FlowMatching(network, Codecs(codec, codec), LinearPath(0.2, 0.1), guidance)


# ------------------------------------------------------------------------------ Gaussians

M_0, S_0 = torch.tensor([1.0, -2.0]), torch.tensor([1.0, 0.5])
M_1, S_1 = torch.tensor([3.0, 0.5]), torch.tensor([0.5, 1.0])


class Mixture(nn.Module):
    """Weights of the time on an affine function of the place: what this velocity is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.of_time = nn.Sequential(
            nn.Linear(1, 48), nn.SiLU(), nn.Linear(48, 48), nn.SiLU(), nn.Linear(48, 4)
        )

    def forward(self, x, t, _gsd, _given):
        slope, shift = self.of_time(t[:, None])[..., None, None].chunk(2, 1)
        return slope * x + shift


@dataclass(frozen=True)
class Points:
    """Images of one pixel, drawn from two Gaussians."""

    count: int = 1024

    def batch(self, step, _rank, _world):
        draw = torch.Generator().manual_seed(step)
        each = [
            ((m + s * torch.randn(self.count, 2, generator=draw))[:, None, :, None, None])
            for m, s in ((M_0, S_0), (M_1, S_1))
        ]
        labels = torch.zeros(self.count, 1, 1, dtype=torch.uint8)
        ones = torch.ones(self.count)
        return StepBatch(*(ChipBatch(x, labels, torch.zeros(2, 2), ones) for x in each))


def test_a_velocity_learnt_between_gaussians_transports_by_the_analytic_map(tmp_path):
    plain = PixelCodec(np.zeros(2), np.ones(2))
    learning = FlowMatching(
        Mixture(), Codecs(plain, plain), LinearPath(), Guidance(0, told_source=False)
    )
    loop = LoopParams(
        steps=300, epoch=300, learning_rate=4e-2, weight_decay=0, ema=0.99, bfloat16=False,
        device="cpu", threads=1,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(1)
        for layer in learning.modules["network"].of_time[::2]:
            layer.reset_parameters()
    network = run_loop(learning, Points(), loop, RunPaths(tmp_path), "gaussians")
    draw = torch.Generator().manual_seed(10**6)
    x_0 = (M_0 + S_0 * torch.randn(2000, 2, generator=draw))[..., None, None]
    there = solve(velocity(network), x_0, SolverParams("heun", 20)).x
    monge = (M_1 + S_1 / S_0 * (x_0[..., 0, 0] - M_0))[..., None, None]
    off = (there - monge).abs().mean((0, 2, 3)) / S_1
    assert off.max() < 0.02
    back = solve(velocity(network), there, SolverParams("heun", 20), 1.0, 0.0).x
    assert (back - x_0).abs().max() < 1e-2


def velocity(network, given=None):
    @torch.no_grad()
    def v(x, t):
        return network(x, x.new_full((len(x),), t), x.new_ones(len(x)), given)

    return v


# ------------------------------------------------------------------------------ learning


def test_the_gradient_reaches_every_parameter_of_the_network_and_no_other():
    source = batches()
    learning = objective(source)
    learning.terms(source.batch(0, 0, 1), np.random.default_rng(0), 0.0)["total"].backward()
    network = dict(learning.modules["network"].named_parameters())
    assert not [n for n, p in network.items() if p.grad is None or not p.grad.any()]
    others = [learning.modules[name] for name in ("source", "target")]
    assert not any(p.requires_grad for m in others for p in m.parameters())


def test_the_loss_falls_and_a_killed_run_ends_with_the_same_bytes(tmp_path):
    source = batches()
    losses, kept = [], []
    for name, stops in (("whole", [20]), ("killed", [10, 20])):
        paths = RunPaths(tmp_path / name)
        paths.out.mkdir()
        for stop in stops:
            learning = objective(source)
            steps = _Stopped(source, stop)
            try:
                network = run_loop(learning, steps, LOOP, paths, "mark")
            except KeyboardInterrupt:
                continue
            kept.append([p.detach().numpy().tobytes() for p in network.parameters()])
        losses.append(paths.metrics.read_text("utf-8").count("velocity"))
    assert kept[0] == kept[1]
    assert losses[0] == losses[1]


@dataclass(frozen=True)
class _Stopped:
    batches: FlowBatches
    stop: int

    def batch(self, step, rank, world):
        if step >= self.stop:
            raise KeyboardInterrupt
        return self.batches.batch(step, rank, world)


def test_a_pixel_without_data_counts_nothing():
    source = batches()
    learning = objective(source, Guidance(0))
    batch = source.batch(0, 0, 1)
    holed = batch.labelled.pixels.clone()
    holed[..., :8] = 0
    batch = batch._replace(labelled=batch.labelled._replace(pixels=holed))
    ruined = batch.unlabelled.pixels.clone()
    ruined[..., :8] *= 3

    def loss(target):
        network = _Blind()
        still = FlowMatching(network, learning.codecs, learning.path, learning.guidance)
        changed = batch._replace(unlabelled=batch.unlabelled._replace(pixels=target))
        return float(still.terms(changed, np.random.default_rng(1), 0.0)["total"])

    assert loss(ruined) == pytest.approx(loss(batch.unlabelled.pixels), rel=1e-6)
    ruined[..., 8:] *= 3
    assert loss(ruined) > 1.1 * loss(batch.unlabelled.pixels)


class _Blind(nn.Module):
    def forward(self, x, _t, _gsd, _given):
        return torch.zeros_like(x)


def test_labels_are_told_to_some_and_the_source_where_it_is_asked_for():
    source = batches()
    chips = source.batch(0, 0, 1).labelled
    side = side_of(chips, pixel_codec(source.pairs(0).source))
    told = torch.tensor([True, False, True, False])
    planes = given_planes(side, chips.labels, told, Guidance(2, told_source=True))
    assert planes.shape == (4, Guidance(2, told_source=True).planes(3), 16, 16)
    assert (planes[told, 1:3].sum(1) == 1).all()
    assert not planes[~told, 1:3].any()
    assert torch.equal(planes[:, 3:], side.values)


def test_every_pair_comes_once_before_any_comes_again():
    source, seen = batches(size=4), []
    for step in range(3):
        seen += source._items(step, 12).tolist()
    assert sorted(seen) == list(range(12))
    halves = [source.batch(0, rank, 2).labelled.pixels for rank in (0, 1)]
    whole = source.batch(0, 0, 1).labelled.pixels
    assert torch.equal(whole[::2], halves[0])
    assert torch.equal(whole[1::2], halves[1])


def test_pools_are_renewed_by_the_step():
    source = batches(renew=2)
    first = source.pairs(1).source.pixels
    assert np.array_equal(first, source.pairs(0).source.pixels)
    assert not np.array_equal(first, source.pairs(2).source.pixels)
    assert np.array_equal(first, source.pairs(0).source.pixels)


def test_a_student_learns_in_one_step_where_its_teacher_goes_in_many(tmp_path):
    """The teacher turns the plane by a quarter; an Euler step of its own would miss by half."""
    source = batches(size=8)
    codec = pixel_codec(*source.pairs(0))
    teacher = _Turner()
    lesson = Lesson((0.0, 1.0), 8)
    learning = Distillation(teacher, Codecs(codec, codec), LinearPath(1.0), Guidance(0), lesson)
    loop = LoopParams(
        steps=60, epoch=60, learning_rate=0.1, weight_decay=0, ema=0.9, bfloat16=False,
        device="cpu", threads=1,
    )  # fmt: skip
    student = run_loop(learning, source, loop, RunPaths(tmp_path), "student")
    x = torch.randn(16, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    goal = solve(velocity(teacher), x, SolverParams("heun", 32)).x
    one, hasty = (solve(velocity(n), x, SolverParams("euler", 1)).x for n in (student, teacher))
    assert (one - goal).abs().mean() < 0.05 * (hasty - goal).abs().mean()


class _Turner(nn.Module):
    """v = A x, where A turns the first two bands."""

    def __init__(self) -> None:
        super().__init__()
        quarter = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
        self.A = nn.Parameter(quarter * np.pi / 2)

    def forward(self, x, _t, _gsd, _given):
        return torch.einsum("ij,bjyx->biyx", self.A, x)


def test_both_domains_are_seen_on_one_scale():
    pairs = batches().pairs(0)
    codec = pixel_codec(*pairs)
    values = np.concatenate(
        [codec.encode(torch.from_numpy(c.pixels), torch.from_numpy(c.valid)).numpy() for c in pairs]
    )
    np.testing.assert_allclose(values.mean((0, 2, 3)), 0, atol=1e-4)
    np.testing.assert_allclose(values.std((0, 2, 3)), 1, atol=1e-2)
    assert SOURCE != TARGET
