"""Verbs that strike a city with the wind: fire, storm."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import typer

from geomage.cli.frame import examples, say
from geomage.cli.options import (
    City,
    Json,
    Out,
    Overwrite,
    Seed,
    read_east_north,
    read_hours,
)
from geomage.cli.striking import Later, strike, strikes
from geomage.errors import InputError


@strikes.command(
    "fire", epilog=examples("geomage strike fire town --wind-speed 20 --wind-from 30 -o event")
)
def strike_fire(
    city: City,
    *,
    out: Out,
    wind_speed: Annotated[float, typer.Option(help="Wind at 10 m, m/s.")] = 9.0,
    wind_from: Annotated[
        float, typer.Option(help="Where the wind comes from, degrees clockwise from north.")
    ] = 45.0,
    hours: Annotated[
        float, typer.Option(help="From ignition until nothing burns any further.")
    ] = 3.0,
    moisture: Annotated[
        float,
        typer.Option(help="Water in fine dead fuel, % of its dry weight: 3 very dry, 12 damp."),
    ] = 6.0,
    live_moisture: Annotated[
        float, typer.Option(help="Water in live herbs, %: 30 cured, 120 green.")
    ] = 60.0,
    ignition: Annotated[
        str | None,
        typer.Option(
            metavar="EAST,NORTH",
            help="Middle of the line where it enters, metres from the middle of the town; on the "
            "windward side when left out.",
        ),
    ] = None,
    front: Annotated[
        float, typer.Option(help="Length of that line across the wind, metres; 0 a point.")
    ] = 60.0,
    embers: Annotated[bool, typer.Option(help="Let wind carry embers over gaps.")] = True,
    smoke: Annotated[
        bool, typer.Option("--smoke", help="Show what still smokes: with a short --after.")
    ] = False,
    after: Annotated[
        str,
        typer.Option(
            "--after",
            metavar="DURATION",
            help="From the end of burning to the second picture: 1h, 1d, 30d.",
        ),
    ] = "1d",
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Burn a town: a wildfire enters with the wind, houses light each other."""
    from geomage.disaster import FireParams, fire
    from geomage.disaster.fire import why_unburnt

    lapse = read_hours(after)
    params = FireParams(
        wind_speed=wind_speed,
        wind_from_deg=wind_from,
        hours=hours,
        moisture=moisture,
        live_moisture=live_moisture,
        ignition=read_east_north("--ignition", ignition) if ignition is not None else None,
        front_m=front,
        embers=embers,
        smoke=smoke,
    )

    def hit(town: Any) -> Any:
        event = fire(town, params, seed, hours=lapse)
        burnt = (event.rasters["arrival"].values >= 0).mean()
        lit = int((event.buildings["grade_physical"] >= 3).sum())
        if burnt == 0:
            say(f"note: nothing burnt: {why_unburnt(town, params)}")
        else:
            say(f"note: {burnt:.1%} of the ground burnt; {lit} buildings caught fire")
        if 0 < burnt < 0.02:
            say(
                "note: the fire found no way on from where it entered: more wind (--wind-speed), "
                "drier fuel (--moisture), more time (--hours) or another place (--ignition) give "
                "it one"
            )
        return event

    strike(hit, city, out, overwrite=overwrite, as_json=as_json)


_STORMS: dict[str, dict[str, str]] = {  # option: field of the parameters
    "tornado": {"ef": "ef", "radius": "radius_m", "waver": "waver_m"},
    "cyclone": {
        "pressure": "pressure_hpa",
        "rmw": "rmw_km",
        "holland-b": "b",
        "latitude": "latitude_deg",
    },
}


