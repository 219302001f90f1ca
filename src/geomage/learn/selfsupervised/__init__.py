"""Pre-training without labels: views from above, and five ways to learn from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from geomage.learn.objective import Objective
from geomage.learn.selfsupervised.dino import DinoParams, dino
from geomage.learn.selfsupervised.jigsaw import JigsawParams, jigsaw
from geomage.learn.selfsupervised.mae import MaeParams, mae
from geomage.learn.selfsupervised.simclr import SimClrParams, simclr
from geomage.learn.selfsupervised.views import ViewParams
from geomage.learn.selfsupervised.xstars import XStarsParams, xstars

__all__ = [
    "SELFSUPERVISED",
    "DinoParams",
    "JigsawParams",
    "MaeParams",
    "SimClrParams",
    "ViewParams",
    "XStarsParams",
    "dino",
    "jigsaw",
    "mae",
    "simclr",
    "xstars",
]


class Method(NamedTuple):
    """Parameters and builder (params, architecture, seed) of a way to pre-train."""

    params: type
    build: Callable[[Any, Any, int], Objective]


SELFSUPERVISED: Mapping[str, Method] = MappingProxyType(
    {
        "simclr": Method(SimClrParams, simclr),
        "jigsaw": Method(JigsawParams, jigsaw),
        "mae": Method(MaeParams, mae),
        "dino": Method(DinoParams, dino),
        "xstars": Method(XStarsParams, xstars),
    }
)
"""Name -> how to pre-train the encoder of a network without labels."""
