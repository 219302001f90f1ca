"""One HTML file that needs no network: before and after, damage, key figures, limits."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from string import Template

from geomage import __version__
from geomage.geo import ground_gsd
from geomage.product.page import cover, topics, wording
from geomage.product.page.accuracy_words import accuracy_section
from geomage.product.page.data import page_data
from geomage.product.page.drawing import Drawing, draw, zones_are_squares
from geomage.product.page.findings import Findings
from geomage.product.page.pictures import Picture
from geomage.product.page.still import marked
from geomage.product.squares import square_grid
from geomage.product.surface import box_outline, lonlat

__all__ = ["Findings", "heading", "report_html", "subheading"]


def report_html(found: Findings, drawing: Drawing | None = None) -> str:
    """The whole page as text."""
    page = files("geomage.product.page")
    css = (page / "report.css").read_text("utf-8")
    js = (page / "report.js").read_text("utf-8")
    template = Template((page / "report.html").read_text("utf-8"))
    drawn = draw(found) if drawing is None else drawing
    return template.substitute(
        policy=_policy(css, js),
        css=css,
        js=js,
        data=page_data(found, drawn),
        title=escape(heading(found)),
        heading=escape(heading(found)),
        subheading=escape(" · ".join([*subheading(found), *_left_out(found, drawn)])),
        **_pictures(found, drawn),
        **_texts(found, drawn),
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


def heading(found: Findings) -> str:
    """What the product is called."""
    kind = "Damage map" if found.after else "Building map"
    return f"{kind}: {found.locality or _names(found, 'after') or _names(found, 'before')}"


def _names(found: Findings, role: str) -> str:
    return ", ".join(source.path.name for source in found.sources if source.role == role)


def subheading(found: Findings) -> list[str]:
    """Images, place, pixel, version and time of making, each a few words."""
    made = found.created.strftime("%Y-%m-%d %H:%M UTC")
    return [
        f"{'Before' if found.after else 'Image'}: {_names(found, 'before')}",
        *([f"after: {_names(found, 'after')}"] if found.after else []),
        *_place(found),
        f"{ground_gsd(found.box):.2g} m per pixel",
        *_ordered(found),
        *([f"version {found.version}"] if found.version > 1 else []),
        f"made {made} by geomage {__version__}",
    ]


def _ordered(found: Findings) -> list[str]:
    """What happened, as the order says it; nothing where nobody said."""
    product = found.summary.get("product")
    event = product.get("event_type") if isinstance(product, Mapping) else None
    return [f"event: {str(event).partition('-')[2].lower() or event}"] if event else []


def _place(found: Findings) -> list[str]:
    """The middle of the map in degrees; nothing where there is no CRS."""
    lon, lat = lonlat(box_outline(found.box))[0].tolist()
    if not math.isfinite(lon + lat):
        return []
    north, east = "N" if lat >= 0 else "S", "E" if lon >= 0 else "W"
    return [f"around {abs(lat):.4f}° {north} {abs(lon):.4f}° {east}"]


def _left_out(found: Findings, drawing: Drawing) -> list[str]:
    """What the page does not draw, and where it is."""
    parts = []
    left = len(found.buildings) - drawing.buildings
    if left:
        parts.append(
            f"{drawing.buildings:,} outlines drawn, {_first(found)} first; {left:,} more in"
            " products.gpkg"
        )
    areas = sum(one.left for one in drawing.areas)
    if areas:
        parts.append(f"{areas:,} small areas not drawn: products.gpkg has them")
    lines = sum(one.left for one in drawing.roads)
    if lines:
        parts.append(f"{lines:,} segments of road not drawn: products.gpkg has them")
    return parts


def _pictures(found: Findings, drawing: Drawing) -> dict[str, str]:
    after, swipe, keys = "", "", ""
    if found.after:
        after = (
            '<figure class="after live-only">'
            f"{_image('after', found.after, 'Image after the event')}</figure>"
        )
        keys = " Shift with left or right swipes, B shows all before or all after,"
        swipe = (
            '<label class="swipe live-only">Before <input type="range" id="swipe" min="0"'
            ' max="1000" value="500" step="any" aria-label="Swipe between before and after">'
            " After</label>"
        )
    grid = square_grid(found.box)
    side = grid.side_px * found.before.width / int(found.box.shape[1])
    still = marked(found.after or found.before, drawing, grid, side)
    said = "Image after the event with the layers" if found.after else "The image with buildings"
    return {
        "before": _image("before", found.before, "Image before the event" if after else "Image"),
        "before_caption": "Before" if found.after else "The image",
        "after": after,
        "still": _image("still", still, said),
        "still_caption": "After, with damage" if found.after else "With buildings",
        "sheets": _sheets(found),
        "swipe": swipe,
        "swipe_keys": keys,
        "single": "" if found.after else " single",
    }


def _sheets(found: Findings) -> str:
    """Close looks, read by the script."""
    if found.chips is None:
        return ""
    sheets = {"sheet-before": found.chips.before, "sheet-after": found.chips.after}
    return "".join(
        f'<img id="{name}" alt="" hidden src="{sheet.data_uri}">'
        for name, sheet in sheets.items()
        if sheet is not None
    )


def _image(name: str, picture: Picture, said: str) -> str:
    return (
        f'<img id="{name}" alt="{said}" src="{picture.data_uri}" width="{picture.width}"'
        f' height="{picture.height}">'
    )


def _texts(found: Findings, drawing: Drawing) -> dict[str, str]:
    two = found.after is not None
    grid = square_grid(found.box)
    return {
        "denominator": wording.denominator(found.summary, two_dates=two, given=found.given),
        "caution": wording.in_truth(found.summary)
        + wording.false_buildings(found.summary, given=found.given),
        "doubts": wording.doubt_list(found.summary["doubts"]),
        "switches": _switches(drawing),
        "square_m": f"{grid.side_m:g}",
        "up": "top of the image up" if found.box.crs is None else "north up",
        "stamp": _stamp(found),
        "zones": topics.zone_table(found, drawing.zone_places),
        "accuracy": accuracy_section(found.summary.get("accuracy")),
        "roads": topics.road_table(found),
        "people": topics.people_table(found.summary),
        "areas": wording.area_table(found.summary, topics.extent_rows(found.summary, found.flood)),
        "first": _first(found),
        "limits": wording.limits(found.facts, two_dates=two),
        "sources": wording.source_list(found.sources, two_dates=two),
        "made": wording.made_table(found.facts),
        **(_two_dates(found) if two else _one_date(found)),
    }


def _stamp(found: Findings) -> str:
    """Who looked at the map, in capitals and below."""
    judged = topics.judged(found)
    if not judged:
        return "<b>Automatic map</b>not yet checked by a person"
    return f"<b>Automatic map</b>{judged:,} building{'s' * (judged != 1)} checked by a person"


def _two_dates(found: Findings) -> dict[str, str]:
    return {
        "about": "Before and after, with damage",
        "figures": "Buildings by damage",
        "tiles": wording.tiles(found.summary),
        "bar": wording.bar(found.summary),
        "shares": ""
        if zones_are_squares(found)
        else wording.worst_table(found.squares, found.summary["buildings"]["assessed"]),
        "words": wording.definitions(),
        "clicked": "its grade and a close look",
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
    }


def _first(found: Findings) -> str:
    """Which buildings come first where they are drawn or stepped through."""
    return "worst" if found.after else "largest"


def _switches(drawing: Drawing) -> str:
    """Layers that have no tile and no table of their own; how far facilities reach is off first."""
    layers = {"grid": "Grid"}
    names = topics.EVENTS | topics.PLACES | {"areas": "Not analysed areas"}
    layers |= {one.key: names[one.key] for one in drawing.areas if one.paths}
    if drawing.zones:
        layers["zones"] = "Most affected areas"
    if drawing.facilities:
        layers["facilities"] = "Facilities"
    off = {one.key: names[one.key] for one in drawing.reach if one.paths}
    return "\n".join(
        f'<label><input type="checkbox" data-layer="{name}"{"" if name in off else " checked"}>'
        f"{wording.swatch('' if name == 'grid' else name)}{title}</label>"
        for name, title in (layers | off).items()
    )
