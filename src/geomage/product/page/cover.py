"""What a report tells when there is one image: buildings, and shares of land cover."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from geomage.mapping import palette
from geomage.product.page.wording import NOTHING, area, number, percent, stacked_bar
from geomage.product.summary import LANDCOVER

__all__ = ["BUILDINGS", "MAPPED", "cover_bar", "cover_table", "cover_words", "one_date_tiles"]

BUILDINGS: Final = "Building"
MAPPED: Final = "mapped"
"""CSS class of buildings of which no damage is said."""

_COLOURS: Final = {  # as in landcover.tif
    name: "#{:02x}{:02x}{:02x}".format(*palette.LANDCOVER[value][:3])
    for value, name in LANDCOVER.items()
}
_MEANING: Final = {
    "bareland": "Earth, sand or rock without plants.",
    "rangeland": "Grass, shrubs and lawns.",
    "developed space": "Paved or trodden ground: yards, car parks, squares.",
    "road": "Roads and streets, seen where trees do not hide them.",
    "tree": "Crowns of trees, seen from above.",
    "water": "Water that is open to the sky.",
    "agriculture": "Tilled fields and orchards.",
    "building": "Roofs, pixel by pixel; the outlines on the map follow a rule of their own, so"
    " their area differs a little.",
}


def one_date_tiles(summary: Mapping[str, Any]) -> str:
    """The number of buildings, which is legend and layer switch, and the largest land covers."""
    found = summary["buildings"]
    first = (
        f'<label class="tile {MAPPED}"><span class="n">{number(found["mapped"])}</span>'
        f'<span class="w">Buildings mapped</span><span class="s">outlines of'
        f' {area(found["area_m2"])}</span><span class="v"><span>show</span>'
        f'<input type="checkbox" data-layer="{MAPPED}" aria-label="Show buildings" checked>'
        "</span></label>"
    )
    covers = sorted(_shares(summary).items(), key=lambda item: -item[1])[:4]
    return "\n".join([first, *(_tile(name, share) for name, share in covers if share)])


def _tile(name: str, share: float) -> str:
    return (
        f'<div class="tile cover"><svg class="top" viewBox="0 0 1 1" preserveAspectRatio="none"'
        f' aria-hidden="true">{_rect(name, 0, 1)}</svg>'
        f'<span class="n">{percent(share)}</span><span class="w">{name.capitalize()}</span>'
        '<span class="s">of the area seen</span></div>'
    )


def cover_bar(summary: Mapping[str, Any]) -> str:
    """All land cover as one bar."""
    left, rects = 0.0, ""
    for name, share in _shares(summary).items():
        rects += _rect(name, left, share)
        left += share
    return stacked_bar(rects, 1)


def cover_table(summary: Mapping[str, Any]) -> str:
    """Land cover with shares and areas, the largest first."""
    shares, m2 = _shares(summary), summary["landcover"]
    rows = "".join(
        f"<tr><td>{_patch(name)} {name.capitalize()}</td>"
        f'<td class="num">{percent(share) if m2[name] else NOTHING}</td>'
        f'<td class="num">{area(m2[name])}</td></tr>'
        for name, share in sorted(shares.items(), key=lambda item: -item[1])
    )
    return f"<h2>Land cover, share of the area seen</h2><table>{rows}</table>"


def cover_words() -> str:
    """What each land cover means."""
    rows = "".join(
        f"<dt>{_patch(name)} {name.capitalize()}</dt><dd>{text}</dd>"
        for name, text in _MEANING.items()
    )
    return f"<dl>{rows}</dl>"


def _shares(summary: Mapping[str, Any]) -> dict[str, float]:
    """Shares of what was seen; an image seen nowhere has none."""
    m2 = summary["landcover"]
    whole = sum(m2.values())
    return {name: found / whole if whole else 0.0 for name, found in m2.items()}


def _rect(name: str, left: float, width: float) -> str:
    """Colours stand in attributes of shapes: the page's policy drops inline styles."""
    colour = _COLOURS[name]
    return f'<rect x="{left:.5f}" y="0" width="{width:.5f}" height="1" fill="{colour}"/>'


def _patch(name: str) -> str:
    return (
        '<svg class="patch" viewBox="0 0 1 1" preserveAspectRatio="none" aria-hidden="true">'
        f"{_rect(name, 0, 1)}</svg>"
    )
