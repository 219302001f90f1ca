"""From a run to the file that maps: the averaged weights, calibrated, with their model card."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from geomage import __version__
from geomage.learn.calibrate import Validation, validate
from geomage.learn.checkpoint import read_averaged
from geomage.learn.pool import indices_of, trim, wait_for_pair
from geomage.learn.recipe import Recipe, recipe_from_dict
from geomage.learn.run_folder import read_run_table
from geomage.model.card import ModelCard
from geomage.model.export import HALO, TRIM, WINDOW, write_onnx
from geomage.model.network import STRIDE, Network

__all__ = ["export_learner", "export_run", "read_run_recipe"]


def card_of(recipe: Recipe, report: Validation) -> ModelCard:
    """The card of a model made by this recipe."""
    facts = {**asdict(recipe), "validation": asdict(report)}
    return ModelCard(
        name=recipe.name,
        version=recipe.version,
        gsd_min=recipe.gsd_min,
        gsd_max=recipe.gsd_max,
        gsd=recipe.gsd,
        stride=STRIDE,
        halo=HALO,
        window=WINDOW,
        trim=TRIM,
        building_threshold=recipe.building_threshold,
        temperature=report.temperature,
        recipe=facts,
        seed=recipe.seed,
        licence=recipe.licence,
        trained_on=recipe.trained_on,
        geomage_version=__version__,
    )


def export_learner(recipe: Recipe, network: Network, path: Path, report: Validation) -> Path:
    """Write the ONNX file of a network in evaluation mode."""
    return write_onnx(network, card_of(recipe, report), path, recipe.loss.damage_weights)


def read_run_recipe(run: Path) -> Recipe:
    """The recipe a run folder was made with."""
    return recipe_from_dict(read_run_table(run), str(run / "recipe.json"))


def export_run(run: Path, path: Path, *, pool: Path | None = None) -> Path:
    """Export a run's last checkpoint, finished or not, calibrated on its held-out pairs."""
    recipe = read_run_recipe(run)
    network, _ = read_averaged(run / "checkpoint.safetensors", recipe)
    folder = pool or run / "pool"
    held = [i for i in indices_of(folder) if i >= recipe.pool.count]
    pairs = (trim(wait_for_pair(folder, i, ())) for i in held)
    report = validate(network, pairs, recipe.loss.damage_weights)
    return export_learner(recipe, network, path, report)
