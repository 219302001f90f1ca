"""The colours of damage, and default QGIS styles made from them.

A style is QML, the XML that QGIS 3 writes: a renderer, its symbols, and their kind of shape.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final
from xml.sax.saxutils import quoteattr

from geomage.product.order import EVENT_TYPES

__all__ = ["BURNT_COLOUR", "COLOURS", "EVENT_COLOURS", "FLOOD_COLOUR", "layer_styles"]

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
WATER_COLOUR: Final = "#78aaeb"
BURNT_COLOUR: Final = "#7a2d00"
"""Water that was there before."""
EVENT_COLOURS: Final[Mapping[str, str]] = {
    EVENT_TYPES["flood"]: FLOOD_COLOUR,
    EVENT_TYPES["storm"]: "#7d6b57",
    EVENT_TYPES["fire"]: BURNT_COLOUR,
    EVENT_TYPES["landslide"]: "#8a6d3b",
    EVENT_TYPES["volcano"]: "#5b2a86",
}
_SHARES: Final = (0.0, 0.05, 0.15, 0.3, 0.5, 1.0)
_SHARE_COLOURS: Final = ("#fff3d6", "#fdd49e", "#fc8d59", "#d7301f", "#7f0000")  # light to dark
_RIM: Final = "#1b1b1b"
_AREA: Final = 2  # QGIS's number for this kind of shape


@dataclass(frozen=True)
class _Look:
    """Look of an area: colours as #rrggbb, opacity 0..255, a QGIS brush style."""

    colour: str
    opacity: int = 160
    brush: str = "solid"
    rim: str = _RIM
    width: str = "0.2"  # mm


def layer_styles() -> dict[str, str]:
    """{layer name: QML} for every layer with a geometry, but for those of `street_styles`."""
    words = _damage_looks()
    events = {word: _Look(c, 90, rim=c) for word, c in EVENT_COLOURS.items()}
    return {
        "builtUpA": _categorised("damage_gra", words),
        "observedEventA": _categorised("event_type", events),
        "hydrographyA": _single(_Look(WATER_COLOUR, 90, rim=WATER_COLOUR)),
        "mostAffectedA": _graduated("share_damaged"),
        "notAnalysedA": _single(_Look("#4a4f57", 255, "b_diagonal")),
        "imageFootprintA": _single(_Look("#ffffff", 0, "no", "#555555", "0.3")),
        "areaOfInterestA": _single(_Look("#ffffff", 0, "no", "#000000", "0.6")),
    }


def _damage_looks() -> dict[str, _Look]:
    looks = {
        word: _Look(colour, opacity=70 if word == "No visible damage" else 190, rim=colour)
        for word, colour in COLOURS.items()
    }
    looks["Not Analysed"] = _Look(COLOURS["Not Analysed"], 255, "b_diagonal")
    return looks


def _categorised(field: str, looks: Mapping[str, _Look]) -> str:
    """A symbol for each value."""
    rows = "".join(
        f'<category render="true" value={quoteattr(value)} symbol="{number}"'
        f' label={quoteattr(value)} type="string"/>'
        for number, value in enumerate(looks)
    )
    inside = f"<categories>{rows}</categories>{_symbols(looks.values())}"
    return _document("categorizedSymbol", inside, field)


def _graduated(field: str) -> str:
    """A symbol for each range of a share 0..1, light to dark."""
    ends = list(pairwise(_SHARES))
    rows = "".join(
        f'<range render="true" lower="{low:.3f}" upper="{high:.3f}" symbol="{number}"'
        f' label="{low:.0%} to {high:.0%}"/>'
        for number, (low, high) in enumerate(ends)
    )
    looks = [_Look(colour, 130, width="0.4") for colour in _SHARE_COLOURS]
    inside = f"<ranges>{rows}</ranges>{_symbols(looks)}"
    return _document("graduatedSymbol", inside, field)


def _single(look: _Look) -> str:
    return _document("singleSymbol", _symbols([look]))


def _document(renderer: str, inside: str, field: str | None = None) -> str:
    attr = "" if field is None else f" attr={quoteattr(field)}"
    method = ' graduatedMethod="GraduatedColor"' if renderer == "graduatedSymbol" else ""
    return (
        "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
        '<qgis version="3.28.0" styleCategories="Symbology">'
        f'<renderer-v2 type="{renderer}"{attr}{method} forceraster="0" symbollevels="0"'
        f' enableorderby="0" referencescale="-1">{inside}</renderer-v2>'
        "<blendMode>0</blendMode><featureBlendMode>0</featureBlendMode>"
        f"<layerOpacity>1</layerOpacity><layerGeometryType>{_AREA}</layerGeometryType></qgis>\n"
    )


def _symbols(looks: Iterable[_Look]) -> str:
    return f"<symbols>{''.join(_symbol(n, look) for n, look in enumerate(looks))}</symbols>"


def _symbol(number: int, look: _Look) -> str:
    options = {
        "color": _rgba(look.colour, look.opacity),
        "style": look.brush,
        "outline_color": _rgba(look.rim, 255),
        "outline_style": "solid",
        "outline_width": look.width,
        "outline_width_unit": "MM",
        "joinstyle": "bevel",
    }
    rows = "".join(
        f'<Option name={quoteattr(key)} value={quoteattr(value)} type="QString"/>'
        for key, value in options.items()
    )
    return (
        f'<symbol type="fill" name="{number}" alpha="1" clip_to_extent="1" force_rhr="0">'
        f'<layer class="SimpleFill" enabled="1" locked="0" pass="0"><Option type="Map">{rows}'
        "</Option></layer></symbol>"
    )


def _rgba(colour: str, opacity: int) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"{red},{green},{blue},{opacity}"
