"""Laws of side-looking radar and of what it meets."""

import numpy as np
import pytest

from geomage.errors import InputError
from geomage.render.backscatter import (
    Scatterers,
    backscatter,
    fresnel,
    open_water,
    soil_backscatter,
    soil_permittivity,
)
from geomage.sensor.radar import (
    RadarShot,
    View,
    detect,
    facing_walls,
    local_incidence,
    project,
    radar,
    speckle,
)

MODEL = radar("sentinel-1")
EAST = View(40.0, 90.0)  # the beam goes east: the sensor is in the west, range grows with columns


def flat(ny=60, nx=80, value=0.1):
    return np.zeros((ny, nx)), np.full((2, ny, nx), value)


def db(power):
    return 10 * np.log10(power)


def landscape(**given):
    usual = {
        "moisture": 0.2, "rough_cm": 1.0, "plants": 0.0, "stems": 0.4, "trees": 0.0, "tall_m": 0.6,
        "houses": 0.0, "facing": 30.0, "wet": 0.0, "depth": 0.0, "wind": 2.0,
    }  # fmt: skip
    return Scatterers(**{name: np.full((1, 3), value) for name, value in (usual | given).items()})


ANGLES = np.array([[31.0, 38.0, 45.0]])


@pytest.mark.parametrize("look", [90.0, 270.0, 78.0, 282.0])
def test_a_flat_plane_returns_its_sigma_naught(look):
    terrain, sigma = flat()
    echo = project(terrain + 120.0, terrain, sigma, View(38.0, look), 10.0)
    np.testing.assert_allclose(echo.power[:, 5:-5, 5:-5], 0.1, rtol=1e-9)
    assert not echo.shadow.any()


@pytest.mark.parametrize("incidence", [25.0, 40.0, 55.0])
def test_a_point_lies_its_height_over_tan_of_incidence_nearer_to_the_sensor(incidence):
    terrain, sigma = flat(value=0.0)
    height = terrain.copy()
    height[30, 50], sigma[:, 30, 50] = 24.0, 1.0
    echo = project(terrain, height, sigma, View(incidence, 90.0), 2.0)
    columns = np.arange(80)
    centre = (echo.power[0].sum(0) * columns).sum() / echo.power[0].sum()
    assert (50 - centre) * 2.0 == pytest.approx(24.0 / np.tan(np.radians(incidence)), abs=0.05)
    assert echo.power[0].sum() == pytest.approx(1.0)


def test_layover_turns_with_the_look():
    terrain, sigma = flat(value=0.0)
    height = terrain.copy()
    height[30, 40], sigma[:, 30, 40] = 20.0, 1.0
    west = project(terrain, height, sigma, View(40.0, 270.0), 2.0).power[0]
    north = project(terrain, height, sigma, View(40.0, 0.0), 2.0).power[0]
    assert np.unravel_index(west.argmax(), west.shape)[1] > 45
    assert np.unravel_index(north.argmax(), north.shape)[0] > 35  # sensor in the south


@pytest.mark.parametrize("incidence", [30.0, 45.0, 60.0])
def test_shadow_is_as_long_as_height_times_tan_of_incidence(incidence):
    terrain, sigma = flat(20, 120)
    height = terrain.copy()
    height[:, 40:42] = 15.0
    shadow = project(terrain, height, sigma, View(incidence, 90.0), 1.0).shadow
    assert shadow[10, 42:].sum() == pytest.approx(15 * np.tan(np.radians(incidence)), abs=1.0)
    assert not shadow[:, :40].any()


def test_terrain_is_put_back_where_it_is_and_its_near_slope_is_brighter():
    x = np.mgrid[:60, :120][1]
    terrain = 60 * np.exp(-(((x - 60) / 14.0) ** 2))
    _, sigma = flat(60, 120)
    power = project(terrain, 0 * terrain, sigma, EAST, 10.0).power[0, 30]
    assert power[40:58].mean() > 0.12
    assert power[62:80].mean() < 0.08
    incidence = local_incidence(terrain, 10.0, EAST)[30]
    assert incidence[46] < 40 < incidence[74]
    assert incidence[5] == pytest.approx(40.0, abs=0.1)


def test_local_incidence_of_a_tilted_plane():
    x = np.mgrid[:20, :20][1]
    tilt = np.tan(np.radians(10.0)) * 5.0 * x  # rises away from a sensor in the west
    np.testing.assert_allclose(local_incidence(tilt, 5.0, EAST), 30.0, atol=1e-6)
    np.testing.assert_allclose(local_incidence(-tilt, 5.0, EAST), 50.0, atol=1e-6)


