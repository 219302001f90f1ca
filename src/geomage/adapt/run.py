"""A run of `geomage adapt`, to be read from top to bottom: domains, fit, file, measures, picture.

Everything that can be refused is refused before anything is learnt.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from geomage import __version__
from geomage.adapt import methods
from geomage.adapt.domains import DomainSurvey, domain_inputs, open_domains
from geomage.adapt.faithfulness import (
    FAITHFULNESS,
    Faithfulness,
    FaithfulnessParams,
    Instruments,
    measure_faithfulness,
    write_faithfulness,
)
from geomage.adapt.method import Domains, Fitting, Method, Parts
from geomage.adapt.recipe import AdaptRecipe
from geomage.adapt.segmenter import building_labels, fitting_segmenter
from geomage.adapt.translated_picture import Row, draw_translated
from geomage.adapt.translator_file import TRANSLATOR, open_translator, write_parts
from geomage.data.inputs import refuse_changed
from geomage.data.tables import recipe_hash
from geomage.data.translation import Translator, translate_chip
from geomage.errors import InputError
from geomage.learn import require_training
from geomage.learn.run_folder import RunPaths, refuse_other_run

__all__ = ["make_translator"]

_SHOWN = 4  # rows of the picture
_MEASURED = 16  # chips of the source that are translated to see what becomes of them


def make_translator(
    recipe: AdaptRecipe,
    out: Path,
    *,
    jobs: int = 1,
    pool: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Path:
    """Learn a translator; return its file.

    Args:
        recipe: what to do.
        out: the run folder; one that holds a run of this recipe is resumed, a finished one stays.
        jobs: processes that simulate.
        pool: folder that simulated chips are kept in, to share between runs; `out/chips` when None.
        say: told what a person should know: chips that are left out.

    Raises:
        InputError: a source, a name or a number that cannot be, a run of another recipe or of other
            files, or one whose translator was damaged.
        MissingExtraError: the method needs torch and the extra is not installed.
        RunError: too many chips cannot be read, or learning failed.
    """
    paths, mark = RunPaths(out), recipe_hash(recipe)
    began = refuse_other_run(paths, mark)
    inputs = domain_inputs(recipe, pool or out / "chips")
    refuse_changed(began, inputs, out)
    picture = paths.pictures / "translated.png"
    if all(path.exists() for path in (out / TRANSLATOR, out / FAITHFULNESS, picture)):
        open_translator(out)  # what was damaged since is told, not handed on
        say(f"note: {out} holds the finished run of this recipe: nothing was learnt anew")
        return out / TRANSLATOR
    method, asked = methods.METHODS[recipe.method], recipe.asked()
    domains, found = open_domains(
        recipe,
        pool or out / "chips",
        jobs=jobs,
        needs_labels=method.needs_labels(asked, recipe.paired),
        say=say,
    )
    fitting = Fitting(domains, out, recipe.seed, recipe.loop, recipe.crop, recipe.batch)
    with _noted(paths, {"hash": mark, "recipe": asdict(recipe), "inputs": inputs}, found):
        parts = _fit(method, asked, fitting)
    file = write_parts(out, _named(parts, recipe, found["source"]))
    translator = open_translator(file)
    write_faithfulness(_measure(domains, translator, recipe.seed), out)
    draw_translated(picture, list(_rows(domains, translator, recipe.seed)))
    return file


def _fit(method: Method, asked: Any, fitting: Fitting) -> Parts:
    try:
        return method.fit(asked, fitting)
    except ModuleNotFoundError:
        require_training()  # says which extra is missing
        raise


def _named(parts: Parts, recipe: AdaptRecipe, source: DomainSurvey) -> Parts:
    """What the run knows of a translator: its name, and every GSD of the domain it is for."""
    card = replace(
        parts.card,
        name=recipe.name,
        version=__version__,
        stretched=recipe.stretched,
        gsd_m=source.gsd_m,
    )
    return parts._replace(card=card)


def _measure(domains: Domains, translator: Translator, seed: int) -> Faithfulness:
    """What is kept: edges and places always, buildings where the shipped model can see them."""
    positive = building_labels(domains.source.classes)
    params = FaithfulnessParams(chips=_MEASURED, positive=positive, seed=seed)
    instruments = Instruments(fitting_segmenter(translator.card))
    return measure_faithfulness(translator, domains.source, domains.target, params, instruments)


def _rows(domains: Domains, translator: Translator, seed: int) -> Iterator[Row]:
    """Chips spread over the source; of the target the same places, or others."""
    many = len(domains.source.names)
    for row, index in enumerate(np.linspace(0, many - 1, min(_SHOWN, many)).astype(int).tolist()):
        chip = domains.source.chip(index)
        beside = index if domains.paired else row % len(domains.target.names)
        yield chip, translate_chip(translator, chip, seed + row), domains.target.chip(beside)


# ------------------------------------------------------------------------------ run folder


@contextmanager
def _noted(
    paths: RunPaths, facts: dict[str, Any], found: dict[str, DomainSurvey]
) -> Iterator[None]:
    """Write `recipe.json`; where a new run is refused by its method, the folder stays free."""
    fresh = not paths.recipe.exists()
    _write_facts(paths, facts, found)
    try:
        yield
    except InputError:
        if fresh:
            paths.recipe.unlink(missing_ok=True)
        raise


def _write_facts(paths: RunPaths, facts: dict[str, Any], found: dict[str, DomainSurvey]) -> None:
    """The recipe, its hash, its inputs, and how many chips were left out."""
    paths.out.mkdir(parents=True, exist_ok=True)
    chips = {
        role: {
            "learnt_from": len(survey.sound),
            "empty": list(survey.empty),
            "unreadable": list(survey.unreadable),
        }
        for role, survey in found.items()
    }
    part = paths.recipe.with_suffix(".part")
    part.write_text(json.dumps(facts | {"chips": chips}, indent=1), encoding="utf-8")
    part.replace(paths.recipe)
