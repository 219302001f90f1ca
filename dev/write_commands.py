"""Write docs/commands.md from the command line itself: every command, its help, its examples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from geomage.cli import app

PAGE = Path(__file__).resolve().parents[1] / "docs" / "commands.md"
HEAD = """# Commands

Written by `make docs` from `geomage --help`; do not edit by hand.

`--debug` may stand anywhere and shows the traceback of an error. Exit codes: 0 done; 1 failed; 2
wrong use or bad input; 3 done, some areas not analysed (0.05 % of the area or more, or a building).
With `--json`, facts go to stdout, and so do the tables of `score` and `route` without it; all else
goes to stderr.
"""


def commands() -> Iterator[tuple[str, Any]]:
    """Yield (words, command) of every command that does something, in the order of the work."""
    yield from _below("geomage", typer.main.get_command(app))


def _below(words: str, command: Any) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield words, command
        return
    for name, child in children.items():
        yield from _below(f"{words} {name}", child)


def page() -> str:
    """Return docs/commands.md as it should stand."""
    parts = [HEAD]
    for words, command in commands():
        context = command.make_context(words, [], resilient_parsing=True, terminal_width=80)
        parts.append(f"## {words}\n\n```\n{command.get_help(context).rstrip()}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")
