"""What methods that train share: images in a network's units, one run, and what comes of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from geomage.adapt.baselines.scale import Scale
from geomage.adapt.method import Fitting
from geomage.data.tables import recipe_hash
from geomage.learn.loop import Batches, run_loop
from geomage.learn.objective import ChipBatch, Objective
from geomage.learn.run_folder import RunPaths
from geomage.model.velocity import VelocityUNet, probe_reach

__all__ = ["Images", "Learnt", "as_seen", "learn", "reach_of"]

Images = Float[Tensor, "batch band y x"]


class Learnt(NamedTuple):
    """A network in its file, and how far it looks, whole strides, pixels."""

    network: bytes
    halo_px: int


def as_seen(chips: ChipBatch, scale: Scale) -> tuple[Images, Bool[Tensor, "batch 1 y x"]]:
    """The first date in the units of a network, and which pixels hold data."""
    pixels = chips.pixels[:, 0]
    valid = (pixels != 0).any(1, keepdim=True)
    mean, deviation = (
        torch.as_tensor(values, dtype=torch.float32, device=pixels.device)[:, None, None]
        for values in (scale.mean, scale.deviation)
    )
    return (pixels - mean) / deviation * valid, valid


def learn(objective: Objective, batches: Batches, fitting: Fitting, params: Any) -> nn.Module:
    """Train in the folder of the run, where a killed run goes on; return the averaged network."""
    told = {"crop": fitting.crop, "batch": fitting.batch, "loop": asdict(fitting.loop)}
    name = type(params).__name__
    mark = recipe_hash({name: asdict(params), "seed": fitting.seed, **told})
    return run_loop(objective, batches, fitting.loop, RunPaths(fitting.out), mark)


def reach_of(unet: VelocityUNet) -> int:
    """How far a network looks beyond a cell of its stride, in whole strides, pixels."""
    return -(-probe_reach(unet) // unet.stride) * unet.stride
