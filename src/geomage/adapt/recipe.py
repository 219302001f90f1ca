"""A recipe that makes a translator: which method, from which source to which target.

A recipe is a short TOML file whose tables are the dataclass below; what it leaves out keeps its
default. No torch is needed to read one.

    method = "histogram"
    [[source]]
    reader = "simulated-pairs"
    simulated = { task = "landcover", count = 200 }
    [[target]]
    reader = "levir"
    folder = "LEVIR-CD"
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from geomage.adapt import methods
from geomage.data.chip_sources import SourceParams
from geomage.data.limits import Limits, refuse_outside, refuse_text
from geomage.data.tables import build, find_table
from geomage.errors import InputError, near_names
from geomage.learn.loop_params import LoopParams

__all__ = ["AdaptRecipe", "adapt_recipe_from_dict", "find_adapt_recipe"]

_FOLDER = Path(__file__).parent / "recipes"
_LIMITS: Limits = {"seed": (0, 2**63 - 1), "crop": (8, 4096), "batch": (1, 4096)}
_OTHERS = {"fraction": 1.0, "weight": 1.0, "translator": ""}
"""What sources have beside, for training; a method draws all chips alike."""


@dataclass(frozen=True)
class AdaptRecipe:
    """One run."""

    method: str = "colour"
    """A name of `METHODS`; this one cannot move a wall, and none did better by more than chance
    (docs/adaptation_results.md)."""
    params: dict[str, Any] = field(default_factory=dict)
    """Parameters of the method, as its dataclass has them."""
    name: str = "translator"
    """Of the translator it makes."""
    seed: int = 0
    """Same seed, same translator on a CPU."""
    paired: bool = False
    """Chip k of the source shows the place of chip k of the target."""
    crop: int = 64
    """Side of the windows that are learnt from, pixels."""
    batch: int = 16
    """Windows a step, of either domain."""
    source: tuple[SourceParams, ...] = ()
    """What images look like."""
    target: tuple[SourceParams, ...] = ()
    """What they shall look like; labels it has are not read."""
    loop: LoopParams = field(default_factory=LoopParams)
    """Steps and rates of methods that train."""

    def __post_init__(self) -> None:
        refuse_text("recipe: name", self.name)
        refuse_outside("recipe", vars(self), _LIMITS)
        self.asked()
        for table in ("source", "target"):
            sources: tuple[SourceParams, ...] = getattr(self, table)
            if not sources:
                raise InputError(f"recipe: there are no images: give [[{table}]]")
            for number, one in enumerate(sources, start=1):
                _refuse_beside(f"recipe, {table} {number} ({one.reader})", one)
            _refuse_mixed(table, [one.stretch for one in sources])
        if self.source[0].stretch != self.target[0].stretch:
            raise InputError("recipe: set `stretch` for [[source]] and [[target]] alike")

    @property
    def stretched(self) -> bool:
        """Whether images go through the line of `geomage.geo.stretch` first."""
        return self.source[0].stretch

    def asked(self) -> Any:
        """The parameters of the method.

        Raises:
            InputError: no such method, or parameters that it does not know.
        """
        known = methods.METHODS
        if self.method not in known:
            near = near_names(self.method, known)
            raise InputError(
                f"recipe: no method {self.method!r}{near}: there are {', '.join(known)}"
            )
        return build(known[self.method].params, self.params, f"recipe, params of {self.method}")


def _refuse_beside(where: str, params: SourceParams) -> None:
    for name, usual in _OTHERS.items():
        if getattr(params, name) != usual:
            raise InputError(f"{where}: `{name}` is of training: leave it out")


def _refuse_mixed(table: str, stretches: Sequence[bool]) -> None:
    if len(set(stretches)) > 1:
        raise InputError(f"recipe: set `stretch` for all [[{table}]] alike")


def adapt_recipe_from_dict(table: dict[str, Any], where: str) -> AdaptRecipe:
    """Fill a recipe from nested tables; `where` names their origin in errors."""
    recipe: AdaptRecipe = build(AdaptRecipe, table, where)
    return recipe


def find_adapt_recipe(name_or_path: str) -> AdaptRecipe:
    """Return a shipped recipe by name, or read a TOML file.

    Raises:
        InputError: none of that name; names what is near. Or one that cannot be.
    """
    return adapt_recipe_from_dict(*find_table(name_or_path, _FOLDER))
