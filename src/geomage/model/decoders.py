"""Decoders: features from fine to coarse -> one map of features, of a stride of its own."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from geomage.model.layers import ConvNorm, double

__all__ = ["UNet"]


class UNet(nn.Module):
    """From coarse to fine: upsampled, laid beside the level above, mixed (Ronneberger et al. 2015).

    Levels are brought to `width` channels first.
    """

    def __init__(self, widths: tuple[int, ...], strides: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.width, self.stride = width, strides[0]
        self.lateral = nn.ModuleList(ConvNorm(w, width, 1) for w in widths)
        self.mix = nn.ModuleList(ConvNorm(2 * width, width) for _ in widths[1:])

    def forward(self, features: list[Tensor]) -> Tensor:
        """Return (batch, width, y / stride, x / stride)."""
        levels = [layer(level) for layer, level in zip(self.lateral, features, strict=True)]
        x: Tensor = levels.pop()
        for mix in reversed(self.mix):
            x = mix(torch.cat([double(x), levels.pop()], 1))
        return x
