"""Colours of streets by state, and default QGIS styles of the layers of access."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from xml.sax.saxutils import quoteattr

from geomage.product.states import BLOCKED, FLOODED, PASSABLE, UNKNOWN

__all__ = ["STREET_COLOURS", "street_styles"]

# Told apart by the colour-blind, on imagery and in grey print; what works draws least attention.
STREET_COLOURS: Final[Mapping[str, str]] = {
    PASSABLE: "#2f7d4f",
    FLOODED: "#1f5fd6",
    UNKNOWN: "#8a8f98",
    BLOCKED: "#b3001b",
}
_WIDTHS: Final = {PASSABLE: "0.4", FLOODED: "0.9", UNKNOWN: "0.6", BLOCKED: "0.9"}  # mm
_CUT: Final = {"cut off": ("#b3001b", 90), "possibly cut off": ("#f06d00", 50)}
_MOMENTS: Final = {"before": ("#6baed6", 0), "after": ("#08519c", 40), "at best": ("#9ecae1", 0)}


def street_styles() -> dict[str, str]:
    """{layer name: QML} of the layers of access."""
    lines = {state: _symbol("line", "SimpleLine", _line(state)) for state in STREET_COLOURS}
    return {
        "transportationL": _categorised("state", lines),
        "cutOffA": _categorised("access", {k: _fill(*v) for k, v in _CUT.items()}),
        "accessTimeA": _categorised("moment", {k: _fill(*v) for k, v in _MOMENTS.items()}),
        "facilitiesP": _document(
            '<renderer-v2 type="singleSymbol"><symbols>'
            + _symbol("marker", "SimpleMarker", _cross()).format(0)
            + "</symbols></renderer-v2>"
        ),
    }


def _line(state: str) -> dict[str, str]:
    return {
        "line_color": _rgba(STREET_COLOURS[state], 255),
        "line_width": _WIDTHS[state],
        "line_width_unit": "MM",
        "line_style": "dash" if state == UNKNOWN else "solid",
        "capstyle": "round",
        "joinstyle": "round",
    }


def _fill(colour: str, opacity: int) -> str:
    look = {
        "color": _rgba(colour, opacity),
        "style": "solid" if opacity else "no",
        "outline_color": _rgba(colour, 255),
        "outline_style": "solid",
        "outline_width": "0.4",
        "outline_width_unit": "MM",
    }
    return _symbol("fill", "SimpleFill", look)


def _cross() -> dict[str, str]:
    return {
        "name": "cross_fill",
        "color": "255,255,255,255",
        "outline_color": _rgba(STREET_COLOURS[BLOCKED], 255),
        "size": "4",
        "size_unit": "MM",
    }


def _symbol(kind: str, layer: str, look: Mapping[str, str]) -> str:
    """A symbol with a place for its number."""
    rows = "".join(
        f'<Option name={quoteattr(name)} value={quoteattr(value)} type="QString"/>'
        for name, value in look.items()
    )
    return (
        f'<symbol type="{kind}" name="{{0}}" alpha="1" clip_to_extent="1" force_rhr="0">'
        f'<layer class="{layer}" enabled="1" locked="0" pass="0"><Option type="Map">{rows}'
        "</Option></layer></symbol>"
    )


def _categorised(field: str, symbols: Mapping[str, str]) -> str:
    rows = "".join(
        f'<category render="true" value={quoteattr(value)} symbol="{number}"'
        f" label={quoteattr(value)}/>"
        for number, value in enumerate(symbols)
    )
    drawn = "".join(symbol.format(number) for number, symbol in enumerate(symbols.values()))
    return _document(
        f'<renderer-v2 type="categorizedSymbol" attr={quoteattr(field)} forceraster="0"'
        f' symbollevels="0" enableorderby="0"><categories>{rows}</categories>'
        f"<symbols>{drawn}</symbols></renderer-v2>"
    )


def _document(renderer: str) -> str:
    return (
        "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>"
        f'<qgis version="3.28" styleCategories="Symbology">{renderer}</qgis>'
    )


def _rgba(colour: str, opacity: int) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"{red},{green},{blue},{opacity}"
