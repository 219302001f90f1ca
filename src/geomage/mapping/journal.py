"""The working folder of a job: what a killed run leaves is found and used by the next one.

It lies beside the output, hidden, and holds `job.json`: everything that the bytes of the result
depend on, inputs and model by their content. A run of the same job goes on where the last one
ended; a run of another job starts anew, in a folder that the hash of its job names, so that a
worker which a killed run left behind on another machine cannot write among its tiles. Tiles appear
in it whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geomage.errors import InputError, OutputError
from geomage.geo import refuse_unwritable
from geomage.geo.scratch import Scratch, hold_alone
from geomage.geo.space import is_full, why_unwritten

__all__ = ["Work", "open_work", "work_folder"]

_MARK = "job.json"


@dataclass(frozen=True)
class Work:
    """A working folder that this process alone holds."""

    folder: Path
    """Of this very job."""
    mark: Path
    """The file that says which job it is; it stands as it is while the job runs."""
    scratch: Scratch
    resumed: bool
    """Whether a killed run of the same job left it."""


def work_folder(out: Path) -> Path:
    """Where the work on an output lies until it is done."""
    return out.absolute().with_name(f".{out.name}.work")


@contextmanager
def open_work(out: Path, job: Mapping[str, Any]) -> Iterator[Work]:
    """Hold the working folder of an output; what stands in it of another job is removed.

    Kept where the work ends by an error that the same command may mend (a full disk, a lost
    worker, a key pressed); removed where the input is at fault. The caller discards
    `Work.scratch` when all is done.

    Args:
        out: the output.
        job: JSON values that the result depends on: no budget, no number of workers.

    Raises:
        OutputError: another run holds it, or it cannot be written.
    """
    folder = work_folder(out)
    refuse_unwritable(folder.parent, folder.name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror or error}") from error
    scratch = hold_alone(folder)
    try:
        text = json.dumps(job, indent=1, sort_keys=True, allow_nan=False) + "\n"
        resumed = _claimed(folder, text)
        own = folder / hashlib.sha256(text.encode()).hexdigest()[:16]
        own.mkdir(exist_ok=True)
        yield Work(own, folder / _MARK, scratch, resumed)
    except InputError:
        scratch.discard()
        raise
    except OSError as error:
        scratch.release()
        if isinstance(error, OutputError) or not is_full(error):
            raise
        raise OutputError(f"cannot write {out}: {why_unwritten(error, folder)}") from error
    except BaseException:
        scratch.release()
        raise


def _claimed(folder: Path, text: str) -> bool:
    """Whether the folder holds work of this very job; if not it is emptied and marked."""
    mark = folder / _MARK
    try:
        if mark.read_text(encoding="utf-8") == text:
            return True
    except (OSError, UnicodeDecodeError):
        pass  # none, or what a crash of the machine left of it
    mark.unlink(missing_ok=True)  # first, so that what is half removed is never taken for whole
    for one in folder.iterdir():
        if one.is_dir() and not one.is_symlink():
            shutil.rmtree(one, ignore_errors=True)  # a worker left behind may write there
        else:
            one.unlink()
    part = folder / f".{_MARK}.part"
    part.write_text(text, encoding="utf-8")
    part.replace(mark)
    return False
