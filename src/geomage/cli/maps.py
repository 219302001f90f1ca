"""Verbs that map: check two images, map them, score the map."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from geomage.cli.frame import PARTLY, done, examples, print_json, print_text, say
from geomage.cli.options import (
    After,
    AreaId,
    Backend,
    Before,
    Depth,
    EventId,
    EventType,
    Extent,
    Facilities,
    FootprintsFile,
    FootprintsLayer,
    Gsd,
    Json,
    Kind,
    Locality,
    Memory,
    ModelName,
    Out,
    Overwrite,
    Population,
    Precision,
    Processes,
    ProductVersion,
    Register,
    Roads,
    Scheduler,
    Seed,
    ZoneName,
    Zones,
    read_bytes,
)

verbs = typer.Typer(rich_markup_mode=None)


@verbs.command(
    "check",
    epilog=examples(
        "geomage check before.tif after.tif", "geomage check before.png after.png --gsd 0.5"
    ),
)
def check(
    before: Before,
    after: After = None,
    *,
    model: ModelName = "default",
    gsd: Gsd = None,
    memory: Memory = "2GiB",
    as_json: Json = False,
) -> None:
    """Say whether images can be mapped, and how to mend what is wrong.

    Of two images it also says whether burnt ground could be outlined. Reads them, writes nothing.
    Leaves with 2 when they cannot be mapped.
    """
    from geomage.mapping import MapJob
    from geomage.mapping.check import check_images

    job = MapJob(
        before=(before,),
        after=_some(after),
        out=Path("check"),
        model=model,
        gsd=gsd,
        memory_bytes=read_bytes(memory),
    )
    found = check_images(job)
    for remark in found.remarks:
        say(f"note: {remark}")
    done("These images can be mapped.", found.facts, as_json=as_json)


@verbs.command(
    "map",
    epilog=examples(
        "geomage map before.tif after.tif -o out",
        "geomage map before.tif -o out",
        "geomage map before.png after.png --gsd 0.5 -o out",
        "geomage map west.tif after.tif --before east.tif -o out",
        "geomage map before.tif after.tif -o out --extent 363000,4102000,364500,4103000",
        "geomage map before.tif after.tif -o out --event-type fire",
        "geomage map before.tif after.tif -o out --zones wards.gpkg --population worldpop.tif",
        "geomage map before.tif after.tif -o out --footprints houses.gpkg",
        "geomage map before.tif after.tif -o out --kind MONIT --product-version 2",
        "geomage map before.tif after.tif -o out --roads town.osm.pbf --facilities town.osm.pbf",
        "geomage map before.tif after.tif -o out --dry-run",
        "geomage map before.tif after.tif -o out --scheduler tcp://10.0.0.1:8786",
    ),
)
def map_(
    before: Before,
    after: After = None,
    *,
    out: Out,
    more_before: Annotated[
        list[Path] | None, typer.Option("--before", help="One more image of the first date.")
    ] = None,
    more_after: Annotated[
        list[Path] | None, typer.Option("--after", help="One more image of the second date.")
    ] = None,
    model: ModelName = "default",
    backend: Backend = "onnxruntime",
    precision: Precision = None,
    gsd: Gsd = None,
    extent: Extent = None,
    footprints: FootprintsFile = None,
    footprints_layer: FootprintsLayer = None,
    register: Register = True,
    roads: Roads = None,
    depth: Depth = None,
    facilities: Facilities = None,
    flips: Annotated[
        bool,
        typer.Option("--flips", help="Mean over four mirror images: surer, and four times dearer."),
    ] = False,
    plausibility: Annotated[
        bool,
        typer.Option(
            "--plausibility/--no-plausibility",
            help="Leave out, as not analysed, what is too far from what the model has learnt; only "
            "the shipped model knows what that is.",
        ),
    ] = True,
    zones: Zones = None,
    zone_name: ZoneName = None,
    population: Population = None,
    memory: Memory = "2GiB",
    jobs: Processes = 1,
    scheduler: Scheduler = None,
    seed: Seed = 0,
    kind: Kind = "GRA",
    product_version: ProductVersion = 1,
    event_type: EventType = None,
    event_id: EventId = None,
    area_id: AreaId = None,
    locality: Locality = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say what it would take: pixels, time, memory, disk."),
    ] = False,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Map buildings and land cover of one image; with a second also damage, flood and change.

    Takes any two rasters of red, green and blue, of any CRS, grid and data type, and aligns them.
    With --footprints the buildings are those of a file: each comes out again, assessed or not.
    Writes a product folder; what a killed run has done is used by the next. Neither --jobs nor
    --scheduler nor --memory changes a byte of it. Leaves with 3 when 0.05 % of the area or more,
    or a building of a pair, could not be analysed.
    """
    from geomage.evaluation import map_into
    from geomage.mapping import MapJob, read_extent
    from geomage.product import Order, partly_analysed
    from geomage.product.access.reach_map import access_words
    from geomage.product.page.printing import NO_PRINTER

    order = Order(
        kind=kind,
        version=product_version,
        event_type=event_type,
        event_id=event_id,
        area_id=area_id,
        locality=locality,
        zones=zones,
        zone_name=zone_name,
        population=population,
        roads=roads,
        depth=depth,
        facilities=facilities,
    )
    job = MapJob(
        before=(before, *(more_before or ())),
        after=(*_some(after), *(more_after or ())),
        out=out,
        model=model,
        backend=backend,
        precision=precision,
        gsd=gsd,
        extent=None if extent is None else read_extent(extent),
        footprints=footprints,
        footprints_layer=footprints_layer,
        register=register,
        memory_bytes=read_bytes(memory),
        jobs=jobs,
        scheduler=scheduler,
        flips=flips,
        plausibility=plausibility,
        burnt=order.hazard == "fire",
        overwrite=overwrite,
        seed=seed,
    )
    if dry_run:
        _forecast(job, order, as_json=as_json)
        return
    product = map_into(job, say, order)
    summary = json.loads(product.summary.read_text(encoding="utf-8"))
    for doubt in summary["doubts"]:
        say(f"note: {doubt}")
    done(_map_words(summary), {"out": out, **summary}, as_json=as_json)
    if "roads" in summary:
        say(access_words(summary["roads"]))
    if not product.map_page.is_file():
        say(f"note: {NO_PRINTER}")
    say(f"Open {product.report}")
    hidden = summary["buildings"]["not_analysed"]["count"] if job.after else 0
    if partly_analysed(summary["area"]) or hidden:
        raise typer.Exit(PARTLY)


