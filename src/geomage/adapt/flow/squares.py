"""A network that looks at all it is given, run on overlapping squares that lie fast in the image.

Squares lie every half side, counted from the image's corner, and answers are blended by hats whose
sum is 1: so that no edge shows, and a window says what the whole image says.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["over_squares"]

Answer = Callable[[np.ndarray, tuple[int, int]], np.ndarray]
"""(band, side, side), place of its corner (row, column) -> (made, side, side)."""


def over_squares(
    answer: Answer, stack: np.ndarray, place: tuple[int, int], side: int
) -> np.ndarray:
    """Answer for a window (band, y, x) whose corner lies at `place`, a multiple of side / 2.

    What lies beyond the window is 0; so it is right from `side` px inside on, and at the edges of
    the image.
    """
    step, rows, columns = side // 2, *stack.shape[1:]
    margin = [(step, -n % step + step) for n in (rows, columns)]
    wide = np.pad(stack, [(0, 0), *margin])
    hat = _hat(side)
    said: np.ndarray | None = None
    for y in range(0, wide.shape[1] - step, step):
        for x in range(0, wide.shape[2] - step, step):
            square = np.s_[:, y : y + side, x : x + side]
            part = hat * answer(wide[square], (place[0] + y - step, place[1] + x - step))
            if said is None:
                said = np.zeros((len(part), *wide.shape[1:]), np.float64)
            said[square] += part
    assert said is not None
    return said[:, step : step + rows, step : step + columns]


def _hat(side: int) -> np.ndarray:
    """Weights that fall from the middle to the edge; with those of the neighbours they are 1."""
    slope = 1 - np.abs(np.arange(side) + 0.5 - side / 2) / (side / 2)
    return np.asarray(slope[:, None] * slope)
