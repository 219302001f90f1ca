"""Verbs that simulate: grow a town, picture a struck one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from geomage.cli.frame import done, examples, refuse_input, say
from geomage.cli.options import (
    City,
    Json,
    Memory,
    Out,
    Overwrite,
    Seed,
    Sensor,
    read_bytes,
    read_lonlat,
)
from geomage.cli.striking import strikes
from geomage.errors import InputError, OutputError

FINEST_PLAN, COARSEST_PLAN = 0.01, 20.0  # metres a pixel, from a brick to a house

OffNadir = Annotated[
    float | None, typer.Option(help="View angle of a date, 0 to 45 degrees from the vertical.")
]

verbs = typer.Typer(rich_markup_mode=None)
cities = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
verbs.add_typer(
    cities, name="city", help="Grow a town, import a real one, fit a style to one, or look at one."
)
verbs.add_typer(strikes, name="strike", help="Let a disaster strike a city.")


@cities.command(
    "grow",
    epilog=examples(
        "geomage city grow -o town",
        "geomage city grow --size 1000 --style village --seed 7 -o town",
        "geomage city grow --size 10000 --style suburb --jobs 2 -o city",
        "geomage city grow --style bubenec.toml -o town",
        "geomage city grow --dtm srtm.tif --at 55.45,-21.1 --style village -o town",
    ),
)
def city_grow(
    *,
    out: Out,
    size: Annotated[float, typer.Option(help="Side of the square, metres.")] = 512.0,
    style: Annotated[
        str,
        typer.Option(
            help="Kind of settlement: a name (a wrong one lists all) or a TOML file.",
            metavar="NAME|FILE",
        ),
    ] = "suburb",
    seed: Seed = 0,
    dtm: Annotated[
        Path | None,
        typer.Option(help="Real terrain: a raster of heights, metres.", show_default=False),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="LON,LAT",
            help="Middle of the town on --dtm, degrees; the middle of the raster when left out.",
            show_default=False,
        ),
    ] = None,
    jobs: Annotated[
        int, typer.Option(help="Processes that grow a large town.", min=1, max=256)
    ] = 1,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Grow a town: terrain, streets, parcels, buildings, trees, water.

    Writes a city folder: city.gpkg, city.city.json, dtm.tif, item.json. A town of more than 2000 m
    is grown by tiles in little memory, without city.city.json. On real terrain (--dtm) the town
    stands where that lies, and no river or coast is made up.
    """
    from geomage.geo import refuse_output
    from geomage.world import CityParams, choose_site, find_style, grow_city, write_city
    from geomage.world.tiles import TILE_M, grow_large_city

    where = None if at is None else read_lonlat("--at", at)
    params = CityParams(size_m=size, style=find_style(style), seed=seed)
    if at is not None and dtm is None:
        raise InputError("--at says where a town stands on real terrain: give that with --dtm FILE")
    if dtm is not None:
        refuse_input(out, dtm, overwrite=overwrite)
        site, remarks = choose_site(dtm, size, where)
        params = replace(params, site=site)
        for remark in remarks:
            say(f"note: {remark}")
    refuse_output(out, overwrite=overwrite)
    if size > 2 * TILE_M:
        made = grow_large_city(params, out, overwrite=overwrite, jobs=jobs)
        facts = {"out": out, "buildings": made.buildings, "trees": made.trees, "tiles": made.tiles}
        done(f"{made.buildings} buildings, {params.look().name}: {out}", facts, as_json=as_json)
        return
    town = grow_city(params)
    write_city(town, out, overwrite=overwrite)
    facts = {"out": out, "buildings": len(town.buildings), "trees": len(town.trees)}
    done(f"{len(town.buildings)} buildings, {params.look().name}: {out}", facts, as_json=as_json)


