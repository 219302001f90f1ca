"""The verb that brings a real city in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from geomage.cli.frame import done, examples, say
from geomage.cli.options import Json, Out, Overwrite, Seed
from geomage.cli.simulate import cities
from geomage.errors import InputError, OutputError

REPAIRS = (
    "closed rings", "self-crossing", "three-dimensional", "in parts", "not areas", "slivers",
    "duplicates", "overlaps", "covered by others", "under ground or building=no",
    "terrain pixels closed",
)  # fmt: skip


def read_bbox(text: str | None) -> tuple[float, float, float, float] | None:
    """Read W,S,E,N in degrees."""
    if text is None:
        return None
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(
            f"--bbox {text!r} is not four numbers: write W,S,E,N in degrees, such as "
            "24.94,60.17,24.95,60.175"
        ) from None
    return west, south, east, north


@cities.command(
    "import",
    epilog=examples(
        "geomage city import --osm helsinki.osm.pbf --bbox 24.94,60.166,24.952,60.172 -o helsinki",
        "geomage city import --bdtopo BDTOPO_D031 --bbox 1.43,43.6,1.45,43.61 -o toulouse",
        "geomage city import --buildings blocks.gpkg --streets blocks.gpkg --dtm dtm.tif -o town",
        "geomage city import --osm town.osm.bz2 --ortho photo.tif --seed 3 -o town",
    ),
)
def city_import(
    *,
    out: Out,
    osm: Annotated[
        Path | None, typer.Option(help="OpenStreetMap file: .osm.pbf, .osm or .osm.bz2.")
    ] = None,
    bdtopo: Annotated[
        Path | None, typer.Option(help="BD TOPO of IGN: a GeoPackage, or a folder of layers.")
    ] = None,
    buildings: Annotated[
        Path | None,
        typer.Option(help="Footprints: GeoPackage, GeoJSON, Shapefile, FlatGeobuf, of any CRS."),
    ] = None,
    streets: Annotated[Path | None, typer.Option(help="Street centre lines, likewise.")] = None,
    trees: Annotated[Path | None, typer.Option(help="Single trees (points), likewise.")] = None,
    dtm: Annotated[Path | None, typer.Option(help="Terrain model in metres, of any CRS.")] = None,
    ortho: Annotated[
        Path | None,
        typer.Option(help="Orthophoto to lay over the ground; what stands in it is taken out."),
    ] = None,
    bbox: Annotated[
        str | None,
        typer.Option(
            metavar="W,S,E,N", help="Part to import, degrees; W of more than E crosses 180."
        ),
    ] = None,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Bring a real city in: what is given is kept, what is missing is inferred and marked.

    Buildings come from --buildings, else --bdtopo, else --osm; streets likewise. Writes a city
    folder in the source's own CRS where that is metric, else in the UTM zone of its middle.
    """
    from geomage.geo import refuse_output
    from geomage.world import ImportJob, ImportParams, import_city, write_city

    job = ImportJob(
        osm=osm,
        bdtopo=bdtopo,
        buildings=buildings,
        streets=streets,
        trees=trees,
        dtm=dtm,
        ortho=ortho,
        bbox=read_bbox(bbox),
        seed=seed,
    )
    _refuse_sources(out, job.paths())
    refuse_output(out, overwrite=overwrite)
    city = import_city(job)
    write_city(city, out, overwrite=overwrite)
    params = city.params
    assert isinstance(params, ImportParams)
    for remark in params.remarks:
        say(f"note: {remark}")
    if city.streets.empty:
        say("note: no streets were given (--streets) and none are made up")
    say(f"note: {_repairs(params.counts)}")
    facts = {"out": out, "trees": len(city.trees), **asdict(params), **_main(params.counts)}
    given = params.counts["height given"], params.counts["storeys given"]
    words = (
        f"{len(city.buildings)} buildings, {given[0]} with height and {given[1]} with storeys given"
    )
    done(f"{words}, the rest inferred: {out}", facts, as_json=as_json)


def _main(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: counts[name] for name in ("buildings", "streets")}


def _repairs(counts: Mapping[str, int]) -> str:
    """One line on all that was mended or left out."""
    said = [f"{counts[name]} {name}" for name in REPAIRS if counts.get(name)]
    return "repaired or left out: " + (", ".join(said) or "nothing")


def _refuse_sources(out: Path, sources: Mapping[str, Path]) -> None:
    """Raise OutputError when the output is or holds a source."""
    from geomage.geo import true_path

    target = true_path(out)
    for source in sources.values():
        read = true_path(source)
        if target == read or target in read.parents:
            raise OutputError(f"{out} is or holds the input {source}; choose another output")
