"""Scorers along a flow whose law is known: data are normal, so that every answer can be worked."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra [train] brings torch, which flows are learnt with")

from geomage.adapt.flow.solver import SolverParams
from geomage.adapt.plausibility.denoising import OneStep, TruncatedLoss, told_ends
from geomage.adapt.plausibility.odeed import Odeed, OdeedParams, round_trip
from geomage.adapt.plausibility.perceptual import layer_distances
from geomage.adapt.plausibility.scoring import calibrate, separate
from geomage.errors import InputError

MEAN, DEVIATION = 0.5, 2.0


def normal_velocity(x: np.ndarray, t: float) -> np.ndarray:
    """E[x_1 - x_0 | x_t] where x_1 is normal: mean .5, deviation 2, each value for itself."""
    variance = t**2 * DEVIATION**2 + (1 - t) ** 2
    gain = (t * DEVIATION**2 - (1 - t)) / variance
    return MEAN + gain * (x - t * MEAN)


@pytest.fixture
def chips() -> np.ndarray:
    return np.random.default_rng(3).normal(MEAN, DEVIATION, (6, 2, 8, 8))


def test_to_noise_and_back_is_the_identity(chips):
    back = round_trip(normal_velocity, chips, OdeedParams(SolverParams("adaptive", tolerance=1e-8)))
    assert np.abs(back - chips).max() < 1e-5


def test_the_way_ends_in_the_noise_that_the_law_says(chips):
    from geomage.adapt.flow.solver import solve

    noise = solve(normal_velocity, chips, SolverParams("adaptive", tolerance=1e-8), 1.0, 0.0).x
    assert noise == pytest.approx((chips - MEAN) / DEVIATION, abs=1e-5)


@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("heun", 3)])
def test_what_the_round_trip_changes_falls_with_the_order_of_the_steps(chips, method, order):
    """Steps back undo the leading error of a method of even order, so that Heun wins one."""
    errors = [
        Odeed(normal_velocity, OdeedParams(SolverParams(method, n))).score(chips).mean() ** 0.5
        for n in (40, 80)
    ]
    assert errors[0] / errors[1] == pytest.approx(2**order, rel=0.15)


def test_what_lies_farther_out_is_more_foreign(chips):
    far = MEAN + 5 * (chips - MEAN)
    params = OdeedParams(SolverParams("euler", 10))
    assert separate(Odeed(normal_velocity, params), chips, far) == 1


def test_the_noise_and_the_image_a_velocity_tells_are_posterior_means(chips):
    t = 0.7
    noise = np.random.default_rng(0).standard_normal(chips.shape)
    x_t = t * chips + (1 - t) * noise
    variance = t**2 * DEVIATION**2 + (1 - t) ** 2
    told = told_ends(normal_velocity, chips, noise, t)
    assert told.x_1 == pytest.approx(MEAN + t * DEVIATION**2 / variance * (x_t - t * MEAN))
    assert told.x_0 == pytest.approx((1 - t) / variance * (x_t - t * MEAN))


def test_the_truncated_loss_of_the_true_velocity_is_the_variance_left():
    """E |told noise - noise|² = t² s² / (t² s² + (1 - t)²), s the deviation of the data."""
    many = np.random.default_rng(1).normal(MEAN, DEVIATION, (400, 1, 8, 8))
    t = 0.8
    loss = TruncatedLoss(normal_velocity, (t,), draws=8).score(many).mean()
    signal, noise = (t * DEVIATION) ** 2, (1 - t) ** 2
    assert loss == pytest.approx(signal / (signal + noise), rel=0.1)


def test_a_score_does_not_hang_on_the_chips_beside_it(chips):
    for scorer in (OneStep(normal_velocity), TruncatedLoss(normal_velocity)):
        alone = np.concatenate([scorer.score(chips[k : k + 1]) for k in range(len(chips))])
        assert scorer.score(chips) == pytest.approx(alone)


def test_layers_that_are_alike_but_for_their_length_have_no_distance(chips):
    assert layer_distances([chips], [3 * chips]) == pytest.approx(np.zeros(len(chips)))
    assert layer_distances([chips], [-chips]) == pytest.approx(np.full(len(chips), 4.0))


def test_an_encoder_that_sees_pixels_says_what_the_pixels_say(chips):
    params = OdeedParams(SolverParams("euler", 5))
    seen = Odeed(normal_velocity, params, layers=lambda x: [x]).score(chips)
    back = round_trip(normal_velocity, chips, params)
    assert seen == pytest.approx(layer_distances([chips], [back]))


def test_a_calibrated_scorer_spreads_its_own_domain_evenly():
    rng = np.random.default_rng(5)
    held_out, fresh = rng.normal(MEAN, DEVIATION, (2, 400, 1, 4, 4))
    scorer = Odeed(normal_velocity, OdeedParams(SolverParams("euler", 6)))
    share = calibrate(scorer, held_out).share(fresh)
    assert share.mean() == pytest.approx(0.5, abs=0.06)
    assert (share > 0.9).mean() == pytest.approx(0.1, abs=0.05)


def test_nonsense_is_refused(chips):
    with pytest.raises(InputError, match="end"):
        OdeedParams(end=1.0)
    with pytest.raises(InputError, match="times"):
        TruncatedLoss(normal_velocity, times=(1.0,))
    with pytest.raises(InputError, match="draws"):
        OneStep(normal_velocity, draws=0)
    with pytest.raises(InputError, match="chips within"):
        separate(OneStep(normal_velocity), chips[:0], chips)
