"""A look at a translator: source, translation, and an image of the target beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from geomage.data.chip import Chip
from geomage.geo import Stretch, measure_values
from geomage.learn.pictures import captioned, write_picture

__all__ = ["Row", "draw_translated"]

_SIDE = 256  # pixels of a panel
_GAP = 2  # pixels between panels
_GREY = 40  # where there is no data
_RGB = ("red", "green", "blue")

Row = tuple[Chip, Chip, Chip]
"""A chip of the source, the same translated, a chip of the target."""


def draw_translated(path: Path, rows: Sequence[Row]) -> None:
    """Write a picture of the first date of chips, a row each; a row is of one scale on the ground.

    Images of the same bands share one line from values to counts, that of the target: else a
    difference in light would not be seen.
    """
    target = _line([row[2] for row in rows])
    alike = rows[0][0].channels == rows[0][2].channels
    source = target if alike else _line([row[0] for row in rows])
    lines = (source, target, target)
    drawn = [
        np.concatenate(
            [_panel(chip, line, _span_m(row[0])) for chip, line in zip(row, lines, strict=True)],
            axis=1,
        )
        for row in rows
    ]
    sheet = captioned(np.concatenate(drawn), ("source", "translated", "target"))
    write_picture(path, sheet)


def _span_m(chip: Chip) -> float:
    """Greatest side, metres."""
    return float(max(chip.valid.shape) * chip.gsd_m)


def _line(chips: Sequence[Chip]) -> Stretch:
    shown = [_colours(chip)[:, chip.valid].ravel() for chip in chips]
    return measure_values(np.concatenate(shown)) or Stretch(0.0, 1.0)


def _colours(chip: Chip) -> np.ndarray:
    """(3, y, x) of the first date: red, green and blue, or its first bands."""
    names = [channel.name for channel in chip.channels]
    found = [names.index(name) for name in _RGB if name in names]
    order = found if len(found) == len(_RGB) else [min(k, len(names) - 1) for k in range(3)]
    return np.asarray(chip.pixels[0, order])


def _panel(chip: Chip, line: Stretch, span_m: float) -> UInt8[np.ndarray, "y x 3"]:
    """The upper left `span_m` metres of a chip; grey where it holds no data or ends before."""
    counts = np.where(chip.valid, line.apply(_colours(chip)), _GREY).astype(np.uint8)
    place = ((np.arange(_SIDE) + 0.5) / _SIDE * span_m / chip.gsd_m).astype(int)
    rows, columns = (place[place < side] for side in chip.valid.shape)
    panel = np.full((_SIDE + _GAP, _SIDE + _GAP, 3), 255, np.uint8)
    panel[:_SIDE, :_SIDE] = _GREY
    panel[: len(rows), : len(columns)] = np.moveaxis(counts[:, rows][:, :, columns], 0, -1)
    return panel
