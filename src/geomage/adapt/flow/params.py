"""What can be chosen of a flow: plain data, without torch."""

from __future__ import annotations

from dataclasses import dataclass, field

from geomage.adapt.flow.pairs import PairParams
from geomage.adapt.flow.path import LinearPath
from geomage.adapt.flow.solver import SolverParams
from geomage.errors import InputError, near_names
from geomage.model.velocity_blueprint import (
    VelocityParams,
    VelocityTransformerParams,
    VelocityUNetParams,
)

__all__ = ["DistilParams", "FlowParams", "LatentFlowParams", "LatentParams"]

NETWORKS = ("unet", "transformer")
_UNPAIRED = 0.6  # of the way, where no pair tells what becomes of a place


@dataclass(frozen=True)
class DistilParams:
    """Whether a student learns the flow, and how far its steps reach."""

    steps: int = 0
    """Euler steps of the student, 1 to 4; 0 for none."""
    share: float = 0.5
    """Optimiser steps, as a share of those of the teacher."""

    def __post_init__(self) -> None:
        if not 0 <= self.steps <= 4:
            raise InputError(f"distil: steps = {self.steps} is outside 0..4")
        if not 0.001 <= self.share <= 100:
            raise InputError(f"distil: share = {self.share:g} is outside 0.001..100")


@dataclass(frozen=True)
class FlowParams:
    """Flow matching of pixels."""

    network: str = "unet"
    """unet, whose windows join without seams at any size; or transformer, on blended squares."""
    unet: VelocityUNetParams = field(
        default_factory=lambda: VelocityUNetParams((48, 64, 96), fold=2)
    )
    """Folded: half the time of as good a step of one that is not."""
    transformer: VelocityTransformerParams = field(default_factory=VelocityTransformerParams)
    pairs: PairParams = field(default_factory=PairParams)
    """Pools of crops, and what couples them."""
    path: LinearPath = field(default_factory=lambda: LinearPath(0.05, 0.05))
    """Noise on the source and half-way; values have deviation 1. More of it is grain that a short
    run does not learn to take away."""
    solver: SolverParams = field(default_factory=lambda: SolverParams("euler", 4))
    """Of translations. Times of the adaptive one are chosen once, on crops of the source."""
    strength: float | None = None
    """0..1: how much of the way a translation goes; 0 changes nothing. None: .6 of it, beyond which
    edges are lost; all of it where pairs say where to go."""
    labelled: float = 0.8
    """Share of the crops whose label map is told; 0 for a network that is never told one."""
    told_source: bool = False
    """Whether the source's own values are told all the way; always where bands differ."""
    distil: DistilParams = field(default_factory=DistilParams)

    def __post_init__(self) -> None:
        if self.network not in NETWORKS:
            near = near_names(self.network, NETWORKS)
            raise InputError(f"flow: no network {self.network!r}{near}: {', '.join(NETWORKS)}")
        for name, value in (("strength", self.strength), ("labelled", self.labelled)):
            if value is not None and not 0 <= value <= 1:
                raise InputError(f"flow: {name} = {value:g} is outside 0..1")

    def way(self, *, paired: bool) -> float:
        """How much of the way a translation between two domains goes, 0..1."""
        if self.strength is not None:
            return self.strength
        return 1.0 if paired else _UNPAIRED

    @property
    def velocity(self) -> VelocityParams:
        """Of the network that is asked for."""
        return self.unet if self.network == "unet" else self.transformer


@dataclass(frozen=True)
class LatentParams:
    """The autoencoder, and what it must keep."""

    stride: int = 2
    """Pixels of a side of a cell: 2 or 4."""
    channels: int = 0
    """Numbers of a cell; 0 for as many as its pixels have, so that nothing need be lost."""
    width: int = 32
    """Of its convolutions."""
    depth: int = 1
    """Pairs of them, in and out."""
    divergence: float = 1e-5
    """Weight of the divergence of cells from the standard normal."""
    share: float = 0.5
    """Optimiser steps, as a share of those of the flow."""
    least_iou: float = 0.98
    """IoU of masks read before and after the round trip, below which the run ends."""

    def __post_init__(self) -> None:
        if self.stride not in {2, 4}:
            raise InputError(f"latent: stride = {self.stride} is neither 2 nor 4")
        limits = {
            "channels": (0, 1024),
            "width": (1, 1024),
            "depth": (1, 16),
            "divergence": (0, 10),
            "share": (0.001, 100),
            "least_iou": (0, 1),
        }
        for name, (least, most) in limits.items():
            if not least <= getattr(self, name) <= most:
                raise InputError(
                    f"latent: {name} = {getattr(self, name)} is outside {least}..{most}"
                )


@dataclass(frozen=True)
class LatentFlowParams:
    """Flow matching in the cells of an autoencoder that is trained first."""

    flow: FlowParams = field(default_factory=FlowParams)
    latent: LatentParams = field(default_factory=LatentParams)