@strikes.command(
    "storm",
    epilog=examples(
        "geomage strike storm town --ef 5 -o event",
        "geomage strike storm town --kind cyclone --pressure 935 --offset -25000 -o event",
    ),
)
def strike_storm(
    city: City,
    *,
    out: Out,
    kind: Annotated[str, typer.Option(help="tornado or cyclone.")] = "tornado",
    heading: Annotated[
        float | None,
        typer.Option(
            help="Where it goes, degrees clockwise from north; 70 for a tornado, else 0.",
            show_default=False,
        ),
    ] = None,
    offset: Annotated[
        float | None,
        typer.Option(
            help="Track to the right of the centre, metres; 0 for a tornado, else -30000.",
            show_default=False,
        ),
    ] = None,
    forward_speed: Annotated[
        float | None,
        typer.Option(help="Along the track, m/s; 15 for a tornado, else 6.", show_default=False),
    ] = None,
    ef: Annotated[
        int | None,
        typer.Option(help="Tornado: Enhanced Fujita scale, 0 to 5; 4.", show_default=False),
    ] = None,
    radius: Annotated[
        float | None,
        typer.Option(help="Tornado: radius of the strongest wind, metres; 60.", show_default=False),
    ] = None,
    waver: Annotated[
        float | None,
        typer.Option(
            help="Tornado: how far its track swings to each side, metres; 0.", show_default=False
        ),
    ] = None,
    pressure: Annotated[
        float | None,
        typer.Option(help="Cyclone: in its centre, hPa; 950.", show_default=False),
    ] = None,
    rmw: Annotated[
        float | None,
        typer.Option(help="Cyclone: radius of maximum wind, km; 30.", show_default=False),
    ] = None,
    holland_b: Annotated[
        float | None,
        typer.Option(help="Cyclone: how peaked its wind is, 0.5 to 3; 1.4.", show_default=False),
    ] = None,
    latitude: Annotated[
        float | None,
        typer.Option(help="Cyclone: degrees, south below 0; else the town's.", show_default=False),
    ] = None,
    after: Later = "1d",
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Send a tornado across a town, or the wind of a tropical cyclone past it (--kind cyclone)."""
    from geomage.disaster import CycloneParams, StormParams, cyclone, storm

    lapse = read_hours(after)
    given = {
        "ef": ef, "radius": radius, "waver": waver, "pressure": pressure, "rmw": rmw,
        "holland-b": holland_b, "latitude": latitude,
    }  # fmt: skip
    own = _own_options(kind, {name: v for name, v in given.items() if v is not None})
    own |= {} if heading is None else {"heading_deg": heading}
    own |= {} if forward_speed is None else {"forward_speed": forward_speed}
    if kind == "tornado":
        own |= {} if offset is None else {"offset_m": offset}
        blow = partial(storm, params=StormParams(**own), seed=seed, hours=lapse)
    else:
        own |= {} if offset is None else {"offset_km": offset / 1000}
        blow = partial(cyclone, params=CycloneParams(**own), seed=seed, hours=lapse)

    def hit(town: Any) -> Any:
        event = blow(town)
        _tell_storm(kind, event)
        return event

    strike(hit, city, out, overwrite=overwrite, as_json=as_json)


def _own_options(kind: str, given: dict[str, Any]) -> dict[str, Any]:
    """Fields of the parameters from the options given; InputError for those of the other kind."""
    if kind not in _STORMS:
        raise InputError(f"--kind {kind}: choose one of {', '.join(_STORMS)}")
    strange = [name for name in given if name not in _STORMS[kind]]
    if strange:
        other = next(k for k in _STORMS if k != kind)
        raise InputError(
            f"--{strange[0]} is of a {other}, this storm is a {kind}: leave it out, or give "
            f"--kind {other}"
        )
    return {_STORMS[kind][name]: value for name, value in given.items()}


def _tell_storm(kind: str, event: Any) -> None:
    """Say how hard it blew, what it touched, and what trees block."""
    gust = float(event.intensity.values.max(initial=0.0))
    if gust == 0:
        say(f"note: the {kind} misses the town: no gale anywhere in it; nothing is damaged")
        return
    hit = int((event.buildings["grade_physical"] > 0).sum())
    trees = int((event.streets["cause"] == "tree").sum())
    say(
        f"note: the strongest gust in the town is {gust:.0f} m/s; {hit} of "
        f"{len(event.buildings)} buildings are damaged, trees block {trees} of "
        f"{len(event.streets)} streets"
    )
    if hit == 0:
        say(f"note: the {kind} is felt but damages no building")
