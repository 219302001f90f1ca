"""Hard negatives: one harmless thing has changed, the images show it, and no label does."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, replace

import numpy as np
import pytest

from geomage.data import SimulatedPairs, StreamParams
from geomage.data.negatives import NEGATIVES, change_one
from geomage.data.sample import flood_classes
from geomage.data.stream import _negative
from geomage.render.matter import Appearance, sample_appearance

ONLY = StreamParams(
    size_px=96,
    gsd_m=(0.7, 0.8),
    negatives=1.0,
    cloudy=1.0,
    no_data=1.0,
    sensors={"vhr-0.5": 1.0, "vhr-1.0": 1.0},
    seed=8,
)
OF_SUN = {"sun_azimuth", "sun_elevation", "veil"}
OF_ANGLE = {"off_nadir", "view_azimuth"}
OF_TIME = {"ageing", "renewed", "traffic"}


@pytest.fixture(scope="module")
def pairs():
    """One pair of every kind."""
    drawn = {_negative(np.random.default_rng([ONLY.seed, i, 1]), 1.0): i for i in range(40)}
    return {kind: SimulatedPairs(ONLY).pair(drawn[kind]) for kind in NEGATIVES}


@pytest.mark.parametrize("kind", NEGATIVES)
def test_no_label_shows_a_change_and_the_images_differ(pairs, kind):
    sample = pairs[kind]
    assert sample.facts["negative"] == kind
    assert sample.facts["hazard"] == "none"
    assert set(np.unique(sample.damage)) <= {0, 1}
    assert not sample.grades[:, 1:].any()
    assert not sample.change.any()
    assert not sample.obscured.any()
    assert not (flood_classes(sample) == 1).any()
    assert not sample.depth.any()
    apart = np.abs(sample.before.astype(int) - sample.after)
    assert apart.mean() > 1.0
    assert sample.landcover.all()  # nothing is cut away


@pytest.mark.parametrize("kind", NEGATIVES)
def test_what_did_not_change_is_the_same(pairs, kind):
    facts = pairs[kind].facts
    before, after = (dict(facts[date]) for date in ("before", "after"))
    shots = [dict(date.pop("shot"), seed=0, looks=0) for date in (before, after)]
    sensors = [date.pop("sensor") for date in (before, after)]
    changed = {name for name in before if before[name] != after[name]}
    assert facts["shift_px"] == [0, 0]
    assert (shots[0] == shots[1]) == (kind != "sensor")
    assert (sensors[0] == sensors[1]) == (kind != "sensor")
    allowed = {"sun": OF_SUN, "angle": OF_ANGLE, "sensor": set()}
    assert changed <= allowed.get(kind, set(before) - OF_SUN - OF_ANGLE - OF_TIME)
    assert bool(changed) == (kind != "sensor")


@pytest.mark.parametrize("kind", ["season", "sun", "sensor"])
def test_where_the_view_is_the_same_so_is_what_stands(pairs, kind):
    sample = pairs[kind]
    np.testing.assert_array_equal(sample.height[0], sample.height[1])


def test_the_change_is_the_greatest_of_several_draws():
    when = Appearance(sun_azimuth=180, sun_elevation=50)
    apart = []
    for seed in range(30):
        then = change_one(np.random.default_rng(seed), when, "sun")
        assert then == replace(when, **{n: asdict(then)[n] for n in OF_SUN})
        apart.append(abs(then.sun_azimuth - 180) + abs(then.sun_elevation - 50))
    plain = [
        abs(s.sun_azimuth - 180) + abs(s.sun_elevation - 50)
        for s in (sample_appearance(np.random.default_rng(seed)) for seed in range(30))
    ]
    assert np.median(apart) > 1.3 * np.median(plain)


def test_the_share_of_negatives_is_the_one_asked_for():
    drawn = Counter(_negative(np.random.default_rng([1, i, 1]), 0.3) for i in range(4000))
    assert abs(1 - drawn[""] / 4000 - 0.3) < 0.03
    assert all(abs(drawn[kind] / 4000 - 0.075) < 0.02 for kind in NEGATIVES)


def test_a_stream_without_negatives_has_none():
    assert {_negative(np.random.default_rng([1, i, 1]), 0.0) for i in range(50)} == {""}
