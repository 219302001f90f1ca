"""How the features of two dates become those of one change, level by level."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 -- the name everybody knows

from geomage.model.layers import ConvNorm

__all__ = ["Attention", "Concatenate", "Difference"]

_REACH = 2  # cells that the second date looks at around its own place, at each side
_DEPTH = 16  # channels of a head of the attention
_COARSE = 8  # pixels; stride from which attention is worth its price
_HERE = 2.0  # first weight of the own place, as a logit; ours


class Concatenate(nn.Module):
    """Both dates beside each other, mixed: knows which came first (Daudt et al. 2018)."""

    def __init__(self, widths: tuple[int, ...], _strides: tuple[int, ...]) -> None:
        super().__init__()
        self.mix = nn.ModuleList(ConvNorm(2 * width, width, 1) for width in widths)

    def forward(self, before: list[Tensor], after: list[Tensor]) -> list[Tensor]:
        """Keep the shape of each level."""
        pairs = zip(self.mix, before, after, strict=True)
        return [mix(torch.cat([a, b], 1)) for mix, a, b in pairs]


class Difference(nn.Module):
    """How far the dates lie apart, |a - b|, mixed: does not know which came first (ibid.)."""

    def __init__(self, widths: tuple[int, ...], _strides: tuple[int, ...]) -> None:
        super().__init__()
        self.mix = nn.ModuleList(ConvNorm(width, width, 1) for width in widths)

    def forward(self, before: list[Tensor], after: list[Tensor]) -> list[Tensor]:
        """Keep the shape of each level."""
        pairs = zip(self.mix, before, after, strict=True)
        return [mix((a - b).abs()) for mix, a, b in pairs]


class CrossAttention(nn.Module):
    """Each cell of the second date looks for itself among the cells of the first around its place.

    Images of two dates lie some pixels apart, by parallax and by orientation. Neighbourhood
    attention (Hassani et al. 2023) of one date to the other; beyond the edge lies its last cell.
    """

    neighbours: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = max(1, width // 32)
        inner, self.side = self.heads * _DEPTH, 2 * _REACH + 1
        self.query, self.key, self.value = (nn.Conv2d(width, inner, 1) for _ in range(3))
        self.place = nn.Parameter(torch.zeros(self.heads, self.side**2, 1, 1))
        with torch.no_grad():
            self.place[:, self.side**2 // 2] = _HERE
        self.mix = ConvNorm(width + inner, width, 1)
        # one 1 a filter; not F.unfold, which exports to a hundred times as many operators
        neighbours = torch.eye(self.side**2).repeat(inner, 1).view(-1, 1, self.side, self.side)
        self.register_buffer("neighbours", neighbours, persistent=False)

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        """Keep the shape (batch, width, y, x)."""
        query = self.by_head(self.query(after), 1)
        key, value = self.around(self.key(before)), self.around(self.value(before))
        likeness = (query * key).sum(2) / _DEPTH**0.5 + self.place
        found = (likeness.softmax(2)[:, :, None] * value).sum(3).flatten(1, 2)
        mixed: Tensor = self.mix(torch.cat([after, found], 1))
        return mixed

    def around(self, x: Tensor) -> Tensor:
        """What lies around each cell, (batch, head, depth, neighbour, y, x)."""
        wide = F.pad(x, (_REACH,) * 4, mode="replicate")
        shifted = F.conv2d(wide, self.neighbours.to(x.dtype), groups=x.shape[1])
        return self.by_head(shifted, self.side**2)

    def by_head(self, x: Tensor, count: int) -> Tensor:
        """Channels as head, depth and so many neighbours."""
        return x.reshape(x.shape[0], self.heads, _DEPTH, count, x.shape[2], x.shape[3])


class Attention(nn.Module):
    """Cross-attention where cells are of 8 pixels or more, concatenation where they are finer."""

    def __init__(self, widths: tuple[int, ...], strides: tuple[int, ...]) -> None:
        super().__init__()
        fine = sum(stride < _COARSE for stride in strides)
        self.fine = Concatenate(widths[:fine], strides[:fine])
        self.coarse = nn.ModuleList(CrossAttention(width) for width in widths[fine:])

    def forward(self, before: list[Tensor], after: list[Tensor]) -> list[Tensor]:
        """Keep the shape of each level."""
        fine = len(self.fine.mix)
        pairs = zip(self.coarse, before[fine:], after[fine:], strict=True)
        looked = [layer(a, b) for layer, a, b in pairs]
        mixed: list[Tensor] = self.fine(before[:fine], after[:fine])
        return mixed + looked
