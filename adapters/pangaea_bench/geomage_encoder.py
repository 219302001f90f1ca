# SPDX-License-Identifier: GPL-3.0-or-later
"""An encoder of geomage inside pangaea-bench: copy this file to pangaea/encoders/.

It extends a class of pangaea-bench, which is under the GNU General Public License 3: so is this
file, and it is no part of geomage (Apache-2.0), which never imports it.
"""

from __future__ import annotations

from logging import Logger
from pathlib import Path

import torch
from pangaea.encoders.base import Encoder

from geomage.data.chip import Channel
from geomage.data.readers.bands import SENTINEL2
from geomage.learn.protocol.weights import find_weights, put_weights
from geomage.model.architecture import Architecture, build_network

_NAMES = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B10", "B11", "B12")
BANDS = {
    **dict(zip(_NAMES, SENTINEL2, strict=True)),
    "VV": Channel("vv", 55_500.0),
    "VH": Channel("vh", 55_500.0),
}
"""Channel by the name that pangaea-bench gives a band."""


class GeomageEncoder(Encoder):
    """Pixels in the units of the dataset (preprocessing=seg_wo_norm) -> features of all levels."""

    def __init__(
        self,
        encoder_weights: str,
        input_bands: dict[str, list[str]],
        input_size: int,
        gsd_m: float,
        optical_scale: float,
        told_bands: dict[str, list[str]] | None = None,
        seed: int = 0,
    ) -> None:
        """Describe the encoder to pangaea-bench.

        Args:
            encoder_weights: a run folder of geomage, its weights, or the name of an encoder.
            input_bands: bands by modality, "optical" and "sar" (dB).
            input_size: side of a crop in pixels, a multiple of the encoder's coarsest stride.
            gsd_m: metres a pixel.
            optical_scale: what one unit of the optical bands is of reflectance: 0.0001 for counts
                of Sentinel-2, 1 for reflectance, 1 / 255 for pictures.
            told_bands: what the network is told the bands are, where that is not `input_bands`.
            seed: of the weights of an encoder that has none.
        """
        weights = find_weights(encoder_weights)
        network = build_network(Architecture(weights.encoder), seed)
        encoder = network.encoder
        super().__init__(
            model_name=f"geomage-{weights.encoder}",
            input_bands=input_bands,
            input_size=input_size,
            embed_dim=encoder.widths[-1],
            output_layers=list(range(len(encoder.widths))),
            output_dim=list(encoder.widths),
            multi_temporal=False,
            multi_temporal_output=False,
            pyramid_output=len(set(encoder.strides)) > 1,
            encoder_weights=Path(encoder_weights),
            download_url="",
        )
        self.weights, self.network = weights, network
        self.gsd_m, self.optical_scale = gsd_m, optical_scale
        told = told_bands or input_bands
        keys = [BANDS[name].key for kind in input_bands for name in told[kind]]
        self.register_buffer("keys", torch.tensor(keys))

    def load_encoder_weights(self, logger: Logger) -> None:
        """Put the weights in, and freeze them."""
        put_weights(self.weights, self.network)
        logger.info("Loaded %s", self.weights.as_dict())

    def forward(self, image: dict[str, torch.Tensor]) -> list[torch.Tensor]:
        """Features from fine to coarse of images (batch, band, y, x), with or without one date."""
        parts = []  # radar as `geomage.data.chip.radar_share`
        for kind in self.input_bands:
            x = image[kind].squeeze(2) if image[kind].ndim == 5 else image[kind]
            parts.append(1 + x / 25 if kind == "sar" else x * self.optical_scale)
        pixels = torch.cat(parts, 1)
        gsd = pixels.new_full((len(pixels),), self.gsd_m)
        return self.network.encoder(pixels, self.keys, gsd)
