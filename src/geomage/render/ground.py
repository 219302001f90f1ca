"""Painting the ground: land, water, streets with markings, and what a hazard leaves on them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import shapely
import shapely.ops
from scipy import ndimage

from geomage.geo import Raster
from geomage.render import _kernels_ground as dress
from geomage.render import _kernels_paint as k
from geomage.render.canvas import Canvas, burn, onto
from geomage.render.matter import DEVELOPED, MATTER, ROAD, WATER, ground_row
from geomage.render.tending import tend_land, wear_streets
from geomage.render.water import shelve_banks, surf

__all__ = ["bury_all", "paint_ground", "scar_ground"]

_SURFACES = {  # reflectance (red, green, blue)
    "asphalt": [(0.115, 0.115, 0.115), (0.16, 0.16, 0.155), (0.20, 0.195, 0.185)],
    "concrete": [(0.36, 0.35, 0.32), (0.42, 0.40, 0.37)],
    "dirt": [(0.30, 0.24, 0.17), (0.40, 0.35, 0.28)],
    "gravel": [(0.38, 0.36, 0.32), (0.46, 0.43, 0.38)],
    "ballast": [(0.20, 0.175, 0.16)],
}
_STEEL = np.array([0.25, 0.22, 0.20])
_PAINT = np.array([0.55, 0.54, 0.50])
_SCARS = {  # hazard field: (reflectance, strength, matter)
    "mud": ((0.24, 0.19, 0.14), 1.0, "mud"),
    "burn": ((0.045, 0.042, 0.040), 1.0, "char"),
    "debris": ((0.27, 0.235, 0.19), 0.7, "rubble"),
}
_DUST = (0.33, 0.315, 0.29)  # of concrete and mortar
_WHITE_ASH = (0.24, 0.235, 0.225)
_SOIL = (0.20, 0.155, 0.11)
_LAVA = (0.038, 0.034, 0.032)
_ASH = ((0.11, 0.105, 0.10), (0.14, 0.135, 0.13), (0.26, 0.25, 0.235))  # basalt to rhyolite
_BLACK_FROM = 0.4  # severity from which ground is black all over, ours
_ASH_HIDES_M = 0.002  # thickness of volcanic ash that hides most of what lies below
_CROWNS_HOLD = 0.55  # share of the ash that lies on crowns
_COUNTS = 10_000  # of the orthophoto at a reflectance of 1
_FRAYED_M = 0.45  # how far edges of surfaces stray from the lines they are drawn by, at most (ours)
_OVER_STREETS = 5  # layers of land from here on lie over them
_STREETS = ["geometry", "kind", "surface", "width"]

Burnt = list[tuple[shapely.Geometry, int]]
Colour = tuple[float, float, float]
_Marks = list[tuple[bool, bool]]  # of each street


def paint_ground(c: Canvas) -> None:
    """Paint land, water and streets, in that order."""
    land = c.event.city.land
    rows = [ground_row("meadow", np.array([0.1, 0.11, 0.05]), 0, 0, c.when)]
    colour = land[["red", "green", "blue"]].to_numpy()
    angle, pitch = np.radians(land["angle"].to_numpy()), land["pitch"].to_numpy()
    looks = zip(land["kind"], colour, angle, pitch, strict=True)
    rows += [ground_row(kind, rgb, a, p, c.when) for kind, rgb, a, p in looks]
    first = len(rows)
    rows += _water_rows(c)
    streets, marks = _street_rows(c)
    rows += streets
    rows += [ground_row("line", _PAINT, 0, 0, c.when), ground_row("line", _STEEL, 0, 0, c.when)]
    index = _index(c, first, marks)
    n = c.noise
    kinds = ["meadow", *land["kind"], *["water"] * len(c.event.city.water)]
    kinds += [*c.event.city.streets["surface"], "line", "line"]
    c.matter[:] = np.array([MATTER[kind] for kind in kinds], np.uint8)[index]
    table = np.array(rows, np.float32)
    noises = (n.fine, n.mid, n.coarse, n.broad, n.loss, n.wide)
    k.paint_ground(index, table, noises, c.at, c.px, c.albedo, c.cover)
    tend_land(c, index, len(rows))
    wear_streets(c, index, len(rows))
    kinds_of_water = c.event.city.water["kind"].to_numpy()
    near = shelve_banks(c, _waters(c, kinds_of_water != "pool", len(rows))[index])
    if near is not None:
        surf(c, _waters(c, kinds_of_water == "sea", len(rows))[index], near)
    _drape(c)
    _moisten(c, near)


def _waters(c: Canvas, some: np.ndarray, rows: int) -> np.ndarray:
    """Rows of the ground's table (rows,) that are some of the water (n,)."""
    found = np.zeros(rows, bool)
    first = 1 + len(c.event.city.land)
    found[first : first + len(some)] = some
    return found


