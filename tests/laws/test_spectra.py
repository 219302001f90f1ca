"""Matter behaves in every band as it was measured to; no light is made."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st

from geomage.disaster import FireParams, calm, fire
from geomage.errors import InputError
from geomage.render import Appearance, Stage, paint, stage_box, stage_noise, widen
from geomage.render.canvas import onto
from geomage.render.endmembers import END_MEMBERS, NM, water_absorption, water_reflectance
from geomage.render.matter import MATTER, ground_row, leaf_colour, sample_appearance
from geomage.render.spectra import BLENDS, band_reflectance
from geomage.render.water import mirror_of_sun
from geomage.sensor import VISIBLE, Band
from geomage.world.ground import LAND_COLOURS
from towns import plain_town, stage, town

GREEN, RED, NIR = Band("green", 560, 36), Band("red", 665, 31), Band("nir", 865, 21)
EDGE = Band("rededge", 705, 15)
SWIR16, SWIR22 = Band("swir16", 1610, 90), Band("swir22", 2190, 180)
BANDS = (GREEN, RED, EDGE, NIR, SWIR16, SWIR22)
PAN = Band("pan", 625, 350)
colours = st.lists(st.floats(0, 0.95), min_size=3, max_size=3)
quick = settings(max_examples=60, deadline=None, derandomize=True)


def of(matter: str, colour, *, under: str = "lawn", share: float = 0.0, **more) -> Stage:
    """A stage of one pixel."""
    one = stage(np.zeros((1, 1)))
    albedo = np.array(colour, np.float32).reshape(3, 1, 1)
    return replace(
        one,
        albedo=albedo,
        matter=np.full((1, 1), MATTER[matter], np.uint8),
        under=np.full((1, 1), MATTER[under], np.uint8),
        share=np.full((1, 1), round(255 * share), np.uint8),
        **{name: np.full((1, 1), value, np.float32) for name, value in more.items()},
    )


def seen(matter: str, colour, **more) -> dict[str, float]:
    found = widen(of(matter, colour, **more), BANDS).albedo[:, 0, 0]
    return dict(zip([band.name for band in BANDS], map(float, found), strict=True))


def index(one: float, other: float) -> float:
    return (one - other) / (one + other)


def ndvi(r: dict[str, float]) -> float:
    return index(r["nir"], r["red"])


def mndwi(r: dict[str, float]) -> float:
    return index(r["green"], r["swir16"])


def nbr(r: dict[str, float]) -> float:
    return index(r["nir"], r["swir22"])


def ground(kind: str, **more) -> list[np.ndarray]:
    """What a kind of ground looks like in its first tone, one for every colour of the library."""
    when = Appearance(**({"dry": 0.0} | more))
    return [ground_row(kind, np.array(c), 0, 0, when)[:3] for c in LAND_COLOURS[kind]]


@quick
@given(colours, st.sampled_from(sorted(MATTER)), st.sampled_from(sorted(MATTER)),
       st.floats(0, 1), st.floats(0, 1))  # fmt: skip
def test_no_matter_gives_back_more_than_it_gets(colour, matter, under, share, wet):
    bands = (*BANDS, PAN, Band("coastal", 443, 20), Band("far", 2500, 10))
    found = widen(of(matter, colour, under=under, share=share, wet=wet), bands).albedo
    assert np.isfinite(found).all()
    assert found.min() >= 0
    assert found.max() <= 1


@quick
@given(colours, st.sampled_from(sorted(MATTER)), st.floats(0, 1))
def test_painted_bands_stay_as_painted_and_no_band_changes_another(colour, matter, share):
    one = of(matter, colour, under="char", share=share)
    assert widen(one, VISIBLE).albedo.tobytes() == one.albedo.tobytes()
    mixed = (NIR, VISIBLE[1], SWIR16, VISIBLE[0])
    found = widen(one, mixed)
    assert found.bands == mixed
    assert found.albedo[[3, 1], 0, 0].tolist() == one.albedo[:2, 0, 0].tolist()
    alone = [widen(one, (band,)).albedo[0, 0, 0] for band in mixed]
    assert found.albedo[:, 0, 0].tolist() == alone


@quick
@given(st.lists(st.floats(0.01, 0.6), min_size=3, max_size=3), st.sampled_from(sorted(MATTER)),
       st.floats(0, 1))  # fmt: skip
def test_bands_beside_the_painted_ones_are_nearly_as_painted(colour, matter, share):
    one = of(matter, colour, under="mud", share=share)
    beside = tuple(replace(band, centre_nm=band.centre_nm + 1) for band in VISIBLE)
    change = widen(one, beside).albedo - one.albedo
    # from one painted band to the next, 80 nm on, it changes by no more than the brightest
    assert np.abs(change).max() < 0.02 * max(colour) + 1e-4


def test_only_a_painted_stage_is_widened():
    with pytest.raises(InputError, match="the stage has the bands nir: widen the one that"):
        widen(widen(of("lawn", (0.1, 0.1, 0.1)), (NIR,)), VISIBLE)


def test_every_matter_has_a_blend_of_end_members_that_exist():
    assert set(BLENDS) == set(MATTER) | {"nothing"}
    members = {name for blend in BLENDS.values() for name in blend.members} - {"even"}
    assert members == set(END_MEMBERS)


@pytest.mark.parametrize("name", END_MEMBERS)
def test_an_end_member_reflects_between_nothing_and_all(name):
    knots = np.array(END_MEMBERS[name].knots)
    assert (np.diff(knots[:, 0]) > 0).all()
    assert knots[0, 0] <= 400
    assert knots[-1, 0] >= 2490
    assert 0 < knots[:, 1].min() <= knots[:, 1].max() < 0.95
    narrow = band_reflectance(name, Band("x", 1000, 1))
    assert narrow == pytest.approx(float(END_MEMBERS[name].at(np.array([1000.0]))[0]), rel=0.01)


def test_living_plants_are_bright_beyond_the_red_edge_and_dry_ones_less():
    for colour in ground("lawn")[:3]:
        lawn = seen("lawn", colour)
        assert ndvi(lawn) > 0.6
        assert lawn["red"] < lawn["rededge"] < lawn["nir"]
    leafy = leaf_colour(np.array([[0.038, 0.06, 0.03]]), np.zeros(1), Appearance(leaf=1.0))[0][0]
    bare = leaf_colour(np.array([[0.038, 0.06, 0.03]]), np.zeros(1), Appearance(leaf=0.0))[0][0]
    assert ndvi(seen("crown", leafy)) > 0.7
    assert ndvi(seen("crown", bare)) < 0.5
    assert seen("crown", bare)["nir"] < 0.6 * seen("crown", leafy)["nir"]
    straw = np.array(END_MEMBERS["dry grass"].at(np.array([650.0, 555, 475])))
    for kind in ("lawn", "meadow", "field"):
        assert 0.15 < ndvi(seen(kind, straw)) < 0.35
    turning = [ndvi(seen("meadow", ground("meadow", dry=d)[0])) for d in (0.0, 0.3, 0.6, 1.0)]
    assert turning == sorted(turning, reverse=True)


@pytest.mark.parametrize("kind", ["bare", "dirt", "sand", "gravel", "concrete", "asphalt"])
def test_ground_without_plants_has_a_low_ndvi_and_no_water(kind):
    for colour in ground(kind):
        r = seen(kind, colour)
        assert -0.1 < ndvi(r) < 0.25
        assert mndwi(r) < (0.06 if kind == "concrete" else 0)
        assert r["swir16"] > 0.8 * r["red"]


WATERS = [(0.018, 0.028, 0.022), (0.030, 0.042, 0.038), (0.055, 0.060, 0.042), (0.10, 0.085, 0.055),
          (0.13, 0.105, 0.070), (0.015, 0.030, 0.042)]  # fmt: skip
FLOODS = [(0.15, 0.12, 0.08), (0.19, 0.15, 0.10), (0.26, 0.20, 0.135), (0.045, 0.05, 0.043)]


@pytest.mark.parametrize(("matter", "colour"), [("water", c) for c in WATERS]
                         + [("flood water", c) for c in FLOODS])  # fmt: skip
def test_water_is_dark_in_the_near_infrared_and_darker_beyond(matter, colour):
    r = seen(matter, colour)
    assert r["nir"] < 0.13  # Doxaran et al. 2002: at most .1 to .12 in the muddiest rivers
    assert r["swir22"] <= r["swir16"] <= r["nir"]
    assert r["swir16"] < 0.03
    assert mndwi(r) > 0.4
    assert index(r["green"], r["nir"]) > (0.1 if max(colour) < 0.2 else -0.1)  # NDWI


def test_mud_in_water_is_what_the_near_infrared_sees():
    clear, muddy = seen("flood water", FLOODS[3]), seen("flood water", FLOODS[2])
    assert muddy["nir"] > 4 * clear["nir"]
    grains = [float(water_reflectance(NM, g)[465]) for g in (1, 10, 100, 1000)]  # at 865 nm
    assert grains == sorted(grains)
    assert water_absorption(np.array([550.0, 865, 1610]))[:2] == pytest.approx([0.0565, 5], rel=0.1)


def test_the_bottom_of_shallow_water_is_seen_in_the_visible_only():
    shown = (0.12, 0.12, 0.08)
    thin, deep = (
        seen("flood water", shown, under="lawn", share=0.5, flood_depth=d) for d in (0.02, 0.5)
    )
    assert thin["nir"] > 2 * deep["nir"]
    assert thin["swir16"] < 0.06
    assert mndwi(thin) > 0.3
    below = seen("lawn", shown, under="flood water", share=0.4, flood_depth=0.03)
    assert below["swir16"] < 0.2 * seen("lawn", shown)["swir16"]


def test_wet_soil_is_darker_in_all_bands_and_most_where_water_absorbs():
    dry = np.array(LAND_COLOURS["bare"][0])
    before, after = seen("bare", dry), seen("bare", 0.65 * dry, wet=1.0)
    left = {name: after[name] / before[name] for name in before}
    assert all(value < 0.75 for value in left.values())
    assert left["swir22"] < left["swir16"] < left["nir"] < 1.1 * left["red"]
    assert seen("roof metal", dry, wet=1.0) == seen("roof metal", dry)  # rain runs off


def test_clay_tile_has_its_edge_of_iron_and_a_blue_sheet_its_red_edge():
    tile = seen("roof tile", (0.34, 0.15, 0.09))
    assert tile["red"] > 2 * tile["green"]
    assert tile["nir"] < 1.4 * tile["red"]
    assert tile["swir16"] > 1.2 * tile["nir"]
    sheet = seen("sheet", (0.06, 0.16, 0.48))
    assert sheet["nir"] > 4 * sheet["red"]
    assert sheet["swir22"] < 0.8 * sheet["nir"]


def test_ratios_of_plants_are_those_of_real_images(data_dir):
    """Sentinel-2, L1C, two chips: ratios between bands beyond 700 nm, where air adds least."""
    real = []
    for name in ("India_900498", "Spain_7370579"):
        path = data_dir / "flood" / "sen1floods11" / name
        with rasterio.open(f"{path}_S2.tif") as image, rasterio.open(f"{path}_label.tif") as label:
            red, nir, one, two = image.read([4, 9, 12, 13]).astype(float)
            leafy = (label.read(1) == 0) & (red > 0) & (nir > 4 * red)
        real.append([np.median((x / y)[leafy]) for x, y in ((nir, one), (two, one))])
    ours = [seen("crown", (0.03, 0.05, 0.024)), seen("lawn", (0.06, 0.105, 0.04))]
    found = [[r["nir"] / r["swir16"], r["swir22"] / r["swir16"]] for r in ours]
    assert np.mean(found, 0) == pytest.approx(np.mean(real, 0), rel=0.15)


def test_a_pixel_half_covered_lies_between_its_two_matters():
    char = np.array([0.045, 0.042, 0.040])
    lawn = ground("lawn")[0]
    values = [
        nbr(seen("lawn", (1 - s) * lawn + s * char, under="char", share=s))
        for s in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    assert values == sorted(values, reverse=True)
    one = nbr(seen("lawn", 0.5 * (lawn + char), under="char", share=0.5))
    other = nbr(seen("char", 0.5 * (lawn + char), under="lawn", share=0.5))
    assert one == pytest.approx(other, abs=0.02)


@pytest.fixture(scope="module")
def burnt():
    """dNBR (y, x) of a burnt suburb, its severity, and where it was grass."""
    city = town("suburb", 2, 200.0)
    event = fire(city, FireParams(wind_speed=16, hours=4, moisture=5), 3)
    corner = city.dtm.box.boundingbox
    middle = (corner.left + corner.right) / 2, (corner.bottom + corner.top) / 2
    box = stage_box(middle, 200, 0.5, city.dtm.box.crs)
    noise = stage_noise(box, 1)
    dates = [paint(event, box, Appearance(), noise, after=a) for a in (False, True)]
    ratios = [index(*widen(date, (NIR, SWIR22)).albedo) for date in dates]
    grass = np.isin(dates[0].matter, [MATTER["lawn"], MATTER["meadow"]])
    return ratios[0] - ratios[1], onto(event.rasters["burn"], box), grass


def test_burnt_grass_falls_into_the_classes_of_key_and_benson(burnt):
    """Key and Benson 2006 (FIREMON): unburnt to .1, low to .27, moderate to .66, high above."""
    change, severity, grass = burnt

    def median(low: float, high: float) -> float:
        return float(np.median(change[grass & (severity >= low) & (severity < high)]))

    assert abs(median(-1, 0.02)) < 0.1
    assert 0.02 < median(0.10, 0.18) < 0.27
    assert 0.27 < median(0.20, 0.28) < 0.66
    assert 0.66 < median(0.36, 0.60) < 1.3
    assert median(0.75, 1.0) > 0.44  # white ash is brighter than char


def at_dates(city, **date) -> Stage:
    corner = city.dtm.box.boundingbox
    middle = (corner.left + corner.right) / 2, (corner.bottom + corner.top) / 2
    box = stage_box(middle, 100, 0.5, city.dtm.box.crs)
    return paint(calm(city), box, Appearance(**date), stage_noise(box, 1), after=False)


def test_a_wet_day_wets_the_ground_and_no_roof():
    city = plain_town()
    dry, wet = at_dates(city, wet=0.0), at_dates(city, wet=0.5)
    roof = dry.ids > 0
    assert wet.albedo[:, roof].tolist() == dry.albedo[:, roof].tolist()
    assert 0.3 < wet.wet[~roof].mean() < 0.7
    assert np.allclose(
        wet.albedo[0, ~roof], dry.albedo[0, ~roof] * (1 - 0.35 * wet.wet[~roof]), rtol=1e-4
    )


def test_the_sun_mirrors_where_it_should_and_no_light_is_made():
    def glint(**date) -> float:
        toward, variance, scale = mirror_of_sun(Appearance(**date))
        far = float((toward**2).sum())
        return scale * np.exp(-0.5 * far / variance) / (2 * np.pi * variance)

    facing = {"sun_elevation": 70.0, "sun_azimuth": 180.0, "off_nadir": 20.0, "view_azimuth": 0.0}
    toward, _, _ = mirror_of_sun(Appearance(**facing))
    assert np.abs(toward).max() < 1e-9  # level water mirrors the sun to the sensor
    assert glint(**facing) > 50 * glint(**facing | {"view_azimuth": 180.0})
    assert glint(**facing, wind=1.0) > glint(
        **facing, wind=8.0
    )  # a calm mirror is smaller, brighter
    aside = facing | {"off_nadir": 0.0, "sun_elevation": 50.0}
    assert glint(**aside, wind=1.0) < glint(**aside, wind=8.0)
    # all that a level sea mirrors to all sides is Fresnel's part of the sun's light, nearly
    zeniths, turns = np.radians(np.arange(1, 80, 2.0)), np.arange(0, 360, 6.0)
    total = sum(
        glint(sun_elevation=60.0, sun_azimuth=0.0, off_nadir=float(np.degrees(z)),
              view_azimuth=float(a), wind=4.0) * np.cos(z) * np.sin(z)
        for z in zeniths for a in turns
    ) * np.radians(2) * np.radians(6) / np.pi  # fmt: skip
    assert total / 0.8 == pytest.approx(0.021, rel=0.15)


def test_fields_follow_their_own_calendar():
    greens = [np.array(c) for c in LAND_COLOURS["field"] if c[1] > c[0]]
    looks = [
        [ndvi(seen("field", ground_row("field", c, 0, 0, Appearance(dry=d))[:3])) for c in greens]
        for d in (0.0, 1.0)
    ]
    assert min(looks[0]) > 0.5
    assert max(looks[1]) < 0.45  # harvested


def test_a_second_date_draws_its_own_wind():
    rng = np.random.default_rng(3)
    winds = {sample_appearance(rng).wind for _ in range(5)}
    assert len(winds) == 5
    assert min(winds) > 0
