"""Numba kernel that widens painted colours to other bands, by what each pixel is made of."""

import math

import numpy as np
from numba import njit

MOST = 8  # end members of one matter, at most
SWEEPS = 10  # of coordinate descent
PULL = 0.02  # how strongly shares are drawn to what the brightness suggests (ours)
WHOLE = 0.1  # how strongly they are held to sum to 1 before they are made to (ours)
SPREAD = 0.5  # in the logarithm of brightness, for that suggestion (ours)
BOTTOM_M = 0.3  # depth over a bottom that shows, where none is given
# columns of a matter's row, which its nominal colour (3,) ends
COUNT, CONTRAST, SOAKS, WATER, COLOUR = 0, 1, 2, 3, 4
# columns of an end member's row within a matter, which chroma (3,) and the Gram matrix end
MEMBER, TONE, INVERSE, ROOM, CHROMA, GRAM = 0, 1, 2, 3, 4, 7


@njit(cache=True, nogil=True)
def unmix(red, green, blue, log, n, table, m, y, wanted):
    """Find shares y >= 0, summing to 1, of the n end members of matter m in a colour of mean 0.

    Colours p of the pixel and E of end members are divided by their means, less 1. Minimises

        |p - sum y_k E_k|^2 + PULL |y - y0|^2 + WHOLE (sum y_k - 1)^2;

    y0 favours end members as bright as the pixel, whose logarithm is `log`.
    """
    total = 0.0
    for k in range(n):
        far = (log - table[m, k, TONE]) / SPREAD
        y[k] = 1.0 / (1.0 + far * far)
        total += y[k]
    for k in range(n):
        y[k] /= total
        wanted[k] = (
            PULL * y[k]
            + WHOLE
            + table[m, k, CHROMA] * red
            + table[m, k, CHROMA + 1] * green
            + table[m, k, CHROMA + 2] * blue
        )
    for _ in range(SWEEPS):
        for k in range(n):
            left = wanted[k] + table[m, k, GRAM + k] * y[k]
            for other in range(n):
                left -= table[m, k, GRAM + other] * y[other]
            y[k] = max(0.0, left / table[m, k, GRAM + k])
    total = 0.0
    for k in range(n):
        total += y[k]
    for k in range(n):
        y[k] = y[k] / total if total > 0 else 1.0 / n


@njit(cache=True, nogil=True)
def weigh(p, m, share, matters, table, shown, hidden, where, first, y, wanted):
    """Add a matter's end members: how much each shows in the visible and beyond; how many now.

    Beyond the visible a dark pixel is dark by a power of what it is in the visible, and no pixel
    gives back more than it gets.
    """
    bright = max((p[0] + p[1] + p[2]) / 3.0, 1e-4)
    log = math.log(bright)
    n = int(matters[m, COUNT])
    if n == 1:
        y[0] = 1.0
    else:
        unmix(p[0] / bright - 1, p[1] / bright - 1, p[2] / bright - 1, log, n, table, m, y, wanted)
    contrast = matters[m, CONTRAST]
    for k in range(n):
        relative = bright * table[m, k, INVERSE]
        gain = relative
        if contrast != 1.0:
            gain = math.exp(contrast * (log - table[m, k, TONE]))
        if gain > 1.0:  # nears, and never reaches, a reflectance of 1
            room = table[m, k, ROOM]
            gain = 1.0 + room * (gain - 1.0) / (room + gain - 1.0)
        where[first + k] = int(table[m, k, MEMBER])
        shown[first + k] = share * y[k] * relative
        hidden[first + k] = share * y[k] * gain
    return first + n


@njit(cache=True, nogil=True)
def widen(
    painted, matter, under, share, wet, glint, depth,
    matters, table, colours, response, visible, film, deep, out,
):  # fmt: skip
    """Fill out (band, y, x) from painted (3, y, x) and what each pixel is made of.

    under, share (y, x): second matter of a pixel and its share in 255ths; wet: 0..1; glint:
    mirrored sun in every band; depth: of flood water, m; each may be empty. By value of matter,
    matters (256, 7) and table (256, MOST, 7 + MOST); by end member, colours (n, 3) and response
    (n, band, 4); by band, whether it is visible, what a wet film and a metre of water take.
    """
    ny, nx = matter.shape
    shown, hidden = np.empty(2 * MOST), np.empty(2 * MOST)
    where = np.empty(2 * MOST, np.int64)
    y, wanted = np.empty(MOST), np.empty(MOST)
    p, top, low, gain = np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    for i in range(ny):
        for j in range(nx):
            m = matter[i, j]
            mirrored = glint[i, j] if glint.size > 0 else np.float32(0.0)
            for b in range(3):
                p[b] = max(painted[b, i, j] - mirrored, 1e-4)
            s = share[i, j] / 255.0 if share.size > 0 else 0.0
            n = split = 0
            first_drowned = last_drowned = 0  # which part lies below water
            metres = 0.0
            if s <= 0.0:
                n = weigh(p, m, 1.0, matters, table, shown, hidden, where, 0, y, wanted)
            else:
                u = under[i, j]
                for b in range(3):
                    one, other = matters[m, COLOUR + b], matters[u, COLOUR + b]
                    ratio = p[b] / ((1.0 - s) * one + s * other)
                    top[b], low[b] = one * ratio, other * ratio
                split = weigh(top, m, 1.0 - s, matters, table, shown, hidden, where, 0, y, wanted)
                n = weigh(low, u, s, matters, table, shown, hidden, where, split, y, wanted)
                if matters[m, WATER] != matters[u, WATER]:
                    if matters[m, WATER] > 0:
                        first_drowned, last_drowned = split, n
                    else:
                        last_drowned = split
                    metres = depth[i, j] if depth.size > 0 else 0.0
                    if metres <= 0.0:
                        metres = BOTTOM_M
            for b in range(3):
                modelled = 0.0
                for k in range(n):
                    modelled += shown[k] * colours[where[k], b]
                gain[b] = p[b] / modelled
            damp = wet[i, j] * matters[m, SOAKS] if wet.size > 0 else 0.0
            for b in range(out.shape[0]):
                total = 0.0
                for k in range(n):
                    e = where[k]
                    value = hidden[k] * response[e, b, 3]
                    if first_drowned <= k < last_drowned:
                        value *= math.exp(-deep[b] * metres)
                    if visible[b]:
                        value += shown[k] * (
                            gain[0] * response[e, b, 0]
                            + gain[1] * response[e, b, 1]
                            + gain[2] * response[e, b, 2]
                        )
                    total += value
                if damp > 0.0:
                    total /= 1.0 + film[b] * damp
                out[b, i, j] = min(max(total + mirrored, 0.0), 1.0)