@verbs.command(
    "mosaic",
    epilog=examples("geomage mosaic west east -o region", "geomage mosaic scenes/* -o country"),
)
def mosaic(
    products: Annotated[
        list[Path],
        typer.Argument(metavar="PRODUCT...", help="Product folders of `map`, the top one first."),
    ],
    *,
    out: Out,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Lay the products of many scenes together: rasters over all, and a STAC collection.

    A pixel is that of the first product that has a value there. The grid is that of the first one;
    others are brought to it by the nearest pixel. Products stay where they are and are linked.
    Says which of them lack a raster that others have, such as burnt ground, and why.
    """
    from geomage.product import write_mosaic
    from geomage.product.scenes_stac import WITHOUT, lacking_words

    collection = write_mosaic(products, out, overwrite=overwrite)
    record = json.loads(collection.read_text(encoding="utf-8"))
    for line in lacking_words(record):
        say(f"note: {line}")
    facts = {
        "out": out, "collection": collection, "products": products, "without": record[WITHOUT],
    }  # fmt: skip
    done(f"{len(products)} products laid together: {collection}", facts, as_json=as_json)


@verbs.command(
    "score",
    epilog=examples("geomage score out scene/damage.tif", "geomage score out buildings.geojson"),
)
def score(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A product folder.")],
    reference: Annotated[
        Path, typer.Argument(metavar="REFERENCE", help="Damage raster, or building polygons.")
    ],
    *,
    column: Annotated[
        str | None, typer.Option(help="Damage column of polygons; found by its name if left out.")
    ] = None,
    layer: Annotated[str | None, typer.Option(help="Layer of a vector file.")] = None,
    footprints_only: Annotated[
        bool, typer.Option("--footprints-only", help="Score buildings, not damage.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Compare a map with reference labels: a table on stdout, or JSON.

    A raster holds 0 no building, 1 to 4 the grades, 5 a building of unknown grade, 255 unknown.
    """
    from geomage.product import score_product, score_table

    found = score_product(
        out, reference, column=column, layer=layer, footprints_only=footprints_only
    )
    record = found.as_dict()
    if as_json:
        print_json(record)
    else:
        print_text(score_table(record))


def _forecast(job: Any, order: Any, *, as_json: bool) -> None:
    from geomage.evaluation import order_check
    from geomage.mapping.forecast import forecast

    found = forecast(job, order_check(job, order))
    judged = ""
    if found.plausibility is not None:
        judged = (
            f", and {found.plausibility.tiles} tiles judged by their plausibility, "
            f"{found.plausibility.mpx_per_second:.2f} Mpx/s"
        )
    if found.burnt is not None:
        judged += (
            f", and {found.burnt.tiles} tiles searched for burnt ground, "
            f"{found.burnt.mpx_per_second:.2f} Mpx/s"
        )
    if found.burnt_left_out is not None:
        say(f"note: burnt ground will not be outlined: {found.burnt_left_out}")
    text = (
        f"{found.pixels / 1e6:,.1f} Mpx in {found.model.tiles} tiles, each pixel seen "
        f"{found.recomputation:.2f} times with the margins; {found.model.mpx_per_second:.2f} "
        f"Mpx/s{judged}: about {found.seconds:,.0f} s, "
        f"{found.memory_bytes / 2**20:,.0f} MiB of memory, "
        f"{found.disk_bytes / 2**20:,.0f} MiB of disk, less where there is no data"
    )
    done(text, found.as_dict(), as_json=as_json)


def _some(path: Path | None) -> tuple[Path, ...]:
    return () if path is None else (path,)


def _map_words(summary: Mapping[str, Any]) -> str:
    """One sentence of a product's summary."""
    from geomage.product import partly_analysed

    found = summary["buildings"]
    text = f"{found['mapped']} buildings mapped, {found['assessed']} assessed"
    damage = {name: one["count"] for name, one in found["by_damage"].items() if one["count"]}
    if found["assessed"]:
        text += ": " + ", ".join(f"{count} {name}" for name, count in damage.items())
        unseen = found["not_analysed"]["by_reason"]
        text += "".join(f"; {count} {reason}" for reason, count in unseen.items())
    if summary.get("burnt"):
        text += f"; {summary['burnt']['burnt']:,.0f} m² seen as burnt"
    if not partly_analysed(summary["area"]):
        return text
    return f"{text}; {summary['area']['not_analysed_share']:.1%} of the area not analysed"
