"""Zones: every building in one of them, shares over what was assessed, people by area."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox

from geomage.geo import Raster, ground_gsd, read_raster, read_vectors, write_cog
from geomage.product import Order, graded
from geomage.product.affected import affected_surface
from geomage.product.grading import BY_EYE, WORDS
from geomage.product.measured import Errors
from geomage.product.most_affected import COUNTS, most_affected, zone_table
from geomage.product.people import residents_of
from geomage.product.tables import table_csv
from geomage.product.zones import given_zones, square_zones, zone_of
from toy_run import UTM, grid, make_run

BOX = GeoBox((1000, 1600), Affine(0.5, 0, 500_000.0, 0, -0.5, 6_651_500.0), "EPSG:32632")  # 60 N


def houses(count: int = 300, seed: int = 0) -> gpd.GeoDataFrame:
    """Graded houses scattered over `BOX`."""
    rng = np.random.default_rng(seed)
    x, y = 500_000 + rng.uniform(5, 780, count), 6_651_500 - rng.uniform(20, 480, count)
    words = rng.choice(WORDS, count, p=[0.1, 0.1, 0.2, 0.5, 0.1])
    shapes = shapely.box(x, y, x + 9, y + 9)
    return gpd.GeoDataFrame({"damage_gra": words}, geometry=shapes, crs=BOX.crs.to_wkt())


def errors() -> Errors:
    """Twenty maps that were measured."""
    counts = np.random.default_rng(1).integers(0, 20, (20, 5, 4)).astype(float)
    return Errors(counts, np.full(20, 0.05), "toy maps")


def halves(path: Path, crs: str = "EPSG:32632") -> Path:
    """West and east of the map, in any CRS."""
    west, south, east, north = 499_000, 6_650_000, 502_000, 6_653_000
    shapes = [shapely.box(west, south, 500_400, north), shapely.box(500_400, south, east, north)]
    rims = shapely.segmentize(np.array(shapes), 20.0)
    gpd.GeoDataFrame({"NAME": ["West", "East"]}, geometry=rims, crs=32632).to_crs(crs).to_file(path)
    return path


def test_squares_tile_the_map_and_hold_every_building_once() -> None:
    zones, buildings = square_zones(BOX), houses()
    assert zones.union_all().equals(BOX.extent.geom)
    assert zones.area.sum() == pytest.approx(800 * 500)
    assert zones["zone"].is_unique
    assert (zone_of(zones, buildings) >= 0).all()


def test_counts_add_up_and_shares_sum_to_one() -> None:
    found = most_affected(houses(), BOX, Order(), errors()).zones
    assert found[[*COUNTS]].sum().sum() == 300
    assert (found["mapped"] == found[[*COUNTS]].sum(axis=1)).all()
    assert (found["assessed"] == found["mapped"] - found["not_analysed"]).all()
    seen = found[found["assessed"] > 0]
    words = [name for name in COUNTS if name != "not_analysed"]
    np.testing.assert_allclose((seen[words].T / seen["assessed"]).sum(), 1)
    rounded = seen["not_analysed"] / seen["mapped"] - seen["share_not_analysed"]
    assert rounded.abs().max() <= 5e-5
    assert (seen["low"] <= seen["likely"]).all()
    assert (seen["likely"] <= seen["high"]).all()
    assert (seen["damage_high"] <= seen["assessed"]).all()
    for share, count in (("low", "damage_low"), ("high", "damage_high")):  # of what was assessed
        np.testing.assert_allclose(seen[share], seen[count] / seen["assessed"], atol=5e-5)


def test_the_hardest_hit_zone_is_first_and_one_that_was_not_assessed_has_no_rank() -> None:
    buildings = houses()
    west = buildings.representative_point().x < 500_200
    buildings.loc[west, "damage_gra"] = "Not Analysed"
    found = most_affected(buildings, BOX, Order(), errors()).zones
    assert found["destroyed"].is_monotonic_decreasing
    unseen = found["assessed"] == 0
    assert unseen.any()
    assert (found["rank"].isna() == unseen).all()
    assert found.loc[unseen, ["share_damaged", "low", "high"]].isna().all(axis=None)
    assert found.loc[~unseen, "rank"].tolist() == list(range(1, (~unseen).sum() + 1))


def test_no_interval_is_claimed_of_a_model_that_was_not_measured() -> None:
    found = most_affected(houses(), BOX, Order(), None)
    assert found.zones[["low", "likely", "high", "destroyed_low"]].isna().all(axis=None)
    assert found.about["errors"] is None
    assert found.zones["share_damaged"].notna().any()


def test_the_numbers_of_a_zone_do_not_hang_on_the_others(tmp_path: Path) -> None:
    """Nor on the CRS its zones came in."""
    paths = [halves(tmp_path / "a.gpkg"), halves(tmp_path / "b.geojson", "EPSG:4326")]
    one, two = (most_affected(houses(), BOX, Order(zones=path), errors()).zones for path in paths)
    drop = ["geometry", "area_m2", "inside"]
    assert one.drop(columns=drop).equals(two.drop(columns=drop))
    np.testing.assert_allclose(one["area_m2"], two["area_m2"], rtol=1e-4)
    alone = gpd.read_file(paths[0]).iloc[:1]
    alone.to_file(tmp_path / "c.gpkg")
    three = most_affected(houses(), BOX, Order(zones=tmp_path / "c.gpkg"), errors())
    west = one[one["zone"] == "West"].drop(columns=["geometry", "rank"]).iloc[0]
    assert three.zones.drop(columns=["geometry", "rank"]).iloc[0].equals(west)
    assert three.about["outside_all_zones"] == 300 - west["mapped"]


def test_zones_are_cut_at_the_map_and_say_how_much_of_them_lies_on_it(tmp_path: Path) -> None:
    zones = given_zones(halves(tmp_path / "z.gpkg"), BOX)
    assert zones["zone"].tolist() == ["West", "East"]
    assert zones.area.sum() == pytest.approx(800 * 500)
    assert zones["inside"][0] == pytest.approx(400 * 500 / (1400 * 3000), abs=1e-3)


def people(path: Path, box: GeoBox, values: np.ndarray, nodata: float | None = -99) -> Path:
    """A population raster."""
    return write_cog(path, Raster(values[None].astype("float32"), box, nodata=nodata))


def test_people_are_shared_out_by_area_on_any_grid(tmp_path: Path) -> None:
    """One person per 100 m2 in degrees and turned against the zones: 4,000 in 400 x 1,000 m."""
    zones = square_zones(BOX)
    west, south, east, north = (
        gpd.GeoSeries([BOX.extent.geom.buffer(300)], crs=32632).to_crs(4326).total_bounds
    )
    shape = (40, 60)
    step = (east - west) / shape[1], (north - south) / shape[0]
    box = GeoBox(shape, Affine(step[0], 0, west, 0, -step[1], north), "EPSG:4326")
    each = ground_gsd(box) ** 2 / 100
    found = residents_of(zones, people(tmp_path / "p.tif", box, np.full(shape, each)), BOX)
    np.testing.assert_allclose(found.people, zones.area / 100, rtol=0.05)  # of a pixel's parts
    assert found.people.sum() == pytest.approx(800 * 500 / 100, rel=0.01)
    assert (found.known == 1).all()


def test_where_the_raster_knows_nothing_people_are_unknown_not_none(tmp_path: Path) -> None:
    box = GeoBox((5, 8), Affine(100, 0, 500_000.0, 0, -100, 6_651_500.0), "EPSG:32632")
    values = np.full((5, 8), 10.0)
    values[:, :4] = -99
    order = Order(population=people(tmp_path / "p.tif", box, values))
    found = most_affected(houses(), BOX, order, errors())
    west = found.zones["zone"].str[0].isin(list("ABCD"))
    assert found.zones.loc[west, ["residents", "people"]].isna().all(axis=None)
    assert found.zones.loc[~west, "residents"].sum() == pytest.approx(200)
    assert found.whole["residents"] == pytest.approx(200)


def test_people_in_damaged_buildings_are_no_more_than_live_there() -> None:
    occupied = houses().assign(occupants=3.0)
    found = most_affected(occupied, BOX, Order(), errors())
    assert found.about["people"] == "occupants"
    seen = found.zones[found.zones["assessed"] > 0]
    assert seen["residents"].sum() == pytest.approx(900)
    assert (seen["people_low"] <= seen["people"]).all()
    assert (seen["people"] <= seen["people_high"]).all()
    assert (seen["people_high"] <= seen["residents"]).all()


def test_people_live_in_the_buildings_they_live_in() -> None:
    """Words that are never wrong: all in what is destroyed, and nobody else."""
    counts = np.zeros((5, 4))
    counts[4, 0] = counts[1, 3] = 1e9
    sure = Errors(np.repeat(counts[None], 20, axis=0), np.full(20, 0.05), "toy maps")
    some = houses().assign(occupants=2.0)
    tower, *_ = some.index[some["damage_gra"] == "Destroyed"]
    some.loc[tower, "occupants"] = 300.0
    some = some[some["damage_gra"].isin(["Destroyed", "No visible damage"])]
    hit = some.loc[some["damage_gra"] == "Destroyed", "occupants"].sum()
    whole = most_affected(some, BOX, Order(), sure).whole
    assert whole["people_low"] == whole["people"] == whole["people_high"] == hit
    some.loc[tower, "damage_gra"] = "No visible damage"
    assert most_affected(some, BOX, Order(), sure).whole["people"] == hit - 300


def test_a_tower_is_hit_whole_or_not_at_all() -> None:
    some = houses(30).assign(occupants=0.0, damage_gra="Possibly damaged")
    some.loc[0, "occupants"] = 500.0
    whole = most_affected(some, BOX, Order(), errors()).whole
    assert {whole["people_low"], whole["people"], whole["people_high"]} <= {0.0, 500.0}
    assert whole["people_low"] < whole["people_high"]


def test_the_surface_holds_as_many_buildings_as_are_hit() -> None:
    buildings = houses()
    middle = BOX.extent.geom.buffer(-160)
    buildings = buildings[buildings.within(middle)]
    found = affected_surface(buildings, buildings.iloc[:0], BOX)
    area = (ground_gsd(found.box) / 1000) ** 2
    hit = buildings["damage_gra"].isin(["Destroyed", "Damaged"]).sum()
    assert hit > 3
    assert found.values.sum() * area == pytest.approx(hit, rel=1e-4)
    assert found.radius_m == 150


def test_one_house_makes_the_kernel_that_is_stated() -> None:
    one = gpd.GeoDataFrame(
        {"damage_gra": ["Destroyed"]},
        geometry=[shapely.box(500_412, 6_651_262, 500_413, 6_651_263)],
        crs=32632,
    )  # fmt: skip
    found = affected_surface(one, one.iloc[:0], BOX)
    peak = 3 / (np.pi * 0.15**2)  # per km2
    assert found.values.max() == pytest.approx(peak, rel=0.03)
    assert found.values[0, 0] == 0


def test_ground_not_analysed_has_no_density() -> None:
    hidden = gpd.GeoDataFrame(
        geometry=[shapely.box(500_000, 6_651_000, 500_400, 6_651_500)], crs=32632
    )
    values = affected_surface(houses(), hidden, BOX).values
    assert np.isnan(values[:, :15]).all()
    assert np.isfinite(values[:, 17:]).all()


@pytest.mark.parametrize(("crs", "first"), [(UTM, "A2"), (None, "A4")])
def test_a_product_holds_zones_surface_and_tables(make_product, crs, first) -> None:
    paths = make_product(crs)
    zones = read_vectors(paths.vectors, "mostAffectedA")
    assert {"zone", "rank", "assessed", "share_damaged", "low", "high", "people"} <= set(zones)
    assert zones["zone"][0] == first
    surface = read_raster(paths.folder / "affected.tif")
    assert np.nanmax(surface.values) > 0
    summary = json.loads(paths.summary.read_text())
    assert summary["zones"]["whole"]["assessed"] == 5
    assert summary["zones"]["ranked"][0]["zone"] == first
    assert summary["affected"]["radius_m"] == 150
    lines = (paths.folder / "zones.csv").read_text().splitlines()
    assert len(lines) == 2 + len(zones)
    assert (paths.folder / "tables.xlsx").is_file()


def test_one_date_has_no_zones_unless_they_are_asked_for(make_product, tmp_path: Path) -> None:
    paths = make_product(dates=1)
    assert not (paths.folder / "zones.csv").exists()
    assert not (paths.folder / "affected.tif").exists()
    where = grid(UTM).extent.geom
    gpd.GeoDataFrame({"name": ["all"]}, geometry=[where], crs=UTM).to_file(tmp_path / "z.gpkg")
    asked = make_product(dates=1, out="asked", order=Order(zones=tmp_path / "z.gpkg"))
    zones = read_vectors(asked.vectors, "mostAffectedA")
    assert zones[["mapped", "assessed"]].to_numpy().tolist() == [[6, 0]]
    assert not (asked.folder / "affected.tif").exists()


def test_a_zone_named_like_a_formula_does_not_run(tmp_path: Path) -> None:
    buildings = graded(make_run(tmp_path / "w").buildings)
    where = grid(UTM).extent.geom
    gpd.GeoDataFrame({"name": ["=HYPERLINK(1)"]}, geometry=[where], crs=UTM).to_file(
        tmp_path / "z.gpkg"
    )
    found = most_affected(buildings, grid(UTM), Order(zones=tmp_path / "z.gpkg"), errors())
    assert "\n'=HYPERLINK(1)," in table_csv(zone_table(found))


def test_what_was_graded_by_eye_is_in_no_doubt() -> None:
    words = {1: "No visible damage", 2: "Damaged", 3: "Damaged", 4: "Destroyed"}
    seen = houses()
    grade = np.random.default_rng(5).integers(1, 5, len(seen))
    seen = seen.assign(grade=grade, damage_gra=[words[n] for n in grade], det_method=BY_EYE)
    whole = most_affected(seen, BOX, Order(), errors()).whole
    assert whole["damage_low"] == whole["damage_high"] == int((grade > 1).sum())
    assert whole["destroyed_low"] == whole["destroyed_high"] == int((grade == 4).sum())
    half = seen.assign(det_method=np.where(np.arange(len(seen)) < 150, BY_EYE, "Automatic"))
    whole = most_affected(half, BOX, Order(), errors()).whole
    least = int((grade[:150] > 1).sum())
    assert least <= whole["damage_low"] < whole["damage_high"] <= least + 150
