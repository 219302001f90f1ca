"""Nothing is called undamaged by default."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from geopandas import GeoDataFrame
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Point

from geomage.errors import InputError
from geomage.product import DECIDED_DAMAGED, DECIDED_DESTROYED, DECIDED_INTACT, Order, graded
from geomage.product.measured import Calibration, Errors, Measured
from toy_run import make_run


@pytest.fixture
def six(tmp_path: Path):
    return make_run(tmp_path / "run").buildings


def one(six, grade: int, p: tuple[float, ...], reason: str | None = None):
    frame = six.head(1).assign(grade=grade, not_analysed_reason=reason)
    for name, value in zip(("p_none", "p_minor", "p_major", "p_destroyed"), p, strict=True):
        frame[name] = value
    return graded(frame).iloc[0]


def test_each_kind_of_answer(six) -> None:
    assert graded(six)["damage_gra"].tolist() == [
        "Destroyed",
        "Damaged",
        "Damaged",
        "Possibly damaged",
        "No visible damage",
        "Not Analysed",
    ]


def test_confidence_is_the_probability_of_the_word(six) -> None:
    confidence = graded(six)["confidence"].to_numpy()
    np.testing.assert_allclose(confidence, [0.9, 0.8, 0.7, 0.59, 0.9, np.nan])


def test_unsure_undamaged_is_possibly_damaged(six) -> None:
    assert one(six, 1, (0.55, 0.2, 0.15, 0.1))["damage_gra"] == "Possibly damaged"


def test_a_reason_wins_over_a_grade(six) -> None:
    row = one(six, 1, (1.0, 0, 0, 0), "no data at second date")
    assert (row["damage_gra"], row["reason"]) == ("Not Analysed", "no data at second date")


def test_a_building_called_destroyed_states_how_likely_that_is(six) -> None:
    row = one(six, 4, (0.05, 0.38, 0.38, 0.19))
    assert row["damage_gra"] == "Destroyed"
    assert row["confidence"] == pytest.approx(0.19)


@pytest.mark.parametrize("grade", [0, 1, 4])
def test_no_probabilities_is_not_analysed(six, grade: int) -> None:
    row = one(six, grade, (np.nan,) * 4)
    assert (row["damage_gra"], row["reason"]) == ("Not Analysed", "no grade")


def test_rows_keep_their_order_and_reason_is_null_when_analysed(six) -> None:
    done = graded(six)
    assert done["building_id"].tolist() == six["building_id"].tolist()
    assert done["reason"].isna().tolist() == [True] * 5 + [False]


@given(st.lists(st.floats(0.01, 1), min_size=4, max_size=4), st.integers(1, 4))
def test_the_two_certain_words_need_a_decided_probability(weights, grade) -> None:
    p = np.array(weights) / sum(weights)
    frame = make_frame(grade, p)
    word = graded(frame)["damage_gra"].iloc[0]
    if word == "No visible damage":
        assert grade == 1
        assert p[0] >= DECIDED_INTACT
    elif word != "Possibly damaged":
        assert grade >= 2
        assert 1 - p[0] >= (DECIDED_DESTROYED if grade == 4 else DECIDED_DAMAGED)


def make_frame(grade: int, p: np.ndarray):
    names = ("p_none", "p_minor", "p_major", "p_destroyed")
    columns = {"building_id": [1], "grade": [grade], "not_analysed_reason": [None]}
    columns |= {name: [float(v)] for name, v in zip(names, p, strict=True)}
    return GeoDataFrame(columns, geometry=[Point(0, 0).buffer(1)])


def test_a_missing_column_is_named(six) -> None:
    with pytest.raises(InputError, match="p_major"):
        graded(six.drop(columns="p_major"))


def test_a_grade_outside_the_scale_is_refused(six) -> None:
    with pytest.raises(InputError, match=r"0\.\.4"):
        graded(six.assign(grade=7))


def test_confidence_is_that_of_the_event_that_is_stated(six) -> None:
    """Damage twice as likely after a flood; the words stay."""
    whole = Calibration(np.eye(4), np.zeros(4))
    floods = Calibration(np.eye(4), np.log([1.0, 2.0, 2.0, 2.0]))
    counts = np.ones((1, 5, 4))
    found = Measured(whole, Errors(counts, np.ones(1), "toy"), {"flood": floods})
    plain, flood = (
        graded(six, found.calibration_of(Order(event_type=event).hazard))
        for event in (None, "5-Flood")
    )
    assert flood["damage_gra"].tolist() == plain["damage_gra"].tolist()
    for word, sign in (("Possibly damaged", 1), ("No visible damage", -1)):
        rows = plain["damage_gra"] == word
        assert (sign * (flood["confidence"] - plain["confidence"])[rows] > 0).all()
    assert found.calibration_of("volcano") is whole
    assert Order(event_type="accident").hazard == "accident"
