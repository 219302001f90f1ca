"""Vector tiles hold what touches them, at its place, and no more than can be drawn."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from shapely.geometry import LineString, Point, box
from tests.toy_run import UTM, grid

from geomage.geo import write_vectors
from geomage.serve import features
from geomage.serve.features import FINE, find_layers, tile_features
from geomage.serve.plane import TILE_PX, plane_of


@pytest.fixture
def layers(tmp_path: Path) -> dict:
    x, y = grid(UTM).affine @ (50, 40)
    odd = shapely.Polygon([(x, y), (x + 9, y + 9), (x + 9, y), (x, y + 9)])  # crosses itself
    frames = {
        "areas": gpd.GeoDataFrame(
            {"damage_gra": ["Destroyed", "Damaged"], "confidence": [0.5, np.nan]},
            geometry=[box(x - 20, y - 5, x - 10, y + 5), odd], crs=UTM,
        ),
        "lines": gpd.GeoDataFrame(
            {"state": ["blocked"]}, geometry=[LineString([(x - 900, y), (x + 900, y)])], crs=UTM
        ),
        "points": gpd.GeoDataFrame({"n": [7]}, geometry=[Point(x, y)], crs=UTM),
        "source": gpd.GeoDataFrame({"src_id": [1]}),
    }  # fmt: skip
    path = write_vectors(tmp_path / "x.gpkg", frames)
    return {layer.name: layer for layer in find_layers(path)}


def middle(zoom: int) -> tuple:
    plane = plane_of(grid(UTM))
    left, bottom, right, top = plane.bounds
    size = plane.side / 2**zoom
    x, y = (
        int(((left + right) / 2 - plane.left) // size),
        int((plane.top - (bottom + top) / 2) // size),
    )
    return plane, plane.tile(zoom, x, y)


def test_layers_without_a_shape_cannot_be_asked_for(layers: dict) -> None:
    assert {*layers} == {"areas", "lines", "points"}
    assert layers["areas"].count == 2


@pytest.mark.parametrize(("name", "kind"), [("areas", "a"), ("lines", "l"), ("points", "p")])
def test_each_kind_of_shape(layers: dict, name: str, kind: str) -> None:
    plane, tile = middle(18)
    found = tile_features(layers[name], plane, tile)
    assert found["features"]
    assert {one["t"] for one in found["features"]} == {kind}
    rim, end = -8 * FINE, (TILE_PX + 8) * FINE
    for one in found["features"]:
        for part in one["g"]:
            assert len(part) % 2 == 0
            assert rim <= min(part)
            assert max(part) <= end


def test_fields_are_json_and_nothing_is_null(layers: dict) -> None:
    plane, tile = middle(17)
    fields = [one["p"] for one in tile_features(layers["areas"], plane, tile)["features"]]
    assert {"damage_gra": "Damaged", "confidence": None} in fields


def test_a_square_keeps_its_size(layers: dict) -> None:
    plane, tile = middle(15)
    found = tile_features(layers["areas"], plane, tile)["features"]
    (ring,) = next(one["g"] for one in found if one["p"]["damage_gra"] == "Destroyed")
    points = np.reshape(ring, (-1, 2)) / FINE * abs(tile.affine.a) / plane.unit  # metres
    assert np.ptp(points, axis=0) == pytest.approx([10, 10], abs=1)


def test_where_there_are_too_many_it_says_so(layers: dict, monkeypatch) -> None:
    monkeypatch.setattr(features, "MOST_FEATURES", 1)
    plane, tile = middle(17)
    assert tile_features(layers["areas"], plane, tile) == {"features": [], "more": True}
    assert tile_features(layers["points"], plane, tile)["more"] is False


def test_a_tile_far_away_is_empty(layers: dict) -> None:
    plane, _ = middle(17)
    assert tile_features(layers["areas"], plane, plane.tile(5, 31, 31))["features"] == []
