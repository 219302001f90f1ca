"""Verbs between domains: learn a translator, show an image as another domain would."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from geomage.cli.frame import done, examples, say
from geomage.cli.options import (
    Gsd,
    Json,
    Memory,
    Overwrite,
    Pool,
    Processes,
    RunFolder,
    Workers,
    read_bytes,
)

verbs = typer.Typer(rich_markup_mode=None)


@verbs.command(
    "adapt",
    epilog=examples(
        "geomage adapt adapt-small -o translator",
        "geomage adapt mine.toml -o translator --jobs 2 --pool chips",
    ),
)
def adapt(
    recipe: Annotated[
        str,
        typer.Argument(metavar="RECIPE", help="A TOML file, or the name of a shipped recipe."),
    ],
    *,
    out: RunFolder,
    jobs: Workers = 2,
    pool: Pool = None,
    as_json: Json = False,
) -> None:
    """Learn to show images of one domain as another would: simulated as real, radar as optical.

    Ends with RUN/translator.json, for `geomage translate` and for sources of `geomage train`.
    Methods with a network need the extra [train].
    """
    from geomage.adapt.faithfulness import read_faithfulness, sum_up
    from geomage.adapt.recipe import find_adapt_recipe
    from geomage.adapt.run import make_translator
    from geomage.geo import refuse_unwritable

    for folder in filter(None, (out, pool)):
        refuse_unwritable(folder.absolute())
    file = make_translator(find_adapt_recipe(recipe), out, jobs=jobs, pool=pool, say=say)
    kept = read_faithfulness(out)
    told = {"out": out, "translator": file, "faithfulness": kept}
    done(f"A translator: {file}\nWhat it keeps: {sum_up(kept)}", told, as_json=as_json)


@verbs.command(
    "translate",
    epilog=examples(
        "geomage translate scene/after.tif --translator translator -o after.tif",
        "geomage translate photo.png --translator translator --gsd 0.5 --style 7 -o photo.tif",
        "geomage translate scene/before.tif --translator translator "
        "--labels scene/landcover_before.tif -o before.tif",
    ),
)
def translate(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="An image of the source domain.")],
    *,
    translator: Annotated[
        Path, typer.Option(metavar="RUN|FILE", help="Run folder of `adapt`, or its file.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Image to write (COG).")],
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Raster of classes on the grid of IMAGE, for a translator that is told them.",
            show_default=False,
        ),
    ] = None,
    style: Annotated[
        int, typer.Option(help="Seed of the look; give both dates of a pair the same.", min=0)
    ] = 0,
    gsd: Gsd = None,
    scale: Annotated[
        float | None,
        typer.Option(
            help="Reflectance of a count of a 16-bit image.",
            show_default="what the file states, or 0.0001",
        ),
    ] = None,
    memory: Memory = "2GiB",
    jobs: Processes = 1,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Show an image of any size as the target domain of a translator would, without seams.

    Grid, CRS, no data and data type stay. Neither --jobs nor --memory changes a byte; what a killed
    run has done is used by the next. A translation that moves a wall makes its label a lie: measure
    that before labels are kept (docs/adapt.md).
    """
    from geomage.adapt.translator_file import (
        open_translator_file,
        refuse_translator,
        translator_path,
    )
    from geomage.mapping.translate import TranslateJob, translate_raster

    file = translator_path(translator).absolute()
    refuse_translator(out, file)
    job = TranslateJob(
        image=image,
        out=out,
        opens=partial(open_translator_file, file),
        style=style,
        labels=labels,
        gsd=gsd,
        scale=scale,
        jobs=jobs,
        memory_bytes=read_bytes(memory),
        overwrite=overwrite,
    )
    facts = translate_raster(job, say)
    done(f"Translated: {out}", {"out": out, **facts}, as_json=as_json)
