"""The product folder: complete, hashed, whole or absent."""

from __future__ import annotations

import csv
import hashlib
import json
import sqlite3
import xml.etree.ElementTree as ET
from contextlib import closing
from pathlib import Path

import pyogrio
import pytest

from geomage.errors import InputError, OutputError
from geomage.geo import check_raster, read_vectors
from geomage.product import product_paths, write_product
from geomage.product.page.printing import can_print
from toy_run import CREATED, make_image, make_run

LAYERS = {
    *("builtUpA", "transportationL", "facilitiesP", "observedEventA", "notAnalysedA"),
    *("imageFootprintA", "areaOfInterestA", "hydrographyA", "mostAffectedA"),
}
FILES = {
    *(f"{name}.qml" for name in LAYERS),
    *(f"{name}.tif" for name in ("building", "landcover", "damage", "flood", "change")),
    "products.gpkg",
    "summary.json",
    "summary.csv",
    "zones.csv",
    "tables.xlsx",
    "affected.tif",
    "report.html",
    "item.json",
    "manifest.json",
    *(["map.pdf"] if can_print() else []),
}


@pytest.mark.parametrize("crs", ["EPSG:32615", None])
def test_everything_is_there(make_product, crs) -> None:
    paths = make_product(crs)
    assert {path.name for path in paths.folder.iterdir()} == FILES
    assert set(paths.rasters) == {"building", "landcover", "damage", "flood", "change"}
    check_raster(paths.rasters["damage"])
    layers = {name for name, _ in pyogrio.list_layers(paths.vectors)}
    assert layers >= LAYERS | {"source"}


def test_manifest_holds_the_hash_of_every_other_file_and_input(make_product, tmp_path) -> None:
    paths = make_product()
    manifest = json.loads(paths.manifest.read_text())
    assert set(manifest["files"]) == FILES - {"manifest.json"}
    for name, stated in manifest["files"].items():
        content = (paths.folder / name).read_bytes()
        assert stated == {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    before = hashlib.sha256((tmp_path / "before.tif").read_bytes()).hexdigest()
    assert manifest["inputs"][0] == {
        "role": "before",
        "name": "before.tif",
        "sha256": before,
        "path": "../before.tif",
    }


def test_built_up_speaks_the_words_of_the_service(make_product) -> None:
    built = read_vectors(make_product().vectors, "builtUpA")
    wanted = {"damage_gra", "det_method", "notation", "or_src_id", "dmg_src_id"}
    assert wanted | {"confidence", "reason", "area_m2", "grade"} <= set(built.columns)
    unseen = built["damage_gra"] == "Not Analysed"
    assert built["grade"].isna().tolist() == unseen.tolist()  # 0 would read as no damage at all
    assert built["damage_gra"].iloc[-1] == "Not Analysed"
    assert built["reason"].iloc[-1] == "obscured at second date"
    assert built["dmg_src_id"].tolist() == [2] * 5 + [997]
    assert built["area_m2"].tolist() == pytest.approx([25.0] * 6, rel=2e-3)


def test_flood_outlines_leave_out_specks(make_product) -> None:
    flood = read_vectors(make_product().vectors, "observedEventA")
    assert len(flood) == 1
    assert flood["area_m2"][0] == pytest.approx(20 * 40 * 0.25, rel=2e-3)
    assert flood["dmg_src_id"][0] == 2


def test_styles_are_readable_and_name_every_word(make_product) -> None:
    paths = make_product()
    with closing(sqlite3.connect(paths.vectors)) as database:
        styles = dict(database.execute("SELECT f_table_name, styleQML FROM layer_styles"))
    assert set(styles) == LAYERS
    values = [c.get("value") for c in ET.fromstring(styles["builtUpA"]).iter("category")]  # noqa: S314
    assert values == [
        "Destroyed",
        "Damaged",
        "Possibly damaged",
        "No visible damage",
        "Not Analysed",
    ]


def test_an_existing_folder_stays_as_it_is(make_product) -> None:
    paths = make_product()
    old = paths.manifest.read_bytes()
    with pytest.raises(OutputError, match="exists"):
        make_product()
    assert paths.manifest.read_bytes() == old
    make_product(overwrite=True)


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    run = make_run(tmp_path / "work")
    grey = make_image(tmp_path / "before.tif")
    (tmp_path / "after.tif").write_text("<html>")
    with pytest.raises(InputError):
        write_product(
            run, tmp_path / "out", before_paths=[grey], after_paths=[tmp_path / "after.tif"]
        )
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".out*"))


def test_the_same_run_gives_the_same_texts(make_product) -> None:
    one, two = make_product(), make_product(out="again")
    for name in ("summary.json", "summary.csv", "report.html", "item.json"):
        assert (one.folder / name).read_bytes() == (two.folder / name).read_bytes()


def test_one_date_says_that_damage_was_not_assessed(tmp_path: Path) -> None:
    run = make_run(tmp_path / "work", answers=[(0, (float("nan"),) * 4, "no second image")] * 3)
    for name in ("damage", "flood", "change"):
        del run.rasters[name]  # type: ignore[attr-defined]
    image = make_image(tmp_path / "before.tif")
    paths = write_product(run, tmp_path / "out", before_paths=[image], created=CREATED)
    summary = json.loads(paths.summary.read_text())
    assert summary["buildings"]["assessed"] == 0
    assert summary["buildings"]["by_damage"]["Destroyed"]["share_of_assessed"] is None
    page = paths.report.read_text()
    assert "Damage was not assessed" in page
    assert "nothing is known" in page
    assert '<span class="n">0</span>' not in page  # "0 destroyed" would be a lie
    assert 'id="swipe"' not in page


@pytest.mark.parametrize("crs", ["EPSG:32615", None])
def test_no_building_at_all_still_makes_a_product(make_product, crs) -> None:
    paths = make_product(crs, answers=[])
    assert json.loads(paths.summary.read_text())["buildings"]["mapped"] == 0
    assert "No building was found" in paths.report.read_text()
    assert len(read_vectors(paths.vectors, "builtUpA")) == 0


def test_shares_sum_to_one_and_denominators_are_named(make_product) -> None:
    paths = make_product()
    buildings = json.loads(paths.summary.read_text())["buildings"]
    assert (buildings["mapped"], buildings["assessed"]) == (6, 5)
    shares = [one["share_of_assessed"] for one in buildings["by_damage"].values()]
    assert sum(shares) == pytest.approx(1)
    assert buildings["not_analysed"]["by_reason"] == {"obscured at second date": 1}
    rows = {row["what"]: row for row in csv.DictReader(paths.table.read_text().splitlines())}
    assert (rows["Damaged"]["count"], rows["Damaged"]["of"]) == ("2", "5")
    assert (rows["Not Analysed"]["count"], rows["Not Analysed"]["of"]) == ("1", "6")


def test_a_folder_that_is_no_product_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"manifest\.json"):
        product_paths(tmp_path)
