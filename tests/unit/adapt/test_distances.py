"""Distances between sets and images: laws, and cases worked by hand."""

import numpy as np
import pytest

from geomage.adapt.distances import (
    frechet_distance,
    kernel_distance,
    layer_distance,
    polynomial_kernel,
    unbiased_mmd2,
)
from geomage.errors import InputError


def test_kernel_by_hand():
    x, y = np.array([[1.0, 1.0]]), np.array([[2.0, 0.0], [0.0, 0.0]])
    # (1·2 + 1·0) / 2 + 1 = 2, cubed 8; 0 / 2 + 1 = 1
    np.testing.assert_allclose(polynomial_kernel(x, y), [[8.0, 1.0]])


def test_mmd2_by_hand():
    x, y = np.array([[1.0], [-1.0]]), np.array([[2.0], [0.0]])
    # within x: (1·-1 + 1)³ = 0; within y: (0 + 1)³ = 1; across: 3³, 1³, (-1)³, 1³, mean 7
    assert unbiased_mmd2(x, y) == pytest.approx(0 + 1 - 2 * 7)


def test_mmd2_counts_no_point_against_itself():
    x = np.random.default_rng(0).normal(size=(5, 3))
    k = polynomial_kernel(x, x)
    off = k[~np.eye(5, dtype=bool)].mean()
    assert unbiased_mmd2(x, x) == pytest.approx(2 * off - 2 * k.mean())


def test_halves_of_one_set_are_no_distance_apart():
    z = np.random.default_rng(1).normal(size=(2000, 6))
    found = kernel_distance(z[:1000], z[1000:])
    assert abs(found.value) < 3 * found.error
    moved = kernel_distance(z[:1000], z[1000:] + 0.5)
    assert moved.value > 10 * moved.error


def test_unbiased_over_many_small_sets():
    rng = np.random.default_rng(2)
    each = [unbiased_mmd2(rng.normal(size=(8, 2)), rng.normal(size=(8, 2))) for _ in range(800)]
    assert abs(np.mean(each)) < 3 * np.std(each) / np.sqrt(len(each))


def test_the_seed_decides_the_blocks():
    z = np.random.default_rng(3).normal(size=(60, 4))
    assert kernel_distance(z[:30], z[30:], 5, 7) == kernel_distance(z[:30], z[30:], 5, 7)


def test_frechet_of_two_gaussians():
    """Along common axes: |mu|² + sum (s - s')²."""
    rng = np.random.default_rng(4)
    s, t, mu = np.array([1.0, 2.0, 0.5]), np.array([2.0, 1.0, 0.5]), np.array([3.0, 0.0, -1.0])
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    x = _exact(rng, 400, 3) * s
    y = _exact(rng, 300, 3) * t + mu
    wanted = (mu**2).sum() + ((s - t) ** 2).sum()
    assert frechet_distance(x, y) == pytest.approx(wanted, rel=1e-9)
    assert frechet_distance(x @ turn, y @ turn) == pytest.approx(wanted, rel=1e-9)


def _exact(rng, n, d):
    """Points whose mean is 0 and whose covariance is the unit matrix, exactly."""
    z = rng.normal(size=(n, d))
    z -= z.mean(0)
    return z @ np.linalg.inv(np.linalg.cholesky(np.cov(z, rowvar=False))).T


def test_frechet_is_a_distance():
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(40, 5)), rng.normal(size=(30, 5)) @ rng.normal(size=(5, 5))
    assert frechet_distance(x, y) == pytest.approx(frechet_distance(y, x))
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)


def test_frechet_of_fewer_images_than_features_stays_real():
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(10, 40)), rng.normal(size=(12, 40))
    assert np.isfinite(frechet_distance(x, y))
    assert frechet_distance(x, y) > 0


def test_layers_by_hand():
    a = [np.array([[[3.0]], [[0.0]]]), np.ones((2, 2, 2))]
    b = [np.array([[[0.0]], [[7.0]]]), np.ones((2, 2, 2)) * 5]
    # first layer: units (1, 0) and (0, 1) lie 2 apart, squared; second: lengths do not count
    assert layer_distance(a, b) == pytest.approx((2 + 0) / 2)
    assert layer_distance(a, a) == 0
    assert layer_distance(a, b) == layer_distance(b, a)


@pytest.mark.parametrize("measure", [frechet_distance, kernel_distance])
def test_sets_that_cannot_be_compared(measure):
    z = np.zeros((40, 3))
    with pytest.raises(InputError, match="40 and 1 images"):
        measure(z, np.zeros((1, 3)))
