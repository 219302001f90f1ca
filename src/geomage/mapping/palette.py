"""Colours of the class rasters: {value: (red, green, blue, alpha)}."""

from __future__ import annotations

from collections.abc import Mapping

Palette = Mapping[int, tuple[int, int, int, int]]

LANDCOVER: Palette = {  # OpenEarthMap
    0: (0, 0, 0, 0),
    1: (128, 0, 0, 255),
    2: (0, 255, 36, 255),
    3: (148, 148, 148, 255),
    4: (255, 255, 255, 255),
    5: (34, 97, 38, 255),
    6: (0, 69, 255, 255),
    7: (75, 181, 73, 255),
    8: (222, 31, 7, 255),
}
DAMAGE: Palette = {  # told apart by the colour-blind; the worst is the darkest
    0: (0, 0, 0, 0),
    1: (57, 167, 224, 255),
    2: (255, 212, 0, 255),
    3: (240, 109, 0, 255),
    4: (179, 0, 27, 255),
    255: (138, 143, 152, 255),
}
BURNT: Palette = {
    0: (0, 0, 0, 0),
    1: (122, 45, 0, 255),
    255: (138, 143, 152, 255),
}
FLOOD: Palette = {
    0: (0, 0, 0, 0),
    1: (31, 95, 214, 255),
    2: (120, 170, 235, 255),
    255: (138, 143, 152, 255),
}
