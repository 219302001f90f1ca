"""The flow over styles is a density, and choosing by it brings statistics nearer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from made_domains import RADAR, SOURCE, TARGET, Scenes

from geomage.adapt.baselines.domain import Image
from geomage.adapt.style import (
    ResampleParams,
    StyleFlow,
    StyleParams,
    fit_style,
    resample_chips,
    style_weights,
)
from geomage.adapt.style_statistics import (
    StyleStatistics,
    energy_distance,
    measure_style,
    statistic_names,
    survey_style,
)
from geomage.errors import InputError

QUICK = StyleParams(steps=60, width=16, learning_rate=1e-2)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def bent(count: int, seed: int = 0) -> np.ndarray:
    """Two numbers, one of which bends with the other."""
    a, b = np.random.default_rng(seed).normal(size=(2, count))
    return np.stack([a, 0.3 * b + a**2], axis=1)


@pytest.fixture(scope="module")
def flow() -> StyleFlow:
    return fit_style(bent(300), StyleParams(steps=200, learning_rate=2e-2, noise=0.1), 3)


def test_the_density_integrates_to_one(flow: StyleFlow):
    x, y = np.linspace(-6, 6, 401), np.linspace(-6, 18, 801)
    grid = np.stack(np.meshgrid(x, y, indexing="ij"), -1).reshape(-1, 2)
    p = np.exp(flow.log_density(grid))
    assert p.sum() * (x[1] - x[0]) * (y[1] - y[0]) == pytest.approx(1, abs=2e-3)


def test_the_density_is_that_of_its_jacobian(flow: StyleFlow):
    for row in bent(3, 5):
        jacobian = torch.autograd.functional.jacobian(
            lambda x: flow(flow.whiten(x[None]))[0][0], torch.as_tensor(row)
        )
        z = flow.encode(row[None])[0]
        wanted = -0.5 * z @ z - np.log(2 * np.pi) + np.linalg.slogdet(jacobian.numpy())[1]
        assert flow.log_density(row[None])[0] == pytest.approx(wanted, abs=1e-9)


def test_there_and_back(flow: StyleFlow):
    x = bent(50, 6)
    np.testing.assert_allclose(flow.decode(flow.encode(x)), x, atol=1e-9)
    np.testing.assert_allclose(flow.encode(flow.decode(x)), x, atol=1e-9)


def test_samples_have_the_mean_and_covariance_of_the_styles(flow: StyleFlow):
    x, drawn = bent(300), flow.sample(20_000, 1)
    np.testing.assert_allclose(drawn.mean(0), x.mean(0), atol=0.15)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(x.T), atol=0.35)
    assert np.array_equal(flow.sample(3, 1), flow.sample(3, 1))


def test_couplings_say_more_than_the_gaussian(flow: StyleFlow):
    gaussian = fit_style(bent(300), StyleParams(couplings=0), 3)
    fresh = bent(500, 7)
    assert flow.log_density(fresh).mean() > gaussian.log_density(fresh).mean() + 0.3


def test_without_couplings_it_is_the_gaussian():
    x = bent(200)
    flow = fit_style(x, StyleParams(couplings=0, shrink=0), 0)
    drawn = flow.sample(100_000, 0)
    np.testing.assert_allclose(drawn.mean(0), x.mean(0), atol=0.02)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(x.T, bias=True), atol=0.05)


def test_equal_seeds_give_equal_flows_and_tables_bring_one_back():
    one, again = (fit_style(bent(40), QUICK, 4) for _ in range(2))
    x = bent(5, 9)
    assert np.array_equal(one.log_density(x), again.log_density(x))
    back = StyleFlow(2, QUICK)
    back.load_tables(one.tables())
    assert np.array_equal(one.log_density(x), back.log_density(x))


def test_weighted_styles_count_as_often_as_they_weigh():
    x = bent(60)
    w = np.repeat([1.0, 3.0], 30)
    gaussian = replace(QUICK, couplings=0)
    one = fit_style(x, gaussian, 0, w)
    other = fit_style(np.concatenate([x[:30], *[x[30:]] * 3]), gaussian, 0)
    np.testing.assert_allclose(one.log_density(x), other.log_density(x))


def test_weights_are_tempered_as_far_as_they_must():
    ratio = np.random.default_rng(0).normal(0, 4, 200)
    w, power = style_weights(ratio, 0.25)
    assert 0 < power < 1
    assert w.sum() == pytest.approx(1)
    assert 1 / (w**2).sum() == pytest.approx(50, rel=1e-3)
    plain, power = style_weights(ratio, 0.0)
    assert power == 1
    np.testing.assert_allclose(plain, np.exp(ratio) / np.exp(ratio).sum())
    even, _ = style_weights(np.zeros(5), 1.0)
    np.testing.assert_allclose(even, 0.2)


class Mixed:
    """Chips of many brightnesses."""

    classes = ()
    names = tuple(f"mixed_{k}" for k in range(30))

    def chip(self, index: int):
        rng = np.random.default_rng([3, index])
        return Scenes(level=rng.uniform(0.1, 0.7), spread=rng.uniform(0.02, 0.12)).chip(index)


@pytest.fixture(scope="module")
def mixed() -> StyleStatistics:
    return survey_style(Mixed())


def test_chosen_chips_are_nearer_to_the_real_ones(mixed: StyleStatistics):
    real = survey_style(replace(SOURCE, count=15, seed=8, level=0.5, spread=0.1))
    found = resample_chips(Mixed(), mixed, real, ResampleParams(80, 4, 0.15, QUICK))
    assert found.after < 0.6 * found.before
    assert len(found.chips.names) == 80
    assert found.effective >= 0.15 * 30 - 1e-6
    assert found.chips.chip(0).name == Mixed().chip(int(found.indices[0])).name
    again = resample_chips(Mixed(), mixed, real, ResampleParams(80, 4, 0.15, QUICK))
    assert np.array_equal(found.indices, again.indices)


def test_each_chip_is_drawn_as_often_as_it_weighs(mixed: StyleStatistics):
    found = resample_chips(Mixed(), mixed, mixed, ResampleParams(90, 4, 0.0, QUICK))
    times = np.bincount(found.indices, minlength=30)
    assert (np.abs(times - 90 * found.weights) < 1).all()
    np.testing.assert_allclose(found.weights, 1 / 30)


# ------------------------------------------------------------------------------ statistics


def image(pixels: np.ndarray) -> Image:
    return Image(pixels.astype(np.float32), np.ones(pixels.shape[1:], bool), 1.0, RADAR)


def test_statistics_by_hand():
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.1, (64, 64))
    x = image(np.stack([0.5 + noise, 0.5 - 2 * noise]))
    said = dict(zip(statistic_names(RADAR), measure_style(x), strict=True))
    assert said["mean vv"] == pytest.approx(np.log(0.5), abs=0.02)
    assert said["deviation vh"] - said["deviation vv"] == pytest.approx(np.log(2))
    assert said["correlation vv vh"] == pytest.approx(-np.arctanh(0.999))
    assert said["slope"] == pytest.approx(0, abs=0.1)
    # white noise: steps have √2 times the deviation along either axis, Rayleigh's mean √(π / 2)
    assert said["edges"] == pytest.approx(np.log(np.sqrt(2) * np.sqrt(np.pi / 2)), abs=0.1)


def test_gain_changes_levels_alone():
    x = image(np.random.default_rng(1).uniform(0.1, 0.4, (2, 40, 40)))
    one, twice = measure_style(x), measure_style(x._replace(pixels=2 * x.pixels))
    np.testing.assert_allclose((twice - one)[:4], np.log(2), atol=1e-5)
    np.testing.assert_allclose((twice - one)[4:], 0, atol=1e-5)


def test_flat_images_have_finite_statistics():
    assert np.isfinite(measure_style(image(np.full((2, 40, 40), 0.3)))).all()
    assert np.isfinite(measure_style(image(np.zeros((2, 40, 40))))).all()


def test_energy_distance_by_hand():
    # One point against one at a deviation of 1: 2 · 3 - 0 - 0 would be; y has two, of deviation 1.
    x, y = np.array([[3.0, 0], [3, 0]]), np.array([[-1.0, 0], [1, 0]])
    assert energy_distance(x, y) == pytest.approx(2 * 3 - 0 - 1)
    assert energy_distance(y, y) == pytest.approx(0)
    assert energy_distance(np.concatenate([x, y]), y, np.array([0.0, 0, 1, 1])) == pytest.approx(0)


def test_bad_styles_are_named():
    with pytest.raises(InputError, match="1 chips with 2 statistics"):
        fit_style(bent(1), QUICK, 0)
    with pytest.raises(InputError, match="5 chips with 1 statistics"):
        fit_style(bent(5)[:, :1], QUICK, 0)
    with pytest.raises(InputError, match="not finite"):
        fit_style(np.full((3, 2), np.nan), QUICK, 0)
    with pytest.raises(InputError, match="one a chip"):
        fit_style(bent(5), QUICK, 0, np.zeros(5))
    with pytest.raises(InputError, match="of 0 chips none holds data"):
        survey_style(replace(SOURCE, count=0))
    with pytest.raises(InputError, match="choose a smaller side"):
        survey_style(replace(SOURCE, side=20))
    one = survey_style(replace(SOURCE, count=3))
    other = StyleStatistics(("a", "b"), bent(4), np.arange(4))
    with pytest.raises(InputError, match="styles differ"):
        resample_chips(SOURCE, one, other, ResampleParams())


def test_chips_without_data_are_left_out():
    class Some(Mixed):
        names = ("a", "b", "c")

        def chip(self, index: int):
            return replace(TARGET, seen=0.0 if index == 1 else 1.0).chip(index)

    assert survey_style(Some()).indices.tolist() == [0, 2]
