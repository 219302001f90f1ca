"""How CUT learns (Park et al. 2020, ECCV, arXiv 2007.15651).

L = L_adversary + L_critic + λ (L_contrast(x) + L_contrast(y)) / 2, in one step of one optimiser:

- L_adversary = E (D(G(x)) - 1)², whose gradient reaches the generator G alone;
- L_critic = ½ E (D(y) - 1)² + ½ E D(G(x))², whose gradient reaches the critic D alone (least
  squares; Mao et al. 2017, ICCV, equation 9);
- L_contrast, PatchNCE (equations 3 and 4): of `places` patches of an image, the one that lies where
  a patch of G(x) lies must be the most like it, in features of the generator's own way down. The
  same for images of the target, which G shall leave alone (their identity term).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 -- the name everybody knows

from geomage.adapt.baselines.cut import CutParams
from geomage.adapt.baselines.learnt import Images, Learnt, as_seen, learn, reach_of
from geomage.adapt.baselines.pools import open_pools
from geomage.adapt.baselines.scale import Scale
from geomage.adapt.method import Fitting
from geomage.data.chip import Channel
from geomage.learn.objective import StepBatch
from geomage.model.layers import ChannelNorm
from geomage.model.velocity import VelocityUNet, build_velocity
from geomage.model.velocity_onnx import export_module

__all__ = ["Cut", "Generator", "PatchCritic", "export_generator", "learn_cut", "patch_contrast"]



class Generator(nn.Module):
    """The U-Net of a velocity at t = 0, added to the image."""

    def __init__(self, unet: VelocityUNet) -> None:
        super().__init__()
        self.unet = unet

    def forward(self, z: Images, gsd: Float[Tensor, " batch"]) -> Images:
        """The image as the target would show it."""
        moved: Tensor = z + self.unet(z, 0 * gsd, gsd)
        return moved

    def features(self, z: Images, gsd: Float[Tensor, " batch"]) -> list[Tensor]:
        """What it sees on the way down, from fine to coarse."""
        told, x = self.unet.told(0 * gsd, gsd), self.unet.stem(z)
        seen: list[Tensor] = []
        for level, blocks in enumerate(self.unet.down):
            x = self.unet.halve[level - 1](x) if level else x
            for block in blocks:  # type: ignore[union-attr]
                x = block(x, told)
            seen.append(x)
        return seen


class PatchCritic(nn.Module):
    """Says of each patch of 26 px whether it is of the target (PatchGAN; Isola et al. 2017)."""

    def __init__(self, bands: int, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(bands, width, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 4, 2, 1),
            ChannelNorm(2 * width),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 4 * width, 3, 1, 1),
            ChannelNorm(4 * width),
            nn.LeakyReLU(0.2),
            nn.Conv2d(4 * width, 1, 3, 1, 1),
        )

    def forward(self, z: Images) -> Tensor:
        """One number for each patch, 1 for the target."""
        said: Tensor = self.layers(z)
        return said.float()


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
        unet = build_velocity(params.network, bands, 0, seed)
        assert isinstance(unet, VelocityUNet)
        self.network = Generator(unet)
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
            "adversary": (self._judged(fake) - 1).square().mean(),
            "critic": self._critic_loss(y, fake),
            "contrast": half * self._contrast(x, fake, in_x, batch.labelled.gsd, rng),
            "identity": half * self._contrast(y, same, in_y, batch.unlabelled.gsd, rng),
        }
        return {**terms, "total": torch.stack(list(terms.values())).sum()}

    def _judged(self, fake: Images) -> Tensor:
        """By the critic as it stands: the gradient passes through it, and leaves it alone."""
        still = {name: values.detach() for name, values in self.critic.named_parameters()}
        said: Tensor = torch.func.functional_call(self.critic, still, (fake,))
        return said

    def _critic_loss(self, y: Images, fake: Images) -> Tensor:
        real, made = self.critic(y), self.critic(fake.detach())
        loss: Tensor = ((real - 1).square().mean() + made.square().mean()) / 2
        return loss

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
    share = F.adaptive_avg_pool2d(valid.float(), level.shape[2:]).flatten(1).cpu().numpy()
    count = min(count, share.shape[1])
    rows = []
    for one in share:
        holds = np.flatnonzero(one > 0.5) if (one > 0.5).any() else np.arange(len(one))
        rows.append(rng.choice(holds, count, replace=len(holds) < count))
    return torch.as_tensor(np.stack(rows), device=level.device)


def learn_cut(
    params: CutParams, fitting: Fitting, scale: Scale, channels: tuple[Channel, ...]
) -> Learnt:
    """Train in the folder of the run; a killed run goes on."""
    batches = open_pools(fitting, params.pool, channels)
    network = learn(Cut(params, scale, fitting.seed), batches, fitting, params)
    assert isinstance(network, Generator)
    return export_generator(network)


def export_generator(network: Generator) -> Learnt:
    """Inputs `z` and `gsd`, output `made`."""
    stride = network.unet.stride
    z = torch.zeros(2, network.unet.bands, 2 * stride, 3 * stride)
    samples = {"z": z, "gsd": torch.ones(2)}
    return Learnt(export_module(network, samples, "made"), reach_of(network.unet))
