"""A stage as facets, for engines that trace rays: a tilted square a pixel, and walls between.

Each pixel is a plane square through its height, tilted on each axis by the gentler of its two
slopes (minmod; Roe 1986, doi:10.1146/annurev.fl.18.010186.002005). Where the rims of two
neighbours differ there is a wall. Walls of buildings are straight, also where they run askew.

A rim of level ground goes on around the stage, so that nothing is lit from below.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from geomage.render import _kernels_facets as k
from geomage.render._kernels_view import WALL_M
from geomage.render.daylight import facade_tones, glass_tones
from geomage.render.stage import Stage

__all__ = ["Facets", "facet_stage"]

APRON_M = 500.0  # of level ground around the stage
_BRIGHTEST = 0.95  # reflectance of walls
_STRAIGHT_M = 5.0  # of a wall that its line is taken from, to both sides
_CRACK_M = 1e-3  # rims that differ by less meet
_COARSE_M = 0.6  # pixels from which on windows are not drawn


@dataclass(frozen=True)
class Facets:
    """One mesh: metres, x east and y north of the south-west corner, z above the median ground.

    corners: (corner, 3) float32; quads: (quad, 4) int32, anticlockwise seen from outside;
    albedo: (band, quad) float32.
    """

    corners: np.ndarray
    quads: np.ndarray
    albedo: np.ndarray


class _Walls(NamedTuple):
    """Walls of buildings, by wall: its corners, the pixel on top, building, angle of its facade."""

    quads: np.ndarray
    owner: np.ndarray
    who: np.ndarray
    angle: np.ndarray


def facet_stage(stage: Stage) -> Facets:
    """Turn a stage into facets: its tops, its walls and the ground around it.

    Walls of buildings show plaster and windows; all others go on with what is on top of them.
    """
    px = float(stage.box.affine.a)
    level = float(np.median(stage.ground))
    terrain = np.pad(stage.ground - np.float32(level), 1, mode="edge").astype(np.float32)
    surface = terrain + np.pad(stage.height, 1).astype(np.float32)
    rims = _rims(surface)
    corners, tops = _tops(rims, px)
    walls, owner = _walls(rims, tops)
    around = _padded(stage.albedo)
    faced = _is_facade(stage, corners, walls, owner)
    outside = _outside(stage, corners, (walls[faced], owner[faced]), surface)
    _straighten(stage, outside, corners, surface.shape)
    facade, quads, albedo = _facades(stage, outside, corners, terrain)
    flat = around.reshape(len(around), -1)
    return Facets(
        np.concatenate([corners, facade]),
        np.concatenate([tops, walls[~faced], quads + len(corners)]),
        np.concatenate([flat, flat[:, owner[~faced]], albedo], axis=1),
    )


def _padded(albedo: np.ndarray) -> np.ndarray:
    """Albedo (band, y, x) with one more pixel all around, which shows the mean."""
    mean = albedo.mean((1, 2), dtype=np.float64).astype(np.float32)
    around = np.empty((len(albedo), albedo.shape[1] + 2, albedo.shape[2] + 2), np.float32)
    around[:] = mean[:, None, None]
    around[:, 1:-1, 1:-1] = albedo
    return around


def _rims(surface: np.ndarray) -> np.ndarray:
    """Heights (y, x, 4) of the south-west, south-east, north-east, north-west corner."""
    east = np.diff(surface, axis=1, append=surface[:, -1:])
    west = np.diff(surface, axis=1, prepend=surface[:, :1])
    south = -np.diff(surface, axis=0, append=surface[-1:])
    north = -np.diff(surface, axis=0, prepend=surface[:1])
    across, along = (_gentler(*sides) * np.float32(0.5) for sides in ((east, west), (north, south)))
    across[:, [0, -1]] = along[:, [0, -1]] = across[[0, -1]] = along[[0, -1]] = 0
    corners = [surface - across - along, surface + across - along]
    corners += [surface + across + along, surface - across + along]
    return np.stack(corners, axis=-1)


def _gentler(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The smaller of two steps that go on in the same sense, else 0: no rim overshoots."""
    smaller = np.where(np.abs(one) < np.abs(other), one, other)
    return np.where(one * other > 0, smaller, 0)


def _tops(rims: np.ndarray, px: float) -> tuple[np.ndarray, np.ndarray]:
    """Corners (corner, 3) and one quad a pixel; the outermost pixels reach over the apron."""
    rows, columns = rims.shape[:2]
    xs = _edges(columns, px)
    ys = -_edges(rows, px) + px * (rows - 2)
    corners = np.empty((rows, columns, 4, 3), np.float32)
    corners[..., [0, 3], 0], corners[..., [1, 2], 0] = xs[None, :-1, None], xs[None, 1:, None]
    corners[..., [2, 3], 1], corners[..., [0, 1], 1] = ys[:-1, None, None], ys[1:, None, None]
    corners[..., 2] = rims
    quads = np.arange(rows * columns * 4, dtype=np.int32).reshape(-1, 4)
    return corners.reshape(-1, 3), quads


