"""From probabilities to what is kept of them, in one pass each; a rim is left out at every side."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def likeliest(shares, rim, seen, out):
    """Number, from 1, of the class with the largest share (class, y, x); 0 where it is not seen."""
    rows, cols = seen.shape
    best, which = np.empty(cols, np.float32), np.empty(cols, np.int32)
    for i in range(rows):
        best[:] = shares[0, rim + i, rim : rim + cols]
        which[:] = 1
        for k in range(1, shares.shape[0]):
            for j in range(cols):
                share = shares[k, rim + i, rim + j]
                which[j] = k + 1 if share > best[j] else which[j]
                best[j] = max(share, best[j])
        for j in range(cols):
            out[i, j] = which[j] * seen[i, j]


@njit(cache=True, nogil=True)
def to_255(share, rim, seen, out):
    """255 times a share (y, x), rounded; 0 where it is not seen."""
    rows, cols = seen.shape
    top, half = np.float32(255.0), np.float32(0.5)
    for i in range(rows):
        for j in range(cols):
            value = min(max(share[rim + i, rim + j] * top, np.float32(0.0)), top)
            out[i, j] = np.uint8(np.int32(value + half)) * seen[i, j]
