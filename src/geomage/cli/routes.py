"""Verbs of access: a route that works, and what hospitals or depots still reach."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from geomage.cli.frame import PARTLY, done, examples, print_json, print_text, say
from geomage.cli.options import Depth, Facilities, Json, Overwrite, Roads, read_lonlat
from geomage.errors import InputError, OutputError

verbs = typer.Typer(rich_markup_mode=None)

Product = Annotated[
    Path, typer.Argument(metavar="OUT", help="A product folder.", show_default=False)
]


@verbs.command(
    "route",
    epilog=examples(
        "geomage route out --from -94.5301,37.0627 --to -94.4893,37.0842",
        "geomage route out --from 55.45,-21.1 --to 55.52,-21.2 -o way.gpx -o way.geojson",
        "geomage route out --from 55.45,-21.1 --to 55.52,-21.2 --through-unknown",
        "geomage route out --from 55.45,-21.1 --to 55.52,-21.2 --roads town.osm.pbf",
    ),
)
def route(
    product: Product,
    *,
    origin: Annotated[
        str, typer.Option("--from", metavar="LON,LAT", help="Where it begins, degrees.")
    ],
    target: Annotated[str, typer.Option("--to", metavar="LON,LAT", help="Where it ends, degrees.")],
    through_unknown: Annotated[
        bool,
        typer.Option("--through-unknown", help="Use streets of unknown state; each is listed."),
    ] = False,
    wade: Annotated[
        float,
        typer.Option(
            metavar="METRES",
            help="Use flooded streets of known depth up to this, 0.6 at most.",
        ),
    ] = 0.0,
    roads: Roads = None,
    depth: Depth = None,
    out: Annotated[
        list[Path] | None,
        typer.Option("--out", "-o", help="File to write, .gpx or .geojson; may be repeated."),
    ] = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Find the fastest route that works after the event: a table on stdout, or JSON.

    Uses passable streets alone, never blocked ones. Speeds are those of road classes, without
    traffic (docs/access.md). Leaves with 1 when there is no passable route, and with 3 when the
    route holds segments that nobody has verified.
    """
    from geomage.product.access.delivered import delivered_streets
    from geomage.product.access.routing import Place, Wish, find_route
    from geomage.product.access.tracks import check_track, write_track
    from geomage.product.order import Order

    places = Place(*read_lonlat("--from", origin)), Place(*read_lonlat("--to", target))
    wish = Wish(through_unknown, _wade(wade))
    for path in out or ():
        check_track(path, overwrite=overwrite)
        _refuse_over(path, product, (roads, depth))
    streets = delivered_streets(product, Order(roads=roads, depth=_on_roads(roads, depth)))
    found = find_route(streets.frame, streets.box, places, wish)
    for path in out or ():
        write_track(found, path)
    record = found.as_dict()
    if as_json:
        print_json(record)
    else:
        print_text(_table(record))
    for note in found.notes:
        say(f"note: {note}")
    if found.unverified:
        say(f"{record['unverified_m']:,.0f} m of this route are not verified: go and see first.")
        raise typer.Exit(PARTLY)


@verbs.command(
    "access",
    epilog=examples(
        "geomage access out --facilities hospitals.geojson -o access.gpkg",
        "geomage access out --roads town.osm.pbf --facilities town.osm.pbf -o access.gpkg",
    ),
)
def access(
    product: Product,
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="GeoPackage to write.")],
    facilities: Facilities = None,
    roads: Roads = None,
    depth: Depth = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Say what is cut off, and how long to the nearest hospital or depot before and after.

    Writes the layers transportationL and cutOffA, and with --facilities also facilitiesP and
    accessTimeA (isochrones of 5, 10, 15 and 30 minutes), of a product that stands; the product
    stays as it is.
    """
    from geomage.geo import refuse_file, write_vectors
    from geomage.product.access.delivered import delivered_buildings, delivered_streets
    from geomage.product.access.facilities import read_facilities
    from geomage.product.access.reach_map import access_words, map_access
    from geomage.product.access.styles import street_styles
    from geomage.product.order import Order

    if out.suffix.lower() != ".gpkg":
        raise InputError(f"-o {out}: access is written as .gpkg")
    refuse_file(out, overwrite=overwrite)
    _refuse_over(out, product, (roads, depth, facilities))
    streets = delivered_streets(product, Order(roads=roads, depth=_on_roads(roads, depth)))
    given = None if facilities is None else read_facilities(facilities, streets.box)
    found = map_access(streets, delivered_buildings(product), given)
    styles = {name: style for name, style in street_styles().items() if name in found.layers}
    write_vectors(out, found.layers, styles=styles)
    done(f"{access_words(found.summary)}: {out}", {"out": out, **found.summary}, as_json=as_json)


def _refuse_over(out: Path, product: Path, sources: Iterable[Path | None]) -> None:
    """Raise OutputError when a file would take the place of what is read."""
    from geomage.geo import true_path

    target = true_path(out)
    if true_path(product) in target.parents:
        raise OutputError(
            f"-o {out} lies in the product {product}, which stays as it is; choose another output"
        )
    for source in sources:
        if source is not None and true_path(source) == target:
            raise OutputError(f"-o {out} is the input {source}; choose another output")


def _on_roads(roads: Path | None, depth: Path | None) -> Path | None:
    if depth is not None and roads is None:
        raise InputError("--depth needs streets: give them with --roads FILE")
    return depth


def _wade(metres: float) -> float:
    from geomage.product.access.speeds import DEEPEST_M

    if not 0 <= metres <= DEEPEST_M:
        raise InputError(f"--wade {metres:g} is outside 0..{DEEPEST_M:g} m: no vehicle goes deeper")
    return metres


def _table(record: dict[str, Any]) -> str:
    """The stretches of a route, what is not verified, and the sum."""
    lines = [
        f"{leg['length_m'] / 1000:7.2f} km {leg['seconds'] / 60:6.1f} min  {leg['name']}"
        for leg in record["legs"]
    ]
    minutes, before = record["seconds"] / 60, record["seconds_before"]
    total = f"{record['length_m'] / 1000:7.2f} km {minutes:6.1f} min  in all"
    if before is not None:
        total += f"; {before / 60:.1f} min before the event"
    lines.append(total)
    lines += [
        f"not verified: {one['length_m']:.0f} m of {one['name']}, {one['state']}: {one['why']}"
        for one in record["unverified"]
    ]
    return "\n".join(lines)
