"""The models: what is exported and runs anywhere, and the network it comes from.

`package` and `card` need no torch; `network` and `export` are the half that trains.
"""

from __future__ import annotations

from geomage.model.backends import BACKENDS, DEFAULT_BACKEND
from geomage.model.card import ModelCard
from geomage.model.gate import Gate, gate_name
from geomage.model.package import Model, Prediction, default_model_path, load_model

__all__ = [
    "BACKENDS",
    "DEFAULT_BACKEND",
    "Gate",
    "Model",
    "ModelCard",
    "Prediction",
    "default_model_path",
    "gate_name",
    "load_model",
]
