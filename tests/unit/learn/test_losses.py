"""Every term: a value worked by hand, and a gradient that reaches the weights it should move."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from geomage.learn import losses
from geomage.learn.recipe import LossParams
from geomage.model.network import Network, NetworkParams

EVEN8 = torch.ones(8)
EVEN4 = torch.ones(4)


def grid(values: list[int]) -> Tensor:
    """Turn labels into one image of one row."""
    return torch.tensor(values, dtype=torch.uint8)[None, None]


def test_landcover_entropy_by_hand():
    # Even over 8 classes costs ln 8 whatever is true; the third pixel is not known.
    log_p = torch.zeros(1, 8, 1, 3).log_softmax(1)
    assert losses.landcover_entropy(log_p, grid([1, 8, 0]), EVEN8) == pytest.approx(math.log(8))


def test_landcover_weights_by_hand():
    # Class 1 costs ln 2 at weight 3, class 8 costs ln 4 at weight 1: (3 ln 2 + ln 4) / 4.
    p = torch.full((1, 8, 1, 2), 1e-9)
    p[0, 0, 0, 0] = p[0, 1, 0, 0] = 0.5
    p[0, 7, 0, 1], p[0, 0, 0, 1] = 0.25, 0.75
    weights = torch.tensor([3.0, 1, 1, 1, 1, 1, 1, 1])
    loss = losses.landcover_entropy(p.log(), grid([1, 8]), weights)
    assert loss == pytest.approx(5 * math.log(2) / 4, rel=1e-5)


def test_building_overlap_by_hand():
    # p = 1/2 everywhere, one pixel in two is building: TP 1/2, FP 1/2, FN 1/2, plus 1 for rest.
    p = torch.full((1, 8, 1, 3), 0.5 / 7)
    p[0, 7] = 0.5
    truth = grid([8, 1, 0])  # the last is unknown and counts for nothing
    assert losses.building_overlap(p.log(), truth) == pytest.approx(1 - 1.5 / 2.0)
    # beta = 0.75: 1/2 + 1 over 1/2 + 1/8 + 3/8 + 1.
    assert losses.building_overlap(p.log(), truth, 0.75) == pytest.approx(1 - 1.5 / 2.0)
    # Two missed halves against no false one: beta now matters, 3/2.. = 2 over 1 + beta + 1.
    both = grid([8, 8, 0])
    assert losses.building_overlap(p.log(), both, 0.75) == pytest.approx(1 - 2 / 2.75)


def test_a_perfect_building_costs_nothing():
    p = torch.full((1, 8, 1, 2), 1e-9)
    p[0, 7, 0, 0] = p[0, 0, 0, 1] = 1.0
    assert losses.building_overlap(p.log(), grid([8, 1])) == pytest.approx(0, abs=1e-6)


def test_damage_entropy_by_hand():
    # Only pixels of grade 1..4 speak; even over four grades costs ln 4.
    logits = torch.zeros(1, 4, 1, 4)
    assert losses.damage_entropy(logits, grid([0, 2, 255, 4]), EVEN4) == pytest.approx(math.log(4))


def test_damage_order_by_hand():
    # All said intact: cumulative (1,1,1,1). Destroyed is (0,0,0,1): 3. Minor is (0,1,1,1): 1.
    logits = torch.tensor([50.0, 0, 0, 0]).view(1, 4, 1, 1).expand(1, 4, 1, 2)
    assert losses.damage_order(logits, grid([4, 2]), EVEN4) == pytest.approx(2.0)
    assert losses.damage_order(logits, grid([1, 1]), EVEN4) == pytest.approx(0.0)


def test_flag_entropy_by_hand():
    # Each known pixel costs ln 2; a flag nobody knows costs nothing, the mean is over three flags.
    truth = torch.tensor([[0, 1], [1, 255], [255, 255]], dtype=torch.uint8).view(1, 3, 1, 2)
    loss = losses.flag_entropy(torch.zeros(1, 3, 1, 2), truth)
    assert loss == pytest.approx(2 * math.log(2) / 3)


def test_nothing_known_costs_nothing_and_keeps_the_graph():
    cover = torch.randn(1, 8, 1, 2, requires_grad=True)
    damage = torch.randn(1, 4, 1, 2, requires_grad=True)
    flags = torch.randn(1, 3, 1, 2, requires_grad=True)
    unknown = torch.full((1, 3, 1, 2), 255, dtype=torch.uint8)
    for loss in (
        losses.landcover_entropy(cover.log_softmax(1), grid([0, 0]), EVEN8),
        losses.damage_entropy(damage, grid([0, 255]), EVEN4),
        losses.damage_order(damage, grid([0, 255]), EVEN4),
        losses.flag_entropy(flags, unknown),
    ):
        assert loss.item() == 0
        loss.backward()


BRANCHES = ("fine.", "coarse.")
REACHES = {
    "landcover": ("cover.", "cover_head."),
    "overlap": ("cover.", "cover_head."),
    "damage": ("change.", "compare.", "change_head."),
    "order": ("change.", "compare.", "change_head."),
    "flags": ("change.", "compare.", "change_head."),
}


@pytest.mark.parametrize("term", REACHES)
def test_every_term_moves_what_it_should(term: str):
    torch.manual_seed(1)
    network = Network(NetworkParams((8, 8, 8, 8, 8), 8, (1,)))
    truth = torch.stack(
        [torch.randint(1, 9, (2, 64, 64)), torch.randint(0, 5, (2, 64, 64))]
        + [torch.randint(0, 2, (2, 64, 64)) for _ in range(3)],
        1,
    ).to(torch.uint8)
    logits = network(torch.rand(2, 3, 64, 64), torch.rand(2, 3, 64, 64))
    losses.total_loss(logits, truth, LossParams())[term].backward()
    moved = {
        name
        for name, p in network.named_parameters()
        if p.grad is not None and float(p.grad.abs().max()) > 0
    }
    for part in (*BRANCHES, *REACHES[term]):
        names = {name for name, _ in network.named_parameters() if name.startswith(part)}
        # A bias before a batch normalisation, or a dead ReLU, may rest; the part may not.
        assert len(names & moved) > 0.8 * len(names), part
    if term in ("landcover", "overlap"):
        assert not {name for name in moved if name.startswith("change")}


def test_the_total_is_the_weighted_sum():
    torch.manual_seed(2)
    network = Network(NetworkParams((8, 8, 8, 8, 8), 8, (1,)))
    images = torch.rand(1, 3, 64, 64)
    truth = torch.randint(0, 2, (1, 5, 64, 64), dtype=torch.uint8)
    params = LossParams(overlap=2.0, damage=3.0, order=5.0, flags=7.0)
    terms = losses.total_loss(network(images, images), truth, params)
    expected = (
        terms["landcover"]
        + 2 * terms["overlap"]
        + 3 * terms["damage"]
        + 5 * terms["order"]
        + 7 * terms["flags"]
    )
    assert terms["total"].item() == pytest.approx(expected.item(), rel=1e-6)


def test_weights_are_undone_where_the_logits_are():
    logits = torch.zeros(1, 4, 2, 2, device="meta")
    assert undo_weights(logits, (1.0, 2.0, 3.0, 4.0)).device.type == "meta"
