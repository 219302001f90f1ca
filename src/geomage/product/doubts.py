"""What a run leaves in doubt, said in sentences a reader meets before the figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from geomage.mapping import REASONS
from geomage.mapping.reasons import FIRST_DAMAGED, SECOND_DAMAGED
from geomage.product.page.wording import area as in_units
from geomage.product.page.wording import percent

__all__ = ["doubts", "partly_analysed"]

_NEGLIGIBLE: Final = 0.0005  # of the area; less rounds to 0.0 % and is called analysed
_DAMAGED: Final = {REASONS[FIRST_DAMAGED], REASONS[SECOND_DAMAGED]}
_MUCH: Final = 0.2  # of the area mapped as building
_OFTEN: Final = 0.3  # of the damaged buildings


def doubts(
    facts: Mapping[str, Any],
    area: Mapping[str, Any],
    *,
    placed: bool,
    flood_beside_obscured_m2: float = 0.0,
    missed: tuple[str, int, int] | None = None,
) -> list[str]:
    """Sentences on what makes this map weaker than another; none when nothing was found.

    Args:
        facts: the record of the mapping run.
        area: the areas of `summary.summarise`.
        placed: whether the product has a CRS.
        flood_beside_obscured_m2: area of the flood polygons that touch what is obscured.
        missed: the kind of event as it is stated; on measured ones, the damaged buildings called No
            visible damage, and all damaged ones.
    """
    return [
        *(_sentence(str(note)) for note in facts.get("notes") or ()),
        *_unreadable(facts),
        *_shift(facts),
        *_footprints(facts),
        *_unseen(area),
        *_pixels(facts),
        *_run_together(facts),
        *_cloud_as_water(flood_beside_obscured_m2),
        *_missed(missed),
        *_burnt(facts),
        *([] if placed else ["The images have no CRS: places are metres from a corner, no map."]),
    ]


def partly_analysed(area: Mapping[str, Any]) -> bool:
    """Whether so much of the area was not analysed that it is worth a word.

    That is 0.05 % of it, or any where an image is damaged.

    Args:
        area: the areas of `summary.summarise`.
    """
    if _DAMAGED & set(area["not_analysed_by_reason_m2"]):
        return True
    return bool(area["not_analysed_m2"] >= _NEGLIGIBLE * area["of_interest_m2"] > 0)


def _sentence(note: str) -> str:
    return f"{note[:1].upper()}{note[1:].rstrip('.')}."


def _unreadable(facts: Mapping[str, Any]) -> Iterable[str]:
    for one in facts.get("unreadable") or ():
        yield (
            f"{one['file']} is damaged: {one['parts']} squares of 64 px cannot be read, the first"
            f" around column {one['column']}, row {one['row']}. Fetch it again, and map again."
        )


def _burnt(facts: Mapping[str, Any]) -> Iterable[str]:
    """Why burnt ground is not outlined after a fire."""
    why = _record(facts, "burnt").get("left_out")
    if why:
        yield f"Burnt ground is not outlined: {why}."


def _shift(facts: Mapping[str, Any]) -> Iterable[str]:
    reason = _record(facts, "shift").get("reason")
    if reason:
        yield (
            f"The residual shift between the dates is not known: {reason}. Where they do not lie on"
            " each other, intact buildings look damaged."
        )


def _footprints(facts: Mapping[str, Any]) -> Iterable[str]:
    """What is not certain of given footprints: their place, and what was left out."""
    given = _record(facts, "footprints")
    left_out = given.get("left_out", 0)
    if left_out:
        yield (
            f"{left_out:,} of {given['features']:,} features of {given['file']} are no areas, or"
            " have no place on the map: they are not in it."
        )
    reason = _record(given, "registration").get("reason")
    if reason and given["register"]:
        yield (
            f"The footprints were not moved onto the image: {reason}. Where they lie beside their"
            " buildings, damage is that of what lies there."
        )


def _unseen(area: Mapping[str, Any]) -> Iterable[str]:
    share = area["not_analysed_share"]
    if partly_analysed(area):
        reasons = ", ".join(area["not_analysed_by_reason_m2"])
        yield _sentence(
            f"{percent(share)} of the area is not analysed ({reasons}): nothing is known of it"
        )


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


def _run_together(facts: Mapping[str, Any]) -> Iterable[str]:
    found = _record(facts, "run_together")
    share = found.get("area_share", 0)
    if share >= _MUCH:
        yield (
            f"{percent(share)} of the area mapped as building lies in patches larger than"
            f" {found['larger_than_m2']:,.0f} m²: buildings run together there and were cut apart"
            " by guess, so counts are not numbers of houses."
        )


def _cloud_as_water(m2: float) -> Iterable[str]:
    if m2:
        yield (
            f"{in_units(m2)} of what is seen as flooded borders on what is obscured: the edge or"
            " the shadow of a cloud may pass for water."
        )


def _missed(missed: tuple[str, int, int] | None) -> Iterable[str]:
    event, hidden, damaged = missed or ("", 0, 0)
    if damaged and hidden >= _OFTEN * damaged:
        yield (
            f"Damage by {event} often cannot be seen from above: on simulated events {hidden:,} of"
            f" {damaged:,} damaged buildings were called No visible damage."
        )


def _record(facts: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = facts.get(name)
    return found if isinstance(found, Mapping) else {}
