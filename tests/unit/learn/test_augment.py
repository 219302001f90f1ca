"""Augmentation turns labels with images, keeps counts in range, and repeats itself exactly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from geomage.learn.augment import cut, draw_batch, relight
from geomage.learn.recipe import AugmentParams

STILL = AugmentParams(zoom=(1.0, 1.0), shift=0)


def marked(side: int = 160) -> np.ndarray:
    """Make a stack whose labels can be read off its images, pixel by pixel."""
    rng = np.random.default_rng(0)
    label = rng.integers(0, 9, (side, side))
    images = np.repeat(label[None] * 25, 6, 0)
    return np.concatenate([images, np.repeat(label[None], 5, 0)]).astype(np.uint8)


@pytest.mark.parametrize("seed", range(12))
def test_labels_stay_on_their_pixels(seed: int):
    images, truth = cut(marked(), 96, STILL, np.random.default_rng(seed))
    for band in images:
        assert torch.equal((band * 255 / 25).round().to(torch.uint8), truth[0])
    assert (truth == truth[:1]).all()


@pytest.mark.parametrize("seed", range(12))
def test_a_shift_moves_only_the_second_date(seed: int):
    params = AugmentParams(zoom=(1.0, 1.0), shift=2)
    images, truth = cut(marked(), 96, params, np.random.default_rng(seed))
    label = (images * 255 / 25).round().to(torch.uint8)
    assert torch.equal(label[0], truth[0])
    moved = [
        torch.equal(torch.roll(label[3], (dy, dx), (0, 1))[4:-4, 4:-4], truth[0][4:-4, 4:-4])
        for dy in range(-2, 3)
        for dx in range(-2, 3)
    ]
    assert sum(moved) == 1


def test_crops_reach_every_corner():
    stack = marked(100)
    stack[6] = np.arange(100)[:, None]
    rows = [cut(stack, 96, STILL, np.random.default_rng(k))[1][0] for k in range(60)]
    assert min(int(r.min()) for r in rows) == 0
    assert max(int(r.max()) for r in rows) == 99


@pytest.mark.parametrize("zoom", [0.7, 1.0, 1.5])
def test_zoom_gives_the_side_asked_for(zoom: float):
    params = AugmentParams(zoom=(zoom, zoom))
    images, truth = cut(marked(), 96, params, np.random.default_rng(1))
    assert images.shape == (6, 96, 96)
    assert truth.shape == (5, 96, 96)
    assert set(np.unique(truth)) <= set(range(9))


def test_light_stays_in_range_and_differs_between_draws():
    image = torch.rand(3, 32, 32)
    rng = np.random.default_rng(4)
    many = [relight(image, AugmentParams(), rng) for _ in range(20)]
    assert all(float(m.min()) >= 0 and float(m.max()) <= 1 for m in many)
    assert not torch.equal(many[0], many[1])


def test_the_same_seed_gives_the_same_batch():
    stacks = [marked(), marked()]
    first = draw_batch(stacks, 96, AugmentParams(), np.random.default_rng(9))
    again = draw_batch(stacks, 96, AugmentParams(), np.random.default_rng(9))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


def test_noise_of_a_panchromatic_band_is_that_of_all_bands():
    still = AugmentParams(
        gain=0, band_gain=0, offset=0, gamma=0, contrast=0, desaturate=0, blur=0, sharpen=0, noise=0
    )
    grey = torch.full((3, 64, 64), 0.5)
    noisy = [
        relight(grey, replace(still, pan_noise=0.045), np.random.default_rng(k)) for k in range(40)
    ]
    heights = np.array([float(one[0].std()) for one in noisy])
    assert all(torch.equal(one[0], one[1]) and torch.equal(one[0], one[2]) for one in noisy)
    assert 0.4 < (heights > 0).mean() < 0.8
    assert heights[heights > 0].min() > 0.0025
    assert 0.02 < heights.max() < 0.05
    torch.testing.assert_close(relight(grey, still, np.random.default_rng(0)), grey)
