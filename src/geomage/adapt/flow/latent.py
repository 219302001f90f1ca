"""Flow in the cells of an autoencoder: how it is learnt, and whether masks survive it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from geomage.adapt.flow.codec import PixelCodec
from geomage.adapt.flow.cover_reader import CoverReader
from geomage.adapt.flow.crops import Crops
from geomage.adapt.flow.matching import normal_like, squared_error
from geomage.data.chip import UNKNOWN
from geomage.errors import RunError
from geomage.learn.objective import ChipBatch, StepBatch
from geomage.model.autoencoder import Autoencoder

__all__ = [
    "RoundTrips",
    "mask_survival",
    "refuse_lost_masks",
]


class RoundTrips:
    """An `Objective`: images of both domains through one autoencoder, or one for each domain."""

    def __init__(
        self,
        autoencoders: Mapping[str, Autoencoder],
        codecs: Mapping[str, PixelCodec],
        weight: float,
    ) -> None:
        self.autoencoders, self.codecs, self.weight = dict(autoencoders), dict(codecs), weight
        network = nn.ModuleDict(self.autoencoders)
        self.modules = nn.ModuleDict({"network": network, "codecs": nn.ModuleDict(self.codecs)})

    def terms(self, batch: StepBatch, rng: np.random.Generator, done: float) -> dict[str, Tensor]:
        """Squared error of pixels, and divergence of cells from the standard normal."""
        del done
        sides = {"source": batch.labelled, "target": batch.unlabelled}
        losses = [self._side(name, chips, rng) for name, chips in sides.items() if chips]
        pixels, spread = (torch.stack(each).mean() for each in zip(*losses, strict=True))
        return {"pixels": pixels, "divergence": spread, "total": pixels + self.weight * spread}

    def _side(self, name: str, chips: ChipBatch, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        own = name if name in self.autoencoders else "source"
        autoencoder = self.autoencoders[own]
        pixels = chips.pixels[:, 0]
        valid = (pixels != 0).any(dim=1)
        image = self.codecs[own].encode(pixels, valid)
        mean, log_variance = autoencoder.encode(image)
        cells = mean + (log_variance / 2).exp() * normal_like(mean, rng)
        loss = squared_error(autoencoder.decode(cells), image, valid[:, None].float())
        spread = (mean.float() ** 2 + log_variance.exp() - 1 - log_variance).mean() / 2
        return loss, spread

    def follow(self, done: float) -> None:
        """Nothing follows."""


def mask_survival(
    crops: Crops, again: Float[np.ndarray, "item band y x"], reader: CoverReader
) -> Mapping[int, float]:
    """IoU of each class as one fixed reader reads it, before and after a round trip.

    Classes of fewer than a thousandth of the pixels are left out.
    """
    before, after = (reader.read(pixels, crops.valid) for pixels in (crops.pixels, again))
    found = {}
    for k in range(reader.weights.shape[1]):
        ours, theirs = before == k, after == k
        if ours.sum() >= max(1, 0.001 * (before != UNKNOWN).sum()):
            found[k] = float((ours & theirs).sum() / (ours | theirs).sum())
    return found


def refuse_lost_masks(ious: Mapping[int, float], classes: tuple[str, ...], least: float) -> None:
    """Raise RunError where masks do not survive; says by how much.

    Judged is the class building where there is one, and the mean of all else.
    """
    building = {k for k in ious if k < len(classes) and classes[k] == "building"}
    judged = [ious[k] for k in building] or list(ious.values())
    if np.mean(judged) < least:
        told = ", ".join(f"{classes[k]} {iou:.3f}" for k, iou in sorted(ious.items()))
        raise RunError(
            f"the autoencoder moves masks: IoU {np.mean(judged):.3f} after a round trip, "
            f"{least:g} is asked ({told}): give it more channels or steps, a smaller stride, or "
            "lower latent.least_iou"
        )
