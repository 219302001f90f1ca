"""Laws of the solvers: their order, their tolerance, there and back, and Gaussians transported."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from geomage.adapt.flow.solver import SolverParams, even_times, march, solve
from geomage.errors import InputError, RunError


def turn(x, t):
    """x' = (1 + t) (−x_2, x_1): turned by 3/2 from 0 to 1."""
    return (1 + t) * x[::-1] * np.array([[-1.0], [1.0]])


ONE = np.array([[1.0], [0.0]])
TRUTH = np.array([[np.cos(1.5)], [np.sin(1.5)]])


def error(method, steps):
    return float(np.abs(march(turn, ONE, even_times(0, 1, steps), method).x - TRUTH).max())


@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("heun", 2), ("bogacki-shampine", 3)])
def test_half_the_step_divides_the_error_by_two_to_the_order(method, order):
    assert np.log2(error(method, 64) / error(method, 128)) == pytest.approx(order, abs=0.1)


@pytest.mark.parametrize(("method", "each"), [("euler", 1), ("heun", 2), ("bogacki-shampine", 3)])
def test_evaluations_are_counted(method, each):
    solved = solve(turn, ONE, SolverParams(method, 5))
    first = method == "bogacki-shampine"  # its last velocity is the first of the next step
    assert solved.evaluations == 5 * each + first
    assert solved.times == (0.0, 0.2, 0.4, pytest.approx(0.6), 0.8, 1.0)


@pytest.mark.parametrize("tolerance", [1e-3, 1e-5, 1e-7])
def test_the_adaptive_one_meets_its_tolerance_with_few_evaluations(tolerance):
    solved = solve(turn, ONE, SolverParams("adaptive", tolerance=tolerance))
    assert np.abs(solved.x - TRUTH).max() < 10 * tolerance
    assert solved.evaluations < 20 * tolerance ** (-1 / 3)
    assert solved.times[-1] == 1.0


@pytest.mark.parametrize("method", ["heun", "adaptive"])
def test_backward_in_time_returns_where_it_began(method):
    params = SolverParams(method, 200, tolerance=1e-7)
    there = solve(turn, ONE, params).x
    back = solve(turn, there, params, 1.0, 0.0)
    assert back.x == pytest.approx(ONE, abs=1e-4)
    assert back.times[-1] == 0.0


def test_steps_chosen_once_can_be_marched_again():
    chosen = solve(turn, ONE, SolverParams("adaptive", tolerance=1e-5))
    again = march(turn, ONE, chosen.times, "bogacki-shampine")
    np.testing.assert_allclose(again.x, chosen.x, atol=1e-12)


def test_torch_and_numpy_agree():
    params = SolverParams("adaptive", tolerance=1e-6)

    def v(x, t):
        return -x * (1 + t)

    start = np.linspace(-1, 1, 7)
    ours, theirs = solve(v, start, params), solve(v, torch.from_numpy(start), params)
    np.testing.assert_allclose(theirs.x.numpy(), ours.x, atol=1e-12)
    assert ours.evaluations == theirs.evaluations


def test_two_gaussians_are_transported_to_the_analytic_map():
    """N(m_0, C_0) to N(m_1, C_1) along the linear path of independent ends (Lipman et al. 2023).

    Where both covariances are diagonal the marginal velocity is v = m' + s' / s (x - m) with
    m_t = t m_1 + (1 - t) m_0 and s_t² = t² s_1² + (1 - t)² s_0²; its flow is the map of Monge,
    m_1 + s_1 / s_0 (x - m_0).
    """
    m_0, m_1 = np.array([[1.0], [-2.0]]), np.array([[3.0], [0.5]])
    s_0, s_1 = np.array([[1.0], [0.5]]), np.array([[0.4], [2.0]])

    def v(x, t):
        m, variance = t * m_1 + (1 - t) * m_0, t**2 * s_1**2 + (1 - t) ** 2 * s_0**2
        return m_1 - m_0 + (t * s_1**2 - (1 - t) * s_0**2) / variance * (x - m)

    x_0 = m_0 + s_0 * np.random.default_rng(0).normal(size=(2, 500))
    monge = m_1 + s_1 / s_0 * (x_0 - m_0)
    for params in (SolverParams("heun", 20), SolverParams("adaptive", tolerance=1e-4)):
        off = np.abs(solve(v, x_0, params).x - monge).mean(axis=1) / s_1[:, 0]
        assert off.max() < 0.02


def test_what_cannot_be_is_refused():
    with pytest.raises(InputError, match=r"no solver 'huen' \(near: heun"):
        SolverParams("huen")
    with pytest.raises(InputError, match="steps = 0"):
        SolverParams(steps=0)
    with pytest.raises(RunError, match="not finite"):
        solve(lambda x, _: np.full_like(x, np.nan), ONE, SolverParams("euler", 1))
    with pytest.raises(RunError, match="raise the tolerance"):
        solve(turn, ONE, SolverParams("adaptive", tolerance=1e-12, most=50))
