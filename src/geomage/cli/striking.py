"""Verbs that strike a city: one for each hazard."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from geomage.cli.frame import done, examples, refuse_input, say
from geomage.cli.options import (
    City,
    Json,
    Out,
    Overwrite,
    Seed,
    read_east_north,
    read_hours,
    read_lonlat,
)
from geomage.errors import InputError

__all__ = ["strikes"]

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
    from geomage.disaster import EarthquakeParams, Epicentre, earthquake

    lapse = read_hours(after)
    params = EarthquakeParams(
        magnitude=magnitude,
        distance_m=distance,
        depth_km=depth,
        azimuth_deg=azimuth,
        epicentre=None if epicentre is None else Epicentre(*read_lonlat("--epicentre", epicentre)),
        code=code,
        scatter=scatter,
    )

    def hit(town: Any) -> Any:
        event = earthquake(town, params, seed, hours=lapse)
        for line in _felt(event, params):
            say(f"note: {line}")
        return event

    _strike(hit, city, out, overwrite=overwrite, as_json=as_json)


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
    ash: Annotated[float, typer.Option(help="Mass of ash, kg.")] = 1e8,
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

    if lava == 0 and ash == 0:
        raise InputError("nothing erupts: give --lava or --ash more than 0")
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
        "geomage strike landslide town --magnitude 7.2 --distance 5000 -o event",
    ),
)
def strike_landslide(
    city: City,
    *,
    out: Out,
    rain: Annotated[float | None, typer.Option(help="Rain that seeps in, mm a day. [150]")] = None,
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
    if rain is not None and (pga is not None or magnitude is not None):
        raise InputError("--rain is one trigger and shaking another: give one of them")
    if magnitude is not None:
        pga = peak_acceleration(magnitude, distance)
    soils = {"soil_m": soil, "cohesion_pa": cohesion, "friction_deg": friction}
    if pga is None:
        params = LandslideParams("rain", rain_mm=150.0 if rain is None else rain, **soils)
    else:
        params = LandslideParams("shaking", pga_g=pga, **soils)

    def hit(town: Any) -> Any:
        if magnitude is not None:
            say(f"note: {pga:.2f} g at {distance / 1000:g} km")
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
        "(geomage city grow --dtm), or give more "
        f"{'rain (--rain)' if params.trigger == 'rain' else 'shaking (--pga)'}"
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
