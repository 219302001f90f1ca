"""The colours of damage, and default QGIS styles made from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import quoteattr

__all__ = ["COLOURS", "FLOOD_COLOUR", "layer_styles"]

# Dark red, orange, yellow, blue: told apart by the colour-blind, on imagery and in grey print
# (the reds are the darkest).
COLOURS: Final[Mapping[str, str]] = {
    "Destroyed": "#b3001b",
    "Damaged": "#f06d00",
    "Possibly damaged": "#ffd400",
    "No visible damage": "#39a7e0",
    "Not Analysed": "#8a8f98",
}
FLOOD_COLOUR: Final = "#1f5fd6"
_RIM: Final = "#1b1b1b"


@dataclass(frozen=True)
class _Fill:
    """Look of a polygon: colours as #rrggbb, opacity 0..255, a QGIS brush style."""

    colour: str
    opacity: int = 160
    brush: str = "solid"
    rim: str = _RIM
    width: str = "0.2"  # mm


def layer_styles() -> dict[str, str]:
    """{layer name: QML} for every layer with a geometry."""
    damage = {
        word: _Fill(colour, opacity=70 if word == "No visible damage" else 190, rim=colour)
        for word, colour in COLOURS.items()
    }
    damage["Not Analysed"] = _Fill(COLOURS["Not Analysed"], 255, "b_diagonal")
    return {
        "builtUpA": _categorised("damage_gra", damage),
        "notAnalysedA": _single(_Fill("#4a4f57", 255, "b_diagonal")),
        "observedEventA": _single(_Fill(FLOOD_COLOUR, 90, rim=FLOOD_COLOUR)),
        "imageFootprintA": _single(_Fill("#ffffff", 0, "no", "#555555", "0.3")),
        "areaOfInterestA": _single(_Fill("#ffffff", 0, "no", "#000000", "0.6")),
    }


def _categorised(field: str, fills: Mapping[str, _Fill]) -> str:
    rows = "".join(
        f'<category render="true" value={quoteattr(value)} symbol="{number}"'
        f" label={quoteattr(value)}/>"
        for number, value in enumerate(fills)
    )
    symbols = "".join(_symbol(number, fill) for number, fill in enumerate(fills.values()))
    return _document(
        f'<renderer-v2 type="categorizedSymbol" attr={quoteattr(field)} forceraster="0"'
        f' symbollevels="0" enableorderby="0"><categories>{rows}</categories>'
        f"<symbols>{symbols}</symbols></renderer-v2>"
    )


def _single(fill: _Fill) -> str:
    return _document(
        '<renderer-v2 type="singleSymbol" forceraster="0" symbollevels="0" enableorderby="0">'
        f"<symbols>{_symbol(0, fill)}</symbols></renderer-v2>"
    )


def _document(renderer: str) -> str:
    return (
        "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>"
        f'<qgis version="3.28" styleCategories="Symbology">{renderer}</qgis>'
    )


def _symbol(number: int, fill: _Fill) -> str:
    options = {
        "color": _rgba(fill.colour, fill.opacity),
        "style": fill.brush,
        "outline_color": _rgba(fill.rim, 255),
        "outline_style": "solid",
        "outline_width": fill.width,
        "outline_width_unit": "MM",
        "joinstyle": "bevel",
    }
    rows = "".join(
        f'<Option name={quoteattr(name)} value={quoteattr(value)} type="QString"/>'
        for name, value in options.items()
    )
    return (
        f'<symbol type="fill" name="{number}" alpha="1" clip_to_extent="1" force_rhr="0">'
        f'<layer class="SimpleFill" enabled="1" locked="0" pass="0"><Option type="Map">{rows}'
        "</Option></layer></symbol>"
    )


def _rgba(colour: str, opacity: int) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"{red},{green},{blue},{opacity}"
