"""The words beside the printed map: key figures, legend, doubts, limits, sources."""

from __future__ import annotations

import io
from collections.abc import Iterable
from html import escape
from typing import Any, Final

from geopandas import GeoDataFrame
from reportlab.graphics.shapes import Drawing as Sketch
from reportlab.graphics.shapes import Line, Rect
from reportlab.lib.colors import Color, HexColor
from reportlab.lib.styles import ParagraphStyle
from reportlab.platypus import Image, Paragraph, Table

from geomage.product.grading import NOT_ANALYSED
from geomage.product.page import cover, topics, wording
from geomage.product.page.drawing import Drawing, zones_are_squares
from geomage.product.page.findings import Findings
from geomage.product.page.looks import LOOKS, ROAD_STATES, Look
from geomage.product.page.map_frame import MM, plain

__all__ = ["blocks"]

_INSET: Final = (75 * MM, 48 * MM)
_MOST_ZONES: Final = 6


def blocks(found: Findings, drawing: Drawing) -> Iterable[list[Any]]:
    """Key figures, legend, worst squares or zones, doubts, limits, sources: each one block."""
    two = found.after is not None
    yield _block("Buildings by damage" if two else "Buildings", _figures(found))
    yield _block("Legend", [_legend(found, drawing)])
    if two and found.squares and not zones_are_squares(found):
        yield _block("Where it is worst", [_worst(found)])
    if found.zones is not None and not found.zones.empty:
        yield _block("Most affected areas", [_zones(found.zones), _text(topics.ZONES_SAY)])
    if access := topics.access_lines(found.summary):
        yield _block("Access", [_text(line) for line in access])
    if found.summary["doubts"]:
        yield _block("Doubts", [_text(f"• {doubt}") for doubt in found.summary["doubts"]])
    limits = [
        *wording.limit_lines(found.facts, two_dates=two),
        *wording.water_limits(found.summary),
    ]
    yield _block("What this map cannot say", [_text(f"• {line}") for line in limits])
    yield _block("Sources", [_text(line) for line in _source_lines(found)])
    if two:
        yield _block("Before", [_inset(found)])


def _block(title: str, inner: list[Any]) -> list[Any]:
    return [_text(title, bold=True), *inner]


def _text(text: str, *, bold: bool = False, size: float = 8.2) -> Any:
    """A paragraph; every character of it is text, none is markup."""
    style = ParagraphStyle(
        "bold" if bold else "plain",
        fontName="Helvetica-Bold" if bold else "Helvetica",
        fontSize=10 if bold else size,
        leading=(13 if bold else size * 1.22),
        spaceBefore=7 if bold else 0,
        spaceAfter=1.5,
        splitLongWords=1,
    )
    return Paragraph(escape(plain(text)), style)


def _figures(found: Findings) -> list[Any]:
    b = found.summary["buildings"]
    if found.after is None:
        rows = [
            ["", wording.number(b["mapped"]), "mapped", f"outlines of {wording.area(b['area_m2'])}"]
        ]
        return [_table(rows, [cover.MAPPED], large=True)]
    known = b["assessed"] > 0
    rows = [
        ["", wording.number(one["count"]) if known else wording.NOTHING, word, _of(one, "assessed")]
        for word, one in b["by_damage"].items()
    ]
    unseen = b["not_analysed"]
    rows.append(["", wording.number(unseen["count"]), NOT_ANALYSED, _of(unseen, "mapped")])
    keys = [wording.SLUGS[row[2]] for row in rows]
    said = wording.spoken(wording.denominator(found.summary, two_dates=True, given=found.given))
    truth = wording.spoken(wording.in_truth(found.summary))
    caution = wording.spoken(wording.false_buildings(found.summary, given=found.given))
    return [
        _table(rows, keys, large=True),
        *(_text(line) for line in (said, truth, caution) if line),
    ]


def _inset(found: Findings) -> Any:
    """The image before, small: what the map looked like."""
    picture = found.before
    scale = min(_INSET[0] / picture.width, _INSET[1] / picture.height)
    return Image(
        io.BytesIO(picture.jpeg), picture.width * scale, picture.height * scale, hAlign="LEFT"
    )


def _of(one: Any, whole: str) -> str:
    share = one[f"share_of_{whole}"]
    return "none could be assessed" if share is None else f"{wording.percent(share)} of {whole}"


def _legend(found: Findings, drawing: Drawing) -> Any:
    names = {
        **topics.EVENTS,
        **topics.PLACES,
        "areas": "Not analysed areas",
        **{key: f"Road: {word}" for key, word in topics.STATES.items()},
        "zones": "Most affected areas",
        "facilities": "Facilities",
    }
    unseen = {one.key for one in drawing.reach}
    drawn = [one.key for one in drawing.layers if one.paths and one.key not in unseen]
    roads = topics.road_lengths(found)
    keys = [key for key in drawn if key not in ROAD_STATES] + [*roads]
    figures = {key: f", {topics.length(metres)}" for key, metres in roads.items()}
    seen = topics.extent_rows(found.summary, found.flood)
    figures |= {key: f", {wording.area(m2)}" for _, m2, key in seen}
    rows = [["", names[key] + figures.get(key, "")] for key in keys]
    rows.append(["", "Corner of a named square (A1, B1, …)"])
    return _table(rows, [*keys, "square"], widths=(9 * MM, None))


