"""References of no place or of a format that is not read: one line before any score."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from geomage.errors import InputError
from geomage.geo import read_vectors


def collection(*ring: tuple[float, float]) -> str:
    shape = {"type": "Polygon", "coordinates": [ring]}
    feature = {"type": "Feature", "properties": {"damage": 1}, "geometry": shape}
    return json.dumps({"type": "FeatureCollection", "features": [feature]})


@pytest.mark.parametrize("odd", [float("nan"), 1e308, -1e12, float("inf")])
def test_a_coordinate_of_no_place_is_refused(tmp_path: Path, odd: float) -> None:
    path = tmp_path / "reference.geojson"
    for ring in (
        [(3, 48), (odd, 48), (3, 49), (3, 48)],
        [(odd, 48), (4, 48), (3, 49), (odd, 48)],
        [(3, odd), (4, 48), (4, 49), (3, 49)],
    ):
        path.write_text(collection(*ring))
        with pytest.raises(InputError, match=r"reference\.geojson .*mend or remove"):
            read_vectors(path)


def test_only_what_can_be_read_is_offered(tmp_path: Path) -> None:
    path = tmp_path / "reference.parquet"
    path.write_bytes(b"PAR1" * 30)
    with pytest.raises(InputError, match=r"read from \.gpkg, \.geojson, \.json, \.shp, \.fgb$"):
        read_vectors(path)
