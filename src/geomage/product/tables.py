"""Tables a spreadsheet opens: CSV, and XLSX of our own, both without a cell that runs.

A spreadsheet takes a text that begins like a formula for one (OWASP, CSV Injection). In CSV such a
text gets an apostrophe before it. In XLSX (ECMA-376 part 1, 18.3.1.4) a cell says what it is: texts
are written as `inlineStr`, which is never run, and stay as they are.
"""

from __future__ import annotations

import csv
import io
import math
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from geomage.errors import InputError

__all__ = ["Table", "safe_cell", "table_csv", "write_workbook"]

_BEGINS_FORMULA: Final = tuple("=+-@|\t\n\uff1d\uff0b\uff0d\uff20")
_NO_XML: Final = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LONGEST: Final = 32_767  # letters of a cell
_NAME: Final = re.compile(r"[^\[\]:*?/\\]{1,31}")  # of a sheet
_HEADED, _SHARE, _PLAIN = 1, 2, 0  # styles of `_STYLES`
_MADE: Final = (1980, 1, 1, 0, 0, 0)  # of every part, so that the same table gives the same bytes

_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
_FORMAT: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_HEAD: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_STYLES: Final = (
    f'{_HEAD}<styleSheet xmlns="{_MAIN}"><fonts count="2"><font/><font><b/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
    '<cellXfs count="3"><xf xfId="0"/><xf xfId="0" fontId="1" applyFont="1"/>'
    '<xf xfId="0" numFmtId="10" applyNumberFormat="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles>'
    "</styleSheet>"
)


@dataclass(frozen=True)
class Table:
    """Rows under a head. None is an empty cell."""

    head: tuple[str, ...]
    rows: Sequence[Sequence[object]]
    shares: frozenset[str] = frozenset()
    """Columns that a spreadsheet shows as per cent."""


def safe_cell(cell: object) -> object:
    """A cell for CSV: text that begins like a formula gets an apostrophe, None and NaN are ""."""
    if isinstance(cell, str):
        text = cell.replace("\r", " ")  # ends a line for some readers
        return f"'{text}" if text.lstrip(" ").startswith(_BEGINS_FORMULA) else text
    if cell is None or (isinstance(cell, float) and not math.isfinite(cell)):
        return ""
    return cell


def table_csv(table: Table) -> str:
    """A table as CSV (RFC 4180, lines that end in a line feed)."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow([safe_cell(name) for name in table.head])
    rows.writerows([safe_cell(cell) for cell in row] for row in table.rows)
    return out.getvalue()


def write_workbook(path: Path, sheets: Mapping[str, Table]) -> Path:
    """Write tables as the sheets of one XLSX file; the same tables give the same bytes.

    Raises:
        InputError: a sheet has a name that spreadsheets refuse, or more rows than they take.
    """
    for name, table in sheets.items():
        if not _NAME.fullmatch(name):
            raise InputError(f"{name!r} is no name for a sheet: 1 to 31 letters, none of []:*?/\\")
        if len(table.rows) >= 2**20:
            raise InputError(f"sheet {name!r} has {len(table.rows)} rows; a spreadsheet takes 2^20")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for part, text in _parts(sheets):
            info = zipfile.ZipInfo(part, _MADE)
            info.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(info, text)
    return path


def _parts(sheets: Mapping[str, Table]) -> Iterator[tuple[str, str]]:
    """(name, text) of every part of the package."""
    numbers = range(1, len(sheets) + 1)
    kinds = {f"xl/worksheets/sheet{n}.xml": f"{_FORMAT}.worksheet+xml" for n in numbers}
    kinds |= {
        "xl/workbook.xml": f"{_FORMAT}.sheet.main+xml",
        "xl/styles.xml": f"{_FORMAT}.styles+xml",
    }
    yield "[Content_Types].xml", _content_types(kinds)
    office = ("rId1", "officeDocument", "xl/workbook.xml")
    yield "_rels/.rels", _relations([office])
    yield "xl/workbook.xml", _workbook(tuple(sheets))
    own = [(f"rId{n}", "worksheet", f"worksheets/sheet{n}.xml") for n in numbers]
    yield "xl/_rels/workbook.xml.rels", _relations([*own, ("rIdS", "styles", "styles.xml")])
    yield "xl/styles.xml", _STYLES
    for n, table in zip(numbers, sheets.values(), strict=True):
        yield f"xl/worksheets/sheet{n}.xml", _sheet(table)


def _content_types(kinds: Mapping[str, str]) -> str:
    parts = "".join(
        f'<Override PartName="/{part}" ContentType="{kind}"/>' for part, kind in kinds.items()
    )
    return (
        f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" ContentType='
        '"application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{parts}</Types>'
    )


def _relations(some: Sequence[tuple[str, str, str]]) -> str:
    each = "".join(
        f'<Relationship Id="{name}" Type="{_RELATIONS}/{kind}" Target="{target}"/>'
        for name, kind, target in some
    )
    return f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">{each}</Relationships>'


def _workbook(names: Sequence[str]) -> str:
    sheets = "".join(
        f'<sheet name="{_text(name)}" sheetId="{n}" r:id="rId{n}"/>'
        for n, name in enumerate(names, 1)
    )
    return (
        f'{_HEAD}<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>{sheets}</sheets>'
        "</workbook>"
    )


def _sheet(table: Table) -> str:
    """One sheet: its head stays in sight, columns are as wide as their longest cell."""
    styles = [_SHARE if name in table.shares else _PLAIN for name in table.head]
    widths = "".join(
        f'<col min="{n}" max="{n}" width="{_width(table, n - 1)}" customWidth="1"/>'
        for n in range(1, len(table.head) + 1)
    )
    head = "".join(_cell(name, _HEADED) for name in table.head)
    rows = "".join(
        f"<row>{''.join(_cell(cell, style) for cell, style in zip(row, styles, strict=True))}</row>"
        for row in table.rows
    )
    return (
        f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0"><pane ySplit='
        '"1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
        f"<cols>{widths}</cols><sheetData><row>{head}</row>{rows}</sheetData></worksheet>"
    )


def _width(table: Table, column: int) -> int:
    longest = max((len(str(row[column])) for row in table.rows), default=0)
    return min(max(longest, len(table.head[column])) + 2, 60)


def _cell(value: object, style: int) -> str:
    if value is None or value == "" or (isinstance(value, float) and not math.isfinite(value)):
        return f'<c s="{style}"/>'
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f'<c s="{style}"><v>{value!r}</v></c>'
    return f'<c t="inlineStr" s="{style}"><is><t xml:space="preserve">{_text(value)}</t></is></c>'


def _text(value: object) -> str:
    """Text within XML, without what XML 1.0 cannot hold."""
    return escape(_NO_XML.sub("", str(value)[:_LONGEST]), {'"': "&quot;"})
