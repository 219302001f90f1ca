"""One place where exceptions become messages and exit codes, and how every command closes."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from types import FrameType
from typing import Any

import typer

from geomage.errors import GeomageError, OutputError, RunError

INTERRUPTED = 130  # what typer makes of Ctrl-C
_NOT_OURS = (errno.ENAMETOOLONG, errno.ELOOP, errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_RESUMED = {
    "train": "the run folder stays (pairs, recipe, last checkpoint): the same command resumes it",
    "adapt": "the run folder stays (chips, recipe, last checkpoint): the same command resumes it",
    "translate": "what is done stays: the same command goes on",
    "map": "what is done stays: the same command goes on",
    "plausibility": "what is done stays: the same command goes on",
    "dataset": "the samples that are whole stay: the same command goes on",
}
PARTLY = 3  # exit code: done, some areas not analysed


def run(app: typer.Typer, arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code and never raise.

    Args:
        app: all commands.
        arguments: the words after `geomage`; those of the process when None.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    _open_closed()
    rest = _left_behind(words)
    before = signal.signal(signal.SIGTERM, partial(_terminate, rest))
    try:
        _command(app)([word for word in words if word != "--debug"], prog_name="geomage")
    except SystemExit as leave:
        if leave.code == INTERRUPTED:
            say(f"geomage: interrupted; {rest}")
            return 1
        return leave.code if isinstance(leave.code, int) else int(leave.code is not None)
    except Exception as error:  # noqa: BLE001 -- the one place where nothing may pass
        return _explain(error, debug=debug)
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


@cache
def _command(app: typer.Typer) -> Callable[..., Any]:
    """Read the signatures of all commands, once for a process that runs several."""
    return typer.main.get_command(app)


def _open_closed() -> None:
    """Give a closed stdout or stderr somewhere to go: the next file opened would take its place."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            setattr(sys, name, os.fdopen(number, "w", encoding="utf-8", closefd=False))


def _left_behind(words: Sequence[str]) -> str:
    """What an unfinished command leaves: nothing, but where it can be resumed."""
    verb = next((word for word in words if not word.startswith("-")), "")
    return _RESUMED.get(verb, "nothing unfinished was left behind")


def _terminate(rest: str, _number: int, _frame: FrameType | None) -> None:
    """Leave through the exception path, so that unfinished outputs are removed."""
    raise RunError(f"terminated before the work was done; {rest}")


def _explain(error: Exception, *, debug: bool) -> int:
    """Say what went wrong on stderr; return the exit code."""
    if debug:
        traceback.print_exception(error)
    if isinstance(error, GeomageError):
        say(f"geomage: {_in_one_line(str(error))}")
        return error.exit_code
    if isinstance(error, MemoryError):
        say("geomage: out of memory; give a smaller --memory or fewer --jobs")
        return 1
    if isinstance(error, UnicodeEncodeError):
        say(f"geomage: a file name is not valid UTF-8: {error.object!a}; rename it")
        return 2
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        say(f"geomage: {where}{error.strerror or error}")
        return 2 if error.errno in _NOT_OURS else 1
    say(f"geomage: unexpected {type(error).__name__}: {error}")
    if not debug:
        say("This is a fault in geomage. Run the command again with --debug to see where.")
    return 1


def _in_one_line(text: str) -> str:
    """Names of files may hold ends of lines and controls: they are shown, not obeyed."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def say(message: str) -> None:
    """Speak to the person: stderr. Work that is done stays done when nobody can be told."""
    with contextlib.suppress(OSError):
        typer.echo(message, err=True)


def done(message: str, facts: Mapping[str, Any], *, as_json: bool) -> None:
    """Close a command: a sentence for people, facts for machines when they asked."""
    if as_json:
        print_json(facts)
    say(message)


def print_json(facts: Mapping[str, Any]) -> None:
    """Speak to the machine: stdout."""
    print_text(json.dumps(facts, indent=2, default=str, allow_nan=False))


def print_text(text: str) -> None:
    """Write a result to stdout; OutputError when it cannot be delivered."""
    try:
        typer.echo(text)
    except BrokenPipeError:  # who reads has read enough
        raise
    except OSError as error:
        raise OutputError(
            f"the result cannot be written to standard output: {error.strerror or error}"
        ) from error


def examples(*lines: str) -> str:
    """Close the help of a command with lines one can paste."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def refuse_input(out: Path, source: Path, *, overwrite: bool) -> None:
    """Raise OutputError when `out` cannot be written, or would replace what is read."""
    from geomage.geo import refuse_output, true_path

    target, read = true_path(out), true_path(source)
    if target == read or target in read.parents:
        raise OutputError(f"{out} is or holds the input {source}; choose another output")
    if read in target.parents:
        raise OutputError(f"{out} lies inside the input {source}; choose another output")
    refuse_output(out, overwrite=overwrite)
