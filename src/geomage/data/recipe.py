"""A dataset recipe: everything that decides the bytes of a dataset, and how to read it.

A recipe is a short TOML file; what it leaves out keeps its default. Its table `stream` is
`StreamParams`, the same as in a training recipe.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from geomage.data.limits import refuse_outside, refuse_text
from geomage.data.stream import StreamParams, refuse_params
from geomage.data.tables import build, find_table
from geomage.errors import InputError

__all__ = ["DatasetRecipe", "find_recipe", "recipe_from_table"]

_FOLDER = Path(__file__).parent / "recipes"
_LONGEST_NAME = 100
_LIMITS = {"shard_samples": (1, 100_000)}


@dataclass(frozen=True)
class DatasetRecipe:
    """One dataset."""

    name: str = "pairs"
    """Identifier, in the names of shards and in STAC."""
    title: str = "Simulated pairs of disasters"
    """One line for people."""
    licence: str = "Apache-2.0"
    """SPDX identifier that the dataset is given away under."""
    cogs: bool = True
    """Write a folder of COGs with a STAC item for each sample."""
    shards: bool = True
    """Write tar files of arrays for training."""
    shard_samples: int = 64
    """Samples in a shard; the last one may hold fewer."""
    stream: StreamParams = field(default_factory=StreamParams)

    def __post_init__(self) -> None:
        refuse_outside("recipe", vars(self), _LIMITS)
        for name in ("name", "title", "licence"):
            refuse_text(f"recipe: {name}", getattr(self, name))
        if not self.name.replace("-", "").replace("_", "").isalnum():
            raise InputError(f"recipe: name = {self.name!r} may hold letters, digits, - and _ only")
        if len(self.name.encode()) > _LONGEST_NAME:  # it is a part of names of files
            raise InputError(f"recipe: name is longer than {_LONGEST_NAME} bytes: shorten it")
        if not self.cogs and not self.shards:
            raise InputError("recipe: cogs and shards are both off: nothing would be written")
        refuse_params(self.stream)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, as JSON gives them back."""
        record = asdict(self)
        record["stream"]["gsd_m"] = list(self.stream.gsd_m)
        return record

    def seeded(self, seed: int | None) -> DatasetRecipe:
        """The same recipe with another seed; None leaves its own."""
        return self if seed is None else replace(self, stream=replace(self.stream, seed=seed))


def find_recipe(name_or_path: str) -> DatasetRecipe:
    """Return a shipped recipe by name, or read a TOML file.

    Raises:
        InputError: none of that name; names what is near.
    """
    return recipe_from_table(*find_table(name_or_path, _FOLDER))


def recipe_from_table(table: dict[str, Any], where: str) -> DatasetRecipe:
    """Fill a recipe from nested tables; `where` names their origin in errors."""
    recipe: DatasetRecipe = build(DatasetRecipe, table, where)
    return recipe
