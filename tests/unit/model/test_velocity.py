"""Laws of velocity networks: they are local, reached by gradients, and the same as ONNX."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest
import torch

from geomage.errors import InputError
from geomage.model.velocity import build_velocity, probe_reach
from geomage.model.velocity_blueprint import VelocityTransformerParams, VelocityUNetParams
from geomage.model.velocity_onnx import export_velocity

UNET = VelocityUNetParams((8, 12), 1, 16)
TRANSFORMER = VelocityTransformerParams(16, 2, 2, 4)
FOLDED = VelocityUNetParams((8, 12), 1, 16, fold=2)
ALL = pytest.mark.parametrize(
    "params", [UNET, FOLDED, TRANSFORMER], ids=["unet", "folded", "transformer"]
)


def network_of(params, planes=3):
    """Weights all at random: gates that begin at zero would hide what lies behind them."""
    network = build_velocity(params, 2, planes, seed=1)
    draw = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for values in network.parameters():
            values.add_(0.1 * torch.randn(values.shape, generator=draw))
    return network


def seen(side, planes=3, batch=2):
    draw = torch.Generator().manual_seed(3)
    images = [torch.rand(batch, k, side, side, generator=draw) for k in (2, planes)]
    return images[0], torch.tensor([0.1, 0.8]), torch.tensor([0.5, 10.0]), images[1]


@ALL
def test_the_gradient_reaches_every_parameter(params):
    network = network_of(params)
    (network(*seen(16)) ** 2).sum().backward()
    missed = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert not missed


@ALL
def test_onnx_says_what_torch_says_at_any_size(params):
    network = network_of(params)
    session = ort.InferenceSession(export_velocity(network))
    for side in (16, 24):
        told = dict(zip(("x", "t", "gsd", "given"), seen(side), strict=True))
        (said,) = session.run(None, {name: value.numpy() for name, value in told.items()})
        with torch.no_grad():
            np.testing.assert_allclose(said, network(**told), atol=1e-5)


@ALL
def test_time_gsd_and_planes_are_heard(params):
    network, (x, t, gsd, given) = network_of(params), seen(16)
    with torch.no_grad():
        said = network(x, t, gsd, given)
        for other in ((x, t / 2, gsd, given), (x, t, gsd * 2, given), (x, t, gsd, given * 0)):
            assert (network(*other) - said).abs().max() > 1e-3


def test_it_works_without_planes():
    network = network_of(UNET, planes=0)
    x, t, gsd, _ = seen(8)
    with torch.no_grad():
        said = network(x, t, gsd)
    session = ort.InferenceSession(export_velocity(network))
    (theirs,) = session.run(None, {"x": x.numpy(), "t": t.numpy(), "gsd": gsd.numpy()})
    np.testing.assert_allclose(theirs, said, atol=1e-5)


@pytest.mark.parametrize("params", [UNET, FOLDED], ids=["unet", "folded"])
def test_a_window_with_the_halo_that_is_probed_says_what_the_whole_says(params):
    network = network_of(params)
    reach = probe_reach(network)
    halo = -(-reach // network.stride) * network.stride
    side = 2 * halo + 8
    x, t, gsd, given = seen(side + 16)
    with torch.no_grad():
        whole = network(x, t, gsd, given)
        part = np.s_[..., 8 : 8 + side, 8 : 8 + side]
        window = network(x[part], t, gsd, given[part])
    inner = np.s_[..., halo : halo + 8, halo : halo + 8]
    theirs = whole[part][inner]
    np.testing.assert_allclose(window[inner], theirs, atol=1e-6)
    less = halo - network.stride
    shorn = np.s_[..., less : less + 8, less : less + 8]
    assert (window[shorn] - whole[part][shorn]).abs().max() > 1e-7


def test_the_same_seed_draws_the_same_weights_and_leaves_the_dice_alone():
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    one, other = (build_velocity(UNET, 2, 0, seed=5).state_dict() for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert torch.equal(before, torch.random.get_rng_state())


def test_what_cannot_be_built_is_refused():
    with pytest.raises(InputError, match="widths"):
        VelocityUNetParams(())
    with pytest.raises(InputError, match="multiple of 8"):
        VelocityTransformerParams(width=20, heads=4)
