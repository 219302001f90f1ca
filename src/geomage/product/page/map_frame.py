"""The map of the printed page: picture, outlines as vectors, coordinates, scale and north."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from reportlab.lib.utils import ImageReader

from geomage.geo import ground_gsd
from geomage.product.page.drawing import Drawing, Shapes
from geomage.product.page.findings import Findings
from geomage.product.page.graticule import degrees, graticule, nice_step, pixels
from geomage.product.page.looks import HATCH, LOOKS, Look
from geomage.product.squares import square_grid

__all__ = ["MM", "Frame", "draw_map", "fitted", "label_graticule", "metres_a_point", "plain"]

MM: Final = 72 / 25.4  # points
_STROKE: Final = 0.36  # points for a screen pixel of a look
_DASH: Final = 0.6  # the same, of its dashes
_FILL: Final = 0.2  # opacity of buildings, times that of their look
_AT_ONCE: Final = 500  # shapes in one path
_STRIPE: Final = (2.6, 0.9)  # points from stripe to stripe, and of a stripe
_BOLD: Final = "Helvetica-Bold"


@dataclass(frozen=True)
class Frame:
    """Where the picture lies on the paper, in points from the lower left."""

    left: float
    bottom: float
    width: float
    height: float
    picture_px: tuple[int, int]  # width, height

    @property
    def scale(self) -> float:
        """Points in a picture pixel."""
        return self.width / self.picture_px[0]

    def on_paper(self, path: np.ndarray) -> list[tuple[float, float]]:
        """Picture pixels (column, row) as points of the paper."""
        x = self.left + path[:, 0] * self.scale
        y = self.bottom + self.height - path[:, 1] * self.scale
        return list(zip(x.tolist(), y.tolist(), strict=True))


def fitted(within: tuple[float, float, float, float], picture_px: tuple[int, int]) -> Frame:
    """The largest frame of a picture in (left, bottom, width, height), at the top."""
    left, bottom, width, height = within
    scale = min(width / picture_px[0], height / picture_px[1])
    wide, high = picture_px[0] * scale, picture_px[1] * scale
    return Frame(left + (width - wide) / 2, bottom + height - high, wide, high, picture_px)


def draw_map(sheet: Any, frame: Frame, found: Findings, drawing: Drawing) -> None:
    """Draw everything inside the frame, and the coordinates around it."""
    picture = found.after or found.before
    box = (frame.left, frame.bottom, frame.width, frame.height)
    sheet.saveState()
    clip = sheet.beginPath()
    clip.rect(*box)
    sheet.clipPath(clip, stroke=0)
    sheet.drawImage(ImageReader(io.BytesIO(picture.jpeg)), *box)
    for shapes in drawing.areas:
        _area(sheet, frame, shapes, 1.0)
    for group in reversed(drawing.groups):
        _area(sheet, frame, Shapes(group.key, group.paths), _FILL)
    for shapes in (*drawing.roads, *([drawing.zones] if drawing.zones else [])):
        _stroke(sheet, frame, shapes)
    if drawing.facilities:
        _spots(sheet, frame, drawing.facilities)
    _graticule(sheet, frame, found)
    _squares(sheet, frame, found)
    _scale_bar(sheet, frame, found)
    _north(sheet, frame, found)
    sheet.restoreState()
    sheet.setStrokeColor("#000000")
    sheet.setLineWidth(1)
    sheet.rect(*box)


def _paths(
    sheet: Any, frame: Frame, shapes: Sequence[Sequence[np.ndarray]], *, closed: bool
) -> Iterable[Any]:
    """Paths of some shapes each: one for all is slow to show, one for each is long to tell."""
    for first in range(0, len(shapes), _AT_ONCE):
        path = sheet.beginPath()
        for ring in (ring for shape in shapes[first : first + _AT_ONCE] for ring in shape):
            start, *rest = frame.on_paper(ring)
            path.moveTo(*start)
            for spot in rest:
                path.lineTo(*spot)
            if closed:
                path.close()
        yield path


def _area(sheet: Any, frame: Frame, shapes: Shapes, strength: float) -> None:
    look = LOOKS[shapes.key]
    sheet.saveState()
    sheet.setLineJoin(1)
    _pen(sheet, look.stroke, look.width * _STROKE)
    if look.dash:
        sheet.setDash([part * _DASH for part in look.dash])
    for path in _paths(sheet, frame, shapes.paths, closed=True):
        if look.hatched:
            _hatch(sheet, frame, path, look)
        else:
            sheet.setFillColor(look.fill)
            sheet.setFillAlpha(look.opacity * strength)
        sheet.drawPath(path, stroke=1, fill=not look.hatched, fillMode=1)
    sheet.restoreState()


def _hatch(sheet: Any, frame: Frame, path: Any, look: Look) -> None:
    step, wide = _STRIPE
    sheet.saveState()
    sheet.clipPath(path, stroke=0, fill=0, fillMode=1)
    sheet.setDash()
    sheet.setStrokeColor(HATCH)
    sheet.setStrokeAlpha(look.opacity)
    sheet.setLineWidth(wide)
    stripes = np.arange(frame.left - frame.height, frame.left + frame.width, step).tolist()
    top = frame.bottom + frame.height
    sheet.lines([(x, frame.bottom, x + frame.height, top) for x in stripes])
    sheet.restoreState()


def _stroke(sheet: Any, frame: Frame, shapes: Shapes) -> None:
    look = LOOKS[shapes.key]
    sheet.saveState()
    sheet.setLineJoin(1)
    for path in _paths(sheet, frame, shapes.paths, closed=shapes.closed):
        if look.casing:
            sheet.setDash()
            _pen(sheet, look.casing, (look.width + 2) * _STROKE)
            sheet.drawPath(path)
        if look.dash:
            sheet.setDash([part * _DASH for part in look.dash])
        _pen(sheet, look.stroke, look.width * _STROKE)
        sheet.drawPath(path)
    sheet.restoreState()
    for name, shape in zip(shapes.names, shapes.paths, strict=False):
        if shapes.key == "zones" and shape:
            x, y = np.mean(frame.on_paper(shape[0]), axis=0).tolist()
            _lettered(sheet, x, y, plain(name), 8)


def _pen(sheet: Any, colour: str, width: float) -> None:
    sheet.setStrokeColor(colour)
    sheet.setLineWidth(width)


def _spots(sheet: Any, frame: Frame, shapes: Shapes) -> None:
    look = LOOKS[shapes.key]
    sheet.setFillColor(look.fill)
    _pen(sheet, look.stroke, 0.7)
    for ((spot,),) in shapes.paths:
        ((x, y),) = frame.on_paper(np.array([spot]))
        sheet.rect(x - 2.2, y - 2.2, 4.4, 4.4, fill=1)


def plain(text: str) -> str:
    """Text in the letters that every PDF reader has; others become a question mark."""
    return text.encode("cp1252", "replace").decode("cp1252")


def _lettered(
    sheet: Any, x: float, y: float, text: str, size: float, colour: str = "#ffffff"
) -> None:
    """White letters with a dark rim, in their middle at x."""
    for mode, width in ((1, 0.22 * size), (0, 0)):
        words = sheet.beginText()
        words.setFont(_BOLD, size)
        words.setTextOrigin(x - sheet.stringWidth(text, _BOLD, size) / 2, y)
        words.setTextRenderMode(mode)
        words.setStrokeColor("#000000")
        words.setFillColor(colour)
        sheet.setLineWidth(width)
        sheet.setLineJoin(1)
        words.textOut(text)
        words.setTextRenderMode(0)
        sheet.drawText(words)


def _squares(sheet: Any, frame: Frame, found: Findings) -> None:
    """The lettered squares: crosses at their corners, names at their upper left."""
    grid = square_grid(found.box)
    side = grid.side_px * found.before.width / int(found.box.shape[1]) * frame.scale
    top = frame.bottom + frame.height
    _pen(sheet, "#ffffff", 0.5)
    for row in range(grid.rows):
        for column in range(grid.columns):
            x, y = frame.left + column * side, top - row * side
            sheet.lines([(x - 4, y, x + 4, y), (x, y - 4, x, y + 4)])
            if frame.left + frame.width - x > 14 and y - frame.bottom > 10:
                _lettered(sheet, x + 8, y - 9, grid.name(row, column), 7)
                _pen(sheet, "#ffffff", 0.5)


def _graticule(sheet: Any, frame: Frame, found: Findings) -> None:
    """Meridians and parallels (degrees, WGS 84); metres from the upper left without a CRS."""
    sheet.saveState()
    _pen(sheet, "#ffffff", 0.35)
    sheet.setStrokeAlpha(0.7)
    for path, _, _ in graticule(found.box, found.before):
        for (x0, y0), (x1, y1) in zip(*_ends(frame.on_paper(path)), strict=True):
            sheet.line(x0, y0, x1, y1)
    sheet.restoreState()


def _ends(
    spots: list[tuple[float, float]],
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    return spots[:-1], spots[1:]


def label_graticule(sheet: Any, frame: Frame, found: Findings) -> None:
    """Write the coordinates outside the frame: meridians below, parallels at the left."""
    sheet.setFont("Helvetica", 6.5)
    sheet.setFillColor("#000000")
    sheet.setLineWidth(0.6)
    rows, _ = found.before.height, found.before.width
    for path, name, north in graticule(found.box, found.before):
        across, down = path[:, 0], path[:, 1]
        if north:
            order = np.argsort(down)
            at = float(np.interp(rows, down[order], across[order]))
            x = frame.left + at * frame.scale
            if 0 <= at <= found.before.width:
                sheet.line(x, frame.bottom, x, frame.bottom - 3)
                sheet.drawCentredString(x, frame.bottom - 9.5, name)
        else:
            order = np.argsort(across)
            at = float(np.interp(0.0, across[order], down[order]))
            y = frame.bottom + frame.height - at * frame.scale
            if 0 <= at <= rows:
                sheet.line(frame.left, y, frame.left - 3, y)
                _upright(sheet, frame.left - 4.5, y, name)


def _upright(sheet: Any, x: float, y: float, text: str) -> None:
    """Text that is read from the right-hand side, centred at y."""
    sheet.saveState()
    sheet.translate(x, y)
    sheet.rotate(90)
    sheet.drawCentredString(0, 0, text)
    sheet.restoreState()


def metres_a_point(frame: Frame, found: Findings) -> float:
    """Metres of ground in a point of paper."""
    return ground_gsd(found.box) * int(found.box.shape[1]) / frame.width


def _scale_bar(sheet: Any, frame: Frame, found: Findings) -> None:
    metre = 1 / metres_a_point(frame, found)
    whole = nice_step(min(frame.width / 3, 60 * MM) / metre)
    x, y, high = frame.left + 5 * MM, frame.bottom + 5 * MM, 1.6 * MM
    long = whole * metre
    sheet.setFillColor("#ffffff")
    sheet.setFillAlpha(0.85)
    sheet.rect(x - 3 * MM, y - 2.5 * MM, long + 14 * MM, high + 8 * MM, stroke=0, fill=1)
    sheet.setFillAlpha(1)
    _pen(sheet, "#000000", 0.5)
    for i in range(4):
        sheet.setFillColor("#000000" if i % 2 == 0 else "#ffffff")
        sheet.rect(x + i * long / 4, y, long / 4, high, fill=1)
    sheet.setFillColor("#000000")
    sheet.setFont("Helvetica", 7)
    unit, each = ("km", 1000.0) if whole >= 1000 else ("m", 1.0)
    for i in (0, 2, 4):
        text = f"{whole * i / 4 / each:g}" + (f" {unit}" if i == 4 else "")
        sheet.drawCentredString(x + i * long / 4, y + high + 2, text)


def _north(sheet: Any, frame: Frame, found: Findings) -> None:
    """An arrow to true north at the middle of the map; none where nothing says where north is."""
    if found.box.crs is None:
        return
    middle = np.array([[found.before.width / 2, found.before.height / 2]])
    lon, lat, _, _ = degrees(middle, found.box, found.before)
    foot, tip = pixels(np.array([lon, lon]), np.array([lat, lat + 1e-4]), found.box, found.before)
    turn = math.degrees(math.atan2(tip[0] - foot[0], -(tip[1] - foot[1])))
    sheet.saveState()
    sheet.translate(frame.left + frame.width - 9 * MM, frame.bottom + frame.height - 11 * MM)
    sheet.setFillColor("#ffffff")
    sheet.setFillAlpha(0.85)
    sheet.circle(0, 0, 7 * MM, stroke=0, fill=1)
    sheet.setFillAlpha(1)
    sheet.rotate(-turn)
    sheet.setFillColor("#000000")
    for side, filled in ((-1, 1), (1, 0)):
        half = sheet.beginPath()
        half.moveTo(0, 3 * MM)
        half.lineTo(side * 2.2 * MM, -4.5 * MM)
        half.lineTo(0, -3 * MM)
        half.close()
        _pen(sheet, "#000000", 0.7)
        sheet.drawPath(half, fill=filled)
    sheet.setFont(_BOLD, 9)
    sheet.drawCentredString(0, 3.6 * MM, "N")
    sheet.restoreState()
