"""Counts by table."""

from __future__ import annotations

from numba import njit


@njit(cache=True, nogil=True)
def looked_up(values, table, out):
    """Entry of a table of 256 for each of flat values."""
    for i in range(values.size):
        out[i] = table[values[i]]
