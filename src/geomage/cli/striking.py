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


@strikes.command("flood", epilog=examples("geomage strike flood town --level 2.5 -o event"))
def strike_flood(
    city: City,
    *,
    out: Out,
    level: Annotated[
        float, typer.Option(help="Water level above the lowest ground, metres.")
    ] = 3.0,
    surge: Annotated[float, typer.Option(help="0 still water, 1 a wave that sweeps away.")] = 0.0,
    drained: Annotated[float, typer.Option(help="Share of the water that has left.")] = 0.0,
    after: Later = "1d",
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Fill a town with water from a level."""
    import numpy as np

    from geomage.disaster import FloodParams, flood

    lapse = read_hours(after)
    params = FloodParams(level_m=level, surge=surge, drained=drained)

    def hit(town: Any) -> Any:
        event = flood(town, params, seed, hours=lapse)
        rise = float(np.ptp(town.dtm.values))
        wet = event.rasters["water_depth"].values > 0
        say(
            f"note: {wet.mean():.1%} of the ground lies under water, "
            f"{event.rasters['water_depth'].values.max():.1f} m at most"
        )
        if len(event.buildings) and (event.buildings["depth"] > 0).all():
            say(
                f"note: every building stands in water: the ground rises {rise:.1f} m above its "
                f"lowest point, the water {level:g} m (--level)"
            )
        return event

    _strike(hit, city, out, overwrite=overwrite, as_json=as_json)


@strikes.command(
    "earthquake",
    epilog=examples("geomage strike earthquake town --magnitude 7 --distance 5000 -o event"),
)
def strike_earthquake(
    city: City,
    *,
    out: Out,
    magnitude: Annotated[float, typer.Option(help="Moment magnitude.")] = 6.8,
    distance: Annotated[
        float, typer.Option(help="From the town's centre to the epicentre, metres.")
    ] = 8000.0,
    azimuth: Annotated[
        float, typer.Option(help="Towards the epicentre, degrees clockwise from north.")
    ] = 0.0,
    depth: Annotated[float, typer.Option(help="Depth of the focus, kilometres.")] = 10.0,
    epicentre: Annotated[
        str | None,
        typer.Option(metavar="LON,LAT", help="Place on Earth, instead of distance and azimuth."),
    ] = None,
    code: Annotated[
        str,
        typer.Option(help="Earthquake design of concrete: none, unknown, moderate, high."),
    ] = "unknown",
    scatter: Annotated[
        float, typer.Option(help="Times the usual scatter of intensity; 0: the median.")
    ] = 1.0,
    after: Later = "1d",
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Shake a town: intensity and vulnerability give each building its EMS-98 grade."""
    from geomage.disaster import EarthquakeParams, earthquake

    lapse = read_hours(after)
    params = EarthquakeParams(
        magnitude=magnitude,
        distance_m=distance,
        depth_km=depth,
        azimuth_deg=azimuth,
        epicentre=None if epicentre is None else _read_place(epicentre),
        code=code,
        scatter=scatter,
    )

    def hit(town: Any) -> Any:
        event = earthquake(town, params, seed, hours=lapse)
        for line in _felt(event, params):
            say(f"note: {line}")
        return event

    _strike(hit, city, out, overwrite=overwrite, as_json=as_json)


def _read_place(text: str) -> Any:
    """Read LON,LAT."""
    from geomage.disaster import Epicentre

    try:
        lon, lat = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(
            f"--epicentre {text!r} is no place: write longitude, comma, latitude, such as 13.1,42.9"
        ) from None
    return Epicentre(lon, lat)


def _felt(event: Any, params: Any) -> list[str]:
    """What a user should know of an earthquake: how hard it was felt, and what came of it."""
    import numpy as np

    from geomage.disaster.earthquake import HARM_FROM, displaced_people, epicentral_distance

    city = event.city
    centre = city.dtm.box.boundingbox
    x, y = (
        np.array([v]) for v in ((centre.left + centre.right) / 2, (centre.bottom + centre.top) / 2)
    )
    away = float(epicentral_distance(city, x, y, params)[0]) / 1000
    low, high = float(event.intensity.values.min()), float(event.intensity.values.max())
    if high == 0:
        return [f"the epicentre is {away:,.0f} km away: nothing is felt and nothing damaged"]
    lines = [
        f"felt at intensity {low:.1f} to {high:.1f} (EMS-98), {away:,.0f} km from the epicentre"
    ]
    if high < HARM_FROM:
        return [*lines, f"nothing is damaged: damage begins at intensity {HARM_FROM:g}"]
    if away > 300:
        lines.append("the formula of intensity was fitted to 300 km: this far it is a guess")
    blocked = int((event.streets["state"] == "blocked").sum())
    people = round(displaced_people(event))
    return [
        *lines,
        f"{people} people cannot go home; {blocked} of {len(event.streets)} streets are blocked",
    ]


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
    from geomage.cli.options import read_east_north
    from geomage.disaster import FireParams, fire
    from geomage.disaster.fire import why_unburnt

    lapse = read_hours(after)
    params = FireParams(
        wind_speed=wind_speed,
        wind_from_deg=wind_from,
        hours=hours,
        moisture=moisture,
        live_moisture=live_moisture,
        ignition=read_east_north("--ignition", ignition) if ignition else None,
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

    _strike(hit, city, out, overwrite=overwrite, as_json=as_json)


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
        strike = partial(storm, params=StormParams(**own), seed=seed, hours=lapse)
    else:
        own |= {} if offset is None else {"offset_km": offset / 1000}
        strike = partial(cyclone, params=CycloneParams(**own), seed=seed, hours=lapse)

    def hit(town: Any) -> Any:
        event = strike(town)
        _tell_storm(kind, event)
        return event

    _strike(hit, city, out, overwrite=overwrite, as_json=as_json)


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


@strikes.command(
    "volcano",
    epilog=examples(
        "geomage strike volcano town --lava 1e6 --distance 300 --azimuth 90 -o event",
        "geomage strike volcano town --lava 0 --ash 2e10 --distance 5000 --wet -o event",
    ),
)
def strike_volcano(
    city: City,
    *,
    out: Out,
    distance: Annotated[
        float, typer.Option(help="Of the vent from the town's centre, metres.")
    ] = 250.0,
    azimuth: Annotated[
        float | None,
        typer.Option(help="Of the vent, degrees clockwise from north; uphill when left out."),
    ] = None,
    lava: Annotated[float, typer.Option(help="Volume of lava, m3.")] = 200_000.0,
    yield_strength: Annotated[float, typer.Option(help="Of the lava, Pa.")] = 6_000.0,
    ash: Annotated[float, typer.Option(help="Mass of ash, kg.")] = 1e9,
    column: Annotated[float, typer.Option(help="Height of the ash column, metres.")] = 3_000.0,
    wind_speed: Annotated[float, typer.Option(help="Wind speed, m/s.")] = 8.0,
    wind_from: Annotated[
        float | None,
        typer.Option(
            help="Where the wind comes from, degrees clockwise from north; from the vent to the "
            "town when left out."
        ),
    ] = None,
    grain: Annotated[float, typer.Option(help="Median grain size, phi.")] = 0.0,
    wet: Annotated[bool, typer.Option("--wet", help="Rain fell on the ash.")] = False,
    after: Later = "1d",
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Let a volcano erupt: lava flows from a vent, ash falls from a column."""
    from geomage.disaster import VolcanoParams, volcano

    lapse = read_hours(after)
    params = VolcanoParams(
        distance_m=distance,
        azimuth_deg=azimuth,
        lava_m3=lava,
        yield_pa=yield_strength,
        ash_kg=ash,
        column_m=column,
        wind_speed=wind_speed,
        wind_from_deg=wind_from,
        grain_phi=grain,
        wet=wet,
    )

    def hit(town: Any) -> Any:
        event = volcano(town, params, seed, hours=lapse)
        _say_of_lava(town, params, event)
        return event

    _strike(hit, city, out, overwrite=overwrite, as_json=as_json)


def _say_of_lava(town: Any, params: Any, event: Any) -> None:
    from geomage.disaster.lava import FOLLOWED_M, rim_distance, uphill_of, vent_place
    from geomage.disaster.volcano import vent_azimuth

    flat = uphill_of(town) is None
    if params.lava_m3 > 0 and flat:
        say("note: the town has no relief: lava spreads as a disc")
    lava, ash = (event.rasters[name].values for name in ("lava", "ash"))
    place = vent_place(town, params.distance_m, vent_azimuth(town, params))
    away = rim_distance(town, place)
    if lava.any():
        say(f"note: lava covers {(lava > 0).mean():.1%} of the town, {lava.max():.1f} m at most")
    elif params.lava_m3 > 0 and away > FOLLOWED_M:
        say(
            f"note: no lava reaches the town: the vent lies {away:.0f} m beyond its rim, and lava "
            f"is followed over {FOLLOWED_M:.0f} m (--distance)"
        )
    elif params.lava_m3 > 0:
        say(
            f"note: no lava reaches the town: its vent lies {away:.0f} m beyond the rim; give more "
            "(--lava) or a vent uphill (--azimuth)"
        )
    if ash.any():
        say(f"note: {100 * ash.min():.1f} to {100 * ash.max():.1f} cm of ash lie in the town")
    elif params.ash_kg > 0:
        say("note: no ash reaches the town: the vent is too far, or the wind blows elsewhere")


@strikes.command(
    "landslide",
    epilog=examples(
        "geomage strike landslide town --rain 250 -o event",
        "geomage strike landslide town --magnitude 7 --distance 10000 -o event",
    ),
)
def strike_landslide(
    city: City,
    *,
    out: Out,
    rain: Annotated[float, typer.Option(help="Rain that seeps in, mm a day.")] = 150.0,
    pga: Annotated[
        float | None,
        typer.Option(help="Peak ground acceleration, g: shaking is the trigger, not rain."),
    ] = None,
    magnitude: Annotated[
        float | None, typer.Option(help="Of an earthquake whose shaking is the trigger.")
    ] = None,
    distance: Annotated[float, typer.Option(help="Of that earthquake, metres.")] = 10_000.0,
    soil: Annotated[float, typer.Option(help="Depth of soil, metres.")] = 1.5,
    cohesion: Annotated[float, typer.Option(help="Of soil and roots, Pa.")] = 5_000.0,
    friction: Annotated[float, typer.Option(help="Angle of internal friction, degrees.")] = 34.0,
    after: Later = "1d",
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Let slopes fail under rain or shaking, and soil run out over the town."""
    from geomage.disaster import LandslideParams, landslide
    from geomage.disaster.stability import peak_acceleration

    lapse = read_hours(after)
    if pga is not None and magnitude is not None:
        raise InputError("--pga and --magnitude say the same: give one of them")
    if magnitude is not None:
        pga = peak_acceleration(magnitude, distance)
        say(f"note: {pga:.2f} g at {distance / 1000:g} km")
    soils = {"soil_m": soil, "cohesion_pa": cohesion, "friction_deg": friction}
    if pga is None:
        params = LandslideParams("rain", rain_mm=rain, **soils)
    else:
        params = LandslideParams("shaking", pga_g=pga, **soils)

    def hit(town: Any) -> Any:
        event = landslide(town, params, seed, hours=lapse)
        _say_of_slides(town, params, seed, event)
        return event

    _strike(hit, city, out, overwrite=overwrite, as_json=as_json)


def _say_of_slides(town: Any, params: Any, seed: int, event: Any) -> None:
    from geomage.disaster.landslide import slides

    slid = event.rasters["slide"].values
    if (slid < 0).any():
        say(
            f"note: soil broke away from {(slid < 0).mean():.1%} of the ground and lies up to "
            f"{slid.max():.1f} m deep"
        )
        return
    found = slides(town, params, seed)
    safe = f", its least factor of safety {found.least_safety:.1f}"
    say(
        f"note: no slope slides: the steepest is {found.steepest_deg:.0f} degrees"
        f"{safe if found.least_safety < 1e6 else ''}; grow a town on steeper ground "
        "(geomage city grow --dtm), or give more rain (--rain) or shaking (--pga)"
    )


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