def _moisten(c: Canvas, near: np.ndarray | None) -> None:
    """Wet the ground by the date's weather, in hollows first, and along banks.

    near: share of water around each pixel, None without any.
    """
    n = c.noise
    wet = c.when.wet * (0.5 + 0.6 * n.coarse + 0.4 * n.broad)
    if near is not None and c.event.city.ortho is None:
        wet = np.maximum(wet, 1.8 * near + 0.5 * (n.mid - 0.5) - 0.25)
    dress.soak(wet, c.cover, c.albedo, c.wet)


def _drape(c: Canvas) -> None:
    """Lay the city's orthophoto over the painted ground, where it shows any.

    What covers the ground, as truth, stays what the layers say.
    """
    ortho = c.event.city.ortho
    if ortho is None:
        return
    photo = np.where(ortho.values == ortho.nodata, np.nan, ortho.values.astype(np.float32))
    for band, albedo in zip(photo / _COUNTS, c.albedo, strict=True):
        seen = onto(Raster(band[None], ortho.box), c.box)
        shown = np.isfinite(seen)
        albedo[shown] = seen[shown]


def _index(c: Canvas, first: int, marks: _Marks) -> np.ndarray:
    """Row of the ground's table that each pixel shows (y, x), the same at both dates.

    first: row of the first water; those of streets come after it, and last paint and steel.
    Only where a bridge fell is it another after the event.
    """
    city = c.event.city
    water = _numbered(city.water.geometry, first)
    fallen = _fallen_decks(c, water)
    if fallen:
        return _burnt(c, water, fallen, marks)
    of = (city.land, city.water, city.streets)
    return c.noise.once("ground", of, lambda: _burnt(c, water, [], marks))


def _burnt(c: Canvas, water: Burnt, fallen: Burnt, marks: _Marks) -> np.ndarray:
    land, streets = c.event.city.land, c.event.city.streets
    low = land["layer"].to_numpy() < _OVER_STREETS
    first = 1 + len(land) + len(water)
    every = _numbered(land.geometry, 1)
    below = [shape for shape, here in zip(every, low, strict=True) if here]
    above = [shape for shape, here in zip(every, low, strict=True) if not here]
    wide = shapely.buffer(
        streets.geometry.to_numpy(), streets["width"].to_numpy(float) / 2, quad_segs=4
    )
    steel, paint = _lines(c, marks)
    last = first + len(streets)
    lines = [(g, last) for g in paint] + [(g, last + 1) for g in steel]
    index = burn(below + water + _numbered(wide, first) + fallen + above + lines, c.box)
    still = np.zeros(last + 2, bool)
    still[-2:] = True  # lines of paint and steel
    n = c.noise
    still |= _ruled(land["kind"], last + 2)
    frayed = k.fray(index, still, n.mid, n.coarse, n.loss, n.wide, c.px, _FRAYED_M)
    return np.asarray(frayed)


def _numbered(shapes: Iterable[shapely.Geometry], first: int) -> Burnt:
    return [(shape, first + i) for i, shape in enumerate(shapes)]


def _water_rows(c: Canvas) -> list[np.ndarray]:
    colour = c.event.city.water[["red", "green", "blue"]].to_numpy()
    return [ground_row("water", rgb, 0, 0, c.when) for rgb in colour]


def _ruled(kinds: Iterable[str], count: int) -> np.ndarray:
    """Rows of the ground's table (count,) that are painted lines on land."""
    found = np.zeros(count, bool)
    lines = [kind == "line" for kind in kinds]
    found[1 : 1 + len(lines)] = lines
    return found


def _street_rows(c: Canvas) -> tuple[list[np.ndarray], _Marks]:
    """Rows of carriageways, and which are marked, which with dashes."""
    rows, marks = [], []
    rng = np.random.default_rng([c.seed, 13])
    tones = {
        s: np.array(tone[rng.integers(len(tone))]) * np.exp(rng.normal(0.08, 0.28))
        for s, tone in _SURFACES.items()
    }
    streets = c.event.city.streets
    for kind, surface in zip(streets["kind"], streets["surface"], strict=True):
        tone = np.clip(tones[surface] * rng.normal(1, 0.07), 0.03, 0.7)
        row = ground_row("ballast" if surface == "ballast" else "asphalt", tone, 0, 0, c.when)
        row[13] = DEVELOPED if kind == "rail" else ROAD
        rows.append(row)
        marks.append((rng.random() < 0.35, rng.random() < 0.5))
    return rows, marks


def _lines(c: Canvas, marks: _Marks) -> tuple[list[shapely.Geometry], list[shapely.Geometry]]:
    """Rails' steel, painted markings."""
    steel: list[shapely.Geometry] = []
    paint: list[shapely.Geometry] = []
    streets = c.event.city.streets[_STREETS].itertuples(index=False)
    for (line, kind, surface, width), (marked, dashed) in zip(streets, marks, strict=True):
        if kind == "rail":
            parts = shapely.get_parts(line)
            steel += [p.offset_curve(s * 0.72).buffer(0.09) for p in parts for s in (-1, 1)]
        elif surface == "asphalt" and (kind == "primary" or marked) and width > 5.5:
            for part in shapely.get_parts(line):
                paint += _markings(part, width, dashed=kind == "primary" or dashed)
    return steel, paint


