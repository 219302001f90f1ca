"""A sensor finer than what a town is made of is said."""

from __future__ import annotations

from geomage.render import RenderParams, beyond_its_views, finer_than_detail
from geomage.sensor import SENSORS


def test_only_sensors_finer_than_a_quarter_metre_are_remarked_upon():
    remarked = {name for name in SENSORS if finer_than_detail(name)}
    assert remarked == {"drone-0.05", "drone-0.10", "drone-0.15", "bdortho-0.2"}
    (note,) = finer_than_detail("drone-0.05")
    assert "0.05 m" in note
    assert "0.25 m" in note


def test_a_view_farther_than_a_sensor_looks_is_said() -> None:
    (note,) = beyond_its_views(RenderParams("sentinel2-l2a", off_nadir_after=45.0))
    assert "10 degrees" in note
    assert "45 (after)" in note
    assert not beyond_its_views(RenderParams("pleiades-0.5", off_nadir_before=45.0))
    assert not beyond_its_views(RenderParams("sentinel2-l2a"))
