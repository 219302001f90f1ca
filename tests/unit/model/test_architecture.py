"""Laws of the networks: any bands in any order, any size on the stride, one contract."""

from __future__ import annotations

import pytest
import torch

from geomage.data.chip import Channel
from geomage.errors import InputError
from geomage.model.architecture import Architecture, EarthNetwork, build_network
from geomage.model.blueprint import ENCODERS, SIAMESE

TABLE = {
    "blue": Channel("blue", 0.49),
    "green": Channel("green", 0.56),
    "red": Channel("red", 0.66),
    "nir": Channel("nir", 0.84),
    "vv": Channel("vv", 55500),
    "vh": Channel("vh", 55500),
}


def keys(*names: str) -> torch.Tensor:
    return torch.tensor([TABLE[name].key for name in names])


def images(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def network() -> EarthNetwork:
    return build_network(Architecture(heads={"classes": 4, "height": 1}), 0).eval()


def test_answers_come_at_full_resolution_by_name(network: EarthNetwork):
    said = network(images(2, 1, 3, 32, 48), keys("red", "green", "blue"), torch.tensor([0.5, 10]))
    assert said["classes"].shape == (2, 4, 32, 48)
    assert said["height"].shape == (2, 1, 32, 48)


@torch.no_grad()
def test_the_order_of_bands_does_not_matter(network: EarthNetwork):
    pixels, channels, gsd = images(1, 1, 4, 32, 32), keys("red", "nir", "vv", "vh"), torch.ones(1)
    turned = [2, 0, 3, 1]
    said = network(pixels, channels, gsd)["classes"]
    assert torch.allclose(
        network(pixels[:, :, turned], channels[turned], gsd)["classes"], said, atol=1e-5
    )
    # the pixels of one band under the name of another are something else
    assert not torch.allclose(network(pixels[:, :, turned], channels, gsd)["classes"], said)


@torch.no_grad()
def test_a_band_given_twice_says_nothing_new(network: EarthNetwork):
    pixels, gsd = images(1, 1, 2, 32, 32), torch.ones(1)
    said = network(pixels, keys("red", "nir"), gsd)["classes"]
    twice = network(pixels.repeat(1, 1, 2, 1, 1), keys("red", "nir", "red", "nir"), gsd)["classes"]
    assert torch.allclose(twice, said, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize(("one", "other"), [("vv", "vh"), ("red", "green"), ("red", "vv")])
def test_what_a_band_is_matters(network: EarthNetwork, one: str, other: str):
    pixels, gsd = images(1, 1, 1, 32, 32), torch.ones(1)
    first, second = (network(pixels, keys(name), gsd)["classes"] for name in (one, other))
    assert (first - second).std() > 0.05 * first.std()


@torch.no_grad()
def test_each_image_of_a_batch_has_its_own_gsd(network: EarthNetwork):
    pixels, channels = images(1, 1, 3, 32, 32), keys("red", "green", "blue")
    gsd = torch.tensor([0.5, 10.0])
    both = network(pixels.repeat(2, 1, 1, 1, 1), channels, gsd)["classes"]
    assert (both[0] - both[1]).std() > 0.05 * both[0].std()
    for k in range(2):
        alone = network(pixels, channels, gsd[k : k + 1])["classes"]
        assert torch.allclose(alone[0], both[k], atol=1e-5)


@pytest.mark.parametrize("siamese", SIAMESE)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_answer_teaches_all_but_the_other_heads(encoder: str, siamese: str):
    net = build_network(Architecture(encoder, siamese=siamese, heads={"a": 2, "height": 1}), 0)
    side = net.stride * 2
    pixels = images(1, net.architecture.dates, 3, side, side)
    net(pixels, keys("red", "green", "vv"), torch.ones(1))["height"].square().mean().backward()
    for name, parameter in net.named_parameters():
        reached = parameter.grad is not None and bool(parameter.grad.abs().max() > 0)
        assert reached != name.startswith("heads.a"), name


@torch.no_grad()
def test_heights_are_metres_of_0_or_more(network: EarthNetwork):
    head = network.heads["height"].conv
    said = network(images(1, 1, 1, 32, 32), keys("red"), torch.ones(1))["height"]
    assert said.min() >= 0
    assert 1 < said.median() < 30
    assert head.out_channels == network.decoder.stride**2


@torch.no_grad()
def test_difference_does_not_know_which_date_came_first():
    channels, gsd = keys("red"), torch.ones(1)
    pixels = images(1, 2, 1, 32, 32)
    for siamese, alike in (("difference", True), ("concatenate", False)):
        net = build_network(Architecture(siamese=siamese), 0)
        said, turned = (net(p, channels, gsd)["classes"] for p in (pixels, pixels.flip(1)))
        assert torch.allclose(said, turned, atol=1e-5) == alike


def test_equal_seeds_give_equal_weights_and_leave_the_global_generator():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first, second, third = (build_network(Architecture(), seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not all(torch.equal(first[name], third[name]) for name in first)


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"encoder": "resnet-tyni"}, "unknown encoder 'resnet-tyni' (near: resnet-tiny"),
        ({"decoder": "Unet"}, "unknown decoder 'Unet' (near: unet"),
        ({"siamese": "concat"}, "unknown siamese 'concat' (near: concatenate"),
        ({"width": 30}, "width = 30 is not a whole number 8..1024 in steps of 8"),
        ({"heads": {}}, "heads is empty"),
        ({"heads": {"classes": 0}}, "heads.classes = 0 is not a whole number 1..1024"),
        ({"heads": {"height": 2}}, "heads.height = 2: a height is one channel"),
    ],
)
def test_a_bad_architecture_is_refused_with_the_value(given: dict, line: str):
    with pytest.raises(InputError) as caught:
        Architecture(**given)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_images_that_do_not_fit_are_refused(network: EarthNetwork):
    channels, gsd = keys("red"), torch.ones(1)
    with pytest.raises(InputError, match="2 dates for a network of 1"):
        network(images(1, 2, 1, 32, 32), channels, gsd)
    with pytest.raises(InputError, match="40 x 32 px: y and x must be multiples of 16"):
        network(images(1, 1, 1, 40, 32), channels, gsd)