def _fallen_decks(c: Canvas, water: Burnt) -> Burnt:
    """Water where the deck of a bridge fell: all of it but a stub at each end."""
    over = c.event.bridges
    down = over[over["grade_physical"] >= 4] if c.after else over.iloc[:0]
    width = c.event.city.streets["width"].to_numpy(float)
    burnt: Burnt = []
    for line, street in down[["geometry", "street"]].itertuples(index=False):
        gap = shapely.ops.substring(line, 0.12, 0.85, normalized=True)
        hole = gap.buffer(width[street] / 2 + 1.5, cap_style="flat")
        found = [(shapely.intersection(hole, shape), row) for shape, row in water]
        burnt += [(shape, row) for shape, row in found if shape.area > 0]
    return burnt


def _markings(line: shapely.LineString, width: float, *, dashed: bool) -> list[shapely.Geometry]:
    """Centre line and, on wide streets, lane lines, as thin polygons."""
    out: list[shapely.Geometry] = []
    lanes = [0.0] if width < 11 else [-width / 4, 0.0, width / 4]
    for offset in lanes:
        path = line.offset_curve(offset) if offset else line
        if path.is_empty or path.geom_type != "LineString":
            continue
        if dashed and (offset != 0 or len(lanes) == 1):
            starts = np.arange(0, max(path.length - 3, 0), 9.0)
            ends = [shapely.line_interpolate_point(path, starts + d) for d in (0.0, 3.0)]
            pairs = np.stack([shapely.get_coordinates(e) for e in ends], 1)
            dashes = shapely.MultiLineString(list(pairs))
            out.append(dashes.buffer(0.09, cap_style="flat"))
        else:
            out.append(path.buffer(0.1, cap_style="flat"))
    return out


def scar_ground(c: Canvas) -> None:
    """Mud, ash, dust and soil over the ground, before anything stands on it."""
    n = c.noise
    for name, (colour, strength, what) in _SCARS.items():
        amount = c.hazard(name)
        if amount is not None:
            amount = amount * (c.cover != WATER)
            if what == "char":  # thin grass blackens, too
                amount = np.clip(amount / _BLACK_FROM, 0, 1) * _weathered(c)
            dusty = what == "rubble" and c.event.kind == "earthquake"
            _stain(c, amount * strength, _DUST if dusty else colour, what)
    burn = c.hazard("burn")
    if burn is not None:  # white ash lies where most burnt
        patchy = 0.3 + 0.5 * n.coarse + 0.5 * n.mid
        white = np.clip(1.6 * burn - 0.75, 0, 1) * patchy * (c.cover != WATER) * _weathered(c)
        _stain(c, white, _WHITE_ASH, "char")
    wet = c.hazard("wet")
    if wet is not None:
        dress.soak(np.clip(wet, 0, 1), c.cover, c.albedo, c.wet)
    rubble = c.hazard("debris_height")
    if rubble is not None:
        c.height += rubble * (0.4 + 1.2 * n.mid)
    soil = c.hazard("slide")
    if soil is not None:
        moved = ndimage.uniform_filter(np.abs(soil), max(round(2 / c.px), 1))  # bridges the hinge
        _stain(c, np.clip(moved / 0.1, 0, 1) * (moved > 0.01), _SOIL, "soil")
        _bury(c, np.maximum(soil, 0), _SOIL, 0.5, "soil")


def _weathered(c: Canvas) -> float:
    """Share of black and ash that rain and grass have left after the event's hours (ours)."""
    return float(0.45 + 0.55 * np.exp(-c.event.hours / 500))


def _stain(c: Canvas, amount: np.ndarray, colour: Colour, what: str) -> None:
    n = c.noise
    dress.stain(
        amount, n.fine, n.mid, n.coarse, *colour, c.height, 0.5, c.albedo, MATTER[what], c.matter,
        c.under, c.share, c.over,
    )  # fmt: skip


def _bury(c: Canvas, depth: np.ndarray, colour: Colour, rough: float, what: str) -> None:
    n = c.noise
    dress.bury(
        depth, c.height, c.ids, c.crown, *colour, n.fine, n.mid, rough, c.albedo, c.cover,
        c.matter, MATTER[what],
    )  # fmt: skip


def bury_all(c: Canvas) -> None:
    """Volcanic ash over all, and lava, the last to come, over what is lower than it."""
    ash = c.hazard("ash")
    if ash is not None:
        n = c.noise
        tone = _ASH[np.random.default_rng([c.seed, 53]).integers(len(_ASH))]
        hidden = 1 - np.exp(-np.maximum(ash, 0) / _ASH_HIDES_M)
        dress.dust(
            hidden, n.fine, n.mid, c.crown, _CROWNS_HOLD, *tone, c.albedo, MATTER["volcanic ash"],
            c.matter, c.under, c.share, c.over,
        )  # fmt: skip
    lava = c.hazard("lava")
    if lava is not None:
        size = max(round(2.5 / c.px), 1)  # cells of the terrain leave no stairs
        soft = ndimage.uniform_filter(ndimage.uniform_filter(lava, size), size)
        _bury(c, np.where(soft > 0.02, soft, 0), _LAVA, 0.6, "lava")
