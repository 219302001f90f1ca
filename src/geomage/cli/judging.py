"""Verbs that judge an image before it is mapped: is it within what the model has learnt?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from geomage.cli.frame import PARTLY, done, examples, say
from geomage.cli.options import Gsd, Json, Overwrite, Processes, Scheduler

verbs = typer.Typer(rich_markup_mode=None)


@verbs.command(
    "plausibility",
    epilog=examples(
        "geomage plausibility before.tif -o plausibility.tif",
        "geomage plausibility before.png --gsd 0.5 -o plausibility.tif --json",
        "geomage plausibility before.tif -o plausibility.tif --detector mine.json",
    ),
)
def plausibility(
    image: Annotated[
        Path, typer.Argument(metavar="IMAGE", help="Image of one date.", show_default=False)
    ],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Raster to write, a COG.")],
    detector: Annotated[
        str, typer.Option(metavar="NAME", help="line-1, or the JSON file of another detector.")
    ] = "line-1",
    gsd: Gsd = None,
    jobs: Processes = 1,
    scheduler: Scheduler = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Map how foreign an image is to what the model has learnt, by cells of 64 px.

    A value is the share of the training domain that is less foreign, 0 to 1; -1 where too little is
    seen. `map` leaves out what is too far (docs/plausibility.md). Leaves with 3 when a cell is.
    """
    from geomage.mapping.plausibility import PlausibilityJob, map_plausibility

    job = PlausibilityJob(
        image=image,
        out=out,
        detector=detector,
        gsd=gsd,
        jobs=jobs,
        scheduler=scheduler,
        overwrite=overwrite,
    )
    found = map_plausibility(job, say)
    text = (
        f"{found.too_far} of {found.cells} cells are too far from what the model has learnt: {out}"
    )
    done(text, {"out": out, "too_far": found.too_far, **found.facts}, as_json=as_json)
    if found.too_far:
        raise typer.Exit(PARTLY)
