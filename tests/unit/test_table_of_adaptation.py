"""The table and the verdict of the adaptation benchmark, on runs made up."""

import numpy as np
import pytest
from benchmarks._adaptation_runs import precision_area
from benchmarks._adaptation_table import table, verdict

NOTHING = dict.fromkeys(
    ("label_iou_before", "label_iou_after", "edge_f1", "drift_px", "drift_p95_px", "unmatched",
     "perceptual")
)  # fmt: skip


def run(arm, seed, score):
    sets = {"banepa": score, "xbd": score / 2}
    return {"part": "buildings", "arm": arm, "seed": seed, "score": score, "sets": sets}


def kept(arm, masks):
    found = NOTHING | {
        "mask_consistency": masks, "kid": {"value": 1.0, "error": 0.1}, "fid": 2.0,
        "seconds_per_megapixel": 0.5,
    }  # fmt: skip
    return {
        "part": "kept", "arm": arm, "seed": 0, "score": masks, "fit_seconds": 3.0,
        "faithfulness": found,
    }  # fmt: skip


ROWS = [
    *(run("identity", seed, 0.4 + 0.1 * seed) for seed in (0, 1)),
    *(run("liar", seed, 0.6 + 0.1 * seed) for seed in (0, 1)),
    run("once", 0, 0.9),
    kept("identity", 1.0),
    kept("liar", 0.7),
]


def test_gains_are_of_the_same_seeds():
    lines = list(table(ROWS))
    assert "| liar | 0.650 | 0.325 | 0.650 | 0.600 0.700 | +0.200 |" in lines
    assert "| once | 0.900 | 0.450 | 0.900 | 0.900 | +0.500 |" in lines


def test_the_best_needs_every_seed_and_the_default_masks_too():
    assert verdict(ROWS) == "\nbest: liar; best of those that keep 95% of masks: identity"
    assert verdict(ROWS[:4]).endswith("masks: none")


def test_what_was_not_measured_is_a_dash():
    line = next(line for line in table(ROWS) if line.startswith("| liar | 0.700"))
    assert line == "| liar | 0.700 | - | - | - | - | - | - | - | 1.000 ± 0.100 | 2.00 | 0.50 | 3 |"


def test_average_precision_by_hand():
    # at the highest level 1 right and 1 wrong, below it 1 right: 1/2 · 1/2 + 2/3 · 1/2
    assert precision_area(np.array([[5, 0, 1], [0, 1, 1]])) == pytest.approx(1 / 4 + 1 / 3)
    assert precision_area(np.array([[9, 0, 0], [0, 0, 4]])) == 1
