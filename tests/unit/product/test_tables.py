"""Tables a spreadsheet opens and never runs."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

import pytest

from geomage.errors import InputError
from geomage.product.tables import Table, safe_cell, table_csv, write_workbook

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
EVIL = ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\uff1d1", "|calc"]


@pytest.mark.parametrize("text", EVIL)
def test_no_text_in_csv_begins_like_a_formula(text: str) -> None:
    written = table_csv(Table(("zone",), [[text]]))
    assert [*csv.reader(io.StringIO(written, newline=""))][1] == ["'" + text.replace("\r", " ")]


def test_numbers_stay_numbers_and_nothing_stays_empty() -> None:
    assert [safe_cell(x) for x in (-3, -0.5, None, float("nan"), "a-b")] == [
        -3,
        -0.5,
        "",
        "",
        "a-b",
    ]


def test_the_head_is_defused_too() -> None:
    assert table_csv(Table(("=a",), [])) == "'=a\n"


def cells(path: Path, sheet: int = 1) -> list[list[tuple[str | None, str | None]]]:
    """(type, text) of each cell of a sheet."""
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
        tree = ET.fromstring(file.read(f"xl/worksheets/sheet{sheet}.xml"))  # noqa: S314
    return [
        [(c.get("t"), "".join(c.itertext()) or None) for c in row.iter(f"{MAIN}c")]
        for row in tree.iter(f"{MAIN}row")
    ]


def test_a_workbook_holds_texts_as_texts_and_no_formula(tmp_path: Path) -> None:
    rows = [[text, 1.5, None] for text in EVIL]
    path = write_workbook(tmp_path / "t.xlsx", {"a & b": Table(("zone", "n", "none"), rows)})
    found = cells(path)
    assert [row[0][0] for row in found] == ["inlineStr"] * (len(EVIL) + 1)
    assert found[1] == [("inlineStr", "=1+1"), (None, "1.5"), (None, None)]
    with zipfile.ZipFile(path) as file:
        everything = b"".join(file.read(name) for name in file.namelist())
    assert b"<f>" not in everything
    assert b"<f " not in everything


def test_every_part_is_xml_and_is_declared(tmp_path: Path) -> None:
    bad = "a\x00<&>\"'\x1b\ud800"
    path = write_workbook(
        tmp_path / "t.xlsx", {"one": Table((bad,), [[bad]]), "two": Table((), [])}
    )
    with zipfile.ZipFile(path) as file:
        trees = {name: ET.fromstring(file.read(name)) for name in file.namelist()}  # noqa: S314
    declared = {part.get("PartName") for part in trees["[Content_Types].xml"]} - {None}
    parts = {f"/{name}" for name in trees if not name.endswith(".rels") and name[0] != "["}
    assert declared == parts
    assert cells(path)[0] == [("inlineStr", "a<&>\"'")]


def test_the_same_tables_give_the_same_bytes(tmp_path: Path) -> None:
    table = {"one": Table(("a",), [[1]])}
    one, two = (write_workbook(tmp_path / f"{n}.xlsx", table).read_bytes() for n in range(2))
    assert one == two


@pytest.mark.parametrize("name", ["", "a/b", "x" * 32, "[a]"])
def test_a_sheet_needs_a_name_spreadsheets_take(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="no name for a sheet"):
        write_workbook(tmp_path / "t.xlsx", {name: Table((), [])})
    assert not list(tmp_path.iterdir())
