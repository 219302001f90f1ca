"""The next version of a product says the same everywhere, and nobody edits the first by hand."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from tests.served import toy_product

from file_limit import files_up_to
from geomage.errors import InputError, OutputError
from geomage.product import reissue
from geomage.product.folder import sha256_of
from geomage.product.journal import journal_beside, open_journal, read_lines
from geomage.product.sampling import draw
from geomage.product.standing import read_standing

EDITS = {1: 1, 4: 4, 5: 0, 6: 3}  # building: grade; of Destroyed, Possibly, None, Not Analysed


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_product(tmp_path_factory.mktemp("made")).parent


@pytest.fixture
def out(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path / "out"


def review(out: Path, edits: dict[int, int], who: str = "ana", sample: int | None = None) -> None:
    """What the page would write."""
    standing = read_standing(out)
    inside = out / "review.jsonl"
    follows = read_lines(inside) if inside.exists() else []
    with open_journal(journal_beside(out), follows) as journal:
        journal.add(who, "open", manifest=sha256_of(standing.paths.manifest), version=1)
        if sample:
            frame = standing.buildings
            drawn = draw(
                frame["damage_gra"].to_numpy(object), frame["confidence"].to_numpy(float), sample, 0
            )
            journal.add(who, "sample", size=sample, seed=0, strata=[one.as_dict() for one in drawn])
        for building, grade in edits.items():
            journal.add(who, "grade", building=building, grade=grade, was="…")


def record(out: Path, name: str) -> dict:
    return json.loads((out / f"{name}.json").read_text())


def test_layers_summary_report_and_manifest_say_the_same(out: Path, tmp_path: Path) -> None:
    review(out, EDITS)
    made = reissue(out, tmp_path / "out2")
    two = made.paths.folder
    assert (made.version, made.edited) == (2, 4)
    frame = gpd.read_file(two / "products.gpkg", layer="builtUpA").set_index("building_id")
    assert frame["damage_gra"].to_dict() == {
        1: "No visible damage", 2: "Damaged", 3: "Damaged", 4: "Destroyed", 5: "Not Analysed",
        6: "Damaged",
    }  # fmt: skip
    by_eye = frame["det_method"] == "Photo-interpretation"
    assert {*frame.index[by_eye]} == {*EDITS}
    assert {*frame["det_method"][~by_eye]} == {"Automatic extraction"}
    assert frame.loc[5, "reason"] == "not visible to the reviewer"
    assert frame.loc[6, "dmg_src_id"] == 2
    assert frame["confidence"][by_eye].isna().all()
    counts = frame["damage_gra"].value_counts()
    buildings = record(two, "summary")["buildings"]
    for word, one in buildings["by_damage"].items():
        assert one["count"] == counts.get(word, 0)
    assert buildings["not_analysed"]["by_reason"] == {"not visible to the reviewer": 1}
    report = (two / "report.html").read_text()
    assert re.search(r'"word":"Destroyed","css":"destroyed","rows":\[\[4,', report)
    manifest = record(two, "manifest")
    for name, stated in manifest["files"].items():
        assert hashlib.sha256((two / name).read_bytes()).hexdigest() == stated["sha256"], name
    assert manifest["order"]["version"] == record(two, "summary")["version"] == 2
    assert "review" in record(two, "item")["assets"]


def test_only_pixels_of_edited_buildings_are_burnt_anew(out: Path, tmp_path: Path) -> None:
    review(out, EDITS)
    reissue(out, tmp_path / "out2")
    with (
        rasterio.open(out / "damage.tif") as one,
        rasterio.open(tmp_path / "out2/damage.tif") as two,
    ):
        old, new = one.read(1), two.read(1)
        assert (two.descriptions, two.nodata) == (one.descriptions, one.nodata)
    middles = new[35, 10::15][:6]
    assert middles.tolist() == [1, 3, 2, 4, 255, 3]
    touched = np.zeros(old.shape, bool)
    for building in EDITS:
        touched[30:40, 15 * building - 10 : 15 * building] = True
    assert (old[~touched] == new[~touched]).all()
    assert (old[touched] != new[touched]).all()
    for name in ("building", "landcover", "flood", "change"):
        assert (out / f"{name}.tif").read_bytes() == (tmp_path / f"out2/{name}.tif").read_bytes()


def test_the_first_stays_as_it_is_and_history_is_kept(out: Path, tmp_path: Path) -> None:
    before = {path.name: sha256_of(path) for path in out.iterdir()}
    review(out, {1: 1})
    reissue(out, tmp_path / "out2")
    assert before == {path.name: sha256_of(path) for path in out.iterdir()}
    two = tmp_path / "out2"
    history = record(two, "manifest")["history"]
    assert [one["version"] for one in history] == [1]
    assert history[0]["manifest"] == before["manifest.json"]
    assert [line["what"] for line in read_lines(two / "review.jsonl")] == ["open", "grade"]
    done = read_lines(journal_beside(out))[-1]
    assert (done["what"], done["version"]) == ("reissue", 2)
    assert done["manifest"] == sha256_of(two / "manifest.json")


def test_versions_go_on_and_so_does_the_chain(out: Path, tmp_path: Path) -> None:
    review(out, {1: 1})
    reissue(out, tmp_path / "out2")
    review(tmp_path / "out2", {2: 4}, "ben")
    made = reissue(tmp_path / "out2", tmp_path / "out3")
    assert made.version == 3
    three = tmp_path / "out3"
    assert [one["version"] for one in record(three, "manifest")["history"]] == [1, 2]
    grades = [one for one in read_lines(three / "review.jsonl") if one["what"] == "grade"]
    assert [(one["who"], one["building"]) for one in grades] == [("ana", 1), ("ben", 2)]
    frame = gpd.read_file(three / "products.gpkg", layer="builtUpA").set_index("building_id")
    assert frame.loc[[1, 2], "damage_gra"].tolist() == ["No visible damage", "Destroyed"]
    assert (frame.loc[[1, 2], "det_method"] == "Photo-interpretation").all()


def test_issued_twice_it_is_refused_or_a_version_of_its_own(out: Path, tmp_path: Path) -> None:
    review(out, {1: 1})
    reissue(out, tmp_path / "out2")
    with pytest.raises(OutputError, match="exists already"):
        reissue(out, tmp_path / "out2")
    path = journal_beside(out)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))  # killed when the folder stood, before its line did
    assert reissue(out, tmp_path / "again").version == 3


def test_one_that_fails_gives_its_number_back(out: Path, tmp_path: Path) -> None:
    review(out, {1: 1})
    with files_up_to(40_000), pytest.raises(OutputError):  # the GeoPackage is larger
        reissue(out, tmp_path / "out2")
    assert [one["what"] for one in read_lines(journal_beside(out))][-2:] == ["begin", "give up"]
    assert reissue(out, tmp_path / "out2").version == 2


def test_words_that_nobody_touched_stay_to_the_digit(out: Path, tmp_path: Path) -> None:
    review(out, {1: 1})
    reissue(out, tmp_path / "out2")
    one, two = (
        gpd.read_file(folder / "products.gpkg", layer="builtUpA").set_index("building_id").loc[2:]
        for folder in (out, tmp_path / "out2")
    )
    assert one.drop(columns="geometry").equals(two.drop(columns="geometry"))
    assert (one.geometry.to_wkb() == two.geometry.to_wkb()).all()


def test_a_judged_sample_gives_the_accuracy(out: Path, tmp_path: Path) -> None:
    # Destroyed is right, one of two Damaged is, Possibly is damaged, none cannot be judged
    review(out, {1: 4, 2: 3, 3: 1, 4: 2, 5: 0}, sample=100)
    found = reissue(out, tmp_path / "out2").accuracy
    assert (found["drawn"], found["judged"], found["not_judgeable"]) == (5, 4, 1)
    assert (found["of_version"], found["reviewers"]) == (1, ["ana"])
    assert (found["assessed"], found["covered"]) == (5, 4)
    assert found["overall"]["value"] == pytest.approx(2 / 3, abs=1e-4)
    assert found["overall"]["low"] == found["overall"]["high"]  # all of them were judged
    assert record(tmp_path / "out2", "summary")["accuracy"] == found
    assert record(out, "summary")["accuracy"] is None
    review(tmp_path / "out2", {1: 1})
    assert reissue(tmp_path / "out2", tmp_path / "out3").accuracy["of_version"] == 1


@pytest.mark.parametrize("name", ["damage.tif", "products.gpkg", "summary.json", "landcover.tif"])
def test_a_product_edited_by_hand_is_named(out: Path, tmp_path: Path, name: str) -> None:
    review(out, {1: 1})
    with (out / name).open("r+b") as file:
        file.seek(-1, 2)
        last = file.read(1)
        file.seek(-1, 2)
        file.write(bytes([last[0] ^ 1]))
    with pytest.raises(InputError, match=f"{name} is not the file that manifest.json lists"):
        reissue(out, tmp_path / "out2")
    assert not (tmp_path / "out2").exists()


def test_nothing_graded_is_said(out: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="review the product first"):
        reissue(out, tmp_path / "out2")
    review(out, {})
    with pytest.raises(InputError, match="holds no grade that stands"):
        reissue(out, tmp_path / "out2")


def test_a_journal_of_another_product_is_refused(out: Path, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    other = toy_product(tmp_path / "b", answers=[(4, (0.0, 0.0, 0.0, 1.0), None)])
    review(other, {1: 1})
    with pytest.raises(InputError, match="review of another product"):
        reissue(out, tmp_path / "out2", review=journal_beside(other))


def test_an_unknown_building_is_named(out: Path, tmp_path: Path) -> None:
    review(out, {77: 1})
    with pytest.raises(InputError, match="grades the building 77"):
        reissue(out, tmp_path / "out2")


def test_images_that_moved_are_asked_for_and_known_by_their_hash(out: Path, tmp_path: Path) -> None:
    review(out, {1: 1})
    (tmp_path / "away").mkdir()
    moved = (tmp_path / "after.tif").rename(tmp_path / "away/x.tif")
    with pytest.raises(
        InputError, match=r"after.tif \(after\) is no longer where it was; .*--after"
    ):
        reissue(out, tmp_path / "out2")
    with pytest.raises(InputError, match=r"before.tif is not the after.tif that was mapped"):
        reissue(out, tmp_path / "out2", images={"after": [tmp_path / "before.tif"]})
    assert reissue(out, tmp_path / "out2", images={"after": [moved]}).version == 2


def test_it_is_not_written_over_what_it_is_made_from(out: Path, tmp_path: Path) -> None:
    review(out, {1: 1})
    for target in (out, out / "in", tmp_path):
        with pytest.raises(InputError, match="choose another output"):
            reissue(out, target, overwrite=True)


def test_a_product_without_a_crs_is_issued_again_too(tmp_path: Path) -> None:
    out = toy_product(tmp_path, crs=None)
    review(out, {1: 1})
    reissue(out, tmp_path / "out2")
    with rasterio.open(tmp_path / "out2/damage.tif") as file:
        assert file.read(1)[35, 10] == 1
