"""An earthquake on real towns: where it is felt, how what stands there falls, what is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox

from geomage.disaster import EarthquakeParams, Epicentre, earthquake
from geomage.disaster import earthquake as strike
from geomage.disaster.debris import rubble_reach
from geomage.disaster.earthquake import (
    _bridge_grades,
    displaced_people,
    epicentral_distance,
    harmed,
    intensity_at,
    shaken,
)
from geomage.disaster.shaking import refined
from geomage.errors import InputError
from geomage.geo import Raster
from towns import town

MEDIAN = {"scatter": 0.0}


def felt_everywhere(city, intensity: float):
    return np.full(city.dtm.values.shape[1:], intensity, np.float32)


def region(city, slope: float = 0.018, *, cells: int = 100, gsd: float = 100.0):
    """A city on a square plane of 10 km that falls to the south."""
    box = GeoBox((cells, cells), Affine(gsd, 0, 500_000, 0, -gsd, 5_410_000), "EPSG:32631")
    plane = np.arange(cells, 0, -1.0)[None, :, None] * gsd * slope * np.ones((1, 1, cells))
    return replace(city, dtm=Raster(plane.astype(np.float32), box, None, ("height",)))


def test_on_mean_ground_the_median_is_that_of_the_formula():
    # a slope of .018 has 360 m/s, for which the formula holds
    place = region(town("suburb", 0))
    field = shaken(place, EarthquakeParams(6.5, 0, 10, **MEDIAN), 0)
    assert field[50, 50] == pytest.approx(intensity_at(6.5, 0, 10), abs=0.05)
    assert field[0, 50] == pytest.approx(intensity_at(6.5, 5_000, 10), abs=0.05)
    assert field[0, 0] == pytest.approx(intensity_at(6.5, 7_070, 10), abs=0.05)


def test_soft_flats_shake_harder_than_slopes():
    flat, steep = (
        shaken(region(town("suburb", 0), s), EarthquakeParams(5.5, 30_000, 10, **MEDIAN), 0)
        for s in (0.002, 0.12)
    )
    assert flat.mean() - steep.mean() > 0.5


@pytest.mark.parametrize(
    ("azimuth", "near"),
    [(0, np.s_[0, 50]), (90, np.s_[50, -1]), (180, np.s_[-1, 50]), (270, np.s_[50, 0])],
)
def test_shaking_is_strongest_towards_the_epicentre(azimuth, near):
    place = region(town("suburb", 0))
    field = shaken(place, EarthquakeParams(6, 12_000, 3, azimuth, **MEDIAN), 0)
    assert field[near] == pytest.approx(field.max(), abs=0.02)
    assert field.max() - field.min() > 0.5


def test_seeds_scatter_the_intensity_of_a_town_by_the_published_deviation():
    city = town("suburb", 0)
    params = EarthquakeParams(6.5, 30_000, 10)
    means = [shaken(city, params, s).mean() for s in range(30)]
    sigma = 0.82 + 0.37 / (1 + (np.hypot(30, 10) / 22.9) ** 2)
    assert np.std(means) == pytest.approx(sigma, rel=0.3)
    median = shaken(city, EarthquakeParams(6.5, 30_000, 10, **MEDIAN), 0).mean()
    assert np.mean(means) == pytest.approx(median, abs=0.4)


def test_a_place_on_earth_is_as_far_as_the_earth_is_round():
    city = town("suburb", 0)
    # the town stands at about 3.0 E 48.75 N; one degree of latitude there is 111.2 km
    x, y = np.array([500_000.0]), np.array([5_400_000.0])
    north = EarthquakeParams(epicentre=Epicentre(3.0, 49.7535))
    assert epicentral_distance(city, x, y, north)[0] == pytest.approx(111_200, rel=5e-3)
    # far side of the world: half the meridian
    antipode = EarthquakeParams(epicentre=Epicentre(-177.0, -48.7535))
    assert epicentral_distance(city, x, y, antipode)[0] == pytest.approx(2.0e7, rel=5e-3)


def test_an_epicentre_and_the_same_distance_and_azimuth_agree():
    city = town("suburb", 0)
    placed = shaken(city, EarthquakeParams(7, epicentre=Epicentre(3.0, 48.9335), **MEDIAN), 0)
    there = shaken(city, EarthquakeParams(7, 20_020, azimuth_deg=0, **MEDIAN), 0)
    assert placed == pytest.approx(there, abs=0.02)


def test_an_epicentre_for_a_city_without_crs_is_refused():
    city = town("suburb", 0)
    box = city.dtm.box
    bare = replace(city, dtm=Raster(city.dtm.values, type(box)(box.shape, box.affine, None)))
    with pytest.raises(InputError, match="no CRS"):
        shaken(bare, EarthquakeParams(epicentre=Epicentre(3.0, 49.0)), 0)
    assert shaken(bare, EarthquakeParams(), 0).max() > 4


def test_concrete_comes_down_in_layers_and_masonry_in_heaps():
    city = town("centre", 0)
    for kind, may, never in (
        ("reinforced concrete", {"pancake", "soft_storey"}, {"open"}),
        ("masonry", {"collapse", "open", "partial"}, {"pancake", "soft_storey"}),
        ("adobe", {"collapse", "open"}, {"pancake", "soft_storey"}),
    ):
        other = city.with_layers(buildings=city.buildings.assign(typology=kind, storeys=5))
        found = set(harmed(other, felt_everywhere(city, 11), "none", 2)["failure"])
        assert may <= found, kind
        assert not never & found, kind
    low = city.with_layers(
        buildings=city.buildings.assign(typology="reinforced concrete", storeys=2)
    )
    assert "soft_storey" not in set(harmed(low, felt_everywhere(city, 11), "none", 2)["failure"])


def test_what_shows_from_above_is_never_more_than_what_broke():
    table = harmed(town("oldtown", 0), felt_everywhere(town("oldtown", 0), 9.5), "none", 1)
    shown = np.array([0, 0, 0, 1, 2, 3])[table["grade_physical"]]
    assert (table["grade_visible"] <= shown).all()
    assert (table.loc[table["failure"] == "cracked", "grade_visible"] == 0).all()
    assert (table.loc[table["failure"].isin(["collapse", "pancake"]), "grade_visible"] == 3).all()


def test_people_are_displaced_from_what_is_unfit():
    city = town("oldtown", 0)
    event = replace(
        earthquake(city, EarthquakeParams(3.0)),
        buildings=harmed(city, felt_everywhere(city, 9.5), "none", 0),
    )
    people = event.city.buildings["occupants_night"].to_numpy()
    grade = event.buildings["grade_physical"].to_numpy()
    low, high = people[grade >= 4].sum(), people[grade >= 3].sum()
    assert 0 < low < displaced_people(event) < high


def test_long_bridges_fall_before_short_ones_and_none_below_the_threshold():
    city = next(c for c in (town("suburb", s, 300.0) for s in (16,)) if len(c.water))
    x0, y0, x1, y1 = city.dtm.box.boundingbox.bbox
    lines = [shapely.LineString([(x0, y), (x1, y)]) for y in np.linspace(y0 + 5, y1 - 5, 60)]
    streets = city.streets.iloc[[0] * 60].set_geometry(lines, crs=city.streets.crs)

    def river(width):
        return city.with_layers(
            streets=streets.reset_index(drop=True),
            water=city.water.iloc[:1]
            .assign(kind="river")
            .set_geometry([shapely.box(x0 + 50, y0, x0 + 50 + width, y1)], crs=city.water.crs),
        )

    def harm(width, intensity, code="unknown"):
        return _bridge_grades(river(width), felt_everywhere(city, intensity), code, 1)

    assert len(harm(20, 9)) == 60
    assert not harm(90, 4.4).any()
    assert (harm(90, 8.5) >= harm(20, 8.5)).all()
    assert harm(90, 8.5).mean() > harm(20, 8.5).mean()
    assert (harm(90, 9) >= harm(90, 9, "high")).all()
    assert (np.diff([harm(90, i) for i in (5, 6, 7, 8, 9, 10)], axis=0) >= 0).all()
    assert set(np.unique(harm(90, 8.5))) <= {0, 2, 3, 4, 5}


def test_rubble_reaches_two_thirds_of_a_low_building_and_half_of_a_tall_one():
    assert rubble_reach(np.array([1.0, 9.0, 24.0, 54.0, 100.0])).tolist() == pytest.approx(
        [2, 6, 16, 27, 50]
    )


def test_values_between_nodes_are_linear():
    j, i = np.meshgrid(np.arange(5) * 8.0, np.arange(4) * 8.0)
    fine = refined(3 * i + 2 * j, (12, 16), 4.0)  # cells of 2 m, nodes 8 m apart
    rows, columns = (np.indices(fine.shape) + 0.5) * 2.0
    assert fine == pytest.approx(3 * rows + 2 * columns, abs=1e-4)


def test_parameters_can_be_kept_as_json():
    event = strike(town("suburb", 0), EarthquakeParams(6, epicentre=Epicentre(3.1, 48.8)))
    kept = json.loads(json.dumps(dict(event.parameters)))
    assert kept["epicentre"] == {"lon": 3.1, "lat": 48.8}
    assert kept["magnitude"] == 6


@pytest.mark.parametrize(
    "values",
    [
        {"magnitude": 12.0},
        {"magnitude": float("nan")},
        {"distance_m": -1.0},
        {"distance_m": float("nan")},
        {"distance_m": 1e9},
        {"depth_km": 0.0},
        {"depth_km": -3.0},
        {"depth_km": float("nan")},
        {"azimuth_deg": float("inf")},
        {"code": "perfect"},
        {"scatter": -1.0},
        {"scatter": float("nan")},
    ],
)
def test_earthquakes_beyond_nature_are_refused(values):
    with pytest.raises(InputError):
        EarthquakeParams(**values)


@pytest.mark.parametrize("place", [(0.0, 91.0), (-181.0, 0.0), (float("nan"), 0.0)])
def test_places_beyond_the_earth_are_refused(place):
    with pytest.raises(InputError, match="no place on Earth"):
        Epicentre(*place)
