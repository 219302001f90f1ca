"""Views: what they show, where they lie, and what they leave alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from geomage.learn.objective import ChipBatch
from geomage.learn.selfsupervised.views import (
    ViewParams,
    draw_places,
    draw_view,
    extent_m,
    relight,
    same_side,
    shared_cells,
    whole,
)

STILL = ViewParams(side=32, gain=0, band_gain=0, offset=0, gamma=0, noise=0)


def rng(seed=0):
    return np.random.default_rng(seed)


def ramps(count=6, side=96, gsd=0.5):
    """Chips whose two bands are metres right of and below the middle, plus 100."""
    metres = (torch.arange(side) + 0.5 - side / 2) * gsd + 100
    x, y = metres[None, :].expand(side, side), metres[:, None].expand(side, side)
    pixels = torch.stack([x, y]).expand(count, 1, 2, side, side).contiguous()
    labels = torch.full((count, side, side), 255, dtype=torch.uint8)
    keys = torch.tensor([[-0.2, 0.0], [-0.3, 0.0]])
    return ChipBatch(pixels, labels, keys, torch.full((count,), gsd))


def test_a_chip_seen_whole_is_the_chip():
    chips = ramps(side=32)
    view = draw_view(chips, STILL, rng(), whole(chips))
    assert torch.allclose(view.pixels, chips.pixels[:, 0], atol=1e-4)
    assert torch.allclose(view.gsd, chips.gsd)


def test_a_view_shows_the_place_it_names_at_the_gsd_it_names():
    chips = ramps()
    view = draw_view(chips, STILL, rng(1))
    grid = functional.affine_grid(view.place, [6, 1, 32, 32], align_corners=False)
    inner = np.s_[:, :, 2:-2, 2:-2]  # border samples are held at the edge
    assert torch.allclose(view.pixels[inner], 100 + grid.permute(0, 3, 1, 2)[inner], atol=1e-2)
    step = (view.pixels[:, :, 10, 11] - view.pixels[:, :, 10, 10]).norm(dim=1)
    assert torch.allclose(step, view.gsd, rtol=1e-3)
    assert view.gsd.min() >= 0.5 * 0.69
    assert len(torch.unique(view.gsd)) == 6


@pytest.mark.parametrize("side", [24, 32, 64])
def test_no_view_looks_beyond_the_chip(side):
    chips = ramps(count=200, side=36)
    places = draw_places(chips, replace(STILL, side=side), rng(2))
    corners = torch.tensor([[-1, -1, 1], [1, -1, 1], [-1, 1, 1], [1, 1, 1]]).float()
    reach = torch.einsum("nij,cj->nci", places, corners).abs().amax((1, 2))
    assert (reach <= extent_m(chips)[:, 0] / 2 + 1e-4).all()


def test_a_gsd_does_not_name_a_place():
    """Chips of several GSD seen alike are told one, anew each time."""
    chips = ramps(side=200)
    chips = chips._replace(gsd=torch.linspace(0.4, 0.6, 6))
    told = [draw_view(chips, STILL, rng(), draw_places(chips, STILL, rng(s), alike=True)).gsd
            for s in (0, 1)]  # fmt: skip
    assert all(torch.allclose(gsd, gsd[:1]) for gsd in told)
    assert abs(told[0][0] - told[1][0]) > 0.01


def test_every_way_round_and_its_mirror_are_drawn():
    places = draw_places(ramps(count=300, side=200), STILL, rng(3))[:, :, :2]
    turn = torch.atan2(places[:, 1, 1], places[:, 0, 1])
    assert torch.histc(turn, 8, -np.pi, np.pi).min() > 15
    assert 0.3 < (torch.linalg.det(places) < 0).float().mean() < 0.7
    upright = draw_places(ramps(), replace(STILL, turn=False), rng(3))
    assert (upright[:, 0, 1] == 0).all()
    assert (upright[:, 0, 0] > 0).all()


def test_shared_cells_show_the_same_ground():
    chips = ramps(side=64)
    first, second = (draw_view(chips, STILL, rng(seed)) for seed in (4, 5))
    grid, seen = shared_cells(first.place, second.place, (32, 32))
    seen &= (grid.abs() < 0.9).all(-1)
    assert seen.float().mean() > 0.1
    moved = functional.grid_sample(second.pixels, grid, align_corners=False)
    apart = (moved - first.pixels).abs().amax(1)
    assert apart[seen].max() < 0.3  # metres, the edges of the chip included


def test_views_take_every_date():
    chips = ramps()
    two = chips._replace(pixels=torch.cat([chips.pixels, chips.pixels + 500], 1))
    seen = torch.cat([draw_view(two, STILL, rng(seed)).pixels.amax((1, 2, 3)) for seed in range(4)])
    assert (seen > 400).any()
    assert (seen < 400).any()


def test_light_leaves_holes_and_radar_exponents_alone():
    image = torch.rand(3, 2, 8, 8) * 0.5 + 0.1
    image[:, :, :2] = 0
    keys = torch.tensor([[-0.2, 0.0], [4.74, 1.0]])
    bright = relight(image, keys, ViewParams(), rng())
    assert (bright[:, :, :2] == 0).all()
    assert not torch.allclose(bright[:, :, 2:], image[:, :, 2:], atol=1e-3)
    bent = relight(image, keys, replace(STILL, gamma=1.0), rng())
    assert torch.allclose(bent[:, 1], image[:, 1])
    assert not torch.allclose(bent[:, 0], image[:, 0], atol=1e-3)


def test_equal_generators_give_equal_views():
    chips = ramps()
    one, two = (draw_view(chips, ViewParams(side=32), rng(7)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


def test_another_sensor_is_seen_near_its_own_gsd():
    chips = ramps(side=96)
    view = draw_view(chips, replace(STILL, side=96, scale=(1.0, 1.0)), rng())
    coarse = chips._replace(gsd=torch.full((6,), 1.5))
    assert same_side(view, coarse, 16) == 32
    assert same_side(view, coarse._replace(gsd=coarse.gsd * 10), 16) == 16
