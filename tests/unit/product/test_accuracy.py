"""The accuracy of a map from a judged sample: published figures, hand-worked ones, and coverage."""

from __future__ import annotations

import numpy as np
import pytest

from geomage.product.accuracy import Judged, estimate_accuracy, ratio_of_totals
from geomage.product.page.accuracy_words import accuracy_section
from geomage.product.sampling import draw

# Olofsson et al. 2014, table 8: rows are classes of the map, columns of the reference.
CLASSES = ("deforestation", "forest gain", "stable forest", "stable non-forest")
COUNTS = ((66, 0, 5, 4), (0, 55, 8, 12), (1, 0, 153, 11), (2, 1, 9, 313))
PIXELS = (200_000, 150_000, 3_200_000, 6_450_000)


def published() -> list[Judged]:
    rows = zip(CLASSES, PIXELS, COUNTS, strict=True)
    return [
        Judged(name, name, size, tuple(np.repeat(CLASSES, row).tolist()))
        for name, size, row in rows
    ]


def anything(_mapped: str, _truth: str) -> bool:
    return True


def test_the_worked_example_of_olofsson_2014() -> None:
    strata = published()
    overall = ratio_of_totals(strata, lambda m, t: m == t, anything)
    assert overall.value == pytest.approx(0.947, abs=5e-4)
    assert 1.96 * overall.error == pytest.approx(0.018, abs=1e-3)
    for name, users, producers in zip(
        CLASSES, (0.88, 0.73, 0.93, 0.96), (0.75, 0.85, 0.93, 0.96), strict=True
    ):
        found = ratio_of_totals(strata, lambda m, t: m == t, lambda m, _, n=name: m == n)
        assert found.value == pytest.approx(users, abs=6e-3)
        found = ratio_of_totals(strata, lambda m, t: m == t, lambda _, t, n=name: t == n)
        assert found.value == pytest.approx(producers, abs=6e-3)
    gone = ratio_of_totals(strata, lambda _, t: t == "deforestation", anything)
    assert gone.value * 1e7 == pytest.approx(235_086, rel=1e-3)  # pixels of 30 m: 21,158 ha
    assert 1.96 * gone.error * 1e7 == pytest.approx(68_418, rel=0.02)


def test_a_case_worked_by_hand() -> None:
    strata = [
        Judged("a", "Destroyed", 10, ("Destroyed", "Damaged")),
        Judged("b", "No visible damage", 30, ("No visible damage",) * 3),
    ]
    found = estimate_accuracy(strata)
    assert found["overall"]["value"] == pytest.approx((10 * 0.5 + 30) / 40)
    # V = 10² (1 − 2/10) · ½ / 2 / 40²
    assert found["overall"]["standard_error"] == pytest.approx(
        (100 * 0.8 * 0.25 / 1600) ** 0.5, abs=1e-4
    )
    assert found["users"]["Destroyed"]["of"] == 10
    assert found["producers"]["Damaged"]["value"] == 0
    assert found["buildings"]["Damaged"]["value"] == 5
    assert found["matrix"]["Destroyed"] == {
        "Destroyed": 0.125, "Damaged": 0.125, "No visible damage": 0.0
    }  # fmt: skip


def test_luck_of_the_draw_is_not_certainty_but_a_count_of_all_is() -> None:
    right = estimate_accuracy([Judged("a", "Destroyed", 500, ("Destroyed",) * 20)])["overall"]
    assert right["value"] == right["high"] == 1
    assert right["low"] < 0.9
    every = estimate_accuracy([Judged("a", "Destroyed", 20, ("Destroyed",) * 20)])["overall"]
    assert every["low"] == every["high"] == 1


def test_possibly_damaged_is_neither_right_nor_wrong() -> None:
    found = estimate_accuracy(
        [
            Judged("p", "Possibly damaged", 10, ("Damaged", "No visible damage")),
            Judged("d", "Damaged", 10, ("Damaged",)),
        ]
    )
    assert found["overall"]["of"] == 10
    assert found["overall"]["value"] == 1
    assert found["possibly_damaged_that_is"]["value"] == 0.5
    assert found["producers"]["Damaged"]["value"] == pytest.approx(10 / 15, abs=1e-4)


def test_what_was_not_judged_is_not_spoken_of() -> None:
    strata = [Judged("a", "Destroyed", 10, ()), Judged("b", "Damaged", 30, ("Damaged",))]
    found = estimate_accuracy(strata)
    assert (found["assessed"], found["covered"]) == (40, 30)
    assert found["users"]["Destroyed"] is None
    assert estimate_accuracy([Judged("a", "Destroyed", 10, ())])["overall"] is None


def test_intervals_hold_the_truth_in_nine_of_ten_samples() -> None:
    rng = np.random.default_rng(7)
    held: dict[str, list[bool]] = {}
    for seed in range(200):
        word, sure, truth = _town(rng, 1000)
        strata = [
            Judged(one.name, one.word, one.size, tuple(truth[list(one.rows)]))
            for one in draw(word, sure, 80, seed)
        ]
        found, decided = estimate_accuracy(strata), word != "Possibly damaged"
        _note(held, "overall", found["overall"], (word == truth)[decided].mean())
        for name in ("Destroyed", "Damaged", "No visible damage"):
            _note(held, f"users {name}", found["users"][name], (truth == name)[word == name].mean())
            _note(
                held, f"producers {name}", found["producers"][name],
                (word == name)[truth == name].mean(),
            )  # fmt: skip
            _note(held, f"number {name}", found["buildings"][name], (truth == name).sum())
    shares = {name: np.mean(one) for name, one in held.items()}
    # 90 % within what 200 samples can tell: 1.64 standard errors below
    assert min(shares.values()) > 0.865, shares
    assert np.mean([*shares.values()]) > 0.9, shares


def _town(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    words = ["Destroyed", "Damaged", "Possibly damaged", "No visible damage"]
    word = rng.choice(words, count, p=[0.3, 0.1, 0.15, 0.45])
    sure = rng.uniform(0.6, 1, count)
    right = (word != "Possibly damaged") & (rng.random(count) < sure)
    return word, sure, np.where(right, word, rng.choice(words[:2] + words[3:], count))


def _note(held: dict[str, list[bool]], name: str, found: dict | None, truth: float) -> None:
    if found is not None:
        near = found["low"] - 1e-4 <= truth <= found["high"] + 1e-4
        held.setdefault(name, []).append(bool(near))


def test_the_report_says_it_in_words_and_escapes_names() -> None:
    strata = [Judged("a", "Destroyed", 1200, ("Destroyed", "Damaged") * 9)]
    record = {
        "of_version": 1, "reviewers": ["<b>ana"], "not_judgeable": 2, **estimate_accuracy(strata)
    }  # fmt: skip
    said = accuracy_section(record)
    assert "<b>50 %</b> of 1,200 buildings" in said
    assert "18 of 1,200 assessed buildings" in said
    assert "&lt;b&gt;ana" in said
    assert "2 more could not be judged" in said
    assert accuracy_section(None) == ""
