"""Shallow water over a grid, with walls, rain, rivers and tides: two schemes on one grid.

Local inertia, the scheme of rivers, rain and tides:

    q' = (theta q + (1 - theta)/2 (q_before + q_after) - g h dt d(z + h)/dx)
         / (1 + g dt n^2 |q| / h^(7/3)),        h = max(z + h) - max(z) of the two cells,

Bates, Horritt and Fewtrell (2010), J. Hydrol. 387, 33-45, eq. 11, with the weighted flux of
de Almeida, Bates, Freer and Souvignet (2012), Water Resour. Res. 48, W05528; the time step is
alpha dx / (g h_max)^.5 (eq. 14 of Bates et al.). Advection is left out, as in the papers: bores and
the tips of dam breaks run otherwise than in the full equations, and a largest Froude number keeps
the flow over steep ground within what it can be.

With `Scheme.advection` the full shallow-water equations (Stelling and Duinmeijer 2003; formulas in
`_kernels_momentum`): bores, dam breaks and flow faster than its waves are right, at 3 to 6 times
the cost. The time step is then also within alpha dx / (|u| + |v|), and beyond an edge that is no
wall water moves as it does within it.

Outflow is limited by the water a cell has, so no depth is negative and no water is made. Axes are
(y, x), north up; metres, seconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from tqdm import tqdm

from geomage.disaster._kernels_faces import VECTOR, WALL
from geomage.disaster._kernels_momentum import ROWS
from geomage.disaster._kernels_water import advance, mark_wet
from geomage.errors import BudgetError, InputError

__all__ = ["EDGES", "Basin", "Flow", "Scheme", "Series", "run"]

EDGES = ("north", "south", "west", "east")
_CODES = {"wall": 0, "open": 1, "level": 2}
_BYTES = 2 * 8 + 6 * 4  # a cell: depth, ground; two fluxes, four tracks in single precision
_STILL = 2.0**30  # parts of a metre in which ground and surface are given to the kernels
_SLICE_S = 20.0  # of flow, after which progress is shown


@dataclass(frozen=True)
class Series:
    """Values over time, linear between points and constant beyond them."""

    times: tuple[float, ...]  # s, rising
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        t, v = np.asarray(self.times, float), np.asarray(self.values, float)
        if t.size == 0 or t.shape != v.shape or not (np.isfinite(t).all() and np.isfinite(v).all()):
            raise InputError("a series needs as many finite values as it has times, one at least")
        if (np.diff(t) <= 0).any():
            raise InputError("the times of a series must rise")

    @staticmethod
    def steady(value: float) -> Series:
        """Return one value for all times."""
        return Series((0.0,), (value,))


@dataclass(frozen=True)
class Basin:
    """What water flows over, where it comes from and where it may leave.

    ground: (y, x) metres.
    cell_m: side of a cell.
    manning: roughness n, s m^-1/3: one number or (y, x).
    blocked: (y, x) bool, cells that hold no water, such as buildings.
    edges: of `EDGES`, "wall" (left out too), "open" (water falls off) or "level".
    level: metres, of the water beyond the edges of that kind.
    rain: m/s, on every cell that is not blocked.
    inflow: m3/s, in equal parts into the cells of `springs` (y, x) bool.
    depth: (y, x) metres at the start.
    """

    ground: np.ndarray
    cell_m: float
    manning: float | np.ndarray = 0.035
    blocked: np.ndarray | None = None
    edges: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    level: Series | None = None
    rain: Series | None = None
    inflow: Series | None = None
    springs: np.ndarray | None = None
    depth: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.ground.ndim != 2 or self.ground.size == 0 or not np.isfinite(self.ground).all():
            raise InputError(f"the ground must be finite heights (y, x): got {self.ground.shape}")
        if not (np.isfinite(self.cell_m) and self.cell_m > 0):
            raise InputError(f"a cell of {self.cell_m:g} m has no area: give more than 0 m")
        for name in ("blocked", "springs", "depth", "manning"):
            values = getattr(self, name)
            if isinstance(values, np.ndarray) and values.shape != self.ground.shape:
                raise InputError(f"{name} is {values.shape}, the ground {self.ground.shape}")
        if not np.all(np.asarray(self.manning) > 0):
            raise InputError("Manning's n must be more than 0: water grows 0.02, meadow 0.035")
        if self.depth is not None and not (np.isfinite(self.depth) & (self.depth >= 0)).all():
            raise InputError("a depth of water must be a finite number of 0 m or more")
        _refuse_edges(self)


def _refuse_edges(basin: Basin) -> None:
    strange = {*basin.edges} - {*EDGES} | {*basin.edges.values()} - {*_CODES}
    if strange:
        raise InputError(f"unknown edge {min(strange)!r}: name {EDGES}, each one of {(*_CODES,)}")
    if ("level" in basin.edges.values()) != (basin.level is not None):
        raise InputError("an edge of kind 'level' and a series `level` need each other")
    if (basin.springs is None) != (basin.inflow is None):
        raise InputError("an inflow needs springs, and springs an inflow")
    for name in ("rain", "inflow"):
        series = getattr(basin, name)
        if series is not None and min(series.values) < 0:
            raise InputError(f"{name} of less than 0: water only comes")


@dataclass(frozen=True)
class Scheme:
    """How the equations are solved."""

    alpha: float = 0.5  # Courant number; waves along a diagonal grow from about 0.65 on
    theta: float = 0.8  # without: weight of a face's own flux; 1 is the scheme of 2010
    froude: float = 1.0  # without: largest Froude number of a flux
    wet_m: float = 0.05  # deeper than this counts as arrived, and as under water
    block: int = 64  # side of the blocks that are skipped while dry, cells; changes no result
    memory_bytes: int = 4 * 2**30  # budget of the state
    advection: bool = False  # of momentum: for bores, dam breaks, run-up and steep flow

    def __post_init__(self) -> None:
        if not (0 < self.alpha <= 1 and 0 <= self.theta <= 1 and self.froude > 0):
            raise InputError("a scheme needs alpha in 0..1, theta in 0..1 and froude above 0")
        if self.block < 1 or not self.wet_m >= 0:
            raise InputError("blocks are of 1 cell or more, and wet depths of 0 m or more")


@dataclass(frozen=True)
class Flow:
    """What the water did: fields (y, x), and its volumes in m3; looked at every eighth step.

    depth: m, at the end; deepest: m; fastest: m/s, where deeper than a centimetre; arrival: s,
    -1 where never; under: s deeper than `Scheme.wet_m`; speed: m/s, at the end.
    start, end: water in the grid; through: that came in over the edges, less what left; added:
    by rain and inflow. updates: cells times steps.
    """

    depth: np.ndarray
    speed: np.ndarray
    deepest: np.ndarray
    fastest: np.ndarray
    arrival: np.ndarray
    under: np.ndarray
    start: float
    end: float
    through: float
    added: float
    steps: int
    updates: int


def run(basin: Basin, seconds: float, scheme: Scheme = Scheme()) -> Flow:
    """Let water flow for some seconds.

    Raises:
        BudgetError: the state of the grid needs more than `scheme.memory_bytes`.
    """
    if not (np.isfinite(seconds) and seconds > 0):
        raise InputError(f"a flow of {seconds:g} s is none: give more than 0 s")
    _refuse_size(basin, scheme)
    state = _State.of(basin, scheme)
    nx = basin.ground.shape[1]
    inner = _inner(nx)
    start = float(state.h[inner].sum())
    clock = np.array([0.0, mark_wet(state.h, state.wet, scheme.block, nx), 0.0, 0.0, 0.0, 0.0])
    arguments: list[Any] = [
        *(
            state.h,
            state.z,
            state.qx,
            state.qy,
            state.ux,
            state.uy,
            state.n2x,
            state.n2y,
            state.tracks,
            _lines((3, _width(nx))),
            _lines((14, _width(nx)), np.float32),
            _lines((ROWS, _width(nx))),
            state.wet,
            state.last,
        ),
        *map(float, (basin.cell_m, scheme.alpha, scheme.theta, scheme.froude, scheme.wet_m)),
        *(scheme.block, nx),
        *_forcing(basin),
        clock,
    ]
    steps = 0
    with tqdm(total=seconds, desc="flow", unit="s", delay=2, leave=False, disable=None) as bar:
        for end in np.linspace(0, seconds, max(int(seconds / _SLICE_S), 1) + 1)[1:]:
            steps += advance(*[*arguments, float(end)])
            bar.update(end - bar.n)
    area = basin.cell_m**2
    tracks = state.tracks[:, *inner]
    np.sqrt(tracks[1], out=tracks[1])
    h = state.h[inner]
    return Flow(
        depth=h,
        speed=_speed(state, nx),
        deepest=tracks[0],
        fastest=tracks[1],
        arrival=tracks[2],
        under=tracks[3],
        start=start * area,
        end=float(h.sum()) * area,
        through=float(clock[2]),
        added=float(clock[3]),
        steps=steps,
        updates=int(clock[4]),
    )


def _refuse_size(basin: Basin, scheme: Scheme) -> None:
    each = _BYTES + 8 * isinstance(basin.manning, np.ndarray) + 16 * scheme.advection
    needed = each * (basin.ground.shape[0] + 3) * _width(basin.ground.shape[1])
    if needed > scheme.memory_bytes:
        raise BudgetError(
            f"a flow over {basin.ground.shape[0]} x {basin.ground.shape[1]} cells needs "
            f"{needed / 2**30:.3g} GiB, the budget is {scheme.memory_bytes / 2**30:.3g} GiB: "
            "take larger cells"
        )


@dataclass(frozen=True)
class _State:
    """Arrays of the kernels: a ring of one cell lies around the grid."""

    h: np.ndarray
    z: np.ndarray
    qx: np.ndarray
    qy: np.ndarray
    ux: np.ndarray
    uy: np.ndarray
    n2x: np.ndarray
    n2y: np.ndarray
    tracks: np.ndarray
    wet: np.ndarray
    last: np.ndarray

    @staticmethod
    def of(basin: Basin, scheme: Scheme) -> _State:
        ny, nx = basin.ground.shape
        ringed, within = (ny + 3, _width(nx)), _inner(nx)
        z, h = _lines(ringed), _lines(ringed)
        z[:] = WALL
        inner = z[within]
        inner[...] = _rounded(basin.ground)
        if basin.depth is not None:
            surface = _rounded(basin.ground + basin.depth)
            h[within] = np.where(basin.depth > 0, np.maximum(surface - inner, 0.0), 0.0)
        if basin.blocked is not None:
            inner[basin.blocked] = WALL
            h[within][basin.blocked] = 0
        _open(z[:, : nx + 3], basin.edges)
        tracks = np.zeros((4, *ringed), np.float32)
        tracks[0] = h
        tracks[2] = np.where(h > scheme.wet_m, 0, -1)
        blocks = np.zeros((-(-ny // scheme.block), -(-nx // scheme.block)), np.uint8)
        n2x, n2y = _roughness(basin)
        speeds = ringed if scheme.advection else (1, 1)
        fluxes = (_lines(ringed, np.float32), _lines(ringed, np.float32))
        moving = (*fluxes, _lines(speeds), _lines(speeds))
        return _State(h, z, *moving, n2x, n2y, tracks, blocks, blocks.copy())


def _width(nx: int) -> int:
    """Columns of the arrays of a grid: a ring, and walls up to whole vectors."""
    return (nx // VECTOR + 1) * VECTOR + 16


def _inner(nx: int) -> tuple[slice, slice]:
    """Where the grid lies in its arrays."""
    return slice(1, -2), slice(1, nx + 1)


def _lines(shape: tuple[int, ...], dtype: Any = np.float64) -> np.ndarray:
    """Zeros whose rows have their column 1 at the start of a line of memory."""
    size = np.dtype(dtype).itemsize
    line, count = 64 // size, math.prod(shape)
    flat = np.zeros(count + line, dtype)
    first = -(flat.ctypes.data // size + 1) % line
    return flat[first:][:count].reshape(shape)


def _roughness(basin: Basin) -> tuple[np.ndarray, np.ndarray]:
    """Manning's n squared at western and northern faces: the mean of both cells."""
    nx = basin.ground.shape[1]
    if not isinstance(basin.manning, np.ndarray):
        n2 = np.full((1, _width(nx)), basin.manning**2, np.float32)
        return n2, n2
    around = (1, 2), (1, _width(nx) - nx - 1)
    n2 = np.pad(np.square(basin.manning.astype(np.float32)), around, "edge")
    n2x, n2y = n2.copy(), n2.copy()
    n2x[:, 1:] = 0.5 * (n2[:, :-1] + n2[:, 1:])
    n2y[1:] = 0.5 * (n2[:-1] + n2[1:])
    return n2x, n2y


