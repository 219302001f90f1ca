"""Every way of learning from chips, by the name a recipe calls it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from geomage.learn.objective import Objective
from geomage.learn.selfsupervised import SELFSUPERVISED
from geomage.learn.semisupervised import SEMISUPERVISED

__all__ = ["OBJECTIVES", "Method", "is_selfsupervised"]


class Method(NamedTuple):
    """Parameters and builder (params, architecture, seed) of an objective."""

    params: type
    make: Callable[..., Objective]


OBJECTIVES: Mapping[str, Method] = MappingProxyType(
    {name: Method(*parts) for name, parts in {**SELFSUPERVISED, **SEMISUPERVISED}.items()}
)


def is_selfsupervised(name: str) -> bool:
    """Whether an objective learns without labels."""
    return name in SELFSUPERVISED
