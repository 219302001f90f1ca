"""Laws of the networks: any bands in any order, any size on the stride, one contract."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import pytest
import torch

from geomage.data.chip import Channel
from geomage.errors import InputError, MissingExtraError
from geomage.model.architecture import Architecture, EarthNetwork, build_network
from geomage.model.blueprint import DECODERS, SIAMESE
from geomage.model.network import count_parameters

TABLE = {
    "blue": Channel("blue", 0.49),
    "green": Channel("green", 0.56),
    "red": Channel("red", 0.66),
    "nir": Channel("nir", 0.84),
    "vv": Channel("vv", 55500),
    "vh": Channel("vh", 55500),
}


# What is added to both dates alike is not in their difference.
LAST_BIASES = {"encoder.stages.2.2.narrow.bias", *(f"encoder.norms.{k}.bias" for k in range(4))}


def keys(*names: str) -> torch.Tensor:
    return torch.tensor([TABLE[name].key for name in names])


def images(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small networks lose more than they gain by waiting for each other's threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


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
@pytest.mark.parametrize(
    ("encoder", "decoder"),
    [("resnet-tiny", "upernet"), ("convnext-tiny", "unet"), ("vit-tiny", "dpt")],
)
def test_every_answer_teaches_all_but_the_other_heads(encoder: str, decoder: str, siamese: str):
    net = build_network(Architecture(encoder, decoder, siamese, {"a": 2, "height": 1}), 0)
    side = net.stride * 2
    pixels = images(1, net.architecture.dates, 3, side, side)
    net(pixels, keys("red", "green", "vv"), torch.ones(1))["height"].square().mean().backward()
    for name, parameter in net.named_parameters():
        reached = parameter.grad is not None and bool(parameter.grad.abs().max() > 0)
        cancels = siamese == "difference" and name in LAST_BIASES
        assert reached != (name.startswith("heads.a") or cancels), name


@torch.no_grad()
@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("encoder", ["resnet-tiny", "convnext-tiny", "vit-tiny"])
def test_a_batch_says_what_each_image_says_alone_and_training_says_it_too(encoder, decoder):
    net = build_network(Architecture(encoder, decoder, "attention", width=16), 0).train()
    pixels, channels = images(2, 2, 2, net.stride, 2 * net.stride), keys("red", "nir")
    gsd = torch.tensor([0.5, 10])
    both = net(pixels, channels, gsd)["classes"]
    for k in range(2):
        alone = net.eval()(pixels[k : k + 1], channels, gsd[k : k + 1])["classes"]
        assert torch.allclose(alone[0], both[k], atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("siamese", ["none", "attention"])
@pytest.mark.parametrize("decoder", ["unet", "dpt"])
@pytest.mark.parametrize("encoder", ["resnet-tiny", "convnext-tiny"])
def test_a_window_with_a_halo_says_what_the_whole_image_says(encoder, decoder, siamese):
    """Nothing in these looks at the whole image: a change 304 px away is not seen."""
    net = build_network(Architecture(encoder, decoder, siamese, width=8), 0).eval()
    channels, gsd = keys("red"), torch.ones(1)
    pixels = images(1, net.architecture.dates, 1, 48, 640)
    changed = pixels.clone()
    changed[..., :16] = 0
    first, second = (net(p, channels, gsd)["classes"] for p in (pixels, changed))
    assert (first[..., :16] - second[..., :16]).abs().max() > 0.01
    assert torch.equal(first[..., 320:], second[..., 320:])


@torch.no_grad()
def test_encode_then_decode_is_the_network(network: EarthNetwork):
    pixels, channels, gsd = images(1, 1, 2, 32, 32), keys("red", "nir"), torch.ones(1)
    features = network.encode(pixels, channels, gsd)
    plain = network.encoder(pixels[:, 0], channels, gsd)
    shapes = [
        (w, 32 // s, 32 // s)
        for w, s in zip(network.encoder.widths, network.encoder.strides, strict=True)
    ]
    assert [tuple(level.shape[1:]) for level in features] == shapes
    assert all(torch.equal(a, b) for a, b in zip(features, plain, strict=True))
    said, again = network.decode(features), network(pixels, channels, gsd)
    assert all(torch.equal(said[name], again[name]) for name in again)


@pytest.mark.parametrize(
    ("encoder", "million"),
    [
        ("resnet-18", 11.2),
        ("resnet-34", 21.3),
        ("convnext-t", 27.8),
        ("convnext-s", 49.5),
        ("vit-ti", 5.5),
        ("vit-s", 21.6),
    ],
)
def test_a_size_is_that_of_the_network_it_is_named_after(encoder: str, million: float):
    """The published ones without their classifier; ours have another stem and other steps down."""
    with torch.device("meta"):
        net = EarthNetwork(Architecture(encoder)).encoder
    body = count_parameters(net) - count_parameters(net.stem.filters)
    assert body == pytest.approx(million * 1e6, rel=0.2)


def test_tiny_is_tiny():
    for encoder in ("resnet-tiny", "convnext-tiny", "vit-tiny"):
        with torch.device("meta"):
            net = EarthNetwork(Architecture(encoder)).encoder
        assert 250_000 < count_parameters(net) < 350_000


def test_timm_is_asked_for_in_one_line_where_it_is_not():
    if importlib.util.find_spec("timm") is not None:
        pytest.skip("timm is here")
    with pytest.raises(MissingExtraError, match=r"encoder 'timm:resnet18' needs timm") as caught:
        build_network(Architecture("timm:resnet18"), 0)
    assert "\n" not in str(caught.value)


def test_an_encoder_of_timm_takes_any_bands():
    pytest.importorskip("timm", exc_type=Exception)
    net = build_network(Architecture("timm:resnet18", siamese="difference"), 0).eval()
    said = net(images(1, 2, 5, 64, 64), keys("red", "green", "nir", "vv", "vh"), torch.ones(1))
    assert said["classes"].shape == (1, 2, 64, 64)
    with pytest.raises(InputError, match=r"no network 'resnet81' \(near: "):
        build_network(Architecture("timm:resnet81"), 0)
    with pytest.raises(InputError, match="takes images of one size only"):
        build_network(Architecture("timm:vit_tiny_patch16_224"), 0)


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
    merges = (("difference", True), ("concatenate", False), ("attention", False))
    for siamese, alike in merges:
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
