"""Laws of the path: ends, derivative, and back from a velocity to the ends."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from geomage.adapt.flow.path import Ends, LinearPath
from geomage.errors import InputError

PATH = LinearPath(source_noise=0.5, bridge_noise=0.3)


@pytest.fixture
def ends(rng):
    return Ends(rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 3, 4)))


@pytest.fixture
def rng():
    return np.random.default_rng(4)


def test_it_begins_at_the_source_and_ends_at_the_target(ends, rng):
    bridge = rng.normal(size=(2, 3, 4))
    assert np.array_equal(PATH.at(ends, 0.0, bridge).x_t, ends.x_0)
    assert np.array_equal(PATH.at(ends, 1.0, bridge).x_t, ends.x_1)


def test_the_velocity_is_the_derivative_of_the_place(ends, rng):
    bridge, h = rng.normal(size=(2, 3, 4)), 1e-5
    for t in (0.1, 0.5, 0.8):
        moved = PATH.at(ends, t + h, bridge).x_t - PATH.at(ends, t - h, bridge).x_t
        np.testing.assert_allclose(moved / (2 * h), PATH.at(ends, t, bridge).u_t, rtol=1e-6)


def test_a_velocity_tells_both_ends(ends):
    for t in (0.0, 0.3, 1.0):
        found = PATH.ends(PATH.at(ends, t), t)
        np.testing.assert_allclose(found.x_0, ends.x_0, atol=1e-12)
        np.testing.assert_allclose(found.x_1, ends.x_1, atol=1e-12)


def test_each_of_a_batch_has_its_own_time_and_torch_says_the_same(ends):
    t = np.array([0.2, 0.9])[:, None, None]
    each = np.stack([PATH.at(Ends(a, b), s).x_t for a, b, s in zip(*ends, (0.2, 0.9), strict=True)])
    np.testing.assert_allclose(PATH.at(ends, t).x_t, each)
    tensors = Ends(*map(torch.from_numpy, ends))
    assert np.array_equal(PATH.at(tensors, torch.from_numpy(t)).x_t.numpy(), PATH.at(ends, t).x_t)


def test_a_start_part_way_goes_from_the_noised_source_to_the_image_itself(rng):
    x, noise = rng.normal(size=(2, 3, 5, 5))
    assert PATH.start(x, 1.0, noise) is x
    assert np.array_equal(PATH.start(x, 0.0, noise), PATH.noised_source(x, noise))
    away = [np.abs(PATH.start(x, t, noise) - x).mean() for t in (0.9, 0.5, 0.1)]
    assert away == sorted(away)


def test_noise_below_zero_is_refused():
    with pytest.raises(InputError, match="bridge_noise = -1"):
        LinearPath(bridge_noise=-1.0)
