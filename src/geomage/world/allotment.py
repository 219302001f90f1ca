"""Which footprints stand in which block, so that a whole town follows measured distributions.

Areas and coverages are dealt out evenly over their quantiles rather than drawn one by one: a town
of thirty blocks then shows the distribution it was given, not the luck of thirty draws.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import shapely
from shapely import Polygon

from geomage.world.goals import Goal
from geomage.world.parcels import Frame, frame_of, polygons_of
from geomage.world.rows import cut_row
from geomage.world.style import Style

__all__ = ["Filling", "Lot", "deal", "lots_of", "quantile", "split_lots"]

FULLEST = 0.95  # of a block that footprints may take
GOLDEN = 0.5 * (5**0.5 - 1)
GROSS_MOST = 3.0  # times a block's own area, what streets enclose around it
STRETCH = (0.85, 1.3)
OVERFULL = 0.17  # of its room, what a block may take too much; it is shrunk to fit
SLIVER_M2 = 4.0
STEPS = 12  # of a bisection
SMALL = 0.3  # of the squared depth of a row: a smaller building stands in the court
PLAIN_ELONGATION = (0.35, 0.6, 0.75, 0.95)  # where none was measured


@dataclass(frozen=True)
class Filling:
    """What a block is for, and the buildings meant for it."""

    use: str
    areas_m2: np.ndarray = field(default_factory=lambda: np.empty(0))
    elongation: np.ndarray = field(default_factory=lambda: np.empty(0))
    lined: bool = False
    """Whether its buildings line the street wall to wall."""


@dataclass(frozen=True)
class Lot:
    """A parcel and the footprint meant for it, if one is."""

    parcel: Polygon
    goal: Goal | None = None
    open: bool = False
    """Whether nothing shall stand there."""


def quantile(values: tuple[float, ...], u: np.ndarray) -> np.ndarray:
    """Read quantiles given at even steps of probability at u (0..1)."""
    return np.asarray(np.interp(u, np.linspace(0, 1, len(values)), values))


def _dealt(rng: np.random.Generator, values: tuple[float, ...], count: int) -> np.ndarray:
    """`count` values evenly over the quantiles, in random order."""
    return rng.permutation(quantile(values, (np.arange(count) + rng.random()) / max(count, 1)))


def _scattered(rng: np.random.Generator, blocks: np.ndarray) -> np.ndarray:
    """Probabilities (n,) for blocks, even over all and nearly so over any that lie together.

    Multiples of the golden ratio along a curve that fills the plane: what a window shows of a
    district then has about the distribution of the whole.
    """
    if not len(blocks):
        return np.empty(0)
    along = np.empty(len(blocks), int)
    along[np.argsort(_curve(blocks), kind="stable")] = np.arange(len(blocks))
    steps = (rng.random() + along * GOLDEN) % 1
    rank = np.argsort(np.argsort(steps, kind="stable"), kind="stable")
    return np.asarray((rank + rng.random()) / len(blocks))


def _curve(blocks: np.ndarray) -> np.ndarray:
    """Place of each block along a Morton curve."""
    at = shapely.get_coordinates(shapely.centroid(blocks))
    span = max(float(np.ptp(at, axis=0).max()), 1.0)
    grid = ((at - at.min(0)) / span * 255).astype(int)
    bits = (grid[:, None, :] >> np.arange(8)[None, :, None]) & 1
    return np.asarray((bits << (2 * np.arange(8)[None, :, None] + np.arange(2))).sum((1, 2)))


def deal(
    rng: np.random.Generator, style: Style, blocks: list[Polygon], faces: list[Polygon]
) -> list[Filling | None]:
    """Say for each block of a district what fills it; None where the style has no footprints.

    The densest blocks are the ones built wall to wall, until `style.attached` of all buildings
    stand so.

    Args:
        rng: the district's own source of randomness.
        style: with `footprint_m2` and `block_coverage`, or without.
        blocks: in local metres, without the streets around them.
        faces: what the centre lines enclose; coverage is of these.
    """
    fillings: list[Filling | None] = [None] * len(blocks)
    if not (style.footprint_m2 and style.block_coverage and blocks and faces):
        return fillings
    net, cells = np.array(blocks, object), np.array(faces, object)
    home = shapely.STRtree(cells).nearest(shapely.point_on_surface(net))
    held, home = np.unique(home, return_inverse=True)
    area = shapely.area(net)
    use = _uses(rng, style, cells[held], np.bincount(home, area))[home]
    for k, word in enumerate(use):
        fillings[k] = Filling(str(word))
    built = np.flatnonzero(use == "built")
    cover = _gross_cover(rng, style, cells[held], (area, home))
    for k, filling in zip(
        built.tolist(), _fill(rng, style, area[built], cover[built]), strict=True
    ):
        fillings[k] = filling
    return fillings


def _uses(
    rng: np.random.Generator, style: Style, faces: np.ndarray, net_m2: np.ndarray
) -> np.ndarray:
    """Uses of faces in their shares; those whose streets leave too little to build on lie open.

    net_m2: of each face, without its streets.
    """
    share = np.fromiter(style.land_use.values(), float)
    at = np.searchsorted(np.cumsum(share)[:-1] / share.sum(), _scattered(rng, faces), "right")
    use = np.array(list(style.land_use), object)[at]
    usual = float(quantile(style.block_coverage, np.array([0.5]))[0])
    narrow = FULLEST * net_m2 < usual * shapely.area(faces)
    pairs = zip(
        np.flatnonzero(narrow & (use == "built")),
        np.flatnonzero(~narrow & (use != "built")),
        strict=False,
    )
    for one, other in pairs:
        use[one], use[other] = use[other], use[one]
    return np.asarray(use)


def _gross_cover(
    rng: np.random.Generator,
    style: Style,
    faces: np.ndarray,
    blocks: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """Share of each block to be built on, so that its face is covered as it is dealt.

    blocks: area of each, m², and its face; a street with an open end may cut a face in two.
    """
    net_m2, home = blocks
    shares = shapely.area(faces) / np.maximum(np.bincount(home, net_m2, len(faces)), 1.0)
    # a face cut by a river or a railway is not enclosed by streets alone
    shares = np.where(shares < GROSS_MOST, shares, 1.0)
    dealt = quantile(style.block_coverage, _scattered(rng, faces)) * shares
    return np.asarray(np.minimum(dealt, FULLEST)[home])


def _fill(
    rng: np.random.Generator, style: Style, net_m2: np.ndarray, cover: np.ndarray
) -> list[Filling]:
    """Deal footprints and elongations to built blocks of an area and a coverage."""
    if not len(net_m2):
        return []
    room = cover * net_m2
    areas = _allot(rng, style, net_m2, room)
    counts = [len(a) for a in areas]
    shapes = style.elongation or PLAIN_ELONGATION
    elongation = np.split(_dealt(rng, shapes, sum(counts)), np.cumsum(counts)[:-1])
    lined = np.zeros(len(net_m2), bool)
    ranked = np.argsort(-cover, kind="stable")
    before = np.cumsum(np.array(counts)[ranked]) - np.array(counts)[ranked]
    lined[ranked] = before < style.attached * sum(counts) - 0.5
    return [
        Filling("built", a, e, bool(wall))
        for a, e, wall in zip(areas, elongation, lined, strict=True)
    ]


def _allot(
    rng: np.random.Generator, style: Style, area_m2: np.ndarray, room: np.ndarray
) -> list[np.ndarray]:
    """Give blocks the areas of their buildings; the largest are placed first.

    Each goes to a block drawn by the room it still has.
    """
    areas: list[list[float]] = [[] for _ in area_m2]
    mean = float(np.mean(quantile(style.footprint_m2, (np.arange(200) + 0.5) / 200)))
    left = room.copy()
    for area in np.sort(_dealt(rng, style.footprint_m2, round(room.sum() / mean)))[::-1]:
        fits = np.where(left >= area, left, 0.0)
        if not fits.any():  # a little too much somewhere, or nowhere
            fits = np.where(left + OVERFULL * room >= area, left + OVERFULL * room, 0.0)
        if not fits.any():
            continue
        k = int(rng.choice(len(fits), p=fits / fits.sum()))
        areas[k].append(float(area))
        left[k] -= area
    return [_filled(rng.permutation(np.array(a)), r) for a, r in zip(areas, room, strict=True)]


def _filled(areas: np.ndarray, room: float) -> np.ndarray:
    """Areas stretched or shrunk a little, so that together they fill the room of their block."""
    return np.asarray(areas * np.clip(room / max(float(areas.sum()), 1.0), *STRETCH))


def lots_of(rng: np.random.Generator, block: Polygon, filling: Filling) -> list[Lot]:
    """Split a block as its filling asks; the longest lots get the longest buildings."""
    if not len(filling.areas_m2):
        return [Lot(block, open=True)]
    if filling.lined:
        return _lined_lots(rng, block, filling)
    lots = split_lots(rng, block, filling.areas_m2)
    own = [_elongation(lot.parcel) for lot in lots if lot.goal]
    rank = iter(np.argsort(np.argsort(own, kind="stable"), kind="stable"))
    wanted = np.sort(filling.elongation)
    return [
        lot if lot.goal is None else Lot(lot.parcel, Goal(lot.goal.area_m2, wanted[next(rank)]))
        for lot in lots
    ]


def _elongation(shape: Polygon) -> float:
    frame = frame_of(shape)
    return frame.width / max(frame.length, 0.1)


def _lined_lots(rng: np.random.Generator, block: Polygon, filling: Filling) -> list[Lot]:
    """Larger buildings wall to wall along the border, small ones in the court."""
    areas = filling.areas_m2
    depth = areas.sum() / shapely.length(block)
    small = areas < SMALL * depth**2
    wanted = filling.elongation
    row = None if (~small).sum() < 2 else cut_row(rng, block, areas[~small], wanted[~small])
    if row is None:
        plain = lots_of(rng, block, replace(filling, lined=False))
        return [replace(a, goal=a.goal and replace(a.goal, court=True)) for a in plain]
    lots = [Lot(p, Goal(p.area, 1.0, whole=True)) for p in row[0]]
    courts = sorted(row[1], key=lambda p: -p.area)
    if small.any() and courts and courts[0].area > 1.2 * areas[small].sum():
        inner = Filling("built", areas[small], wanted[small])
        return lots + lots_of(rng, courts[0], inner) + [Lot(p, open=True) for p in courts[1:]]
    return lots + [Lot(p, open=True) for p in courts]


def split_lots(rng: np.random.Generator, block: Polygon, areas: np.ndarray) -> list[Lot]:
    """Split a block into one lot for each footprint, lots in proportion to footprints.

    A part that a cut leaves over becomes a lot without a building; the lots tile the block.
    """
    done: list[Lot] = []
    todo = [(block, np.asarray(areas, float))]
    while todo:
        piece, group = todo.pop()
        if len(group) < 2:
            done.append(Lot(piece, Goal(float(group[0]), 0.7)))
            continue
        at = _half(group)
        one, other = _cut_at(piece, float(group[:at].sum() / group.sum()) + rng.normal(0, 0.004))
        if not one or not other:
            done.append(Lot(piece, Goal(float(group.max()), 0.7)))
            continue
        todo += [(one[0], group[:at]), (other[0], group[at:])]
        done += [Lot(part, open=True) for part in one[1:] + other[1:]]
    return done


def _half(areas: np.ndarray) -> int:
    """Where to cut a row of areas so that both halves are nearly equal."""
    total = np.cumsum(areas)
    return int(np.clip(np.abs(total - total[-1] / 2).argmin() + 1, 1, len(areas) - 1))


def _cut_at(piece: Polygon, share: float) -> tuple[list[Polygon], list[Polygon]]:
    """Cut across the long axis so that the first side holds `share` of the area; largest first."""
    frame = frame_of(piece)
    far = 2 * (frame.length + frame.width)
    left = frame.rectangle(far, far, _place_of(piece, frame, share * piece.area) - far / 2)
    sides = (piece.intersection(left), piece.difference(left))
    one, other = (sorted(polygons_of(s, SLIVER_M2), key=lambda p: -p.area) for s in sides)
    return one, other


def _place_of(piece: Polygon, frame: Frame, area: float) -> float:
    """Where along a frame a cut leaves an area of a piece behind it, by bisection.

    The area behind u = t is the integral of min(u, t) dv around the piece (Green).
    """
    rings = shapely.get_rings(shapely.orient_polygons(piece))
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    u, v = frame.axes @ (xy - (frame.x, frame.y)).T
    edge = ring[1:] == ring[:-1]
    near, far = np.minimum(u[:-1], u[1:])[edge], np.maximum(u[:-1], u[1:])[edge]
    dv, span = np.diff(v)[edge], np.maximum(far - near, 1e-12)
    low, high = -frame.length / 2, frame.length / 2
    for _ in range(STEPS):
        at = (low + high) / 2
        behind = np.clip((at - near) / span, 0.0, 1.0)  # share of each edge
        mean = behind * (near + np.minimum(far, at)) / 2 + (1 - behind) * at
        low, high = (at, high) if mean @ dv < area else (low, at)
    return (low + high) / 2
