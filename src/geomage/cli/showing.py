"""The verb that shows everything at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from geomage.cli.frame import done, examples, say
from geomage.cli.options import Jobs, Json, ModelName, Overwrite, Seed

verbs = typer.Typer(rich_markup_mode=None)


@verbs.command("demo", epilog=examples("geomage demo", "geomage demo --style village -o village"))
def demo(
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write.")] = Path("demo"),
    size: Annotated[float, typer.Option(help="Side of the town, metres.")] = 800.0,
    style: Annotated[str, typer.Option(help="Kind of settlement.")] = "suburb",
    seed: Seed = 1,
    model: ModelName = "default",
    jobs: Jobs = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Run the whole chain, small: grow a town, strike it, render it, map it, score the map.

    Also maps Joplin (tornado of May 2011) when $GEOMAGE_DATA or ../shared/data holds its images.
    """
    from geomage.demo import DemoParams, real_imagery, run_demo

    params = DemoParams(size_m=size, style=style, seed=seed)
    result = run_demo(out, params, model=model, data=real_imagery(), jobs=jobs, overwrite=overwrite)
    facts: dict[str, Any] = {"out": out, "reports": result.reports}
    say(f"A {style}, an EF{params.ef} tornado, and the map of it, all in {out}.")
    say(_verdict(result.score.as_dict()))
    done(
        "Open " + " and ".join(str(page) for page in result.reports),
        facts | {"score": result.score.as_dict()},
        as_json=as_json,
    )


def _verdict(score: dict[str, Any]) -> str:
    """What the map is worth, against the truth that the simulation knows."""
    found, damage = score["buildings"], score["damage"]
    ratios = {"F1 of building pixels": score["building_pixels"]["f1"]}
    if damage:
        ratios["macro-F1 of damage grades"] = damage["all"]["macro_f1"]
    parts = [f"{found['found']} of {found['reference']} buildings found"]
    parts += [f"{name} {value:.2f}" for name, value in ratios.items() if value is not None]
    return f"Against the truth: {', '.join(parts)}."
