"""Numba kernels that widen painted colours to other bands, by what each pixel is made of.

Pixels are taken in runs, and within a run by their matter: one loop does one step for all pixels
of a matter. A pixel of two matters has two parts.
"""

import math

import numpy as np
from numba import njit

MOST = 8  # end members of one matter, at most
RUN = 2048  # pixels that are widened together; what they need stays in the caches
SWEEPS = 10  # of coordinate descent
PULL = 0.02  # how strongly shares are drawn to what the brightness suggests (ours)
WHOLE = 0.1  # how strongly they are held to sum to 1 before they are made to (ours)
SPREAD = 0.5  # in the logarithm of brightness, for that suggestion (ours)
BOTTOM_M = 0.3  # depth over a bottom that shows, where none is given
# columns of a matter's row, which its nominal colour (3,) ends
COUNT, CONTRAST, SOAKS, WATER, COLOUR = 0, 1, 2, 3, 4
# columns of an end member's row within a matter, which chroma (3,) and the Gram matrix end
MEMBER, TONE, INVERSE, ROOM, CHROMA, GRAM = 0, 1, 2, 3, 4, 7

ONE, NONE, LEAST = np.float32(1.0), np.float32(0.0), np.float32(1e-4)


@njit(cache=True, nogil=True, error_model="numpy")
def unmix(colour, log, n, rows, y, wanted, left):
    """Find shares y (n, p) >= 0, summing to 1, of the n end members of a matter in p colours.

    Colours and those of end members E are divided by their means, less 1: c. Minimises

        |c - sum y_k E_k|^2 + PULL |y - y0|^2 + WHOLE (sum y_k - 1)^2;

    y0 favours end members as bright as the pixel, whose logarithm is `log` (p,).
    """
    red, green, blue = colour[0], colour[1], colour[2]
    count = log.size
    left[:count] = NONE
    for k in range(n):
        tone, share = rows[k, TONE], y[k]
        for p in range(count):
            far = (log[p] - tone) * np.float32(1 / SPREAD)
            share[p] = ONE / (ONE + far * far)
            left[p] += share[p]
    for k in range(n):
        share, aim = y[k], wanted[k]
        r, g, b = rows[k, CHROMA], rows[k, CHROMA + 1], rows[k, CHROMA + 2]
        for p in range(count):
            share[p] /= left[p]
            aim[p] = np.float32(PULL) * share[p] + np.float32(WHOLE)
            aim[p] += r * red[p] + g * green[p] + b * blue[p]
    for _ in range(SWEEPS):
        for k in range(n):
            share, aim = y[k], wanted[k]
            for p in range(count):
                left[p] = aim[p]
            for other in range(n):
                if other != k:
                    part, held = y[other], rows[k, GRAM + other]
                    for p in range(count):
                        left[p] -= held * part[p]
            inverse = ONE / rows[k, GRAM + k]
            for p in range(count):
                share[p] = max(NONE, left[p] * inverse)
    left[:count] = NONE
    for k in range(n):
        share = y[k]
        for p in range(count):
            left[p] += share[p]
    for k in range(n):
        share = y[k]
        for p in range(count):
            share[p] = share[p] / left[p] if left[p] > NONE else ONE / np.float32(n)


@njit(cache=True, nogil=True, error_model="numpy")
def weigh(colour, weight, mine, rows, shown, hidden, log, bright, power, wanted, left):
    """How much each end member of a matter shows in the visible and beyond (n, p), of p parts.

    colour (3, p): of the parts, changed in place; weight (p,): of each in its pixel.
    Beyond the visible a dark pixel is dark by a power of what it is in the visible, and no pixel
    gives back more than it gets.
    """
    n, contrast, count = int(mine[COUNT]), mine[CONTRAST], weight.size
    for p in range(count):
        mean = (colour[0, p] + colour[1, p] + colour[2, p]) * np.float32(1 / 3)
        bright[p] = max(mean, LEAST)
    if n == 1:
        shown[0, :count] = ONE
    else:
        for b in range(3):
            for p in range(count):
                colour[b, p] = colour[b, p] / bright[p] - ONE
        for p in range(count):
            log[p] = math.log(bright[p])
        unmix(colour, log[:count], n, rows, shown, wanted, left)
    for p in range(count):
        power[p] = bright[p]
    if contrast == np.float32(0.5):
        for p in range(count):
            power[p] = math.sqrt(bright[p])
    elif contrast != ONE:
        for p in range(count):
            power[p] = bright[p] ** contrast
    for k in range(n):
        inverse, room = rows[k, INVERSE], rows[k, ROOM]
        scale = inverse if contrast == ONE else np.float32(math.exp(-contrast * rows[k, TONE]))
        y, beyond = shown[k], hidden[k]
        for p in range(count):
            part = weight[p] * y[p]
            over = max(power[p] * scale - ONE, NONE)  # nears, and never reaches, a reflectance of 1
            gain = min(power[p] * scale, ONE) + room * over / (room + over)
            y[p] = part * bright[p] * inverse
            beyond[p] = part * gain


