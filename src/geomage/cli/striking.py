"""Verbs that strike a city: one for each hazard."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from geomage.cli.frame import done, examples, refuse_input, say
from geomage.cli.options import City, Json, Out, Overwrite, Seed, read_hours
from geomage.errors import InputError

__all__ = ["strikes"]

GRADES = ("none", "minor", "major", "destroyed")  # visible grades 0 to 3
Later = Annotated[
    str,
    typer.Option(
        "--after",
        metavar="DURATION",
        help="From the event to the second picture: 1h, 1d, 30d. Water falls, streets are "
        "cleared, tents come.",
    ),
]

strikes = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


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
            help="Metres of water above the lowest ground; for hand, above the drainage. [3]"
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

    _strike(hit, city, out, overwrite=overwrite, as_json=as_json)


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

    peak, now = event.intensity.values[0], event.rasters["water_depth"].values[0]
    table, rise = event.buildings, float(np.ptp(event.city.dtm.values))
    say(
        f"note: {(peak > 0).mean():.1%} of the ground lay under water at the peak, "
        f"{peak.max():.1f} m at most; {(now > 0).mean():.1%} still does after {event.hours:g} h"
    )
    if not len(table) or not (table["depth"] > 0).all():
        if len(table) and not (table["depth"] > 0).any():
            say("note: the water reached no building: nothing was damaged; more water may")
        return
    say(
        f"note: every building stands in water: the ground rises {rise:.1f} m above its lowest "
        f"point, the water is {peak.max():.1f} m deep there"
    )
    if (table["depth"].to_numpy() > event.city.buildings["height"].to_numpy(float)).all():
        say("note: the water stood above every roof: no roof will be seen at the peak")


@strikes.command(
    "earthquake",
    epilog=examples("geomage strike earthquake town --magnitude 7 --distance 5000 -o event"),
)
def strike_earthquake(
    city: City,
    *,
    out: Out,
    magnitude: Annotated[float, typer.Option(help="Moment magnitude.")] = 6.8,
    distance: Annotated[float, typer.Option(help="Distance of the epicentre, metres.")] = 8000.0,
    depth: Annotated[float, typer.Option(help="Depth of the focus, kilometres.")] = 10.0,
    after: Later = "1d",
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Shake a town: intensity and vulnerability give each building its EMS-98 grade."""
    from geomage.disaster import EarthquakeParams, earthquake

    lapse = read_hours(after)
    params = EarthquakeParams(magnitude=magnitude, distance_m=distance, depth_km=depth)
    strike = partial(earthquake, params=params, seed=seed, hours=lapse)
    _strike(strike, city, out, overwrite=overwrite, as_json=as_json)


@strikes.command("fire", epilog=examples("geomage strike fire town --wind-from 270 -o event"))
def strike_fire(
    city: City,
    *,
    out: Out,
    wind_speed: Annotated[float, typer.Option(help="Wind speed, m/s.")] = 9.0,
    wind_from: Annotated[
        float, typer.Option(help="Where the wind comes from, degrees clockwise from north.")
    ] = 45.0,
    hours: Annotated[float, typer.Option(help="Burning time.")] = 1.0,
    moisture: Annotated[float, typer.Option(help="Of the fuel, 0 dry to 1 wet.")] = 0.3,
    after: Later = "1d",
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Burn a town: a fire enters from one point and spreads with the wind."""
    from geomage.disaster import FireParams, fire

    lapse = read_hours(after)
    params = FireParams(
        wind_speed=wind_speed, wind_from_deg=wind_from, hours=hours, moisture=moisture
    )
    strike = partial(fire, params=params, seed=seed, hours=lapse)
    _strike(strike, city, out, overwrite=overwrite, as_json=as_json)


@strikes.command("storm", epilog=examples("geomage strike storm town --ef 5 -o event"))
def strike_storm(
    city: City,
    *,
    out: Out,
    ef: Annotated[int, typer.Option(help="Enhanced Fujita scale, 0 to 5.")] = 4,
    radius: Annotated[float, typer.Option(help="Radius of the strongest wind, metres.")] = 60.0,
    heading: Annotated[
        float, typer.Option(help="Where it goes, degrees clockwise from north.")
    ] = 70.0,
    offset: Annotated[float, typer.Option(help="Track to the right of the centre, metres.")] = 0.0,
    after: Later = "1d",
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Send a tornado across a town."""
    from geomage.disaster import StormParams, storm

    lapse = read_hours(after)
    params = StormParams(ef=ef, radius_m=radius, heading_deg=heading, offset_m=offset)
    strike = partial(storm, params=params, seed=seed, hours=lapse)
    _strike(strike, city, out, overwrite=overwrite, as_json=as_json)


def _strike(
    hit: Callable[[Any], Any], city: Path, out: Path, *, overwrite: bool, as_json: bool
) -> None:
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
