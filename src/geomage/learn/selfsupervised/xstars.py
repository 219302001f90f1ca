"""X-STARS: two sensors look at one place, and each cell of the one is to be told from the other.

Marsocci, Audebert 2024, arXiv 2405.09922: L = L_DINO + alpha L_MSAD. From scratch one encoder sees
both sensors and learns from both. Continual: the encoder of the old sensor is frozen, and a student
that starts from it learns the new one.

The code the authors released averages its losses through a tensor made anew, which cuts L_MSAD from
the graph; here the gradient is tested. The paper aligns the last layer of a transformer through a
head for each sensor. Ours: several levels, since a decoder reads them all; one head for both
sensors, so that the features have to agree and not the heads; cells of one ground size, the coarser
sensor's; all drawn cells of the batch contrasted at once. The network is told the GSD: if each
place had one of its own, it would name the place and the contrast would learn nothing else, so all
places of a batch have one. And a third term, `gap`: a contrast between sensors does not see what
all cells of a sensor have in common, for a softmax over the other sensor's cells cancels it; a
decoder that learnt on one sensor does.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 -- the name everybody knows

from geomage.errors import InputError
from geomage.learn.objective import StepBatch
from geomage.learn.selfsupervised.dino import Dino, DinoParams
from geomage.learn.selfsupervised.pretext import Projector, asked, products, read_encoder, see, unit
from geomage.learn.selfsupervised.views import View, draw_places, draw_view, same_side
from geomage.model.architecture import Architecture

__all__ = ["XStars", "XStarsParams", "common_cells", "gap", "msad", "xstars"]


@dataclass(frozen=True)
class XStarsParams:
    """Self-distillation, alignment, and which of the two ways."""

    dino: DinoParams = field(default_factory=DinoParams)
    """L_DINO."""
    across: bool = False
    """Whether its two global views are one square by either sensor; else both are of one sensor,
    drawn anew each step, and alignment is left to the other terms, as in the paper."""
    distillation: float = 1.0
    """Weight of L_DINO."""
    alpha: float = 1.0
    """Weight of L_MSAD."""
    gap: float = 1.0
    """Weight of the mean of 1 - cosine of co-located features (ours)."""
    temperature: float = 0.1
    """tau."""
    smoothing: float = 0.0
    """Share of each target spread over all cells."""
    soft: float = 0.5
    """Share of each target given by likeness within the sensors; the rest is the cell itself."""
    levels: int = 3
    """How many levels are aligned, from the coarsest."""
    cells: int = 512
    """Cells drawn from a batch at each level, at most."""
    projection: int = 64
    """Width of what is compared; 0 compares the features themselves."""
    teacher: str = ""
    """Continual: the safetensors file of the old sensor's network (`other`); empty: scratch."""


def msad(
    z_1: Float[Tensor, "cell width"], z_2: Float[Tensor, "cell width"], params: XStarsParams
) -> Tensor:
    """Multi-sensor alignment dense loss of co-located cells: half of both directions.

    P = softmax(z_1 z_2^T / tau) is compared with the targets
    T = soft softmax((z_1 z_1^T + z_2 z_2^T) / 2 tau) + (1 - soft) I, smoothed, z of unit length, by
    KL(T | P): cross-entropy less the entropy of T, which has the same gradient, for T is held
    fixed. With soft targets alone it is 0 where both sensors give equal features; the cell itself
    keeps all cells from becoming one.
    """
    z_1, z_2 = unit(z_1), unit(z_2)
    n = len(z_1)
    with torch.no_grad():
        alike = (products(z_1, z_1) + products(z_2, z_2)) / (2 * params.temperature)
        itself = torch.eye(n, device=z_1.device)
        T = params.soft * alike.softmax(1) + (1 - params.soft) * itself
        T = (1 - params.smoothing) * T + params.smoothing / n
    S = products(z_1, z_2) / params.temperature
    ways = [F.kl_div(s.log_softmax(1), T, reduction="batchmean") for s in (S, S.T)]
    return torch.stack(ways).mean()


def gap(h_1: Float[Tensor, "cell width"], h_2: Float[Tensor, "cell width"]) -> Tensor:
    """Mean of 1 - cosine of co-located features, before any head: 0 where they point alike."""
    return 1 - (unit(h_1) * unit(h_2)).sum(1).mean()


