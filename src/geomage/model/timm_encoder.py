"""Encoders of timm, where it is installed: an option, never a need.

timm:NAME takes three bands, ours any: the sensor stem makes three of them at full resolution first.
Weights are never fetched; load a file of them into `network.encoder.body` yourself.
"""

from __future__ import annotations

import importlib
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from geomage.errors import InputError, MissingExtraError, near_names
from geomage.model.blueprint import TIMM
from geomage.model.sensor_stem import SensorStem

__all__ = ["TimmEncoder"]


class TimmEncoder(nn.Module):
    """Features of a network of timm, from fine to coarse."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.stem = SensorStem(3, 3, 1)
        self.body = _create(name.removeprefix(TIMM))
        self.widths = tuple(self.body.feature_info.channels())
        self.strides = tuple(self.body.feature_info.reduction())

    def forward(
        self,
        image: Float[Tensor, "batch band y x"],
        channels: Float[Tensor, "band 2"],
        gsd: Float[Tensor, " batch"],
    ) -> list[Tensor]:
        """Features from fine to coarse, `widths` channels at 1 / `strides` of the resolution."""
        return list(self.body(self.stem(image, channels, gsd)))


def _create(name: str) -> Any:
    """A network of timm that returns features.

    Raises:
        MissingExtraError: timm is not there.
        InputError: it has no such network, or one that returns no features.
    """
    try:
        timm = importlib.import_module("timm")
    except (ImportError, RuntimeError, OSError) as error:  # torchvision may fail in any way
        raise MissingExtraError(
            f"encoder {TIMM + name!r} needs timm, which does not import here "
            f"({str(error).splitlines()[0]}): install it (pip install timm), or name an encoder "
            "of geomage"
        ) from error
    known = timm.list_models()
    if name not in known:
        raise InputError(
            f"timm {timm.__version__} has no network {name!r}{near_names(name.lower(), known)}: "
            "timm.list_models() names them"
        )
    try:
        return timm.create_model(name, pretrained=False, features_only=True)
    except (RuntimeError, AssertionError, AttributeError) as error:
        raise InputError(
            f"{TIMM}{name} gives no levels of features ({str(error).splitlines()[0]}): "
            "choose another"
        ) from error
