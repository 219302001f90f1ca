"""Every semi-supervised objective: values by hand, and gradients where they belong."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from geomage.errors import InputError
from geomage.learn.objective import ChipBatch, Objective, StepBatch
from geomage.learn.semisupervised import (
    SEMISUPERVISED,
    DAFormerParams,
    DeepCoralParams,
    FixMatchParams,
    MaskedParams,
    MaskParams,
    MeanTeacherParams,
    MixParams,
    StrongParams,
    SupervisedParams,
    ThresholdParams,
    UniMatchParams,
    ViewParams,
)
from geomage.learn.semisupervised.coral import coral_distance
from geomage.learn.semisupervised.masked import hide_blocks, quality
from geomage.learn.semisupervised.mean_teacher import ramp
from geomage.learn.semisupervised.mixing import Mixable
from geomage.learn.semisupervised.strong import strong_view
from geomage.learn.semisupervised.supervised import class_entropy, class_overlap
from geomage.learn.semisupervised.teacher import Teacher
from geomage.learn.semisupervised.thresholds import pseudo_labels
from geomage.learn.semisupervised.unimatch import complementary_masks
from geomage.learn.semisupervised.weak_to_strong import believed_entropy
from geomage.model.architecture import Architecture

SIDE = 32
ONE = Architecture(heads={"classes": 3}, width=16)
TWO = replace(ONE, siamese="concatenate")
ALWAYS = ThresholdParams("fixed", confidence=0)
RARE = ViewParams(mix=MixParams(cut=1, rare=1))
# Each believes everything, so that every pixel can speak.
EAGER = {
    "supervised": SupervisedParams(),
    "mean-teacher": MeanTeacherParams(),
    "fixmatch": FixMatchParams(thresholds=ALWAYS, views=RARE),
    "unimatch": UniMatchParams(thresholds=ALWAYS, views=RARE),
    "masked": MaskedParams(mask=MaskParams(confidence=0)),
    "daformer": DAFormerParams(confidence=0, masked=1, mask=MaskParams(confidence=0)),
    "coral": DeepCoralParams(),
}
TAUGHT = [name for name in EAGER if name not in ("supervised", "coral")]
UNLABELLED = {
    "mean-teacher": ["agreement"],
    "fixmatch": ["unlabelled"],
    "unimatch": ["first", "second"],
    "masked": ["masked"],
    "daformer": ["mixed", "masked"],
}


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def chips(seed: int, *, dates: int = 1, labelled: bool = True, count: int = 2) -> ChipBatch:
    rng = np.random.default_rng(seed)
    pixels = rng.uniform(0.1, 0.9, (count, dates, 3, SIDE, SIDE)).astype(np.float32)
    labels = rng.integers(0, 3, (count, SIDE, SIDE)).astype(np.uint8)
    labels[:, :4] = 255
    if not labelled:
        labels[:] = 255
    keys = [[math.log10(0.66), 0], [math.log10(0.56), 0], [math.log10(0.49), 0]]
    return ChipBatch(
        torch.from_numpy(pixels),
        torch.from_numpy(labels),
        torch.tensor(keys, dtype=torch.float32),
        torch.full((count,), 0.5),
    )


def built(name: str, architecture: Architecture = ONE) -> Objective:
    return SEMISUPERVISED[name][1](EAGER[name], architecture, 0)


def said(objective: Objective, batch: StepBatch) -> dict[str, Tensor]:
    return objective.terms(batch, np.random.default_rng(5), 0.5)


def grid(values: list[int]) -> Tensor:
    return torch.tensor(values, dtype=torch.uint8)[None, None]


def test_the_registry_holds_what_builds():
    for name, (params, _) in SEMISUPERVISED.items():
        assert isinstance(EAGER[name], params)
        assert isinstance(built(name), Objective)


@pytest.mark.parametrize("name", EAGER)
def test_without_unlabelled_chips_each_is_the_supervised_loss(name: str):
    batch = StepBatch(chips(1), None)
    plain = said(built("supervised"), batch)["total"]
    assert said(built(name), batch)["total"] == plain


@pytest.mark.parametrize("architecture", [ONE, TWO], ids=["one-date", "two-dates"])
@pytest.mark.parametrize("name", TAUGHT)
def test_unlabelled_terms_reach_the_whole_student_and_no_teacher(
    name: str, architecture: Architecture
):
    dates = architecture.dates
    objective = built(name, architecture)
    batch = StepBatch(chips(1, dates=dates), chips(2, dates=dates, labelled=False))
    terms = said(objective, batch)
    assert set(terms) == {"entropy", "overlap", "total", *UNLABELLED[name]}
    for term in UNLABELLED[name]:
        objective.modules.zero_grad()
        terms[term].backward(retain_graph=True)
        network = objective.modules["network"]
        still = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
        assert still == [], f"{term} does not reach {still}"
        others = [
            n
            for n, p in objective.modules.named_parameters()
            if not n.startswith("network.") and (p.requires_grad or p.grad is not None)
        ]
        assert others == []


@pytest.mark.parametrize("term", ["entropy", "overlap"])
def test_supervised_terms_reach_the_whole_network(term: str):
    objective = built("supervised")
    said(objective, StepBatch(chips(1), None))[term].backward()
    for name, p in objective.modules["network"].named_parameters():
        assert p.grad is not None, f"{term} does not reach {name}"
        assert p.grad.any(), f"{term} does not reach {name}"


@pytest.mark.parametrize("name", EAGER)
def test_the_total_is_the_sum_and_repeats(name: str):
    batch = StepBatch(chips(1), chips(2, labelled=False))
    terms = said(built(name), batch)
    total = terms.pop("total")
    assert total.item() == pytest.approx(sum(v.item() for v in terms.values()), rel=1e-6)
    assert said(built(name), batch)["total"] == total


@pytest.mark.parametrize("name", TAUGHT)
def test_unlabelled_chips_alone_are_enough(name: str):
    terms = said(built(name), StepBatch(None, chips(2, labelled=False)))
    assert set(terms) == {"total", *UNLABELLED[name]}
    with pytest.raises(InputError, match="step without chips"):
        said(built(name), StepBatch(None, None))


@pytest.mark.parametrize("name", ["mean-teacher", "unimatch", "masked", "daformer"])
def test_teachers_follow_and_are_kept_with_the_run(name: str):
    objective = built(name)
    keys = objective.modules.state_dict()
    assert any(k.startswith("teacher.network.") for k in keys)
    student = objective.modules["network"]
    with torch.no_grad():
        for p in student.parameters():
            p.add_(1)
    objective.follow(0.5)
    teacher = objective.modules["teacher"].network
    for mine, theirs in zip(teacher.parameters(), student.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("architecture", [ONE, TWO], ids=["one-date", "two-dates"])
def test_coral_reaches_the_network_from_either_domain(architecture: Architecture):
    dates = architecture.dates
    batch = StepBatch(chips(1, dates=dates), chips(2, dates=dates, labelled=False))
    for still in (batch.labelled.pixels, batch.unlabelled.pixels):
        still.requires_grad_()
    objective = built("coral", architecture)
    terms = said(objective, batch)
    assert set(terms) == {"entropy", "overlap", "coral", "total"}
    terms["coral"].backward()
    for name, p in objective.modules["network"].named_parameters():
        # a shift of all logits alike changes no covariance
        assert name == "heads.classes.conv.bias" or p.grad.any(), f"coral does not reach {name}"
    assert batch.labelled.pixels.grad.any()
    assert batch.unlabelled.pixels.grad.any()


def test_a_step_down_coral_brings_domains_nearer():
    batch = StepBatch(chips(1), chips(2, labelled=False))
    objective = built("coral")
    before = said(objective, batch)["coral"]
    before.backward()
    with torch.no_grad():
        for p in objective.modules.parameters():
            p.sub_(1e-2 * p.grad)
    assert said(objective, batch)["coral"] < before


def test_coral_distance_by_hand():
    # 1 / (4 · 2²) of the squared differences of two covariances.
    source = torch.tensor([[1.0, 0], [-1, 0]])  # C = [[2, 0], [0, 0]]
    target = torch.tensor([[2.0, 1], [-2, -1]])  # C = [[8, 4], [4, 2]]
    assert coral_distance(source, target) == pytest.approx((36 + 16 + 16 + 4) / 16)
    assert coral_distance(source, source + 3) == 0
    assert coral_distance(source[:1], target) == 0


def test_coral_leaves_out_what_holds_no_data():
    labelled, other = chips(1), chips(2, labelled=False)
    blank = other._replace(pixels=torch.zeros_like(other.pixels))
    assert said(built("coral"), StepBatch(labelled, blank))["coral"] == 0


def test_teacher_by_hand():
    student = torch.nn.Linear(1, 1, bias=False)
    teacher = Teacher(student, 0.6)
    values = []
    with torch.no_grad():
        for value in (4.0, 8.0, 16.0):
            student.weight.fill_(value)
            teacher.follow(student)
            values.append(teacher.network.weight.item())
    # α is 0, then 1/2, then min(0.6, 2/3): 4, (4 + 8) / 2, 0.6 · 6 + 0.4 · 16.
    assert values == pytest.approx([4, 6, 10])


def test_class_entropy_by_hand():
    # Even over 3 classes costs ln 3; the third pixel is not known.
    assert class_entropy(torch.zeros(1, 3, 1, 3), grid([0, 2, 255])) == pytest.approx(math.log(3))
    # Class 0 costs ln 2 at weight 3, class 1 ln 4 at weight 1: (3 ln 2 + ln 4) / 4.
    logits = torch.tensor([[0.5, 0.75], [0.5, 0.25]]).log()[None, :, None]
    found = class_entropy(logits, grid([0, 1]), (3.0, 1.0))
    assert found == pytest.approx(5 * math.log(2) / 4)


def test_class_overlap_by_hand():
    # p = 1/2 each. Class 0: Σpt = 1, Σp = 3/2, Σt = 2, so 3 / 4.5; class 1: 2 / 3.5. 255 is out.
    loss = class_overlap(torch.zeros(1, 2, 1, 4), grid([0, 0, 1, 255]))
    assert loss == pytest.approx(1 - (3 / 4.5 + 2 / 3.5) / 2)
    # A class that does not occur is not asked for.
    alone = class_overlap(torch.zeros(1, 2, 1, 2), grid([0, 0]))
    assert alone == pytest.approx(1 - 3 / 4)


def test_nothing_known_costs_nothing_and_keeps_the_graph():
    logits = torch.randn(1, 3, 1, 2, requires_grad=True)
    loss = class_entropy(logits, grid([255, 255])) + class_overlap(logits, grid([255, 255]))
    loss.backward()
    assert loss == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_believed_entropy_by_hand():
    # Two of four seen pixels are believed, at ln 2 each: a half of ln 2.
    weights, seen = torch.tensor([[[1.0, 0, 1, 0, 0]]]), torch.tensor([[[True] * 4 + [False]]])
    labels, logits = grid([0, 1, 1, 0, 0]), torch.zeros(1, 2, 1, 5)
    view = Mixable(torch.zeros(1, 1, 1, 1, 5), labels, weights)
    assert believed_entropy(logits, view, seen) == pytest.approx(math.log(2) / 2)
    # Class 1 weighs three times as much: (1 + 3) of (1 + 3 + 3 + 1); 255 asks nothing.
    loss = believed_entropy(logits, view, seen, (1.0, 3.0))
    assert loss == pytest.approx(math.log(2) / 2)
    view = view._replace(labels=grid([0, 1, 255, 0, 0]))
    loss = believed_entropy(logits, view, seen, (1.0, 3.0))
    assert loss == pytest.approx(math.log(2) / 5)


def test_quality_by_hand():
    # Confidences .9, .6, .8 and one pixel without data: two of three reach .7.
    p = torch.tensor([[0.9, 0.4, 0.2, 0.99], [0.1, 0.6, 0.8, 0.01]])[None, :, None]
    pixels = torch.tensor([1.0, 1, 1, 0])[None, None, None, None]
    found = pseudo_labels(p.log(), pixels)
    assert found.labels.tolist() == [[[0, 1, 1, 0]]]
    assert quality(found, 0.7).tolist() == pytest.approx([2 / 3])


def test_ramp_by_hand():
    assert ramp(0, 0.2) == pytest.approx(math.exp(-5))
    assert ramp(0.1, 0.2) == pytest.approx(math.exp(-1.25))
    assert ramp(0.2, 0.2) == ramp(1, 0.2) == ramp(0, 0) == 1


def test_hidden_blocks_are_whole_and_the_same_at_both_dates():
    pixels = torch.rand(3, 2, 4, 32, 48) + 0.1
    hidden = hide_blocks(pixels, MaskParams(block=16, hidden=0.5), np.random.default_rng(0)) == 0
    cells = hidden.unfold(3, 16, 16).unfold(4, 16, 16).flatten(5).float().mean(5)
    assert set(cells.unique().tolist()) == {0.0, 1.0}
    assert (hidden == hidden[:, :1, :1]).all()
    assert not hide_blocks(pixels, MaskParams(hidden=1), np.random.default_rng(0)).any()


def test_dropped_channels_complement_each_other():
    first, second = complementary_masks(6, 40, np.random.default_rng(0))
    assert (first + second == 2).all()
    whole = (first == 1).all(1)
    assert whole.sum() == 3
    assert set(np.unique(first[~whole])) == {0, 2}


def test_a_strong_view_moves_nothing_and_keeps_no_data():
    pixels = chips(3, dates=2).pixels
    pixels[..., :8] = 0
    none = StrongParams(gain=0, band_gain=0, contrast=0, offset=0, grey=0, blur=0, noise=0)
    torch.testing.assert_close(strong_view(pixels, none, np.random.default_rng(0)), pixels)
    view = strong_view(pixels, StrongParams(), np.random.default_rng(0))
    assert not view[..., :8].any()
    assert view[..., 8:].isfinite().all()
    assert not torch.equal(view[0, 0], view[0, 1])
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(strong_view(pixels, StrongParams(), np.random.default_rng(0)), view)
    grey = strong_view(pixels, StrongParams(grey=1, noise=0), np.random.default_rng(0))
    torch.testing.assert_close(grey[:, :, 0], grey[:, :, 2])


def test_bad_input_is_named():
    build = SEMISUPERVISED["fixmatch"][1]
    with pytest.raises(InputError, match="needs a head 'classes'; the network has: height"):
        build(FixMatchParams(), replace(ONE, heads={"height": 1}), 0)
    with pytest.raises(InputError, match=r"class_weights = \(1.0,\) must hold 3 numbers"):
        build(FixMatchParams(SupervisedParams((1.0,))), ONE, 0)
    with pytest.raises(InputError, match="0 or more"):
        build(FixMatchParams(SupervisedParams(overlap=-1)), ONE, 0)
    objective = built("daformer")
    small = chips(2, labelled=False)
    small = small._replace(pixels=small.pixels[..., :16, :16], labels=small.labels[:, :16, :16])
    with pytest.raises(InputError, match="mixing needs equal ones"):
        said(objective, StepBatch(chips(1), small))
