"""The verb that floods a city."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from geomage.cli.frame import examples, say
from geomage.cli.options import (
    City,
    Json,
    Out,
    Overwrite,
    Seed,
    read_hours,
)
from geomage.cli.striking import Later, strike, strikes
from geomage.errors import InputError


@strikes.command(
    "flood",
    epilog=examples(
        "geomage strike flood town --level 2.5 -o event",
        "geomage strike flood town --source river --discharge 300 --after 1h -o event",
        "geomage strike flood town --source tsunami --wave 6 --from 180 -o event",
    ),
)
def strike_flood(
    city: City,
    *,
    out: Out,
    source: Annotated[
        str, typer.Option(help="level, hand, river, rain, dam, surge or tsunami.")
    ] = "level",
    level: Annotated[
        float | None,
        typer.Option(
            help="Metres of water above the lowest ground; for hand, above the drainage. [1.5]"
        ),
    ] = None,
    discharge: Annotated[float | None, typer.Option(help="Peak of the river, m3/s. [120]")] = None,
    rain: Annotated[
        float | None, typer.Option(help="Net of what seeps away, mm an hour. [90]")
    ] = None,
    reservoir: Annotated[
        float | None, typer.Option(help="Depth of water at the dam, metres. [12]")
    ] = None,
    volume: Annotated[float | None, typer.Option(help="Water behind it, m3. [200000]")] = None,
    surge: Annotated[float | None, typer.Option(help="Rise of the sea, metres. [2.5]")] = None,
    wave: Annotated[
        float | None, typer.Option(help="Crest of the tsunami above the sea, metres. [5]")
    ] = None,
    period: Annotated[
        float | None, typer.Option(help="From crest to crest of the tsunami, minutes. [12]")
    ] = None,
    lasts: Annotated[
        float | None,
        typer.Option(help="Hours of flow. [river 2, rain 1, dam 0.5, surge 2]"),
    ] = None,
    come_from: Annotated[
        float | None,
        typer.Option("--from", help="Where it comes from, degrees clockwise from north."),
    ] = None,
    cell: Annotated[
        float | None,
        typer.Option(help="Side of a cell of the flow, metres. [2, more in large towns]"),
    ] = None,
    after: Later = "1d",
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Flood a town: fill it to a level, or let a river, rain, a dam or the sea flow in."""
    from geomage.disaster import FloodParams, flood

    lapse = read_hours(after)
    options = {
        "level": level, "discharge": discharge, "rain": rain, "reservoir": reservoir,
        "volume": volume, "surge": surge, "wave": wave, "period": period, "lasts": lasts,
        "from": come_from, "cell": cell,
    }  # fmt: skip
    given = {name: value for name, value in options.items() if value is not None}
    _refuse_others(source, [*given])
    fields: dict[str, Any] = {_FIELDS[name]: value for name, value in given.items()}
    params = FloodParams(source=source, **fields)

    def hit(town: Any) -> Any:
        event = flood(town, params, seed, hours=lapse)
        _say_of_water(event)
        return event

    strike(hit, city, out, overwrite=overwrite, as_json=as_json)


_FIELDS = {
    "level": "level_m", "discharge": "discharge_m3s", "rain": "rain_mm_h", "volume": "volume_m3",
    "reservoir": "reservoir_m", "surge": "surge_m", "wave": "wave_m", "period": "period_min",
    "lasts": "duration_h", "from": "from_deg", "cell": "cell_m",
}  # fmt: skip
_SOURCES_OF = {
    "level": ("level", "hand"), "discharge": ("river",), "rain": ("rain",), "volume": ("dam",),
    "reservoir": ("dam",), "surge": ("surge",), "wave": ("tsunami",), "period": ("tsunami",),
    "lasts": ("river", "rain", "dam", "surge"), "from": ("river", "dam", "surge", "tsunami"),
    "cell": ("river", "rain", "dam", "surge", "tsunami"),
}  # fmt: skip


def _refuse_others(source: str, given: list[str]) -> None:
    """Raise InputError when an option says something of another source of water."""
    from geomage.disaster.inundation import SOURCES

    for name in given if source in SOURCES else ():
        if source not in _SOURCES_OF[name]:
            raise InputError(
                f"--{name} says nothing about --source {source}: leave it out, or choose "
                f"--source {' or '.join(_SOURCES_OF[name])}"
            )


def _say_of_water(event: Any) -> None:
    """Say how much stands under water, at the peak and when the second picture is taken."""
    import numpy as np

    from geomage.disaster.inundation import permanent_water

    peak, now = event.intensity.values[0], event.rasters["water_depth"].values[0]
    land = ~permanent_water(event.city)
    table, z = event.buildings, event.city.dtm.values[0]
    wet = [float((field[land] > 0).mean()) if land.any() else 0.0 for field in (peak, now)]
    say(
        f"note: {wet[0]:.1%} of the land lay under water at the peak, {peak.max():.1f} m at most; "
        f"{wet[1]:.1%} still does after {event.hours:g} h"
    )
    if event.parameters["source"] in ("river", "surge") and land.all():
        say("note: the town has no water of its own: the flood enters where the ground is lowest")
    if not len(table):
        return
    if not (table["depth"] > 0).any():
        surface = float((z + peak)[peak > 0].max()) if (peak > 0).any() else float(z.min())
        missing = float(_lowest_floor(event.city)) - surface
        say(
            "note: the water reached no building: nothing was damaged; the lowest stands "
            f"{max(missing, 0.1):.1f} m above it"
        )
    elif (table["depth"] > 0).all() and wet[0] > 0.99:
        say(
            f"note: the water reached every building: the ground rises {float(np.ptp(z)):.1f} m "
            f"above its lowest point, the water was {peak.max():.1f} m deep there"
        )
        if (table["depth"].to_numpy() > event.city.buildings["height"].to_numpy(float)).all():
            say("note: the water stood above every roof: no roof will be seen at the peak")


def _lowest_floor(city: Any) -> float:
    """Height of the lowest ground that a building stands on, metres."""
    from geomage.disaster.damage import values_at

    return float(values_at(city, city.dtm.values[0]).min())
