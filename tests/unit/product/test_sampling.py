"""Which buildings a reader is shown."""

from __future__ import annotations

import numpy as np
import pytest

from geomage.errors import InputError
from geomage.product.sampling import LEAST, doubt_of, draw, drawn_from, least_certain_first

WORDS = np.array(["Destroyed"] * 400 + ["Damaged"] * 8 + ["Not Analysed"] * 50, object)
SURE = np.r_[np.linspace(0.7, 1, 408), np.full(50, np.nan)]


def test_strata_are_words_cut_at_the_middle_of_their_confidence() -> None:
    drawn = draw(WORDS, SURE, 40, seed=1)
    assert [one.word for one in drawn] == ["Destroyed", "Destroyed", "Damaged"]
    assert [one.size for one in drawn] == [200, 200, 8]
    assert sum(len(one.rows) for one in drawn) == 40
    for one in drawn:
        assert len(one.rows) >= LEAST
        assert len({*one.rows}) == len(one.rows)
        assert {WORDS[row] for row in one.rows} == {one.word}
    assert max(SURE[list(drawn[0].rows)]) < min(SURE[list(drawn[1].rows)])


def test_same_seed_same_sample_and_every_building_has_its_chance() -> None:
    assert draw(WORDS, SURE, 40, 5) == draw(WORDS, SURE, 40, 5)
    assert draw(WORDS, SURE, 40, 5) != draw(WORDS, SURE, 40, 6)
    seen = {row for seed in range(60) for one in draw(WORDS, SURE, 40, seed) for row in one.rows}
    assert len(seen) > 390
    assert max(seen) < 408  # none that was not analysed


def test_a_sample_larger_than_the_town_is_the_town() -> None:
    drawn = draw(WORDS, SURE, 10_000, 0)
    assert sorted(row for one in drawn for row in one.rows) == list(range(408))


def test_a_record_gives_the_stratum_back() -> None:
    one = draw(WORDS, SURE, 40, 5)[0]
    assert drawn_from(one.as_dict()) == one


def test_nothing_to_draw_from_is_said() -> None:
    with pytest.raises(InputError, match="no building was assessed"):
        draw(np.array(["Not Analysed"], object), np.array([np.nan]), 10, 0)
    with pytest.raises(InputError, match="sample of 0"):
        draw(WORDS, SURE, 0, 0)


def test_the_least_certain_come_first_and_the_unseen_last() -> None:
    chances = np.array(
        [
            [0.9, 0.1, 0, 0],
            [0.4, 0.1, 0.2, 0.3],
            [np.nan] * 4,
            [0.1, 0.4, 0.4, 0.1],
            [0.4, 0.1, 0.2, 0.3],
        ]
    )
    # minor and major are one word: .4 and .4 leave little doubt
    assert doubt_of(chances)[3] == pytest.approx(0.2)
    assert least_certain_first(chances, np.array([1.0, 1, 1, 1, 9])).tolist() == [4, 1, 3, 0, 2]
