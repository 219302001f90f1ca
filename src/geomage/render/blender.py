"""Blender's Cycles (the extra `[blender]`) as a reference engine, in a process of its own.

bpy is under the GPL: nothing of it is imported here. The process gets files in a temporary folder
and leaves the picture there.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from geomage.errors import MissingExtraError, RunError
from geomage.render.facets import Facets
from geomage.render.tracing import BOUNCES, SUN_DEGREES, Light, View

__all__ = ["require_blender", "trace"]

WORKER = Path(__file__).with_name("_blender_worker.py")
_LAST = 3  # lines of what the process said that are shown when it fails


def require_blender() -> None:
    """Say how to install Blender where it is missing."""
    if find_spec("bpy") is None:
        raise MissingExtraError(
            "the engine blender needs bpy: install geomage with its extra, "
            "pip install 'geomage[blender]'"
        )


def trace(facets: Facets, light: Light, view: View, samples: int) -> np.ndarray:
    """Trace three bands: radiance (3, y, x), denoised.

    Raises:
        RunError: the process failed or was ended.
    """
    require_blender()
    with tempfile.TemporaryDirectory(prefix="geomage-blender-") as folder:
        _write_job(Path(folder), facets, light, view, samples)
        _run(WORKER, Path(folder))
        return _read_picture(Path(folder), view)


def _write_job(folder: Path, facets: Facets, light: Light, view: View, samples: int) -> None:
    """Lay out what the worker reads: three arrays as plain numbers, the rest as JSON."""
    facets.corners.astype("=f4").tofile(folder / "corners")
    facets.quads.astype("=i4").tofile(folder / "quads")
    np.ascontiguousarray(facets.albedo.T, "=f4").tofile(folder / "albedo")
    job = {
        "columns": view.columns, "rows": view.rows, "px": view.px, "lean": view.lean,
        "to_sun": light.to_sun, "sun": light.sun.tolist(), "sky": light.sky.tolist(),
        "sun_degrees": SUN_DEGREES, "bounces": BOUNCES, "samples": samples,
    }  # fmt: skip
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")


def _run(worker: Path, folder: Path) -> None:
    """Run the worker on a folder; its failure is ours."""
    command = [sys.executable, str(worker), str(folder)]
    done = subprocess.run(  # noqa: S603 -- our own script
        command, check=False, capture_output=True, text=True, errors="replace"
    )
    if done.returncode < 0:
        raise RunError(
            f"the Blender process was ended by signal {-done.returncode}: "
            "picture a smaller city or give the machine more memory"
        )
    if done.returncode or not (folder / "picture").is_file():
        said = " | ".join(done.stderr.strip().splitlines()[-_LAST:])
        raise RunError(f"the Blender process failed with code {done.returncode}: {said}")


def _read_picture(folder: Path, view: View) -> np.ndarray:
    """Radiance (3, y, x) of what the worker left: rows from south to north, pixel by pixel."""
    values = np.fromfile(folder / "picture", "=f4")
    channels = values.size // (view.rows * view.columns)
    image = values.reshape(view.rows, view.columns, channels)[::-1, :, :3]
    return np.ascontiguousarray(np.moveaxis(image, -1, 0))
