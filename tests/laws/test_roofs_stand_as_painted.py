"""One roof, two descriptions: what the kernel paints is as high as the mesh, for every form."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geomage.disaster import calm
from geomage.render import Appearance, paint, stage_box, stage_noise
from geomage.render import _kernels_roofs as kernel
from geomage.render.assets import _FORMS
from geomage.world.roofs import FORMS, INSET_FORMS, Roof, roof_solid
from geomage.world.skeleton import convex_corners, edge_planes, skeleton
from solids import height_at, is_closed, volume
from towns import plain_town

SIDE = st.floats(3, 90)
SHARE = st.floats(-0.499, 0.499)
CLOSE_M = 0.01


def painted(roof: Roof, u: float, v: float) -> float:
    """Height the kernel gives a point."""
    if roof.outline is None:
        reach = min(roof.length, roof.width) / 2
        inset = min(roof.length / 2 - abs(u), roof.width / 2 - abs(v)) / reach
    else:
        planes = edge_planes(roof.outline)
        inset = kernel.inset_of(planes, 0, len(planes), u, v) / skeleton(roof.outline).reach
    return kernel.roof_height(
        _FORMS[roof.form], u, v, roof.length, roof.width, inset, roof.eave, roof.ridge
    )


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(FORMS), SIDE, SIDE, st.floats(0.1, 9), SHARE, SHARE)
def test_the_kernel_paints_a_box_as_high_as_its_solid(form, length, width, rise, a, b):
    roof = Roof(form, length, width, 6.0, 6.0 + (0 if form == "flat" else rise))
    solid = roof_solid(roof)
    assert is_closed(solid.faces)
    steep = 40 * rise / width if form == "sawtooth" else rise / min(length, width) * 8
    close = CLOSE_M + 1e-3 * steep
    assert painted(roof, a * length, b * width) == pytest.approx(
        height_at(solid, a * length, b * width), abs=close
    )


def convex_roof(form: str, seed: int, side: float, rise: float) -> Roof:
    points = np.random.default_rng(seed).uniform(-side, side, (9, 2))
    corners = convex_corners(shapely.convex_hull(shapely.MultiPoint(points)))
    corners = corners - (corners.min(0) + corners.max(0)) / 2
    length, width = np.ptp(corners, 0)
    form = "gable" if form == "half-hip" else form
    return Roof(form, float(length), float(width), 5.0, 5.0 + rise * (form != "flat"), corners)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(FORMS), st.integers(0, 10**6), st.floats(3, 30), st.floats(0.1, 6))
def test_the_kernel_paints_a_convex_outline_as_high_as_its_solid(form, seed, side, rise):
    roof = convex_roof(form, seed, side, rise)
    solid = roof_solid(roof, depth=1.0)
    assert is_closed(solid.faces)
    assert volume(solid) > 0
    weights = np.random.default_rng(seed).dirichlet(np.ones(len(roof.outline)), 8)
    for u, v in weights @ roof.outline:
        assert painted(roof, u, v) == pytest.approx(height_at(solid, u, v), abs=0.05)
        assert roof.eave - 0.05 <= painted(roof, u, v) <= roof.ridge + 0.05


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(FORMS), SIDE, SIDE, st.floats(0.1, 9), SHARE, SHARE)
def test_a_roof_never_leaves_the_span_from_eave_to_ridge(form, length, width, rise, a, b):
    height = painted(Roof(form, length, width, 3.0, 3.0 + rise), a * length, b * width)
    assert 3.0 - 1e-9 <= height <= 3.0 + rise + 1e-9


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("boxed", [1, 0])
def test_the_stage_carries_the_same_roof(form, boxed):
    """The whole way: layer to stage, at a turn, against the solid of the same layer."""
    from geomage.world.solids import wing_bases, wing_solids

    town = plain_town(120.0)
    at = town.buildings.geometry.iloc[0].centroid
    turn = np.radians(23.0)
    box = np.array([[-14, -6], [14, -6], [14, 6], [-14, 6]], float)
    own = box if boxed else np.array([[-14, -6], [9, -6], [14, 2], [3, 6], [-14, 6]], float)
    spin = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    shape = shapely.Polygon(own @ spin + [at.x, at.y])
    ridge = 5.0 if form == "flat" else 9.0
    roofs = town.roofs.assign(
        form=form, angle=23.0, length=28.0, width=12.0, eave=5.0, ridge=ridge, boxed=boxed
    ).set_geometry(gpd.GeoSeries([shape], crs=town.roofs.crs))
    town = town.with_layers(
        roofs=roofs, buildings=town.buildings.set_geometry(roofs.geometry).assign(height=ridge)
    )
    grid = stage_box((at.x, at.y), 40.0, 0.25, town.dtm.box.crs)
    stage = paint(calm(town), grid, Appearance(), stage_noise(grid, 1), after=False)
    solid = wing_solids(town)[0][0]
    assert wing_bases(roofs).reach[0] > 5
    rows, columns = np.nonzero(stage.footprint)
    x, y = grid.affine @ (columns + 0.5, rows + 0.5)
    inside = shapely.contains_xy(shape.buffer(-0.6), x, y)
    assert inside.sum() > 2000
    picked = np.flatnonzero(inside)[::37]
    ground = float(town.dtm.values[0, 0, 0])
    for i in picked:
        high = height_at(solid, x[i], y[i]) - ground
        assert stage.height[rows[i], columns[i]] == pytest.approx(high, abs=0.02)
    assert (form in INSET_FORMS) == (form in {"hip", "mansard", "dome"})
