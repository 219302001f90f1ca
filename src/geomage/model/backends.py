"""What can run a model, by name; each is a module of its own that is imported when it is asked for.

Such a module has one function, `open_runner`. The precisions beside a name are those it can compute
in: "fp32" and "bf16" of a file of 32-bit weights, "int8" of a file that `quantise_model` wrote.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, UInt8

from geomage.errors import InputError, MissingExtraError, near_names

__all__ = [
    "BACKENDS",
    "DEFAULT_BACKEND",
    "Backend",
    "Runner",
    "as_shares",
    "find_backend",
    "find_precision",
]

Images = UInt8[np.ndarray, "batch 3 y x"] | Float32[np.ndarray, "batch 3 y x"]
"""Counts, or counts / 255, as the graph takes them."""
Runner = Callable[[Images, Images], tuple[np.ndarray, np.ndarray, np.ndarray]]
"""Both dates -> land cover, damage, flags; float32, new arrays at each call."""


def as_shares(counts: UInt8[np.ndarray, "*shape"]) -> Float32[np.ndarray, "*shape"]:
    """Counts / 255."""
    return np.asarray(np.divide(counts, np.float32(255), dtype=np.float32))


@runtime_checkable
class OpensRunners(Protocol):
    """A module that runs models."""

    def open_runner(self, content: bytes, threads: int, precision: str) -> Runner:
        """Make a model, given as the bytes of its file, ready to run."""


@dataclass(frozen=True)
class Backend:
    """One way to run a model."""

    module: str
    precisions: tuple[str, ...]
    extra: str = ""
    """The extra of geomage that brings it; none is needed where empty."""

    def require(self) -> OpensRunners:
        """Import its module.

        Raises:
            MissingExtraError: what it runs on is not installed.
        """
        try:
            found: OpensRunners = importlib.import_module(self.module)
        except ImportError as error:
            raise MissingExtraError(
                f"this backend needs {error.name}: install geomage with its extra, "
                f"pip install 'geomage[{self.extra}]'"
            ) from error
        return found


DEFAULT_BACKEND = "onnxruntime"
BACKENDS: Mapping[str, Backend] = MappingProxyType(
    {
        "onnxruntime": Backend("geomage.model.run_onnxruntime", ("fp32", "int8")),
        "openvino": Backend("geomage.model.run_openvino", ("fp32", "bf16", "int8"), "openvino"),
        "torch": Backend("geomage.model.run_torch", ("fp32", "bf16"), "train"),
    }
)


def find_backend(name: str) -> Backend:
    """Look a backend up.

    Raises:
        InputError: there is none of this name.
    """
    if name not in BACKENDS:
        raise InputError(
            f"unknown backend {name!r}{near_names(name.lower(), BACKENDS)}: choose one of "
            f"{', '.join(BACKENDS)}"
        )
    return BACKENDS[name]


def find_precision(backend: str, precision: str) -> str:
    """Return a precision that this backend can compute in.

    Raises:
        InputError: it cannot.
    """
    offered = find_backend(backend).precisions
    if precision not in offered:
        near = near_names(precision.lower(), offered)
        raise InputError(
            f"unknown precision {precision!r} of {backend}{near}: "
            f"choose one of {', '.join(offered)}"
        )
    return precision
