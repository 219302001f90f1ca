"""Verbs after the map: review it, issue it again, look at it in a browser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from geomage.cli.frame import done, examples, say
from geomage.cli.options import Json, Overwrite, Seed

verbs = typer.Typer(rich_markup_mode=None)

Product = Annotated[
    Path, typer.Argument(metavar="OUT", help="A product folder of `map`.", show_default=False)
]
MovedBefore = Annotated[
    list[Path] | None,
    typer.Option("--before", help="Image of the first date, where it has moved; may be repeated."),
]
MovedAfter = Annotated[
    list[Path] | None,
    typer.Option("--after", help="Image of the second date, where it has moved; may be repeated."),
]
Port = Annotated[
    int,
    typer.Option(
        min=0, max=65535, help="Port to listen on; a free one when 0.", show_default="a free one"
    ),
]
Host = Annotated[
    str,
    typer.Option(
        help="Address to listen on; any but this machine's own lets others in, without a login. "
        "0.0.0.0 is answered under the name localhost alone, as containers need it."
    ),
]
Quiet = Annotated[bool, typer.Option("--no-browser", help="Print the address, open no browser.")]


@verbs.command(
    "review",
    epilog=examples(
        "geomage review out",
        "geomage review out --who ana --sample 100",
        "geomage review out --before /archive/before.tif --after /archive/after.tif",
    ),
)
def review(
    out: Product,
    *,
    who: Annotated[
        str | None,
        typer.Option(help="Name that edits are logged under.", show_default="the user's"),
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Review a random sample of so many buildings, drawn by damage word and "
            "confidence, to estimate how right the map is.",
        ),
    ] = None,
    seed: Seed = 0,
    before: MovedBefore = None,
    after: MovedAfter = None,
    port: Port = 0,
    host: Host = "127.0.0.1",
    no_browser: Quiet = False,
) -> None:
    """Grade buildings by eye in a local page, the least certain first; `reissue` makes them count.

    Keys 1 to 4 grade (none, minor, major, destroyed), 0 says not analysed, U takes the last grade
    back, arrows step. Every edit is kept at once in OUT.review.jsonl beside the product, with who
    and when; the product itself stays as it is. Needs the extra [web].
    """
    from geomage.serve import ReviewOrder, serve_review

    order = ReviewOrder(out, who or _user(), sample, seed)
    serve_review(
        order, _images(before, after), host=host, port=port, say=say, browse=not no_browser
    )


@verbs.command(
    "reissue",
    epilog=examples(
        "geomage reissue out -o out2", "geomage reissue out -o out2 --review ana.review.jsonl"
    ),
)
def reissue(
    out: Product,
    *,
    target: Annotated[Path, typer.Option("--out", "-o", help="Folder to write.")],
    review_file: Annotated[
        Path | None,
        typer.Option(
            "--review", help="Journal of the review.", show_default="OUT.review.jsonl beside OUT"
        ),
    ] = None,
    before: MovedBefore = None,
    after: MovedAfter = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Make the next version of a product from its review, in seconds: no model is run.

    Layers, damage.tif, summary, report and manifest all say the same; edited buildings have the
    det_method Photo-interpretation. A judged random sample gives the accuracy in summary.json.
    """
    from geomage.product import reissue as issue_again

    made = issue_again(
        out, target, review=review_file, images=_images(before, after), overwrite=overwrite
    )
    facts = {
        "out": target,
        "version": made.version,
        "edited": made.edited,
        "accuracy": made.accuracy,
    }
    edited = f"{made.edited} building{'' if made.edited == 1 else 's'}"
    text = f"Version {made.version}: {edited} graded by eye"
    done(text + _accuracy_words(made.accuracy), facts, as_json=as_json)
    say(f"Open {made.paths.report}")


@verbs.command("view", epilog=examples("geomage view out", "geomage view out --port 8000"))
def view(
    out: Product,
    *,
    before: MovedBefore = None,
    after: MovedAfter = None,
    port: Port = 0,
    host: Host = "127.0.0.1",
    no_browser: Quiet = False,
) -> None:
    """Look at a product in a browser: its rasters as tiles, its layers, the images it came from.

    Serves this product and nothing else, read-only, to this machine. Needs the extra [web].
    """
    from geomage.serve import serve_view

    serve_view(out, _images(before, after), host=host, port=port, say=say, browse=not no_browser)


def _images(
    before: Sequence[Path] | None, after: Sequence[Path] | None
) -> dict[str, Sequence[Path]]:
    return {"before": before or (), "after": after or ()}


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no name for this number
        return "unknown"


def _accuracy_words(accuracy: Mapping[str, Any] | None) -> str:
    found = accuracy and accuracy["overall"]
    if not accuracy or not found:
        return ""
    return (
        f"; of the decided words of version {accuracy['of_version']} {found['value']:.0%} are right"
        f" (90 % interval {found['low']:.0%} to {found['high']:.0%}, {accuracy['judged']} judged)"
    )
