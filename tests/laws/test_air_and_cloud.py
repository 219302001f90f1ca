"""What air and cloud do to a picture, by wavelength and geometry; where the sun stands."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from geomage.errors import InputError
from geomage.sensor import (
    SENSORS,
    Looks,
    Shot,
    capture,
    frame,
    sample_looks,
    sample_shot,
    sample_weather,
    sun_position,
)
from geomage.sensor.air import air_between, gas
from geomage.sensor.clouds import clouds_over

L1C, L2A = SENSORS["sentinel2-l1c"], SENSORS["sentinel2-l2a"]
QUIET = replace(L1C, optics=tuple(replace(o, snr=1e9) for o in L1C.optics))
HERE = frame(1.0, (120, 120), 1.0, (120, 120))
AT = {name: i for i, name in enumerate(L1C.names)}


def plane(model, *values: float) -> np.ndarray:
    n = len(model.bands)
    return np.full((n, 120, 120), np.reshape(values, (-1, 1, 1)), np.float32)


@pytest.mark.parametrize("aerosol", [0.0, 0.1, 0.6])
@pytest.mark.parametrize("sun", [25.0, 60.0])
def test_what_air_adds_and_takes_can_be_given_back(aerosol, sun):
    shot = Shot(aerosol=aerosol, looks=Looks(120.0, sun, 8.0, 200.0))
    air = air_between(L1C.bands, aerosol, shot.looks)
    ground = np.linspace(0.05, 0.45, len(L1C.bands))
    seen = capture(plane(L1C, *ground), HERE, shot, QUIET)[0].mean((1, 2)) / L1C.scale
    clear = air.clear > 0.01  # all but cirrus
    back = (seen - air.path) / np.maximum(air.clear, 0.01)
    assert np.abs(back - ground)[clear].max() < 1e-3


def test_level_2a_gives_the_ground_but_for_air_misjudged():
    ground = np.linspace(0.05, 0.45, len(L2A.bands))
    errors = []
    for seed in range(12):
        shot = Shot(aerosol=0.2, seed=seed)
        counts, _ = capture(plane(L2A, *ground), HERE, shot, L2A)
        errors.append(counts.mean((1, 2)) / L2A.scale - ground)
    off = np.array(errors)[:, [n != "nir09" for n in L2A.names]]
    assert 1e-3 < np.abs(off).max() < 0.03
    assert np.abs(off.mean(0)).max() < 0.008


def test_haze_is_blue_and_grows_with_aerosol_and_a_low_sun():
    high, low = Looks(150.0, 60.0), Looks(150.0, 30.0)
    path = air_between(L1C.bands, 0.1, high).path
    window = [AT[n] for n in ("coastal", "blue", "green", "red", "nir", "swir16", "swir22")]
    assert (np.diff(path[window]) < 0).all()
    assert (air_between(L1C.bands, 0.4, high).path > path)[window].all()
    assert (air_between(L1C.bands, 0.1, low).path > path)[window].all()


def test_haze_without_aerosol_falls_with_the_fourth_power_of_wavelength():
    bands = [b for b in SENSORS["worldview3-0.3"].bands if b.name in {"blue", "red"}]
    path = air_between(bands, 0.0, Looks()).path
    power = -np.log(path[0] / path[1]) / np.log(bands[0].centre_nm / bands[1].centre_nm)
    assert power == pytest.approx(4.09, abs=0.12)  # Hansen and Travis, and a little ozone


@pytest.mark.parametrize("aerosol", [0.0, 0.3, 0.8])
def test_no_more_light_comes_back_than_fell_in(aerosol):
    for sun in (20.0, 45.0, 90.0):
        air = air_between(L1C.bands, aerosol, Looks(100.0, sun, 20.0, 90.0))
        assert (air.path + air.clear <= 1).all()
        assert (air.path >= 0).all()
        assert ((air.mixed >= 0) & (air.mixed < 1)).all()


def test_vapour_hides_the_ground_from_two_bands_of_sentinel_2():
    counts, _ = capture(plane(L1C, 0.3), HERE, Shot(), QUIET)
    seen = dict(zip(L1C.names, counts.mean((1, 2)) / L1C.scale, strict=True))
    assert seen["cirrus"] < 0.002
    assert seen["nir09"] < 0.3 * seen["nir08"]
    assert seen["swir16"] > 0.25
    heights = [gas(L1C.bands, h)[AT["cirrus"]] for h in (0, 1500, 5000, 10_000)]
    assert np.all(np.diff(heights) > 0)
    assert heights[1] < 0.01
    assert heights[3] > 0.8


def test_cirrus_shows_where_no_ground_does():
    shot = Shot(cirrus=0.02, seed=2)
    bare, _ = capture(plane(L1C, 0.2), HERE, replace(shot, cirrus=0.0), QUIET)
    veiled, _ = capture(plane(L1C, 0.2), HERE, shot, QUIET)
    more = (veiled.astype(float) - bare).mean((1, 2)) / L1C.scale
    assert 0.012 < more[AT["cirrus"]] < 0.022
    assert veiled[AT["cirrus"]].mean() > 10 * bare[AT["cirrus"]].mean()


def test_a_cloud_is_white_in_the_visible_and_darker_in_the_short_infrared():
    shot = Shot(cloud=0.5, seed=1, cloud_height=1500.0)
    counts, hidden = capture(plane(L1C, 0.1), HERE, shot, QUIET)
    core = counts[:, hidden > 0.999].mean(1) / L1C.scale
    assert (core[[AT[n] for n in ("blue", "green", "red", "nir")]] > 0.4).all()
    assert core[AT["nir"]] > core[AT["swir16"]] > core[AT["swir22"]] > 0.1
    assert core[AT["cirrus"]] < 0.01


@pytest.mark.parametrize("azimuth", [0.0, 90.0, 145.0, 230.0, 315.0])
@pytest.mark.parametrize("elevation", [30.0, 55.0])
def test_a_shadow_lies_away_from_the_sun_by_height_over_tangent(azimuth, elevation):
    height, looks = 120.0, Looks(azimuth, elevation)
    wide = frame(5.0, (400, 400), 5.0, (400, 400))
    clouds = clouds_over(wide, 0.25, height, looks, np.random.default_rng(3))
    length = height / np.tan(np.radians(elevation)) / wide.gsd
    east, north = -np.sin(np.radians(azimuth)), -np.cos(np.radians(azimuth))
    assert _misplaced(clouds, (-north * length, east * length)) < 0.003
    assert _misplaced(clouds, (north * length, -east * length)) > 0.08  # towards the sun
    assert _misplaced(clouds, (-north * length * 1.1, east * length * 1.1)) > 0.008


def _misplaced(clouds, shift: tuple[float, float]) -> float:
    """Mean difference of the shadow from the clouds moved by (rows, columns), between clouds."""
    seen = clouds.alpha < 0.9
    shade = clouds.shadow[seen] / (1 - clouds.alpha[seen])
    there = ndimage.shift(clouds.alpha, shift, order=1, cval=np.nan)[seen]
    inside = np.isfinite(there)
    return float(np.abs(shade - there)[inside].mean())


def test_a_cloud_leans_away_from_the_sensor():
    wide = frame(5.0, (200, 200), 5.0, (200, 200))
    looks = Looks(180.0, 45.0, 30.0, 90.0)  # sun in the south, sensor in the east
    clouds = clouds_over(wide, 0.3, 100.0, looks, np.random.default_rng(3))
    # the shadow lies north of where the cloud is; the cloud is pictured west of that
    assert _misplaced(clouds, (-20.0, 20 * np.tan(np.radians(30)))) < 0.003


def test_a_thin_cloud_shows_the_ground_through_it():
    shot = Shot(cloud=0.5, seed=1, aerosol=None, cloud_depth=0.4)
    counts, hidden = capture(plane(L1C, 0.1), HERE, shot, QUIET)
    whole, thick = capture(plane(L1C, 0.1), HERE, replace(shot, cloud_depth=1.0), QUIET)
    core, red = thick > 0.999, AT["red"]
    assert hidden[core] == pytest.approx(0.4, abs=1e-3)
    between = 0.6 * 1000 + 0.4 * whole[red][core].astype(float)
    assert np.abs(counts[red][core] - between).max() <= 1.5


def test_shadow_is_blue():
    shot = Shot(cloud=0.4, seed=8, aerosol=None, cloud_height=300.0)
    wide = frame(10.0, (120, 120), 10.0, (120, 120))
    counts, hidden = capture(plane(L1C, 0.3), wide, shot, QUIET)
    deep = counts[:, (hidden > 0.5) & (hidden < 0.551)].min(1) / counts.max() / 0.3
    assert deep[AT["blue"]] > deep[AT["red"]] > deep[AT["swir16"]]


@pytest.mark.parametrize(
    ("latitude", "day", "elevation", "azimuth"),
    [
        (45.0, 172, 68.44, 180.0),  # June solstice at noon: 90 - 45 + 23.44
        (45.0, 355, 21.56, 180.0),
        (-35.0, 355, 78.44, 0.0),
        (0.0, 80, 90.0, None),
    ],
)
def test_the_sun_at_noon_is_where_the_seasons_put_it(latitude, day, elevation, azimuth):
    hours = np.linspace(11.5, 12.5, 241)  # mean time is up to 16 minutes off
    suns = [sun_position(latitude, day, float(h)) for h in hours]
    highest = max(suns, key=lambda s: s[1])
    assert highest[1] == pytest.approx(elevation, abs=0.4)
    if azimuth is not None:
        assert abs((highest[0] - azimuth + 180) % 360 - 180) < 1.5


def test_the_sun_rises_in_the_east_and_sets_in_the_west():
    assert sun_position(48.0, 80, 6.5)[0] == pytest.approx(90, abs=10)
    assert sun_position(48.0, 80, 17.5)[0] == pytest.approx(270, abs=10)
    assert sun_position(48.0, 80, 0.0)[1] < -30


@pytest.mark.parametrize("name", SENSORS)
def test_drawn_looks_are_those_of_the_sensor(name):
    rng, model = np.random.default_rng(4), SENSORS[name]
    looks = [sample_looks(rng, model, 45.0) for _ in range(60)]
    assert all(0 <= one.off_nadir <= model.off_nadir for one in looks)
    assert all(10 < one.sun_elevation < 69 for one in looks)
    if model.hours[1] < 12:  # a morning orbit, north of the tropics
        assert all(90 < one.sun_azimuth < 180 for one in looks)
    assert sample_looks(np.random.default_rng(1), model, 45.0) == sample_looks(
        np.random.default_rng(1), model, 45.0
    )


def test_a_sun_below_the_horizon_is_refused():
    with pytest.raises(InputError, match="below the horizon"):
        sample_looks(np.random.default_rng(0), L1C, 80.0, day=350)
    with pytest.raises(InputError, match="-3 degrees"):
        Looks(sun_elevation=-3.0)
    with pytest.raises(InputError, match="nan"):
        Looks(sun_elevation=float("nan"))
    with pytest.raises(InputError, match="91"):
        sun_position(91.0, 1, 12.0)


def test_weather_keeps_the_shot_and_puts_a_sky_over_it():
    rng = np.random.default_rng(2)
    looks = Looks(150.0, 40.0, 5.0, 10.0)
    shots = [(s := sample_shot(rng), sample_weather(rng, s, looks)) for _ in range(100)]
    assert all(after.looks == looks and after.gamma == s.gamma for s, after in shots)
    assert all(0.02 <= after.aerosol <= 0.8 for _, after in shots)
    assert 5 < sum(after.cirrus > 0 for _, after in shots) < 40
