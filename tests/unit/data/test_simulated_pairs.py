"""Pairs of the stream: the same by index in any order, with labels that keep their rules."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geomage.data import Sample, SimulatedPairs, StreamParams
from geomage.data.events import sample_event
from geomage.data.stream import _cropped_away, _damage, _whole_roofs
from geomage.disaster import StormParams, storm
from geomage.errors import InputError
from samples import a_sample
from towns import town

SIDE = 96
SMALL = StreamParams(size_px=SIDE, gsd_m=(0.6, 1.0), calm=0.3, cloudy=0.5, no_data=0.5, seed=11)
COUNT = 10
BYTES = ("landcover", "landcover_second", "damage", "water", "change", "obscured")
ALL = ("before", "after", *BYTES)
MORE = ("instances", "depth", "height", "grades")
BUILDING = 8


def bytes_of(sample: Sample) -> bytes:
    layers = b"".join(getattr(sample, name).tobytes() for name in (*ALL, *MORE))
    return layers + json.dumps(sample.facts).encode() + str(sample.gsd).encode()


@pytest.fixture(scope="module")
def samples():
    pairs = SimulatedPairs(SMALL)
    return [pairs.pair(i) for i in range(COUNT)]


def test_a_sample_takes_layers_of_one_grid():
    assert a_sample().gsd == 0.5


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ({"after": np.zeros((3, 8, 8), np.uint8)}, r"\(3, 8, 9\) and \(3, 8, 8\)"),
        ({"before": np.zeros((8, 9), np.uint8)}, r"\(8, 9\)"),
        ({"damage": np.zeros((9, 8), np.uint8)}, "damage"),
        ({"obscured": np.zeros((1, 8, 9), np.uint8)}, "obscured"),
    ],
)
def test_a_sample_of_layers_that_do_not_fit_is_refused(layers, words):
    with pytest.raises(InputError, match=words):
        a_sample(**layers)


def test_a_sample_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        a_sample().gsd = 1.0


def test_a_pair_is_the_same_whatever_was_asked_before(samples):
    again = SimulatedPairs(SMALL)
    for i in (2, 0, 2):
        assert bytes_of(again.pair(i)) == bytes_of(samples[i])
    assert bytes_of(SimulatedPairs(SMALL).pair(1)) == bytes_of(samples[1])


def test_pairs_and_seeds_differ(samples):
    assert len({bytes_of(s) for s in samples}) == COUNT
    other = SimulatedPairs(dataclasses.replace(SMALL, seed=12)).pair(0)
    assert bytes_of(other) != bytes_of(samples[0])


def test_layers_have_their_types_and_ranges(samples):
    for s in samples:
        for name in ALL:
            assert getattr(s, name).dtype == np.uint8, name
        assert s.before.shape == s.after.shape == (3, SIDE, SIDE)
        assert 0.6 <= s.gsd <= 1.0
        assert set(np.unique(s.landcover)) <= set(range(9))
        assert set(np.unique(s.damage)) <= {0, 1, 2, 3, 4, 255}
        assert set(np.unique(s.water)) <= {0, 1, 255}
        assert set(np.unique(s.change)) <= {0, 1, 255}
        assert set(np.unique(s.obscured)) <= {0, 1, 255}


def test_damage_is_of_buildings_only(samples):
    for s in samples:
        assert np.array_equal(s.damage > 0, s.landcover == BUILDING)


def test_instances_are_the_buildings_and_their_grades_the_damage(samples):
    for s in samples:
        assert np.array_equal(s.instances > 0, s.landcover == BUILDING)
        assert s.grades[:, 0].tolist() == np.unique(s.instances[s.instances > 0]).tolist()
        shown = dict(s.grades[:, :2].tolist())
        for number, grade in shown.items():
            assert set(np.unique(s.damage[s.instances == number])) <= {grade + 1, 255}
        assert (s.grades[:, 1] <= 3).all()
        assert ((s.grades[:, 2] >= 0) & (s.grades[:, 2] <= 5)).all()


def test_heights_are_above_terrain_and_water_has_a_depth_where_it_came(samples):
    for s in samples:
        assert (s.height >= 0).all()
        assert s.height.max() < 200
        on_roofs = s.height[0][s.instances > 0]
        assert not len(on_roofs) or (on_roofs > 1).mean() > 0.8
        assert not s.depth[s.water == 0].any()
        if s.facts["hazard"] != "flood":
            assert not s.depth.any()


def test_what_is_obscured_is_ignored(samples):
    hidden = [s.obscured == 1 for s in samples]
    assert any(h.any() for h in hidden)
    for s, h in zip(samples, hidden, strict=True):
        assert (s.water[h] == 255).all()
        assert (s.change[h] == 255).all()
        seen = s.obscured == 0
        assert not (s.damage[seen] == 255).any()


def test_grades_are_told_under_thin_cloud_and_not_under_thick():
    """A model that never saw a whole roof fade would take it for one that was destroyed."""
    cloudy = dataclasses.replace(SMALL, cloudy=1.0, no_data=0.0, seed=5)
    told, untold = 0, 0
    for i in range(6):
        s = SimulatedPairs(cloudy).pair(i)
        here = s.damage[(s.obscured == 1) & (s.damage > 0)]
        told, untold = told + int((here < 255).sum()), untold + int((here == 255).sum())
        if min(told, untold) > 50:
            break
    assert told > 50
    assert untold > 50


def test_where_there_is_no_data_there_is_no_label(samples):
    first = [(s.landcover == 0) for s in samples]
    second = [(s.obscured == 255) for s in samples]
    assert any(g.any() for g in first)
    assert any((b & ~a).any() for a, b in zip(first, second, strict=True))  # one date alone
    for s, a, b in zip(samples, first, second, strict=True):
        assert not s.before[:, a].any()
        assert not s.after[:, b].any()
        assert not s.damage[a].any()
        assert set(np.unique(s.damage[b])) <= {0, 255}
        assert np.array_equal(s.water == 255, b | (s.obscured == 1))
        assert np.array_equal(s.change == 255, a | b | (s.obscured == 1))


def test_damaged_buildings_have_changed(samples):
    for s in samples:
        hurt = (s.damage >= 2) & (s.damage < 255) & (s.obscured == 0)
        assert (s.change[hurt] == 1).all()


def test_both_images_show_one_place(samples):
    for s in samples:
        clear = (s.landcover > 0) & (s.obscured == 0)
        assert s.before[:, clear].std() > 3
        assert s.after[:, clear].std() > 3


def test_a_calm_clear_stream_shows_no_damage_and_no_change():
    calm = dataclasses.replace(SMALL, calm=1.0, cloudy=0.0, no_data=0.0, seed=3)
    for i in range(4):
        s = SimulatedPairs(calm).pair(i)
        assert set(np.unique(s.damage)) <= {0, 1}
        assert not s.change.any()
        assert not s.obscured.any()
        assert (s.landcover > 0).all()


def test_hazards_are_those_asked_for():
    floods = dataclasses.replace(
        SMALL, calm=0.0, cloudy=0.0, no_data=0.0, hazards={"flood": 1.0}, seed=5
    )
    found = (SimulatedPairs(floods).pair(i) for i in range(4))
    assert any((s.water == 1).mean() > 0.05 and s.change.any() for s in found)


@pytest.mark.parametrize("hazard", ["storm", "earthquake", "flood", "fire", "volcano", "landslide"])
def test_drawn_strikes_are_within_nature_and_repeat(hazard):
    drawn, again = (
        [sample_event(np.random.default_rng(seed), town("suburb", 0), hazard) for seed in seeds]
        for seeds in (range(4), range(1))
    )
    assert {event.kind for event in drawn} == {hazard}
    for one, other in zip(drawn, again, strict=False):
        assert dict(one.parameters) == dict(other.parameters)


def test_grades_are_shifted_by_one_so_that_zero_is_no_building():
    event = storm(town("centre", 0), StormParams(5, 40))
    ids = np.array([[0, 1, 2, 3]])
    cover = np.array([[4, BUILDING, BUILDING, 5]], np.uint8)
    seen = event.buildings.set_index("building_id")["grade_visible"]
    assert _damage(event, ids, cover).tolist() == [[0, seen.loc[1] + 1, seen.loc[2] + 1, 0]]


def test_a_crown_over_a_roof_that_is_mostly_seen_counts_as_roof():
    cover = np.array([[8, 8, 5, 5], [8, 5, 5, 5]], np.uint8)
    ids = np.array([[1, 1, 1, 0], [2, 2, 2, 2]])
    whole = _whole_roofs(cover, ids)
    assert whole.tolist() == [[8, 8, 8, 5], [8, 5, 5, 5]]


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_a_strip_ends_along_a_line_and_leaves_most(seed):
    full = a_sample((SIDE, SIDE))
    s = _cropped_away(np.random.default_rng(seed), full)
    first, second = s.landcover > 0, s.obscured < 255
    assert not (first & second).all()
    assert min(first.mean(), second.mean()) > 0.3
    assert np.array_equal(first, s.before[0] > 0)
    assert np.array_equal(second, s.after[0] > 0)
    assert np.array_equal(second, s.water < 255)
    assert np.array_equal(first & second, s.change < 255)
    assert np.array_equal(np.stack([first, second]), s.height > 0)
    assert np.array_equal(first, s.instances > 0)
    assert np.array_equal(second, s.landcover_second > 0)
