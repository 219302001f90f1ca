"""A stage as facets, for engines that trace rays: a tilted square a pixel, and walls between.

Each pixel is a plane square through its height, tilted by the gentler of its two slopes on each
axis, as the heightfield engine shades it. Where the rims of two neighbours differ there is a wall.
A rim of level ground goes on around the stage, so that nothing is lit from below.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geomage.render import _kernels_facets as k
from geomage.render.stage import Stage
from geomage.sensor import VISIBLE

__all__ = ["Facets", "facet_stage"]

APRON_M = 500.0  # of level ground around the stage
_CRACK_M = 1e-3  # rims that differ by less meet
_FACADE_M = 1.0  # a lower step of a building is roof
_COLD_NM = sorted(band.centre_nm for band in VISIBLE)  # blue, green, red


@dataclass(frozen=True)
class Facets:
    """One mesh: metres, x east and y north of the south-west corner, z above the median ground.

    corners: (corner, 3) float32; quads: (quad, 4) int32, anticlockwise seen from outside;
    albedo: (band, quad) float32.
    """

    corners: np.ndarray
    quads: np.ndarray
    albedo: np.ndarray


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
    facade, quads, albedo = _facades(stage, (corners, walls[faced], owner[faced]), terrain)
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
    half = np.float32(0.5)
    across = np.where(np.abs(east) < np.abs(west), east, west) * half
    along = np.where(np.abs(north) < np.abs(south), north, south) * half
    across[:, [0, -1]] = along[:, [0, -1]] = across[[0, -1]] = along[[0, -1]] = 0
    corners = [surface - across - along, surface + across - along]
    corners += [surface + across + along, surface - across + along]
    return np.stack(corners, axis=-1)


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
    return np.asarray(built & (drop > _FACADE_M))


def _facades(
    stage: Stage, walls: tuple[np.ndarray, np.ndarray, np.ndarray], terrain: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Walls of buildings in strips of plaster and glass: corners, quads, albedo (band, quad)."""
    corners, quads, owner = walls
    who = np.pad(stage.ids, 1).reshape(-1)[owner].astype(np.int64)
    xyz, glass, of = k.strip_facades(
        corners[quads],
        who,
        terrain.reshape(-1)[owner],
        stage.storey,
        float(stage.box.affine.a),
    )
    each = np.arange(len(xyz) * 4, dtype=np.int32).reshape(-1, 4)
    return xyz.reshape(-1, 3), each, _facade_albedo(stage, who[of], glass)


def _facade_albedo(stage: Stage, who: np.ndarray, glass: np.ndarray) -> np.ndarray:
    """Albedo (band, strip) as the heightfield engine paints it: plaster and brick lean to red."""
    nm = np.array([band.centre_nm for band in stage.bands])
    cold = np.interp(nm, _COLD_NM, [2, 1, 0])[:, None]
    warm = 1 + (0.02 + 0.03 * (who % 4)) * (1 - cold)
    plaster = stage.wall[who] * warm
    return np.where(glass < 0, plaster, glass * (0.9 + 0.12 * cold)).astype(np.float32)
