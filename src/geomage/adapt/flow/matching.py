"""Learning a velocity: conditional flow matching on pairs of crops.

At a time drawn evenly, at a point of the path between the two crops of a pair, the network is to
say the velocity of the path: L = E |v(x_t, t) - u_t|² (Lipman et al. 2023, arXiv 2210.02747,
equation 14). What is not valid in either crop counts nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 -- the name everybody knows

from geomage.adapt.flow.codec import AnyCodec, Codecs
from geomage.adapt.flow.path import Ends, LinearPath
from geomage.learn.objective import ChipBatch, StepBatch

__all__ = [
    "FlowMatching",
    "Guidance",
    "Side",
    "given_planes",
    "normal_like",
    "side_of",
    "squared_error",
]


@dataclass(frozen=True)
class Guidance:
    """What flows, and what the network is told beside it.

    classes: of the label map; 0 where it is told none.
    labelled: share of the crops that are told their labels, so that it does without as well.
    from_source: flow from the source; else from noise, as it must where the values differ.
    told_source: the source's values are planes that go with x.
    """

    classes: int = 0
    labelled: float = 0.8
    from_source: bool = True
    told_source: bool = False

    def planes(self, channels: int) -> int:
        """Planes that go with x, where the source's values have so many channels."""
        return 1 + self.classes + channels * self.told_source


class Side(NamedTuple):
    """One domain's half of a batch, encoded."""

    values: Float[Tensor, "batch channel row column"]
    valid: Float[Tensor, "batch 1 row column"]
    """Share of the pixels of a cell that hold data."""


def side_of(batch: ChipBatch, codec: AnyCodec) -> Side:
    """Encode the first date of chips; black in all bands is no data."""
    pixels = batch.pixels[:, 0]
    valid = (pixels != 0).any(dim=1)
    share = F.avg_pool2d(valid[:, None].float(), codec.stride)
    return Side(codec.encode(pixels, valid), share)


def given_planes(
    source: Side,
    labels: UInt8[Tensor, "batch y x"],
    told: Bool[Tensor, " batch"],
    guidance: Guidance,
) -> Float[Tensor, "batch plane row column"]:
    """Valid, one plane a class (0 where unknown or not told), and the source where it is told."""
    kinds = torch.arange(guidance.classes, device=labels.device)[:, None, None]
    each = (labels[:, None] == kinds) & told[:, None, None, None]
    stride = labels.shape[1] // source.valid.shape[2]
    planes = [source.valid]
    if guidance.classes:
        planes.append(F.avg_pool2d(each.float(), stride))
    if guidance.told_source:
        planes.append(source.values)
    return torch.cat(planes, 1)


def normal_like(values: Tensor, rng: np.random.Generator) -> Tensor:
    """Standard normal noise of a shape, drawn from a generator of numpy."""
    drawn = rng.standard_normal(tuple(values.shape), np.float32)
    return torch.from_numpy(drawn).to(values.device)


def squared_error(said: Tensor, due: Tensor, *valid: Tensor) -> Tensor:
    """Mean squared difference where all of the shares of valid pixels (batch, 1, …) are whole."""
    known = torch.stack(valid).amin(0) >= 1
    weight = known.float().expand_as(said)
    squares = (said.float() - due.float()) ** 2
    return (squares * weight).sum() / weight.sum().clamp(min=1)


class FlowMatching:
    """An `Objective`: `labelled` are crops of the source, `unlabelled` their targets."""

    def __init__(
        self, network: nn.Module, codecs: Codecs, path: LinearPath, guidance: Guidance
    ) -> None:
        self.codecs, self.path, self.guidance = codecs, path, guidance
        for codec in codecs:
            codec.requires_grad_(requires_grad=False)
        self.modules = nn.ModuleDict(
            {"network": network, "source": codecs.source, "target": codecs.target}
        )

    def terms(self, batch: StepBatch, rng: np.random.Generator, done: float) -> dict[str, Tensor]:
        """Mean squared error of the velocity."""
        del done
        assert batch.labelled is not None
        assert batch.unlabelled is not None
        source = side_of(batch.labelled, self.codecs.source)
        target = side_of(batch.unlabelled, self.codecs.target)
        x_1, count = target.values, len(target.values)
        x_0 = (
            self.path.noised_source(source.values, normal_like(source.values, rng))
            if self.guidance.from_source
            else normal_like(x_1, rng)
        )
        t = torch.from_numpy(_spread_times(count, rng)).to(x_1.device)
        point = self.path.at(Ends(x_0, x_1), t[:, None, None, None], normal_like(x_1, rng))
        told = torch.from_numpy(rng.random(count) < self.guidance.labelled).to(x_1.device)
        given = given_planes(source, batch.labelled.labels, told, self.guidance)
        said = self.modules["network"](point.x_t, t, batch.labelled.gsd, given)
        loss = squared_error(said, point.u_t, source.valid, target.valid)
        return {"velocity": loss, "total": loss}

    def follow(self, done: float) -> None:
        """Nothing follows."""


def _spread_times(count: int, rng: np.random.Generator) -> np.ndarray:
    """Times drawn evenly, one from each of so many equal parts of 0..1: less noise in the mean."""
    return ((rng.permutation(count) + rng.random(count)) / count).astype(np.float32)
