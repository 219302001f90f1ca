"""A teacher that is the moving average of its student.

θ' ← α_t θ' + (1 - α_t) θ with α_t = min(α, 1 - 1 / (t + 1)) after step t from 0 (Tarvainen and
Valpola 2017, NeurIPS, section 2): the first steps forget the random start. Running statistics of
normalisation are averaged like weights, counters are copied. A teacher never has a gradient and
always speaks as at test time.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from geomage.learn.loop_state import follow_weights
from geomage.learn.objective import ChipBatch
from geomage.learn.semisupervised.supervised import logits_of
from geomage.learn.semisupervised.thresholds import PseudoLabels, pseudo_labels

__all__ = ["Teacher", "believes"]


class Teacher(nn.Module):
    """The averaged network, and how many steps it has followed."""

    moves: Tensor

    def __init__(self, student: nn.Module, decay: float) -> None:
        super().__init__()
        self.network = copy.deepcopy(student).eval().requires_grad_(requires_grad=False)
        self.decay = decay
        self.register_buffer("moves", torch.tensor(0))

    @torch.no_grad()
    def follow(self, student: nn.Module) -> None:
        """Move towards the student."""
        weight = 1 - min(self.decay, 1 - 1 / (int(self.moves) + 1))
        follow_weights(self.network, student, weight)
        self.moves += 1


@torch.no_grad()
def believes(network: nn.Module, chips: ChipBatch, pixels: Tensor | None = None) -> PseudoLabels:
    """Pseudo-labels of chips, as at test time; the network is left in the mode it was in."""
    was = network.training
    network.eval()
    logits = logits_of(network, chips, pixels)
    network.train(was)
    return pseudo_labels(logits, chips.pixels)