@njit(cache=True, nogil=True, error_model="numpy")
def without_mirror(painted, glint, first, count, p):
    """Fill p (3, count) with what is painted without mirrored sun."""
    for b in range(3):
        for i in range(count):
            p[b, i] = painted[b, first + i]
    if glint.size > 0:
        for b in range(3):
            for i in range(count):
                p[b, i] -= glint[first + i]
    for b in range(3):
        for i in range(count):
            p[b, i] = max(p[b, i], LEAST)


@njit(cache=True, nogil=True, error_model="numpy")
def sort_parts(matter, under, share, first, count, starts, at):
    """Order parts of a run by matter: `starts` (257,); place (2, count) of each, -1 for none."""
    starts[:] = 0
    for i in range(first, first + count):
        starts[matter[i] + 1] += 1
        if share.size > 0 and share[i] > 0:
            starts[under[i] + 1] += 1
    for m in range(256):
        starts[m + 1] += starts[m]
    for i in range(count):
        m = matter[first + i]
        at[0, i], at[1, i] = starts[m], -1
        starts[m] += 1
        if share.size > 0 and share[first + i] > 0:
            m = under[first + i]
            at[1, i] = starts[m]
            starts[m] += 1
    for m in range(256, 0, -1):
        starts[m] = starts[m - 1]
    starts[0] = 0


@njit(cache=True, nogil=True, error_model="numpy")
def lay_out(p, matter, under, share, depth, matters, first, at, colour, weight, metres, pixel):
    """Give each part its colour, its weight in the pixel, and the water over it, metres.

    Returns whether any lies below water.
    """
    drowned = False
    for i in range(at.shape[1]):
        one, m = at[0, i], matter[first + i]
        pixel[one], weight[one], metres[one] = i, ONE, NONE
        for b in range(3):
            colour[b, one] = p[b, i]
        two = at[1, i]
        if two < 0:
            continue
        u, s = under[first + i], np.float32(share[first + i]) * np.float32(1 / 255)
        pixel[two], weight[one], weight[two], metres[two] = i, ONE - s, s, NONE
        for b in range(3):
            mine, other = matters[m, COLOUR + b], matters[u, COLOUR + b]
            ratio = p[b, i] / ((ONE - s) * mine + s * other)
            colour[b, one], colour[b, two] = mine * ratio, other * ratio
        if matters[m, WATER] != matters[u, WATER]:
            over = depth[first + i] if depth.size > 0 else NONE
            low = two if matters[m, WATER] > NONE else one
            metres[low] = over if over > NONE else np.float32(BOTTOM_M)
            drowned = True
    return drowned


@njit(cache=True, nogil=True, error_model="numpy")
def reflect(rows, n, response, visible, absorbed, gain, metres, shown, hidden, total):
    """Fill `total` (p,) with what p parts of one matter, of n end members, reflect in a band.

    response (member, 4): of the band; gain (3, p): painted over modelled red, green and blue;
    metres (p,): of water over each, or none at all, of which a metre takes `absorbed`.
    """
    count = total.size
    total[:] = NONE
    for k in range(n):
        beyond, share = hidden[k], response[int(rows[k, MEMBER]), 3]
        if share > NONE:
            for p in range(count):
                total[p] += beyond[p] * share
    for p in range(metres.size):
        if metres[p] > NONE:
            total[p] *= math.exp(-absorbed * metres[p])
    if not visible:
        return
    for b in range(3):
        tint = gain[b]
        for k in range(n):
            seen, share = shown[k], response[int(rows[k, MEMBER]), b]
            if share > NONE:
                for p in range(count):
                    total[p] += seen[p] * tint[p] * share