def _rounded(values: np.ndarray) -> np.ndarray:
    """Whole parts of 2^-30 m: ground and depth then add up to one level, to the last bit."""
    out = values.astype(np.float64)
    out *= _STILL
    np.rint(out, out=out)
    out /= _STILL
    return np.asarray(out)


def _open(z: np.ndarray, edges: Mapping[str, str]) -> None:
    """Let the ground go on beyond the edges that are no walls (in place)."""
    ring = {
        "north": (z[0], z[1]),
        "south": (z[-2], z[-3]),
        "west": (z[:, 0], z[:, 1]),
        "east": (z[:, -2], z[:, -3]),
    }
    for name, kind in edges.items():
        if kind != "wall":
            beyond, within = ring[name]
            beyond[1:-2] = within[1:-2]


def _forcing(basin: Basin) -> tuple[np.ndarray, ...]:
    codes = np.array([_CODES[basin.edges.get(name, "wall")] for name in EDGES])
    level = basin.level or Series.steady(0.0)
    rain, inflow = basin.rain or Series.steady(0.0), basin.inflow or Series.steady(0.0)
    rows, columns = np.nonzero(np.zeros((1, 1)) if basin.springs is None else basin.springs)
    if basin.springs is not None and not len(rows):
        raise InputError("an inflow needs at least one cell to flow into")
    return (
        codes,
        np.array(level.times, float),
        np.tile(np.array(level.values, float), (4, 1)),
        *(np.array(v, float) for v in (rain.times, rain.values)),
        rows + 1,
        columns + 1,
        *(np.array(v, float) for v in (inflow.times, inflow.values)),
    )


def _speed(state: _State, nx: int) -> np.ndarray:
    """Speed at the end in cells deeper than a centimetre: mean of the faces, over the depth."""
    h = state.h[_inner(nx)]
    u = 0.5 * (state.qx[1:-2, 1 : nx + 1] + state.qx[1:-2, 2 : nx + 2])
    u = np.hypot(u, 0.5 * (state.qy[1:-2, 1 : nx + 1] + state.qy[2:-1, 1 : nx + 1]))
    return np.asarray(np.where(h > 0.01, u / np.maximum(h, 0.01), 0.0), np.float32)
