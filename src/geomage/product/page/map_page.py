"""One printed page: the map with its outlines as vectors, and all a reader must know of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from reportlab import rl_config
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Frame, KeepInFrame

from geomage import __version__
from geomage.product.page import topics
from geomage.product.page.drawing import Drawing, draw
from geomage.product.page.findings import Findings
from geomage.product.page.map_frame import (
    MM,
    draw_map,
    fitted,
    label_graticule,
    metres_a_point,
    plain,
)
from geomage.product.page.map_panel import blocks
from geomage.product.page.report import heading, subheading

__all__ = ["write_map_page"]

rl_config.useA85 = 0  # pictures as they are: in letters they are a quarter larger, and slow to tell

_A3: Final = (420 * MM, 297 * MM)
_RIM: Final = 9 * MM
_HEAD: Final = 17 * MM
_FOOT: Final = 8 * MM
_PANEL: Final = 92 * MM
_WIDEST: Final = 132 * MM  # a panel beside a map that is as high as wide
_LOWER: Final = 122 * MM  # height of the panel under a map that is taller than wide
_GUTTER: Final = 5 * MM
_LABELS: Final = 5 * MM  # room for the coordinates at the left of the map and below it
_SQUARE: Final = 1.12  # a picture taller than so many widths stands upright on the paper

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class _Paper:
    """Where things go, in points: (left, bottom, width, height)."""

    size: tuple[float, float]
    map: Box
    columns: tuple[Box, ...]  # text flows through them


def write_map_page(found: Findings, path: Path, drawing: Drawing | None = None) -> Path:
    """Write the map as one page of A3, readable when printed on A4; the same bytes each time."""
    drawn = draw(found) if drawing is None else drawing
    paper = _paper(found)
    sheet = Canvas(str(path), pagesize=paper.size, invariant=1, pageCompression=1, lang="en")
    sheet.setTitle(plain(heading(found)))
    sheet.setCreator(f"geomage {__version__}")
    sheet.setSubject("Automatic map, not yet checked by a person")
    frame = fitted(paper.map, (found.before.width, found.before.height))
    draw_map(sheet, frame, found, drawn)
    label_graticule(sheet, frame, found)
    _head(sheet, paper, found)
    _foot(sheet, paper, found, f"1 : {_rounded(metres_a_point(frame, found) * 72 / 0.0254):,}")
    _columns(paper, list(blocks(found, drawn)), sheet)
    sheet.showPage()
    sheet.save()
    return path


def _rounded(scale: float) -> int:
    """A scale in two figures."""
    digits = len(str(int(scale))) - 2
    return int(round(scale, -digits))


def _paper(found: Findings) -> _Paper:
    """A3 across, the panel at the right; upright with the panel below for a tall picture."""
    across = found.before.height < _SQUARE * found.before.width
    wide, high = _A3 if across else _A3[::-1]
    left, low, top = _RIM, _RIM + _FOOT, high - _RIM - _HEAD
    inner = wide - 2 * _RIM
    if across:
        high_px, wide_px = found.before.height, found.before.width
        needed = (top - low - _LABELS) * wide_px / high_px  # of a map as high as the paper
        panel = min(max(_PANEL, inner - _LABELS - _GUTTER - needed), _WIDEST)
        place = (
            left + _LABELS,
            low + _LABELS,
            inner - panel - _GUTTER - _LABELS,
            top - low - _LABELS,
        )
        columns: tuple[Box, ...] = ((wide - _RIM - panel, low, panel, top - low),)
        return _Paper((wide, high), place, columns)
    place = (left + _LABELS, low + _LOWER, inner - _LABELS, top - low - _LOWER)
    each = (inner - 2 * _GUTTER) / 3
    columns = tuple((left + i * (each + _GUTTER), low, each, _LOWER - 8 * MM) for i in range(3))
    return _Paper((wide, high), place, columns)


def _head(sheet: Any, paper: _Paper, found: Findings) -> None:
    wide, high = paper.size
    sheet.setFillColor("#000000")
    room = wide - 2 * _RIM - 62 * MM
    _fitting(sheet, _RIM, high - _RIM - 6 * MM, plain(heading(found)), ("Helvetica-Bold", 20), room)
    said = plain("  ·  ".join(subheading(found)))
    sheet.setFillColor("#444b55")
    _fitting(sheet, _RIM, high - _RIM - 12 * MM, said, ("Helvetica", 9.5), room)
    sheet.setFillColor("#000000")
    sheet.setStrokeColor("#000000")
    sheet.setLineWidth(1.2)
    sheet.rect(wide - _RIM - 58 * MM, high - _RIM - 12.5 * MM, 58 * MM, 12.5 * MM)
    middle = wide - _RIM - 29 * MM
    sheet.setFont("Helvetica-Bold", 11)
    sheet.drawCentredString(middle, high - _RIM - 5.5 * MM, "AUTOMATIC MAP")
    sheet.setFont("Helvetica", 9)
    judged = topics.judged(found)
    said = (
        f"{judged:,} building{'s' * (judged != 1)} checked by a person"
        if judged
        else "not yet checked by a person"
    )
    sheet.drawCentredString(middle, high - _RIM - 10 * MM, said)


def _fitting(
    sheet: Any, x: float, y: float, text: str, font: tuple[str, float], room: float
) -> None:
    """A line of text made smaller where it is too long, and cut where that is not enough."""
    name, size = font
    wide = sheet.stringWidth(text, name, size)
    size = max(size * min(1.0, room / wide), 0.6 * size) if wide else size
    while sheet.stringWidth(text, name, size) > room:
        text = text[: int(len(text) * 0.95) - 2] + "…"
    sheet.setFont(name, size)
    sheet.drawString(x, y, text)


def _foot(sheet: Any, paper: _Paper, found: Findings, scale: str) -> None:
    said = (
        f"Scale about {scale} on A3  ·  grid of the map: {_grid_name(found)}, coordinates: "
        + ("metres from the upper left" if found.box.crs is None else "degrees, WGS 84")
        + f"  ·  product version {found.version}  ·  made by geomage {__version__},"
        f" {found.created:%Y-%m-%d %H:%M} UTC  ·  all figures: summary.json, layers: products.gpkg"
    )
    sheet.setFillColor("#000000")
    _fitting(sheet, _RIM, _RIM, plain(said), ("Helvetica", 7.5), paper.size[0] - 2 * _RIM)


def _grid_name(found: Findings) -> str:
    if found.box.crs is None:
        return "pixels"
    code = found.box.crs.to_epsg()
    return "a CRS of its own, see building.tif" if code is None else f"EPSG:{code}"


def _columns(paper: _Paper, pieces: list[list[Any]], sheet: Any) -> None:
    """Fill the columns with whole blocks, made smaller until all of them fit."""
    share = -(-len(pieces) // len(paper.columns))
    for i, (left, low, wide, high) in enumerate(paper.columns):
        own = [piece for block in pieces[i * share : (i + 1) * share] for piece in block]
        held = [KeepInFrame(wide, high, own, mode="shrink")] if own else []
        Frame(left, low, wide, high, 0, 0, 0, 0).addFromList(held, sheet)
