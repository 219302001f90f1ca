"""Hazards obey their formulas: water at rest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from geomage.disaster.flood import damage_factor, fill

quick = settings(max_examples=60, deadline=None, derandomize=True)
ground = arrays(
    np.float64, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.floats(0, 8)
)


@quick
@given(st.floats(0, 10), st.floats(0, 10))
def test_deeper_water_costs_more(one, other):
    shallow, deep = sorted((one, other))
    assert 0 <= damage_factor(np.array(shallow)) <= damage_factor(np.array(deep)) <= 1


@quick
@given(ground, st.floats(0.1, 9), st.integers(0, 143))
def test_still_water_lies_level_and_reaches_only_what_it_is_joined_to(z, level, where):
    source = np.zeros(z.shape, bool)
    source.flat[where % z.size] = True
    depth = fill(z, level, source)
    wet = depth > 0
    assert (depth >= 0).all()
    assert not wet[z >= level].any()
    assert (z + depth)[wet] == pytest.approx(level, abs=1e-5)
    # every body of water holds a source, and no lower ground next to it stays dry
    bodies, count = ndimage.label(wet, np.ones((3, 3)))
    assert all(source[bodies == body].any() for body in range(1, count + 1))
    beside = ndimage.binary_dilation(wet, np.ones((3, 3))) & ~wet
    assert (z[beside] >= level - 1e-6).all()


@quick
@given(ground, st.floats(0.1, 9), st.floats(0.1, 9))
def test_a_higher_level_is_deeper_everywhere(z, one, other):
    low, high = sorted((one, other))
    source = z == z.min()
    assert (fill(z, low, source) <= fill(z, high, source) + 1e-6).all()


def test_a_hollow_behind_a_dam_stays_dry_until_the_dam_is_topped():
    z = np.zeros((5, 9))
    z[:, 4] = 3.0
    source = np.zeros(z.shape, bool)
    source[2, 0] = True
    assert not fill(z, 2.0, source)[:, 5:].any()
    assert fill(z, 3.5, source)[:, 5:] == pytest.approx(3.5)
