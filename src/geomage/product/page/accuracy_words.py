"""What a judged sample says of a map, as a part of the report."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from geomage.product.page.wording import NOTHING, SLUGS, number, percent, swatch

__all__ = ["accuracy_section"]


def accuracy_section(accuracy: Mapping[str, Any] | None) -> str:
    """Heading, a sentence and a table; nothing where no sample was judged.

    Args:
        accuracy: see `accuracy.estimate_accuracy` and `reissue.sample_accuracy`.
    """
    if not accuracy:
        return ""
    rows = "".join(_row(word, accuracy) for word in accuracy["users"])
    title = f"How right version {int(accuracy['of_version'])} was"
    return (
        f'<section class="accuracy"><h2>{title}</h2><p>{_overall(accuracy)}</p>'
        "<table><tr><th>By the reader</th><th>map right</th><th>map found</th><th>number</th>"
        f'</tr>{rows}</table><p class="quiet">{_how(accuracy)}</p></section>'
    )


def _overall(accuracy: Mapping[str, Any]) -> str:
    found = accuracy["overall"]
    if not found:
        return "No building with a decided word could be judged."
    return (
        f"<b>{percent(found['value'])}</b> of {number(found['of'])} buildings with a decided word "
        f"have the right one (90 % interval {_range(found)})."
    )


def _row(word: str, accuracy: Mapping[str, Any]) -> str:
    users, producers = accuracy["users"][word], accuracy["producers"][word]
    count = accuracy["buildings"][word]
    cells = [_share(users), _share(producers), NOTHING if not count else _count(count)]
    return (
        f"<tr><td>{swatch(SLUGS[word])}{escape(word)}</td>"
        + "".join(f"<td>{cell}</td>" for cell in cells)
        + "</tr>"
    )


def _share(found: Mapping[str, Any] | None) -> str:
    if not found:
        return NOTHING
    return f'{percent(found["value"])}<br><span class="quiet">{_range(found)}</span>'


def _range(found: Mapping[str, Any]) -> str:
    """Both ends in percent, rounded outwards."""
    low, high = math.floor(100 * found["low"]), math.ceil(100 * found["high"])
    return f"{low}\u2013{high}\u00a0%"


def _count(found: Mapping[str, Any]) -> str:
    low, high = number(found["low"]), number(found["high"])
    return f'{number(found["value"])}<br><span class="quiet">{low}\u2013{high}</span>'


def _how(accuracy: Mapping[str, Any]) -> str:
    return " ".join(_sentences(accuracy))


def _sentences(accuracy: Mapping[str, Any]) -> Iterable[str]:
    names = ", ".join(escape(str(name)) for name in accuracy["reviewers"])
    yield (
        f"{accuracy['judged']} of {number(accuracy['assessed'])} assessed buildings, drawn at "
        f"random by word and confidence, were judged by {names} from the same images."
    )
    if accuracy["not_judgeable"]:
        yield f"{accuracy['not_judgeable']} more could not be judged and are left out."
    if accuracy["covered"] < accuracy["assessed"]:
        covered = number(accuracy["covered"])
        yield f"The figures speak of {covered} buildings: the other strata were not judged."
    yield (
        "Map right: of those the map calls so. Map found: of those the reader calls so. Below "
        "each, its 90 % interval."
    )
