"""A scene: two images and the truth beneath them, which agree; folders that are whole."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from scipy import ndimage

from geomage.disaster import FloodParams, StormParams, calm, flood, storm
from geomage.errors import BudgetError, InputError, OutputError
from geomage.render import (
    Appearance,
    RenderParams,
    paint,
    render_event,
    stage_box,
    stage_noise,
    write_scene,
)
from geomage.render.matter import MATTER
from towns import plain_town, town

FILES = {
    "before.tif", "after.tif", "landcover_before.tif", "landcover_after.tif", "building.tif",
    "damage.tif", "height_before.tif", "height_after.tif", "water_depth.tif", "valid.tif",
    "matter_before.tif", "matter_after.tif", "debris_height.tif", "burn.tif",
    "normal_before.tif", "normal_after.tif", "shadow_before.tif", "shadow_after.tif",
    "buildings.gpkg", "roads.gpkg", "item.json",
}  # fmt: skip
NADIR = RenderParams("vhr-0.5", 3, shift_px=0.0, off_nadir_before=0.0, off_nadir_after=0.0)
WATER, BUILDING = 6, 8


@pytest.fixture(scope="module")
def struck():
    return storm(town("suburb", 6, 160.0), StormParams(4, 15))


@pytest.fixture(scope="module")
def scene(struck):
    return render_event(struck, NADIR)


@pytest.fixture(scope="module")
def house():
    """One white flat house of 24 m on dark ground, seen from above."""
    return render_event(calm(plain_town()), NADIR)


def grown(scene, name: str, pixels: int) -> np.ndarray:
    return ndimage.binary_dilation(scene.rasters[name] > 0, iterations=pixels)


def test_every_raster_lies_on_the_grid_with_its_type_and_range(scene):
    shape = tuple(scene.box.shape)
    assert scene.box.resolution.x == 0.5
    for name in ("before", "after"):
        assert scene.rasters[name].shape == (3, *shape)
        assert scene.rasters[name].dtype == np.uint8
        assert scene.rasters[name].std() > 5
    labels = set(scene.rasters) - {"before", "after"}
    assert {f"{name}.tif" for name in scene.rasters} == {f for f in FILES if f.endswith(".tif")}
    for name in labels:
        many = (3, *shape) if name.startswith("normal") else shape
        assert scene.rasters[name].shape == many, name
        assert np.isfinite(scene.rasters[name]).all(), name
    for name in ("landcover_before", "landcover_after"):
        assert set(np.unique(scene.rasters[name])) <= set(range(1, 9))
    assert set(np.unique(scene.rasters["damage"])) <= set(range(5))
    assert (scene.rasters["valid"] == 1).all()
    for name in ("matter_before", "matter_after"):
        assert set(np.unique(scene.rasters[name])) <= set(MATTER.values())
    assert scene.rasters["burn"].max() <= 1
    for name in ("height_before", "height_after", "water_depth", "debris_height", "burn"):
        assert scene.rasters[name].min() >= 0
        assert scene.rasters[name].max() < 60


def test_truth_agrees_with_itself(scene, struck):
    ids, cover = scene.rasters["building"], scene.rasters["landcover_before"]
    assert np.array_equal(ids > 0, cover == BUILDING)
    assert np.array_equal(scene.rasters["damage"] > 0, ids > 0)
    grade = struck.buildings.set_index("building_id")["grade_visible"]
    for number in np.unique(ids[ids > 0]):
        assert set(scene.rasters["damage"][ids == number]) == {grade.loc[number] + 1}
    counts = np.bincount(ids.ravel(), minlength=len(grade) + 1)[1:]
    assert scene.buildings["pixels"].tolist() == counts.tolist()


def test_ids_are_those_of_the_footprints_seen_from_above(scene, struck):
    a = scene.box.affine
    rows, columns = np.indices(scene.box.shape)
    x, y = a.c + (columns + 0.5) * a.a, a.f + (rows + 0.5) * a.e
    for number, shape in struck.city.buildings.set_index("building_id").geometry.items():
        mine = scene.rasters["building"] == number
        if mine.any():
            points = gpd.points_from_xy(x[mine], y[mine])
            assert points.within(shape.buffer(0.4)).all()


def test_what_is_called_building_stands_high_and_the_ground_beside_it_does_not(scene):
    height, ids = scene.rasters["height_before"], scene.rasters["building"]
    assert np.median(height[ids > 0]) > 2
    assert (height[ndimage.binary_erosion(ids > 0)] > 1.5).mean() > 0.99
    ground = np.isin(scene.rasters["landcover_before"], [1, 2, 3, 4, 6, 7])
    assert (height[ground] < 3.5).all()  # a container or a lorry at most


def test_the_image_shows_the_house_where_the_truth_says(house):
    image, ids = house.rasters["before"].astype(float).mean(0), house.rasters["building"]
    inside, outside = ndimage.binary_erosion(ids > 0, iterations=3), ~grown(house, "building", 30)
    middle = (np.median(image[inside]) + np.median(image[outside])) / 2
    seen = image > middle
    assert (seen & (ids > 0)).sum() / (seen | (ids > 0)).sum() > 0.94
    offset = np.array(ndimage.center_of_mass(seen)) - ndimage.center_of_mass(ids > 0)
    assert np.abs(offset).max() < 0.6


def test_a_house_has_its_area_and_its_height(house):
    ids = house.rasters["building"]
    assert (ids > 0).sum() * 0.25 == pytest.approx(24 * 24, rel=0.03)
    roof = ndimage.binary_erosion(ids > 0, iterations=3)
    assert house.rasters["height_before"][roof] == pytest.approx(6, abs=0.5)  # a parapet
    assert np.allclose(house.rasters["height_before"][~grown(house, "building", 2)], 0)


@pytest.mark.parametrize("off_nadir", [10.0, 25.0])
def test_image_and_truth_lean_together(house, off_nadir):
    leant = render_event(
        calm(plain_town()),
        RenderParams("vhr-0.5", 3, shift_px=0.0, off_nadir_before=off_nadir, off_nadir_after=0),
    )
    ids, height = leant.rasters["building"] > 0, leant.rasters["height_before"]
    roof = ids & (height > 5)
    moved = np.array(ndimage.center_of_mass(roof)) - ndimage.center_of_mass(
        house.rasters["building"] > 0
    )
    azimuth = np.radians(leant.parameters["before"]["view_azimuth"])
    lean = 6 * np.tan(np.radians(off_nadir)) / 0.5
    assert moved[1] == pytest.approx(-lean * np.sin(azimuth), abs=1)
    assert moved[0] == pytest.approx(lean * np.cos(azimuth), abs=1)
    image = leant.rasters["before"].astype(float).mean(0)
    level = np.median(image[ndimage.binary_erosion(roof, iterations=3)])
    seen = image > 0.5 * (level + np.median(image[~grown(leant, "building", 30)]))
    assert (seen & ids).sum() / (seen | ids).sum() > 0.8
    assert ids.sum() > (house.rasters["building"] > 0).sum()  # walls are building too


def test_a_shift_moves_the_second_image_with_its_truth_and_the_first_not_at_all():
    still, moved = (
        render_event(
            calm(plain_town(side_m=23.8)),  # no edge through the middle of a pixel
            RenderParams("vhr-0.5", 3, shift_px=s, off_nadir_before=0.0, off_nadir_after=0.0),
        )
        for s in (0.0, 3.0)
    )
    assert still.rasters["before"].tobytes() == moved.rasters["before"].tobytes()
    east, north = moved.parameters["shift_m"]
    assert np.hypot(east, north) == pytest.approx(3 * 0.5)

    def middle(scene, name):
        return np.array(ndimage.center_of_mass(scene.rasters[name]))

    after = middle(moved, "height_after") - middle(still, "height_after")
    # the frame moved east and north, so what it shows moved west and south
    assert after == pytest.approx([north / 0.5, -east / 0.5], abs=0.51)  # whole pixels
    image = [s.rasters["after"].astype(float).mean(0) for s in (still, moved)]
    image = [np.clip(i - np.median(i) - 20, 0, None) for i in image]
    drift = np.array(ndimage.center_of_mass(image[1])) - ndimage.center_of_mass(image[0])
    assert drift == pytest.approx(after, abs=0.5)


def test_a_calm_event_has_the_same_truth_at_both_dates():
    scene = render_event(calm(town("centre", 0, 160.0)), NADIR)
    assert (scene.rasters["damage"][scene.rasters["building"] > 0] == 1).all()
    assert not scene.rasters["water_depth"].any()
    before, after = (scene.rasters[f"landcover_{d}"] for d in ("before", "after"))
    still = (before == BUILDING) | (after == BUILDING)
    assert (before[still] == after[still]).mean() > 0.97  # leaves come and go over roofs


def test_painting_the_second_date_of_a_calm_event_paints_the_first_again():
    city = town("suburb", 0, 128.0)
    middle = city.dtm.box.extent.centroid.coords[0]
    box = stage_box(middle, 100.0, 0.5, city.dtm.box.crs)
    noise, when = stage_noise(box, 5), Appearance()
    stages = [paint(calm(city), box, when, noise, after=after) for after in (False, True)]
    for name in ("ground", "height", "albedo", "cover", "ids", "water", "changed", "footprint"):
        one, other = (getattr(s, name) for s in stages)
        assert one.tobytes() == other.tobytes(), name
    assert not stages[0].changed.any()
    assert stages[0].albedo.min() >= 0


def test_no_matter_reflects_more_than_it_gets():
    city = town("suburb", 0, 128.0)
    box = stage_box(city.dtm.box.extent.centroid.coords[0], 100.0, 0.5, city.dtm.box.crs)
    stage = paint(calm(city), box, Appearance(), stage_noise(box, 5), after=False)
    assert stage.albedo.max() <= 1


def test_flood_water_is_seen_where_it_stands():
    scene = render_event(flood(town("suburb", 1, 160.0), FloodParams(2.0)), NADIR)
    depth, after = scene.rasters["water_depth"], scene.rasters["landcover_after"]
    assert (depth > 0).any()
    assert (after[depth > 0] == WATER).all()
    dry = (scene.rasters["landcover_before"] == BUILDING) & (
        scene.rasters["height_before"] > depth + 0.5
    )
    assert (after[dry] != WATER).mean() > 0.99  # roofs stand out of the water
    assert depth.max() <= 2.0 + 1e-3


def test_what_collapsed_is_lower_than_it_was(scene, struck):
    fallen = struck.buildings["failure"].isin(["collapse", "swept"])
    ids = np.isin(scene.rasters["building"], struck.buildings.loc[fallen, "building_id"])
    assert ids.sum() > 50
    before, after = scene.rasters["height_before"][ids], scene.rasters["height_after"][ids]
    assert np.median(after) < 0.7 * np.median(before)
    whole = struck.buildings["failure"] == "intact"
    ids = np.isin(scene.rasters["building"], struck.buildings.loc[whole, "building_id"])
    change = scene.rasters["height_after"][ids] - scene.rasters["height_before"][ids]
    assert np.abs(np.median(change)) < 0.3


@pytest.mark.parametrize("name", ["aerial-0.3", "vhr-0.6", "vhr-1.0"])
def test_every_sensor_has_its_own_grid(struck, name):
    scene = render_event(struck, RenderParams(name))
    gsd = float(name.split("-")[1])
    assert scene.box.resolution.x == gsd
    assert scene.box.shape.x == int(100 / gsd + 1e-9) or scene.box.shape.x == int(100 / gsd)
    centre = scene.box.extent.centroid.coords[0]
    assert centre == pytest.approx(struck.city.dtm.box.extent.centroid.coords[0], abs=1e-6)


def test_a_town_without_buildings_makes_a_scene(tmp_path):
    scene = render_event(calm(town("village", 7)), RenderParams("vhr-1.0"))
    assert not scene.rasters["building"].any()
    assert not scene.rasters["damage"].any()
    write_scene(scene, tmp_path / "scene")


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"sensor": "telescope"}, "telescope"),
        ({"seed": -1}, "-1"),
        ({"off_nadir_before": 46.0}, "46"),
        ({"off_nadir_after": -1.0}, "-1"),
        ({"off_nadir_after": float("nan")}, "nan"),
        ({"shift_px": 3.5}, "3.5"),
        ({"shift_px": -0.1}, "-0.1"),
        ({"oversample": 0.5}, "0.5"),
        ({"oversample": 9.0}, "9"),
    ],
)
def test_bad_parameters_are_named(values, word):
    with pytest.raises(InputError, match=word):
        RenderParams(**values)


def test_more_pixels_than_the_budget_are_refused_before_they_are_painted(struck):
    with pytest.raises(BudgetError, match="memory"):
        render_event(struck, RenderParams("aerial-0.3", oversample=4, memory_bytes=2**20))


def test_a_city_smaller_than_a_frame_is_refused():
    with pytest.raises(InputError, match="too small"):
        render_event(calm(town("suburb", 0, 64.0)), RenderParams("vhr-1.0"))


def test_a_scene_folder_has_every_file_of_the_design(scene, tmp_path):
    folder = write_scene(scene, tmp_path / "scene")
    assert {f.name for f in folder.iterdir()} == FILES
    for name, values in scene.rasters.items():
        with rasterio.open(folder / f"{name}.tif") as raster:
            assert raster.crs.to_epsg() == 32631
            assert np.array_equal(raster.read().squeeze(), values.squeeze()), name
            assert raster.count == (3 if values.ndim == 3 else 1)
    table = gpd.read_file(folder / "buildings.gpkg")
    assert len(table) == len(scene.buildings)
    assert {"building_id", "grade_physical", "grade_visible", "pixels"} <= set(table.columns)
    roads = gpd.read_file(folder / "roads.gpkg", layer="streets")
    assert roads["state"].tolist() == scene.streets["state"].tolist()
    with rasterio.open(folder / "matter_after.tif") as raster:
        assert json.loads(raster.tags()["classes"]) == dict(MATTER)
    item = json.loads((folder / "item.json").read_text())
    stated = item["properties"]["geomage:parameters"]
    assert stated["render"]["sensor"] == "vhr-0.5"
    assert stated["event"] == "storm"
    assert stated["city"]["style"] == "suburb"
    assert {asset["href"] for asset in item["assets"].values()} == {
        f"./{name}" for name in FILES - {"item.json"}
    }
    with pytest.raises(OutputError):
        write_scene(scene, folder)
