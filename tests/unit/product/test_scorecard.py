"""The score as people read it: every figure of the toy product stands in its row."""

from __future__ import annotations

from pathlib import Path

import pytest
from geopandas import GeoDataFrame

from geomage.errors import InputError
from geomage.product import score_product
from geomage.product.page.wording import NOTHING
from geomage.product.scorecard import score_table
from toy_run import UTM, footprints, grid

# what is true of the six houses of the toy run, which says 4, 3, 2, 2, 1 and not analysed
TRUE = [4, 3, 3, 2, 1, 4]


def labels(tmp_path: Path, grades: list[int]) -> Path:
    frame = GeoDataFrame({"dmg": grades}, geometry=footprints(grid(UTM))[: len(grades)], crs=UTM)
    frame.to_file(tmp_path / "ref.gpkg")
    return tmp_path / "ref.gpkg"


def cells(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_counts_and_grades_stand_in_their_rows(make_product, tmp_path: Path) -> None:
    score = score_product(make_product().folder, labels(tmp_path, TRUE))
    text = score_table(score.as_dict())
    assert text.startswith("Buildings of the reference: 6\n")
    rows = cells(text)
    assert ["found", "5", "83", "%"] in rows
    assert ["not", "analysed", "1", "17", "%"] in rows
    assert ["major", "2", "1.00", "0.50", "0.67", "0.50"] in rows
    assert ["destroyed", "0", "0", "0", "1", "0", "1"] in rows
    assert "macro-F1 0.75; over the buildings found 0.83 (means" in text


def test_the_words_of_the_map_stand_in_a_table_of_their_own(make_product, tmp_path: Path) -> None:
    score = score_product(make_product().folder, labels(tmp_path, TRUE))
    table = score_table(score.as_dict()).partition("the word of the map (columns)\n")[2]
    assert "Possibly damaged" in table.splitlines()[0]
    rows = cells(table)
    assert ["minor", "0", "0", "1", "0", "0", "0"] in rows
    assert ["destroyed", "1", "0", "0", "0", "1", "0"] in rows
    assert "no known grade" not in table


def test_buildings_of_unknown_grade_are_counted(make_product, tmp_path: Path) -> None:
    score = score_product(make_product().folder, labels(tmp_path, [4, 0, 0, 2, 1, 4]))
    record = score.as_dict()
    assert record["damage"]["unknown_grade"] == 2
    assert "2 buildings of the reference have no known grade" in score_table(record)


def test_columns_stand_under_their_heads(make_product, tmp_path: Path) -> None:
    score = score_product(make_product().folder, labels(tmp_path, TRUE))
    for block in score_table(score.as_dict()).split("(columns)\n")[1:]:
        table = block.partition("\n\n")[0].splitlines()
        assert len(table) == 5
        assert len({len(line) for line in table}) == 1


def test_without_grades_the_table_says_so(make_product, tmp_path: Path) -> None:
    folder = make_product().folder
    score = score_product(folder, labels(tmp_path, TRUE), footprints_only=True)
    assert score_table(score.as_dict()).endswith("Damage was not scored.")


def test_words_of_damage_do_not_matter_where_footprints_alone_are_scored(
    make_product, tmp_path: Path
) -> None:
    frame = GeoDataFrame({"dmg": ["quite bad"] * 3}, geometry=footprints(grid(UTM))[:3], crs=UTM)
    frame.to_file(tmp_path / "odd.gpkg")
    folder = make_product().folder
    score = score_product(folder, tmp_path / "odd.gpkg", footprints_only=True)
    assert score.as_dict()["buildings"]
    with pytest.raises(InputError, match="quite bad"):
        score_product(folder, tmp_path / "odd.gpkg")


def test_a_ratio_of_nothing_is_a_dash(make_product, tmp_path: Path) -> None:
    score = score_product(make_product().folder, labels(tmp_path, [1, 1, 1, 1, 1, 1]))
    rows = cells(score_table(score.as_dict()))
    (destroyed,) = [row for row in rows if row[:2] == ["destroyed", "0"] and len(row) == 6]
    assert destroyed[3] == NOTHING  # none to recall
