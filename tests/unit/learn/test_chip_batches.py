"""Batches: a function of the step, shared out whole, of one sensor, silent on what is unknown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from made_chips import RADAR, RGB, MadeChips

from geomage.data.chip import UNKNOWN
from geomage.errors import InputError, RunError
from geomage.learn.chip_batches import ChipBatches, WeightedChips, feed_of
from geomage.learn.chip_crops import cut_chip, cut_twins, relight
from geomage.learn.chip_recipe import BatchParams

PARAMS = BatchParams(crop=16, labelled=4, unlabelled=4)


def batches(labelled=(), unlabelled=(), params=PARAMS) -> ChipBatches:
    return ChipBatches(feed_of(labelled), feed_of(unlabelled), params, seed=2)


def test_a_batch_is_a_function_of_the_step_and_is_shared_out_whole():
    made = batches([WeightedChips(MadeChips())], [WeightedChips(MadeChips())])
    whole, again = made.batch(5, 0, 1), made.batch(5, 0, 1)
    assert torch.equal(whole.labelled.pixels, again.labelled.pixels)
    assert not torch.equal(whole.labelled.pixels, made.batch(6, 0, 1).labelled.pixels)
    halves = [made.batch(5, rank, 2) for rank in range(2)]
    for name in ("labelled", "unlabelled"):
        for rank, half in enumerate(halves):
            mine = getattr(whole, name).pixels[rank::2]
            assert torch.equal(getattr(half, name).pixels, mine)


def test_labels_lie_on_their_pixels_whatever_the_turn():
    source = MadeChips()
    for k in range(20):
        crop = cut_chip(source.chip(k % 6), PARAMS, np.random.default_rng(k), labelled=True)
        known = crop.labels != UNKNOWN
        bright = crop.pixels[0].mean(0) > 0.45
        assert known.any()
        assert (bright == (crop.labels == 1))[known].all()
        assert (crop.pixels[:, :, ~known] == 0).all()


def test_turns_and_mirrors_are_all_there():
    chip = MadeChips(side=64).chip(0)
    whole = replace(PARAMS, crop=64)
    seen = {
        cut_chip(chip, whole, np.random.default_rng(k), labelled=True).labels.tobytes()
        for k in range(80)
    }
    assert len(seen) == 8


def test_a_magnified_crop_keeps_its_ground_and_tells_its_gsd():
    params = replace(PARAMS, crop=32, zoom=(2.0, 2.0))
    crop = cut_chip(MadeChips().chip(1), params, np.random.default_rng(0), labelled=True)
    assert crop.gsd_m == pytest.approx(0.5)
    known = crop.labels != UNKNOWN
    agree = ((crop.pixels[0].mean(0) > 0.45) == (crop.labels == 1))[known].mean()
    assert agree > 0.9  # but along edges, which are soft


def test_unlabelled_chips_show_no_label():
    step = batches((), [WeightedChips(MadeChips())]).batch(0, 0, 1)
    assert step.labelled is None
    assert (step.unlabelled.labels == UNKNOWN).all()


def test_a_batch_is_of_one_sensor_and_all_sensors_come():
    sources = [WeightedChips(MadeChips()), WeightedChips(MadeChips(channels=RADAR), 3.0)]
    made = batches(sources)
    widths = [made.batch(step, 0, 1).labelled.pixels.shape[2] for step in range(60)]
    assert 30 <= widths.count(2) <= 56  # three of four
    assert widths.count(3) + widths.count(2) == 60
    radar = made.batch(widths.index(2), 0, 1).labelled
    assert radar.channels[:, 1].tolist() == [1.0, -1.0]


def test_twins_are_the_same_ground():
    fine, coarse = MadeChips(side=64, gsd_m=1.0), MadeChips(side=32, gsd_m=2.0, channels=RADAR)
    for k in range(12):
        rng = np.random.default_rng(k)
        a, b = cut_twins(fine.chip(k % 6), coarse.chip(k % 6), PARAMS, rng)
        assert a.labels.shape == (16, 16)
        assert b.labels.shape == (8, 8)
        both = (a.labels[::2, ::2] != UNKNOWN) & (b.labels != UNKNOWN)
        alike = (a.labels.reshape(8, 2, 8, 2) == b.labels[:, None, :, None]).mean((1, 3))
        assert alike[both].mean() > 0.8
    step = batches((), [WeightedChips(fine, other=coarse)]).batch(0, 0, 1)
    assert step.unlabelled.pixels.shape == (4, 1, 3, 16, 16)
    assert step.other.pixels.shape == (4, 1, 2, 8, 8)
    with pytest.raises(InputError, match="whole in both"):
        cut_twins(fine.chip(0), replace(coarse, gsd_m=1.7).chip(0), PARAMS, rng)


def test_a_small_chip_is_filled_up_with_nothing():
    crop = cut_chip(
        MadeChips(side=16).chip(0), replace(PARAMS, crop=32), np.random.default_rng(0),
        labelled=True,
    )  # fmt: skip
    assert (crop.labels == UNKNOWN).sum() >= 32 * 32 - 16 * 16


def test_light_changes_optical_bands_by_gain_and_radar_by_decibels():
    params = replace(PARAMS, gain=0.3, gain_db=2.0)
    pixels = np.random.default_rng(1).uniform(0.2, 0.6, (2, 2, 5, 5)).astype(np.float32)
    lit = relight(pixels, RGB[:2], params, np.random.default_rng(3))
    ratio = lit / pixels
    assert np.allclose(ratio, ratio[:, :1, :1, :1], rtol=1e-5)
    assert abs(ratio[0, 0, 0, 0] - ratio[1, 0, 0, 0]) > 1e-3  # each date its own
    added = relight(pixels, RADAR, params, np.random.default_rng(3)) - pixels
    assert np.allclose(added, added[:, :, :1, :1], atol=1e-6)
    draws = [
        relight(pixels, RADAR, params, np.random.default_rng(k))[0, 0, 0, 0] - pixels[0, 0, 0, 0]
        for k in range(400)
    ]
    assert np.std(draws) * 25 == pytest.approx(2.0 * np.hypot(1, 0.5), rel=0.15)  # dB


def test_corrupt_chips_are_told_and_left_out_up_to_a_share(capsys: pytest.CaptureFixture[str]):
    source = MadeChips(count=20, broken=(3,))
    some = batches([WeightedChips(source)], params=replace(PARAMS, most_corrupt=0.05))
    for step in range(30):
        assert len(some.batch(step, 0, 1).labelled.pixels) == 4
    assert capsys.readouterr().err.count("made_3 is skipped: ") == 1
    with pytest.raises(RunError, match=r"1 of 20 chips cannot be read, 0\.02 of all"):
        [batches([WeightedChips(source)]).batch(step, 0, 1) for step in range(30)]


def test_what_cannot_be_is_refused():
    odd = batches([WeightedChips(MadeChips(odd=(0, 1, 2, 3, 4, 5)))])
    with pytest.raises(InputError, match=r"made_\d: label value 7 is no class"):
        odd.batch(0, 0, 1)
    with pytest.raises(InputError, match="cannot be shared by 3"):
        batches([WeightedChips(MadeChips())]).batch(0, 0, 3)
    with pytest.raises(InputError, match="weight above 0"):
        feed_of([WeightedChips(MadeChips(), 0.0)])
    with pytest.raises(InputError, match="zoom"):
        BatchParams(zoom=(2.0, 1.0))


def test_chances_choose_chips():
    chances = np.array([0, 0, 1.0, 0, 0, 0])
    step = batches([WeightedChips(MadeChips(gsd_m=1), chances=chances)]).batch(0, 0, 1)
    only = MadeChips().chip(2).pixels
    shown = step.labelled.pixels.numpy()
    assert np.isin(shown[shown != 0], only).all()
