"""What training asks of the network, one small function a question.

Every function takes logits (for land cover log-probabilities, computed once for two terms) and the
truth of a `Sample` as stored, and returns one number; pixels the truth does not know (0 for land
cover, 255 elsewhere) ask nothing. A batch without a single known pixel gives a zero that is still
attached to the logits.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 -- the name everybody knows

from geomage.learn.recipe import LossParams
from geomage.model.network import Logits

__all__ = [
    "building_overlap",
    "damage_entropy",
    "damage_order",
    "flag_entropy",
    "landcover_entropy",
    "total_loss",
]

BUILDING = 7  # channel of class 8
UNKNOWN = 255


def landcover_entropy(
    log_p: Float[Tensor, "batch 8 y x"], truth: UInt8[Tensor, "batch y x"], weights: Tensor
) -> Tensor:
    """Cross-entropy over the eight classes, weighted by class; 0 is ignored."""
    target = truth.long() - 1
    if not bool((target >= 0).any()):
        return log_p.sum() * 0.0
    return F.nll_loss(log_p, target, weights, ignore_index=-1)


def building_overlap(
    log_p: Float[Tensor, "batch 8 y x"], truth: UInt8[Tensor, "batch y x"], beta: float = 0.5
) -> Tensor:
    """1 - Tversky index of building over the batch, TP / (TP + (1 - beta) FP + beta FN).

    With beta = 0.5 it is the soft Dice loss; above it, missing a building costs more.
    """
    p = log_p[:, BUILDING].exp()
    known = (truth > 0).float()
    t = (truth == BUILDING + 1).float()
    hit = (p * t).sum()
    false = (p * (known - t)).sum()
    missed = ((1 - p) * t).sum()
    return 1 - (hit + 1) / (hit + (1 - beta) * false + beta * missed + 1)


def _on_buildings(
    logits: Float[Tensor, "batch 4 y x"], truth: UInt8[Tensor, "batch y x"]
) -> tuple[Tensor, Tensor]:
    """Keep graded pixels: logits (pixel, 4) and grades 0..3 (pixel)."""
    graded = (truth > 0) & (truth < UNKNOWN)
    return logits.permute(0, 2, 3, 1)[graded].float(), truth[graded].long() - 1


def damage_entropy(
    logits: Float[Tensor, "batch 4 y x"], truth: UInt8[Tensor, "batch y x"], weights: Tensor
) -> Tensor:
    """Cross-entropy over the four grades on building pixels, weighted by grade."""
    seen, grade = _on_buildings(logits, truth)
    return F.cross_entropy(seen, grade, weights) if len(grade) else logits.sum() * 0.0


def damage_order(
    logits: Float[Tensor, "batch 4 y x"], truth: UInt8[Tensor, "batch y x"], weights: Tensor
) -> Tensor:
    """Squared distance of cumulative probabilities: calling destroyed intact costs the most.

    Per pixel sum over k of (P(grade <= k) - [truth <= k])², then the mean weighted by grade.
    """
    seen, grade = _on_buildings(logits, truth)
    if not len(grade):
        return logits.sum() * 0.0
    reached = F.one_hot(grade, 4).float().cumsum(1)
    distance = (seen.softmax(1).cumsum(1) - reached).square().sum(1)
    w = weights[grade]
    return (distance * w).sum() / w.sum()


def flag_entropy(
    logits: Float[Tensor, "batch 3 y x"], truth: UInt8[Tensor, "batch 3 y x"]
) -> Tensor:
    """Binary cross-entropy of water, changed and obscured, each flag weighing the same."""
    known = (truth != UNKNOWN).float()
    each = F.binary_cross_entropy_with_logits(logits, (truth == 1).float(), known, reduction="none")
    return (each.sum((0, 2, 3)) / known.sum((0, 2, 3)).clamp(min=1)).mean()


def total_loss(
    logits: Logits, truth: UInt8[Tensor, "batch 5 y x"], params: LossParams
) -> dict[str, Tensor]:
    """Every term by name and their weighted sum under "total".

    truth holds land cover, damage, water, change and obscured.
    """
    cover, damage = truth[:, 0], truth[:, 1]
    cover_weights = torch.tensor(params.landcover_weights, device=truth.device)
    damage_weights = torch.tensor(params.damage_weights, device=truth.device)
    log_p = logits.landcover.log_softmax(1)
    terms = {
        "landcover": landcover_entropy(log_p, cover, cover_weights),
        "overlap": building_overlap(log_p, cover, params.tversky),
        "damage": damage_entropy(logits.damage, damage, damage_weights),
        "order": damage_order(logits.damage, damage, damage_weights),
        "flags": flag_entropy(logits.flags, truth[:, 2:]),
    }
    total = (
        terms["landcover"]
        + params.overlap * terms["overlap"]
        + params.damage * terms["damage"]
        + params.order * terms["order"]
        + params.flags * terms["flags"]
    )
    return {**terms, "total": total}
