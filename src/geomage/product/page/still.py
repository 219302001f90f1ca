"""The picture with the layers painted on it, for paper and for browsers that run no script."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from geomage.product.page.drawing import Drawing, Shapes
from geomage.product.page.looks import HATCH, LOOKS, Look
from geomage.product.page.pictures import Picture
from geomage.product.squares import SquareGrid

__all__ = ["marked"]

_FINER: Final = 2  # painted at so many times the size, then made small: smooth rims
_QUALITY: Final = 80
_FILL: Final = 0.2  # opacity of buildings, times that of their look
_STRIPE: Final = (7, 3)  # picture pixels from stripe to stripe, and of a stripe


def marked(picture: Picture, drawing: Drawing, grid: SquareGrid, square_px: float) -> Picture:
    """Paint areas, roads, zones, buildings and the named squares on a picture."""
    with Image.open(io.BytesIO(picture.jpeg)) as photo:
        paper = photo.convert("RGB")
    paper = paper.resize((picture.width * _FINER, picture.height * _FINER))
    for shapes in drawing.areas:
        paper = _filled(paper, shapes, 1.0)
    _lines(paper, grid, square_px)
    for group in reversed(drawing.groups):
        paper = _filled(paper, Shapes(group.key, group.paths), _FILL)
    for shapes in (*drawing.roads, *([drawing.zones] if drawing.zones else [])):
        _stroked(paper, shapes)
    if drawing.facilities:
        _spots(paper, drawing.facilities)
    _names(paper, grid, square_px)
    file = io.BytesIO()
    paper.reduce(_FINER).save(file, "JPEG", quality=_QUALITY, optimize=True, progressive=True)
    return Picture(picture.width, picture.height, file.getvalue())


def _filled(paper: Image.Image, shapes: Shapes, strength: float) -> Image.Image:
    """Shapes filled as their look says, then their rims."""
    look, mask = LOOKS[shapes.key], Image.new("L", paper.size)
    pen = ImageDraw.Draw(mask)
    for shape in shapes.paths:
        for ring in shape:  # a hole runs the other way round and is taken out again
            if len(ring) > 2:
                pen.polygon(_points(ring), fill=round(255 * look.opacity) * _is_rim(ring))
    paper.paste(*_paint(paper, look, mask, strength))
    _stroked(paper, shapes)
    return paper


def _is_rim(ring: np.ndarray) -> bool:
    """A rim, by its sense; the rim of a hole runs against it (rows count down)."""
    x, y = ring[:, 0], ring[:, 1]
    return bool(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)) > 0)


def _paint(
    paper: Image.Image, look: Look, mask: Image.Image, strength: float
) -> tuple[Image.Image, tuple[int, int, int, int], Image.Image]:
    """Colour and opacity to paste; a hatched look is opaque on its stripes alone."""
    opaque = np.asarray(mask, np.float32)
    if look.hatched:
        step, wide = (side * _FINER for side in _STRIPE)
        rows, cols = np.ogrid[: opaque.shape[0], : opaque.shape[1]]
        opaque = opaque * (((rows + cols) % step) < wide)
    else:
        opaque = opaque * strength
    ink = Image.new("RGB", paper.size, look.fill or HATCH)
    everywhere = (0, 0, *paper.size)
    return ink, everywhere, Image.fromarray(opaque.astype(np.uint8))


def _stroked(paper: Image.Image, shapes: Shapes) -> None:
    look, pen = LOOKS[shapes.key], ImageDraw.Draw(paper)
    width = max(1, round(look.width * _FINER))
    for shape in shapes.paths:
        for path in shape:
            ends = np.concatenate([path, path[:1]]) if shapes.closed else path
            if look.casing:
                pen.line(_points(ends), fill=look.casing, width=width + 2 * _FINER)
            pen.line(_points(ends), fill=look.stroke, width=width)


def _spots(paper: Image.Image, shapes: Shapes) -> None:
    look, pen = LOOKS[shapes.key], ImageDraw.Draw(paper)
    for ((spot,),) in shapes.paths:
        x, y = spot * _FINER
        r = 5 * _FINER
        pen.rectangle((x - r, y - r, x + r, y + r), look.fill, look.stroke, _FINER)


def _points(path: np.ndarray) -> list[tuple[float, float]]:
    return [(x, y) for x, y in (path * _FINER).tolist()]


def _lines(paper: Image.Image, grid: SquareGrid, side: float) -> None:
    pen, step = ImageDraw.Draw(paper), side * _FINER
    for i in range(1, grid.columns):
        pen.line((i * step, 0, i * step, paper.height), fill="#dddddd", width=1)
    for i in range(1, grid.rows):
        pen.line((0, i * step, paper.width, i * step), fill="#dddddd", width=1)


def _names(paper: Image.Image, grid: SquareGrid, side: float) -> None:
    pen, step = ImageDraw.Draw(paper), side * _FINER
    font = ImageFont.load_default(size=max(8, paper.width // _FINER // 55) * _FINER)
    for row in range(grid.rows):
        for column in range(grid.columns):
            name = grid.name(row, column)
            box = pen.textbbox((0, 0), name, font=font, stroke_width=2 * _FINER)
            x = min(column * step + 4 * _FINER, paper.width - box[2] - 4 * _FINER)
            y = min(row * step + 2 * _FINER, paper.height - box[3] - 4 * _FINER)
            pen.text((x, y), name, "#ffffff", font, stroke_width=2 * _FINER, stroke_fill="#000000")
