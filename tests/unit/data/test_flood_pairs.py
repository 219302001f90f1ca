"""Landscapes, their floods, and the pairs that Sentinel-1 and -2 take of them."""

from dataclasses import fields, replace

import numpy as np
import pytest

from geomage.data.floods import FloodPairParams, flood_pairs
from geomage.disaster.plains import (
    FLOODED,
    PERMANENT,
    PlainFlood,
    before_flood,
    flood_landscape,
    sample_flood,
)
from geomage.errors import InputError
from geomage.render.landscape import Weather, landscape_reflectance
from geomage.sensor import sensor
from geomage.world.landscape import (
    FARM,
    WATER,
    LandscapeParams,
    grow_landscape,
    sample_landscape,
)

PLAIN = LandscapeParams(seed=4, cells=96, relief_m=2.0, river_m=120.0, plain_m=600.0)
BANDS = sensor("sentinel2-l1c").bands
GREEN, NIR, SWIR = 2, 7, 11


@pytest.fixture(scope="module")
def land():
    return grow_landscape(PLAIN)


@pytest.fixture(scope="module")
def pair():
    return flood_pairs(FloodPairParams(seed=2, cells=96)).pair(3)


def test_a_landscape_has_what_was_asked_for(land):
    assert land.box.shape == (96, 96)
    assert land.water.any()
    assert ((land.cover == WATER) == land.water).all()
    open_ground = ~land.water & (land.houses == 0)
    assert (land.cover[open_ground] == FARM).mean() == pytest.approx(0.6, abs=0.2)
    assert ((land.parcel > 0) <= (land.cover == FARM)).all()
    assert land.ground[land.water].mean() < land.ground[~land.water].mean()
    for field in fields(land)[2:]:
        assert np.isfinite(getattr(land, field.name)).all(), field.name


def test_the_same_parameters_give_the_same_bytes(land):
    again = grow_landscape(PLAIN)
    for field in fields(land)[2:]:
        assert getattr(land, field.name).tobytes() == getattr(again, field.name).tobytes()
    assert grow_landscape(replace(PLAIN, seed=5)).ground.tobytes() != land.ground.tobytes()


def test_higher_water_floods_what_lower_water_floods(land):
    low, high = (flood_landscape(land, PlainFlood(level, 0.0, 0.0, 0.0), 1) for level in (0.5, 1.5))
    assert ((low.flood == FLOODED) <= (high.flood == FLOODED)).all()
    assert (high.flood == FLOODED).sum() > (low.flood == FLOODED).sum() > 0
    assert (low.depth <= high.depth + 1e-6).all()
    assert ((high.flood == PERMANENT) == land.water).all()


def test_no_flood_leaves_permanent_water_alone(land):
    for water in (before_flood(land), flood_landscape(land, PlainFlood(0, 0, 0, 0), 1)):
        assert ((water.share > 0) == land.water).all()
        assert ((water.depth > 0) == land.water).all()


def test_paddies_are_flooded_field_by_field(land):
    water = flood_landscape(land, PlainFlood(0.0, 0.0, 0.0, 0.4), 1)
    farm = land.cover == FARM
    assert not (water.flood[~farm & ~land.water] == FLOODED).any()
    number, where = np.unique(land.parcel[farm], return_inverse=True)
    share = np.bincount(where, water.flood[farm] == FLOODED) / np.bincount(where)
    assert ((share < 0.05) | (share > 0.5)).mean() > 0.8
    assert 0.1 < (share > 0.5).mean() < 0.6
    assert len(number) > 10


def test_water_is_bright_in_green_and_black_beyond_the_visible(land):
    water = flood_landscape(land, PlainFlood(1.5, 0.0, 0.0, 0.0), 1)
    ground = landscape_reflectance(land, water, Weather(), BANDS)
    assert (ground > 0).all()
    assert ground.max() < 1
    deep, dry = land.water, (water.share == 0) & (land.houses == 0)
    assert (ground[GREEN][deep] > ground[SWIR][deep]).all()
    assert np.median(ground[SWIR][dry]) > 5 * np.median(ground[SWIR][deep])
    assert np.median(ground[NIR][dry]) > 3 * np.median(ground[NIR][deep])


