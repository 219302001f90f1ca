"""Encoders of timm, where it is installed: an option, never a need.

Its networks take three bands, ours any: the sensor stem comes first, at full resolution, and three
bands are made of what it says. Weights are never fetched; load a file of them into
`network.encoder.body` yourself. Most have batch normalisation: train them with batches of several.
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

_STEM = 16  # channels


class TimmEncoder(nn.Module):
    """Features of a network of timm, from fine to coarse."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.stem = SensorStem(_STEM, 3, 1)
        self.bands = nn.Conv2d(_STEM, 3, 1)
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
        return list(self.body(self.bands(self.stem(image, channels, gsd))))


def _create(name: str) -> Any:
    """A network of timm that returns features.

    Raises:
        MissingExtraError: timm is not there.
        InputError: it has no such network, or one that does not serve here.
    """
    timm = _import_timm(name)
    known = timm.list_models()
    if name not in known:
        raise InputError(
            f"timm {timm.__version__} has no network {name!r}{near_names(name.lower(), known)}: "
            "timm.list_models() names them"
        )
    if timm.get_pretrained_cfg(name).fixed_input_size:
        raise InputError(
            f"{TIMM}{name} takes images of one size only: choose a convolutional network of timm, "
            "or vit-s of geomage"
        )
    try:
        return timm.create_model(name, pretrained=False, features_only=True)
    except (RuntimeError, AssertionError, AttributeError) as error:
        raise InputError(
            f"{TIMM}{name} gives no levels of features ({_first_line(error)}): choose another"
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def _import_timm(name: str) -> Any:
    try:
        return importlib.import_module("timm")
    except (ImportError, RuntimeError, OSError) as error:  # torchvision may fail in any way
        raise MissingExtraError(
            f"encoder {TIMM + name!r} needs timm, which does not import here "
            f"({_first_line(error)}): install it (pip install timm), or name an encoder "
            "of geomage"
        ) from error
