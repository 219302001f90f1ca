"""Grids of a picture, and the tiles that it is made in.

Tiles are the same whatever memory there is, so that the bytes of a scene do not depend on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from affine import Affine
from odc.geo import wh_
from odc.geo.geobox import GeoBox

from geomage.disaster import Event
from geomage.errors import InputError
from geomage.render.matter import Appearance
from geomage.sensor import Framing, SensorModel, frame, stride

__all__ = ["MARGIN_M", "Tile", "fine_grid", "margin_of", "sensor_grid", "tiles"]

MARGIN_M = 30.0
"""Outer rim of a town that is not pictured: shadows and leaning roofs come in from there."""
TILE_PX = 1024  # side of a tile, sensor pixels, at most
COARSEST_M = 1.0  # side of a fine pixel, at most: coarser ones would miss what stands
_FARTHEST_M = 120.0  # from which shadow and lean reach into a tile, at most (ours)


@dataclass(frozen=True)
class Tile:
    """A part of a picture.

    Rows and columns of its `place` on the sensor's grid, of its `window` on the fine grid, and
    within that of what it has to its `own`; `framing`: where its pixels fall on the window.
    """

    place: tuple[slice, slice]
    window: tuple[slice, slice]
    own: tuple[slice, slice]
    framing: Framing


def sensor_grid(event: Event, model: SensorModel) -> GeoBox:
    """Grid of a sensor's pixels over a city without its rim."""
    bounds = event.city.dtm.box.boundingbox
    sides = (bounds.span_x, bounds.span_y)
    across, down = (int((side - 2 * MARGIN_M) / model.gsd) for side in sides)
    if min(across, down) < 32:
        raise InputError(
            f"the city is {min(sides):g} m wide, too small for {model.name}: "
            f"grow one of at least {2 * MARGIN_M + 32 * model.gsd:.0f} m",
        )
    return _centred(event, (across, down), model.gsd)


def fine_grid(
    event: Event, box: GeoBox, oversample: float, shift_m: tuple[float, float] = (0.0, 0.0)
) -> tuple[GeoBox, Framing]:
    """Grid of samples around a sensor's, rim and all, and where the sensor's pixels fall on it.

    Where pixels hold a whole number of samples, the middle of a pixel is that of a sample, so that
    labels, which are taken there, lie where the image does. A grid that is off by `shift_m` (east,
    north) moves with its samples.
    """
    gsd = float(box.affine.a)
    ratio = max(oversample, gsd / COARSEST_M)
    px = gsd / ratio
    counts = [int((int(n) * gsd + 2 * MARGIN_M) / px) for n in (box.shape.x, box.shape.y)]
    if ratio == round(ratio):
        counts = [n - (n - 1 - round(ratio) * (int(m) - 1)) % 2
                  for n, m in zip(counts, (box.shape.x, box.shape.y), strict=True)]  # fmt: skip
    fine = _centred(event, (counts[0], counts[1]), px)
    framing = frame(px, fine.shape.yx, gsd, box.shape.yx)
    moved = Affine.translation(*shift_m) @ fine.affine
    return GeoBox(fine.shape, moved, fine.crs), framing


def _centred(event: Event, size: tuple[int, int], px: float) -> GeoBox:
    """Grid of (columns, rows) in the middle of the city."""
    bounds, (columns, rows) = event.city.dtm.box.boundingbox, size
    west = (bounds.left + bounds.right - columns * px) / 2
    north = (bounds.bottom + bounds.top + rows * px) / 2
    return GeoBox(wh_(columns, rows), Affine(px, 0, west, 0, -px, north), event.city.dtm.box.crs)


def margin_of(event: Event, when: Appearance, model: SensorModel) -> float:
    """Metres from which a tile is reached: by shadow, by lean and by the optics."""
    roofs, trees = event.city.roofs, event.city.trees
    tops = [float(roofs["ridge"].max()) if len(roofs) else 0.0]
    tops += [float(trees["height"].max()) if len(trees) else 0.0]
    low = np.tan(np.radians(max(when.sun_elevation, 5.0)))
    reach = (max(tops) + 3.0) * max(1 / low, np.tan(np.radians(when.off_nadir)))
    blur = 2.5 * max(optics.gsd for optics in model.optics)
    return float(min(max(reach, MARGIN_M), _FARTHEST_M) + blur)


def tiles(framing: Framing, fine: GeoBox, model: SensorModel, margin_m: float) -> list[Tile]:
    """Cut a picture into tiles of about one size, whose windows reach `margin_m` farther."""
    step, margin = stride(model), int(np.ceil(margin_m / float(fine.affine.a)))
    rows, columns = (_cuts(n, step) for n in (framing.rows, framing.columns))
    down, across = (int(n) for n in fine.shape)
    found = []
    for top, bottom in pairwise(rows):
        for left, right in pairwise(columns):
            own = (
                _owned(framing.row0, framing.ratio, (top, bottom), (framing.rows, down)),
                _owned(framing.col0, framing.ratio, (left, right), (framing.columns, across)),
            )
            window = (_wider(own[0], margin, down), _wider(own[1], margin, across))
            inner = Framing(
                bottom - top, right - left, framing.ratio,
                framing.row0 + framing.ratio * top - window[0].start,
                framing.col0 + framing.ratio * left - window[1].start, framing.gsd,
            )  # fmt: skip
            within = (_less(own[0], window[0].start), _less(own[1], window[1].start))
            found.append(Tile((slice(top, bottom), slice(left, right)), window, within, inner))
    return found


def _cuts(n: int, step: int | None) -> list[int]:
    """Where tiles begin, and the end: multiples of `step`; one tile without a step."""
    parts = 1 if step is None else -(-n // TILE_PX)
    if parts == 1 or step is None:
        return [0, n]
    side = -(-n // parts // step) * step
    return [*range(0, n, side), n]


def _owned(first: float, ratio: float, span: tuple[int, int], of: tuple[int, int]) -> slice:
    """Samples of a tile: those nearest to its pixels, and at the rim all that are left."""
    start = 0 if span[0] == 0 else int(np.ceil(first + ratio * (span[0] - 0.5)))
    stop = of[1] if span[1] == of[0] else int(np.ceil(first + ratio * (span[1] - 0.5)))
    return slice(start, stop)


def _wider(own: slice, margin: int, n: int) -> slice:
    return slice(max(own.start - margin, 0), min(own.stop + margin, n))


def _less(span: slice, start: int) -> slice:
    return slice(span.start - start, span.stop - start)
