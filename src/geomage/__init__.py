"""geomage: from a simulated city to a real disaster map."""

from __future__ import annotations

import os
from importlib.metadata import version

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read when onnxruntime is first imported

__version__ = version("geomage")