def test_a_pair_has_two_dates_of_both_sensors_on_one_grid(pair):
    for name in ("radar_before", "radar_after"):
        assert getattr(pair, name).shape == (2, 96, 96)
        assert getattr(pair, name).dtype == np.float32
    assert pair.optical_after.shape == pair.optical_before.shape == (13, 96, 96)
    assert pair.box.shape == pair.flood.shape == (96, 96)
    assert set(np.unique(pair.flood)) <= {0, 1, 2, 255}
    assert (pair.open <= 1).all()
    assert (pair.open[pair.seen == 0] < 0.5).all()


def test_pairs_do_not_depend_on_the_order_in_which_they_are_made(pair):
    again = flood_pairs(FloodPairParams(seed=2, cells=96))
    again.pair(7)
    other = again.pair(3)
    for field in fields(pair)[1:]:
        assert getattr(pair, field.name).tobytes() == getattr(other, field.name).tobytes()


def test_water_is_dark_to_the_radar_and_wet_to_the_index(pair):
    water = (pair.open > 0.9) & (pair.flood > 0) & (pair.flood != 255)
    dry = (pair.flood == 0) & (pair.seen == 0)
    vv, vh = pair.radar_after
    assert np.median(vv[dry]) - np.median(vv[water]) > 3
    assert np.median(vh[dry]) - np.median(vh[water]) > 3
    green, swir = pair.optical_after[[GREEN, SWIR]].astype(float)
    index = (green - swir) / (green + swir)
    assert np.median(index[water]) > 0.2 > np.median(index[dry])


@pytest.mark.parametrize("apart", [0.0, 1.0])
def test_the_optical_image_is_of_the_day_of_radar_or_of_another(apart):
    pairs = flood_pairs(FloodPairParams(seed=2, cells=64, dry=0.0, apart=apart))
    some = [pairs.pair(k) for k in range(2)]
    known = [p.flood != 255 for p in some]
    unlike = [(p.flood != p.seen)[k].mean() for p, k in zip(some, known, strict=True)]
    assert (max(unlike) > 0.01) == (apart == 1.0)
    assert all(((p.flood == PERMANENT) == (p.seen == PERMANENT))[k].all()
               for p, k in zip(some, known, strict=True))  # fmt: skip


def test_fields_alike_bear_one_crop():
    def spread(alike):
        land = grow_landscape(replace(PLAIN, alike=alike, green=0.9))
        return np.log(land.plants[(land.cover == FARM) & (land.trees == 0)]).std()

    assert spread(1.0) < 0.5 * spread(0.0)


def test_the_river_may_be_muddier_than_the_flood(land):
    water = flood_landscape(land, PlainFlood(1.5, 0.0, 0.0, 0.0), 1)
    clear, muddy = (
        landscape_reflectance(land, water, Weather(silt=0.2, river=r), BANDS) for r in (0.2, 1.0)
    )
    red = 3
    assert (muddy[red][land.water] > 2 * clear[red][land.water]).all()
    assert (muddy[:, ~land.water] == clear[:, ~land.water]).all()


def test_parameters_drawn_are_within_their_limits():
    for seed in range(40):
        rng = np.random.default_rng(seed)
        sample_landscape(rng)
        sample_flood(rng)


def test_bad_numbers_are_refused():
    with pytest.raises(InputError, match="cells a side"):
        LandscapeParams(cells=10)
    with pytest.raises(InputError, match="woods of 2"):
        LandscapeParams(woods=2.0)
    with pytest.raises(InputError, match="hollows of -1"):
        PlainFlood(hollows=-1)
    with pytest.raises(InputError, match="dry pairs"):
        FloodPairParams(dry=2)
    with pytest.raises(InputError, match="other days"):
        FloodPairParams(apart=-0.1)
    with pytest.raises(InputError, match="alike of 3"):
        LandscapeParams(alike=3.0)
    with pytest.raises(InputError, match="no pair -1"):
        flood_pairs().pair(-1)
