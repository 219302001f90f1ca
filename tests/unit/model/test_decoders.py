"""Laws of what decoders, merges and the transformer are made of."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from geomage.errors import InputError
from geomage.model.decoders import Ladder, ladder_strides, pooled
from geomage.model.layers import ChannelNorm
from geomage.model.siamese import CrossAttention
from geomage.model.transformers import Vit, VitParams, place_waves


@pytest.mark.parametrize(
    ("strides", "ladder"),
    [
        ((2, 4, 8, 16), (2, 4, 8, 16)),
        ((4, 8), (4, 8)),
        ((8, 8, 8, 8), (2, 4, 8, 16)),
        ((16, 16, 16), (8, 16, 32)),
    ],
)
def test_strides_become_a_ladder(strides: tuple[int, ...], ladder: tuple[int, ...]):
    assert ladder_strides(strides) == ladder


@pytest.mark.parametrize("strides", [(2, 4, 4), (4, 16), (3, 3, 3, 3)])
def test_other_strides_are_refused(strides: tuple[int, ...]):
    with pytest.raises(InputError, match="decoders need strides that double"):
        ladder_strides(strides)


def test_a_ladder_of_levels_that_double_changes_nothing():
    levels = [torch.rand(1, 3, 8, 8), torch.rand(1, 4, 4, 4)]
    ladder = Ladder((3, 4), (2, 4))
    assert not list(ladder.parameters())
    assert all(a is b for a, b in zip(ladder(levels), levels, strict=True))


@pytest.mark.parametrize("cells", [1, 2, 3, 6])
@pytest.mark.parametrize("shape", [(1, 2), (5, 7), (12, 6)])
def test_pooled_is_adaptive_average_pooling(cells: int, shape: tuple[int, int]):
    x = torch.rand(2, 3, *shape)
    assert torch.allclose(pooled(x, cells), F.adaptive_avg_pool2d(x, cells), atol=1e-6)


def test_normalisation_looks_at_one_pixel_alone():
    x = torch.rand(1, 8, 3, 3)
    normal = ChannelNorm(8)(x)
    assert torch.allclose(normal.mean(1), torch.zeros(1, 3, 3), atol=1e-6)
    assert torch.allclose(normal.std(1, correction=0), torch.ones(1, 3, 3), atol=1e-4)


@torch.no_grad()
def test_attention_finds_a_shifted_date():
    """Where all is told by features that never come twice, the shift is found and undone."""
    layer = CrossAttention(16)
    for conv in (layer.query, layer.key, layer.value):
        conv.weight.copy_(torch.eye(16)[:, :, None, None])
        conv.bias.zero_()
    layer.query.weight.mul_(1e3)
    before = F.normalize(
        torch.randn(1, 16, 9, 9, generator=torch.Generator().manual_seed(0)), dim=1
    )
    after = before.roll((1, -2), (2, 3))
    seen = {}
    layer.mix.register_forward_pre_hook(lambda _layer, given: seen.update(both=given[0]))
    assert layer(before, after).shape == before.shape
    found = seen["both"][:, 16:, 2:-2, 2:-2]
    assert torch.allclose(found, after[:, :, 2:-2, 2:-2], atol=1e-3)


@torch.no_grad()
def test_attention_looks_two_cells_far():
    layer = CrossAttention(16)
    before, after = torch.rand(2, 1, 16, 9, 9)
    changed = before.clone()
    changed[..., 4, 4] += 5
    seen = (layer(changed, after) - layer(before, after)).abs().amax((0, 1)) > 1e-7
    rows, columns = torch.nonzero(seen, as_tuple=True)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (2, 6, 2, 6)


def test_places_are_told_apart_at_any_gsd():
    for step in (2.0, 80.0, 480.0):
        waves = place_waves(8, 6, torch.tensor([step]), 64)
        assert waves.shape == (1, 48, 64)
        apart = torch.cdist(waves[0], waves[0]) + 10 * torch.eye(48)
        assert apart.min() > 0.5


def test_equal_places_on_the_ground_have_equal_waves_in_metres():
    """Patch 4 at 8 m lies where patch 1 lies at 32 m."""
    near, far = place_waves(5, 5, torch.tensor([8.0, 32.0]), 64).view(2, 5, 5, 2, 32)
    assert torch.allclose(near[4, 4][:, 16:], far[1, 1][:, 16:], atol=1e-4)
    assert torch.allclose(near[1, 2][:, :16], far[1, 2][:, :16])


@torch.no_grad()
def test_a_transformer_takes_part_of_the_tokens_in_any_order():
    vit = Vit(VitParams(32, 4, 2, 8)).eval()
    image, channels = torch.rand(1, 2, 16, 24), torch.tensor([[-0.2, 0], [4.7, 1]])
    tokens = vit.embed(image, channels, torch.ones(1))
    order = torch.tensor([5, 0, 3])
    said, turned = vit.look(tokens[:, order])[-1], vit.look(tokens[:, order.flip(0)])[-1]
    assert tokens.shape == (1, 6, 32)
    assert torch.allclose(said.flip(1), turned, atol=1e-5)