@njit(cache=True, nogil=True, error_model="numpy")
def model(rows, n, colours, shown, pixel, total, modelled):
    """Add to `modelled` (3, pixel) the red, green and blue that parts of one matter show."""
    for b in range(3):
        total[:] = NONE
        for k in range(n):
            seen, tone = shown[k], colours[int(rows[k, MEMBER]), b]
            for q in range(total.size):
                total[q] += seen[q] * tone
        for q in range(total.size):
            modelled[b, pixel[q]] += total[q]


@njit(cache=True, nogil=True, error_model="numpy")
def finish(whole, wet, glint, matter, matters, film, out):
    """Fill out (pixel,) from what a band reflects where it is dry: a wet film takes of it."""
    for i in range(out.size):
        value = whole[i]
        if wet.size > 0:
            value /= ONE + film * wet[i] * matters[matter[i], SOAKS]
        if glint.size > 0:
            value += glint[i]
        out[i] = min(max(value, NONE), ONE)


@njit(cache=True, nogil=True, error_model="numpy")
def some(layer, first, count):
    """Part of a layer (pixel,) that may be empty."""
    return layer[first : first + count] if layer.size > 0 else layer


@njit(cache=True, nogil=True, error_model="numpy")
def widen(
    painted, matter, under, share, wet, glint, depth,
    matters, table, colours, response, visible, film, deep, out,
):  # fmt: skip
    """Fill out (band, pixel) from painted (3, pixel) and what each pixel is made of.

    under, share (pixel,): second matter of a pixel and its share in 255ths; wet: 0..1; glint:
    mirrored sun in every band; depth: of flood water, m; each may be empty. By value of matter,
    matters (256, 7) and table (256, MOST, 7 + MOST); by end member, colours (n, 3) and response
    (n, band, 4); by band, whether it is visible, what a wet film and a metre of water take.
    """
    starts, place = np.empty(257, np.int64), np.empty((2, RUN), np.int64)
    p, modelled = np.empty((3, RUN), np.float32), np.empty((3, RUN), np.float32)
    shown, hidden = np.empty((MOST, 2 * RUN), np.float32), np.empty((MOST, 2 * RUN), np.float32)
    wanted, colour = np.empty((MOST, 2 * RUN), np.float32), np.empty((3, 2 * RUN), np.float32)
    weight, metres = np.empty(2 * RUN, np.float32), np.empty(2 * RUN, np.float32)
    spare, total = np.empty((4, 2 * RUN), np.float32), np.empty(2 * RUN, np.float32)
    pixel, whole = np.empty(2 * RUN, np.int64), np.empty(RUN, np.float32)
    found, dry = np.empty(256, np.int64), np.empty(0, np.float32)
    for first in range(0, matter.size, RUN):
        count = min(RUN, matter.size - first)
        without_mirror(painted, glint, first, count, p)
        at = place[:, :count]
        sort_parts(matter, under, share, first, count, starts, at)
        drowned = lay_out(
            p, matter, under, share, depth, matters, first, at, colour, weight, metres, pixel
        )
        kinds = 0
        modelled[:] = NONE
        for m in range(256):
            a, b = starts[m], starts[m + 1]
            if a == b:
                continue
            found[kinds] = m
            kinds += 1
            weigh(
                colour[:, a:b], weight[a:b], matters[m], table[m], shown[:, a:b], hidden[:, a:b],
                spare[0], spare[1], spare[2], wanted, spare[3],
            )  # fmt: skip
            n = int(matters[m, COUNT])
            model(table[m], n, colours, shown[:, a:b], pixel[a:b], total[a:b], modelled)
        for b in range(3):
            for q in range(starts[256]):
                colour[b, q] = p[b, pixel[q]] / modelled[b, pixel[q]]
        for band in range(out.shape[0]):
            whole[:] = NONE
            for kind in range(kinds):
                m = found[kind]
                a, b = starts[m], starts[m + 1]
                reflect(
                    table[m], int(matters[m, COUNT]), response[:, band], visible[band], deep[band],
                    colour[:, a:b], metres[a:b] if drowned else dry, shown[:, a:b],
                    hidden[:, a:b], total[a:b],
                )  # fmt: skip
                for q in range(a, b):
                    whole[pixel[q]] += total[q]
            finish(
                whole, some(wet, first, count), some(glint, first, count),
                matter[first : first + count], matters, film[band],
                out[band, first : first + count],
            )  # fmt: skip
