"""How CycleGAN learns (Zhu et al. 2017, ICCV, equations 1 to 3 and section 5.2).

L = L_adversary and L_critic of both ways (`adversary`)
    + λ (E |B(G(x)) - x| + E |G(B(y)) - y|) + λ_i (E |G(y) - y| + E |B(x) - x|),

G from source to target, B back, | | the mean over bands and pixels that hold data.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from geomage.adapt.baselines.adversary import (
    PatchCritic,
    adversary_loss,
    build_generator,
    critic_loss,
)
from geomage.adapt.baselines.cyclegan import CycleParams
from geomage.adapt.baselines.learnt import Images, as_seen
from geomage.adapt.baselines.scale import Scale
from geomage.learn.objective import StepBatch

__all__ = ["Cycle"]


class Cycle:
    """Two generators and two critics; the generator of the target is what the run is for."""

    def __init__(self, params: CycleParams, scale: Scale, seed: int) -> None:
        self.params, self.scale = params, scale
        bands = len(scale.mean)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed + 2)
            critics = [PatchCritic(bands, params.critic) for _ in range(2)]
        self.modules = nn.ModuleDict(
            {
                "network": build_generator(params.network, bands, seed),
                "back": build_generator(params.network, bands, seed + 1),
                "target_critic": critics[0],
                "source_critic": critics[1],
            }
        )

    def terms(self, batch: StepBatch, rng: np.random.Generator, done: float) -> dict[str, Tensor]:
        """Terms of all four."""
        del rng, done
        assert batch.labelled is not None
        assert batch.unlabelled is not None
        m, p = self.modules, self.params
        x, in_x = as_seen(batch.labelled, self.scale)
        y, in_y = as_seen(batch.unlabelled, self.scale)
        at_x, at_y = batch.labelled.gsd, batch.unlabelled.gsd
        fake_y, fake_x = m["network"](x, at_x) * in_x, m["back"](y, at_y) * in_y
        terms = {
            "adversary": adversary_loss(m["target_critic"], fake_y)
            + adversary_loss(m["source_critic"], fake_x),
            "critic": critic_loss(m["target_critic"], y, fake_y)
            + critic_loss(m["source_critic"], x, fake_x),
            "cycle": p.cycle
            * (
                _distance(m["back"](fake_y, at_x), x, in_x)
                + _distance(m["network"](fake_x, at_y), y, in_y)
            ),
            "identity": p.identity
            * (_distance(m["network"](y, at_y), y, in_y) + _distance(m["back"](x, at_x), x, in_x)),
        }
        return {**terms, "total": torch.stack(list(terms.values())).sum()}

    def follow(self, done: float) -> None:
        """Nothing follows."""


def _distance(made: Images, wanted: Images, valid: Tensor) -> Tensor:
    off = (made.float() - wanted).abs() * valid
    return off.sum() / (valid.sum() * made.shape[1]).clamp(min=1)
