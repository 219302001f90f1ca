"""geomage: from a simulated city to a real disaster map."""

from __future__ import annotations

from importlib.metadata import version

__version__ = version("geomage")