def test_a_double_bounce_comes_only_from_walls_that_face_the_sensor():
    height = np.zeros((60, 60))
    height[20:40, 20:40] = 8.0
    walls = facing_walls(height, 2.0, EAST)
    assert walls[25:35, 20].min() > 1.0  # the west wall
    walls[19:41, 20] = 0
    assert walls.max() < 0.1 * facing_walls(height, 2.0, EAST).max()
    _, sigma = flat(60, 60, 0.0)
    image = project(0 * height, height, sigma, EAST, 2.0, bounce=(1.0, 0.1)).power
    assert image[0, 30].argmax() in {19, 20}  # at the foot of the wall, not at its top
    np.testing.assert_allclose(image[1], 0.1 * image[0], atol=1e-12)
    turned = project(0 * height, height, sigma, View(40.0, 45.0), 2.0, bounce=(1.0, 0.1)).power
    assert turned[0].sum() < 0.3 * image[0].sum()


@pytest.mark.parametrize("looks", [1.0, 4.4, 12.0])
def test_speckle_keeps_the_mean_and_has_variance_one_over_looks(looks):
    grain = speckle((700, 700), looks, (0.0, 0.0), np.random.default_rng(3))
    assert grain.mean() == pytest.approx(1.0, abs=0.01)
    assert grain.var() == pytest.approx(1 / looks, rel=0.03)
    assert grain.min() >= 0


def test_correlated_speckle_keeps_its_law_and_its_neighbours_are_alike():
    grain = speckle((900, 900), 4.4, (1.0, 1.0), np.random.default_rng(3))
    assert grain.mean() == pytest.approx(1.0, abs=0.01)
    assert grain.var() == pytest.approx(1 / 4.4, rel=0.04)
    d = grain - grain.mean()
    assert (d[:, 1:] * d[:, :-1]).mean() / d.var() == pytest.approx(np.exp(-1 / 4), abs=0.03)
    assert abs((d[:, 8:] * d[:, :-8]).mean() / d.var()) < 0.03


def test_a_sheet_comes_out_with_its_backscatter_and_its_number_of_looks():
    shot = RadarShot((-60.0, -60.0), seed=4)
    image = detect(np.full((2, 600, 600), 0.05), 10.0, EAST, MODEL, shot)
    power = 10 ** (image / 10)
    assert image.dtype == np.float32
    np.testing.assert_allclose(power.mean((1, 2)), 0.05, rtol=0.02)
    looks = power.mean((1, 2)) ** 2 / power.var((1, 2))
    np.testing.assert_allclose(looks, MODEL.enl, rtol=0.06)


def test_noise_is_what_is_left_of_nothing_and_power_is_never_negative():
    nothing = np.zeros((2, 400, 400))
    kept = detect(nothing, 10.0, EAST, MODEL, RadarShot((-22.0, -25.0), left=(1.0, 1.0)))
    np.testing.assert_allclose(db((10 ** (kept / 10)).mean((1, 2))), [-22.0, -25.0], atol=0.15)
    taken = detect(nothing, 10.0, EAST, MODEL, RadarShot((-22.0, -25.0)))
    assert taken.min() >= -50.0 - 1e-3
    assert (taken.mean((1, 2)) < kept.mean((1, 2))).all()


def test_resolution_is_coarser_than_the_pixel():
    point = np.zeros((2, 41, 41))
    point[:, 20, 20] = 1000.0
    quiet = MODEL.__class__(**{**vars(MODEL), "enl": 1e6})
    image = 10 ** (detect(point, 10.0, EAST, quiet, RadarShot((-60.0, -60.0)))[0] / 10)
    along, across = image[20] / image.max(), image[:, 20] / image.max()
    width = [
        np.sqrt((p * np.arange(-20, 21) ** 2).sum() / p.sum()) * 23.548 for p in (along, across)
    ]
    assert width == [pytest.approx(20.0, abs=2.5), pytest.approx(22.0, abs=2.5)]


def test_the_same_seed_gives_the_same_bytes_and_another_does_not():
    echo = np.full((2, 50, 50), 0.05)
    first, again, other = (
        detect(echo, 10.0, EAST, MODEL, RadarShot(seed=s)).tobytes() for s in (1, 1, 2)
    )
    assert first == again != other


def test_fine_cells_become_pixels_of_the_product():
    assert detect(np.ones((2, 100, 150)), 2.0, EAST, MODEL, RadarShot()).shape == (2, 20, 30)


