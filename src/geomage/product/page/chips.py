"""Close looks at the first buildings of a report, as sharp as the images are.

The pictures of a report have 1600 px along the longer side: of a map of ten kilometres they show a
house as one pixel. So each date gets a sheet of small squares cut from the images themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from geomage.product.page.pictures import Picture, as_picture, close_looks

__all__ = ["CHIP_PX", "COLUMNS", "MOST_CHIPS", "Chips", "cut_chips"]

MOST_CHIPS: Final = 200
"""Buildings that get a close look of their own; that of others is cut from the whole picture."""

CHIP_PX: Final = 112
COLUMNS: Final = 20  # squares in a row of a sheet
_WIDER: Final = 1.9  # a square shows so many times the length of its building,
_LEAST_PX: Final = 48  # and at least so many pixels of the product
_COARSEST: Final = 3.0  # pixels of the product in one of a square
_FINE: Final = 0.7  # a picture with so many pixels for one of the product needs no sheet

Extent = tuple[float, float, float, float]
"""Left, top, right and bottom in picture pixels."""


@dataclass(frozen=True)
class Chips:
    """A sheet of squares for each date."""

    before: Picture
    after: Picture | None
    places: list[tuple[float, float, float] | None]
    """Left, top and side of each square in picture pixels; None for a building without one."""


def cut_chips(
    extents: Sequence[Extent | None],
    box: GeoBox,
    picture: Picture,
    dates: Sequence[tuple[Sequence[Path], tuple[float, float]]],
) -> Chips | None:
    """Cut the sheets; None where the pictures are as fine as they need be.

    Args:
        extents: of the buildings, the first first; None for one that is not drawn.
        box: grid of the product.
        picture: one of the report's.
        dates: images of each date, and by how many metres (east, north) their content lies off.
    """
    scale = picture.width / int(box.shape[1])
    if scale >= _FINE or not extents:
        return None
    places = [_place(extent, scale) for extent in extents[:MOST_CHIPS]]
    sheets = [_sheet(places, box, scale, *date) for date in dates]
    return Chips(sheets[0], sheets[1] if len(sheets) > 1 else None, places)


def _place(extent: Extent | None, scale: float) -> tuple[float, float, float] | None:
    if extent is None:
        return None
    left, top, right, bottom = extent
    side = max(_LEAST_PX * scale, _WIDER * max(right - left, bottom - top))
    if side / scale / CHIP_PX > _COARSEST:
        return None
    return (left + right - side) / 2, (top + bottom - side) / 2, side


def _sheet(
    places: Sequence[tuple[float, float, float] | None],
    box: GeoBox,
    scale: float,
    paths: Sequence[Path],
    shift_m: tuple[float, float],
) -> Picture:
    rows = -(-len(places) // COLUMNS)
    sheet = np.zeros((3, rows * CHIP_PX, min(COLUMNS, len(places)) * CHIP_PX), np.uint8)
    cut = [i for i, place in enumerate(places) if place is not None]
    squares = [_square(place, box, scale) for place in places if place is not None]
    for i, piece in zip(cut, close_looks(paths, box, squares, shift_m), strict=True):
        row, column = (CHIP_PX * at for at in divmod(i, COLUMNS))
        sheet[:, row : row + CHIP_PX, column : column + CHIP_PX] = piece
    return as_picture(sheet)


def _square(place: tuple[float, float, float], box: GeoBox, scale: float) -> GeoBox:
    left, top, side = (value / scale for value in place)  # pixels of the product
    affine = box.affine @ Affine.translation(left, top) @ Affine.scale(side / CHIP_PX)
    return GeoBox((CHIP_PX, CHIP_PX), affine, box.crs)
