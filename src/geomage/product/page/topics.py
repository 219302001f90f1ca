"""Tables of the report for what only some products hold: zones, roads, extents, people."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any, Final

import numpy as np
from geopandas import GeoDataFrame

from geomage.product.access.states import OUTSIDE_MAP
from geomage.product.grading import BY_EYE
from geomage.product.page.drawing import Shapes, kinds_of, states_of
from geomage.product.page.findings import Findings
from geomage.product.page.looks import ROAD_STATES
from geomage.product.page.outlines import extent_of
from geomage.product.page.wording import NOTHING, area, number, percent, swatch

__all__ = [
    "EVENTS",
    "PLACES",
    "STATES",
    "ZONES_SAY",
    "access_lines",
    "between",
    "extent_rows",
    "finite",
    "judged",
    "length",
    "people_table",
    "road_lengths",
    "road_table",
    "zone_table",
]

MOST_ZONES: Final = 12
"""Zones named in the report, worst first; products.gpkg has all."""

EVENTS: Final = {
    "flood": "Seen as flooded",
    "water": "Seen as water at both dates",
    "burnt": "Seen as burnt",
    "debris": "Seen as debris",
}
"""Names of the kinds of area of ``observedEventA``."""

PLACES: Final = {
    "cutoff": "Cut off",
    "maybecut": "Possibly cut off",
    "reach_before": "Minutes to a facility, before",
    "reach_after": "Minutes to a facility, after",
}
"""Names of what streets lead to, or do not."""

ZONES_SAY: Final = (
    "Called: share that the map calls Destroyed or Damaged, of the outlines assessed. Are: how many"
    " of these are buildings with damage, minor or worse, nine times in ten (measured on other"
    " maps; some outlines are no building)."
)
"""What the figures of a zone mean."""

STATES: Final = {
    "blocked": "Blocked",
    "flooded": "Flooded",
    "unknown": "Unknown: not seen",
    "passable": "Passable: no obstacle seen",
}


def length(metres: float) -> str:
    """A length in the unit people say it in."""
    return f"{metres / 1000:,.1f} km" if metres >= 1000 else f"{metres:,.0f} m"


def road_table(found: Findings) -> str:
    """Length of road by state; each row is legend and layer switch."""
    metres = road_lengths(found)
    if not metres:
        return ""
    whole = sum(metres.values())
    rows = "".join(_road_row(state, one, whole) for state, one in metres.items())
    around = found.roads["length_m"].sum() - whole if found.roads is not None else 0.0
    beyond = f" {length(around)} around the map are drawn as unknown." if around >= 1 else ""
    access = "".join(f"<p>{escape(line)}</p>" for line in access_lines(found.summary))
    return (
        f'<section class="roads"><h2>Roads, of {length(whole)} on the map</h2><table><tbody>{rows}'
        f'</tbody></table>{access}<p class="quiet note">A state is read off the image alone. What'
        f" is not seen is unknown, never passable.{beyond}</p></section>"
    )


def road_lengths(found: Findings) -> dict[str, float]:
    """Metres of road on the map by state, worst first; empty where there are no roads."""
    if found.roads is None or found.roads.empty:
        return {}
    states = states_of(found.roads)
    if "why" in found.roads:
        states = states[found.roads["why"] != OUTSIDE_MAP]
    metres = found.roads["length_m"].groupby(states).sum()
    return {state: float(metres.get(state, 0.0)) for state in ROAD_STATES}


def access_lines(summary: Mapping[str, Any]) -> list[str]:
    """Buildings cut off, and those that a facility reaches, each over how many."""
    roads = summary.get("roads")
    access = roads.get("access") if isinstance(roads, Mapping) else None
    if not isinstance(roads, Mapping) or not isinstance(access, Mapping):
        return []
    cut, maybe = access["cut off"], access["possibly cut off"]
    if cut.get("buildings") is None:
        return []
    whole = number(cut["of_buildings"])
    lines = [
        f"Cut off: {number(cut['buildings'])} of {whole} buildings.",
        f"Possibly cut off, by streets of unknown state: {number(maybe['buildings'])} of {whole}.",
    ]
    served = roads.get("facilities")
    if isinstance(served, Mapping) and "buildings_reached_after" in served:
        before, after, best = (
            served[f"buildings_reached_{moment}"] for moment in ("before", "after", "at_best")
        )
        lines.append(
            f"Within 10 min of a facility: {number(before['within_10_min'])} of"
            f" {number(before['of'])} buildings before, {number(after['within_10_min'])} after,"
            f" {number(best['within_10_min'])} if unknown streets work."
        )
    return lines


def _road_row(state: str, metres: float, whole: float) -> str:
    share = metres / whole if whole else None
    return (
        f'<tr><td><label><input type="checkbox" data-layer="{state}" checked>{swatch(state)}'
        f'{STATES[state]}</label></td><td class="num">{length(metres)}</td>'
        f'<td class="num">{percent(share)}</td></tr>'
    )


def zone_table(found: Findings, shapes: Shapes | None) -> str:
    """Most affected areas, worst first; a row is a button that goes there."""
    if found.zones is None or shapes is None:
        return ""
    ranked = found.zones.sort_values("rank", kind="stable").head(min(MOST_ZONES, len(shapes.paths)))
    people = "people" in ranked.columns and bool(ranked["people"].notna().any())
    records = ranked.to_dict("records")
    rows = "".join(
        _zone_row(one, paths, people=people)
        for one, paths in zip(records, shapes.paths, strict=False)
        if paths
    )
    heads = ["called damaged", "of", "are damaged", *(["people in these"] if people else [])]
    columns = "".join(f'<th scope="col" class="num">{head}</th>' for head in heads)
    more = len(found.zones) - len(ranked)
    note = f" {number(more)} more zones in products.gpkg." if more else ""
    return (
        '<section class="zones"><h2>Most affected areas</h2><table class="worst"><thead><tr>'
        f'<th scope="col">Zone</th>{columns}</tr></thead><tbody>{rows}</tbody></table>'
        f'<p class="quiet note">{ZONES_SAY}{note}</p></section>'
    )


def _zone_row(zone: Mapping[str, Any], paths: list[np.ndarray], *, people: bool) -> str:
    name = escape(str(zone["zone"]))
    spot = ",".join(f"{edge:.0f}" for edge in extent_of(paths))
    cells = [
        percent(finite(zone.get("share_damaged"))),
        number(zone["assessed"]),
        between(zone, "damage"),
    ]
    if people:
        cells.append(between(zone, "people"))
    figures = "".join(f'<td class="num">{cell}</td>' for cell in cells)
    return (
        f'<tr tabindex="0" role="button" data-extent="{spot}" aria-label="Go to zone {name}">'
        f"<td>{name}</td>{figures}</tr>"
    )


def judged(found: Findings) -> int:
    """Buildings that a person judged: graded by eye in the product, or those of a sample."""
    accuracy = found.summary.get("accuracy")
    sampled = int(accuracy.get("judged") or 0) if isinstance(accuracy, Mapping) else 0
    method = found.buildings.get("det_method")
    return max(sampled, 0 if method is None else int((method == BY_EYE).sum()))


def between(zone: Mapping[str, Any], what: str) -> str:
    """The interval of a number of a zone in words, both ends rounded outwards."""
    low, high = finite(zone.get(f"{what}_low")), finite(zone.get(f"{what}_high"))
    if low is None or high is None:
        return NOTHING
    return f"{number(math.floor(low))} to {number(math.ceil(high))}"


def finite(value: object) -> float | None:
    """A finite number, or None."""
    if not isinstance(value, int | float | np.number) or not np.isfinite(value):
        return None
    return float(value)


def extent_rows(
    summary: Mapping[str, Any], events: GeoDataFrame | None
) -> Iterable[tuple[str, float, str]]:
    """(name, m², swatch) of what was sought: water and fire of their rasters, debris as outlined.

    Args:
        summary: see `summary.summarise`.
        events: `observedEventA`.
    """
    if flood := summary["flood"]:
        yield EVENTS["flood"], flood["flooded"], "flood"
        yield EVENTS["water"], flood["permanent water"], "water"
    if burnt := summary.get("burnt"):
        yield EVENTS["burnt"], burnt["burnt"], "burnt"
    if events is None or events.empty:
        return
    m2 = events["area_m2"].groupby(np.array(kinds_of(events))).sum()
    if "debris" in m2.index:
        yield EVENTS["debris"], float(m2["debris"]), "debris"


def people_table(summary: Mapping[str, Any]) -> str:
    """The figures on people as they stand in ``summary.json``; nothing without any."""
    people = summary.get("people")
    if not isinstance(people, Mapping):
        return ""
    rows = "".join(
        f'<tr><td>{escape(_words(name))}</td><td class="num">{_figure(name, value)}</td></tr>'
        for name, value in _leaves("", people)
    )
    return f'<section class="people"><h2>People</h2><table><tbody>{rows}</tbody></table></section>'


def _leaves(name: str, value: object) -> Iterable[tuple[str, object]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(f"{name} {key}".strip(), inner)
    elif value is not None:
        yield name, value


def _words(name: str) -> str:
    """A key as words: ``people_low`` is "People low"."""
    said = name.replace("_", " ").strip()
    return said[:1].upper() + said[1:]


def _figure(name: str, value: object) -> str:
    count = finite(value)
    if count is None:
        return escape(str(value))
    if "share" in name:
        return percent(count)
    return area(count) if name.endswith("_m2") else number(count)
