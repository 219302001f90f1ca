"""Textures of cells, the detector fitted to them, and its form on disk."""

from __future__ import annotations

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra [train] fits the detector")
pytest.importorskip("onnx", reason="the extra [train] writes it")

from geomage.adapt.plausibility.altered import ALTERED, alter  # noqa: E402
from geomage.adapt.plausibility.cheap import CheapParams, Pair, fit_cheap, texture_cells  # noqa: E402
from geomage.adapt.plausibility.texture import CELL, fit_gaussian  # noqa: E402
from geomage.errors import InputError, ModelError  # noqa: E402
from geomage.geo import stretch_counts  # noqa: E402
from geomage.metrics import auroc  # noqa: E402
from geomage.model.plausibility import UNSEEN, load_detector, write_detector  # noqa: E402


def picture(seed: int, side: int = 256) -> np.ndarray:
    """Fields and roofs: smooth colours, rectangles, a little noise; uint8 (3, y, x)."""
    rng = np.random.default_rng(seed)
    image = np.full((3, side, side), 90.0)
    for _ in range(60):
        y, x = rng.integers(0, side - 24, 2)
        h, w = rng.integers(8, 24, 2)
        image[:, y : y + h, x : x + w] = rng.uniform(40, 220, (3, 1, 1))
    return np.clip(image + rng.normal(0, 3, image.shape), 1, 255).astype(np.uint8)


def pairs(seeds: range) -> list[Pair]:
    hidden = np.zeros((256, 256), bool)
    return [Pair(picture(2 * s), picture(2 * s + 1), hidden) for s in seeds]


PARAMS = CheapParams("toy", "rectangles", gsd=(0.3, 0.5, 1.0))


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    torch.set_num_threads(1)
    card, graph = fit_cheap(pairs(range(5)), pairs(range(20, 24)), PARAMS)
    return load_detector(write_detector(tmp_path_factory.mktemp("d") / "toy.json", card, graph))


def scores(detector, counts: np.ndarray) -> np.ndarray:
    found = detector.score(counts, (counts != 0).any(axis=0))
    return found[found != UNSEEN]


def test_its_own_domain_is_not_marked_and_what_is_altered_is(detector):
    own = np.concatenate([scores(detector, stretch_counts(picture(100 + s))) for s in range(3)])
    assert (own < detector.card.limit).mean() > 0.95
    rng = np.random.default_rng(1)
    for kind in ALTERED:
        counts = alter(kind, stretch_counts(picture(200)), rng)
        counts = np.pad(counts, [(0, 0), *((0, -s % CELL) for s in counts.shape[1:])])
        assert auroc(own, scores(detector, counts)) > 0.95, kind


def test_noise_has_the_texture_that_noise_must_have():
    """White noise loses a factor of two of deviation a level, and leans to no direction."""
    noise = np.clip(np.random.default_rng(0).normal(128, 25, (3, 192, 192)), 1, 254)
    found = texture_cells(noise.astype(np.uint8), np.ones((192, 192), bool)).mean(axis=0)
    energies = found[[6, 12, 18, 24]]  # of levels 1 to 4, 6 values each
    assert np.diff(energies) == pytest.approx(-np.log(2) * np.ones(3), abs=0.05)
    leans = found[[8, 14, 20]]
    assert (leans < 0.05).all()


def test_a_cell_hangs_on_itself_and_the_eight_beside_it_alone(detector):
    counts = picture(7, 320)
    whole = detector.score(counts, np.ones((320, 320), bool))
    changed = counts.copy()
    changed[:, 256:, 256:] = 255 - changed[:, 256:, 256:]
    again = detector.score(changed, np.ones((320, 320), bool))
    assert np.array_equal(whole[:3, :3], again[:3, :3])
    assert not np.array_equal(whole[3:, 3:], again[3:, 3:])
    part = detector.score(counts[:, :192, :192], np.ones((192, 192), bool))
    assert part[:2, :2] == pytest.approx(whole[:2, :2], abs=1e-5)


def test_what_is_not_seen_is_not_looked_at(detector):
    counts, valid = picture(9, 320), np.ones((320, 320), bool)
    valid[:, 128:] = False
    strange = counts.copy()
    strange[:, :, 128:] = np.random.default_rng(0).integers(0, 255, strange[:, :, 128:].shape)
    assert np.array_equal(detector.score(counts, valid), detector.score(strange, valid))
    assert (detector.score(counts, valid)[:, 3:] == UNSEEN).all()


def test_the_graph_says_what_numpy_says():
    x = np.random.default_rng(0).normal(size=(200, 4))
    gaussian = fit_gaussian(x, 0.0)
    from scipy.stats import multivariate_normal

    law = multivariate_normal(x.mean(0), np.cov(x.T))
    wanted = -2 * law.logpdf(x) / 4 - np.log(2 * np.pi)
    assert gaussian.deviance(x) == pytest.approx(wanted)


def test_same_seed_same_bytes(detector):
    card, graph = fit_cheap(pairs(range(5)), pairs(range(20, 24)), PARAMS)
    assert card == detector.card
    assert graph == detector.path.with_suffix(".onnx").read_bytes()


def test_too_little_to_learn_from_is_refused():
    with pytest.raises(InputError, match="100 cells"):
        fit_cheap(pairs(range(1)), pairs(range(1)), CheapParams("toy", "rectangles"))


def test_sides_must_be_whole_cells(detector):
    with pytest.raises(ModelError, match="multiples of 64"):
        detector.score(np.zeros((3, 65, 64), np.uint8), np.ones((65, 64), bool))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "other"}, "not a detector"),
        ({"halo_px": 100}, "no multiple"),
        ({"margin": "two"}, "no float"),
        ({"calibration": {"scores": [2.0, 1.0], "cells": 2}}, "ascending"),
        ({"calibration": None}, "damaged"),
        ({"onnx_sha256": "0"}, "not the file"),
    ],
)
def test_a_damaged_detector_is_refused(detector, tmp_path, change, words):
    path = tmp_path / "bad.json"
    path.with_suffix(".onnx").write_bytes(detector.path.with_suffix(".onnx").read_bytes())
    path.write_text(json.dumps(json.loads(detector.path.read_text()) | change))
    with pytest.raises(ModelError, match=words):
        load_detector(path)


def test_no_such_detector_says_which_there_are(tmp_path):
    with pytest.raises(ModelError, match=r"line-l.*line-1"):
        load_detector("line-l")
    lonely = tmp_path / "lonely.json"
    lonely.write_bytes(load_detector("line-1").path.read_bytes())
    with pytest.raises(ModelError, match="missing"):
        load_detector(lonely)
