"""Styles that the simulator is given: what is told is what is seen, and towns stay as they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra [train] fits the densities")

from geomage.adapt.scene_style import SurveyedScenes, fit_scenes, survey_scenes
from geomage.adapt.style import ResampleParams, StyleParams
from geomage.adapt.style_statistics import StyleStatistics
from geomage.data.stream import SimulatedPairs, StreamParams
from geomage.data.styled_pairs import NAMES, SceneStyle, StyledPairs
from geomage.errors import InputError
from geomage.learn.stream import MarkedPairs

PARAMS = StreamParams(size_px=64, gsd_m=(0.5, 0.5), calm=1.0, cloudy=0.0, no_data=0.0)
DIM = SceneStyle(30.0, (0.01, 0.012, 0.014), 0.85, 0.001, 1.0, (1.0, 1.0, 1.0), 1.0)
BRIGHT = replace(DIM, white=0.25, gamma=2.0)


def test_styles_are_numbers_without_ends_and_back():
    again = SceneStyle.of_vector(DIM.vector())
    assert again.vector() == pytest.approx(DIM.vector(), abs=1e-6)
    assert again.sun_elevation == pytest.approx(30.0)
    assert again.haze == pytest.approx(DIM.haze, rel=0.02)  # green lies between red and blue
    for far in (-1e6, 1e6):
        wild = SceneStyle.of_vector(np.full(len(NAMES), far))
        assert 0 < wild.sun_elevation < 90
        assert np.isfinite(wild.vector()).all()


def test_a_town_stays_and_is_seen_in_the_style_it_is_given():
    plain, styled = (
        source.pair(3) for source in (SimulatedPairs(PARAMS), StyledPairs(PARAMS, (DIM,)))
    )
    assert np.array_equal(plain.instances > 0, styled.instances > 0)
    assert not np.array_equal(plain.before, styled.before)
    for date in ("before", "after"):
        assert SceneStyle.of(styled.facts[date]) == DIM
        assert styled.facts[date]["shot"]["looks"]["sun_elevation"] == 30.0
    again = StyledPairs(PARAMS, (DIM,)).pair(3)
    assert np.array_equal(again.after, styled.after)
    bright = StyledPairs(PARAMS, (BRIGHT,)).pair(3)
    assert bright.before.mean() > 1.1 * styled.before.mean()


def test_pools_of_styled_pairs_are_told_from_others():
    plain, styled, other = (MarkedPairs(PARAMS, one) for one in ((), (DIM,), (BRIGHT,)))
    assert isinstance(styled.pairs, StyledPairs)
    assert len({one.fingerprint() for one in (plain, styled, other)}) == 3
    assert plain.fingerprint() == MarkedPairs(PARAMS).fingerprint()


def test_scenes_are_surveyed_with_what_made_them():
    scenes = survey_scenes(StyledPairs(PARAMS, (DIM,)), [3])
    assert scenes.parameters == pytest.approx(np.stack([DIM.vector()] * 2))
    assert scenes.statistics.values.shape == (2, len(scenes.statistics.names))


def test_the_table_leans_to_what_looks_real():
    """Where statistics are the parameters but for noise, the real ones are found again."""
    rng = np.random.default_rng(0)
    centre = DIM.vector()
    parameters = centre + rng.normal(0, 1, (400, len(NAMES)))
    names = tuple("abcd")
    seen = StyleStatistics(names, parameters[:, 3:7] + rng.normal(0, 0.1, (400, 4)), np.arange(400))
    real = StyleStatistics(names, centre[3:7] + rng.normal(0.8, 0.5, (200, 4)), np.arange(200))
    params = ResampleParams(effective=0.1, style=StyleParams(couplings=0))
    table = fit_scenes(SurveyedScenes(parameters, seen), real, params, 300)
    assert len(table.styles) == 300
    found = np.stack([one.vector() for one in table.styles]).mean(axis=0) - centre
    assert found[3:7] == pytest.approx(np.full(4, 0.8), abs=0.3)
    assert np.abs(found[[0, 1, 7, 8]]).max() < 0.4  # what nothing is told of stays


def test_what_has_a_style_of_its_own_is_refused():
    with pytest.raises(InputError, match="the table of styles is empty"):
        StyledPairs(PARAMS)
    for more in ({"sensors": {"vhr-0.5": 1.0}}, {"negatives": 0.5}):
        with pytest.raises(InputError, match="named sensors have light and tone of their own"):
            StyledPairs(replace(PARAMS, **more), (DIM,))
