"""Every metric against a case worked by hand; a transposed matrix would fail here."""

from __future__ import annotations

import numpy as np
import pytest

from geomage.errors import InputError
from geomage.metrics import (
    BinaryCounts,
    XView2Counts,
    binary_counts,
    confusion,
    f1,
    iou,
    macro_f1,
    mean_iou,
    precision,
    recall,
    xview2_counts,
)

# Six buildings. Class 1 is true three times (said 1, 1, 2); class 2 twice (said 2, 1); class 3
# once (said 2). So class 1: TP 2, FP 1, FN 1. Class 2: TP 1, FP 2, FN 1. Class 3: TP 0, FP 0, FN 1.
TARGET = [1, 1, 1, 2, 2, 3]
SAID = [1, 1, 2, 2, 1, 2]
MATRIX = np.array([[2, 1, 0], [1, 1, 0], [0, 1, 0]], np.int64)


def test_rows_are_the_target() -> None:
    np.testing.assert_array_equal(confusion(TARGET, SAID, (1, 2, 3)), MATRIX)


def test_precision_and_recall_are_not_swapped() -> None:
    np.testing.assert_allclose(precision(MATRIX), [2 / 3, 1 / 3, np.nan])
    np.testing.assert_allclose(recall(MATRIX), [2 / 3, 1 / 2, 0])


def test_f1_and_iou_by_hand() -> None:
    np.testing.assert_allclose(f1(MATRIX), [4 / 6, 2 / 5, 0])
    np.testing.assert_allclose(iou(MATRIX), [2 / 4, 1 / 4, 0])


def test_macro_f1_by_hand() -> None:
    assert macro_f1(MATRIX) == pytest.approx((4 / 6 + 2 / 5 + 0) / 3)


def test_f1_is_the_harmonic_mean() -> None:
    p, r = precision(MATRIX)[:2], recall(MATRIX)[:2]
    np.testing.assert_allclose(f1(MATRIX)[:2], 2 * p * r / (p + r))


def test_a_class_nobody_mentions_does_not_count() -> None:
    assert macro_f1(confusion([1, 1], [1, 1], (1, 2))) == 1.0
    assert np.isnan(macro_f1(np.zeros((2, 2), np.int64)))


def test_an_invented_class_costs() -> None:
    # class 2 is never true but said once: F1 of class 1 is 2/3, of class 2 is 0
    assert macro_f1(confusion([1, 1], [1, 2], (1, 2))) == pytest.approx((2 / 3 + 0) / 2)


def test_extra_columns_lower_recall_only() -> None:
    plain = confusion([1, 1, 2], [1, 1, 2], (1, 2), extra=(0,))
    missed = confusion([1, 1, 2], [1, 0, 2], (1, 2), extra=(0,))
    np.testing.assert_array_equal(missed, [[1, 0, 1], [0, 1, 0]])
    np.testing.assert_array_equal(precision(missed), precision(plain))
    np.testing.assert_array_equal(recall(missed), [0.5, 1.0])


def test_unlisted_targets_are_left_out() -> None:
    matrix = confusion([1, 255, 2], [1, 1, 2], (1, 2))
    assert matrix.sum() == 2


def test_unlisted_predictions_are_an_error() -> None:
    with pytest.raises(InputError, match="none of"):
        confusion([1, 2], [1, 9], (1, 2))


def test_shapes_must_agree() -> None:
    with pytest.raises(InputError, match="3 values and predicted 2"):
        confusion([1, 2, 2], [1, 2], (1, 2))


def test_a_label_twice_is_an_error() -> None:
    with pytest.raises(InputError, match="twice"):
        confusion([1], [1], (1, 2), extra=(1,))


def test_a_tall_matrix_is_refused() -> None:
    with pytest.raises(InputError, match="confusion matrix"):
        precision(np.ones((3, 2), np.int64))


def test_binary_counts_by_hand() -> None:
    counts = binary_counts([1, 1, 1, 0, 0], [1, 1, 0, 1, 0])
    assert counts == BinaryCounts(tp=2, fp=1, fn=1, tn=1)
    assert (counts.precision, counts.recall) == (2 / 3, 2 / 3)
    assert (counts.f1, counts.iou) == (2 / 3, 1 / 2)