def _worst(found: Findings) -> Any:
    words = ("Destroyed", "Damaged", "Possibly damaged")
    rows = [["Square", *words, "of"]]
    rows += [
        [one.name, *(wording.number(one.counts[w]) for w in words), wording.number(one.assessed)]
        for one in found.squares
    ]
    return _table(rows, None, widths=(15 * MM, 18 * MM, 18 * MM, 28 * MM, 12 * MM), head=True)


def _zones(zones: GeoDataFrame) -> Any:
    ranked = zones.sort_values("rank", kind="stable").head(_MOST_ZONES).to_dict("records")
    people = "people" in zones and bool(zones["people"].notna().any())
    rows = [["Zone", "called damaged", "of", "are damaged", *(["people in these"] * people)]]
    rows += [
        [
            plain(str(one["zone"]))[:28],
            wording.percent(topics.finite(one.get("share_damaged"))),
            wording.number(one["assessed"]),
            topics.between(one, "damage"),
            *([topics.between(one, "people")] * people),
        ]
        for one in ranked
    ]
    widths = (32 * MM, 24 * MM, 11 * MM, 24 * MM, *([26 * MM] * people))
    return _table(rows, None, widths=widths, head=True)


def _source_lines(found: Findings) -> list[str]:
    two = found.after is not None
    return [
        f"{source.role.capitalize() if two else 'Image'}: {source.path.name}, sha256"
        f" {source.sha256[:16]}… (whole in manifest.json)"
        for source in found.sources
    ]


def _table(
    rows: list[list[Any]],
    keys: list[str] | None,
    *,
    widths: tuple[float | None, ...] = (8.5 * MM, 20 * MM, 36 * MM, None),
    large: bool = False,
    head: bool = False,
) -> Any:
    size = 8.2
    style: list[Any] = [
        ("FONT", (0, 0), (-1, -1), "Helvetica", size),
        ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
        ("LINEBELOW", (0, 0), (-1, -1), 0.3, "#c5cad1"),
        ("LEFTPADDING", (0, 0), (-1, -1), 1),
        ("RIGHTPADDING", (0, 0), (-1, -1), 2),
        ("TOPPADDING", (0, 0), (-1, -1), 1.2),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 1.8),
    ]
    if large:
        style.append(("FONT", (1, 0), (1, -1), "Helvetica-Bold", 14))
        style.append(("FONT", (2, 0), (2, -1), "Helvetica-Bold", 9))
    if head:
        style.append(("FONT", (0, 0), (-1, 0), "Helvetica-Bold", 7.5))
        style.append(("ALIGN", (1, 0), (-1, -1), "RIGHT"))
    if keys:
        for row, key in zip(rows, keys, strict=True):
            row[0] = _swatch(key)
    return Table(rows, colWidths=widths, style=style, hAlign="LEFT")


def _swatch(key: str) -> Any:
    """A key of the legend, drawn as the map draws it."""
    sketch = Sketch(18, 9)
    if key == "square":
        sketch.add(Rect(0, 0, 18, 9, fillColor=HexColor("#59616d"), strokeColor=None))
        sketch.add(Line(5, 4.5, 13, 4.5, strokeColor=HexColor("#ffffff"), strokeWidth=0.6))
        sketch.add(Line(9, 0.5, 9, 8.5, strokeColor=HexColor("#ffffff"), strokeWidth=0.6))
        return sketch
    look = LOOKS[key]
    if key in ROAD_STATES or key == "zones":
        _line_key(sketch, look)
        return sketch
    fill = None if look.hatched else _faint(look)
    rim = HexColor("#23272e" if look.hatched else look.stroke)
    sketch.add(Rect(0.5, 0.5, 17, 8, fillColor=fill, strokeColor=rim, strokeWidth=1))
    if look.hatched:
        for x in range(1, 17, 4):
            sketch.add(Line(x, 0.5, min(x + 8, 17.5), 8.5, strokeColor=rim, strokeWidth=1))
    return sketch


def _line_key(sketch: Any, look: Look) -> None:
    for colour, width, dash in (
        (look.casing, look.width + 2, None),
        (look.stroke, look.width, look.dash),
    ):
        sketch.add(
            Line(
                0, 4.5, 18, 4.5,
                strokeColor=HexColor(colour or look.stroke),
                strokeWidth=width * 0.8,
                strokeDashArray=None if dash is None else [part * 0.6 for part in dash],
            )
        )  # fmt: skip


def _faint(look: Look) -> Any:
    """The fill of a look on white paper."""
    colour = HexColor(look.fill or look.stroke)
    opaque = 0.55 if look.opacity < 1 else 1.0
    return Color(*(1 - opaque + opaque * part for part in colour.rgb()))
