"""How the features of two dates become those of one change, level by level."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from geomage.model.layers import ConvNorm

__all__ = ["Concatenate", "Difference"]


class Concatenate(nn.Module):
    """Both dates beside each other, mixed: knows which came first."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.mix = nn.ModuleList(ConvNorm(2 * width, width, 1) for width in widths)

    def forward(self, before: list[Tensor], after: list[Tensor]) -> list[Tensor]:
        """Keep the shape of each level."""
        pairs = zip(self.mix, before, after, strict=True)
        return [mix(torch.cat([a, b], 1)) for mix, a, b in pairs]


class Difference(nn.Module):
    """How far the dates lie apart, |a - b|, mixed: does not know which came first."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.mix = nn.ModuleList(ConvNorm(width, width, 1) for width in widths)

    def forward(self, before: list[Tensor], after: list[Tensor]) -> list[Tensor]:
        """Keep the shape of each level."""
        pairs = zip(self.mix, before, after, strict=True)
        return [mix((a - b).abs()) for mix, a, b in pairs]
