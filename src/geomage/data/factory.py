"""The dataset factory: many towns, disasters, sensors and kinds of weather, written to a folder.

Sample `index` is a function of recipe, seed and index alone, so that any number of processes, in
any order, with any interruption, writes the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from geomage.data import shards
from geomage.data.collection import write_collection
from geomage.data.datasheet import write_datasheet
from geomage.data.journal import MARK, MOST_SAMPLES, Journal, open_journal
from geomage.data.layout import Layout, key_of
from geomage.data.recipe import DatasetRecipe
from geomage.data.records import record_of, row_of
from geomage.data.sample_folder import write_sample_folder
from geomage.data.stored import damaged, stored_record
from geomage.data.stream import SimulatedPairs
from geomage.errors import InputError, OutputError
from geomage.geo.scratch import hidden_path
from geomage.geo.space import why_unwritten
from geomage.workers import Run, Workers, open_workers

__all__ = ["MakeSample", "SampleNumber", "make_dataset"]

Row = tuple[Any, ...]


@dataclass(frozen=True)
class SampleNumber:
    """Which sample; what a worker is told."""

    index: int

    def __str__(self) -> str:
        return f"sample {self.index}"


@dataclass(frozen=True)
class MakeSample:
    """Makes and writes one sample; it pickles, for it travels to the workers."""

    layout: Layout

    def __call__(self, number: SampleNumber) -> dict[str, Any]:
        """Write what is due of a sample, each whole or not at all; return its row."""
        index, recipe = number.index, self.layout.recipe
        sample = SimulatedPairs(recipe.stream).pair(index)
        arrays = shards.arrays_of(sample)
        record = record_of(sample, arrays)
        if recipe.shards:
            self._wait(index, shards.fragment(key_of(index), arrays, record))
        if recipe.cogs:
            write_sample_folder(self.layout, sample, arrays, record)
        return row_of(record)

    def _wait(self, index: int, fragment: bytes) -> None:
        """Lay a fragment where its shard will find it."""
        target = self.layout.part(index)
        target.parent.mkdir(exist_ok=True)
        work = hidden_path(target, "part")
        try:
            work.write_bytes(fragment)
            work.replace(target)
        except OSError as error:
            why = why_unwritten(error, target.parent)
            raise OutputError(f"cannot write {target}: {why}") from error
        finally:
            work.unlink(missing_ok=True)


def make_dataset(
    recipe: DatasetRecipe,
    folder: Path,
    count: int,
    workers: Workers | None = None,
    *,
    say: Callable[[str], None] = lambda _: None,
    overwrite: bool = False,
) -> pd.DataFrame:
    """Make a dataset of `count` samples, go on with one begun, or extend one.

    Args:
        recipe: what it holds, with its seed.
        folder: where to.
        count: samples in all.
        workers: processes or cluster; this process when None.
        say: told what a person should know.
        overwrite: begin anew.

    Returns:
        One row a sample, in order, as `samples.csv` has them.

    Raises:
        InputError: the count, or what stands in the folder, cannot be.
        OutputError: it cannot be written; the samples that are whole stay.
        RunError: a sample cannot be made.
    """
    if not 1 <= count <= MOST_SAMPLES:
        raise InputError(f"--count {count} is outside 1..{MOST_SAMPLES}: choose one within")
    folder = folder.absolute()
    with (
        open_workers(workers or Workers(), say) as run,
        open_journal(recipe, folder, count, overwrite=overwrite) as journal,
    ):
        return _close(journal, _make_missing(journal, run))


def _make_missing(journal: Journal, run: Run) -> dict[int, Row]:
    """Make what is missing; pack each shard as its last sample comes."""
    layout, missing = journal.layout, journal.missing()
    blocks = layout.blocks(journal.count) if layout.recipe.shards else {}
    left = {block: set(indices) & set(missing) for block, indices in blocks.items()}
    for block in (b for b, due in left.items() if not due):
        journal.pack(block, blocks[block])
    made: dict[int, Row] = {}
    with tqdm(
        total=journal.count, initial=journal.count - len(missing), desc="samples", unit="sample",
        disable=None, leave=False,
    ) as bar:  # fmt: skip
        for row in run(MakeSample(layout), map(SampleNumber, missing), layout.folder / MARK):
            made[row["index"]] = tuple(row.values())
            block = layout.block(row["index"])
            if block in left:
                left[block].discard(row["index"])
                if not left[block]:
                    journal.pack(block, blocks[block])
            bar.update()
    return made


def _close(journal: Journal, made: dict[int, Row]) -> pd.DataFrame:
    """Read what was there, and write what speaks of all samples."""
    layout = journal.layout
    there = [i for i in range(journal.count) if i not in made]
    for index in there or [0]:
        row = _row(layout, index)
        made[index] = tuple(row.values())
        names = list(row)
    rows = pd.DataFrame([made[i] for i in range(journal.count)], columns=names)
    try:
        write_collection(layout, rows)
        write_datasheet(layout, rows)
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        why = why_unwritten(error, layout.folder)
        raise OutputError(f"cannot write {layout.folder}: {why}") from error
    return rows


def _row(layout: Layout, index: int) -> dict[str, Any]:
    """The row of a sample that stands."""
    shard = not layout.recipe.cogs
    record = stored_record(layout, index, shard=shard)
    with damaged(layout.shard(layout.block(index)) if shard else layout.sample(index)):
        return row_of(record)
