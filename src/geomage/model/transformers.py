"""The vision transformer: patches of an image of any sensor look at each other.

It takes any size on its patch: where a patch lies is told by waves, not by a learnt table. Each
patch looks at all others, so a window does not say what the whole image says.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 -- the name everybody knows

from geomage.model.blueprint import VitParams
from geomage.model.layers import Count, first_places
from geomage.model.sensor_stem import SensorStem

__all__ = ["Vit", "place_waves"]

_LEVELS = 4
_PATCHES = (4.0, 1024.0)
"""Shortest and longest wave that counts in patches: who is next to whom, at any GSD."""
_METRES = (8.0, 65536.0)
"""Shortest and longest wave that counts in metres: how large a thing is, after Scale-MAE."""


def _axis_waves(places: Float[Tensor, "batch n"], count: int, ends: tuple[float, float]) -> Tensor:
    """Sines and cosines of `count` wave lengths, evenly spaced in log: (batch, n, 2 count)."""
    shortest, longest = (math.log(end) for end in ends)
    lengths = torch.linspace(shortest, longest, count, device=places.device).exp()
    turns = 2 * math.pi * places[:, :, None] / lengths
    return torch.cat([turns.sin(), turns.cos()], 2)


def place_waves(
    rows: Count, columns: Count, step_m: Float[Tensor, " batch"], width: int
) -> Float[Tensor, "batch token width"]:
    """Say where each patch lies: half the channels in patches, half in metres (ours).

    step_m: metres between two patches. Scale-MAE (Reed et al. 2023, arXiv 2212.14532, equation 2)
    counts in metres alone; at 30 m of GSD its short waves would no longer tell neighbours apart.
    """
    count, halves = width // 8, []
    for number in (rows, columns):
        place = first_places(number, step_m).to(step_m.dtype)[None]
        metres = _axis_waves(place * step_m[:, None], count, _METRES)
        patches = _axis_waves(place, count, _PATCHES).expand_as(metres)
        halves.append(torch.cat([patches, metres], 2))
    down, across = halves[0][:, :, None], halves[1][:, None]
    whole = [down + torch.zeros_like(across), across + torch.zeros_like(down)]
    return torch.cat(whole, 3).flatten(1, 2)


class Block(nn.Module):
    """Attention of all tokens, then four times the channels and back; normalised first."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.ask = nn.Linear(width, 3 * width)
        self.answer = nn.Linear(width, width)
        self.think = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, tokens: Float[Tensor, "batch token width"]) -> Tensor:
        """Keep the shape."""
        asked = self.ask(self.before(tokens))
        parts = asked.reshape(tokens.shape[0], tokens.shape[1], 3, self.heads, -1)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
        seen = F.scaled_dot_product_attention(query, key, value)
        tokens = tokens + self.answer(seen.transpose(1, 2).flatten(2))
        thought: Tensor = self.think(self.between(tokens))
        return tokens + thought


class Vit(nn.Module):
    """Four levels of features, all of the patch's stride, after each quarter of the blocks."""

    def __init__(self, params: VitParams) -> None:
        super().__init__()
        self.width, self.patch = params.width, params.patch
        self.widths = (params.width,) * _LEVELS
        self.strides = (params.patch,) * _LEVELS
        self.stem = SensorStem(params.width, params.patch, params.patch)
        self.blocks = nn.ModuleList(Block(params.width, params.heads) for _ in range(params.depth))
        self.norms = nn.ModuleList(nn.LayerNorm(params.width) for _ in range(_LEVELS))

    def forward(
        self,
        image: Float[Tensor, "batch band y x"],
        channels: Float[Tensor, "band 2"],
        gsd: Float[Tensor, " batch"],
    ) -> list[Tensor]:
        """Features (batch, width, y / patch, x / patch), from the first blocks to the last."""
        rows = image.shape[2] // self.patch
        levels = self.look(self.embed(image, channels, gsd))
        shape = (image.shape[0], self.width, rows, -1)
        return [level.transpose(1, 2).reshape(shape) for level in levels]

    def embed(
        self,
        image: Float[Tensor, "batch band y x"],
        channels: Float[Tensor, "band 2"],
        gsd: Float[Tensor, " batch"],
    ) -> Float[Tensor, "batch token width"]:
        """Tokens, row by row, that know where they lie."""
        grid: Tensor = self.stem(image, channels, gsd)
        places = place_waves(grid.shape[2], grid.shape[3], gsd * self.patch, self.width)
        return grid.flatten(2).transpose(1, 2) + places

    def look(self, tokens: Float[Tensor, "batch token width"]) -> list[Tensor]:
        """Tokens after each quarter of the blocks; any part of the tokens of an image will do."""
        levels: list[Tensor] = []
        every = len(self.blocks) // _LEVELS
        for k, block in enumerate(self.blocks, 1):
            tokens = block(tokens)
            if k % every == 0:
                levels.append(self.norms[len(levels)](tokens))
        return levels
