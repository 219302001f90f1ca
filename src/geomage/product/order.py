"""What is asked of a product beyond the map: its kind, its version, what happened and where."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from geomage.errors import InputError, near_names

__all__ = [
    "EVENT_TYPES",
    "FILES",
    "KINDS",
    "NOT_APPLICABLE",
    "PLAIN",
    "Order",
    "ordered",
    "way_from",
]

KINDS: Final = {"FEP": "First Estimate", "DEL": "Delineation", "GRA": "Grading"}
"""Kinds of product of Copernicus EMS Rapid Mapping, and the words of ``map_type``."""

EVENT_TYPES: Final = {
    "earthquake": "1-Earthquake",
    "volcano": "2-Volcanic Activity",
    "storm": "3-Storm",
    "flood": "5-Flood",
    "landslide": "6-Mass Movement",
    "fire": "8-Wildfire",
    "accident": "11-Industrial Accident",
}
"""Our words for a hazard, and the service's ``event_type`` (its manual, domains of the observed
events, after the categories of EM-DAT)."""

NOT_APPLICABLE: Final = "Not Applicable"
FILES: Final = ("roads", "depth", "facilities", "zones", "population")
"""Fields of an `Order` that name files."""
_MONIT: Final = re.compile(r"(?:(FEP|DEL|GRA)_)?MONIT(|0?[1-9]|[1-9][0-9])")
_LONGEST: Final = 254  # characters of a field of the service's files


@dataclass(frozen=True)
class Order:
    """What a product is called, and what is counted. It changes no pixel, no grade and no word.

    kind: FEP, DEL or GRA; a later look at the same area is GRA_MONIT01, DEL_MONIT02, … (MONIT
    alone is GRA_MONIT01).
    version: from 1; a corrected product gets the next one.
    event_type: a word of `EVENT_TYPES`, or the service's own; None where it is not stated. The
        confidence of buildings is that of such events.
    event_id, area_id, locality: of the activation, such as EMSR648, 04, Kahramanmaras.
    zones: polygons to count in; None takes the lettered squares of the map.
    zone_name: column of `zones` with their names; None looks for a usual one.
    population: raster of people per pixel.
    roads: streets, any lines: which of them work.
    depth: raster of the depth of the water, metres: how deep a flooded street is.
    facilities: hospitals or depots: what they still reach.
    history: earlier versions, oldest first: version, created, geomage, sha256 of the manifest.
    accuracy: what a reviewed sample says of an earlier version; it goes into the summary.
    enclosed: files that lie in the product as they are, under their own names.
    """

    kind: str = "GRA"
    version: int = 1
    event_type: str | None = None
    event_id: str | None = None
    area_id: str | None = None
    locality: str | None = None
    zones: Path | None = None
    zone_name: str | None = None
    population: Path | None = None
    roads: Path | None = None
    depth: Path | None = None
    facilities: Path | None = None
    history: tuple[Mapping[str, Any], ...] = ()
    accuracy: Mapping[str, Any] | None = None
    enclosed: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what no product is called."""
        if self.kind not in KINDS and not _MONIT.fullmatch(self.kind):
            raise InputError(
                f"--kind {self.kind!r} is no kind of product: choose {', '.join(KINDS)}, or one of "
                "them with _MONIT01, _MONIT02, … for a later look at the same area"
            )
        if not 1 <= self.version <= 99:
            raise InputError(f"--product-version {self.version} is outside 1..99")
        if self.event_type is not None:
            _refuse_event(self.event_type)
        for name in ("event_id", "area_id", "locality"):
            _refuse_text(name, getattr(self, name))

    @property
    def code(self) -> str:
        """The kind as the service writes it in names of files: GRA, DEL_MONIT02."""
        found = _MONIT.fullmatch(self.kind)
        if found is None:
            return self.kind
        return f"{found[1] or 'GRA'}_MONIT{int(found[2] or 1):02d}"

    @property
    def map_type(self) -> str:
        """The kind as the service writes it in ``areaOfInterestA``: Grading, Grading-Monit01."""
        kind, _, later = self.code.partition("_")
        return KINDS[kind] + (f"-{later.capitalize()}" if later else "")

    @property
    def event(self) -> str | None:
        """The type of event in the service's words."""
        return (
            None if self.event_type is None else EVENT_TYPES.get(self.event_type, self.event_type)
        )

    @property
    def hazard(self) -> str | None:
        """The type of event in our words; None where it is not stated."""
        return next((ours for ours, theirs in EVENT_TYPES.items() if theirs == self.event), None)

    @property
    def name(self) -> str:
        """What the product is called: EMSR648_AOI04_GRA_v1, or GRA_v1 where no more is known."""
        area = f"AOI{self.area_id}" if self.area_id else None
        parts = (self.event_id, area, self.code, f"v{self.version}")
        return "_".join(part for part in parts if part)

    def as_dict(self) -> dict[str, Any]:
        """JSON-able record."""
        return {
            "name": self.name,
            "kind": self.code,
            "map_type": self.map_type,
            "version": self.version,
            "event_type": self.event,
            "event_id": self.event_id,
            "area_id": self.area_id,
            "locality": self.locality,
        }

    def record(self, out: Path) -> dict[str, Any]:
        """What `ordered` makes the order from again; files by their way from the product."""
        files = {name: getattr(self, name) for name in FILES}
        return {
            **self.as_dict(),
            "zone_name": self.zone_name,
            "files": {
                name: way_from(out, path) for name, path in files.items() if path is not None
            },
        }


def way_from(out: Path, path: Path) -> str:
    """The relative way from a product to a file beside it."""
    return os.path.relpath(path.resolve(), out.resolve())


def ordered(record: Mapping[str, Any], out: Path) -> Order:
    """The order of a product that stands, from `Order.record`.

    Raises:
        InputError: the record is damaged, or a file that was counted with is gone.
    """
    named = record.get("files")
    files: dict[str, Any] = {}
    if isinstance(named, Mapping):
        files = {name: out / str(path) for name, path in named.items()}
    gone = [f"{name} ({path})" for name, path in files.items() if not path.is_file()]
    if gone or {*files} - {*FILES}:
        raise InputError(
            f"{out}: what it was made with is gone: {', '.join(gone or sorted(files))}; put it "
            "back where it was"
        )
    column = record.get("zone_name")
    if column is not None and not isinstance(column, str):
        raise InputError(f"{out}: its manifest names the column {column!r} of zones, which is none")
    words = ("kind", "version", "event_type", "event_id", "area_id", "locality", "zone_name")
    given: dict[str, Any] = {name: record[name] for name in words if record.get(name) is not None}
    return Order(**given, **files)


def _refuse_event(word: str) -> None:
    if word not in EVENT_TYPES and word not in EVENT_TYPES.values():
        raise InputError(
            f"--event-type {word!r} is unknown{near_names(word, EVENT_TYPES)}: choose "
            f"{', '.join(EVENT_TYPES)}"
        )


def _refuse_text(name: str, text: str | None) -> None:
    if text is not None and not (0 < len(text) <= _LONGEST and text.isprintable()):
        option = name.replace("_", "-")
        raise InputError(f"--{option} {text[:40]!r}: give 1 to {_LONGEST} printable characters")


PLAIN: Final = Order()
"""A first grading product of which no more is said."""
