"""Losses of pre-training: cases worked by hand, and what each gradient reaches."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional

from geomage.errors import InputError
from geomage.learn.objective import ChipBatch, Objective, StepBatch
from geomage.learn.selfsupervised import (
    SELFSUPERVISED,
    DinoParams,
    JigsawParams,
    MaeParams,
    SimClrParams,
    ViewParams,
    XStarsParams,
)
from geomage.learn.selfsupervised.dino import distillation, momentum
from geomage.learn.selfsupervised.jigsaw import cut_tiles, far_orders
from geomage.learn.selfsupervised.mae import draw_mask, masked_error, patches
from geomage.learn.selfsupervised.simclr import nt_xent
from geomage.learn.selfsupervised.xstars import common_cells, gap, msad
from geomage.model.architecture import Architecture, build_network

ARCHITECTURE = Architecture(heads={"classes": 3}, width=16)
SMALL = ViewParams(side=32)
DINO = DinoParams(view=SMALL, local=replace(SMALL, side=16), locals=1, prototypes=16)
PARAMS = {
    "simclr": SimClrParams(view=SMALL),
    "jigsaw": JigsawParams(grid=2, tile=16, gap=2, orders=8),
    "mae": MaeParams(view=SMALL),
    "dino": DINO,
    "xstars": XStarsParams(dino=DINO),
}


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def rng(seed=0):
    return np.random.default_rng(seed)


def chips(bands=3, side=48, gsd=0.5, seed=0):
    pixels = torch.from_numpy(rng(seed).random((4, 2, bands, side, side), np.float32))
    labels = torch.full((4, side, side), 255, dtype=torch.uint8)
    keys = torch.tensor([[math.log10(um), 0.0] for um in (0.65, 0.55, 0.48, 0.85)[:bands]])
    return ChipBatch(pixels, labels, keys, torch.full((4,), gsd))


def step(*, other=True):
    return StepBatch(None, chips(), chips(4, 24, 1.0, 1) if other else None)


def made(name, params=None):
    method = SELFSUPERVISED[name]
    return method.build(params or PARAMS[name], ARCHITECTURE, 0)


def reached(objective, loss):
    """Names of parameters with a gradient that is not 0 everywhere."""
    objective.modules.zero_grad(set_to_none=True)
    loss.backward(retain_graph=True)
    return {
        n for n, p in objective.modules.named_parameters() if p.grad is not None and p.grad.any()
    }


def named(objective, *beginnings):
    return {n for n, _ in objective.modules.named_parameters() if n.startswith(beginnings)}


# --- SimCLR


def test_nt_xent_of_two_pairs_by_hand():
    z = torch.eye(2)
    # each view: its partner at cosine 1, two others at 0
    assert nt_xent(z, z * 3, 1.0).item() == pytest.approx(-math.log(math.e / (math.e + 2)))
    # partners at right angles, one of the others at cosine 1
    crossed = nt_xent(z, z.flip(0), 0.5).item()
    assert crossed == pytest.approx(-math.log(1 / (math.exp(2) + 2)))


def test_nt_xent_bounds_what_views_tell_of_each_other():
    most = math.log(2 * 8 - 1)
    same = torch.ones(8, 4)
    assert most - nt_xent(same, same, 0.1).item() == pytest.approx(0, abs=1e-5)
    apart = torch.eye(8)
    assert most - nt_xent(apart, apart, 0.02).item() == pytest.approx(most, abs=1e-5)


# --- jigsaw


def test_orders_are_far_apart_and_as_many_as_asked():
    orders = far_orders(9, 32)
    assert (np.sort(orders, 1) == np.arange(9)).all()
    apart = (orders[:, None] != orders[None]).sum(2)[~np.eye(32, dtype=bool)]
    assert apart.min() >= 6
    with pytest.raises(InputError, match="4 tiles have no more than 24"):
        far_orders(4, 25)


def test_tiles_lie_in_their_cells():
    y, x = torch.meshgrid(torch.arange(36.0), torch.arange(36.0), indexing="ij")
    tiles = cut_tiles(torch.stack([y, x])[None], JigsawParams(grid=2, tile=16, gap=2), rng(1))
    assert tiles.shape == (1, 4, 2, 16, 16)
    corner = tiles[0, :, :, 0, 0]
    assert ((corner // 18) == torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]])).all()


# --- masked autoencoder


def test_only_hidden_patches_count():
    image = torch.zeros(1, 1, 2, 2, 4)
    told = torch.tensor([[3.0, 1.0], [2.0, 0.0]])[None, None, :, :, None].expand(1, 1, 2, 2, 4)
    mask = torch.tensor([[[False, True], [True, False]]])
    assert masked_error(told, image, mask, normalise=False).item() == pytest.approx((1 + 4) / 2)
    told = told.clone().requires_grad_()
    masked_error(told, image, mask, normalise=False).backward()
    assert (told.grad.abs().sum((0, 1, 4)) > 0).tolist() == mask[0].tolist()


def test_the_same_share_of_every_view_is_hidden():
    mask = draw_mask((5, 8, 8), 0.75, rng())
    assert (mask.sum((1, 2)) == 48).all()
    assert len({tuple(m.flatten().tolist()) for m in mask}) == 5


def test_patches_hold_their_pixels():
    image = torch.arange(16.0).view(1, 1, 4, 4)
    assert patches(image, 2)[0, 0, 1, 0].tolist() == [8, 9, 12, 13]


def test_hidden_pixels_are_hidden():
    """What lies under the mask does not change what is told."""
    objective = made("mae", MaeParams(view=replace(SMALL, turn=False, scale=(1.0, 1.0)), ratio=1.0))
    heard = []
    objective.modules["network"].encoder.register_forward_hook(lambda *a: heard.append(a[2]))
    objective.terms(step(), rng(), 0.0)
    blank = StepBatch(None, chips(seed=5))
    objective.terms(blank, rng(), 0.0)
    assert all(torch.equal(a, b) for a, b in zip(*heard, strict=True))


# --- DINO


def test_distillation_of_equal_answers_is_their_entropy():
    p = DinoParams(student_temperature=0.5, teacher_temperature=0.5)
    said = torch.tensor([[0.5, 0.0]])
    share = math.e / (math.e + 1)
    entropy = -share * math.log(share) - (1 - share) * math.log(1 - share)
    assert distillation(said, said, torch.zeros(2), p).item() == pytest.approx(entropy)


def test_the_centre_takes_away_what_all_have_in_common():
    p, said = DinoParams(), torch.tensor([[0.3, 0.1], [0.3, 0.1]])
    centred = distillation(torch.zeros(2, 2), said, said[0], p)
    assert centred.item() == pytest.approx(math.log(2))


@pytest.mark.parametrize("centred", [True, False])
def test_centring_prevents_collapse(centred):
    """Without a centre, sharpening alone makes one answer of everything."""
    p, made_by = DinoParams(), torch.Generator().manual_seed(0)
    places = torch.randn(64, 8, generator=made_by)
    places[:, 0] = 1  # what all places have in common favours some answers
    student = torch.randn(8, 16, generator=made_by) * 0.3
    student[0] += torch.linspace(0, 2, 16)
    teacher, centre = student.clone(), torch.zeros(16)
    student.requires_grad_()
    for _ in range(60):
        views = [places + 0.1 * torch.randn(64, 8, generator=made_by) for _ in range(2)]
        truth, told = (
            functional.normalize(v @ w, dim=1)
            for v, w in zip(views, (teacher, student), strict=True)
        )
        loss = distillation(told, truth, centre, p)
        (gradient,) = torch.autograd.grad(loss, student)
        with torch.no_grad():
            student -= gradient
            teacher.lerp_(student, 0.2)
            centre.lerp_(truth.mean(0) * centred, 0.1)
    said = functional.normalize(places @ teacher, dim=1)
    answers = ((said - centre) / p.teacher_temperature).softmax(1).mean(0)
    spread = -(answers * answers.clamp(min=1e-9).log()).sum() / math.log(16)
    assert bool(spread > 0.62) == centred  # 0.73 with a centre, 0.51 without


def test_the_teacher_trails_and_stops_at_the_end():
    assert momentum(0.9, 0.0) == pytest.approx(0.9)
    assert momentum(0.9, 1.0) == pytest.approx(1.0)
    objective = made("dino", replace(DINO, momentum=0.75))
    objective.terms(step(), rng(), 0.0)
    mine = objective.modules["network"].encoder
    theirs = objective.modules["teacher"].encoder
    before = next(theirs.parameters()).clone()
    with torch.no_grad():
        next(mine.parameters()).add_(1.0)
    objective.follow(0.0)
    assert torch.allclose(next(theirs.parameters()), before + 0.25)
    centre = objective.modules["centre"]
    assert torch.allclose(centre.value, 0.1 * centre.last)
    assert centre.last.any()


# --- X-STARS


def test_alignment_of_equal_features_is_zero():
    z = torch.randn(12, 6, generator=torch.Generator().manual_seed(0))
    soft = XStarsParams(soft=1.0)
    assert msad(z, z * 2, soft).item() == pytest.approx(0, abs=1e-6)
    assert msad(z, z.roll(1, 0), soft).item() > 0.1
    assert msad(z, -z, soft).item() > 1


def test_alignment_to_the_cell_itself_is_contrast_by_hand():
    z = torch.eye(3)
    hard = XStarsParams(soft=0.0, temperature=1.0)
    assert msad(z, z, hard).item() == pytest.approx(-math.log(math.e / (math.e + 2)))
    smooth = replace(hard, smoothing=0.3)
    T = torch.tensor([0.8, 0.1, 0.1])
    P = torch.tensor([math.e, 1, 1]) / (math.e + 2)
    assert msad(z, z, smooth).item() == pytest.approx((T * (T / P).log()).sum().item(), abs=1e-6)


def test_alignment_does_not_reward_one_cell_for_all():
    same = torch.ones(10, 4)
    spread = torch.eye(10)
    p = XStarsParams()
    assert msad(same, same, p) > msad(spread, spread, p) + 0.5


def test_what_a_sensor_adds_to_all_cells_is_seen_by_the_gap_alone():
    z = functional.normalize(torch.randn(9, 5, generator=torch.Generator().manual_seed(1)), dim=1)
    own = torch.full((9, 1), 0.5)
    z_1, z_2 = torch.cat([z, own], 1), torch.cat([z, -own], 1)  # equal but for the sensor
    soft = XStarsParams(soft=1.0)
    assert msad(z_1, z_2, soft).item() == pytest.approx(0, abs=1e-6)
    assert gap(z, z * 2).item() == pytest.approx(0, abs=1e-6)
    assert gap(z_1, z_2).item() == pytest.approx(1 - 0.75 / 1.25)


def test_cells_are_those_of_the_coarser_sensor():
    fine = torch.arange(32.0).view(1, 2, 4, 4)
    coarse = torch.zeros(1, 2, 2, 2)
    a, b = common_cells(fine, coarse)
    assert a.shape == b.shape == (4, 2)
    assert a[:, 0].tolist() == [2.5, 4.5, 10.5, 12.5]


def test_alignment_moves_the_encoder_through_both_sensors():
    """The released code cuts this loss from the graph; ours reaches every weight it should."""
    objective = made("xstars", replace(PARAMS["xstars"], distillation=0.0))
    for cut in (None, 0, 1):
        encoder = objective.modules["network"].encoder
        seen = [encoder(c.pixels[:, 0], c.channels, c.gsd) for c in (chips(), chips(4, 48, 1.0))]
        if cut is not None:
            seen[cut] = [f.detach() for f in seen[cut]]
        terms = objective.align(seen[0], seen[1], rng())
        assert reached(objective, terms["gap"]) == named(objective, "network.encoder")
        assert reached(objective, terms["alignment"]) == named(
            objective, "network.encoder", "align"
        )


@pytest.fixture
def old(tmp_path):
    network = build_network(ARCHITECTURE, 3)
    path = tmp_path / "old.safetensors"
    save_file({f"network.{k}": v.contiguous() for k, v in network.state_dict().items()}, path)
    return path, network.encoder


def test_continual_alignment_moves_the_student_and_not_the_old_sensor(old):
    path, encoder = old
    objective = made("xstars", replace(PARAMS["xstars"], teacher=str(path)))
    for part in (objective.modules["old"], objective.modules["network"].encoder):
        pairs = zip(part.parameters(), encoder.parameters(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)
    terms = objective.terms(step(), rng(), 0.0)
    assert reached(objective, terms["gap"]) == named(objective, "network.encoder")
    assert reached(objective, terms["alignment"]) == named(objective, "network.encoder", "align")
    objective.follow(0.5)
    pairs = zip(objective.modules["old"].parameters(), encoder.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_a_wrong_teacher_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        made("xstars", XStarsParams(dino=DINO, teacher=str(tmp_path / "none")))
    empty = tmp_path / "empty.safetensors"
    save_file({"decoder.weight": torch.zeros(1)}, empty)
    with pytest.raises(InputError, match="holds no encoder"):
        made("xstars", XStarsParams(dino=DINO, teacher=str(empty)))
    small = tmp_path / "small.safetensors"
    save_file({"encoder.stem.bias": torch.zeros(1)}, small)
    with pytest.raises(InputError, match="another architecture"):
        made("xstars", XStarsParams(dino=DINO, teacher=str(small)))


# --- all of them

HEADS = {
    "simclr": ("projector",),
    "jigsaw": ("head",),
    "mae": ("decoder",),
    "dino": ("head",),
    "xstars": ("head", "align"),
}


@pytest.mark.parametrize("name", SELFSUPERVISED)
def test_the_gradient_reaches_encoder_and_head_and_nothing_else(name):
    objective = made(name)
    assert isinstance(objective, Objective)
    terms = objective.terms(step(), rng(), 0.0)
    assert reached(objective, terms["total"]) == named(objective, "network.encoder", *HEADS[name])
    asked = {n for n, p in objective.modules.named_parameters() if p.requires_grad}
    assert asked == named(objective, "network.encoder", *HEADS[name])


def test_global_views_across_sensors_reach_the_same():
    objective = made("xstars", replace(PARAMS["xstars"], across=True))
    terms = objective.terms(step(), rng(), 0.0)
    assert reached(objective, terms["distillation"]) == named(objective, "network.encoder", "head")


@pytest.mark.parametrize("name", SELFSUPERVISED)
def test_equal_seeds_give_equal_terms(name):
    values = []
    for seed in (0, 0, 1):
        terms = made(name).terms(step(), rng(seed), 0.0)
        values.append([t.item() for t in terms.values()])
    assert values[0] == values[1] != values[2]


@pytest.mark.parametrize("name", SELFSUPERVISED)
def test_chips_that_are_missing_are_asked_for(name):
    objective = made(name)
    with pytest.raises(InputError, match=f"{name} learns from unlabelled chips"):
        objective.terms(StepBatch(None, None), rng(), 0.0)
    if name == "xstars":
        with pytest.raises(InputError, match="xstars learns from other chips"):
            objective.terms(step(other=False), rng(), 0.0)


@pytest.mark.parametrize("name", ["simclr", "mae", "dino"])
def test_a_side_off_the_stride_is_refused(name):
    odd = replace(PARAMS[name], view=ViewParams(side=30))
    with pytest.raises(InputError, match=r"view.side = 30 px: give a multiple of .* 16"):
        made(name, odd)
