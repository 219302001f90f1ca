"""Light and view obey optics: analytic cases of plane, box and pit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from geomage.render import Appearance, light_and_view, sky_view
from towns import stage

LEVEL = np.zeros((80, 96))
HEIGHT = 9.0  # metres of the tower
AZIMUTHS = (0, 33, 90, 135, 180, 214, 270, 305)


def tower(side: int = 240) -> np.ndarray:
    """A box of 20 px in the middle of level ground."""
    height = np.zeros((side, side))
    height[side // 2 - 10 : side // 2 + 10, side // 2 - 10 : side // 2 + 10] = HEIGHT
    return height


def rolling(seed: int) -> np.ndarray:
    """Smooth hills without steps, metres."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices(LEVEL.shape) / 20
    a, b, c, d = rng.uniform(0, 2 * np.pi, 4)
    return 1.5 * (np.sin(rows + a) * np.cos(columns + b) + np.sin(0.6 * columns + c) + np.cos(d))


@given(
    albedo=st.floats(0.01, 0.95),
    elevation=st.floats(5, 90),
    sun=st.floats(0, 360),
    off_nadir=st.floats(0, 30),
    view=st.floats(0, 360),
)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_a_level_lambertian_plane_returns_its_reflectance(albedo, elevation, sun, off_nadir, view):
    when = Appearance(
        sun_azimuth=sun, sun_elevation=elevation, off_nadir=off_nadir, view_azimuth=view
    )
    seen = light_and_view(stage(LEVEL, albedo=albedo), when).radiance
    assert np.abs(seen - albedo).max() < 1e-3


@pytest.mark.parametrize("azimuth", AZIMUTHS)
@pytest.mark.parametrize(("elevation", "px"), [(30, 0.5), (50, 0.5), (45, 0.25)])
def test_a_shadow_is_as_long_as_height_over_tangent(azimuth, elevation, px):
    height = tower()
    when = Appearance(sun_azimuth=azimuth, sun_elevation=elevation, off_nadir=0)
    seen = light_and_view(stage(height, px=px), when).radiance[0]
    dark = (seen < 0.29) & (height == 0)
    turn = np.radians(azimuth)

    def farthest(where: np.ndarray) -> float:
        rows, columns = np.nonzero(where)
        return float((-np.sin(turn) * columns + np.cos(turn) * rows).max() * px)

    # a penumbra of 0.35 m of height, and two lattices: a pixel and a bit
    length = farthest(dark) - farthest(height > 0)
    true = HEIGHT / np.tan(np.radians(elevation))
    assert length == pytest.approx(true, abs=1.25 * px + 0.1 / np.tan(np.radians(elevation)))


def test_no_sun_is_lost_at_the_zenith():
    when = Appearance(sun_elevation=90, off_nadir=0)
    height = tower(120)
    seen = light_and_view(stage(height), when).radiance[0]
    assert seen[60, 60] == pytest.approx(0.3, abs=1e-3)  # the middle of the roof
    assert seen[:5, :5].min() == pytest.approx(0.3, abs=1e-3)


@pytest.mark.parametrize("off_nadir", [5, 15, 30])
@pytest.mark.parametrize("azimuth", AZIMUTHS)
def test_a_roof_leans_away_from_the_sensor_by_height_times_tangent(off_nadir, azimuth):
    height, px = tower(120), 0.5
    there = stage(height, px=px)
    seen = light_and_view(there, Appearance(off_nadir=off_nadir, view_azimuth=azimuth))
    roof = (there.ids.reshape(-1)[seen.source] > 0) & (seen.wall == 0)
    rows, columns = (np.mean(axis) for axis in np.nonzero(roof))
    rows0, columns0 = (np.mean(axis) for axis in np.nonzero(height > 0))
    lean = HEIGHT * np.tan(np.radians(off_nadir)) / px
    turn = np.radians(azimuth)
    # the march goes in whole pixels: the lean is one too short at most, in steps of a pixel
    assert columns - columns0 == pytest.approx(-lean * np.sin(turn), abs=1.25)
    assert rows - rows0 == pytest.approx(lean * np.cos(turn), abs=1.25)


