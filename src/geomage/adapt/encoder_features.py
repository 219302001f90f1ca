"""What our own encoder sees in a chip: layers to compare two images, vectors to compare two sets.

The encoder is pre-trained without labels (`geomage pretrain`), best on chips of both domains, so
that no network from elsewhere, and no photograph of a cat, decides what is alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 -- the name everybody knows

from geomage.data.chip import Chip
from geomage.learn.protocol.weights import find_weights, put_weights
from geomage.model.architecture import Architecture, build_network

__all__ = ["EncoderFeatures", "open_features"]


@dataclass(frozen=True)
class EncoderFeatures:
    """An encoder that is looked through.

    encoder: (pixels, channels, gsd) -> layers from fine to coarse.
    tile: side of the squares that a chip is cut into, pixels; each gives one vector.
    """

    encoder: nn.Module
    tile: int = 64

    def layers(self, chip: Chip) -> list[Float[np.ndarray, "channel y x"]]:
        """Of the first date, from fine to coarse."""
        return [layer.cpu().numpy()[0] for layer in self._see(_first(chip)[None], chip)]

    def vectors(self, chip: Chip) -> Float[np.ndarray, "tile feature"]:
        """Means of every layer, a row for each whole tile that is all valid."""
        image, n = _first(chip), self.tile
        cut = [
            image[:, y : y + n, x : x + n]
            for y in range(0, image.shape[1] - n + 1, n)
            for x in range(0, image.shape[2] - n + 1, n)
            if chip.valid[y : y + n, x : x + n].all()
        ]
        if not cut:
            return np.zeros((0, sum(self._widths())))
        means = [layer.mean((2, 3)) for layer in self._see(torch.stack(cut), chip)]
        return torch.cat(means, 1).double().cpu().numpy()

    def _widths(self) -> tuple[int, ...]:
        widths: tuple[int, ...] = self.encoder.widths  # type: ignore[assignment]
        return widths

    @torch.no_grad()
    def _see(self, images: Float[Tensor, "batch band y x"], chip: Chip) -> list[Tensor]:
        """Layers of images of a chip's bands, mirrored to whole strides."""
        stride: int = max(self.encoder.strides)  # type: ignore[arg-type]
        y, x = images.shape[2:]
        whole = F.pad(images, (0, -x % stride, 0, -y % stride), mode="replicate")
        keys = torch.tensor([channel.key for channel in chip.channels])
        where = next(self.encoder.parameters()).device
        seen = (part.to(where) for part in (whole, keys, torch.full((len(images),), chip.gsd_m)))
        layers: list[Tensor] = self.encoder(*seen)
        return layers


def _first(chip: Chip) -> Float[Tensor, "band y x"]:
    """The first date, 0 where not valid."""
    return torch.from_numpy(np.where(chip.valid, chip.pixels[0], 0).astype(np.float32))


def open_features(run: Path, tile: int = 64) -> EncoderFeatures:
    """Open the encoder of a pre-training.

    Args:
        run: its run folder, or the file of weights in it.
        tile: as of `EncoderFeatures`.

    Raises:
        InputError: no encoder lies there.
    """
    weights = find_weights(str(run))
    network = build_network(Architecture(weights.encoder), 0)
    put_weights(weights, network)
    return EncoderFeatures(network.encoder.eval(), tile)
