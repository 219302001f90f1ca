"""Zones by how hard they are hit: what the map says, over what, and what may be true instead."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from geopandas import GeoDataFrame
from odc.geo.geobox import GeoBox

from geomage.errors import InputError
from geomage.product.dwellers import Dwellers, dwellers_of, people_hit
from geomage.product.grading import BY_EYE, NOT_ANALYSED, WORDS
from geomage.product.intervals import LEVEL, Interval, Truths, draw_truths, interval
from geomage.product.measured import Errors
from geomage.product.order import Order
from geomage.product.people import residents_of
from geomage.product.surface import areas_m2
from geomage.product.tables import Table
from geomage.product.zones import given_zones, square_zones, zone_of

__all__ = ["COUNTS", "Affected", "most_affected", "zone_table"]

COUNTS: Final = dict(
    zip(
        ("destroyed", "damaged", "possibly_damaged", "no_visible_damage", "not_analysed"),
        WORDS,
        strict=True,
    )
)
"""{column of a zone: the word it counts}, worst first."""
OCCUPANTS: Final = "occupants"
"""Column of given footprints: people of each building."""
WHOLE: Final = "all zones"
_WORDS: Final = len(WORDS) - 1  # without Not Analysed
_NUMBERS: Final = (
    "mapped", "assessed", "share_damaged", "low", "likely", "high", "damage_low", "damage_high",
    "destroyed_low", "destroyed_high", "share_not_analysed", "residents", "people", "people_low",
    "people_high", "area_m2", "inside",
)  # fmt: skip
_SHARES: Final = frozenset(
    ("share_damaged", "low", "likely", "high", "share_not_analysed", "inside")
)


@dataclass(frozen=True)
class Said:
    """What a map says of the buildings of one place."""

    words: np.ndarray  # (5,) buildings by `WORDS`
    grades: np.ndarray  # (5,) of those graded by eye: 0 (none), then grades 1..4
    eyed: np.ndarray  # (5,) the same buildings by `WORDS`

    @property
    def by_model(self) -> np.ndarray:
        """(4,) buildings by the words of the model alone."""
        return np.asarray((self.words - self.eyed)[:_WORDS])


@dataclass(frozen=True)
class Residents:
    """Who lives in one place."""

    total: float | None = None  # None where unknown
    homes: Dwellers | None = None  # None where nobody knows who lives in which building

    @classmethod
    def joined(cls, some: Sequence[Residents]) -> Residents:
        """Of several places, as far as it is known."""
        total = [one.total for one in some if one.total is not None]
        homes = [one.homes for one in some if one.homes is not None]
        return cls(sum(total) if total else None, Dwellers.joined(homes) if homes else None)


@dataclass(frozen=True)
class Affected:
    """The zones of a map, the hardest hit first, and all of them together."""

    zones: GeoDataFrame
    """`zone`, `rank`, the columns of `COUNTS`, `mapped`, `assessed`, `share_damaged` (called so),
    `low`, `likely`, `high` (are buildings of grade 2 or more; these four of what was assessed),
    `damage_low` and `damage_high` (their number),
    `destroyed_low` and `destroyed_high`, `share_not_analysed`, `residents`, `people` with
    `people_low` and `people_high`, `area_m2`, `inside`, polygons."""
    whole: Mapping[str, Any]
    """The same numbers of all zones together."""
    about: Mapping[str, Any]
    """JSON values: which zones, whose people, how the intervals were made."""

    def as_dict(self, most: int = 20) -> dict[str, Any]:
        """JSON-able record: all zones together, and the hardest hit ones."""
        ranked = self.zones[self.zones["rank"].notna()].head(most)
        records = ranked.drop(columns="geometry").astype(object)
        rows = records.where(records.notna(), None).to_dict("records")
        return {**self.about, "count": len(self.zones), "whole": dict(self.whole), "ranked": rows}


def most_affected(
    buildings: GeoDataFrame, box: GeoBox, order: Order, errors: Errors | None
) -> Affected:
    """Count, bound and rank the zones of a map.

    A building counts in the zone that holds a point within it. Zones are ranked by buildings called
    Destroyed, then Damaged, then Possibly damaged; a zone where none was assessed has no rank.

    Args:
        buildings: graded buildings (see `grading.graded`), perhaps with `occupants`.
        box: grid of the map.
        order: zones and people that were given.
        errors: what was measured of the model; None leaves the intervals empty.
    """
    zones = (
        square_zones(box) if order.zones is None else given_zones(order.zones, box, order.zone_name)
    )
    counts = _counts(buildings, zones)
    graded = _graded_by_eye(buildings)
    eyed = [_grades(buildings[graded], zones), _counts(buildings[graded], zones)]
    lost = len(buildings) - int(counts.sum())
    residents, source = _residents(buildings, zones, box, order)
    rows = [_row(str(name), Said(*n), who, errors) for name, *n, who in
            zip(zones["zone"], counts, *eyed, residents, strict=True)]  # fmt: skip
    frame = zones.assign(**pd.DataFrame(rows), area_m2=areas_m2(zones).round(1))
    said = Said(*(n.sum(axis=0) for n in (counts, *eyed)))
    whole = _row(WHOLE, said, Residents.joined(residents), errors)
    about = {
        "zones": "lettered squares" if order.zones is None else order.zones.name,
        "people": source,
        "outside_all_zones": lost,
        "interval": LEVEL,
        "errors": None if errors is None else errors.about,
    }
    return Affected(_ranked(frame), whole, about)


def zone_table(affected: Affected) -> Table:
    """The zones as a table, and a last row of all together."""
    head = [name for name in affected.zones.columns if name != "geometry"]
    records = affected.zones[head].astype(object)
    rows = records.where(records.notna(), None).to_numpy().tolist()
    rows.append([WHOLE if name == "zone" else affected.whole.get(name) for name in head])
    return Table(tuple(head), rows, _SHARES)


def _counts(buildings: GeoDataFrame, zones: GeoDataFrame) -> np.ndarray:
    """(zone, word) int64 of `WORDS`."""
    place = zone_of(zones, buildings)
    word = _places_of_words(buildings)
    out = np.zeros((len(zones), len(WORDS)), np.int64)
    np.add.at(out, (place[place >= 0], word[place >= 0]), 1)
    return out


def _places_of_words(buildings: GeoDataFrame) -> np.ndarray:
    """(building,) place in `WORDS`."""
    places = buildings["damage_gra"].map({word: place for place, word in enumerate(WORDS)})
    return np.asarray(places.to_numpy(int))


def _graded_by_eye(buildings: GeoDataFrame) -> np.ndarray:
    """(building,) bool: those whose word a reviewer gave, and that are in no doubt of the model."""
    if "det_method" not in buildings:
        return np.zeros(len(buildings), bool)
    by_eye = (buildings["det_method"] == BY_EYE) & (buildings["damage_gra"] != NOT_ANALYSED)
    return np.asarray(by_eye, bool)


def _grades(buildings: GeoDataFrame, zones: GeoDataFrame) -> np.ndarray:
    """(zone, 5) int64 of grades 0 to 4."""
    out = np.zeros((len(zones), 5), np.int64)
    place = zone_of(zones, buildings)
    if (place >= 0).any():
        grade = buildings["grade"].to_numpy(int)
        np.add.at(out, (place[place >= 0], grade[place >= 0]), 1)
    return out


def _residents(
    buildings: GeoDataFrame, zones: GeoDataFrame, box: GeoBox, order: Order
) -> tuple[list[Residents], str | None]:
    """People of each zone; and where that is from."""
    if order.population is not None:
        people = residents_of(zones, order.population, box).people
        found = [Residents(None if np.isnan(n) else float(n)) for n in people]
        return found, order.population.name
    if OCCUPANTS not in buildings:
        return [Residents()] * len(zones), None
    each = pd.to_numeric(buildings[OCCUPANTS], errors="coerce").to_numpy(float)
    if (each < 0).any():
        raise InputError(f"a building has {np.nanmin(each):g} {OCCUPANTS}; mend the footprints")
    place = zone_of(zones, buildings)
    known = (place >= 0) & np.isfinite(each)
    total = np.bincount(place[known], each[known], len(zones)).tolist()
    grade = np.zeros(len(buildings), int)
    eyed = _graded_by_eye(buildings)
    if eyed.any():
        grade[eyed] = buildings["grade"].to_numpy(int)[eyed]
    homes = dwellers_of(each, _places_of_words(buildings), grade, place, len(zones))
    return [Residents(*one) for one in zip(total, homes, strict=True)], OCCUPANTS


def _row(name: str, said: Said, residents: Residents, errors: Errors | None) -> dict[str, Any]:
    """The numbers of one zone."""
    n = said.words
    mapped, assessed = int(n.sum()), int(n[:_WORDS].sum())
    called = int(n[0] + n[1])
    row: dict[str, Any] = dict(zip(COUNTS, n.tolist(), strict=True))
    row |= {
        "mapped": mapped,
        "assessed": assessed,
        "share_damaged": round(called / assessed, 4) if assessed else None,
        "share_not_analysed": round(1 - assessed / mapped, 4) if mapped else None,
        "residents": None if residents.total is None else round(residents.total, 1),
    }
    return row | _bounds(name, said, residents, errors)


def _bounds(
    name: str, said: Said, residents: Residents, errors: Errors | None
) -> dict[str, float | None]:
    """The intervals of one zone, from draws of its own; None where nothing can be said."""
    names = ("low", "likely", "high", "damage_low", "damage_high", "destroyed_low",
             "destroyed_high", "people", "people_low", "people_high")  # fmt: skip
    if errors is None or not said.words[:_WORDS].any():
        return dict.fromkeys(names)
    rng = np.random.default_rng([zlib.crc32(name.encode()), *said.by_model.tolist()])
    true = draw_truths(said.by_model, errors, rng).knowing(said.grades)
    share = interval(true.damaged / said.words[:_WORDS].sum())
    damage, destroyed = interval(true.damaged), interval(true.destroyed)
    people = _people(true, residents, rng)
    return {
        "low": round(share.low, 4), "likely": round(share.likely, 4), "high": round(share.high, 4),
        "damage_low": damage.low, "damage_high": damage.high,
        "destroyed_low": destroyed.low, "destroyed_high": destroyed.high,
        "people": None if people is None else round(people.likely, 1),
        "people_low": None if people is None else round(people.low, 1),
        "people_high": None if people is None else round(people.high, 1),
    }  # fmt: skip


def _people(true: Truths, residents: Residents, rng: np.random.Generator) -> Interval | None:
    """People who live in buildings of grade 2 or more.

    Where nobody knows who lives in which, people are taken to live alike in all buildings.
    """
    if residents.total is None:
        return None
    if residents.homes is None:
        return interval(true.share_damaged * residents.total)
    hit = people_hit(residents.homes, true.damaged_by_word, true.share_damaged, rng)
    return interval(hit)


def _ranked(frame: GeoDataFrame) -> GeoDataFrame:
    """Zones in the order of their rank, those without one last; columns in a fixed order."""
    nothing = (frame["assessed"] == 0).to_numpy()
    keys = [-frame[name].to_numpy() for name in ("possibly_damaged", "damaged", "destroyed")]
    order = np.lexsort((np.arange(len(frame)), *keys, nothing))
    rank = pd.array([None if nothing[i] else k for k, i in enumerate(order.tolist(), 1)], "Int32")
    found = frame.iloc[order].reset_index(drop=True).assign(rank=rank)
    first = ["zone", "rank", *COUNTS, *_NUMBERS]
    numbers = [*COUNTS, *_NUMBERS]
    found[numbers] = found[numbers].apply(pd.to_numeric)
    return found[[*first, "geometry"]]
