"""Every way to make a translator, by name; imported lazily, for some need torch."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from geomage.adapt.baselines import BASELINES
from geomage.adapt.flow.method_rows import FLOWS
from geomage.adapt.method import Method

__all__ = ["METHODS"]

METHODS: Mapping[str, Method] = MappingProxyType({**BASELINES, **FLOWS})
"""Name -> parameters, how it learns, how it works."""
