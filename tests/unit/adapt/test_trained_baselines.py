"""Methods that train: gradients with the right sign, runs that resume, windows that join."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from made_domains import RADAR, SOURCE, TARGET, Scenes, fitting

from geomage.adapt.baselines import BASELINES, CutParams, CycleParams, SdeditParams
from geomage.adapt.baselines.adversary import export_generator
from geomage.adapt.baselines.cut_objective import Cut, patch_contrast
from geomage.adapt.baselines.cyclegan_objective import Cycle
from geomage.adapt.baselines.diffusion import Noise
from geomage.adapt.baselines.pools import open_pools
from geomage.adapt.baselines.scale import Network, Scale
from geomage.adapt.baselines.sdedit import denoise, levels
from geomage.data.translation import (
    Translator,
    Window,
    measure_figures,
    translate_chip,
)
from geomage.errors import InputError
from geomage.learn.loop_params import LoopParams
from geomage.learn.objective import StepBatch
from geomage.model.velocity_blueprint import VelocityUNetParams

UNET = VelocityUNetParams((6, 8), 1, 8)
LOOP = LoopParams(
    steps=4, epoch=2, note=1, learning_rate=0.01, bfloat16=False, device="cpu", threads=1
)
TRAINED = {
    "cut": CutParams(UNET, places=16, features=8, critic=4, pool=8),
    "cyclegan": CycleParams(UNET, critic=4, pool=8),
    "sdedit": SdeditParams(UNET, strength=0.4, steps=2, pool=8),
}
EACH = pytest.mark.parametrize("name", TRAINED)
UNIT = Scale(np.full(3, 0.4), np.full(3, 0.1))


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def run(name: str, out: Path, loop: LoopParams = LOOP, **domains: object):
    out.mkdir(exist_ok=True)
    params = TRAINED[name]
    return BASELINES[name].fit(params, fitting(out, crop=16, batch=4, loop=loop, **domains))


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory):
    torch.set_num_threads(1)
    return {name: run(name, tmp_path_factory.mktemp(name)) for name in TRAINED}


@pytest.fixture
def batch(tmp_path: Path) -> StepBatch:
    return open_pools(fitting(tmp_path, crop=16, batch=4), 8, SOURCE.channels).batch(0, 0, 1)


@EACH
def test_a_translator_comes_of_it(name: str, parts):
    translator = BASELINES[name].build(parts[name])
    assert isinstance(translator, Translator)
    card = translator.card
    assert (card.method, card.stride_px, card.halo_px % 2) == (name, 2, 0)
    assert card.halo_px > 4
    chip = SOURCE.chip(0)
    seen = translate_chip(translator, chip, 1).pixels
    assert np.isfinite(seen).all()
    assert not np.array_equal(seen, chip.pixels)
    drawn = {translate_chip(translator, chip, style).pixels.tobytes() for style in range(3)}
    assert len(drawn) == (3 if name == "sdedit" else 1)


@EACH
def test_it_travels_to_workers_and_says_the_same(name: str, parts):
    translator = BASELINES[name].build(parts[name])
    chip = SOURCE.chip(0)
    seen = translate_chip(translator, chip, 1).pixels
    there = pickle.loads(pickle.dumps(translator))  # noqa: S301 -- our own bytes
    assert np.array_equal(translate_chip(there, chip, 1).pixels, seen)


@EACH
def test_windows_join_without_seams(name: str, parts):
    translator = BASELINES[name].build(parts[name])
    halo, inner = translator.card.halo_px, 8
    side = 2 * halo + inner
    chip = Scenes(side=side + 14).chip(0)
    figures = measure_figures(chip.pixels[0], chip.valid)
    whole = translator.translate(Window(chip.pixels[0], chip.valid, 0.5), figures, 5)
    part = np.s_[..., 6 : 6 + side, 14 : 14 + side]
    window = Window(chip.pixels[0][part], chip.valid[part], 0.5, 6, 14)
    found = translator.translate(window, figures, 5)
    middle = np.s_[:, halo : halo + inner, halo : halo + inner]
    np.testing.assert_allclose(found[middle], whole[part][middle], atol=1e-5)


@EACH
def test_odd_sizes_and_no_data_are_borne(name: str, parts):
    chip = replace(SOURCE, side=33, seen=0.5).chip(0)
    translator = BASELINES[name].build(parts[name])
    odd = replace(chip, pixels=np.where(chip.valid, chip.pixels, np.float32(9)))
    one, other = (translate_chip(translator, c, 2).pixels for c in (chip, odd))
    assert one.shape == chip.pixels.shape
    assert not one[..., ~chip.valid].any()
    np.testing.assert_array_equal(one, other)


@EACH
def test_a_run_repeats_and_goes_on_where_it_was_cut(name: str, parts, tmp_path: Path):
    class Killed(Exception):  # noqa: N818
        pass

    from geomage.learn import loop

    step, seen = loop.training_step, []

    def dies(*told):
        seen.append(told)
        if len(seen) == 4:
            raise Killed
        return step(*told)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "training_step", dies)
        with pytest.raises(Killed):
            run(name, tmp_path / "run")
    again = run(name, tmp_path / "run")
    assert again.networks == parts[name].networks
    assert again.card == parts[name].card


@EACH
def test_bad_domains_are_named(name: str, tmp_path: Path):
    with pytest.raises(InputError, match="the target domain has no chips"):
        run(name, tmp_path, target=replace(TARGET, count=0))
    with pytest.raises(InputError, match="the bands red, green, blue, the target vv, vh"):
        run(name, tmp_path, target=replace(TARGET, channels=RADAR))
    with pytest.raises(InputError, match="fewer than four crops"):
        run(name, tmp_path, target=replace(TARGET, count=1, side=20))


@EACH
def test_one_image_of_each_is_enough(name: str, tmp_path: Path):
    one = {"source": replace(SOURCE, count=1), "target": replace(TARGET, count=1, seen=0.5)}
    assert run(name, tmp_path, replace(LOOP, steps=1), **one).networks


# ------------------------------------------------------------------------------ adversaries


ROLES = {
    "cut": {
        "adversary": {"network"},
        "critic": {"critic"},
        "contrast": {"network", "heads"},
        "identity": {"network", "heads"},
    },
    "cyclegan": {
        "adversary": {"network", "back"},
        "critic": {"target_critic", "source_critic"},
        "cycle": {"network", "back"},
        "identity": {"network", "back"},
    },
}
OBJECTIVES = {"cut": Cut, "cyclegan": Cycle}
PLAYERS = [
    ("cut", "network", "adversary"),
    ("cut", "critic", "critic"),
    ("cyclegan", "network", "adversary"),
    ("cyclegan", "back", "adversary"),
    ("cyclegan", "target_critic", "critic"),
    ("cyclegan", "source_critic", "critic"),
]


def made(name: str):
    """Weights all at random: what begins at zero would hide what lies behind it."""
    objective = OBJECTIVES[name](TRAINED[name], UNIT, 0)
    draw = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in objective.modules.parameters():
            p.add_(0.05 * torch.randn(p.shape, generator=draw))
    return objective


def terms_of(objective, batch: StepBatch):
    return objective.terms(batch, np.random.default_rng(3), 0.5)


@pytest.mark.parametrize(("name", "term"), [(n, t) for n, roles in ROLES.items() for t in roles])
def test_each_term_reaches_those_it_is_for(name: str, term: str, batch: StepBatch):
    objective = made(name)
    terms_of(objective, batch)[term].backward()
    for role, module in objective.modules.items():
        touched = {n for n, p in module.named_parameters() if p.grad is not None and p.grad.any()}
        every = {n for n, _ in module.named_parameters()}
        if role not in ROLES[name][term]:
            assert touched == set(), (term, role)
        elif role != "heads":  # one resolution alone may have nothing to tell apart
            assert touched == every, (term, role)
        else:
            assert touched


@pytest.mark.parametrize(("name", "player", "term"), PLAYERS)
def test_a_step_serves_the_player_that_takes_it(
    name: str, player: str, term: str, batch: StepBatch
):
    """Each lowers its own loss, whatever that costs the other."""
    objective = made(name)
    before = terms_of(objective, batch)
    (before["adversary"] + before["critic"]).backward()
    with torch.no_grad():
        for p in objective.modules[player].parameters():
            p.sub_(0.005 * p.grad)
    after = terms_of(objective, batch)
    assert after[term] < before[term]


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_total_is_the_sum(name: str, batch: StepBatch):
    terms = terms_of(made(name), batch)
    total = terms.pop("total")
    assert total.item() == pytest.approx(sum(v.item() for v in terms.values()), rel=1e-6)


def test_identities_cost_a_cycle_nothing(batch: StepBatch):
    objective = made("cyclegan")
    with torch.no_grad():
        for role in ("network", "back"):
            for p in objective.modules[role].unet.head.parameters():
                p.zero_()
    terms = terms_of(objective, batch)
    assert terms["cycle"] == 0
    assert terms["identity"] == 0


def test_contrast_by_hand():
    # Two places whose true partners are at likeness 1, the others at 0: ln(1 + exp(-1 / τ)).
    points = torch.eye(2)[None]
    found = patch_contrast(points, points, 0.5)
    assert found == pytest.approx(np.log(1 + np.exp(-2)))
    assert patch_contrast(points, points.flip(1), 0.5) == pytest.approx(np.log(1 + np.exp(2)))


def test_a_generator_that_folds_pixels_serves_as_well(batch: StepBatch):
    folded = replace(UNET, fold=2)
    objective = Cut(replace(TRAINED["cut"], network=folded), UNIT, 0)
    terms_of(objective, batch)["total"].backward()
    z, gsd = torch.rand(1, 3, 16, 24), torch.ones(1)
    sizes = [tuple(level.shape[2:]) for level in objective.network.features(z, gsd)]
    assert sizes == [(8, 12), (4, 6)]
    learnt = export_generator(objective.network)
    assert learnt.halo_px % folded.stride == 0
    with torch.no_grad():
        wanted = objective.network(z, gsd).numpy()
    said = Network(learnt.network).run(z=z.numpy(), gsd=gsd.numpy())
    np.testing.assert_allclose(said, wanted, atol=1e-5)


def test_the_critic_learns_to_tell_domains_apart(batch: StepBatch):
    objective = made("cut")
    optimiser = torch.optim.Adam(objective.critic.parameters(), 0.02)
    losses = []
    for _ in range(30):
        loss = terms_of(objective, batch)["critic"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


# ------------------------------------------------------------------------------ diffusion


def test_levels_keep_variance_and_end_where_they_should():
    assert levels(0) == (1, 0)
    for t in (0.1, 0.5, 0.95):
        assert np.hypot(*levels(t)) == pytest.approx(1)


def test_the_noise_term_reaches_the_whole_network_and_not_the_source(batch: StepBatch):
    objective = Noise(TRAINED["sdedit"], UNIT, 0)
    terms_of(objective, batch)["noise"].backward()
    network = objective.modules["network"]
    assert [n for n, p in network.named_parameters() if not p.grad.any()] == []
    other = batch._replace(labelled=None)
    assert terms_of(objective, other)["noise"] == terms_of(objective, batch)["noise"]


def test_an_exact_network_leads_to_its_data():
    """The noise of data that are one point, c, is (x_t - α c) / σ: DDIM with it ends in c."""

    def exact(x: np.ndarray, t: float) -> np.ndarray:
        alpha, sigma = levels(t)
        return np.asarray((x - alpha * 0.5) / sigma, np.float32)

    x = np.random.default_rng(0).normal(size=(1, 3, 8, 8)).astype(np.float32)
    for steps in (1, 3):
        np.testing.assert_allclose(denoise(exact, x, 0.7, steps), 0.5, atol=1e-5)


def test_a_gaussian_comes_back_as_it_went():
    """For data of variance 1 the noise is σ x_t: the flow keeps each point, as steps get fine."""

    def exact(x: np.ndarray, t: float) -> np.ndarray:
        return np.asarray(levels(t)[1] * x, np.float32)

    x = np.random.default_rng(0).normal(size=(1, 3, 8, 8)).astype(np.float32)
    np.testing.assert_allclose(denoise(exact, x, 0.9, 400), x, atol=0.01)


def test_strength_0_is_the_identity(parts):
    sdedit = BASELINES["sdedit"].build(parts["sdedit"])
    chip = SOURCE.chip(0)
    still = translate_chip(replace(sdedit, strength=0.0), chip, 0)
    assert np.array_equal(still.pixels, chip.pixels)
    little = translate_chip(replace(sdedit, strength=0.01), chip, 0)
    assert np.abs(little.pixels - chip.pixels).max() < 0.05
