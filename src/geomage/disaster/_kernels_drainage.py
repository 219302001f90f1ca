"""Numba kernel that fills hollows and says where each cell drains."""

import heapq

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def drain(z, outlet):
    """Fill hollows by priority-flood, and drain each cell (Barnes et al. 2014, algorithms 2 and 4).

    A cell drains to the steepest of its eight neighbours on the filled ground; where none is lower,
    as on the floor of a filled hollow, to the one the flood reached it from.

    Args:
        z: (rows, columns) heights.
        outlet: (rows, columns) bool: where water leaves; at least one.

    Returns:
        filled (rows, columns); order (n,) of cells from the outlets upwards; down (n,) the cell
        that each flat index drains to, -1 at outlets.
    """
    ny, nx = z.shape
    filled = z.copy()
    seen = outlet.copy()
    down = np.full(ny * nx, -1, np.int64)
    order = np.empty(ny * nx, np.int64)
    heap = [(z[0, 0], 0) for _ in range(0)]
    pit = [0 for _ in range(0)]
    for k in range(ny * nx):
        if outlet[k // nx, k % nx]:
            heapq.heappush(heap, (z[k // nx, k % nx], k))
    done = 0
    while heap or pit:
        k = pit.pop() if pit else heapq.heappop(heap)[1]
        order[done] = k
        done += 1
        i, j = k // nx, k % nx
        for a in range(max(i - 1, 0), min(i + 2, ny)):
            for b in range(max(j - 1, 0), min(j + 2, nx)):
                if seen[a, b]:
                    continue
                seen[a, b] = True
                down[a * nx + b] = k
                if z[a, b] <= filled[i, j]:
                    filled[a, b] = filled[i, j]
                    pit.append(a * nx + b)
                else:
                    heapq.heappush(heap, (z[a, b], a * nx + b))
    for k in range(ny * nx):
        i, j = k // nx, k % nx
        best = 0.0
        if outlet[i, j]:
            continue
        for a in range(max(i - 1, 0), min(i + 2, ny)):
            for b in range(max(j - 1, 0), min(j + 2, nx)):
                far = 1.4142135623730951 if a != i and b != j else 1.0
                fall = (filled[i, j] - filled[a, b]) / far
                if fall > best:
                    best = fall
                    down[k] = a * nx + b
    return filled, order, down


@njit(cache=True, nogil=True)
def gather(order, down):
    """Cells (n,) that drain through each cell, itself included."""
    total = np.ones(len(order), np.int64)
    for n in range(len(order) - 1, -1, -1):
        k = order[n]
        if down[k] >= 0:
            total[down[k]] += total[k]
    return total


@njit(cache=True, nogil=True)
def reach(order, down, stream):
    """Cell (n,) of the stream or outlet that each cell drains to."""
    to = np.empty(len(order), np.int64)
    for k in order:
        to[k] = k if stream[k] or down[k] < 0 else to[down[k]]
    return to
