"""Mitsuba 3 (the extra `[mitsuba]`, BSD licence) as a reference engine.

The variant `scalar_rgb`: it needs no compiler at run time, and its numbers do not depend on the
machine. Colours are three numbers to it, never a spectrum, so that any three bands can be given.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from geomage.errors import MissingExtraError
from geomage.render.facets import Facets
from geomage.render.tracing import BOUNCES, SUN_DEGREES, Light, View

__all__ = ["require_mitsuba", "trace"]

_SUN_M = 5e5  # how far away the disc of the sun is put: light is parallel to 1 part in 1000
_ABOVE_M = 1000.0  # height of the camera
_LEAST_WEIGHT = 0.1  # of the rays sent to sun or sky; else in proportion to their light


def require_mitsuba() -> ModuleType:
    """Import Mitsuba, or say how to install it."""
    try:
        import mitsuba  # noqa: PLC0415 -- an extra
    except ImportError as error:
        raise MissingExtraError(
            f"the engine mitsuba needs {error.name}: install geomage with its extra, "
            "pip install 'geomage[mitsuba]'"
        ) from error
    mitsuba.set_variant("scalar_rgb")
    mitsuba.set_log_level(mitsuba.LogLevel.Error)
    found: ModuleType = mitsuba
    return found


def trace(facets: Facets, light: Light, view: View, samples: int) -> np.ndarray:
    """Trace three bands: radiance (3, y, x). The same input gives the same numbers.

    The sampler rounds samples up to a full pattern: 32 become 35.
    """
    mi = require_mitsuba()
    scene = mi.load_dict({
        "type": "scene",
        "integrator": {"type": "path", "max_depth": BOUNCES + 2, "rr_depth": BOUNCES + 2},
        "sensor": _sensor(mi, view, samples),
        "sky": {
            "type": "constant",
            "radiance": _rgb(light.sky),
            "sampling_weight": max(float(light.sky.mean()), _LEAST_WEIGHT),
        },
        "sun": _sun(mi, light),
        "town": _mesh(mi, facets),
    })  # fmt: skip
    image = np.array(mi.render(scene, seed=0), np.float32)
    return np.ascontiguousarray(np.moveaxis(image, -1, 0))


def _rgb(values: np.ndarray) -> dict[str, Any]:
    return {"type": "rgb", "value": [float(v) for v in values]}


def _sensor(mi: ModuleType, view: View, samples: int) -> dict[str, Any]:
    """Parallel rays through a level image: the camera is sheared, not turned.

    Mitsuba gives both axes the scale of the first and divides by the sides of the image itself.
    """
    wide, high = view.columns * view.px, view.rows * view.px
    east, north = view.lean
    to_world = np.array([
        [-wide / 2, 0, -east, wide / 2 + _ABOVE_M * east],
        [0, wide / 2, -north, high / 2 + _ABOVE_M * north],
        [0, 0, -1, _ABOVE_M],
        [0, 0, 0, 1],
    ])  # fmt: skip
    return {
        "type": "orthographic",
        "near_clip": 1.0,
        "far_clip": 4 * _ABOVE_M,
        "to_world": mi.ScalarTransform4f(to_world),
        "sampler": {"type": "multijitter", "sample_count": samples},
        "film": {
            "type": "hdrfilm", "width": view.columns, "height": view.rows, "pixel_format": "rgb",
            "component_format": "float32", "rfilter": {"type": "box"},
        },
    }  # fmt: skip


def _sun(mi: ModuleType, light: Light) -> dict[str, Any]:
    """A far disc of the sun's size. Its radiance: irradiance across its light over solid angle."""
    radius = float(np.tan(np.radians(SUN_DEGREES / 2)))
    across = np.pi * light.sun / light.to_sun[2]
    place = [_SUN_M * c for c in light.to_sun]
    turn = mi.ScalarTransform4f().look_at(origin=place, target=[0, 0, 0], up=[0.3, 0.9, 0.1])
    return {
        "type": "disk",
        "to_world": turn @ mi.ScalarTransform4f().scale(_SUN_M * radius),
        "emitter": {
            "type": "area",
            "radiance": _rgb(across / (np.pi * radius**2)),
            "sampling_weight": max(float(light.sun.mean()), _LEAST_WEIGHT),
        },
    }


def _mesh(mi: ModuleType, facets: Facets) -> Any:
    """Two triangles a quad, each with its colour, black on no side."""
    props = mi.Properties()
    colour = {"type": "mesh_attribute", "name": "face_albedo"}
    props["bsdf"] = mi.load_dict(
        {"type": "twosided", "matter": {"type": "diffuse", "reflectance": colour}}
    )
    mesh = mi.Mesh("town", len(facets.corners), 2 * len(facets.quads), props=props)
    values = mi.traverse(mesh)
    values["vertex_positions"] = facets.corners.ravel()
    values["faces"] = facets.quads[:, [0, 1, 2, 0, 2, 3]].astype(np.uint32).ravel()
    values.update()
    colours = np.repeat(facets.albedo.T, 2, axis=0)
    mesh.add_attribute("face_albedo", 3, np.ascontiguousarray(colours, np.float32).ravel())
    return mesh
