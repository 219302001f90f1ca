"""Numba kernel that burns polygons into a grid, by the rule of GDAL for centres of pixels."""

import math

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def _first_row(y):
    """First row whose middle lies at y or beyond."""
    row = math.ceil(y - 0.5)
    if row + 0.5 < y:
        row += 1
    elif row - 0.5 >= y:
        row -= 1
    return row


@njit(cache=True, nogil=True)
def _fill(out, row, begin, end, value):
    for x in range(max(begin, 0), min(end, out.shape[1])):
        out[row, x] = value


@njit(cache=True, nogil=True)
def _cross(x, y, first, last, top, low, counts, places):
    """Columns where edges of the rings (first, last) cross the middles of rows, row by row.

    An edge crosses a row whose middle it reaches, at its upper end but not at its lower. Without
    `places` the crossings of rows from `top` are counted only.
    """
    for ring in range(len(first)):
        for b in range(first[ring] + 1, last[ring]):
            a = b - 1
            if y[a] == y[b]:
                continue
            upper, lower = (a, b) if y[a] < y[b] else (b, a)
            begin, end = max(_first_row(y[upper]), top), min(_first_row(y[lower]), low)
            for row in range(begin, end):
                if len(places):
                    t = (row + 0.5 - y[upper]) * (x[lower] - x[upper]) / (y[lower] - y[upper])
                    places[counts[row - top]] = math.floor(t + x[upper] + 0.5)
                counts[row - top] += 1


@njit(cache=True, nogil=True)
def _burn_level(x, y, first, last, turns, out, value):
    """Edges along the middle of a row that a ring has as its southern side belong to the shape."""
    for ring in range(len(first)):
        for b in range(first[ring] + 1, last[ring]):
            if y[b - 1] != y[b] or x[b - 1] == x[b]:
                continue
            row = _first_row(y[b])
            southern = (x[b - 1] < x[b]) == turns[ring]
            if southern and y[b] == row + 0.5 and 0 <= row < out.shape[0]:
                west, east = min(x[b - 1], x[b]), max(x[b - 1], x[b])
                _fill(out, row, math.floor(west + 0.5), math.floor(east + 0.5), value)


@njit(cache=True, nogil=True)
def burn(x, y, rings, shapes, turns, values, out):
    """Burn polygons in order into `out` (y, x): pixels whose middle lies in an odd number of rings.

    x, y (n,): columns and rows of corners; rings (m + 1,): first corner of each closed ring;
    shapes (k + 1,): first ring of each polygon; turns (m,): whether a ring runs anticlockwise on
    the map; values (k,).
    """
    none = np.empty(0, np.int64)
    for shape in range(len(values)):
        some = slice(shapes[shape], shapes[shape + 1])
        first, last = rings[:-1][some], rings[1:][some]
        if len(first) == 0:
            continue
        north, south = y[first[0]], y[first[0]]
        for p in range(first[0], last[-1]):
            north, south = min(north, y[p]), max(south, y[p])
        top, low = max(_first_row(north), 0), min(_first_row(south), out.shape[0])
        _burn_level(x, y, first, last, turns[some], out, values[shape])
        if top >= low:
            continue
        ends = np.zeros(low - top, np.int64)
        _cross(x, y, first, last, top, low, ends, none)
        total = 0
        for row in range(low - top):
            count = ends[row]
            ends[row] = total
            total += count
        if total == 0:
            continue
        places = np.empty(total, np.int64)
        _cross(x, y, first, last, top, low, ends, places)
        begin = 0
        for row in range(low - top):
            along = places[begin : ends[row]]
            for p in range(1, len(along)):  # few: sorted in place
                here, q = along[p], p - 1
                while q >= 0 and along[q] > here:
                    along[q + 1] = along[q]
                    q -= 1
                along[q + 1] = here
            for p in range(0, len(along) - 1, 2):
                _fill(out, top + row, along[p], along[p + 1], values[shape])
            begin = ends[row]


@njit(cache=True, nogil=True)
def count_runs(x, y, rings, shapes, height):
    """How many runs `runs` gives, at most: half the crossings of all edges with rows of a grid."""
    none = np.empty(0, np.int64)
    counts = np.zeros(max(height, 1), np.int64)
    for shape in range(len(shapes) - 1):
        some = slice(shapes[shape], shapes[shape + 1])
        _cross(x, y, rings[:-1][some], rings[1:][some], 0, height, counts, none)
    total = 0
    for row in range(height):
        total += counts[row] // 2
    return total


@njit(cache=True, nogil=True)
def runs(x, y, rings, shapes, height, width, out):
    """Runs of pixels whose middle lies in a polygon, each polygon for itself; how many there are.

    x, y, rings, shapes: see `burn`; out (m, 4): shape, row, first column and the one behind the
    last, in a grid of height x width.
    """
    none = np.empty(0, np.int64)
    found = 0
    for shape in range(len(shapes) - 1):
        some = slice(shapes[shape], shapes[shape + 1])
        first, last = rings[:-1][some], rings[1:][some]
        if len(first) == 0:
            continue
        north, south = y[first[0]], y[first[0]]
        for p in range(first[0], last[-1]):
            north, south = min(north, y[p]), max(south, y[p])
        top, low = max(_first_row(north), 0), min(_first_row(south), height)
        if top >= low:
            continue
        ends = np.zeros(low - top, np.int64)
        _cross(x, y, first, last, top, low, ends, none)
        total = 0
        for row in range(low - top):
            count = ends[row]
            ends[row] = total
            total += count
        places = np.empty(max(total, 1), np.int64)
        _cross(x, y, first, last, top, low, ends, places)
        begin = 0
        for row in range(low - top):
            along = np.sort(places[begin : ends[row]])
            for p in range(0, len(along) - 1, 2):
                left, right = max(along[p], 0), min(along[p + 1], width)
                if left < right:
                    out[found] = shape, top + row, left, right
                    found += 1
            begin = ends[row]
    return found


@njit(cache=True, nogil=True)
def fill_runs(runs, values, out):
    """Fill runs (m, 4) of `runs` into `out` (y, x), one after the other, a value each shape."""
    for n in range(len(runs)):
        shape, row, begin, end = runs[n]
        for column in range(begin, end):
            out[row, column] = values[shape]
