"""Laws of the network: its size, its shapes, and that a window sees what the whole image sees."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from geomage.model.network import FIELD, STRIDE, Network, count_parameters


def test_it_is_compact():
    assert count_parameters(Network()) <= 2_000_000


def test_logits_come_at_full_resolution(network: Network):
    images = torch.rand(2, 3, 64, 96)
    said = network(images, images)
    assert said.landcover.shape == (2, 8, 64, 96)
    assert said.damage.shape == (2, 4, 64, 96)
    assert said.flags.shape == (2, 3, 64, 96)


def test_land_cover_does_not_look_at_the_second_date(network: Network):
    before = torch.rand(1, 3, 64, 64)
    first = network(before, torch.rand(1, 3, 64, 64)).landcover
    second = network(before, torch.rand(1, 3, 64, 64)).landcover
    assert torch.equal(first, second)


def test_damage_looks_at_both_dates(network: Network):
    before, after = torch.rand(2, 1, 3, 64, 64)
    said = network(before, after).damage
    assert not torch.allclose(said, network(before, before).damage)
    assert not torch.allclose(said, network(after, after).damage)


def test_sub_pixels_of_a_fresh_head_are_equal():
    head = Network().change_head.weight
    assert head is not None
    blocks = head.view(7, 16, -1)
    assert torch.equal(blocks, blocks[:, :1].expand_as(blocks))


@pytest.fixture(scope="module")
def whole(network: Network) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Two images with structure at every scale, and their logits."""
    torch.manual_seed(5)
    scales = [torch.rand(1, 3, n, 2) for n in (8, 32, 128, 512)]
    before = torch.stack([F.interpolate(s, (1024, 64), mode="bilinear") for s in scales]).mean(0)
    after = before.flip(2)
    with torch.no_grad():
        said = torch.cat(network(before, after), 1)
    return before, after, said


def window(network: Network, whole: tuple[torch.Tensor, ...], start: int, halo: int) -> float:
    """Largest difference of a 64 px window with a halo, in standard deviations of a channel."""
    before, after, expected = whole
    rows = slice(start - halo, start + 64 + halo)
    with torch.no_grad():
        part = torch.cat(network(before[:, :, rows], after[:, :, rows]), 1)
    gap = (part[:, :, halo : halo + 64] - expected[:, :, start : start + 64]).abs()
    return float((gap.amax((0, 2, 3)) / expected.std((0, 2, 3))).max())


def test_a_window_that_holds_the_field_of_view_is_exact(network, whole):
    assert window(network, whole, 12 * STRIDE, FIELD) < 1e-4


def test_the_field_of_view_is_not_overstated(network, whole):
    assert window(network, whole, 12 * STRIDE, FIELD - 3 * STRIDE) > 1e-3


def test_a_window_off_the_stride_differs(network, whole):
    """So the engine keeps one grid aligned to the stride."""
    assert window(network, whole, 12 * STRIDE + 16, FIELD) > 1e-2
