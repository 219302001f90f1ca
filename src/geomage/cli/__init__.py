"""The command line: thin verbs over the rooms, in the order of the work.

Exit codes: 0 done, 1 failed, 2 wrong use or bad input, 3 done but some areas are not analysed.
Machine output goes to stdout with `--json`; everything else goes to stderr.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from geomage import __version__
from geomage.cli import (
    adapting,
    datasets,
    frame,
    importing,
    judging,
    learning,
    maps,
    routes,
    serving,
    showing,
    simulate,
    strike_air,
    strike_earth,
    strike_water,
    striking,
)

__all__ = ["app", "importing", "main", "strike_air", "strike_earth", "strike_water"]

app = typer.Typer(
    name="geomage",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
striking.strikes.registered_commands.sort(key=lambda verb: striking.ORDER.index(verb.name))
for part in (showing, simulate, datasets, learning, adapting, judging, maps, routes, serving):
    app.add_typer(part.verbs)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code and never raise.

    Args:
        arguments: the words after `geomage`; those of the process when None.
    """
    return frame.run(app, arguments)


@app.callback(invoke_without_command=True)
def geomage(
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
) -> None:
    """From a simulated city to a map of a real disaster."""
    del debug  # read by `frame.run`, so that it may stand anywhere in the line
    if version:
        typer.echo(f"geomage {__version__}")
        raise typer.Exit
