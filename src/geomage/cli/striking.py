"""What all verbs that strike a city share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from geomage.cli.frame import done, refuse_input
from geomage.errors import InputError

__all__ = ["ORDER", "Later", "strike", "strikes"]

ORDER = ("flood", "earthquake", "fire", "storm", "volcano", "landslide")  # of the help
GRADES = ("none", "minor", "major", "destroyed")  # visible grades 0 to 3
Later = Annotated[
    str,
    typer.Option(
        "--after",
        metavar="DURATION",
        help="From the event to the second picture: a number and min, h, d or w. Water falls, "
        "streets are cleared, tents come.",
    ),
]

strikes = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


def strike(
    hit: Callable[[Any], Any], city: Path, out: Path, *, overwrite: bool, as_json: bool
) -> None:
    """Read a city, let `hit` make an event of it, write that, and say what it did.

    Raises:
        InputError: the city was struck before.
        OutputError: the output exists, or is the city itself.
    """
    from geomage.disaster import write_event
    from geomage.world import read_city

    refuse_input(out, city, overwrite=overwrite)
    if (city / "event.gpkg").exists():
        raise InputError(
            f"{city} is a town that was struck: what broke in it would be forgotten; strike the "
            "city folder it was made from"
        )
    event = hit(read_city(city))
    write_event(event, out, overwrite=overwrite)
    grades = event.buildings["grade_visible"].value_counts()
    counts = {name: int(grades.get(value, 0)) for value, name in enumerate(GRADES)}
    facts = {"out": out, "kind": event.kind, "buildings": counts}
    words = ", ".join(f"{count} {name}" for name, count in counts.items())
    done(
        f"{event.kind}: {words} of {len(event.buildings)} buildings: {out}", facts, as_json=as_json
    )
