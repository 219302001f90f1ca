"""What dresses the ground: banks, surf, mown lawns, tracks, wheel paths, shares of stains."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pytest
import shapely

from geomage.disaster import FloodParams, calm, flood
from geomage.render import Appearance, Stage, paint, stage_box, stage_noise, widen
from geomage.render.matter import MATTER, ground_row
from geomage.render.water import _flood_colour, clearness_m
from geomage.sensor import Band
from towns import plain_town

NIR = Band("nir", 865, 21)
SIZE, PX = 140.0, 0.5


def picture(city, *, event=None, px: float = PX, after: bool = False, **date) -> Stage:
    corner = city.dtm.box.boundingbox
    middle = (corner.left + corner.right) / 2, (corner.bottom + corner.top) / 2
    box = stage_box(middle, SIZE, px, city.dtm.box.crs)
    event = calm(city) if event is None else event
    return paint(event, box, Appearance(**date), stage_noise(box, 1), after=after)


def covered(kind: str, **more):
    """A plain town whose ground is of one kind."""
    city = plain_town(SIZE)
    return city.with_layers(land=city.land.assign(kind=kind, **more))


def with_water(kind: str):
    """The western half of a plain town is water."""
    city = plain_town(SIZE)
    west, south, _, north = city.dtm.box.boundingbox.bbox
    shape = shapely.box(west, south, west + 40, north)
    tone = {"red": 0.03, "green": 0.042, "blue": 0.038}
    water = gpd.GeoDataFrame([{"kind": kind, **tone}], geometry=[shape], crs=city.land.crs)
    return city.with_layers(water=water)


def with_street(surface: str, width: float):
    city = plain_town(SIZE)
    west, south, east, _ = city.dtm.box.boundingbox.bbox
    line = shapely.LineString([(west, south + 20), (east, south + 20)])
    street = {"kind": "residential", "surface": surface, "width": width}
    return city.with_layers(streets=gpd.GeoDataFrame([street], geometry=[line], crs=city.land.crs))


def test_the_bed_shows_near_a_bank_and_not_in_the_middle_nor_in_the_infrared():
    stage = picture(with_water("river"))
    water = stage.matter == MATTER["water"]
    edge, middle = stage.share[:, 76:80][water[:, 76:80]], stage.share[:, 5:40]
    assert np.median(edge) > 25
    assert middle.max() == 0
    assert (stage.under[stage.share > 0] == MATTER["mud"]).all()
    assert np.median(stage.albedo[0, :, 78]) > 1.3 * np.median(stage.albedo[0, :, 20])
    assert widen(stage, (NIR,)).albedo[0][water].max() < 0.05
    assert stage.wet[:, 81].mean() > 0.4 > stage.wet[:, 120].mean()  # the bank is wet


def test_pools_have_no_mud_and_only_the_sea_breaks():
    assert picture(with_water("pool")).share[:, :80].max() == 0
    assert not (picture(with_water("river"), wind=8.0).matter == MATTER["foam"]).any()
    calm_sea, rough = (picture(with_water("sea"), wind=w) for w in (0.5, 8.0))
    assert (rough.matter == MATTER["foam"]).sum() > 50 > (calm_sea.matter == MATTER["foam"]).sum()


def test_glint_is_alike_in_every_band_and_on_water_only():
    facing = {"sun_elevation": 70.0, "sun_azimuth": 180.0, "off_nadir": 20.0, "view_azimuth": 0.0}
    stage = picture(with_water("pond"), **facing)
    water = stage.water > 0
    assert stage.glint[water].min() > 0.02
    assert stage.glint[~water].max() == 0
    dull = replace(stage, albedo=stage.albedo - stage.glint, glint=None)
    added = widen(stage, (NIR,)).albedo - widen(dull, (NIR,)).albedo
    assert np.abs(added[0] - stage.glint).max() < 1e-4
    assert picture(with_water("pond"), veil=1.0, **facing).glint.max() == 0


def test_some_lawns_are_mown_in_stripes_where_pixels_show_them():
    shown = []
    for seed in range(8):
        city = covered("lawn")
        city = replace(city, params=replace(city.params, seed=seed))
        plain = ground_row("lawn", np.full(3, 0.1), 0, 0, Appearance())
        assert plain[12] == 0  # no rows of its own
        tone = picture(city, px=0.25).albedo[1]
        rate = np.abs(np.fft.rfft2(tone - tone.mean()))
        rate[:10] = rate[-10:] = rate[:, :10] = 0
        shown.append(rate.max() / np.median(rate[rate > 0]))
    assert 0 < sum(s > 100 for s in shown) < 8, shown


def test_tracks_through_crops_are_bare_ground():
    found = [
        picture(replace(c, params=replace(c.params, seed=s)))
        for c, s in ((covered("field"), s) for s in range(6))
    ]
    bare = [((st.under == MATTER["bare"]) & (st.share > 0)) | (st.matter == MATTER["bare"])
            for st in found]  # fmt: skip
    part = [float(b.mean()) for b in bare]
    assert 0 < sum(p > 0.01 for p in part) < 6
    assert max(part) < 0.1


@pytest.mark.parametrize(("surface", "width"), [("asphalt", 7.0), ("dirt", 3.5)])
def test_wheels_wear_streets_along_their_lanes(surface, width):
    stage = picture(with_street(surface, width), px=0.25)
    rows = stage.albedo[1, -int(20 / 0.25) - 14 : -int(20 / 0.25) + 14].mean(1)
    inner = rows[14 - int(width / 0.5) + 2 : 14 + int(width / 0.5) - 2]
    assert np.ptp(inner) > 0.015 * inner.mean()
    if surface == "dirt":
        green = stage.share[stage.under == MATTER["meadow"]]
        assert green.size == 0 or green.max() > 0


def test_flood_water_says_how_much_of_the_ground_it_lets_through():
    city = covered("lawn")
    stage = picture(city, event=flood(city, FloodParams(0.4), 1), after=True)
    deep = stage.matter == MATTER["flood water"]
    assert deep.any()
    assert (stage.under[deep & (stage.share > 0)] == MATTER["lawn"]).all()
    thin, thick = stage.flood_depth < 0.05, stage.flood_depth > 0.3
    assert stage.share[deep & thick].max(initial=0) < 60
    assert stage.share[deep & thin].min(initial=255) > 60
    assert stage.share[stage.ids > 0].max() == 0  # a roof is whole


def test_no_flood_water_is_so_clear_that_streets_show_through_a_third_of_a_metre():
    """Nobody would grade a house by water that is not seen."""
    rng = np.random.default_rng(3)
    clear = np.array([clearness_m(_flood_colour(rng)) for _ in range(200)])
    assert np.exp(-0.33 / clear).max() < 0.16
    assert np.exp(-0.05 / clear).max() > 0.6  # and a film still shows what it lies on
