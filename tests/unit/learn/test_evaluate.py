"""Scores on arrays, worked by hand, and the temperature that makes a network honest."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from geomage.learn.calibrate import fit_temperature
from geomage.learn.evaluate import predict_whole, reference_buildings, score_pair
from geomage.model import Prediction


def said(building: np.ndarray, grade: np.ndarray) -> Prediction:
    """Certain about building where 1, certain about the grade everywhere."""
    y, x = building.shape
    cover = np.zeros((1, 8, y, x), np.float32)
    cover[0, 7], cover[0, 0] = building, 1 - building
    damage = (np.arange(1, 5)[:, None, None] == grade).astype(np.float32)[None]
    return Prediction(cover, damage, np.zeros((1, 3, y, x), np.float32))


def town() -> np.ndarray:
    """Three buildings of 16 pixels: intact, destroyed, unknown."""
    truth = np.zeros((16, 16), np.uint8)
    truth[1:5, 1:5], truth[1:5, 10:14], truth[10:14, 1:5] = 1, 4, 5
    return truth


def test_a_perfect_map_scores_one():
    truth = town()
    figures = score_pair(said((truth > 0).astype(float), truth), truth)
    assert figures.building.f1 == 1
    facts = figures.as_dict()
    assert (facts["buildings"], facts["buildings_found"]) == (2, 2)
    assert all(facts[view]["macro_f1"] == 1 for view in ("footprints", "found", "all"))


def test_a_missed_building_counts_only_over_all():
    truth = town()
    building = (truth > 0).astype(float)
    building[1:5, 10:14] = 0
    figures = score_pair(said(building, truth), truth)
    # 32 of 48 pixels hit, none false: F1 = 2 * 32 / (32 + 48).
    assert figures.building.f1 == pytest.approx(0.8)
    assert figures.graded is not None
    assert figures.graded.matrix("footprints").trace() == 2
    assert figures.graded.matrix("found").sum() == 1
    assert figures.graded.matrix("all")[3].tolist() == [0, 0, 0, 0, 1]


def test_scores_of_two_pairs_are_pooled():
    truth = town()
    good = score_pair(said((truth > 0).astype(float), truth), truth)
    bad = score_pair(said(np.zeros(truth.shape), truth), truth)
    both = good + bad
    assert both.building.f1 == pytest.approx(2 * 48 / (48 + 96))
    assert both.graded is not None
    assert len(both.graded.truth) == 4


def test_touching_buildings_of_two_grades_stay_two():
    truth = np.zeros((8, 8), np.uint8)
    truth[2:6, 0:4], truth[2:6, 4:8] = 1, 3
    instances, grades = reference_buildings(truth)
    assert grades.tolist() == [1, 3]
    assert np.unique(instances).tolist() == [0, 1, 2]


def test_any_size_is_predicted_and_cropped_back():
    image = np.zeros((3, 40, 50), np.uint8)

    def predict(before: np.ndarray, after: np.ndarray) -> Prediction:
        assert before.shape == after.shape == (1, 3, 64, 64)
        return said(np.ones((64, 64)), np.ones((64, 64)))

    assert predict_whole(predict, image, image).landcover.shape == (1, 8, 40, 50)


def test_the_temperature_undoes_overconfidence():
    generator = torch.Generator().manual_seed(0)
    honest = torch.randn(20000, 4, generator=generator) * 1.5
    grade = torch.multinomial(honest.softmax(1), 1, generator=generator)[:, 0]
    assert fit_temperature(honest, grade) == pytest.approx(1.0, rel=0.06)
    assert fit_temperature(honest * 3, grade) == pytest.approx(3.0, rel=0.06)
