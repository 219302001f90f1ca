"""What is pasted takes its label and weight along; whole classes stay whole."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from geomage.errors import InputError
from geomage.learn.semisupervised.mixing import (
    ClassShares,
    Mixable,
    MixParams,
    chip_chances,
    class_masks,
    cut_masks,
    half_classes,
    paste,
    rare_chances,
    rare_classes,
)


def painted(first: int) -> Mixable:
    """Chips whose pixels say their own label: value = label + weight / 100."""
    labels = (torch.arange(2 * 16 * 16).reshape(2, 16, 16) % 5 + first).to(torch.uint8)
    weights = torch.linspace(0, 1, 2 * 16 * 16).reshape(2, 16, 16)
    value = labels + weights / 100
    return Mixable(value[:, None, None].expand(2, 2, 3, 16, 16).clone(), labels, weights)


def test_labels_and_weights_move_with_the_pixels():
    a, b = painted(0), painted(10)
    masks = torch.from_numpy(cut_masks((2, 16, 16), MixParams(cut=1), np.random.default_rng(0)))
    mixed = paste(a, b, masks)
    assert 0 < masks.float().mean() < 1
    said = (mixed.labels + mixed.weights / 100)[:, None, None].expand_as(mixed.pixels)
    torch.testing.assert_close(mixed.pixels, said)
    assert ((mixed.labels >= 10) == masks).all()


def test_cut_areas_are_those_asked_for():
    params = MixParams(cut=1, area=(0.1, 0.3), aspect=(0.5, 2.0))
    masks = cut_masks((400, 64, 64), params, np.random.default_rng(0))
    areas = masks.mean((1, 2))
    assert areas.min() > 0.095  # sides are whole pixels
    assert areas.max() < 0.31
    assert areas.mean() == pytest.approx(0.2, abs=0.01)
    high, wide = masks.any(2).sum(1), masks.any(1).sum(1)
    assert (high * wide == masks.sum((1, 2))).all()  # one rectangle each
    assert (high / wide).min() > 0.45
    assert (high / wide).max() < 2.2


def test_cut_chance_and_what_cannot_fit():
    masks = cut_masks((1000, 8, 8), MixParams(cut=0.3), np.random.default_rng(0))
    assert masks.any((1, 2)).mean() == pytest.approx(0.3, abs=0.05)
    tall = MixParams(cut=1, area=(0.5, 0.5), aspect=(50.0, 60.0))
    assert cut_masks((1, 16, 16), tall, np.random.default_rng(0)).mean() == pytest.approx(
        0.5, abs=0.05
    )


def test_class_mixing_keeps_whole_classes():
    a, b = painted(0), painted(10)
    rng = np.random.default_rng(0)
    named = [half_classes(chip, rng) for chip in b.labels]
    masks = class_masks(b.labels, named)
    for chip, mask, classes in zip(b.labels, masks, named, strict=True):
        assert len(classes) == 3  # half of five, rounded up
        for c in range(10, 15):
            assert mask[chip == c].all() if c in classes else not mask[chip == c].any()
    assert set(paste(a, b, masks).labels[0][masks[0]].tolist()) == set(named[0])


def test_unknown_is_no_class():
    rng = np.random.default_rng(0)
    nothing = torch.full((4, 4), 255, dtype=torch.uint8)
    assert half_classes(nothing, rng) == []
    assert rare_classes(nothing, np.ones(3), rng) == []
    assert not class_masks(nothing[None], [[]]).any()
    nothing[0, 0] = 2
    assert half_classes(nothing, rng) == [2]


def test_rare_chances_by_hand():
    # Shares 0.9 and 0.1 at T = 0.4: exp(0.25) and exp(2.25); a class that never occurs has none.
    weights = np.exp([0.25, 2.25])
    expected = [*(weights / weights.sum()), 0]
    assert rare_chances(np.array([0.9, 0.1, 0.0]), 0.4) == pytest.approx(expected)
    assert rare_chances(np.zeros(4), 0.1) == pytest.approx([0.25] * 4)


def test_rare_classes_are_drawn_more_often():
    labels = torch.tensor([[0, 0, 1, 1]], dtype=torch.uint8)
    rng = np.random.default_rng(0)
    chances = rare_chances(np.array([0.9, 0.1]), 0.4)
    drawn = [rare_classes(labels, chances, rng)[0] for _ in range(2000)]
    assert np.mean(drawn) == pytest.approx(chances[1], abs=0.03)


def test_chip_chances_by_hand():
    # Class 1 is in chip 2 alone: its whole chance goes there; class 0's is shared by all three.
    counts = np.array([[9.0, 0], [9, 0], [1, 1]])
    p = rare_chances(np.array([0.95, 0.05]), 0.5)
    assert chip_chances(counts, 0.5) == pytest.approx([p[0] / 3, p[0] / 3, p[0] / 3 + p[1]])
    assert chip_chances(np.zeros((4, 2)), 0.5) == pytest.approx([0.25] * 4)


def test_shares_by_hand():
    shares = ClassShares(3)
    shares.update(labels([0, 0, 2, 255]))
    shares.update(labels([2, 255, 255, 255]))
    assert shares.shares() == pytest.approx([0.5, 0, 0.5])
    assert set(shares.state_dict()) == {"counts"}


def labels(values: list[int]) -> Tensor:
    return torch.tensor(values, dtype=torch.uint8)[None, None]


@pytest.mark.parametrize(
    "wrong", [{"area": (0.4, 0.2)}, {"area": (0.1, 2.0)}, {"aspect": (0.0, 1.0)}]
)
def test_impossible_cuts_are_refused(wrong: dict[str, tuple[float, float]]):
    with pytest.raises(InputError, match="mixing: area"):
        MixParams(**wrong)
    with pytest.raises(InputError, match="temperature"):
        MixParams(temperature=0)
