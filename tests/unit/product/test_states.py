"""Each line of the rule that gives a segment its state, on painted rasters."""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np
import pytest
import shapely

from geomage.geo import Raster, open_raster, write_cog
from geomage.product.access.corridors import longest_runs
from geomage.product.access.states import judge_segments
from street_products import BOX, layers_of_pixels

STREET = shapely.LineString([(50, 200), (150, 200)])
FAR = shapely.LineString([(50, 350), (150, 350)])


def judge(tmp_path, level: int = 0, left_out=(), **painted) -> tuple[str, str]:
    """State and why of the street; the other one, far off, must be passable."""
    with ExitStack() as stack:
        opened = {}
        for name, values in layers_of_pixels(**painted).items():
            path = write_cog(tmp_path / f"{name}.tif", Raster(values[None], BOX))
            if name not in left_out:
                opened[name] = stack.enter_context(open_raster(path))
        lines, width = np.array([STREET, FAR], object), np.array([8.0, 8.0])
        found = judge_segments(lines, width, np.array([level, 0]), opened, 1.0)
    if not left_out:
        assert found.state[1] == "passable"
    return found.state[0], found.why[0]


def test_a_street_seen_dry_and_unchanged_is_passable(tmp_path) -> None:
    assert judge(tmp_path) == ("passable", "seen at both dates, dry and unchanged")


@pytest.mark.parametrize(
    ("painted", "state", "why"),
    [
        ({"flood": [(80, 190, 100, 210, 1)]}, "flooded", "new water"),
        ({"flood": [(80, 199, 81, 201, 1)]}, "unknown", "new water touches"),
        ({"flood": [(80, 190, 100, 210, 2)]}, "unknown", "water at both dates"),
        ({"flood": [(80, 199, 81, 201, 255)]}, "unknown", "not analysed"),
        ({"change": [(80, 199, 81, 201, 255)]}, "unknown", "not analysed"),
        ({"damage": [(80, 199, 81, 201, 255)]}, "unknown", "not analysed"),
        ({"change": [(80, 190, 90, 210, 200)]}, "blocked", "whole width"),
        ({"change": [(80, 190, 90, 210, 60)]}, "unknown", "something changed"),
        ({"change": [(80, 190, 90, 210, 10)]}, "passable", "unchanged"),
        ({"damage": [(80, 190, 90, 210, 4)]}, "blocked", "destroyed building lies on it"),
        ({"damage": [(80, 208, 90, 220, 4)]}, "unknown", "destroyed building stands beside"),
        ({"damage": [(80, 218, 90, 230, 4)]}, "passable", "unchanged"),
        ({"damage": [(80, 208, 90, 220, 1)]}, "passable", "unchanged"),
        ({"landcover": [(80, 190, 100, 210, 5)]}, "unknown", "under trees"),
        ({"landcover": [(80, 190, 100, 210, 8)]}, "unknown", "does not fit"),
        # what is certain wins over what is not seen
        ({"flood": [(80, 190, 100, 210, 1), (120, 190, 125, 210, 255)]}, "flooded", "new water"),
    ],
)  # fmt: skip
def test_what_lies_on_it_decides(tmp_path, painted, state, why) -> None:
    found = judge(tmp_path, **painted)
    assert found[0] == state
    assert why in found[1]


def test_a_bridge_over_old_water_works_and_a_tunnel_is_never_seen(tmp_path) -> None:
    water = {"flood": [(80, 190, 100, 210, 2)]}
    assert judge(tmp_path, level=1, **water)[0] == "passable"
    assert judge(tmp_path, level=-1, **water) == ("unknown", "in a tunnel, not seen from above")
    assert judge(tmp_path, level=1, flood=[(80, 190, 100, 210, 1)])[0] == "flooded"


def test_without_a_second_image_or_a_flood_raster_nothing_is_known(tmp_path) -> None:
    one_date = ("damage", "flood", "change")
    assert judge(tmp_path, left_out=one_date) == ("unknown", "no second image")
    assert judge(tmp_path, left_out=("flood",)) == ("unknown", "the product has no raster of flood")


def test_half_a_street_free_is_free(tmp_path) -> None:
    """Eight metres wide: what changed on a side of it leaves a lane."""
    assert judge(tmp_path, change=[(80, 202, 90, 206, 200)])[0] == "passable"


def test_longest_runs_are_those_of_a_loop() -> None:
    rng = np.random.default_rng(3)
    segment = np.sort(rng.integers(0, 40, 500))
    true = rng.random(500) < 0.7
    best, run, last = np.zeros(40, int), 0, -1
    for one, now in zip(true, segment, strict=True):
        run = (run + 1 if now == last else 1) if one else 0
        last = now
        best[now] = max(best[now], run)
    np.testing.assert_array_equal(longest_runs(true, segment, 40), best)
