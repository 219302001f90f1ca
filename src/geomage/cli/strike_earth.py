"""Verbs that strike a city from below: earthquake, volcano, landslide."""

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
    read_lonlat,
)
from geomage.cli.striking import Later, strike, strikes
from geomage.errors import InputError


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

    strike(hit, city, out, overwrite=overwrite, as_json=as_json)


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

    strike(hit, city, out, overwrite=overwrite, as_json=as_json)


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

    strike(hit, city, out, overwrite=overwrite, as_json=as_json)


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
