"""A picture made in tiles is the picture made at once; on disk as in memory."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from odc.geo.geobox import GeoBox

from geomage.disaster import StormParams, calm, storm
from geomage.errors import BudgetError
from geomage.geo import Raster, cog, write_cog
from geomage.render import (
    Appearance,
    RenderParams,
    frames,
    paint,
    render_event,
    render_to,
    stage_box,
    stage_noise,
    write_scene,
)
from geomage.sensor import sensor, stride
from towns import folder_hashes, plain_town, town

ASIDE = RenderParams("vhr-0.5", 26, shift_px=1.3, off_nadir_before=25.0, off_nadir_after=40.0)


@pytest.fixture(scope="module")
def struck():
    return storm(town("suburb", 6, 160.0), StormParams(4, 15))


@pytest.fixture(scope="module")
def whole(struck):
    return render_event(struck, ASIDE)


def test_a_window_is_painted_as_the_whole(struck):
    city = struck.city
    box = stage_box(city.dtm.box.extent.centroid.coords[0], 120.0, 0.25, city.dtm.box.crs)
    cut = (slice(101, 401), slice(57, 357))
    for after in (False, True):
        every = paint(struck, box, Appearance(), stage_noise(box, 5), after=after)
        some = paint(struck, box[cut], Appearance(), stage_noise(box[cut], 5), after=after)
        inner = slice(40, -40)  # what stands on the rim of a window is cut
        for name in (
            "ground",
            "height",
            "albedo",
            "cover",
            "ids",
            "matter",
            "footprint",
            "changed",
        ):
            one, other = getattr(every, name)[(..., *cut)], getattr(some, name)
            assert np.array_equal(one[..., inner, inner], other[..., inner, inner]), name


def test_tiles_make_the_whole_picture(struck, whole, monkeypatch):
    monkeypatch.setattr(frames, "TILE_PX", 77)
    parts = render_event(struck, ASIDE)
    for name, values in whole.rasters.items():
        differs = np.abs(values.astype(float) - parts.rasters[name])
        if name in {"before", "after"}:  # what stands far off hides a little of the sky
            assert differs.max() <= 3, name
            assert (differs > 1).mean() < 1e-3, name
        else:
            assert (differs > 1e-3).mean() < 1e-4, name
    for name in ("pixels", "visible_before", "visible_after"):
        assert np.abs(whole.buildings[name] - parts.buildings[name]).max() <= 0.01, name


def test_tiles_cover_a_picture_once_and_nest_in_every_grid_of_a_sensor(monkeypatch):
    monkeypatch.setattr(frames, "TILE_PX", 50)
    event = calm(plain_town(260.0))
    for name in ("vhr-0.5", "vhr-1.0"):
        model = sensor(name)
        box = frames.sensor_grid(event, model)
        fine, framing = frames.fine_grid(event, box, 2.0)
        found = frames.tiles(framing, fine, model, 20.0)
        times, own = np.zeros(box.shape, int), np.zeros(fine.shape, int)
        for tile in found:
            times[tile.place] += 1
            top, left = (span.start for span in tile.window)
            rows, columns = tile.own
            own[top + rows.start : top + rows.stop, left + columns.start : left + columns.stop] += 1
            assert tile.place[0].start % stride(model) == 0
            at = tile.framing.row0 + top - framing.row0
            assert at == pytest.approx(framing.ratio * tile.place[0].start)
        assert len(found) > 4
        assert (times == 1).all()
        assert (own == 1).all()


def test_a_scene_made_on_disk_is_the_one_made_in_memory(struck, whole, tmp_path):
    write_scene(whole, tmp_path / "memory")
    scene = render_to(struck, tmp_path / "disk", ASIDE)
    assert folder_hashes(tmp_path / "memory") == folder_hashes(tmp_path / "disk")
    assert scene.parameters == whole.parameters


def test_a_scene_on_disk_needs_memory_for_a_tile_only(monkeypatch, struck, tmp_path):
    monkeypatch.setattr(frames, "TILE_PX", 64)
    small = RenderParams(
        "vhr-0.5", 4, off_nadir_before=0, off_nadir_after=0, memory_bytes=20_000_000
    )
    with pytest.raises(BudgetError, match="memory"):
        render_event(struck, small)
    render_to(struck, tmp_path / "scene", small)
    assert (tmp_path / "scene" / "after.tif").is_file()
    assert not (tmp_path / "scene" / "work").exists()


def test_what_is_seen_of_buildings_is_a_share_and_less_from_aside(struck, whole):
    above = render_event(struck, RenderParams("vhr-0.5", 26, off_nadir_before=0, off_nadir_after=0))
    for scene in (whole, above):
        for name in ("visible_before", "visible_after"):
            assert scene.buildings[name].dropna().between(0, 1).all()
            assert (scene.buildings.loc[scene.buildings[name].isna(), "pixels"] < 20).all()
    assert above.buildings["visible_before"].max() > 0.8
    less = whole.buildings["visible_after"].mean() - above.buildings["visible_after"].mean()
    assert less < 0


def test_ground_truth_of_light_and_form_agrees_with_the_picture():
    scene = render_event(calm(plain_town(side_m=24.2)), RenderParams("vhr-0.5", 26, shift_px=0.0))
    dark, normal = scene.rasters["shadow_before"], scene.rasters["normal_before"]
    assert dark.min() >= 0
    assert dark.max() <= 1
    assert np.hypot(np.hypot(*normal[:2]), normal[2]) == pytest.approx(1, abs=0.01)
    ground = (scene.rasters["building"] == 0) & (normal[2] == 1)
    image = scene.rasters["before"].astype(float).mean(0)
    shaded, sunny = ground & (dark > 0.9), ground & (dark < 0.1)
    assert shaded.sum() > 100
    assert np.median(image[shaded]) < 0.75 * np.median(image[sunny])


def test_a_large_raster_is_written_on_disk_as_in_memory(tmp_path, monkeypatch):
    values = np.random.default_rng(0).integers(0, 255, (3, 700, 900)).astype(np.uint8)
    box = frames.sensor_grid(calm(plain_town(260.0)), sensor("vhr-0.5"))
    raster = Raster(values, GeoBox((700, 900), box.affine, box.crs), None, ("a", "b", "c"))
    write_cog(tmp_path / "memory.tif", raster)
    monkeypatch.setattr(cog, "_LARGE", 1000)
    monkeypatch.setattr(cog, "_ROWS", 64)
    write_cog(tmp_path / "disk.tif", raster)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["disk.tif", "memory.tif"]
    with rasterio.open(tmp_path / "disk.tif") as one, rasterio.open(tmp_path / "memory.tif") as two:
        assert np.array_equal(one.read(), two.read())
        assert one.overviews(1) == two.overviews(1)
        assert one.tags(ns="IMAGE_STRUCTURE") == two.tags(ns="IMAGE_STRUCTURE")
    assert (tmp_path / "disk.tif").read_bytes() == (tmp_path / "memory.tif").read_bytes()
