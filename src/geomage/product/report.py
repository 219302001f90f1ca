"""One HTML file that needs no network: before and after, damage, key figures, limits."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from importlib.resources import files
from string import Template
from typing import Any, Final

import numpy as np
from geopandas import GeoDataFrame, GeoSeries
from odc.geo.geobox import GeoBox

from geomage import __version__
from geomage.geo import ground_gsd
from geomage.product import cover, wording
from geomage.product.accuracy_words import accuracy_section
from geomage.product.grading import NOT_ANALYSED, WORDS
from geomage.product.layers import Source
from geomage.product.outlines import ring_paths
from geomage.product.pictures import Picture
from geomage.product.squares import Square, SquareGrid, square_grid
from geomage.product.surface import lonlat

__all__ = ["Findings", "report_html"]

MOST_OUTLINES: Final = 60_000
"""Buildings drawn, worst first; beyond that the page says how many it leaves to products.gpkg."""

MOST_AREAS: Final = 20_000
"""Areas of a layer drawn, the largest first, and none that is smaller than a pixel of the picture;
``products.gpkg`` has all, and the page says so."""

_SLIVER: Final = 0.4  # of a square's side; less has no room for its name


@dataclass(frozen=True)
class Findings:
    """All a report tells."""

    summary: Mapping[str, Any]
    buildings: GeoDataFrame  # graded, with building_id, grade, p_*, confidence, reason, area_m2
    not_analysed: GeoDataFrame  # polygons with reason
    flood: GeoDataFrame | None  # flooded polygons
    box: GeoBox  # grid of the product
    squares: Sequence[Square]  # worst first
    sources: Sequence[Source]
    facts: Mapping[str, Any]  # record of the run
    before: Picture
    after: Picture | None
    created: datetime


def report_html(found: Findings) -> str:
    """The whole page as text."""
    page = files("geomage.product") / "page"
    css = (page / "report.css").read_text("utf-8")
    js = (page / "report.js").read_text("utf-8")
    template = Template((page / "report.html").read_text("utf-8"))
    drawn = _drawn(found)
    return template.substitute(
        policy=_policy(css, js),
        css=css,
        js=js,
        data=_data(found, drawn),
        overlay=_overlay(found, drawn),
        **_titles(found, sum(len(group.rows) for group in drawn)),
        **_pictures(found),
        **_texts(found),
    )


def _policy(css: str, js: str) -> str:
    """Content security policy: nothing loads, only this very style and this very script run."""
    style, script = (
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (css, js)
    )
    return (
        f"default-src 'none'; img-src data:; style-src 'sha256-{style}';"
        f" script-src 'sha256-{script}'; base-uri 'none'; form-action 'none'"
    )


def _titles(found: Findings, drawn: int) -> dict[str, str]:
    names = {
        role: ", ".join(source.path.name for source in found.sources if source.role == role)
        for role in ("before", "after")
    }
    kind = "Damage map" if found.after else "Building map"
    made = found.created.strftime("%Y-%m-%d %H:%M UTC")
    parts = [
        f"{'Before' if found.after else 'Image'}: {names['before']}",
        *([f"after: {names['after']}"] if found.after else []),
        f"{ground_gsd(found.box):.2g} m per pixel",
        f"version {found.summary.get('version', 1)}, made {made} by geomage {__version__}",
    ]
    left = len(found.buildings) - drawn
    if left:
        parts.append(
            f"{drawn:,} outlines drawn, {_first(found)} first; {left:,} more in products.gpkg"
        )
    areas = [found.not_analysed, *([] if found.flood is None else [found.flood])]
    hidden = sum(len(one) - len(_seen(one.geometry, found)) for one in areas)
    if hidden:
        parts.append(f"{hidden:,} small areas not drawn: products.gpkg has them")
    return {
        "title": escape(f"{kind}: {names['after'] or names['before']}"),
        "heading": escape(f"{kind}: {names['after'] or names['before']}"),
        "subheading": escape(" · ".join(parts)),
    }


def _pictures(found: Findings) -> dict[str, str]:
    after, swipe, keys = "", "", ""
    if found.after:
        after = (
            f'<figure class="after"><img id="after" alt="Image after the event"'
            f' src="{found.after.data_uri}" width="{found.after.width}"'
            f' height="{found.after.height}"><figcaption>After, with damage</figcaption></figure>'
        )
        keys = " Shift with left or right swipes, B shows all before or all after,"
        swipe = (
            '<label class="swipe">Before <input type="range" id="swipe" min="0" max="1000"'
            ' value="500" step="any" aria-label="Swipe between before and after"> After</label>'
        )
    return {
        "before": found.before.data_uri,
        "before_alt": "Image before the event" if found.after else "The image",
        "before_caption": "Before" if found.after else "With buildings",
        "width": str(found.before.width),
        "height": str(found.before.height),
        "after": after,
        "swipe": swipe,
        "swipe_keys": keys,
        "single": "" if found.after else " single",
    }


def _texts(found: Findings) -> dict[str, str]:
    two = found.after is not None
    grid = square_grid(found.box)
    return {
        "denominator": wording.denominator(found.summary, two_dates=two),
        "caution": wording.false_buildings(found.summary),
        "doubts": wording.doubt_list(found.summary["doubts"]),
        "switches": _switches(found),
        "square_m": f"{grid.side_m:g}",
        "up": "top of the image up" if found.box.crs is None else "north up",
        "areas": wording.area_table(found.summary)
        + accuracy_section(found.summary.get("accuracy")),
        "first": _first(found),
        "limits": wording.limits(found.facts, two_dates=two),
        "sources": wording.source_list(found.sources, two_dates=two),
        "made": wording.made_table(found.facts),
        **(_two_dates(found) if two else _one_date(found)),
    }


def _two_dates(found: Findings) -> dict[str, str]:
    return {
        "about": "Before and after, with damage",
        "figures": "Buildings by damage",
        "tiles": wording.tiles(found.summary),
        "bar": wording.bar(found.summary),
        "shares": wording.worst_table(found.squares, found.summary["buildings"]["assessed"]),
        "words": wording.definitions(),
        "clicked": "its grade and a close look",
        "scriptless": "the image after, with the damage layer",
    }


def _one_date(found: Findings) -> dict[str, str]:
    """No figure of damage: nothing can be said of it."""
    return {
        "about": "The image, with buildings",
        "figures": "Buildings and land cover",
        "tiles": cover.one_date_tiles(found.summary),
        "bar": cover.cover_bar(found.summary),
        "shares": cover.cover_table(found.summary),
        "words": cover.cover_words(),
        "clicked": "its area and a close look",
        "scriptless": "the image, with the buildings",
    }


def _first(found: Findings) -> str:
    """Which buildings come first where they are drawn or stepped through."""
    return "worst" if found.after else "largest"


def _switches(found: Findings) -> str:
    layers = {"grid": ("Grid", "")}
    if len(found.not_analysed):
        layers["areas"] = ("Not analysed areas", "hatched")
    if found.flood is not None and len(found.flood):
        layers["flood"] = ("Seen as flooded", "flooded")
    return "\n".join(
        f'<label><input type="checkbox" data-layer="{name}" checked>{wording.swatch(key)}'
        f"{title}</label>"
        for name, (title, key) in layers.items()
    )


@dataclass(frozen=True)
class _Group:
    """Buildings drawn alike."""

    word: str
    css: str
    rows: GeoDataFrame  # in the order they are stepped through


def _drawn(found: Findings) -> list[_Group]:
    """Buildings by word, worst first; with one image all alike, the largest first."""
    if found.after is None:
        order = np.argsort(-found.buildings["area_m2"].to_numpy(float), kind="stable")
        rows = found.buildings.iloc[order[:MOST_OUTLINES]]
        return [_Group(cover.BUILDINGS, cover.MAPPED, rows)]
    worst = _worst_first(found.buildings)
    word = worst["damage_gra"]
    return [_Group(name, wording.SLUGS[name], worst[word == name]) for name in WORDS]


def _worst_first(buildings: GeoDataFrame) -> GeoDataFrame:
    """Buildings by word, worst first, the surest first; Not Analysed before No visible damage."""
    order = {**{word: i for i, word in enumerate(WORDS)}, NOT_ANALYSED: 2.5}
    rank = buildings["damage_gra"].map(order).to_numpy(float)
    sure = np.nan_to_num(buildings["confidence"].to_numpy(float), nan=0.0)
    return buildings.iloc[np.lexsort((-sure, rank))[:MOST_OUTLINES]]


def _overlay(found: Findings, drawn: Sequence[_Group]) -> str:
    """SVG of all layers, lowest first: flood, not analysed, grid, then buildings, worst on top."""
    flood = [] if found.flood is None else [_area("area-flood", found.flood.geometry, found)]
    unseen = _area("area-unseen", found.not_analysed.geometry, found)
    groups = []
    for group in reversed(drawn):
        rings = ring_paths(group.rows.geometry, found.box, found.before)
        outline = "".join(ring for one in rings for ring in one)
        groups.append(f'<path class="b {group.css}" fill-rule="evenodd" d="{outline}"/>')
    lines, names = _grid(square_grid(found.box), found.before, _scale(found))
    return "\n".join([*flood, unseen, lines, *groups, names])


def _area(css: str, shapes: GeoSeries, found: Findings) -> str:
    shapes = _seen(shapes, found)
    outline = "".join(r for one in ring_paths(shapes, found.box, found.before) for r in one)
    return f'<path class="{css}" fill-rule="evenodd" d="{outline}"/>'


def _seen(shapes: GeoSeries, found: Findings) -> GeoSeries:
    """The areas that are drawn, in their order."""
    pixel = abs(found.box.affine.determinant) / _scale(found) ** 2
    area = shapes.area.to_numpy()
    kept = np.flatnonzero(area >= pixel * (1 - 1e-6))
    if len(kept) > MOST_AREAS:
        kept = np.sort(kept[np.argsort(-area[kept], kind="stable")[:MOST_AREAS]])
    return shapes.iloc[kept]


def _scale(found: Findings) -> float:
    """Picture pixels in a product pixel."""
    return found.before.width / int(found.box.shape[1])


def _grid(grid: SquareGrid, picture: Picture, scale: float) -> tuple[str, str]:
    """(lines, names): the names are drawn over the buildings, the lines under them."""
    side = grid.side_px * scale
    lines = "".join(
        f'<line x1="{i * side:.1f}" y1="0" x2="{i * side:.1f}" y2="{picture.height}"/>'
        for i in range(1, grid.columns)
    ) + "".join(
        f'<line x1="0" y1="{i * side:.1f}" x2="{picture.width}" y2="{i * side:.1f}"/>'
        for i in range(1, grid.rows)
    )
    names = "".join(
        f"<text {_across(c * side, side, picture)} {_down(r * side, side, picture)}>"
        f"{grid.name(r, c)}</text>"
        for r in range(grid.rows)
        for c in range(grid.columns)
    )
    return f'<g class="grid">{lines}</g>', f'<g class="grid">{names}</g>'


def _across(left: float, side: float, picture: Picture) -> str:
    """Where a name begins; in a sliver of a square it ends at the rim, or it would be cut."""
    if picture.width - left < _SLIVER * side:
        return f'x="{picture.width}" dx="-.3em" text-anchor="end"'
    return f'x="{left:.1f}" dx=".3em"'


def _down(top: float, side: float, picture: Picture) -> str:
    """As `_across`, from the top."""
    if picture.height - top < _SLIVER * side:
        return f'y="{picture.height}" dy="-.3em"'
    return f'y="{top:.1f}" dy="1.1em"'


def _data(found: Findings, drawn: Sequence[_Group]) -> str:
    """What the script needs, as JSON that cannot close its own script element."""
    record = {
        "width": found.before.width,
        "height": found.before.height,
        "square_px": square_grid(found.box).side_px * _scale(found),
        "groups": [
            {"word": group.word, "css": group.css, "rows": _rows(group.rows, found)}
            for group in drawn
        ],
    }
    text = json.dumps(record, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _rows(group: GeoDataFrame, found: Findings) -> list[list[Any]]:
    rings = ring_paths(group.geometry, found.box, found.before)
    places = lonlat(group.geometry)
    chances = group[["p_none", "p_minor", "p_major", "p_destroyed"]].to_numpy(float)
    columns = ("building_id", "grade", "confidence", "area_m2", "reason")
    rows = zip(*(group[name].tolist() for name in columns), strict=True)
    return [
        [
            str(name) if isinstance(name, str) else int(name),
            len(rings[i]),
            int(grade),
            _round(sure, 3),
            None
            if sure is None or math.isnan(sure)
            else [round(p, 3) for p in chances[i].tolist()],
            _round(area, 1) or 0,
            _round(places[i, 0], 6),
            _round(places[i, 1], 6),
            reason if isinstance(reason, str) and found.after else None,
        ]
        for i, (name, grade, sure, area, reason) in enumerate(rows)
    ]


def _round(value: float | None, digits: int) -> float | None:
    return None if value is None or not math.isfinite(value) else round(float(value), digits)
