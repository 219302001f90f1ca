"""A flow to the images of one domain, and what the encoder of the shipped model sees."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra [train] brings torch")
pytest.importorskip("onnx", reason="the extra [train] cuts the encoder out")

from geomage.adapt.plausibility.denoising import told_ends  # noqa: E402
from geomage.adapt.plausibility.domain_flow import (  # noqa: E402
    DomainFlowParams,
    learn_domain_flow,
)
from geomage.adapt.plausibility.model_layers import open_layers  # noqa: E402
from geomage.errors import InputError, ModelError  # noqa: E402
from geomage.model.velocity_blueprint import VelocityUNetParams  # noqa: E402

SMALL = DomainFlowParams(VelocityUNetParams(widths=(8, 8), told=16), steps=80, batch=8, rate=1e-2)


def flats(count: int, seed: int) -> np.ndarray:
    """Chips of one colour each: what is learnt is that neighbours are alike."""
    colour = np.random.default_rng(seed).uniform(0.2, 0.8, (count, 3, 1, 1))
    return np.broadcast_to(colour, (count, 3, 16, 16)).astype(np.float32).copy()


@pytest.fixture(scope="module")
def flow():
    torch.set_num_threads(1)
    return learn_domain_flow(flats(32, 0), SMALL)


def test_a_learnt_flow_tells_the_image_better_than_none(flow):
    x = flow.scaled(flats(8, 1))
    noise = np.random.default_rng(2).standard_normal(x.shape).astype(np.float32)
    errors = [
        ((told_ends(v, x, noise, 0.6).x_1 - x) ** 2).mean()
        for v in (flow.velocity(), lambda x_t, _: 0 * x_t)
    ]
    assert errors[0] < 0.7 * errors[1]


def test_same_seed_same_flow(flow):
    short = DomainFlowParams(SMALL.network, steps=3, batch=4, seed=5)
    x, nets = flow.scaled(flats(4, 3)), [learn_domain_flow(flats(8, 0), short) for _ in range(2)]
    one, other = (net.velocity()(x, 0.5) for net in nets)
    assert one.shape == x.shape
    assert np.array_equal(one, other)


def test_the_scale_goes_there_and_back(flow):
    chips = flats(5, 4)
    assert flow.unscaled(flow.scaled(chips)) == pytest.approx(chips, abs=1e-5)


def test_no_chips_no_flow():
    with pytest.raises(InputError, match="no chips"):
        learn_domain_flow(flats(0, 0), SMALL)
    with pytest.raises(InputError, match="steps = 0"):
        DomainFlowParams(steps=0)


def test_the_layers_of_the_shipped_encoder_do_not_hang_on_the_batch():
    chips = np.random.default_rng(0).random((3, 3, 64, 64)).astype(np.float32)
    whole, apart = open_layers()(chips), open_layers(batch=2)(chips)
    assert [layer.shape[2] for layer in whole] == [32, 16, 8, 4, 2]
    for one, other in zip(whole, apart, strict=True):
        assert other == pytest.approx(one, abs=1e-5)


def test_a_file_without_our_encoder_is_refused():
    from geomage.model.plausibility import shipped_detectors

    with pytest.raises(ModelError, match="no encoder"):
        open_layers(shipped_detectors()["line-1"].with_suffix(".onnx"))
