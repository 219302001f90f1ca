"""A small block from files of every kind: what is given is kept, what comes back is the same."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox

from blocks import EAST, NORTH, UTM, at, block, write_block, write_raster
from geomage.disaster import earthquake, read_event, write_event
from geomage.disaster.earthquake import EarthquakeParams
from geomage.errors import InputError
from geomage.geo import rasterise, read_raster, write_cog
from geomage.render import RenderParams, render_event
from geomage.world import LAYERS, City, ImportJob, ImportParams, import_city, read_city, write_city
from geomage.world.orthophoto import shade
from towns import folder_hashes, table_bytes


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Footprints and two streets in one GeoPackage."""
    path = tmp_path_factory.mktemp("block") / "block.gpkg"
    write_block(path, layer="buildings")
    lines = [
        at(shapely.LineString([(-40, 30), (140, 30)])),
        at(shapely.LineString([(40, -40), (40, 99)])),
    ]
    streets = {"highway": ["primary", "footway"], "width": ["12", None], "lanes": ["3", None]}
    write_block(path, gpd.GeoDataFrame(streets, geometry=lines, crs=UTM), "streets")
    return path


@pytest.fixture(scope="module")
def city(source: Path) -> City:
    return import_city(ImportJob(buildings=source, streets=source, seed=4))


def by_source(city: City) -> gpd.GeoDataFrame:
    return city.buildings.set_index("source_id")


def test_what_is_given_is_kept_exactly_and_named(city):
    found, wanted = by_source(city), block().set_index("id")
    assert set(found.index) == set(wanted.index)
    for name, shape in wanted.geometry.items():
        assert found.geometry[name].equals_exact(shape, 0)
    assert found.loc["a", "height"] == 12.5
    assert found.loc["b", "storeys"] == 3
    assert found.loc["d", "storeys"] == 5
    assert found.loc["a", "given"] == "blue,form,geometry,green,height,red"
    assert found.loc["e", "given"] == "geometry"
    roofs = city.roofs.merge(city.buildings[["building_id", "source_id"]])
    assert set(roofs.loc[roofs["source_id"] == "a", "form"]) == {"gable"}
    assert set(roofs.loc[roofs["source_id"] == "b", "form"]) == {"hip"}
    streets = city.streets
    assert streets["kind"].tolist() == ["primary", "footway"]
    assert streets["width"].iloc[0] == 12
    assert streets["given"].tolist() == ["geometry,kind,lanes,width", "geometry,kind"]


def test_roofs_cover_their_building_and_reach_its_height(city):
    roofs = city.roofs.dissolve("building_id").geometry
    shapes = city.buildings.set_index("building_id").geometry
    differ = shapely.symmetric_difference(roofs.to_numpy(), shapes.loc[roofs.index].to_numpy())
    assert shapely.area(differ).max() < 0.01
    top = city.roofs.groupby("building_id")["ridge"].max()
    assert np.allclose(city.buildings.set_index("building_id")["height"], top)
    assert (city.roofs["ridge"] >= city.roofs["eave"]).all()
    boxes = city.roofs[city.roofs["boxed"] == 1]
    assert np.allclose(boxes.area, boxes["length"] * boxes["width"])


def test_a_folder_holds_the_whole_city_and_the_same_bytes_each_time(city, source, tmp_path):
    folder = write_city(city, tmp_path / "one")
    back = read_city(folder)
    assert back.params == city.params
    for name in LAYERS:
        assert len(getattr(back, name)) == len(getattr(city, name))
        assert getattr(back, name).geometry.geom_equals(getattr(city, name).geometry).all()
    again = import_city(ImportJob(buildings=source, streets=source, seed=4))
    assert folder_hashes(write_city(again, tmp_path / "two")) == folder_hashes(folder)
    item = json.loads((folder / "item.json").read_text())["properties"]["geomage:parameters"]
    assert item["counts"]["height given"] == 2
    assert [s["role"] for s in item["sources"]] == ["buildings", "streets"]
    assert all(len(s["sha256"]) == 64 for s in item["sources"])


