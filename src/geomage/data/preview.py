"""A contact sheet: what some samples of a dataset look like, images and labels."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from geomage.geo import stretch_counts

__all__ = ["ROWS", "choose", "draw_sheet"]

ROWS = 10
SIDE = 176  # pixels of a picture
GAP, HEAD, NAME = 4, 18, 120
_COLUMNS = ("before", "after", "landcover", "damage", "flood", "change", "height")
_TO_THE_EYE = 0.6  # exponent
_GREY = (150, 150, 150)
_PALETTES: Mapping[str, Mapping[int, tuple[int, int, int]]] = MappingProxyType(
    {
        "landcover": {
            0: (0, 0, 0), 1: (196, 164, 120), 2: (150, 190, 96), 3: (190, 190, 190),
            4: (250, 250, 250), 5: (34, 110, 46), 6: (44, 104, 190), 7: (222, 206, 90),
            8: (200, 62, 54),
        },
        "damage": {
            0: (24, 24, 28), 1: (70, 150, 90), 2: (246, 214, 80), 3: (240, 130, 40),
            4: (205, 30, 40), 255: _GREY,
        },
        "flood": {0: (24, 24, 28), 1: (90, 190, 240), 2: (30, 70, 160), 255: _GREY},
        "change": {0: (24, 24, 28), 1: (236, 90, 200), 255: _GREY},
    }
)  # fmt: skip


def choose(rows: pd.DataFrame, most: int = ROWS) -> list[int]:
    """Indices to show: one of every hazard and every kind of negative first, then the others."""
    kinds = rows["hazard"].where(rows["negative"] == "none", rows["negative"])
    turn = rows.groupby(kinds).cumcount()
    order = pd.DataFrame({"turn": turn, "kind": kinds, "index": rows["index"]})
    shown = order.sort_values(["turn", "kind", "index"]).head(most)
    return [int(i) for i in shown.sort_values(["kind", "index"])["index"]]


def draw_sheet(samples: Mapping[str, Mapping[str, np.ndarray]]) -> Image.Image:
    """Draw one row a sample, under its name; a column a layer. Images are red, green, blue."""
    wide = NAME + len(_COLUMNS) * (SIDE + GAP)
    sheet = Image.new("RGB", (wide, HEAD + len(samples) * (SIDE + GAP)), (250, 250, 250))
    pen = ImageDraw.Draw(sheet)
    for column, layer in enumerate(_COLUMNS):
        pen.text((NAME + column * (SIDE + GAP) + 4, 3), layer, fill=(20, 20, 20))
    for row, (name, arrays) in enumerate(samples.items()):
        top = HEAD + row * (SIDE + GAP)
        pen.text((4, top + 4), name, fill=(20, 20, 20))
        for column, layer in enumerate(_COLUMNS):
            picture = Image.fromarray(_painted(layer, arrays[layer]))
            sheet.paste(_small(picture, layer), (NAME + column * (SIDE + GAP), top))
    return sheet


def _small(picture: Image.Image, layer: str) -> Image.Image:
    how = Image.Resampling.NEAREST if layer in _PALETTES else Image.Resampling.BOX
    return picture.resize((SIDE, SIDE), how)


def _painted(layer: str, values: np.ndarray) -> np.ndarray:
    """Colours (y, x, 3) uint8 of a layer."""
    if layer in _PALETTES:
        colours = np.zeros((256, 3), np.uint8)
        for value, colour in _PALETTES[layer].items():
            colours[value] = colour
        return np.asarray(colours[values])
    if layer == "height":
        grey = np.clip(values[0] / 20 * 255, 0, 255).astype(np.uint8)  # white from 20 m
        return np.repeat(grey[..., None], 3, -1)
    counts = stretch_counts(values)
    if values.dtype != np.uint8:  # linear: dark to the eye
        counts = (255 * (counts / 255) ** _TO_THE_EYE).astype(np.uint8)
    return np.ascontiguousarray(counts.transpose(1, 2, 0))
