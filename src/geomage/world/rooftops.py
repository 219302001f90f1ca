"""What stands on roofs: machinery, tanks and panels on flat ones, chimneys and masts on all."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from geomage.world.buildings import Building
from geomage.world.ground import Ground, Item
from geomage.world.wings import Wing

__all__ = ["EQUIPMENT", "equip_roof"]

Range = tuple[float, float]
# kind: length, width, height in metres; reflectance
EQUIPMENT: Mapping[str, tuple[Range, Range, Range, tuple[float, float, float]]] = MappingProxyType(
    {
        "hvac": ((1.2, 3.2), (1.0, 2.4), (0.8, 1.8), (0.50, 0.50, 0.50)),
        "skylight": ((1.2, 5.0), (0.9, 1.6), (0.2, 0.4), (0.62, 0.66, 0.68)),
        "tank": ((1.0, 2.2), (1.0, 2.2), (1.0, 2.2), (0.10, 0.10, 0.11)),
        "stair": ((2.2, 4.0), (2.0, 3.2), (2.2, 2.8), (0.42, 0.40, 0.36)),
        "solar": ((2.0, 6.0), (1.6, 3.4), (0.2, 0.5), (0.03, 0.04, 0.09)),
        "chimney": ((0.6, 1.0), (0.6, 0.9), (0.8, 1.6), (0.28, 0.16, 0.12)),
        "antenna": ((0.3, 0.5), (0.3, 0.5), (2.0, 6.0), (0.45, 0.45, 0.46)),
    }
)
_FLAT = ("hvac", "skylight", "tank", "stair", "solar", "antenna")
_PITCHED = ("chimney", "solar", "skylight")
_BARE = frozenset({"glass", "thatch"})  # roofs that carry nothing
_CURVED = frozenset({"dome", "barrel", "sawtooth"})
_GAP_M = 0.6  # between the rows of an array


def equip_roof(rng: np.random.Generator, g: Ground, b: Building) -> None:
    """Equip the roofs of a building."""
    if b.material in _BARE:
        return
    for wing in b.wings:
        if wing.form == "flat":
            _equip_flat(rng, g, wing, tall=b.storeys > 6)
        elif wing.form not in _CURVED and b.use != "worship":
            n = rng.poisson(0.6 * rng.choice([0.2, 1.0, 2.0]))
            for _ in range(n):
                _put(rng, g, wing, str(rng.choice(_PITCHED)), _somewhere(rng, wing))


def _equip_flat(rng: np.random.Generator, g: Ground, wing: Wing, *, tall: bool) -> None:
    area = wing.shape.area
    if area > 120 and rng.random() < 0.22:
        _solar_array(rng, g, wing)
    n = min(40, rng.poisson(area / 90 * rng.choice([0.2, 1.0, 2.0])))
    rowed = area > 900 and rng.random() < 0.5
    one = str(rng.choice(_FLAT[:-1]))
    for i in range(n):
        kind = one if rowed else str(rng.choice(_FLAT))
        at = _somewhere(rng, wing)
        if rowed:
            at = ((i % 8) - 3.5) / 9 * wing.length, ((i // 8) - 2) / 6 * wing.width
        _put(rng, g, wing, kind, at)
    if tall:
        for _ in range(int(rng.integers(1, 4))):
            _put(rng, g, wing, "antenna", _somewhere(rng, wing))


def _solar_array(rng: np.random.Generator, g: Ground, wing: Wing) -> None:
    """Rows of panels over a part of a roof, one tilt and size for all."""
    long, deep = rng.uniform(5, 12), rng.uniform(1.7, 2.4)
    share = rng.uniform(0.4, 0.8, 2)
    rows = max(1, int(share[0] * wing.width / (deep + _GAP_M)))
    blocks = max(1, int(share[1] * wing.length / (long + _GAP_M)))
    tilt = rng.uniform(0.25, 0.6)
    for i in range(min(rows, 12)):
        for j in range(min(blocks, 6)):
            u = (j - (blocks - 1) / 2) * (long + _GAP_M)
            v = (i - (rows - 1) / 2) * (deep + _GAP_M)
            _put(rng, g, wing, "solar", (u, v), (long, deep, tilt))


def _somewhere(rng: np.random.Generator, wing: Wing) -> tuple[float, float]:
    u, v = rng.uniform(-0.42, 0.42), rng.uniform(-0.38, 0.38)
    return float(u * wing.length), float(v * wing.width)


def _put(
    rng: np.random.Generator,
    g: Ground,
    wing: Wing,
    kind: str,
    at: tuple[float, float],
    size: tuple[float, float, float] | None = None,
) -> None:
    """Stand one thing at (u, v) from the middle of a wing; its size is drawn unless given."""
    *ranges, colour = EQUIPMENT[kind]
    length, width, height = size or (rng.uniform(*span) for span in ranges)
    (u, v), middle = at, wing.shape.centroid
    c, s = np.cos(wing.angle), np.sin(wing.angle)
    g.objects.append(
        Item(
            middle.x + u * c - v * s,
            middle.y + u * s + v * c,
            wing.angle,
            float(length),
            float(width),
            float(height),
            np.clip(np.array(colour) * rng.normal(1, 0.15), 0.01, 0.9),
            kind,
            on_roof=True,
        )
    )
