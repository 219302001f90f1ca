"""What a run was learnt from, so that it says so, and is not taken up with other files."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from geomage.data.chip import ChipSource
from geomage.data.chip_sources import bare_source
from geomage.data.kept_chips import KeptChips
from geomage.data.readers.files import ChipFiles, FileChips
from geomage.data.splits import ChosenChips
from geomage.errors import InputError

__all__ = ["inputs_of", "refuse_changed"]

Inputs = dict[str, list[dict[str, Any]]]
"""By the name that a recipe has for a list of sources: facts of each of them."""


def inputs_of(sources: Mapping[str, Sequence[ChipSource]]) -> Inputs:
    """Facts of sources, by role: `chips`, and `bytes` and `sha256` of all files of a dataset.

    The hash is of names and contents in the order of the chips, not of where the files lie or when
    they were written; a file that is not there counts as empty. Of simulated chips it is `maker`,
    which stands for parameters and code, and nothing of other sources.
    """
    known: dict[Path, tuple[int, str]] = {}
    return {role: [_facts(one, known) for one in some] for role, some in sources.items() if some}


def refuse_changed(found: object, now: Inputs, out: Path) -> None:
    """Raise InputError where a run was begun with other inputs than it has now.

    Args:
        found: what its folder tells; nothing in folders of versions that noted none.
        now: of the same recipe.
        out: the folder, for the message.
    """
    if not isinstance(found, dict):
        return
    for role, facts in now.items():
        before = found.get(role, facts)
        if not isinstance(before, list) or len(before) != len(facts):
            raise InputError(
                f"{out}: what it notes of [[{role}]] is damaged: choose another folder"
            )
        for number, (one, other) in enumerate(zip(before, facts, strict=True), start=1):
            if one != other:
                raise InputError(
                    f"{out}: its run began with other files of [[{role}]], source {number}: "
                    f"{_told(one)}, now {_told(other)}: put them back, or choose another folder"
                )


def _told(facts: object) -> str:
    """For a person."""
    if not isinstance(facts, dict):
        return "nobody knows"
    digest = str(facts.get("sha256") or facts.get("maker") or "")[:12]
    return f"{facts.get('chips')} chips ({digest})"


def _facts(source: ChipSource, known: dict[Path, tuple[int, str]]) -> dict[str, Any]:
    facts: dict[str, Any] = {"chips": len(source.names)}
    inner = bare_source(source)
    if isinstance(inner, KeptChips):
        facts["maker"] = inner.maker.fingerprint()
    elif isinstance(inner, ChosenChips) and isinstance(inner.source, FileChips):
        files = [inner.source.files[index] for index in inner.indices]
        facts["bytes"], facts["sha256"] = _of_files(files, inner.source.described, known)
    return facts


def _of_files(
    chips: list[ChipFiles], described: tuple[Path, ...], known: dict[Path, tuple[int, str]]
) -> tuple[int, str]:
    """Bytes and hash of all files; `known` holds those that have been read."""
    digest, paths = hashlib.sha256(), dict.fromkeys(described)
    for one in chips:
        digest.update(f"{one.name}\0{len(one.images)}\0{one.label is not None}\0".encode())
        paths |= dict.fromkeys((*one.images, *([one.label] if one.label else [])))
    fresh = [path for path in paths if path not in known]
    bar = tqdm(fresh, desc="inputs", unit="file", disable=None, leave=False, file=sys.stderr)
    known.update((path, _content(path)) for path in bar)
    for path in paths:
        digest.update(f"{path.name}\0{known[path][1]}\0".encode())
    return sum(known[path][0] for path in paths), digest.hexdigest()


def _content(path: Path) -> tuple[int, str]:
    """Bytes and hash of a file; none where it cannot be read, which is told when its chip is."""
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            return stream.tell(), digest
    except OSError:
        return 0, ""
