"""Colours of streets by state, and default QGIS styles of the layers of access."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from xml.sax.saxutils import quoteattr

from geomage.product.access.states import BLOCKED, FLOODED, PASSABLE, UNKNOWN

__all__ = ["CUT_COLOURS", "MOMENT_COLOURS", "STREET_COLOURS", "street_styles"]

STREET_COLOURS: Final[Mapping[str, tuple[str, str]]] = {
    PASSABLE: ("#2fb457", "#0d3a1b"),
    FLOODED: ("#00d5ff", "#06304f"),
    UNKNOWN: ("#e8e8e8", "#3c4149"),
    BLOCKED: ("#d100c9", "#ffffff"),
}
"""Of the line, and of the wider one under it: told apart by the colour-blind, from buildings by
damage, on imagery and on white paper. Report, map page, QGIS and view draw these."""
CUT_COLOURS: Final[Mapping[str, str]] = {"cut off": "#7a0076", "possibly cut off": "#a05cc8"}
"""Of places, by ``access`` of ``cutOffA``."""
MOMENT_COLOURS: Final[Mapping[str, str]] = {
    "before": "#6baed6", "after": "#08519c", "at best": "#9ecae1",
}  # fmt: skip
"""Of what a facility reaches, by ``moment`` of ``accessTimeA``."""
_WIDTHS: Final = {PASSABLE: 0.4, FLOODED: 0.9, UNKNOWN: 0.6, BLOCKED: 0.9}  # mm
_POINT, _LINE, _AREA = 0, 1, 2  # QGIS's kinds of shape
_CROSS: Final = "#b3001b"
_CASING: Final = 0.4  # mm that the line under a line is wider
_CUT: Final = {"cut off": 90, "possibly cut off": 50}  # opacity
_MOMENTS: Final = {"before": 0, "after": 40, "at best": 0}


def street_styles() -> dict[str, str]:
    """{layer name: QML} of the layers of access."""
    lines = {state: _symbol("line", "SimpleLine", *_lines(state)) for state in STREET_COLOURS}
    cut = {word: _fill(CUT_COLOURS[word], opacity) for word, opacity in _CUT.items()}
    moments = {word: _fill(MOMENT_COLOURS[word], opacity) for word, opacity in _MOMENTS.items()}
    return {
        "transportationL": _categorised("state", lines, _LINE),
        "cutOffA": _categorised("access", cut, _AREA),
        "accessTimeA": _categorised("moment", moments, _AREA),
        "facilitiesP": _document(
            '<renderer-v2 type="singleSymbol"><symbols>'
            + _symbol("marker", "SimpleMarker", _cross()).format(0)
            + "</symbols></renderer-v2>",
            _POINT,
        ),
    }


def _lines(state: str) -> tuple[dict[str, str], dict[str, str]]:
    """The wider line under it, and the line."""
    colour, casing = STREET_COLOURS[state]
    dash = "dash" if state == UNKNOWN else "solid"
    return _line(casing, _WIDTHS[state] + _CASING, "solid"), _line(colour, _WIDTHS[state], dash)


def _line(colour: str, width: float, style: str) -> dict[str, str]:
    return {
        "line_color": _rgba(colour, 255),
        "line_width": f"{width:g}",
        "line_width_unit": "MM",
        "line_style": style,
        "capstyle": "flat" if style == "dash" else "round",
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
        "outline_color": _rgba(_CROSS, 255),
        "size": "4",
        "size_unit": "MM",
    }


def _symbol(kind: str, layer: str, *looks: Mapping[str, str]) -> str:
    """A symbol with a place for its number; its looks lie over each other, the first one lowest."""
    layers = "".join(
        f'<layer class="{layer}" enabled="1" locked="0" pass="0"><Option type="Map">'
        + "".join(
            f'<Option name={quoteattr(name)} value={quoteattr(value)} type="QString"/>'
            for name, value in look.items()
        )
        + "</Option></layer>"
        for look in looks
    )
    return (
        f'<symbol type="{kind}" name="{{0}}" alpha="1" clip_to_extent="1" force_rhr="0">'
        f"{layers}</symbol>"
    )


def _categorised(field: str, symbols: Mapping[str, str], kind: int) -> str:
    rows = "".join(
        f'<category render="true" value={quoteattr(value)} symbol="{number}"'
        f" label={quoteattr(value)}/>"
        for number, value in enumerate(symbols)
    )
    drawn = "".join(symbol.format(number) for number, symbol in enumerate(symbols.values()))
    return _document(
        f'<renderer-v2 type="categorizedSymbol" attr={quoteattr(field)} forceraster="0"'
        f' symbollevels="0" enableorderby="0"><categories>{rows}</categories>'
        f"<symbols>{drawn}</symbols></renderer-v2>",
        kind,
    )


def _document(renderer: str, kind: int) -> str:
    return (
        "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>"
        f'<qgis version="3.28" styleCategories="Symbology">{renderer}'
        f"<layerGeometryType>{kind}</layerGeometryType></qgis>"
    )


def _rgba(colour: str, opacity: int) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"{red},{green},{blue},{opacity}"