def test_what_was_exported_is_imported_again_without_loss(city, tmp_path):
    vectors = write_city(city, tmp_path / "town") / "city.gpkg"
    again = import_city(ImportJob(buildings=vectors, streets=vectors, seed=4))
    assert table_bytes(again.buildings) == table_bytes(city.buildings)
    assert table_bytes(again.roofs) == table_bytes(city.roofs)
    assert table_bytes(again.streets) == table_bytes(city.streets)


def test_a_height_changed_by_hand_in_the_folder_counts(city, tmp_path):
    vectors = write_city(city, tmp_path / "town") / "city.gpkg"
    table = gpd.read_file(vectors, layer="buildings")
    table.loc[table["source_id"] == "a", "height"] = 30.0
    path = write_block(tmp_path / "changed.gpkg", table, "buildings")
    assert by_source(import_city(ImportJob(buildings=path))).loc["a", "height"] == 30.0


@pytest.mark.parametrize("ending", ["geojson", "shp", "fgb"])
def test_other_formats_and_crs_give_the_same_buildings(city, tmp_path, ending):
    crs = "EPSG:4326" if ending == "geojson" else UTM
    table = block(crs).rename(columns={"roof_shape": "roof_form"} if ending == "shp" else {})
    table = table.drop(columns="roof_colour")
    found = import_city(ImportJob(buildings=write_block(tmp_path / f"b.{ending}", table), seed=4))
    assert found.dtm.box.crs.epsg == 32633
    assert len(found.buildings) == len(city.buildings)
    assert by_source(found).loc["a", "height"] == 12.5
    for name, shape in by_source(city).geometry.items():
        assert by_source(found).geometry[name].hausdorff_distance(shape) < 0.01
    if ending == "geojson":
        assert any("geographic" in remark for remark in found.params.remarks)


def test_a_box_keeps_what_meets_it_uncut(source):
    west, south, east, north = (
        gpd.GeoSeries([at(shapely.box(-10, -10, 60, 30))], crs=UTM).to_crs(4326).total_bounds
    )
    part = import_city(ImportJob(buildings=source, bbox=(west, south, east, north)))
    assert set(part.buildings["source_id"]) == {"a", "b"}
    assert by_source(part).geometry["b"].equals_exact(block().geometry[1], 0)


def test_a_town_on_the_antimeridian_is_one_town(tmp_path):
    shapes = [
        shapely.box(179.9990, -17.001, 179.9992, -17.0008),
        shapely.box(-179.9992, -17.001, -179.9990, -17.0008),
    ]
    path = write_block(
        tmp_path / "fiji.geojson", gpd.GeoDataFrame({"id": ["w", "e"]}, geometry=shapes, crs=4326)
    )
    whole = import_city(ImportJob(buildings=path))
    boxed = import_city(ImportJob(buildings=path, bbox=(179.998, -17.002, -179.998, -17.0)))
    for city in (whole, boxed):
        assert set(city.buildings["source_id"]) == {"w", "e"}
        assert city.dtm.box.boundingbox.span_x < 500
    assert any("zones" in remark for remark in boxed.params.remarks)


