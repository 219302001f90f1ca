"""Jigsaw: tiles of a view are shuffled; in which of so many orders, the encoder has to tell.

Noroozi, Favaro 2016, arXiv 1603.09246. From above the whole may be turned and mirrored, for the
order is told of the view and not of the north.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import final

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 -- the name everybody knows

from geomage.errors import InputError
from geomage.learn.objective import StepBatch
from geomage.learn.selfsupervised.pretext import (
    Projector,
    asked,
    pooled,
    pretrainable,
    refuse_side,
)
from geomage.learn.selfsupervised.views import ViewParams, draw_view
from geomage.model.architecture import Architecture

__all__ = ["Jigsaw", "JigsawParams", "cut_tiles", "far_orders", "jigsaw"]


@dataclass(frozen=True)
class JigsawParams:
    """How the puzzle is cut."""

    view: ViewParams = field(default_factory=ViewParams)
    """The whole puzzle; its side follows from the tiles."""
    grid: int = 3
    """Tiles along a side."""
    tile: int = 32
    """Side of a tile, pixels, a multiple of the network's stride."""
    gap: int = 6
    """Largest number of pixels lost between two tiles, so that edges do not tell the order."""
    orders: int = 64
    """Orders to tell apart, 2 or more."""


def far_orders(tiles: int, count: int) -> Int[np.ndarray, "order tile"]:
    """Orders far from each other in Hamming distance, found greedily (algorithm 1)."""
    rng = np.random.default_rng(0)
    found = [np.arange(tiles)]
    while len(found) < count:
        offered = np.stack([rng.permutation(tiles) for _ in range(200)])
        apart = (offered[:, None] != np.stack(found)[None]).sum(2).min(1)
        if apart.max() == 0:
            raise InputError(f"orders = {count}: {tiles} tiles have no more than {len(found)}")
        found.append(offered[apart.argmax()])
    return np.stack(found)


def cut_tiles(
    image: Float[Tensor, "batch band y x"], params: JigsawParams, rng: np.random.Generator
) -> Float[Tensor, "batch tile band side side"]:
    """Tiles row by row, each from anywhere in its cell of the grid."""
    cell = params.tile + params.gap
    tiles = []
    for k in range(params.grid**2):
        row, column = divmod(k, params.grid)
        y, x = rng.integers(0, params.gap + 1, 2) + cell * np.array([row, column])
        tiles.append(image[:, :, y : y + params.tile, x : x + params.tile])
    return torch.stack(tiles, 1)


@final
class Jigsaw:
    """The encoder sees one tile at a time; a head sees them all in the order they lie."""

    def __init__(self, params: JigsawParams, architecture: Architecture, seed: int) -> None:
        network = pretrainable(architecture, seed)
        refuse_side(params.tile, network, "tile")
        side = params.grid * (params.tile + params.gap)
        self.params = replace(params, view=replace(params.view, side=side))
        self.orders = torch.from_numpy(far_orders(params.grid**2, params.orders))
        self.encoder: nn.Module = network.encoder
        self.head = Projector(network.encoder.widths[-1] * params.grid**2, params.orders, seed)
        self.modules = nn.ModuleDict({"network": network, "head": self.head})

    def terms(self, batch: StepBatch, rng: np.random.Generator, done: float) -> dict[str, Tensor]:  # noqa: ARG002
        """One term: `order`, cross-entropy of the order over all of them."""
        chips = asked(batch.unlabelled, "jigsaw")
        view = draw_view(chips, self.params.view, rng)
        tiles = cut_tiles(view.pixels, self.params, rng)
        n, k = tiles.shape[:2]
        answer = torch.from_numpy(rng.integers(0, len(self.orders), n)).to(tiles.device)
        order = self.orders.to(tiles.device)[answer]
        shuffled = tiles[torch.arange(n, device=tiles.device)[:, None], order]
        features = self.encoder(
            shuffled.flatten(0, 1), view.channels, view.gsd.repeat_interleave(k)
        )
        logits = self.head(pooled(features).reshape(n, -1))
        loss = F.cross_entropy(logits, answer)
        return {"order": loss, "total": loss}

    def follow(self, done: float) -> None:
        """Nothing follows."""


def jigsaw(params: JigsawParams, architecture: Architecture, seed: int) -> Jigsaw:
    """Prepare to pre-train the encoder of an architecture."""
    return Jigsaw(params, architecture, seed)
