"""Learning: recipes, the growing pool of simulated pairs, losses, training, evaluation.

Only what needs no torch is imported here; `train_recipe` and `export_run` load it when called.
"""

from __future__ import annotations

import os
from pathlib import Path

from geomage.errors import MissingExtraError
from geomage.learn.recipe import Recipe, read_recipe, shipped_recipe

__all__ = [
    "Recipe",
    "export_run",
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


def train_recipe(recipe: Recipe, out: Path, *, jobs: int = 2, pool: Path | None = None) -> Path:
    """Train on the simulated stream of the recipe; return the exported model.

    Args:
        recipe: from `read_recipe` or `shipped_recipe`.
        out: run folder, created, or resumed when it holds a run of the same recipe.
        jobs: processes that simulate.
        pool: folder of simulated pairs shared between runs; `out/pool` by default.
    """
    require_training()
    from geomage.learn.stream import open_stream  # noqa: PLC0415 -- the extra
    from geomage.learn.train import train  # noqa: PLC0415

    return train(recipe, out, open_stream(recipe), jobs=jobs, pool=pool)


def export_run(run: Path, path: Path, *, pool: Path | None = None) -> Path:
    """Export the last checkpoint of a run folder as one ONNX file."""
    require_training()
    from geomage.learn import export  # noqa: PLC0415 -- the extra

    return export.export_run(run, path, pool=pool)


def quantise_model(model: Path | str, out: Path, *, pairs: int = 12) -> Path:
    """Write the int8 form of a model, calibrated on simulated pairs; it has no gate yet."""
    require_training()
    from geomage.learn import quantise  # noqa: PLC0415 -- the extra

    return quantise.quantise_model(model, out, pairs=pairs)
