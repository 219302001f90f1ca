"""A look at what the network has learnt: before, after, and what is true beside what is said."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw

from geomage.errors import OutputError
from geomage.geo.space import why_unwritten

__all__ = [
    "DAMAGE_COLOURS",
    "LANDCOVER_COLOURS",
    "captioned",
    "damage_panel",
    "panels",
    "write_picture",
]

LANDCOVER_COLOURS = np.array(
    [
        (0, 0, 0),
        (128, 0, 0),
        (0, 255, 36),
        (148, 148, 148),
        (255, 255, 255),
        (34, 97, 38),
        (0, 69, 255),
        (75, 181, 73),
        (222, 31, 7),
    ],
    np.uint8,
)
"""OpenEarthMap's colours of 0..8."""
DAMAGE_COLOURS = np.array(
    [(0, 0, 0), (60, 180, 75), (255, 225, 25), (245, 130, 48), (220, 20, 60)], np.uint8
)
"""0 no building .. 4 destroyed."""


def damage_panel(
    building: Float[np.ndarray, "y x"], damage: Float[np.ndarray, "4 y x"]
) -> UInt8[np.ndarray, "y x 3"]:
    """The likeliest grade where a building is likelier than not."""
    grade = np.where(building >= 0.5, damage.argmax(0) + 1, 0)
    return DAMAGE_COLOURS[grade]


def panels(
    stack: UInt8[np.ndarray, "11 y x"],
    landcover: Float[np.ndarray, "8 y x"],
    damage: Float[np.ndarray, "4 y x"],
    flags: Float[np.ndarray, "3 y x"],
) -> UInt8[np.ndarray, "rows columns 3"]:
    """Two rows: the images and what is true; what the network says."""
    true_damage = DAMAGE_COLOURS[np.where(stack[7] == 255, 0, stack[7])]
    true_flags = np.where(stack[8:11] == 255, 128, np.minimum(stack[8:11], 1) * 255)
    truth = (LANDCOVER_COLOURS[stack[6]], true_damage, np.moveaxis(true_flags, 0, -1))
    said = (
        LANDCOVER_COLOURS[landcover.argmax(0) + 1],
        damage_panel(landcover[7], damage),
        np.moveaxis(flags * 255, 0, -1),
    )
    rows = [
        np.concatenate([np.moveaxis(stack[s], 0, -1), *row], axis=1).astype(np.uint8)
        for s, row in ((slice(0, 3), truth), (slice(3, 6), said))
    ]
    return np.concatenate(rows)


_LINE = 16  # pixels of a line of words
_SWATCH = 10


def captioned(
    sheet: UInt8[np.ndarray, "y x 3"],
    columns: Sequence[str],
    key: Sequence[tuple[str, tuple[int, int, int]]] = (),
) -> UInt8[np.ndarray, "rows x 3"]:
    """Write a word above each column, columns being equally wide, and a key of colours below."""
    y, x = sheet.shape[:2]
    places = _places([name for name, _ in key], x)
    lines = 1 + max((line for _, line in places), default=-1)
    image = Image.new("RGB", (x, y + _LINE * (1 + lines)), (255, 255, 255))
    image.paste(Image.fromarray(sheet), (0, _LINE))
    draw = ImageDraw.Draw(image)
    for k, word in enumerate(columns):
        draw.text((k * x // len(columns) + 4, 2), word, fill=(0, 0, 0))
    for (name, colour), (left, line) in zip(key, places, strict=True):
        top = y + _LINE * (1 + line) + 3
        box = (left, top, left + _SWATCH, top + _SWATCH)
        draw.rectangle(box, fill=colour, outline=(0, 0, 0))
        draw.text((left + _SWATCH + 4, top - 1), name, fill=(0, 0, 0))
    return np.asarray(image)


def _places(names: Sequence[str], width: int) -> list[tuple[int, int]]:
    """Left edge and line of each entry of a key that is broken at so many pixels."""
    draw = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    left, line, places = 4, 0, []
    for name in names:
        wide = _SWATCH + 16 + int(draw.textlength(name))
        if left + wide > width and left > 4:
            left, line = 4, line + 1
        places.append((left, line))
        left += wide
    return places


def write_picture(path: Path, picture: UInt8[np.ndarray, "y x 3"]) -> None:
    """Write a PNG, whole or not at all, halved when wider than 2048 px."""
    image = Image.fromarray(picture)
    if image.width > 2048:
        image = image.reduce(2)
    part = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(part, "PNG")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OutputError(f"cannot write {path}: {why_unwritten(error, path.parent)}") from error
