"""Every way to make a translator, by name; imported lazily, for some need torch."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

METHODS: Mapping[str, Method] = MappingProxyType({**BASELINES, **FLOWS})
from geomage.adapt.method import Method

__all__ = ["METHODS"]

METHODS: Mapping[str, Method] = MappingProxyType({**BASELINES, **FLOWS})
"""Name -> parameters, how it learns, how it works."""
