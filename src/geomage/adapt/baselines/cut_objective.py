"""How CUT learns (Park et al. 2020, ECCV, arXiv 2007.15651).

L = L_adversary + L_critic + λ (L_contrast(x) + L_contrast(y)) / 2, the first two of `adversary`.
L_contrast is PatchNCE (equations 3 and 4): of `places` patches of an image, the one that lies where
a patch of G(x) lies must be the most like it, in features of the generator's own way down. The same
for images of the target, which G shall leave alone (their identity term).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 -- the name everybody knows

from geomage.adapt.baselines.adversary import (
    PatchCritic,
    adversary_loss,
    build_generator,
    critic_loss,
)
from geomage.adapt.baselines.cut import CutParams
from geomage.adapt.baselines.learnt import Images, as_seen
from geomage.adapt.baselines.scale import Scale
from geomage.learn.objective import StepBatch

__all__ = ["Cut", "patch_contrast"]


class PatchHeads(nn.Module):
    """Features of a place -> a point on a sphere, for each resolution."""

    def __init__(self, widths: Iterable[int], size: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(width, size), nn.ReLU(), nn.Linear(size, size))
            for width in widths
        )

    def forward(self, features: Iterable[Tensor], places: Iterable[Tensor]) -> list[Tensor]:
        """Points (image, place, channel) of places (image, place), numbered row by row."""
        points = []
        for head, level, where in zip(self.heads, features, places, strict=True):
            flat = level.flatten(2).transpose(1, 2)
            taken = flat.gather(1, where[..., None].expand(-1, -1, flat.shape[2]))
            points.append(F.normalize(head(taken).float(), dim=-1))
        return points


def patch_contrast(
    asked: Float[Tensor, "image place channel"],
    true: Float[Tensor, "image place channel"],
    temperature: float,
) -> Float[Tensor, ""]:
    """Cross-entropy of finding, for each asked place, the true one among those of its image."""
    with torch.autocast(asked.device.type, enabled=False):
        likeness = asked.float() @ true.float().transpose(1, 2) / temperature
    wanted = torch.arange(asked.shape[1], device=asked.device).expand(len(asked), -1)
    return F.cross_entropy(likeness.flatten(0, 1), wanted.flatten())


class Cut:
    """Generator, critic and heads; the generator is what the run is for."""

    def __init__(self, params: CutParams, scale: Scale, seed: int) -> None:
        self.params, self.scale = params, scale
        bands = len(scale.mean)
        self.network = build_generator(params.network, bands, seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed + 1)
            self.critic = PatchCritic(bands, params.critic)
            self.heads = PatchHeads(params.network.widths, params.features)
        self.modules = nn.ModuleDict(
            {"network": self.network, "critic": self.critic, "heads": self.heads}
        )

    def terms(self, batch: StepBatch, rng: np.random.Generator, done: float) -> dict[str, Tensor]:
        """Terms of both players."""
        del done
        assert batch.labelled is not None
        assert batch.unlabelled is not None
        (x, in_x), (y, in_y) = (
            as_seen(part, self.scale) for part in (batch.labelled, batch.unlabelled)
        )
        fake = self.network(x, batch.labelled.gsd) * in_x
        same = self.network(y, batch.unlabelled.gsd) * in_y
        half = self.params.contrast / 2
        terms = {
            "adversary": adversary_loss(self.critic, fake),
            "critic": critic_loss(self.critic, y, fake),
            "contrast": half * self._contrast(x, fake, in_x, batch.labelled.gsd, rng),
            "identity": half * self._contrast(y, same, in_y, batch.unlabelled.gsd, rng),
        }
        return {**terms, "total": torch.stack(list(terms.values())).sum()}

    def _contrast(
        self,
        before: Images,
        after: Images,
        valid: Tensor,
        gsd: Tensor,
        rng: np.random.Generator,
    ) -> Tensor:
        seen, made = (self.network.features(z, gsd) for z in (before, after))
        places = [_drawn_places(valid, level, self.params.places, rng) for level in seen]
        true, asked = self.heads(seen, places), self.heads(made, places)
        each = [
            patch_contrast(a, t.detach(), self.params.temperature)
            for a, t in zip(asked, true, strict=True)
        ]
        return torch.stack(each).mean()

    def follow(self, done: float) -> None:
        """Nothing follows."""


def _drawn_places(
    valid: Bool[Tensor, "batch 1 y x"], level: Tensor, count: int, rng: np.random.Generator
) -> Tensor:
    """Places (image, place) that hold data, at the resolution of a level."""
    share = (
        F.adaptive_avg_pool2d(valid.float(), (level.shape[2], level.shape[3]))
        .flatten(1)
        .cpu()
        .numpy()
    )
    count = min(count, share.shape[1])
    rows = []
    for one in share:
        holds = np.flatnonzero(one > 0.5) if (one > 0.5).any() else np.arange(len(one))
        rows.append(rng.choice(holds, count, replace=len(holds) < count))
    return torch.as_tensor(np.stack(rows), device=level.device)
