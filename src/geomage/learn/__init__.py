"""Learning: recipes, the growing pool of simulated pairs, losses, training, evaluation.

Only what needs no torch is imported here; `train_recipe` and `export_run` load it when called.
"""

from __future__ import annotations

import os
from pathlib import Path

from geomage.data.translation import OpenTranslator
from geomage.errors import InputError, MissingExtraError
from geomage.learn.chip_recipe import ChipRecipe, find_training_recipe
from geomage.learn.recipe import Recipe, read_recipe, shipped_recipe

__all__ = [
    "ChipRecipe",
    "Recipe",
    "export_run",
    "find_training_recipe",
    "pretrain_recipe",
    "quantise_model",
    "read_recipe",
    "shipped_recipe",
    "train_recipe",
]


def require_training() -> None:
    """Say how to install what training needs; make its threads sleep, not spin, while they wait.

    Simulation shares the cores with training: spinning threads cost it a third. OpenMP reads the
    policy once, when torch is loaded.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        import onnx  # noqa: F401, PLC0415 -- an extra, only probed
        import safetensors  # noqa: F401, PLC0415
        import torch  # noqa: F401, PLC0415
    except ImportError as error:
        raise MissingExtraError(
            f"training needs {error.name}: install geomage with its extra, "
            "pip install -e '.[train]' -c constraints.txt in a checkout, or pip install "
            "'geomage[train]'"
        ) from error


def train_recipe(
    recipe: Recipe | ChipRecipe,
    out: Path,
    *,
    jobs: int = 2,
    pool: Path | None = None,
    open_translator: OpenTranslator | None = None,
) -> Path:
    """Train by the recipe, on its simulated stream or on its chips; return the exported model.

    Args:
        recipe: from `find_training_recipe`, `read_recipe` or `shipped_recipe`.
        out: run folder, created, or resumed when it holds a run of the same recipe.
        jobs: processes that simulate.
        pool: folder of simulated pairs or chips shared between runs; in `out` by default.
        open_translator: opens the translators that sources of chips name.

    Raises:
        InputError: the recipe learns without labels, or cannot be.
    """
    require_training()
    if isinstance(recipe, ChipRecipe):
        _refuse_verb(recipe, labels=True)
        from geomage.learn.chip_run import train_chips  # noqa: PLC0415 -- the extra

        return train_chips(recipe, out, jobs=jobs, pool=pool, open_translator=open_translator)
    from geomage.learn.stream import open_stream  # noqa: PLC0415 -- the extra
    from geomage.learn.train import train  # noqa: PLC0415

    return train(recipe, out, open_stream(recipe), jobs=jobs, pool=pool)


def pretrain_recipe(
    recipe: Recipe | ChipRecipe,
    out: Path,
    *,
    jobs: int = 2,
    pool: Path | None = None,
    open_translator: OpenTranslator | None = None,
) -> Path:
    """Pre-train an encoder without labels; return its weights, for `start` of another recipe.

    Args:
        recipe: from `find_training_recipe`.
        out: run folder, created, or resumed when it holds a run of the same recipe.
        jobs: processes that simulate.
        pool: folder of simulated chips shared between runs; in `out` by default.
        open_translator: opens the translators that sources name.

    Raises:
        InputError: the recipe learns from labels, or cannot be.
    """
    require_training()
    if not isinstance(recipe, ChipRecipe):
        raise InputError(f"recipe {recipe.name!r} learns from labels: geomage train takes it")
    _refuse_verb(recipe, labels=False)
    from geomage.learn.chip_run import train_chips  # noqa: PLC0415 -- the extra

    return train_chips(recipe, out, jobs=jobs, pool=pool, open_translator=open_translator)


def _refuse_verb(recipe: ChipRecipe, *, labels: bool) -> None:
    from geomage.learn.objectives import OBJECTIVES, is_selfsupervised  # noqa: PLC0415

    if recipe.objective in OBJECTIVES and labels == is_selfsupervised(recipe.objective):
        how, verb = ("without", "pretrain") if labels else ("from", "train")
        raise InputError(f"{recipe.objective} learns {how} labels: geomage {verb} takes it")


def export_run(run: Path, path: Path, *, pool: Path | None = None) -> Path:
    """Export the last checkpoint of a run folder as one ONNX file."""
    require_training()
    from geomage.learn import chip_run, export  # noqa: PLC0415 -- the extra
    from geomage.learn.run_folder import refuse_own  # noqa: PLC0415

    refuse_own(run, path)
    if chip_run.is_chip_run(run):
        return chip_run.export_chips(run, path)

    return export.export_run(run, path, pool=pool)


def quantise_model(model: Path | str, out: Path, *, pairs: int = 12) -> Path:
    """Write the int8 form of a model, calibrated on simulated pairs; it has no gate yet."""
    require_training()
    from geomage.learn import quantise  # noqa: PLC0415 -- the extra

    return quantise.quantise_model(model, out, pairs=pairs)