def test_bad_words_and_numbers_are_refused():
    with pytest.raises(InputError, match="did you mean 'sentinel-1'"):
        radar("sentinel1")
    with pytest.raises(InputError, match="incidence of 85"):
        View(85.0)
    with pytest.raises(InputError, match="do not divide"):
        detect(np.ones((2, 50, 50)), 3.0, EAST, MODEL, RadarShot())
    with pytest.raises(InputError, match="do not lie on one grid"):
        project(np.zeros((4, 4)), np.zeros((4, 5)), np.ones((2, 4, 4)), EAST, 10.0)


# ------------------------------------------------------------------- what the beam meets


def test_smooth_water_is_darker_than_any_land():
    """At least 6 dB in VV and 5 in VH: Twele et al. (2016), Int. J. Remote Sens. 37, 2990."""
    water = db(backscatter(landscape(wet=1.0, depth=2.0, wind=1.0), ANGLES))
    for ground in (landscape(), landscape(plants=1.0), landscape(plants=6.0, trees=1.0)):
        land = db(backscatter(ground, ANGLES))
        assert (land[0] - water[0] > 6).all()
        assert (land[1] - water[1] > 5).all()


def test_wind_roughens_water_and_incidence_darkens_it():
    speeds = np.array([1.0, 2.0, 4.0, 8.0, 12.0])
    vv, vh = db(open_water(speeds, np.full(5, 38.0)))
    assert (np.diff(vv) > 0).all()
    assert (np.diff(vh) > 0).all()
    assert (np.diff(open_water(np.full(3, 6.0), ANGLES[0])[0]) < 0).all()
    assert (
        open_water(speeds, np.full(5, 38.0), 0.0)[0, 3]
        > open_water(speeds, np.full(5, 38.0), 90.0)[0, 3]
    )


def test_open_water_is_that_of_cmod5n():
    """Numbers of another implementation of Hersbach (2010), whose formula xsarsea has."""
    incidence, wind = np.array([30.0, 40.0, 40.0, 45.0]), np.array([2.0, 5.0, 10.0, 8.0])
    still = 10**-2.7
    upwind = db(open_water(wind, incidence, 0.0)[0] - still)
    np.testing.assert_allclose(upwind[:3], [-18.213, -18.6038, -12.9466], atol=1e-3)
    downwind = db(open_water(wind, incidence, 180.0)[0] - still)
    assert downwind[3] == pytest.approx(-17.3395, abs=1e-3)


def test_wet_and_rough_soil_is_brighter():
    m, s = np.array([0.05, 0.15, 0.3]), np.array([0.4, 1.0, 2.0])
    assert (np.diff(soil_backscatter(m, np.full(3, 1.0), np.full(3, 38.0))) > 0).all()
    assert (np.diff(soil_backscatter(np.full(3, 0.2), s, np.full(3, 38.0))) > 0).all()
    vv, vh = db(soil_backscatter(np.full(3, 0.2), s, np.full(3, 38.0)))
    assert ((vv - vh > 6) & (vv - vh < 16)).all()


def test_permittivity_and_reflectivity_are_those_of_the_papers():
    np.testing.assert_allclose(
        soil_permittivity(np.array([0.0, 0.2, 0.4])), [3.03, 10.11, 25.2], atol=0.05
    )
    v, h = fresnel(np.array([9.0]), np.array([0.0]))
    assert v[0] == pytest.approx(0.25)
    assert h[0] == pytest.approx(0.25)
    brewster = np.degrees(np.arctan(3.0))
    assert fresnel(np.array([9.0]), np.array([brewster]))[0][0] == pytest.approx(0, abs=1e-12)


def test_flooded_stems_are_brighter_than_open_water_and_drowned_plants_are_not():
    stems = landscape(plants=1.5, stems=0.8, tall_m=0.8, wet=1.0, depth=0.1, wind=1.0)
    drowned = landscape(plants=1.5, stems=0.8, tall_m=0.8, wet=1.0, depth=1.5, wind=1.0)
    open_ = landscape(wet=1.0, depth=1.5, wind=1.0)
    bright, low, water = (db(backscatter(s, ANGLES)) for s in (stems, drowned, open_))
    assert (bright[0] - water[0] > 8).all()
    np.testing.assert_allclose(low, water, atol=1e-9)


def test_houses_that_face_the_beam_are_brightest():
    facing, askew, none = (
        db(backscatter(landscape(houses=h, facing=f), ANGLES))[0]
        for h, f in ((0.5, 0.0), (0.5, 45.0), (0.0, 0.0))
    )
    assert (facing > askew + 3).all()
    assert (askew > none).all()


def test_half_flooded_cells_lie_between():
    dry, half, wet = (
        backscatter(landscape(wet=w, depth=0.5, wind=1.0), ANGLES) for w in (0.0, 0.5, 1.0)
    )
    np.testing.assert_allclose(half, (dry + wet) / 2, rtol=1e-9)
