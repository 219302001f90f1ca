"""Light and view obey optics: analytic cases of plane, box and pit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from geomage.render import Appearance, Stage, light_and_view, normals, sky_view, visible
from geomage.sensor import VISIBLE, Band, frame
from towns import stage

LEVEL = np.zeros((80, 96))
HEIGHT = 9.0  # metres of the tower
AZIMUTHS = (0, 33, 90, 135, 180, 214, 270, 305)
BANDS = (
    *VISIBLE, Band("coastal", 443, 20), Band("nir", 842, 110), Band("swir16", 1610, 90),
    Band("swir22", 2190, 180),
)  # fmt: skip


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


def house(angle: float, side: float, px: float, shape: tuple[int, int]) -> np.ndarray:
    """A box of `side` metres, turned by `angle` degrees, in the middle of level ground."""
    rows, columns = (np.indices(shape) - (np.array(shape)[:, None, None] - 1) / 2) * px
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    inside = np.maximum(abs(columns * c - rows * s), abs(columns * s + rows * c)) < side / 2
    return HEIGHT * inside


def in_bands(there: Stage, albedo: np.ndarray) -> Stage:
    """The same stage with one albedo a band, in `BANDS`."""
    stack = np.ones((len(BANDS), *there.height.shape), np.float32) * albedo[:, None, None]
    return replace(there, albedo=stack.astype(np.float32), bands=BANDS)


@given(
    albedo=st.floats(0.01, 0.95),
    elevation=st.floats(5, 90),
    sun=st.floats(0, 360),
    off_nadir=st.floats(0, 45),
    view=st.floats(0, 360),
    veil=st.floats(0, 1),
)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_a_level_lambertian_plane_returns_its_reflectance_in_every_band(
    albedo, elevation, sun, off_nadir, view, veil
):
    when = Appearance(
        sun_azimuth=sun, sun_elevation=elevation, off_nadir=off_nadir, view_azimuth=view, veil=veil
    )
    each = albedo * np.linspace(1, 0.3, len(BANDS))
    seen = light_and_view(in_bands(stage(LEVEL), each), when)
    assert np.abs(seen.radiance - each[:, None, None]).max() < 1e-5
    assert np.array_equal(seen.source.ravel(), np.arange(LEVEL.size))


def test_a_band_more_changes_no_other():
    when = Appearance(off_nadir=30)
    there = in_bands(stage(tower(120)), np.linspace(0.1, 0.5, len(BANDS)))
    few = replace(there, albedo=there.albedo[:3], bands=BANDS[:3])
    all_bands, three = light_and_view(there, when), light_and_view(few, when)
    assert all_bands.radiance[:3].tobytes() == three.radiance.tobytes()
    assert all_bands.source.tobytes() == three.source.tobytes()


def test_the_sky_is_blue_and_shadows_are_darkest_in_the_infrared():
    height = tower(160)
    there = in_bands(stage(height), np.full(len(BANDS), 0.3))
    seen = light_and_view(there, Appearance(sun_azimuth=180, sun_elevation=40, off_nadir=0))
    shaded = seen.radiance[:, 60, 80]  # north of the tower
    assert seen.shadow[60, 80] == 1
    order = np.argsort([band.centre_nm for band in BANDS])
    assert (np.diff(shaded[order]) < 0).all()
    assert 0.1 < shaded[2] / 0.3 < 0.3  # blue
    assert shaded[-1] / 0.3 < 0.08


@pytest.mark.parametrize("azimuth", AZIMUTHS)
@pytest.mark.parametrize(("elevation", "px"), [(30, 0.5), (50, 0.5), (45, 0.25)])
def test_a_shadow_is_as_long_as_height_over_tangent(azimuth, elevation, px):
    height = tower()
    when = Appearance(sun_azimuth=azimuth, sun_elevation=elevation, off_nadir=0)
    seen = light_and_view(stage(height, px=px), when)
    dark = (seen.shadow > 0.5) & (height == 0)
    assert (seen.radiance[0][seen.shadow == 1] < 0.1).all()
    turn = np.radians(azimuth)

    def farthest(where: np.ndarray) -> float:
        rows, columns = np.nonzero(where)
        return float((-np.sin(turn) * columns + np.cos(turn) * rows).max() * px)

    length = farthest(dark) - farthest(height > 0)
    # seen from a corner, the lattice of pixels has a say, too
    near = px / 2 if azimuth % 90 == 0 else 1.1 * px
    assert length == pytest.approx(HEIGHT / np.tan(np.radians(elevation)), abs=near)


@pytest.mark.parametrize("elevation", [25, 40, 60])
def test_a_penumbra_is_as_wide_as_the_sun_makes_it(elevation):
    px, high = 0.02, 12.0
    height = np.zeros((24, 2600))
    height[:, :400] = high
    when = Appearance(sun_azimuth=270, sun_elevation=elevation, off_nadir=0)
    lost = light_and_view(stage(height, px=px), when).shadow[12, 400:]
    tan = np.tan(np.radians(elevation + np.array([0.2664, 0.0, -0.2664])))
    dark, middle, bright = high / tan / px
    assert np.argmax(lost < 1) == pytest.approx(dark, abs=2)
    assert np.argmax(lost < 0.5) == pytest.approx(middle, abs=2)
    assert np.argmax(lost <= 0) == pytest.approx(bright, abs=2)
    assert (np.diff(lost) <= 1e-6).all()


def test_no_sun_is_lost_at_the_zenith():
    when = Appearance(sun_elevation=90, off_nadir=0)
    height = tower(120)
    seen = light_and_view(stage(height), when).radiance[0]
    assert seen[60, 60] == pytest.approx(0.3, abs=1e-3)  # the middle of the roof
    assert seen[:5, :5].min() == pytest.approx(0.3, abs=1e-3)


@pytest.mark.parametrize("off_nadir", [0.5, 5, 15, 30, 45])
@pytest.mark.parametrize("azimuth", AZIMUTHS)
def test_a_roof_leans_away_from_the_sensor_by_height_times_tangent(off_nadir, azimuth):
    px = 0.5
    height = house(17, 12, px, (140, 140))
    there = stage(height, px=px)
    seen = light_and_view(there, Appearance(off_nadir=off_nadir, view_azimuth=azimuth))
    roof = (there.ids.reshape(-1)[seen.source] > 0) & (seen.wall == 0)
    assert roof.sum() == pytest.approx((height > 0).sum(), rel=0.01)
    rows, columns = (np.mean(axis) for axis in np.nonzero(roof))
    lean = HEIGHT * np.tan(np.radians(off_nadir)) / px
    turn = np.radians(azimuth)
    # rays start at the middles of pixels: half a stage pixel, a quarter of a sensor's
    assert columns - 69.5 == pytest.approx(-lean * np.sin(turn), abs=0.51)
    assert rows - 69.5 == pytest.approx(lean * np.cos(turn), abs=0.51)


def edge(profile: np.ndarray) -> float:
    """Where a profile (n,) first falls through one half, between samples."""
    k = int(np.argmax(profile < 0.5))
    return k - 1 + float((profile[k - 1] - 0.5) / (profile[k - 1] - profile[k]))


@pytest.mark.parametrize("off_nadir", [0, 15, 30, 45])
@pytest.mark.parametrize("shift", [0.0, 0.35])
def test_the_edge_of_a_roof_lies_in_the_image_where_the_label_says(off_nadir, shift):
    gsd, px = 0.5, 0.25
    there = stage(house(-7, 24, px, (241, 301)), px=px)
    there.albedo[:, there.ids > 0] = 0.8
    there.albedo[:, there.ids == 0] = 0.1
    when = Appearance(sun_azimuth=270, off_nadir=off_nadir, view_azimuth=270)
    seen = light_and_view(there, when)
    framing = frame(px, (241, 301), gsd, (111, 141), (shift * px, 0.0))
    optics = ndimage.gaussian_filter(seen.radiance[0], 0.6 * framing.ratio)
    rows = framing.row0 + framing.ratio * np.arange(framing.rows)
    columns = framing.col0 + framing.ratio * np.arange(framing.columns)
    image = ndimage.map_coordinates(optics, np.meshgrid(rows, columns, indexing="ij"), order=1)
    label = framing.pick(there.ids.reshape(-1)[seen.source])
    middle = np.array(ndimage.center_of_mass(label)).astype(int)
    near = slice(middle[0] - 16, middle[0] + 17)
    # the roof's eastern edge, seen from the west: behind it lies lit ground
    photo = [edge((line[middle[1] :] - 0.1) / 0.7) for line in image[near]]
    truth = [edge(line[middle[1] :].astype(float)) for line in label[near]]
    # what a shift of less than a stage pixel moves the image by, labels round to whole ones
    bound = 0.12 if shift == 0 else 0.12 + shift * px / gsd
    assert np.mean(photo) == pytest.approx(np.mean(truth), abs=bound)


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
    assert 0.93 * HEIGHT < seen.wall.max() <= HEIGHT
    out = np.degrees(seen.facing[seen.wall > 0])
    assert np.abs((out - azimuth + 180) % 360 - 180).max() < 1e-4


@pytest.mark.parametrize("off_nadir", [10, 25, 45])
def test_a_wall_shows_as_high_as_its_height_times_tangent(off_nadir):
    px, height = 0.1, np.zeros((120, 400))
    height[40:80, 250:350] = HEIGHT
    seen = light_and_view(stage(height, px=px), Appearance(off_nadir=off_nadir, view_azimuth=270))
    row = np.flatnonzero(seen.wall[60] > 0)
    tan = np.tan(np.radians(off_nadir))
    assert len(row) * px == pytest.approx(HEIGHT * tan, abs=px)
    assert row[0] == 250
    level = HEIGHT - seen.wall[60, row]  # metres above the ground, of each pixel's centre
    assert level == pytest.approx((row - 249.5) * px / tan, abs=1e-3)


def test_a_wall_turned_by_any_angle_faces_where_it_faces():
    px = 0.25
    there = stage(house(28, 16, px, (160, 160)), px=px)
    there = replace(there, plan=np.array([[0, 1, 0, 0], [np.radians(28), np.pi / 2, 20, 20]]))
    seen = light_and_view(there, Appearance(off_nadir=40, view_azimuth=200))
    out = np.degrees(seen.facing[seen.wall > 0]) % 360
    # walls look to 28 degrees north of east and so on: azimuths 62, 152, 242, 332
    true = np.minimum(abs(out - 152), abs(out - 242))
    assert (true < 1e-3).mean() > 0.95
    assert {152, 242} <= set(np.rint(out).astype(int))


def test_normals_are_those_of_what_is_seen():
    slope = np.tile(np.arange(96) * 0.5 * 0.2, (80, 1))  # rises by a fifth to the east
    there = stage(LEVEL, ground=slope)
    seen = light_and_view(there, Appearance(off_nadir=0))
    n = normals(there, seen, np.array([40 * 96 + 50]))[:, 0]
    assert n == pytest.approx(np.array([-0.2, 0, 1]) / np.hypot(1, 0.2), abs=1e-4)
    there = stage(tower(120))
    seen = light_and_view(there, Appearance(off_nadir=30, view_azimuth=180))
    n = normals(there, seen, np.flatnonzero(seen.wall > 0))
    assert n == pytest.approx(np.array([0, -1, 0])[:, None] + 0 * n, abs=1e-6)


def test_what_the_sensor_sees_is_what_nothing_hides():
    there = stage(tower(160))
    when = Appearance(off_nadir=40, view_azimuth=0)
    seen = visible(there, when) > 0.5
    taken = np.zeros(seen.size, bool)
    taken[light_and_view(there, when).source.ravel()] = True
    assert (seen != taken.reshape(seen.shape)).mean() < 0.005
    hidden = np.flatnonzero(~seen[:, 80])  # behind the tower, from its foot
    assert hidden[0] == 90
    assert len(hidden) * 0.5 == pytest.approx(HEIGHT * np.tan(np.radians(40)), abs=0.5)


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
    off_nadir=st.floats(0, 45),
    turn=st.floats(0, 360),
    albedo=st.sampled_from([0.1, 0.4, 0.9]),
)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_boxes_on_level_ground_create_no_energy(blocks, elevation, off_nadir, turn, albedo):
    rimmed = np.pad(blocks, 3, constant_values=blocks.max())  # no light comes in from beside it
    height = np.kron(rimmed, np.ones((4, 4), np.float32))
    when = Appearance(
        sun_azimuth=turn, sun_elevation=elevation, off_nadir=off_nadir, view_azimuth=2 * turn
    )
    there = stage(height, albedo=albedo)
    picture = light_and_view(there, when)
    assert np.isfinite(picture.radiance).all()
    assert picture.radiance.min() >= 0
    # what lies level gets no more than all light, and half of what walls on all sides give back
    level_roofs = picture.radiance[:, picture.wall == 0]
    assert level_roofs.max() <= albedo * (1 + 0.5 * albedo)
    assert picture.source.min() >= 0
    assert picture.source.max() < height.size
    above = light_and_view(there, replace(when, off_nadir=0.0)).radiance
    assert above.mean() <= albedo * 1.0001  # what comes in is what a level plane would get


def test_one_bounce_brings_the_colour_of_the_neighbourhood_into_what_hides_the_sky():
    height = np.full((96, 96), 20.0)
    height[40:56, 40:56] = 0
    there = in_bands(stage(height), np.array([0.8, *[0.1] * (len(BANDS) - 1)]))
    there.albedo[:, height == 0] = 0.5
    when = Appearance(sun_azimuth=180, sun_elevation=30, off_nadir=0)
    floor = light_and_view(there, when).radiance[:, 42, 48]
    plain = light_and_view(replace(there, albedo=0.1 + 0 * there.albedo), when).radiance
    assert floor[0] / 0.5 > 1.5 * plain[0, 42, 48] / 0.1  # red: its walls are brighter
    assert floor[1] / 0.5 == pytest.approx(plain[1, 42, 48] / 0.1, rel=0.5)


@pytest.mark.parametrize("turns", [1, 2, 3])
@pytest.mark.parametrize("off_nadir", [0, 35])
def test_turning_the_world_turns_the_picture(turns, off_nadir):
    height = np.zeros((90, 90))
    height[30:44, 40:70] = 6
    when = Appearance(sun_azimuth=40.0, sun_elevation=40, off_nadir=off_nadir, view_azimuth=110.0)
    turned = replace(when, sun_azimuth=40.0 - 90 * turns, view_azimuth=110.0 - 90 * turns)
    once = light_and_view(stage(height), when)
    again = light_and_view(stage(np.rot90(height, turns).copy()), turned)
    # light is followed along pixels: the rims of both shadows may differ
    dark = once.radiance[0] < 0.28
    differs = np.rot90(dark, turns) != (again.radiance[0] < 0.28)
    assert differs.sum() < 0.08 * dark.sum()
    walls = np.rot90(once.wall, turns)
    assert np.abs(walls - again.wall).max() < 1e-3
    assert np.rot90(once.shadow, turns).mean() == pytest.approx(again.shadow.mean(), rel=0.05)


def window(there: Stage, rows: slice, columns: slice) -> Stage:
    """Cut a stage."""
    cut = (rows, columns)
    layers = (
        "ground", "height", "cover", "ids", "footprint", "water", "changed", "flood_depth", "matter"
    )  # fmt: skip
    cuts = {name: np.ascontiguousarray(getattr(there, name)[cut]) for name in layers}
    albedo = np.ascontiguousarray(there.albedo[(slice(None), *cut)])
    plan = there.plan - [0, 0, columns.start * 0.5, (len(there.height) - rows.stop) * 0.5]
    return replace(there, box=there.box[cut], albedo=albedo, plan=plan, **cuts)


@pytest.mark.parametrize("off_nadir", [0, 40])
def test_a_window_of_a_stage_shows_what_the_whole_shows(off_nadir):
    rng = np.random.default_rng(5)
    blocks = rng.choice([0.0, 0.0, 0.0, 4.0, 9.0], (30, 32)).astype(np.float32)
    height = np.kron(blocks, np.ones((9, 9), np.float32))
    there = stage(height, ground=np.indices(height.shape)[0] * 0.02)
    there = replace(there, plan=np.array([[0, np.pi / 2, 7.0, 9.0]] * 2))
    there.albedo[:] = rng.uniform(0.1, 0.5, height.shape)
    when = Appearance(sun_azimuth=130, sun_elevation=40, off_nadir=off_nadir, view_azimuth=250)
    whole = light_and_view(there, when)
    part = light_and_view(window(there, slice(53, 241), slice(47, 255)), when)
    inner = (slice(60, 120), slice(60, 120))  # 30 m from the rim of the window
    same = (slice(113, 173), slice(107, 167))
    assert np.array_equal(whole.shadow[same], part.shadow[inner])
    assert np.abs(whole.wall[same] - part.wall[inner]).max() < 1e-4
    differs = np.abs(whole.radiance[:, *same] - part.radiance[:, *inner])
    assert differs.max() < 0.01  # what stands far off hides a little of the sky
    assert differs.mean() < 1e-3