def common_cells(
    first: Float[Tensor, "batch width y x"], second: Float[Tensor, "batch width v u"]
) -> tuple[Float[Tensor, "cell width"], Float[Tensor, "cell width"]]:
    """Both features over the cells of the coarser, one square of ground each, row by row."""
    n = min(first.shape[2], second.shape[2])
    rows = [F.adaptive_avg_pool2d(f, n).permute(0, 2, 3, 1).flatten(0, 2) for f in (first, second)]
    return rows[0], rows[1]


@final
class XStars:
    """Self-distillation of single views beside alignment of cells."""

    def __init__(self, params: XStarsParams, architecture: Architecture, seed: int) -> None:
        self.params = params
        self.dino = Dino(params.dino, architecture, seed)
        self.modules = self.dino.modules
        self.encoder = self.dino.student.encoder
        self.old: nn.Module | None = None
        network = self.dino.network
        self.stride, widths = network.stride, network.encoder.widths
        if not 1 <= params.levels <= len(widths):
            raise InputError(f"levels = {params.levels}: the encoder has 1..{len(widths)}")
        self.heads = nn.ModuleList(
            Projector(w, params.projection, seed + k) if params.projection else nn.Identity()
            for k, w in enumerate(widths[-params.levels :])
        )
        self.modules["align"] = self.heads
        if params.teacher:
            self.take_over(read_encoder(Path(params.teacher)))

    def take_over(self, weights: dict[str, Tensor]) -> None:
        """Start from an encoder of the old sensor and freeze a copy of it."""
        try:
            self.encoder.load_state_dict(weights)
        except RuntimeError as error:
            raise InputError("teacher holds the encoder of another architecture") from error
        self.dino.teacher.encoder.load_state_dict(weights)
        self.old = copy.deepcopy(self.encoder).requires_grad_(requires_grad=False)
        self.modules["old"] = self.old

    def terms(self, batch: StepBatch, rng: np.random.Generator, done: float) -> dict[str, Tensor]:  # noqa: ARG002
        """`distillation`, `alignment` and `gap`."""
        p = self.params
        chips = asked(batch.unlabelled, "xstars")
        other = asked(batch.other, "xstars", "other")
        view = p.dino.view
        place = draw_places(chips, view, rng, alike=True)
        first = draw_view(chips, view, rng, place)
        second = draw_view(other, view, rng, place, same_side(first, other, self.stride))
        mine = see(self.encoder, first)
        theirs = see(self.encoder, second) if self.old is None else self._remember(second)
        terms = self.align(mine, theirs, rng)
        if p.distillation:
            seen = [(first, mine, chips), (second, theirs, other)]
            large, features, source = seen[int(rng.integers(2)) if self.old is None else 0]
            pair, kept = [first, second], [mine, theirs]
            if self.old is not None or not p.across:
                again = draw_view(source, view, rng)
                pair, kept = [large, again], [features, see(self.encoder, again)]
            terms["distillation"] = self.dino.distil(pair, kept, source, rng)
        weights = {"distillation": p.distillation, "alignment": p.alpha, "gap": p.gap}
        total = torch.stack([weights[name] * value for name, value in terms.items()]).sum()
        return {**terms, "total": total}

    @torch.no_grad()
    def _remember(self, view: View) -> list[Tensor]:
        """What the old sensor's encoder makes of a view."""
        assert self.old is not None
        return see(self.old, view)

    def align(
        self, mine: list[Tensor], theirs: list[Tensor], rng: np.random.Generator
    ) -> dict[str, Tensor]:
        """L_MSAD and the gap, means over the levels."""
        p, found = self.params, []
        for k in range(p.levels):
            h = torch.stack(common_cells(mine[k - p.levels], theirs[k - p.levels]))
            h = h[:, torch.from_numpy(rng.permutation(h.shape[1])[: p.cells]).to(h.device)]
            z_1, z_2 = self.heads[k](h)
            found.append(torch.stack([msad(z_1, z_2, p), gap(h[0], h[1])]))
        alignment, between = torch.stack(found).mean(0)
        return {"alignment": alignment, "gap": between}

    def follow(self, done: float) -> None:
        """The teacher of L_DINO trails the student; the old sensor's encoder stays."""
        self.dino.follow(done)


def xstars(params: XStarsParams, architecture: Architecture, seed: int) -> XStars:
    """Prepare to pre-train the encoder of an architecture."""
    return XStars(params, architecture, seed)