def test_a_terrain_model_is_kept_and_its_holes_are_closed_and_counted(source, tmp_path):
    slope = np.add.outer(np.arange(80.0), np.arange(90.0))[None].astype(np.float32)
    slope[:, 40, 40] = np.nan
    dtm = write_raster(tmp_path / "dtm.tif", slope, px=4)
    found = import_city(ImportJob(buildings=source, dtm=dtm))
    assert np.isfinite(found.dtm.values).all()
    assert found.params.counts["terrain pixels closed"] > 0
    east, south = (np.diff(found.dtm.values[0], axis=axis) for axis in (1, 0))
    assert np.median(east) == pytest.approx(0.5, abs=0.05)
    assert np.median(south) == pytest.approx(0.5, abs=0.05)


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Grey ground with red roofs that cast dark shadows to the north-west; footprints beside it."""
    place = tmp_path_factory.mktemp("photo")
    houses = write_block(place / "houses.gpkg", block().assign(height=9.0))
    box = GeoBox((640, 640), Affine(0.5, 0, EAST - 100, 0, -0.5, NORTH + 220), UTM)
    heights = rasterise(gpd.read_file(houses), box, column="height", dtype="float32")
    picture = np.full((3, 640, 640), 120.0)
    picture[:, shade(heights, 0.5, 135, 45)] = 25
    picture[:, heights > 0] = np.array([220, 40, 40])[:, None]
    picture *= np.random.default_rng(1).normal(1, 0.04, picture.shape)
    write_raster(place / "photo.tif", np.clip(picture, 1, 255).astype(np.uint8), px=0.5)
    return place


def test_a_photo_becomes_ground_without_roofs_and_shadows(photo, tmp_path):
    city = import_city(ImportJob(buildings=photo / "houses.gpkg", ortho=photo / "photo.tif"))
    counts = city.ortho.values.astype(float) / 10_000
    grey = 0.8 * ((120 / 255 + 0.055) / 1.055) ** 2.4
    assert np.abs(np.median(counts, axis=(1, 2)) - grey).max() < 0.02
    assert (np.abs(counts - grey).max(0) > 0.09).mean() < 0.02, "roofs or shadows are left"
    assert any("sun of the photo" in remark for remark in city.params.remarks)
    folder = write_city(city, tmp_path / "town")
    back = read_city(folder)
    assert np.array_equal(back.ortho.values, city.ortho.values)
    assert "ortho" in json.loads((folder / "item.json").read_text())["assets"]
    write_cog(folder / "ortho.tif", read_raster(folder / "dtm.tif"))
    with pytest.raises(InputError, match=r"ortho\.tif"):
        read_city(folder)


def test_an_imported_city_is_struck_written_and_pictured(source, photo, tmp_path):
    city = import_city(ImportJob(buildings=source, streets=source, ortho=photo / "photo.tif"))
    event = earthquake(city, EarthquakeParams(magnitude=7.5, distance_m=2000))
    event = read_event(write_event(event, tmp_path / "event"))
    assert isinstance(event.city.params, ImportParams)
    look = RenderParams(sensor="vhr-1.0", shift_px=0.0)
    scene = render_event(event, look)
    assert scene.box.shape[0] != scene.box.shape[1]
    assert {*np.unique(scene.rasters["building"])} >= {0, 1, 2}
    plain = render_event(replace(event, city=replace(event.city, ortho=None)), look)
    ground = scene.rasters["landcover_before"] != 8
    assert (plain.rasters["before"] != scene.rasters["before"])[:, ground].mean() > 0.5


@pytest.mark.parametrize("form", ["gpkg", "folder"])
def test_bd_topo_is_read_by_its_own_names(tmp_path, form):
    shapes = [
        at(shapely.box(0, 0, 20, 10)),
        at(shapely.box(40, 0, 60, 30)),
        at(shapely.box(70, 0, 75, 5)),
    ]
    short = form == "folder"
    rows = {
        "ID" if short else "cleabs": ["BATIMENT1", "BATIMENT2", "BATIMENT3"],
        "NATURE" if short else "nature": ["Indifférenciée"] * 3,
        "USAGE1" if short else "usage_1": ["Résidentiel", "Industriel", "Annexe"],
        "HAUTEUR" if short else "hauteur": [7.2, 9.1, np.nan],
        "NB_ETAGES" if short else "nombre_d_etages": [2.0, np.nan, np.nan],
        "MAT_MURS" if short else "materiaux_des_murs": ["40", "30", None],
        "MAT_TOITS" if short else "materiaux_de_la_toiture": ["10", "49", None],
        "Z_MAX_TOIT" if short else "altitude_maximale_toit": [160.4, np.nan, np.nan],
        "Z_MIN_SOL" if short else "altitude_minimale_sol": [150.0, np.nan, np.nan],
    }
    road = {"NATURE": ["Route à 1 chaussée"], "LARGEUR": [5.5], "NB_VOIES": [2], "POS_SOL": ["0"]}
    drawn = {
        "batiment": (rows, [*shapely.force_3d(shapes, 150.0)]),
        "troncon_de_route": (road, [at(shapely.LineString([(-30, -10), (100, -10)]))]),
        "plan_d_eau": ({"NATURE": ["Lac"]}, [at(shapely.box(0, 40, 30, 60))]),
        "zone_de_vegetation": ({"NATURE": ["Bois"]}, [at(shapely.box(35, 34, 109, 69))]),
        "commune": ({"NOM": ["X"]}, [at(shapely.box(-99, -99, 99, 99))]),
    }
    layers = {name: gpd.GeoDataFrame(r, geometry=g, crs=UTM) for name, (r, g) in drawn.items()}
    place = tmp_path / "BDTOPO"
    place.mkdir()
    for name, table in layers.items():
        file = place / (f"{name.upper()}.shp" if short else "bdtopo.gpkg")
        pyogrio.write_dataframe(table, file, layer=None if short else name, append=file.exists())
    found = import_city(ImportJob(bdtopo=place if short else place / "bdtopo.gpkg", seed=1))
    table = by_source(found)
    assert table.loc["BATIMENT1", ["use", "storeys", "typology", "material"]].tolist() == [
        "residential",
        2,
        "masonry",
        "tile",
    ]
    assert table.loc["BATIMENT1", "height"] == pytest.approx(10.4)
    assert "eave" in table.loc["BATIMENT1", "given"]
    assert table.loc["BATIMENT2", "use"] == "hall"
    assert table.loc["BATIMENT3", "given"] == "geometry,use"
    eave = found.roofs.set_index("building_id")["eave"]
    assert eave[table.loc["BATIMENT1", "building_id"]] == pytest.approx(7.2)
    assert found.params.counts["three-dimensional"] == 3
    assert found.streets["width"].tolist() == [5.5]
    assert len(found.water) == 1
    assert found.trees.within(at(shapely.box(35, 34, 109, 69))).sum() > 5


def test_one_building_more_changes_none_of_the_others(tmp_path, city):
    table = block()
    more = gpd.GeoDataFrame({"id": ["z"]}, geometry=[at(shapely.box(200, 200, 212, 209))], crs=UTM)
    path = write_block(tmp_path / "more.gpkg", gpd.pd.concat([table, more], ignore_index=True))
    found = by_source(import_city(ImportJob(buildings=path, seed=4)))
    old = by_source(city)
    for column in ("height", "material", "typology", "red"):
        assert found.loc[old.index, column].tolist() == old[column].tolist()


def test_single_trees_are_kept_with_what_is_known_of_them(source, tmp_path):
    spots = [at(shapely.Point(30, 20)), at(shapely.Point(33, 25))]
    table = gpd.GeoDataFrame(
        {"crown_m": [6.0, None], "height": [9.0, None]}, geometry=spots, crs=UTM
    )
    path = write_block(tmp_path / "trees.gpkg", table, "trees")
    trees = import_city(ImportJob(buildings=source, trees=path)).trees
    known = trees[trees["given"] != ""]
    assert known["given"].tolist() == ["geometry,height,radius", "geometry"]
    assert known["source_id"].tolist() == ["trees/1", "trees/2"]
    assert known[["radius", "height"]].iloc[0].tolist() == [3.0, 9.0]
    assert known.geometry.geom_equals_exact(
        gpd.GeoSeries(spots, index=known.index, crs=UTM), 0
    ).all()