def _edges(pixels: int, px: float) -> np.ndarray:
    """Where pixels begin and end, metres; the first and last are those of the apron."""
    edges = px * np.arange(-1, pixels, dtype=np.float64)
    edges[0], edges[-1] = -APRON_M, edges[-2] + APRON_M
    return edges


def _walls(rims: np.ndarray, tops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Quads between neighbours whose rims differ, and the pixel on top of each."""
    shape = rims.shape[:2]
    pixel = np.arange(shape[0] * shape[1], dtype=np.int32).reshape(shape)
    corner = tops.reshape(*shape, 4)
    found, owners = [], []
    for one, other, rim in (
        (np.s_[:, :-1], np.s_[:, 1:], (2, 1, 0, 3)),  # north-east and south-east, then its western
        (np.s_[:-1], np.s_[1:], (1, 0, 3, 2)),  # south-east and south-west, then its northern
    ):
        first = rims[one][..., rim[0]] - rims[other][..., rim[3]]
        last = rims[one][..., rim[1]] - rims[other][..., rim[2]]
        apart = np.maximum(np.abs(first), np.abs(last)) > _CRACK_M
        near, far = corner[one][apart], corner[other][apart]
        found.append(np.concatenate([near[:, rim[:2]], far[:, rim[2:]]], axis=1))
        higher = (first + last)[apart] > 0
        owners.append(np.where(higher, pixel[one][apart], pixel[other][apart]))
    return np.concatenate(found), np.concatenate(owners)


def _is_facade(
    stage: Stage, corners: np.ndarray, walls: np.ndarray, owner: np.ndarray
) -> np.ndarray:
    """Whether each wall is the outside of a building."""
    z = corners[walls, 2]
    drop = np.abs(z[:, 0] + z[:, 1] - z[:, 2] - z[:, 3]) / 2
    built = np.pad(stage.ids, 1).reshape(-1)[owner] > 0
    return np.asarray(built & (drop > WALL_M))


def _plan(stage: Stage) -> np.ndarray:
    """How the walls of buildings run, see `Stage`."""
    if stage.plan is None:
        return np.tile([0.0, np.pi / 2, 0.0, 0.0], (len(stage.wall), 1))
    return stage.plan


def _outside(
    stage: Stage, corners: np.ndarray, walls: tuple[np.ndarray, np.ndarray], surface: np.ndarray
) -> _Walls:
    """What facade each wall (quads, owners) is a part of."""
    quads, owner = walls
    who = np.pad(stage.ids, 1).reshape(-1)[owner].astype(np.int64)
    px = float(stage.box.affine.a)
    angle = k.facade_angles(surface, corners[quads], who, owner, _plan(stage), px)
    return _Walls(quads, owner, who, angle)


def _straighten(stage: Stage, walls: _Walls, corners: np.ndarray, shape: tuple[int, int]) -> None:
    """Move corners (corner, 3) of pixels, in place, so that walls askew to the grid are no stairs.

    Each goes half a pixel or so, with all that meets there: nothing opens.
    """
    px = float(stage.box.affine.a)
    shift = np.zeros((shape[0] + 1, shape[1] + 1, 2), np.float32)
    pixel, corner = np.divmod(walls.quads[:, :2], 4)
    edges = np.stack(
        [pixel // shape[1] + (corner < 2), pixel % shape[1] + (corner % 3 > 0)], axis=-1
    )
    k.straighten(edges, walls.who, walls.angle, int(_STRAIGHT_M / px), shift)
    shift[[0, -1]] = shift[:, [0, -1]] = 0
    grid = corners.reshape(*shape, 4, 3)
    for at, (down, right) in enumerate(((1, 0), (1, 1), (0, 1), (0, 0))):
        moved = shift[down : shape[0] + down, right : shape[1] + right]
        grid[:, :, at, :2] += np.float32(px) * moved


def _facades(
    stage: Stage, walls: _Walls, corners: np.ndarray, terrain: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Walls of buildings in strips of plaster and glass: corners, quads, albedo (band, quad)."""
    faces, ground = corners[walls.quads], terrain.reshape(-1)[walls.owner]
    along = k.place_along(faces, walls.who, walls.angle, _plan(stage))
    xyz, glass, of = k.strip_facades(faces, walls.who, ground, stage.storey, along)
    if float(stage.box.affine.a) >= _COARSE_M:
        glass[:] = -1
    each = np.arange(len(xyz) * 4, dtype=np.int32).reshape(-1, 4)
    return xyz.reshape(-1, 3), each, _facade_albedo(stage, walls.who[of], glass)


def _facade_albedo(stage: Stage, who: np.ndarray, glass: np.ndarray) -> np.ndarray:
    """Albedo (band, strip) of plaster, brick and glass, as the heightfield engine has it."""
    tones = facade_tones(stage.bands)
    plaster = np.minimum(stage.wall[who] * tones[who % len(tones)].T, _BRIGHTEST)
    panes = glass * glass_tones(stage.bands)[:, None]
    return np.asarray(np.where(glass < 0, plaster, panes), np.float32)
