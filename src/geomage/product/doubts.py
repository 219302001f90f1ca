"""What a run leaves in doubt, said in sentences a reader meets before the figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from geomage.product.wording import percent

__all__ = ["doubts"]


def doubts(facts: Mapping[str, Any], area: Mapping[str, Any], *, placed: bool) -> list[str]:
    """Sentences on what makes this map weaker than another; none when nothing was found.

    Args:
        facts: the record of the mapping run.
        area: the areas of `summary.summarise`.
        placed: whether the product has a CRS.
    """
    return [
        *(_sentence(str(note)) for note in facts.get("notes") or ()),
        *_shift(facts),
        *_unseen(area),
        *_pixels(facts),
        *([] if placed else ["The images have no CRS: places are metres from a corner, no map."]),
    ]


def _sentence(note: str) -> str:
    return f"{note[:1].upper()}{note[1:].rstrip('.')}."


def _shift(facts: Mapping[str, Any]) -> Iterable[str]:
    reason = _record(facts, "shift").get("reason")
    if reason:
        yield (
            f"The residual shift between the dates is not known: {reason}. Where they do not lie on"
            " each other, intact buildings look damaged."
        )


def _unseen(area: Mapping[str, Any]) -> Iterable[str]:
    share = area["not_analysed_share"]
    if share:
        reasons = ", ".join(area["not_analysed_by_reason_m2"])
        yield f"{percent(share)} of the area is not analysed ({reasons}): nothing is known of it."


def _pixels(facts: Mapping[str, Any]) -> Iterable[str]:
    """Images with pixels the model does not know: the coarsest is named, date by date."""
    card = _record(facts, "model")
    least, most = card.get("gsd_min"), card.get("gsd_max")
    if least is None or most is None:
        return
    for image in facts.get("inputs") or ():
        gsd = image["gsd_m"]
        if not least * 0.999 <= gsd <= most * 1.001:
            loss = "small buildings are lost" if gsd > most else "detail is averaged away"
            yield (
                f"{image['file']} has pixels of {gsd:.2f} m; the model knows {least:g} to"
                f" {most:g} m: {loss}."
            )


def _record(facts: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = facts.get(name)
    return found if isinstance(found, Mapping) else {}
