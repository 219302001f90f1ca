"""Counts: their type and range, air, tone, cloud, compression, and sensors by name."""

from __future__ import annotations

import numpy as np
import pytest

from geomage.errors import InputError
from geomage.sensor import SENSORS, Shot, capture, frame, sample_shot, sensor

FRAME = frame(0.5, (120, 130), 1.0, (50, 55))
PLAIN = Shot(haze=(0.0, 0.0, 0.0), clear=1.0, white=1.0, gamma=1.0, noise=0.0)


@pytest.fixture(scope="module")
def ground():
    """Radiance (3, y, x) of patches."""
    rng = np.random.default_rng(3)
    return np.kron(rng.uniform(0.05, 0.6, (3, 12, 13)), np.ones((10, 10))).astype(np.float32)


def plane(value: float) -> np.ndarray:
    return np.full((3, 120, 130), value, np.float32)


def test_counts_are_bytes_of_the_frame(ground):
    counts, hidden = capture(ground, FRAME, PLAIN)
    assert counts.dtype == np.uint8
    assert counts.shape == (3, 50, 55)
    assert hidden.shape == (50, 55)
    assert not hidden.any()


@pytest.mark.parametrize("value", [0.0, 0.1, 0.31, 0.999, 1.0, 7.0])
def test_a_plane_is_quantised_to_the_nearest_count_and_clipped_at_the_ends(value):
    counts, _ = capture(plane(value), FRAME, PLAIN)
    assert np.unique(counts).tolist() == [min(255, int(255 * value + 0.5))]


def test_air_adds_its_path_and_dims_the_ground():
    shot = Shot(haze=(0.02, 0.04, 0.08), clear=0.5, white=1.0, gamma=1.0, noise=0.0)
    counts, _ = capture(plane(0.4), FRAME, shot)
    assert counts[:, 0, 0].tolist() == [round(255 * (0.2 + path)) for path in shot.haze]


def test_the_white_point_is_full_scale_and_gamma_lifts_the_middle():
    white, _ = capture(plane(0.45), FRAME, Shot(haze=(0.0, 0.0, 0.0), clear=1.0, noise=0.0))
    assert white.min() == 255
    middle = [capture(plane(0.5), FRAME, _with(gamma=g))[0].mean() for g in (1.0, 2.0)]
    assert middle[0] == pytest.approx(127.5, abs=1)
    assert middle[1] == pytest.approx(255 * np.sqrt(0.5), abs=1)


def _with(**values: float) -> Shot:
    return Shot(
        haze=(0.0, 0.0, 0.0), clear=1.0, noise=0.0, **({"white": 1.0, "gamma": 1.0} | values)
    )


def test_saturation_nothing_is_grey(ground):
    counts, _ = capture(ground, FRAME, _with(colour=0.0))
    assert np.ptp(counts.astype(int), axis=0).max() <= 1


def test_the_same_shot_takes_the_same_picture_and_another_seed_another(ground):
    once, again, other = (
        capture(ground, FRAME, Shot(noise=0.02, cloud=0.4, jpeg=75, seed=seed))
        for seed in (1, 1, 2)
    )
    assert once[0].tobytes() == again[0].tobytes()
    assert once[1].tobytes() == again[1].tobytes()
    assert once[0].tobytes() != other[0].tobytes()


def test_capture_leaves_the_radiance_as_it_was(ground):
    kept = ground.copy()
    capture(ground, FRAME, Shot(cloud=0.5, sharpen=1.0, jpeg=60))
    assert ground.tobytes() == kept.tobytes()


@pytest.mark.parametrize("cover", [0.2, 0.5, 0.75])
def test_clouds_hide_about_the_share_asked(ground, cover):
    big = frame(0.5, (120, 130), 0.25, (240, 260))
    clear, _ = capture(ground, big, _with())
    counts, hidden = capture(ground, big, _with(cloud=cover, seed=4))
    assert 0 <= hidden.min() <= hidden.max() <= 1
    assert 0.5 * cover < (hidden > 0.2).mean() < min(1.0, cover + 0.35)
    untouched = hidden == 0
    assert np.abs(counts.astype(int) - clear)[:, untouched].max(initial=0) <= 1
    thick = hidden > 0.99
    assert np.ptp(counts[:, thick].astype(int), axis=0).max() <= 3  # cloud is white


def test_compression_changes_little_and_keeps_the_shape(ground):
    raw, _ = capture(ground, FRAME, _with())
    packed, _ = capture(ground, FRAME, _with(jpeg=90))
    assert packed.shape == raw.shape
    assert packed.dtype == np.uint8
    assert 0 < np.abs(packed.astype(int) - raw).mean() < 10


def test_drawn_shots_stay_within_their_ranges():
    rng = np.random.default_rng(0)
    shots = [sample_shot(rng, cloudy=0.5) for _ in range(200)]
    assert all(0 < s.clear <= 1 and 0 < s.white < 1 and s.gamma >= 1 and s.noise > 0 for s in shots)
    assert all(0 <= path <= 0.2 for s in shots for path in s.haze)
    assert all(0.8 <= s.common <= 1 and 0.003 < s.noise < 0.017 for s in shots)
    assert 60 < sum(s.cloud > 0 for s in shots) < 140
    assert not any(sample_shot(rng).cloud for _ in range(50))
    assert sample_shot(np.random.default_rng(7)) == sample_shot(np.random.default_rng(7))


def test_a_sensor_is_found_by_name_and_a_wrong_name_lists_all():
    for name, model in SENSORS.items():
        assert sensor(name) is model
        assert name == model.name
        assert model.gsd > 0
        assert all(0 < o.mtf < 1 and o.snr > 1 and 0 < o.at < 1 for o in model.optics)
    with pytest.raises(InputError, match="telescope") as error:
        sensor("telescope")
    assert all(name in str(error.value) for name in SENSORS)


def test_the_table_of_sensors_cannot_be_changed():
    with pytest.raises(TypeError):
        SENSORS["mine"] = SENSORS["vhr-0.5"]
    with pytest.raises(AttributeError):
        SENSORS["vhr-0.5"].gsd = 1.0
