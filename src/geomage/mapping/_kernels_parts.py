"""Parts of a surface that valleys separate, grown from the tops downwards."""

from __future__ import annotations

import numpy as np
from numba import njit

_UNSEEN = -(2**31)


@njit(cache=True, nogil=True)
def _root(parent, i):
    """Top of the part that pixel `i` belongs to; shortens the way there."""
    top = i
    while parent[top] >= 0:
        top = parent[top]
    while parent[i] >= 0:
        following = parent[i]
        parent[i] = top
        i = following
    return top


@njit(cache=True, nogil=True)
def _downwards(height):
    """Indices of all pixels with height above 0, the highest first, else from the top down."""
    starts = np.zeros(65537, np.int64)
    for value in height:
        starts[65535 - value] += 1
    total = 0
    for k in range(65536):
        total, starts[k] = total + starts[k], total
    out = np.empty(starts[65535], np.int32)  # height 0 comes last and is left out
    for i in range(height.size):
        if height[i] > 0:
            k = 65535 - height[i]
            out[starts[k]] = i
            starts[k] += 1
    return out


@njit(cache=True, nogil=True)
def _steps(i, cols, size):
    """The four neighbours of a pixel; itself in place of those beyond the rim."""
    col = i % cols
    return (
        i - cols if i >= cols else i,
        i + cols if i + cols < size else i,
        i - 1 if col > 0 else i,
        i + 1 if col < cols - 1 else i,
    )


@njit(cache=True, nogil=True)
def grow_parts(height, cols, least, fall):
    """Share out a surface among its tops.

    Pixels come in from the highest to the lowest and join the highest neighbour. Where two parts
    meet they stay two if each has `least` pixels by then and its top lies at least `fall` above;
    else the lower one is taken into the higher.

    Args:
        height: (y * x,) uint16, 0 outside.
        cols: width of the surface.
        least: pixels.
        fall: in units of `height`.

    Returns:
        (y * x,) int32, 0 outside, 1..n in the parts, from the top down; and n.
    """
    # The parent of a pixel; of a top, which is its own root, minus the pixels of the part.
    parent = np.full(height.size, _UNSEEN, np.int32)
    for i in _downwards(height):
        near = _steps(i, cols, height.size)
        best = -1
        for k in near:
            if parent[k] != _UNSEEN and (best < 0 or height[k] > height[best]):
                best = k
        if best < 0:
            parent[i] = -1
            continue
        part = _root(parent, best)
        for k in near:
            other = part if parent[k] == _UNSEEN else _root(parent, k)
            if other == part:
                continue
            low, high = part, other
            if height[other] < height[part]:
                low, high = other, part
            fewest = min(-parent[low], -parent[high])
            if fewest >= least and np.int64(height[low]) - np.int64(height[i]) >= fall:
                continue
            parent[high] += parent[low]
            parent[low] = high
            part = high if part == low else part
        parent[i] = part
        parent[part] -= 1
    return _numbered(height, parent)


@njit(cache=True, nogil=True)
def _numbered(height, parent):
    """(y * x,) int32 number of the part of each pixel, in the order of their first pixels; and n.

    A top gets its number in place of the pixels of its part, below 0 as they were.
    """
    out = np.zeros(height.size, np.int32)
    count = 0
    numbered = np.zeros(height.size, np.bool_)
    for i in range(height.size):
        if height[i] > 0:
            top = _root(parent, i)
            if not numbered[top]:
                count += 1
                numbered[top] = True
                parent[top] = -count
            out[i] = -parent[top]
    return out, count
