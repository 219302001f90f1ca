"""From which confidence a pseudo-label is believed, worked by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from geomage.errors import InputError
from geomage.learn.semisupervised.thresholds import (
    PseudoLabels,
    ThresholdParams,
    Thresholds,
    pseudo_labels,
)


def found(*first: float) -> PseudoLabels:
    """Pixels that are class 0 with these probabilities, class 1 otherwise."""
    p = torch.tensor(first)
    logits = torch.stack([p, 1 - p]).log()[None, :, None]
    return pseudo_labels(logits, torch.ones(1, 1, 1, 1, len(first)))


def believed(thresholds: Thresholds, labels: PseudoLabels) -> list[bool]:
    kept: Tensor = thresholds.believed(labels)
    return kept[0, 0].tolist()


def test_fixed_is_one_for_all():
    thresholds = Thresholds(ThresholdParams("fixed", confidence=0.8), 2)
    thresholds.update(found(0.99, 0.99))
    assert believed(thresholds, found(0.81, 0.79, 0.15, 0.45)) == [True, False, True, False]


def test_relative_by_hand():
    # λ = 1/2 from 1/2: mean confidence (.9 + .8 + .6) / 3; mean p (.9 + .8 + .4) / 3 = .7, .3.
    thresholds = Thresholds(ThresholdParams("relative", decay=0.5, floor=0.1), 2)
    thresholds.update(found(0.9, 0.8, 0.4))
    overall = (0.5 + 2.3 / 3) / 2
    by_class = [(0.5 + 0.7) / 2, (0.5 + 0.3) / 2]
    expected = [overall, overall * by_class[1] / by_class[0]]
    assert thresholds.levels().tolist() == pytest.approx(expected)
    floored = Thresholds(ThresholdParams("relative", decay=0.5, floor=0.5), 2)
    floored.update(found(0.9, 0.8, 0.4))
    assert floored.levels().tolist() == pytest.approx([overall, 0.5])


def test_share_by_hand():
    # Class 0 is said at .99 .9 .8 .6: half of them lie from .9 up; class 1 at .7 alone.
    thresholds = Thresholds(ThresholdParams("share", confidence=0.95, decay=0, floor=0.5), 2)
    assert thresholds.levels().tolist() == pytest.approx([0.95, 0.95])
    thresholds.update(found(0.99, 0.9, 0.8, 0.6, 0.3))
    assert thresholds.levels().tolist() == pytest.approx([0.9, 0.7])
    # A class nobody speaks of stays where it was; above τ nothing goes.
    thresholds.update(found(0.99, 0.98))
    assert thresholds.levels().tolist() == pytest.approx([0.95, 0.7])


def test_share_follows_at_its_pace():
    thresholds = Thresholds(ThresholdParams("share", confidence=0.9, decay=0.75), 2)
    thresholds.update(found(0.6))
    assert thresholds.levels().tolist() == pytest.approx([0.75 * 0.9 + 0.25 * 0.6, 0.9])


def test_a_shy_class_does_not_collapse():
    # A frequent class is sure, a rare one never is: one threshold silences it for good.
    seen = found(*[0.99] * 96, 0.4, 0.38, 0.36, 0.34)
    for kind, heard in (("fixed", 0), ("share", 2), ("relative", 4)):
        thresholds = Thresholds(ThresholdParams(kind, decay=0.5), 2)
        for _ in range(100):
            thresholds.update(seen)
        assert sum(believed(thresholds, seen)[96:]) == heard, kind


def test_no_data_neither_speaks_nor_counts():
    p = torch.tensor([[0.9, 0.6], [0.1, 0.4]])[None, :, None]
    pixels = torch.ones(1, 2, 3, 1, 2)
    pixels[:, 1, :, :, 1] = 0  # hidden at one date
    labels = pseudo_labels(p.log(), pixels)
    thresholds = Thresholds(ThresholdParams("share", decay=0, floor=0), 2)
    thresholds.update(labels)
    assert thresholds.levels()[0] == pytest.approx(0.9)
    assert believed(thresholds, labels) == [True, False]


def test_thresholds_are_kept_with_the_run():
    thresholds = Thresholds(ThresholdParams(decay=0.5), 2)
    thresholds.update(found(0.7, 0.2))
    other = Thresholds(ThresholdParams(decay=0.5), 2)
    other.load_state_dict(thresholds.state_dict())
    assert torch.equal(other.levels(), thresholds.levels())


def test_mistakes_are_named():
    with pytest.raises(InputError, match=r"threshold kind 'shares' .* \(near: share"):
        ThresholdParams("shares")
    with pytest.raises(InputError, match=r"threshold confidence = 1\.5 is outside"):
        ThresholdParams(confidence=1.5)