@cities.command(
    "fit",
    epilog=examples(
        "geomage city fit bubenec.gpkg -o bubenec.toml",
        "geomage city fit helsinki.osm.pbf -o helsinki.toml",
        "geomage city fit houses.geojson --streets roads.gpkg -o mine.toml",
        "geomage city fit town.gpkg --layer-buildings houses --layer-plots lots -o mine.toml",
    ),
)
def city_fit(
    vectors: Annotated[
        Path,
        typer.Argument(
            metavar="VECTORS",
            help="GeoPackage, footprints of any format read, OSM file (.osm.pbf, .osm, .osm.bz2) "
            "or city folder.",
            show_default=False,
        ),
    ],
    *,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Style to write (TOML).", show_default=False)
    ],
    streets: Annotated[Path | None, typer.Option(help="Another file of street lines.")] = None,
    layer_buildings: Annotated[str, typer.Option(help="Layer of footprints.")] = "buildings",
    layer_streets: Annotated[str, typer.Option(help="Layer of street lines.")] = "streets",
    layer_plots: Annotated[str, typer.Option(help="Layer of parcels.")] = "plots",
    rounds: Annotated[
        int, typer.Option(help="Rounds of search; 0 measures, and seeks no streets.", min=0, max=50)
    ] = 3,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Measure a real town and write the style of its look-alikes; needs the extra [fit].

    Grow one with `geomage city grow --style STYLE.toml`. A few minutes for a square kilometre.
    """
    from geomage.geo import refuse_file
    from geomage.world import read_form_layers, write_style
    from geomage.world.fit import FitParams, fit_style, nearest_style
    from geomage.world.measure import measure_form

    if out.suffix.lower() != ".toml":
        raise OutputError(f"{out}: a style is a TOML file; name it {out.stem or 'town'}.toml")
    refuse_file(out, overwrite=overwrite)
    layers = read_form_layers(
        vectors,
        streets,
        layer_buildings=layer_buildings,
        layer_streets=layer_streets,
        layer_plots=layer_plots,
    )
    form = measure_form(layers.buildings, layers.streets, layers.plots)
    lent = (
        "roofs, materials and trees" if len(form.storeys) else "roofs, materials, trees and storeys"
    )
    notes = [
        *layers.notes,
        *form.notes,
        f"{lent} are those of the style {nearest_style(form).name}, the nearest",
    ]
    for note in notes:
        say(f"note: {note}")
    style = fit_style(form, FitParams(seed=seed % 2**32, rounds=rounds), name=out.stem)
    side = round(form.area_m2**0.5)
    write_style(style, out, comment=f"Fitted to {vectors.name}, a town of {side} m square.")
    count = len(form.footprint_m2)
    facts = {"out": out, "buildings": count, "size_m": side, "notes": notes}
    done(f"A style like the {count} buildings of {vectors}: {out}", facts, as_json=as_json)


@cities.command("show", epilog=examples("geomage city show town -o town.png"))
def city_show(
    city: City,
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Picture to write (PNG).")],
    gsd: Annotated[
        float | None, typer.Option(help="Metres a pixel; 0.5, or more for a large town.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Paint a plan of a city, to see what was grown."""
    from geomage.geo import refuse_file
    from geomage.world import read_city
    from geomage.world.plan import draw_plan

    if gsd is not None and not FINEST_PLAN <= gsd <= COARSEST_PLAN:
        raise InputError(
            f"--gsd {gsd:g} is outside {FINEST_PLAN:g}..{COARSEST_PLAN:g} m: choose one within"
        )
    refuse_file(out, overwrite=overwrite)
    if out.suffix.lower() != ".png":
        raise InputError(f"{out}: a plan is written as PNG; choose a name that ends in .png")
    picture = draw_plan(read_city(city), gsd)
    part = out.with_name(f".{out.name}.part")
    try:
        picture.save(part, format="PNG")
        part.replace(out)
    except OSError as error:
        raise OutputError(f"cannot write {out}: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
    say(f"Open {out}")


@cities.command(
    "export",
    epilog=examples(
        "geomage city export town -o town.glb", "geomage city export town -o town.city.json"
    ),
)
def city_export(
    city: City,
    *,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help="File to write: .glb (glTF) or .city.json (CityJSON)."),
    ],
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Write a city as one 3D model for other software.

    A .glb (binary glTF 2.0) opens in browsers and Blender, a .city.json (CityJSON 2.0) in GIS.
    """
    from geomage.geo import refuse_file
    from geomage.world import read_city
    from geomage.world.export import export_city, writer_for

    writer_for(out)
    refuse_file(out, overwrite=overwrite)
    town = read_city(city)
    export_city(town, out)
    facts = {"out": out, "buildings": len(town.buildings), "bytes": out.stat().st_size}
    done(f"{len(town.buildings)} buildings in 3D: {out}", facts, as_json=as_json)


@verbs.command(
    "render",
    epilog=examples(
        "geomage render event -o scene",
        "geomage render event --sensor aerial-0.3 --shift 0 --off-nadir-after 25 -o scene",
        "geomage render event --sensor sentinel-1 -o scene",
        "geomage render event --engine mitsuba --samples 64 -o scene",
    ),
)
def render(
    event: Annotated[Path, typer.Argument(metavar="EVENT", help="An event folder.")],
    *,
    out: Out,
    sensor: Sensor = "vhr-0.5",
    shift: Annotated[
        float | None, typer.Option(help="Misregistration of the second date, 0 to 3 px.")
    ] = None,
    off_nadir_before: OffNadir = None,
    off_nadir_after: OffNadir = None,
    engine: Annotated[
        str,
        typer.Option(
            metavar="heightfield|mitsuba|blender",
            help="What computes the light: ours, or a path tracer to check it with, about a "
            "hundred times slower (extras [mitsuba], [blender]). Labels are always ours.",
        ),
    ] = "heightfield",
    samples: Annotated[
        int | None,
        typer.Option(
            help="Samples a pixel of a path tracer; 32 (mitsuba) or 16 (blender) when left out.",
            show_default=False,
        ),
    ] = None,
    memory: Memory = "4GiB",
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Picture a struck town before and after, as a sensor sees it, with all ground truth.

    Sun, season, view, haze and shift of both dates are drawn from the seed where not stated. The
    outer 30 m of the town are not pictured: what stands there casts shadows and leans into view.
    The radar sentinel-1 gives VV and VH in dB on 10 m, with the shares of water, depth and roofs.
    """
    from geomage.disaster import read_event
    from geomage.render import (
        MARGIN_M,
        RenderParams,
        beyond_its_views,
        finer_than_detail,
        render_to,
    )
    from geomage.sensor import sensor as find_sensor
    from geomage.sensor.radar import RADARS

    if sensor in RADARS:
        optical = {"--shift": shift, "--off-nadir-before": off_nadir_before,
                   "--off-nadir-after": off_nadir_after, "--samples": samples,
                   "--engine": None if engine == "heightfield" else engine}  # fmt: skip
        _refuse_optical(sensor, optical)
        refuse_input(out, event, overwrite=overwrite)
        budget = read_bytes(memory)
        _render_radar(event, out, (seed, budget), overwrite=overwrite, as_json=as_json)
        return
    find_sensor(sensor, also=RADARS)
    params = RenderParams(
        sensor=sensor,
        seed=seed,
        shift_px=shift,
        off_nadir_before=off_nadir_before,
        off_nadir_after=off_nadir_after,
        memory_bytes=read_bytes(memory),
        engine=engine,
        samples=samples,
    )
    refuse_input(out, event, overwrite=overwrite)
    notes = finer_than_detail(sensor) + beyond_its_views(params)
    for note in notes:
        say(f"note: {note}")
    scene = render_to(read_event(event), out, params, overwrite=overwrite)
    rows, columns = (int(side) for side in scene.box.shape)
    facts = {
        "out": out,
        "size": [columns, rows],
        "sensor": sensor,
        "engine": engine,
        "notes": notes,
    }
    wide, high = (round(n * abs(scene.box.affine.a)) for n in (columns, rows))
    done(
        f"Two images of {columns} x {rows} px ({wide} x {high} m: the outer {MARGIN_M:g} m of the "
        f"town are left out), and their truth: {out}",
        facts,
        as_json=as_json,
    )


def _refuse_optical(radar: str, options: Mapping[str, object]) -> None:
    """Refuse what only an optical sensor has."""
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise InputError(f"{given[0]} is for optical sensors, {radar} is a radar: leave it out")


def _render_radar(
    event: Path, out: Path, how: tuple[int, int], *, overwrite: bool, as_json: bool
) -> None:
    """Look at a struck town by Sentinel-1; how: seed and bytes of memory."""
    from geomage.disaster import read_event
    from geomage.render.radar_scene import RadarParams, render_radar, write_radar

    scene = render_radar(read_event(event), RadarParams(seed=how[0], memory_bytes=how[1]))
    write_radar(scene, out, overwrite=overwrite)
    rows, columns = (int(side) for side in scene.box.shape)
    facts = {"out": out, "size": [columns, rows], "sensor": "sentinel-1"}
    done(
        f"Two radar images of {columns} x {rows} px (VV and VH, dB, 10 m), and their truth: {out}",
        facts,
        as_json=as_json,
    )
