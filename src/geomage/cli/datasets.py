"""The verb that makes datasets: many worlds, many disasters, many sensors."""

from __future__ import annotations

from typing import Annotated

import typer

from geomage.cli.frame import done, examples, say
from geomage.cli.options import Json, Out, Processes, Scheduler, check_seed

verbs = typer.Typer(rich_markup_mode=None)


@verbs.command(
    "dataset",
    epilog=examples(
        "geomage dataset vhr -o pairs --count 100 --jobs 2",
        "geomage dataset mine.toml -o pairs --count 100000 --scheduler tcp://10.0.0.1:8786",
    ),
)
def dataset(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help="A TOML file, or the name of a shipped recipe.")
    ],
    *,
    out: Out,
    count: Annotated[
        int, typer.Option(help="Samples in all; more than the folder holds extends it.")
    ] = 100,
    jobs: Processes = 1,
    scheduler: Scheduler = None,
    seed: Annotated[
        int | None,
        typer.Option(
            help="Same seed, same result; that of the recipe when left out.",
            min=0,
            callback=lambda seed: seed if seed is None else check_seed(seed),
            show_default=False,
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Begin anew where a dataset stands.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a dataset: many towns, disasters, sensors and weathers, with every label.

    An unfinished dataset is gone on with, a larger --count extends it; neither --jobs nor
    --scheduler nor an interruption changes a byte. Writes COGs with STAC, training shards and a
    datasheet.
    """  # fmt: skip
    from geomage.data import find_recipe, make_dataset
    from geomage.workers import Workers

    rows = make_dataset(
        find_recipe(recipe).seeded(seed),
        out,
        count,
        Workers(jobs, scheduler),
        say=say,
        overwrite=overwrite,
    )
    hurt = int((rows["hazard"] != "none").sum())
    facts = {
        "out": out, "samples": len(rows), "disasters": hurt,
        "negatives": int((rows["negative"] != "none").sum()),
        "buildings": int(rows["buildings"].sum()), "datasheet": out / "datasheet.md",
    }  # fmt: skip
    done(
        f"{len(rows)} samples, {hurt} of them of disasters: {out} (read {out / 'datasheet.md'})",
        facts,
        as_json=as_json,
    )