def test_binary_counts_pool() -> None:
    pooled = BinaryCounts(1, 2, 3, 4) + BinaryCounts(10, 20, 30, 40)
    assert pooled == BinaryCounts(11, 22, 33, 44)
    # worked by hand: precision 11/33, recall 11/44
    assert (pooled.precision, pooled.recall) == (1 / 3, 1 / 4)


def test_undefined_is_null_in_json() -> None:
    assert BinaryCounts(0, 0, 0).as_dict()["f1"] is None


def test_mean_iou_by_hand() -> None:
    assert mean_iou(MATRIX) == pytest.approx((2 / 4 + 1 / 4 + 0) / 3)


def test_an_absent_class_is_left_out_or_counts_zero() -> None:
    # class 1: 1 hit of 2, class 2: 1 hit of 2, class 3 neither true nor said
    matrix = confusion([1, 1, 2], [1, 2, 2], (1, 2, 3))
    assert mean_iou(matrix) == pytest.approx(1 / 2)
    assert mean_iou(matrix, absent=0.0) == pytest.approx(1 / 3)
    assert np.isnan(mean_iou(np.zeros((2, 2), np.int64)))


def test_pangaea_swaps_precision_and_recall() -> None:
    # it fills [predicted, target] and divides by sums over rows: 2 of 3 said, 2 of 3 true for
    # class 1; for class 2 one of three said to be it is, one of two is found
    theirs = MATRIX.T
    np.testing.assert_allclose(np.diagonal(theirs) / theirs.sum(axis=0), [2 / 3, 1 / 2, 0])
    np.testing.assert_allclose(recall(MATRIX), [2 / 3, 1 / 2, 0])
    np.testing.assert_allclose(precision(MATRIX), [2 / 3, 1 / 3, np.nan])
    np.testing.assert_allclose(iou(theirs), iou(MATRIX))
    np.testing.assert_allclose(f1(theirs), f1(MATRIX))


# Twelve pixels of a scene. Buildings are true in nine and said in nine, eight of them the same:
# F1 of localisation 2 * 8 / (9 + 9) = 8/9. Of the nine true ones:
#   no damage (1): true 3, said 1, 1, 2      -> hits 2, true 3, said 2 -> F1 4/5
#   minor (2):     true 2, said 2, 2         -> hits 2, true 2, said 3 -> F1 4/5
#   major (3):     true 2, said 3, 4         -> hits 1, true 2, said 1 -> F1 2/3
#   destroyed (4): true 2, said 4, 0         -> hits 1, true 2, said 2 -> F1 1/2
# The pixel said to be minor where nothing stands costs localisation alone.
TRUE_DAMAGE = [1, 1, 1, 2, 2, 3, 3, 4, 4, 0, 0, 255]
SAID_DAMAGE = [1, 1, 2, 2, 2, 3, 4, 4, 0, 2, 0, 4]


def test_the_xview2_score_by_hand() -> None:
    counts = xview2_counts(TRUE_DAMAGE, SAID_DAMAGE)
    assert counts.localisation == BinaryCounts(tp=8, fp=1, fn=1, tn=1)
    np.testing.assert_allclose(counts.grade_f1, [4 / 5, 4 / 5, 2 / 3, 1 / 2])
    # harmonic mean: 4 / (5/4 + 5/4 + 3/2 + 2) = 2/3
    assert counts.damage_f1 == pytest.approx(2 / 3, abs=2e-6)
    assert counts.score == pytest.approx(0.3 * 8 / 9 + 0.7 * 2 / 3, abs=2e-6)


def test_the_xview2_score_pools_and_its_worst_grade_decides() -> None:
    once = xview2_counts(TRUE_DAMAGE, SAID_DAMAGE)
    twice = once + once
    assert twice.score == pytest.approx(once.score)
    assert twice.localisation.tp == 16
    no_minor = xview2_counts([1, 2, 3, 4], [1, 1, 3, 4])
    assert no_minor.damage_f1 < 1e-5
    assert no_minor.score == pytest.approx(0.3, abs=1e-5)
    assert no_minor.as_dict()["f1_minor"] == 0


def test_a_scene_without_buildings_scores_nothing() -> None:
    empty = xview2_counts([0, 0], [0, 0])
    assert isinstance(empty, XView2Counts)
    assert empty.score == pytest.approx(0, abs=1e-5)
    with pytest.raises(InputError, match="2 pixels and predicted 3"):
        xview2_counts([0, 0], [0, 0, 0])
