"""A run of a chip recipe, to be read from top to bottom: sources, objective, loop, export.

Everything that can be refused is refused before the run folder is made.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from torch import nn
from tqdm import tqdm

from geomage.data.chip import Chip, ChipSource
from geomage.data.chip_sources import SourceParams, kept_under, open_source
from geomage.data.inputs import Inputs, inputs_of, refuse_changed
from geomage.data.kept_chips import make_chips
from geomage.data.splits import ChosenChips, stratified_fraction
from geomage.data.survey import refuse_many, survey_chips
from geomage.data.tables import build, recipe_hash
from geomage.data.translation import OpenedTranslator, OpenTranslator
from geomage.errors import CorruptError, InputError, near_names
from geomage.learn.chip_batches import ChipBatches, WeightedChips, feed_of, tell_skipped
from geomage.learn.chip_looks import FeatureLook, LabelLook
from geomage.learn.chip_recipe import ChipRecipe, chip_recipe_from_dict
from geomage.learn.limits import refuse_params
from geomage.learn.loop import Look, run_loop
from geomage.learn.loop_state import read_tensors
from geomage.learn.objective import Objective
from geomage.learn.objectives import OBJECTIVES, is_selfsupervised
from geomage.learn.processes import Group, together
from geomage.learn.run_folder import (
    RunPaths,
    read_run_table,
    refuse_other_run,
    refuse_strange,
    work_alone,
)
from geomage.learn.semisupervised import chip_chances
from geomage.learn.semisupervised.supervised import HEAD
from geomage.model.architecture import EarthNetwork, build_network
from geomage.model.onnx_network import write_network_onnx
from geomage.workers import Workers

__all__ = [
    "export_chips",
    "is_chip_run",
    "load_network",
    "objective_of",
    "start_from",
    "train_chips",
]

_ROLES = ("labelled", "unlabelled", "other", "held_out")  # of sources, in a recipe
_SHOWN = 4  # chips pictured where nothing is labelled


def train_chips(
    recipe: ChipRecipe,
    out: Path,
    *,
    jobs: int = 1,
    pool: Path | None = None,
    open_translator: OpenTranslator | None = None,
) -> Path:
    """Train by the recipe; return what it was for.

    That is the weights of an encoder after learning without labels, and an ONNX file else.

    Args:
        recipe: what to do.
        out: the run folder; one that holds a run of this recipe is resumed.
        jobs: processes that simulate.
        pool: folder that simulated chips are kept in, to share between runs; `out/chips` when None.
        open_translator: opens the translators that sources name; needed where some do.

    Raises:
        InputError: a source, a name or a number that cannot be, or a run of another recipe or of
            other files.
        OutputError: another run works in the folder.
        RunError: the loss is not finite, or too many chips cannot be read.
    """
    paths, objective = RunPaths(out), objective_of(recipe)
    translators = _translators(recipe, open_translator)
    mark = _mark(recipe, translators)
    refuse_strange(paths)
    began = refuse_other_run(paths, mark)
    kept = pool or out / "chips"
    with together(recipe.loop.device) as group:
        inputs = _inputs(recipe, kept) if group.first else {}
        refuse_changed(began, inputs, out)
        chips = _open_chips(recipe, _Kept(kept, jobs, group, translators))
        _refuse_dates(recipe, chips)
        batches = ChipBatches(
            feed_of(chips.labelled), feed_of(chips.unlabelled), recipe.batches, recipe.seed
        )
        with work_alone(out) if group.first else nullcontext():
            if group.first:
                _write_recipe(paths, recipe, {"hash": mark, "inputs": inputs}, translators)
            run_loop(objective, batches, recipe.loop, paths, mark, _look_of(recipe, chips, paths))
            if is_selfsupervised(recipe.objective):
                return paths.network
            return export_chips(out, paths.model) if group.first else paths.model


# ------------------------------------------------------------------------------ objective


def objective_of(recipe: ChipRecipe) -> Objective:
    """Build the objective, its encoder begun with the one of `start`.

    Raises:
        InputError: no such objective, or parameters that it does not know.
    """
    known = OBJECTIVES
    if recipe.objective not in known:
        raise InputError(
            f"recipe: no objective {recipe.objective!r}{near_names(recipe.objective, known)}: "
            f"there are {', '.join(known)}"
        )
    _refuse_without_chips(recipe)
    params, make = known[recipe.objective]
    where = f"recipe, params of {recipe.objective}"
    asked = build(params, recipe.params, where)
    refuse_params(where, asked)
    objective: Objective = make(asked, recipe.architecture, recipe.seed)
    network = objective.modules["network"]
    _refuse_crop(recipe, network)
    if recipe.start:
        start_from(Path(recipe.start), network)
    return objective


def _refuse_without_chips(recipe: ChipRecipe) -> None:
    needs = "unlabelled" if is_selfsupervised(recipe.objective) else "labelled"
    if not getattr(recipe, needs):
        raise InputError(f"recipe: {recipe.objective} learns from [[{needs}]]: give a source")


def _refuse_crop(recipe: ChipRecipe, network: nn.Module) -> None:
    stride: Any = network.stride
    if recipe.batches.crop % stride:
        raise InputError(
            f"recipe, batches: crop = {recipe.batches.crop} px must be a multiple of {stride}, "
            "the stride of the network"
        )


def start_from(path: Path, network: nn.Module) -> None:
    """Load the encoder of a pre-training into a network.

    Raises:
        InputError: there is none, or it has another form.
    """
    file = path / "network.safetensors" if path.is_dir() else path
    if not file.is_file():
        raise InputError(
            f"recipe: start = {str(path)!r}: {file} is not there: give the run folder of a "
            "finished `geomage pretrain`, or leave `start` out"
        )
    tensors, _ = read_tensors(file)
    mine = "encoder."
    encoder: Any = network.encoder
    own = {n.removeprefix(mine): t for n, t in tensors.items() if n.startswith(mine)}
    try:
        encoder.load_state_dict(own)
    except RuntimeError as error:
        raise InputError(
            f"{file}: its encoder is another one than this recipe's: give `architecture` the "
            "encoder it was pre-trained with"
        ) from error


# ------------------------------------------------------------------------------ chips


@dataclass(frozen=True)
class _Kept:
    """Where simulated chips are kept, and who makes them."""

    folder: Path
    jobs: int
    group: Group
    translators: Mapping[str, OpenedTranslator]
    """By the name that sources call them."""


@dataclass(frozen=True)
class _Chips:
    """What a run learns from and is judged by."""

    labelled: list[WeightedChips]
    unlabelled: list[WeightedChips]
    held_out: tuple[Chip, ...]
    classes: tuple[str, ...]


def _open_chips(recipe: ChipRecipe, kept: _Kept) -> _Chips:
    """Open every source; simulate what is to be simulated."""
    labelled = [_opened(one, kept) for one in recipe.labelled]
    held = [_opened(one, kept) for one in recipe.held_out]
    classes = _classes_of([*labelled, *held], recipe)
    bare = [_opened(one, kept) for one in recipe.unlabelled]
    other: list[ChipSource | None] = [_opened(one, kept) for one in recipe.other]
    other = other or [None] * len(bare)
    _refuse_unlike(bare, other)
    return _Chips(
        [_weighted(s, p, recipe) for s, p in zip(labelled, recipe.labelled, strict=True)],
        [
            WeightedChips(source, params.weight, other=twin)
            for source, params, twin in zip(bare, recipe.unlabelled, other, strict=True)
        ],
        tuple(chip for source in held for chip in _held_out(source, recipe.batches.most_corrupt)),
        classes,
    )


def _sources(recipe: ChipRecipe) -> dict[str, tuple[SourceParams, ...]]:
    return {name: getattr(recipe, name) for name in _ROLES}


def _inputs(recipe: ChipRecipe, kept: Path) -> Inputs:
    """What all sources are read from; their translators are noted by themselves."""

    def opened(one: SourceParams) -> ChipSource:
        return open_source(replace(one, translator="", translated=1.0, looks=1), kept)

    sources = _sources(recipe)
    return inputs_of({role: [opened(one) for one in some] for role, some in sources.items()})


def _translators(
    recipe: ChipRecipe, open_translator: OpenTranslator | None
) -> dict[str, OpenedTranslator]:
    """The translators that sources name, opened."""
    named = {one.translator for some in _sources(recipe).values() for one in some}
    names = sorted(named - {""})
    if names and open_translator is None:
        raise InputError(f"recipe: {names[0]} is to be opened by the caller of train_chips")
    return {name: open_translator(name) for name in names} if open_translator else {}


def _opened(params: SourceParams, kept: _Kept) -> ChipSource:
    through = kept.translators.get(params.translator)
    source = open_source(params, kept.folder, None if through is None else through.translator)
    inner = kept_under(source)
    if inner is not None:
        share = (kept.group.rank, kept.group.world)
        with tqdm(desc="chips", unit="chip", disable=None, leave=False, file=sys.stderr) as bar:
            make_chips(inner, Workers(kept.jobs), share, lambda _: bar.update())
    return source


def _weighted(source: ChipSource, params: SourceParams, recipe: ChipRecipe) -> WeightedChips:
    """A labelled source: a share of its chips, those with rare classes more often."""
    if params.fraction == 1 and not recipe.batches.rare:
        return WeightedChips(source, params.weight)
    chips, counts, _, _ = survey_chips(source, recipe.batches.most_corrupt, say=tell_skipped)
    if not counts.any():
        raise InputError(f"{params.reader}: no pixel of its chips has a label: give other chips")
    chosen = stratified_fraction(counts, params.fraction, recipe.seed)
    few = ChosenChips(chips, tuple(chosen.tolist()))
    if not recipe.batches.rare:
        return WeightedChips(few, params.weight)
    chances = chip_chances(counts[chosen].astype(float), recipe.batches.rare)
    return WeightedChips(few, params.weight, chances)


def _classes_of(sources: list[ChipSource], recipe: ChipRecipe) -> tuple[str, ...]:
    """Classes that all labelled sources share and the network answers."""
    found = {source.classes for source in sources}
    if len(found) > 1:
        told = "; ".join(", ".join(one) for one in sorted(found))
        raise InputError(f"recipe: labelled and held-out sources differ in their classes: {told}")
    classes = found.pop() if found else ()
    heads = recipe.architecture.heads
    if recipe.labelled and heads.get(HEAD) != len(classes):
        raise InputError(
            f"recipe, architecture: heads = {heads} for {len(classes)} classes "
            f"({', '.join(classes)}): give {{ {HEAD} = {len(classes)} }}"
        )
    return classes


def _refuse_unlike(bare: list[ChipSource], other: list[ChipSource | None]) -> None:
    for source, twin in zip(bare, other, strict=True):
        if twin is not None and twin.names != source.names:
            raise InputError("recipe: [[other]] has other chips than its [[unlabelled]]")


def _refuse_dates(recipe: ChipRecipe, chips: _Chips) -> None:
    """Raise InputError where the network takes other dates than the chips that it will see have.

    Learning without labels sees one date at a time; `supervised` sees no unlabelled chip.
    """
    if is_selfsupervised(recipe.objective):
        return
    bare = [] if recipe.objective == "supervised" else chips.unlabelled
    first = [next(_readable(one.source), None) for one in (*chips.labelled, *bare)]
    for chip in (*first, *chips.held_out[:1]):
        wanted = recipe.architecture.dates
        if chip is not None and len(chip.pixels) != wanted:
            raise InputError(
                f"{chip.name} has {len(chip.pixels)} dates and the network takes {wanted}: give "
                f"architecture siamese = {'none' if wanted > 1 else 'concatenate'!r}"
            )


def _held_out(source: ChipSource, most_corrupt: float) -> list[Chip]:
    """Every chip that can be read; RunError where more cannot than may."""
    chips, skipped = [], {}
    for index, name in enumerate(source.names):
        try:
            chips.append(source.chip(index))
        except CorruptError as error:
            skipped[name] = str(error)
            tell_skipped(f"{name} is skipped: {error}")
    refuse_many(skipped, len(source.names), most_corrupt)
    return chips


def _readable(source: ChipSource) -> Iterator[Chip]:
    for index in range(len(source.names)):
        with suppress(CorruptError):
            yield source.chip(index)


def _look_of(recipe: ChipRecipe, chips: _Chips, paths: RunPaths) -> Look | None:
    """What is looked at: held-out chips, or features where nothing is labelled."""
    if not is_selfsupervised(recipe.objective):
        return LabelLook(chips.held_out, chips.classes, paths.pictures) if chips.held_out else None
    seen = chips.held_out or tuple(
        chip for one in chips.unlabelled for chip in islice(_readable(one.source), _SHOWN)
    )
    return FeatureLook(seen[:_SHOWN], paths.pictures)


# ------------------------------------------------------------------------------ run folder


def _mark(recipe: ChipRecipe, translators: Mapping[str, OpenedTranslator]) -> str:
    """Hash of a recipe: of what its translators hold, not of where they lie.

    Sources without one have the hash of the versions that knew none.
    """
    data = asdict(recipe)
    for name in _ROLES:
        for source in data[name]:
            if source["translator"]:
                source["translator"] = translators[source["translator"]].sha256
            else:
                del source["translator"], source["translated"], source["looks"]
    return recipe_hash(data)


def _write_recipe(
    paths: RunPaths,
    recipe: ChipRecipe,
    facts: dict[str, Any],
    translators: Mapping[str, OpenedTranslator],
) -> None:
    paths.out.mkdir(parents=True, exist_ok=True)
    facts = facts | {"recipe": asdict(recipe)}
    if translators:
        facts["translators"] = {name: one.sha256 for name, one in translators.items()}
    text = json.dumps(facts, indent=1)
    part = paths.recipe.with_suffix(".part")  # other processes may read it meanwhile
    part.write_text(text, encoding="utf-8")
    part.replace(paths.recipe)


def is_chip_run(run: Path) -> bool:
    """Whether a folder holds a run of a chip recipe."""
    try:
        return "objective" in read_run_table(run)
    except InputError:
        return False


def _recipe_of(run: Path) -> ChipRecipe:
    """The recipe that a run folder holds."""
    return chip_recipe_from_dict(read_run_table(run), str(run / "recipe.json"))


def load_network(run: Path) -> EarthNetwork:
    """The averaged network of a run folder, finished or not, ready to predict."""
    recipe = _recipe_of(run)
    network = build_network(recipe.architecture, recipe.seed)
    path, mine = run / "checkpoint.safetensors", "averaged."
    tensors, _ = read_tensors(path)
    try:
        network.load_state_dict(
            {n.removeprefix(mine): t for n, t in tensors.items() if n.startswith(mine)}
        )
    except RuntimeError as error:
        raise InputError(
            f"{path}: holds another network than the recipe beside it tells: train it again"
        ) from error
    return network.eval().requires_grad_(requires_grad=False)


def export_chips(run: Path, path: Path) -> Path:
    """Write the averaged network of a run, finished or not, as one ONNX file for any sensor.

    Raises:
        InputError: no run of chips, or one without labels: its decoder has learnt nothing.
    """
    objective = _recipe_of(run).objective
    if is_selfsupervised(objective):
        raise InputError(
            f"{run}: {objective} learnt an encoder, which answers nothing yet: let a recipe of "
            f"`geomage train` begin with it (start = {str(run)!r}) and export that run"
        )
    return write_network_onnx(load_network(run), path)
