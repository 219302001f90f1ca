"""Laws of the network: its size, its shapes, and that a window sees what the whole image sees."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from geomage.model.export import Probabilities
from geomage.model.network import (
    FIELD,
    FINE,
    STRIDE,
    Logits,
    Network,
    count_parameters,
)


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
def images() -> torch.Tensor:
    """Two dates with structure at every scale, (date, 1, 3, y, x)."""
    generator = torch.Generator().manual_seed(5)
    scales = [torch.rand(1, 3, n, 2, generator=generator) for n in (8, 32, 128, 512)]
    before = torch.stack([F.interpolate(s, (1024, 512), mode="bilinear") for s in scales]).mean(0)
    return torch.stack([before, before.flip(2)])


def probed(network: Network, images: torch.Tensor, branch: str, cell: int) -> dict[float, int]:
    """How far a change of one pixel is seen through a branch, by the change that counts.

    Counted in px from the changed pixel to the cell, of `cell` px, that holds the answer: the
    margin a window with corners on cells needs. The pixel takes places all over a cell of the
    coarsest level, since reach depends on it.
    """
    far = dict.fromkeys((0.0, 1e-4), 0)
    with torch.no_grad():
        plain = [network.look(image) for image in images]
        said = torch.cat(network.decide(*plain), 1)
        for place in range(256, 256 + STRIDE, 5):
            changed = images.clone()
            changed[..., place, place] = 1 - changed[..., place, place].round()
            seen = [network.look(image) for image in changed]
            mixed = [
                a[:3] + b[3:] if branch == "coarse" else b[:3] + a[3:]
                for a, b in zip(plain, seen, strict=True)
            ]
            gap = (torch.cat(network.decide(*mixed), 1) - said).abs().amax((0, 1))
            for least, reach in far.items():
                start = torch.cat((gap > least).nonzero(as_tuple=True)) // cell * cell
                beyond = torch.maximum(start - place, place - (start + cell - 1))
                far[least] = max(reach, int(beyond.max()))
    return far


def test_the_fine_branch_reaches_no_farther_than_it_says(network: Network, images: torch.Tensor):
    far = probed(network, images[..., :512, :], "fine", 8)
    assert FINE - 8 < far[0.0] <= FINE == 48
    assert far[1e-4] <= far[0.0]


def test_the_coarse_branch_has_the_wide_view_and_ends_where_it_says(
    network: Network, images: torch.Tensor
):
    far = probed(network, images[..., :512, :], "coarse", STRIDE)
    assert FIELD - STRIDE < far[0.0] <= FIELD
    assert far[1e-4] > 2 * FINE


def told(network: Network, images: torch.Tensor, side: int) -> torch.Tensor:
    """Probabilities of the whole, by windows of `side` px, images carried on beyond their edge."""
    rows, columns = images.shape[-2:]
    wide = F.pad(images.flatten(0, 1), (FIELD,) * 4, mode="replicate")
    model = Probabilities(network, 1.0, trim=FIELD).eval()
    out = torch.zeros(1, 15, rows, columns)
    with torch.no_grad():
        for row in range(0, rows, side):
            for column in range(0, columns, side):
                height, width = min(side, rows - row), min(side, columns - column)
                seen = wide[..., row:, column:][..., : height + 2 * FIELD, : width + 2 * FIELD]
                part = torch.cat(model(*seen.chunk(2)), 1)
                out[..., row : row + height, column : column + width] = part
    return out


@pytest.mark.parametrize("side", [64, 160, 512])
def test_windows_of_any_size_say_what_the_whole_says(network, images, side):
    whole = told(network, images[..., :512, :], 4096)
    assert whole.std((0, 2, 3)).min() > 1e-3
    assert (told(network, images[..., :512, :], side) - whole).abs().max() < 1e-5


def test_a_trimmed_window_says_what_the_untrimmed_image_says(network, images):
    """Away from the edges, beyond which the untrimmed one sees nothing."""
    with torch.no_grad():
        full = torch.cat(network(*images), 1)
        part = torch.cat(network(*images[..., 320 - FIELD : 448 + FIELD, :], FIELD), 1)
    gap = (part - full[:, :, 320:448, FIELD:-FIELD]).abs().amax((0, 2, 3))
    assert (gap / full.std((0, 2, 3))).max() < 1e-4


def test_the_field_of_view_is_not_overstated(network, images):
    """A narrower halo is seen in the answers."""
    narrow = FIELD - 2 * STRIDE
    with torch.no_grad():
        full = torch.cat(network(*images), 1)
        part = torch.cat(network(*images[..., 320 - narrow : 448 + narrow, :], narrow), 1)
    gap = (part - full[:, :, 320:448, narrow:-narrow]).abs().amax((0, 2, 3))
    assert (gap / full.std((0, 2, 3))).max() > 1e-3


def test_a_window_off_the_stride_differs(network, images):
    """So the engine keeps one grid aligned to the stride."""
    with torch.no_grad():
        full = torch.cat(network(*images, FIELD), 1)
        moved = torch.cat(network(*images[..., 16:-16, :], FIELD), 1)
    assert (moved - full[:, :, 16:-16]).abs().max() > 1e-2


@pytest.mark.parametrize("answer", Logits._fields)
def test_every_answer_teaches_both_branches(answer: str):
    net = Network()
    said = net(*torch.rand(2, 2, 3, 64, 64))
    getattr(said, answer).square().sum().backward()
    for branch in (net.fine, net.coarse):
        assert all(p.grad is not None and p.grad.abs().max() > 0 for p in branch.parameters())
