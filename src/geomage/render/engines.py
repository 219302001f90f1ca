"""The engines that can light and view a stage, by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import version
from types import MappingProxyType

from geomage.errors import InputError
from geomage.render import blender as blender_
from geomage.render import mitsuba as mitsuba_
from geomage.render.engine import Picture, light_and_view
from geomage.render.matter import Appearance
from geomage.render.stage import Stage
from geomage.render.tracing import trace_picture

__all__ = ["ENGINES", "SAMPLES", "TRACING_BYTES", "engine", "engine_facts", "refuse_engine"]

SAMPLES: Mapping[str, int] = MappingProxyType({"mitsuba": 32, "blender": 16})
"""Samples a pixel that engines take when none are stated; those that are missing take none."""
MOST_SAMPLES = 4096
TRACING_BYTES: Mapping[str, int] = MappingProxyType({"mitsuba": 900, "blender": 1100})
"""What an engine needs of memory a pixel beyond painting, measured at the peak."""
_PACKAGES = {"heightfield": "geomage", "mitsuba": "mitsuba", "blender": "bpy"}


def mitsuba(stage: Stage, when: Appearance, samples: int = SAMPLES["mitsuba"]) -> Picture:
    """Picture a stage with Mitsuba's path tracer, the extra `[mitsuba]`."""
    return trace_picture(stage, when, mitsuba_.trace, samples)


def blender(stage: Stage, when: Appearance, samples: int = SAMPLES["blender"]) -> Picture:
    """Picture a stage with Blender's Cycles, denoised, the extra `[blender]`."""
    return trace_picture(stage, when, blender_.trace, samples)


ENGINES: Mapping[str, Callable[..., Picture]] = MappingProxyType(
    {"heightfield": light_and_view, "mitsuba": mitsuba, "blender": blender}
)
"""Name -> (stage, appearance) -> picture; those of `SAMPLES` also take `samples`."""
_NEEDS: Mapping[str, Callable[[], object]] = MappingProxyType(
    {"mitsuba": mitsuba_.require_mitsuba, "blender": blender_.require_blender}
)


def refuse_engine(name: str, samples: int | None = None) -> None:
    """Refuse an engine that there is none of, and samples that it cannot take.

    Raises:
        InputError: unknown name, or samples out of range or for an engine that takes none.
    """
    if name not in ENGINES:
        near = difflib.get_close_matches(name.lower(), ENGINES, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}? " if near else ""
        raise InputError(f"unknown engine {name!r}: {hint}choose one of {', '.join(ENGINES)}")
    if samples is None:
        return
    if name not in SAMPLES:
        raise InputError(f"the engine {name} takes no samples: leave --samples out")
    if not 1 <= samples <= MOST_SAMPLES:
        raise InputError(f"{samples} samples a pixel are outside 1..{MOST_SAMPLES}")


def engine(name: str, samples: int | None = None) -> Callable[[Stage, Appearance], Picture]:
    """Return an engine by name, once it is certain that it can run.

    Raises:
        InputError: as `refuse_engine`.
        MissingExtraError: its extra is not installed.
    """
    refuse_engine(name, samples)
    if name in _NEEDS:
        _NEEDS[name]()
    return ENGINES[name] if samples is None else partial(ENGINES[name], samples=samples)


def engine_facts(name: str, samples: int | None = None) -> dict[str, str | int]:
    """What to write down of an engine: its name, the version of its package, its samples."""
    facts: dict[str, str | int] = {"name": name, "version": version(_PACKAGES[name])}
    if name in SAMPLES:
        facts["samples"] = samples or SAMPLES[name]
    return facts
