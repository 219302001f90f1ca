"""The words and tables of the report; every string from outside is escaped here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape, unescape
from typing import Any, Final

from geomage.mapping.buildings import MISSING_COSTS
from geomage.product.extents import BURNT_SPECK_M2, SPECK_M2
from geomage.product.grading import (
    DECIDED_DAMAGED,
    DECIDED_DESTROYED,
    DECIDED_INTACT,
    NOT_ANALYSED,
    POSSIBLY,
    WORDS,
)
from geomage.product.layers import Source
from geomage.product.squares import Square

__all__ = [
    "NOTHING",
    "SLUGS",
    "area",
    "area_table",
    "bar",
    "definitions",
    "denominator",
    "doubt_list",
    "false_buildings",
    "in_truth",
    "limit_lines",
    "limits",
    "made_table",
    "number",
    "percent",
    "source_list",
    "spoken",
    "stacked_bar",
    "tiles",
    "water_limits",
    "worst_table",
]

SLUGS: Final = dict(zip(WORDS, ("destroyed", "damaged", "possibly", "none", "unseen"), strict=True))
NOTHING: Final = "\u2013"  # a dash: no number can be given
_SHORT: Final = {"Destroyed": "destr.", "Damaged": "dam.", POSSIBLY: "poss."}
_MOST_FACTS: Final = 60  # rows of "how it was made"; item.json has all
_LONGEST: Final = 160  # characters of one fact
_TWO_DATE_LIMITS: Final = (
    "Seen from above only: damage to walls, storeys below the roof or the inside stays hidden.",
    "The images do not state when they were taken; what happened later is not on the map.",
    f"Flooded areas under {SPECK_M2:.0f} m² are not outlined (flood.tif has them).",
)
_ONE_DATE_LIMITS: Final = (
    "What stands under trees is hidden.",
    "The image does not state when it was taken; what changed later is not on the map.",
    "Damage cannot be told from one image: map it with a second one, taken after the event.",
)
_EXTENTS: Final = {
    "flooded": ("the flood", "was flooded"),
    "debris": ("the debris", "was debris"),
}
_BURNT: Final = ("the burnt ground", "had burnt")
_UNFOUND: Final = (
    "Buildings the model did not find are in no figure here.",
    "Buildings that no footprint was given of are in no figure here.",
)  # mapped, given
_FLOOD_LIMIT: Final = (
    "The flood may be larger: muddy water may pass for bare ground, and water under trees or in"
    " shade is not seen."
)
_BURNT_LIMIT = f"Burnt patches under {BURNT_SPECK_M2:.0f} m² are not outlined (burnt.tif has them)."


def number(value: float) -> str:
    """1234567 as ``1,234,567``."""
    return f"{value:,.0f}"


def percent(share: float | None) -> str:
    """A share as a percentage that never rounds something to nothing, nor most to all."""
    if share is None:
        return NOTHING
    if 0 < share < 0.005:
        return "under 1 %"
    if 0.995 < share < 1:
        return "over 99 %"
    return f"{share:.0%}".replace("%", " %")


def area(m2: float) -> str:
    """An area in the unit people say it in."""
    if m2 >= 1e6:
        return f"{m2 / 1e6:,.2f} km²"
    if m2 >= 1e4:
        return f"{m2 / 1e4:,.1f} ha"
    return f"{m2:,.0f} m²"


def swatch(css: str) -> str:
    """A patch of colour or hatching, as on the map; nothing for no class."""
    return f'<span class="key {css}"></span> ' if css else ""


def tiles(summary: Mapping[str, Any]) -> str:
    """The five key figures; each is legend and layer switch at once."""
    b = summary["buildings"]
    rows = [
        _tile(word, one["count"] if b["assessed"] else None, one["share_of_assessed"], "assessed")
        for word, one in b["by_damage"].items()
    ]
    unseen = b["not_analysed"]
    return "\n".join(
        [*rows, _tile(NOT_ANALYSED, unseen["count"], unseen["share_of_mapped"], "mapped")]
    )


def _tile(word: str, count: int | None, share: float | None, whole: str) -> str:
    slug = SLUGS[word]
    said = NOTHING if count is None else number(count)
    below = "none could be assessed" if share is None else f"{percent(share)} of {whole}"
    return (
        f'<label class="tile {slug}"><span class="n">{said}</span><span class="w">{word}</span>'
        f'<span class="s">{below}</span><span class="v"><span>show</span>'
        f'<input type="checkbox" data-layer="{slug}" aria-label="Show {word}" checked>'
        "</span></label>"
    )


def bar(summary: Mapping[str, Any]) -> str:
    """All buildings as one bar, widths by count."""
    b = summary["buildings"]
    counts = {word: one["count"] for word, one in b["by_damage"].items()}
    counts[NOT_ANALYSED] = b["not_analysed"]["count"]
    total, left, rects = sum(counts.values()), 0, ""
    for word, count in counts.items():
        rects += f'<rect class="{SLUGS[word]}" x="{left}" y="0" width="{count}" height="1"/>'
        left += count
    return stacked_bar(rects, total)


def stacked_bar(rects: str, whole: int) -> str:
    """Rectangles side by side, stretched over the width of the page; `whole` is their sum."""
    return (
        f'<svg class="bar" viewBox="0 0 {max(whole, 1)} 1" preserveAspectRatio="none"'
        f' aria-hidden="true">{rects}</svg>'
    )


def denominator(summary: Mapping[str, Any], *, two_dates: bool, given: bool = False) -> str:
    """One sentence: of how many buildings these figures speak."""
    b = summary["buildings"]
    if b["mapped"] == 0:
        return "No building was found in the image before, so no damage could be stated."
    whole = f"<b>{number(b['mapped'])} buildings {'given' if given else 'mapped'}"
    if not two_dates:
        return f"{whole}.</b> Damage was not assessed: there is only one image."
    text = (
        f"{whole}</b> {'as footprints' if given else 'in the image before'},"
        f" {number(b['assessed'])} of them assessed"
    )
    unseen = b["not_analysed"]
    if unseen["count"]:
        reasons = ", ".join(
            f"{number(count)} {escape(reason)}" for reason, count in unseen["by_reason"].items()
        )
        text += f"; {number(unseen['count'])} not analysed ({reasons})"
    return text + "."


def false_buildings(summary: Mapping[str, Any], *, given: bool = False) -> str:
    """One line beside the number of buildings: not all of them are any, or they were given."""
    if summary["buildings"]["mapped"] == 0:
        return ""
    if given:
        return (
            '<p class="caution">Buildings that the footprints lack are in no figure here, and one'
            " that stood no more before the event may be counted.</p>"
        )
    return (
        '<p class="caution">Part of what is mapped as building may be none (wide roads, bare'
        " ground), and some buildings are missing, above all under trees: see docs/limits.md of"
        " geomage.</p>"
    )


def in_truth(summary: Mapping[str, Any]) -> str:
    """How many buildings have damage, beside the counts of words; nothing where none can be said.

    Counts are of outlines. On maps that said alike, so many of these were buildings with damage.
    """
    zones = summary.get("zones")
    whole = zones.get("whole") if isinstance(zones, Mapping) else None
    if not isinstance(whole, Mapping) or whole.get("damage_low") is None:
        return ""
    low, high, worst, most = (
        number(whole[name])
        for name in ("damage_low", "damage_high", "destroyed_low", "destroyed_high")
    )
    where = ", in the zones given" if zones and zones.get("outside_all_zones") else ""
    return (
        f'<p class="caution">Judged by how often such maps were wrong, {low} to {high} buildings'
        f" have damage, minor or worse, and {worst} to {most} of them are destroyed (nine times in"
        f" ten{where}).</p>"
    )


def doubt_list(doubts: Sequence[str]) -> str:
    """The section of doubts; nothing when there are none."""
    if not doubts:
        return ""
    rows = "".join(f"<li>{escape(doubt)}</li>" for doubt in doubts)
    return f'<section class="doubts" aria-label="Doubts"><h2>Doubts</h2><ul>{rows}</ul></section>'


def worst_table(squares: Sequence[Square], assessed: int) -> str:
    """The worst squares; a row is a button that goes there. ``assessed``: buildings in all."""
    if not assessed:
        said = "No building could be assessed, so nothing is known."
    elif not squares:
        said = "No building was called Destroyed, Damaged or Possibly damaged."
    else:
        return f"<h2>Where it is worst</h2>{_squares(squares)}"
    return f'<h2>Where it is worst</h2><p class="quiet">{said}</p>'


def _squares(squares: Sequence[Square]) -> str:
    rows = "".join(_worst_row(square) for square in squares)
    heads = "".join(
        f'<th scope="col" class="num" title="{word}">{swatch(SLUGS[word])}{_SHORT[word]}</th>'
        for word in WORDS[:3]
    )
    return (
        f'<table class="worst"><thead><tr><th scope="col">Square</th>{heads}'
        f'<th scope="col" class="num">of</th></tr></thead><tbody>{rows}</tbody></table>'
    )


def _worst_row(square: Square) -> str:
    where = "" if square.lat is None else f' title="{square.lat:.5f}, {square.lon:.5f} (lat, lon)"'
    counts = "".join(f'<td class="num">{number(square.counts[word])}</td>' for word in WORDS[:3])
    return (
        f'<tr tabindex="0" role="button" data-square="{square.row},{square.column}"{where}'
        f' aria-label="Go to square {square.name}"><td>{square.name}</td>{counts}'
        f'<td class="num">{number(square.assessed)}</td></tr>'
    )


def area_table(summary: Mapping[str, Any], seen: Iterable[tuple[str, float, str]]) -> str:
    """Areas: of interest, not analysed by reason, and what was seen.

    Args:
        summary: see `summary.summarise`.
        seen: (name, m², key of the legend) of what was.
    """
    found = summary["area"]
    rows = [("Area of interest", found["of_interest_m2"], "")]
    rows += [
        (f"Not analysed: {escape(reason)}", m2, "areas")
        for reason, m2 in found["not_analysed_by_reason_m2"].items()
    ]
    rows += seen
    cells = "".join(
        f'<tr><td>{swatch(key)}{name}</td><td class="num">{area(m2)}</td></tr>'
        for name, m2, key in rows
    )
    said = escape(" ".join(water_limits(summary)))
    limit = f'<p class="quiet">{said}</p>' if said else ""
    return (
        f'<section class="areas"><h2>Areas</h2><table><tbody>{cells}</tbody></table>{limit}'
        "</section>"
    )


def water_limits(summary: Mapping[str, Any]) -> list[str]:
    """How far extents of flood, debris and fire can be trusted; nothing where none was sought."""
    if not summary["flood"]:
        return []
    extents = summary.get("extents")
    found = extents if isinstance(extents, Mapping) else {}
    said = [_measured(found.get(name), *words) for name, words in _EXTENTS.items()]
    burnt = [_measured(found["burnt"], *_BURNT), _BURNT_LIMIT] if found.get("burnt") else []
    return [*burnt, _FLOOD_LIMIT, *filter(None, said)]


def _measured(extent: object, what: str, is_so: str) -> str:
    measured = extent.get("measured") if isinstance(extent, Mapping) else None
    if not isinstance(measured, Mapping):
        return ""
    right, found = percent(measured["precision"]), percent(measured["recall"])
    return (
        f"On {measured['on']}, {right} of what was outlined {is_so}, and {found} of {what} was"
        " outlined."
    )


def definitions() -> str:
    """What each damage word means, and the rule behind Possibly damaged."""
    destroyed, damaged, intact = map(percent, (DECIDED_DESTROYED, DECIDED_DAMAGED, DECIDED_INTACT))
    meaning = {
        "Destroyed": f"Some damage is likely ({destroyed} or more), and destroyed is the likeliest"
        f" grade once the cost of a miss is counted ({_costs()}). Its own probability may be under"
        " 20 %: every building states it.",
        "Damaged": f"Some damage is all but sure ({damaged} or more), and minor or major is the"
        " likeliest grade, costs counted.",
        POSSIBLY: f"Damage is not sure (under {damaged}, or {destroyed} where destroyed is"
        f" likeliest), nor is its absence (under {intact}, or grave damage too likely to rule"
        " out). Send someone to look.",
        "No visible damage": f"No damage to be seen from above, with a probability of {intact}"
        " or more. The building may still be unsafe.",
        NOT_ANALYSED: "It could not be seen, for the reason given. Nothing is known.",
    }
    rows = "".join(
        f'<dt><span class="key {SLUGS[word]}"></span> {word}</dt><dd>{text}</dd>'
        for word, text in meaning.items()
    )
    return f"<dl>{rows}</dl>"


def _costs() -> str:
    none, minor, major, destroyed = (f"{cost:g}" for cost in MISSING_COSTS)
    return f"none {none}, minor {minor}, major {major}, destroyed {destroyed}"


def limits(facts: Mapping[str, Any], *, two_dates: bool) -> str:
    """What a reader must know before acting on the map."""
    lines = limit_lines(facts, two_dates=two_dates)
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def limit_lines(facts: Mapping[str, Any], *, two_dates: bool) -> list[str]:
    """The same, line by line."""
    card = facts.get("model") if isinstance(facts.get("model"), Mapping) else {}
    trained = str(card.get("trained_on", "")) if isinstance(card, Mapping) else ""
    return [
        "Made by a model alone. Check on the ground, or by eye, before lives depend on it.",
        *([f"The model learnt from: {trained.rstrip('.')}."] if trained else []),
        _UNFOUND[bool(facts.get("footprints"))],
        *(_TWO_DATE_LIMITS if two_dates else _ONE_DATE_LIMITS),
    ]


def spoken(markup: str) -> str:
    """The words of a piece of the page, without its tags."""
    return unescape(re.sub(r"<[^>]*>", "", markup)).strip()


def source_list(sources: Sequence[Source], *, two_dates: bool) -> str:
    """The input images with their sha256."""
    rows = "".join(
        f"<dt>{source.role.capitalize() if two_dates else 'Image'}: {escape(source.path.name)}</dt>"
        f'<dd class="hash">sha256 {escape(source.sha256)}</dd>'
        for source in sources
    )
    return f"<dl>{rows}</dl>"


def made_table(facts: Mapping[str, Any]) -> str:
    """The record of the run, flattened; long things are cut, ``item.json`` has them whole."""
    found = list(_flat("", facts))
    rows = "".join(
        f'<tr><th scope="row">{_breakable(name)}</th><td>{escape(_short(value))}</td></tr>'
        for name, value in found[:_MOST_FACTS]
    )
    more = len(found) - _MOST_FACTS
    note = f"<p>{more} more in item.json.</p>" if more > 0 else ""
    return f"<table>{rows}</table>{note}<p>Checksums of every file: manifest.json.</p>"


def _breakable(name: str) -> str:
    """A dotted key that may break between its words, never within one."""
    return re.sub(r"[._](?=.)", r"\g<0><wbr>", escape(name))


def _flat(name: str, value: object) -> Iterable[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key not in ("recipe", "inputs"):
                yield from _flat(f"{name}.{key}" if name else str(key), inner)
    elif isinstance(value, list | tuple):
        if value:
            yield name, ", ".join(_plain(inner) for inner in value)
    elif value not in (None, ""):
        yield name, f"{value:.4g}" if isinstance(value, float) else str(value)


def _plain(value: object) -> str:
    """One of several: coordinates need all their digits."""
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
