"""Path tracers agree with ours, where they are installed; errors are plain where they are not."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest

from geomage.disaster import calm
from geomage.errors import InputError, MissingExtraError, RunError
from geomage.render import (
    Appearance,
    RenderParams,
    paint,
    render_event,
    stage_box,
    stage_noise,
    write_scene,
)
from geomage.render.blender import _run
from geomage.render.engines import ENGINES, engine, engine_facts, refuse_engine
from geomage.sensor import VISIBLE, Band
from towns import stage, town

TRACERS = {"mitsuba": "mitsuba", "blender": "bpy"}
WHEN = Appearance(sun_azimuth=150, sun_elevation=40, off_nadir=25, view_azimuth=70)
NADIR = replace(WHEN, off_nadir=0.0)
HEIGHT, PX = 9.0, 0.5


@pytest.fixture(scope="module", params=TRACERS)
def tracer(request):
    """Name of a path tracer that is installed."""
    if find_spec(TRACERS[request.param]) is None:
        pytest.skip(f"needs the extra [{request.param}]: pip install 'geomage[{request.param}]'")
    return request.param


@pytest.fixture(scope="module")
def tower():
    """A box on level ground, with a rim that is no part of any square image."""
    height = np.zeros((64, 72))
    height[28:44, 24:40] = HEIGHT
    return stage(height, px=PX)


def agreement(one: np.ndarray, other: np.ndarray) -> float:
    """Least correlation of any band, rims left out."""
    inner = np.s_[:, 8:-8, 8:-8]
    pairs = zip(one[inner], other[inner], strict=True)
    return min(float(np.corrcoef(a.ravel(), b.ravel())[0, 1]) for a, b in pairs)


def test_a_level_lambertian_plane_returns_its_reflectance_in_every_band(tracer):
    bands = (*VISIBLE, Band("rededge", 640.0, 20.0))  # two rounds of three bands
    albedo = np.array([0.1, 0.3, 0.5, 0.8], np.float32)
    plane = stage(np.zeros((24, 32)), px=PX)
    there = replace(plane, bands=bands, albedo=np.tile(albedo[:, None, None], (1, 24, 32)))
    when = replace(WHEN, veil=0.3)
    seen = ENGINES[tracer](there, when).radiance
    assert seen.shape == (4, 24, 32)
    assert seen.mean((1, 2)) == pytest.approx(albedo, rel=0.01)
    assert np.abs(seen / albedo[:, None, None] - 1).mean() < 0.03  # noise


def test_shadow_and_roof_of_a_tower_lie_where_ours_lie(tracer, tower):
    for when in (NADIR, WHEN):
        ours, theirs = (ENGINES[name](tower, when) for name in ("heightfield", tracer))
        assert np.array_equal(ours.source, theirs.source)
        assert np.array_equal(ours.wall, theirs.wall)
        ground = tower.ids.reshape(-1)[ours.source] == 0
        a, b = (((p.radiance[1] < 0.2) & ground) for p in (ours, theirs))
        rows, columns = (np.nonzero(shade) for shade in (a, b))
        assert np.mean(rows, axis=1) == pytest.approx(np.mean(columns, axis=1), abs=0.5)
        assert (a & b).sum() > 0.8 * (a | b).sum()
        assert b.sum() > 100


def test_ground_stays_where_it_is_on_a_slope_at_an_angle(tracer):
    rows, columns = np.indices((48, 48))
    ground = (0.25 * PX * columns - 0.15 * PX * rows).astype(np.float32)
    albedo = np.full((3, 48, 48), 0.1, np.float32)
    albedo[:, 10:14, 34:38] = 0.6  # 4 m over the middle: 3.7 px of lean
    there = replace(stage(np.zeros((48, 48)), px=PX, ground=ground), albedo=albedo)
    seen = ENGINES[tracer](there, WHEN).radiance[0]
    mark = np.argwhere(seen > 0.3).mean(0)
    assert mark == pytest.approx([11.5, 35.5], abs=0.3)


def test_a_town_looks_alike_from_above_and_at_an_angle(tracer):
    struck = calm(town("suburb", 0, 128.0))
    bounds = struck.city.dtm.box.boundingbox
    middle = ((bounds.left + bounds.right) / 2, (bounds.bottom + bounds.top) / 2)
    box = stage_box(middle, 64.0, PX, struck.city.dtm.box.crs)
    there = paint(struck, box, NADIR, stage_noise(box, 1), after=False)
    less = 0.02 if tracer == "blender" else 0.0  # Cycles' denoiser takes grain for noise
    for when, least in ((NADIR, 0.95 - less), (WHEN, 0.90 - less)):
        ours, theirs = (ENGINES[name](there, when).radiance for name in ("heightfield", tracer))
        assert agreement(ours, theirs) > least
        assert theirs.mean((1, 2)) == pytest.approx(ours.mean((1, 2)), rel=0.1)


def test_a_scene_says_which_engine_made_it_and_its_truth_does_not_depend_on_it(tmp_path):
    if find_spec("mitsuba") is None:
        pytest.skip("needs the extra [mitsuba]: pip install 'geomage[mitsuba]'")
    struck = calm(town("suburb", 0, 128.0))
    params = RenderParams("vhr-1.0", 2, oversample=1.0, engine="mitsuba", samples=4)
    theirs = render_event(struck, params)
    ours = render_event(struck, replace(params, engine="heightfield", samples=None))
    for name in set(ours.rasters) - {"before", "after"}:
        assert np.array_equal(ours.rasters[name], theirs.rasters[name]), name
    assert not np.array_equal(ours.rasters["before"], theirs.rasters["before"])
    item = json.loads((write_scene(theirs, tmp_path / "scene") / "item.json").read_text())
    stated = item["properties"]["geomage:parameters"]["engine"]
    assert stated == {**engine_facts("mitsuba"), "samples": 4}
    assert stated["version"].startswith("3.")


@pytest.mark.parametrize(("name", "package"), TRACERS.items())
def test_an_engine_that_is_not_installed_says_what_to_install(name, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)  # Python's way to hide a package
    with pytest.raises(MissingExtraError, match=rf"pip install 'geomage\[{name}\]'"):
        engine(name)
    with pytest.raises(MissingExtraError, match=package):
        render_event(calm(town()), RenderParams(engine=name))


@pytest.mark.parametrize(
    ("asked", "samples", "says"),
    [
        ("mitsubba", None, "unknown engine 'mitsubba': did you mean mitsuba"),
        ("Blender", None, "did you mean blender"),
        ("luxrender", None, "choose one of heightfield, mitsuba, blender"),
        ("mitsuba", 0, "0 samples a pixel are outside 1..4096"),
        ("blender", 10**6, "1000000 samples"),
        ("heightfield", 8, "takes no samples"),
    ],
)
def test_what_no_engine_can_do_is_refused_before_work_starts(asked, samples, says):
    with pytest.raises(InputError, match=says):
        refuse_engine(asked, samples)
    with pytest.raises(InputError, match=says):
        RenderParams(engine=asked, samples=samples)


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("import os; os.kill(os.getpid(), 9)", "ended by signal 9"),
        ("raise RuntimeError('no such device')", "failed with code 1: .*no such device"),
        ("", "failed with code 0"),  # it leaves no picture
    ],
)
def test_a_blender_process_that_dies_is_an_error_of_one_line(script, says, tmp_path):
    worker = tmp_path / "worker.py"
    worker.write_text(script)
    with pytest.raises(RunError, match=says) as caught:
        _run(worker, tmp_path)
    assert "\n" not in str(caught.value)
