"""Convolutional encoders: an image of any sensor -> features from fine to coarse."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from geomage.model.blueprint import ResNetParams
from geomage.model.layers import Downsample, Residual
from geomage.model.sensor_stem import SensorStem

__all__ = ["ResNet"]


class ResNet(nn.Module):
    """Stem at 1/2 of the resolution, then residual blocks at 1/4, 1/8 and so on."""

    def __init__(self, params: ResNetParams) -> None:
        super().__init__()
        self.widths = params.widths
        self.strides = tuple(2 ** (k + 1) for k in range(len(params.widths)))
        self.stem = SensorStem(params.widths[0], params.stem, 2)
        pairs = zip(params.widths[:-1], params.widths[1:], params.depths, strict=True)
        self.stages = nn.ModuleList(
            nn.Sequential(Downsample(a, b), *(Residual(b) for _ in range(depth)))
            for a, b, depth in pairs
        )

    def forward(
        self,
        image: Float[Tensor, "batch band y x"],
        channels: Float[Tensor, "band 2"],
        gsd: Float[Tensor, " batch"],
    ) -> list[Tensor]:
        """Features from fine to coarse, `widths` channels at 1 / `strides` of the resolution."""
        features = [self.stem(image, channels, gsd)]
        for stage in self.stages:
            features.append(stage(features[-1]))
        return features