@pytest.mark.parametrize("azimuth", [0, 90, 180, 270])
def test_walls_show_on_the_side_of_the_sensor_as_high_as_the_house(azimuth):
    height = tower(120)
    seen = light_and_view(stage(height), Appearance(off_nadir=25, view_azimuth=azimuth))
    rows, columns = np.nonzero(seen.wall > 0)
    towards = np.array([-np.cos(np.radians(azimuth)), np.sin(np.radians(azimuth))])
    middle = np.array([59.5, 59.5])
    roof = (seen.source != np.arange(height.size).reshape(height.shape)) & (seen.wall == 0)
    lean = np.argwhere(roof).mean(0) - middle
    assert (np.array([rows.mean(), columns.mean()]) - middle) @ towards > lean @ towards
    assert 0.75 * HEIGHT < seen.wall.max() <= HEIGHT


def test_ground_behind_a_house_is_hidden_and_the_rest_is_where_it_was():
    height = tower(120)
    there = stage(height)
    seen = light_and_view(there, Appearance(off_nadir=25, view_azimuth=90))
    assert (there.ids.reshape(-1)[seen.source] > 0).sum() > (height > 0).sum()
    moved = seen.source != np.arange(height.size).reshape(height.shape)
    assert not moved[:40].any()
    assert not moved[:, 80:].any()


def test_an_open_plane_sees_the_whole_sky_and_a_pit_does_not():
    assert sky_view(np.zeros((60, 70), np.float32), 0.5).min() == pytest.approx(1)
    shares = []
    for depth in (3.0, 6.0, 12.0, 40.0):
        pit = np.full((80, 80), depth, np.float32)
        pit[30:50, 30:50] = 0
        view = sky_view(pit, 0.5)
        shares.append(float(view[40, 40]))
        assert view[:20].min() == pytest.approx(1)
        assert 0 <= view.min() <= view.max() <= 1 + 1e-6
    assert shares[0] < 1
    assert shares == sorted(shares, reverse=True)


@given(seed=st.integers(0, 999), elevation=st.floats(20, 80), azimuth=st.floats(0, 360))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_hills_shine_no_brighter_than_a_plane_that_faces_the_sun(seed, elevation, azimuth):
    when = Appearance(sun_azimuth=azimuth, sun_elevation=elevation, off_nadir=0)
    seen = light_and_view(stage(LEVEL, albedo=0.5, ground=rolling(seed)), when).radiance
    assert np.isfinite(seen).all()
    assert seen.min() >= 0
    # facing the sun, a plane of the same albedo takes 1 / sin(elevation) of the level one's sun
    assert seen.max() <= 0.5 / np.sin(np.radians(elevation)) * 1.001


@given(
    blocks=arrays(np.float32, (10, 11), elements=st.sampled_from([0.0, 0.0, 0.0, 3.0, 12.5])),
    elevation=st.floats(20, 80),
    off_nadir=st.floats(0, 30),
    turn=st.floats(0, 360),
)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_boxes_on_level_ground_create_no_energy(blocks, elevation, off_nadir, turn):
    height = np.kron(blocks, np.ones((4, 4), np.float32))
    when = Appearance(
        sun_azimuth=turn, sun_elevation=elevation, off_nadir=off_nadir, view_azimuth=2 * turn
    )
    picture = light_and_view(stage(height, albedo=0.4), when)
    assert np.isfinite(picture.radiance).all()
    assert picture.radiance.min() >= 0
    level_roofs = picture.radiance[:, picture.wall == 0]
    assert level_roofs.max() <= 0.4 * 1.01
    assert picture.source.min() >= 0
    assert picture.source.max() < height.size


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turning_the_world_turns_the_shadow(turns):
    height = np.zeros((90, 90))
    height[30:44, 40:70] = 6
    azimuth = 40.0
    when = Appearance(sun_azimuth=azimuth, sun_elevation=40, off_nadir=0)
    turned = Appearance(sun_azimuth=azimuth - 90 * turns, sun_elevation=40, off_nadir=0)
    once = light_and_view(stage(height), when).radiance[0] < 0.28
    again = light_and_view(stage(np.rot90(height, turns).copy()), turned).radiance[0] < 0.28
    # light marches along pixels: the rims of both shadows may differ
    differs = np.rot90(once, turns) != again
    assert differs.sum() < 0.08 * once.sum()
