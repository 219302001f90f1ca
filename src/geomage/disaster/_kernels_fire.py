"""Numba kernel of the least arrival time of fire over cells of ground and houses."""

import heapq
import math

import numpy as np
from numba import njit

# steps (row, column) to sixteen neighbours
_DI = np.array([0, 0, 1, -1, 1, 1, -1, -1, 1, 1, -1, -1, 2, 2, -2, -2])
_DJ = np.array([1, -1, 0, 0, 1, -1, 1, -1, 2, -2, 2, -2, 1, -1, 1, -1])


@njit(cache=True, nogil=True)
def mixed(z):
    """Finaliser of splitmix64 (Steele et al. 2014)."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(cache=True, nogil=True)
def uniform(seed, source, brand, purpose):
    """A number in 0..1 that is always the same for the same four whole numbers."""
    z = mixed(np.uint64(seed) + np.uint64(0x9E3779B97F4A7C15) * np.uint64(source + 1))
    z = mixed(z + np.uint64(0x9E3779B97F4A7C15) * np.uint64(brand * 8 + purpose + 1))
    return (z >> np.uint64(11)) / 9007199254740992.0


@njit(cache=True, nogil=True)
def brushed(ros, nx, i, j, di, dj):
    """Whether every cell that an oblique step touches burns, so that no step leaps a gap."""
    if abs(di) + abs(dj) < 2:
        return True
    si = 1 if di > 0 else -1
    sj = 1 if dj > 0 else -1
    if abs(di) == abs(dj):
        return ros[(i + si) * nx + j] > 0 and ros[i * nx + j + sj] > 0
    return ros[(i + si) * nx + j + sj] > 0 and ros[(i + di - si) * nx + j + dj - sj] > 0


@njit(cache=True, nogil=True)
def towards(ros, east, north, ecc, cell, x, y):
    """Speed of the ellipse of a cell in a direction: R (1 - e) / (1 - e cos theta)."""
    cos = east[cell] * x + north[cell] * y
    return ros[cell] * (1 - ecc[cell]) / (1 - ecc[cell] * cos)


@njit(cache=True, nogil=True)
def landing(seed, source, brand, mu, sigma, across):
    """Where a firebrand lands: metres (downwind, crosswind), lognormal and normal."""
    u = max(uniform(seed, source, brand, 0), 1e-12)
    v = uniform(seed, source, brand, 1)
    r = math.sqrt(-2 * math.log(u))
    down = math.exp(mu + sigma * r * math.cos(2 * math.pi * v))
    return down, across * r * math.sin(2 * math.pi * v)


@njit(cache=True, nogil=True)
def cascade(ground, gsd, begin, ways, houses, embers, seed):
    """Arrival (n + m,) in seconds at n cells and m houses, infinite where fire never comes; pace.

    A shortest path (Dijkstra) over cells, houses and landings of firebrands: every way from one
    node to another takes a time that does not hang on when it begins. Pace (n,) is the speed in
    m/s with which fire came over the ground, 0 where it came otherwise.

    ground: five (y, x): head rate in m/s, its direction east and north, eccentricity, height in m.
    gsd: m. begin: nodes that burn at 0; seconds after which nothing is followed.
    ways: besides those over ground, as compressed rows over n + m nodes: first, target, delay in s.
    houses: (n,) row of the house on a cell, -1 where none; (m,) a cell of each; (m,) chance that a
    firebrand lights it.
    embers: (n + m,) how many a node throws that could light something; (1 + m, 3) mu, sigma of the
    log distance and deviation across in m, of cells and of each house; unit vector (east, north) of
    the wind; chance that one lights the ground; shortest and longest time until it does, s.
    """
    shape = ground[0].shape
    ny, nx = shape
    ros, east, north = ground[0].ravel(), ground[1].ravel(), ground[2].ravel()
    ecc, z = ground[3].ravel(), ground[4].ravel()
    starts, until = begin
    first, target, delay = ways
    house, home, accept = houses
    brands, flight, wind, catch, smoulder = embers
    n, m = ros.size, accept.size
    arrival = np.full(n + m, np.inf)
    pace = np.zeros(n, np.float32)
    done = np.zeros(n + m, np.bool_)
    queue = [(0.0, np.int64(starts[0]))]
    for s in starts:
        arrival[s] = 0.0
        heapq.heappush(queue, (0.0, np.int64(s)))
    while len(queue) > 0:
        t, node = heapq.heappop(queue)
        if done[node]:
            continue
        if t > until:
            break
        done[node] = True
        i = j = 0
        if node < n:
            i, j = node // nx, node % nx
        if node < n and ros[node] > 0:
            for k in range(_DI.size):
                di, dj = _DI[k], _DJ[k]
                a, b = i + di, j + dj
                if a < 0 or b < 0 or a >= ny or b >= nx:
                    continue
                other = a * nx + b
                if done[other] or ros[other] <= 0 or not brushed(ros, nx, i, j, di, dj):
                    continue
                flat = gsd * math.hypot(di, dj)
                length = math.hypot(flat, z[other] - z[node])
                x, y = dj * gsd / flat, -di * gsd / flat
                here = towards(ros, east, north, ecc, node, x, y)
                there = towards(ros, east, north, ecc, other, x, y)
                when = t + 0.5 * length * (1 / here + 1 / there)
                if when < arrival[other]:
                    arrival[other] = when
                    pace[other] = length / (when - t)
                    heapq.heappush(queue, (when, np.int64(other)))
        for k in range(first[node], first[node + 1]):
            other = target[k]
            when = t + delay[k]
            if when < arrival[other]:
                arrival[other] = when
                if other < n:
                    pace[other] = 0.0
                heapq.heappush(queue, (when, np.int64(other)))
        for k in range(brands[node]):
            own = 0 if node < n else 1 + node - n
            down, across = landing(seed, node, k, flight[own, 0], flight[own, 1], flight[own, 2])
            spot = node if node < n else home[node - n]
            a = math.floor(spot // nx + 0.5 - (wind[1] * down + wind[0] * across) / gsd)
            b = math.floor(spot % nx + 0.5 + (wind[0] * down - wind[1] * across) / gsd)
            if a < 0 or b < 0 or a >= ny or b >= nx:
                continue
            cell = a * nx + b
            chance, other = 0.0, np.int64(cell)
            if house[cell] >= 0:
                chance, other = accept[house[cell]], np.int64(n + house[cell])
            elif ros[cell] > 0:
                chance = catch
            if uniform(seed, node, k, 3) < chance:
                rest = smoulder[0] + (smoulder[1] - smoulder[0]) * uniform(seed, node, k, 4)
                if t + rest < arrival[other]:
                    arrival[other] = t + rest
                    if other < n:
                        pace[other] = 0.0
                    heapq.heappush(queue, (t + rest, other))
    for k in range(n + m):
        if arrival[k] > until:
            arrival[k] = np.inf
    return arrival, pace


@njit(cache=True, nogil=True)
def crowns(x, y, radius, height, out):
    """Height of the highest tree over each cell (in place); crowns are discs, x and y in cells."""
    ny, nx = out.shape
    for t in range(x.size):
        r = radius[t]
        for i in range(max(0, math.floor(y[t] - r)), min(ny, math.ceil(y[t] + r) + 1)):
            for j in range(max(0, math.floor(x[t] - r)), min(nx, math.ceil(x[t] + r) + 1)):
                if (i + 0.5 - y[t]) ** 2 + (j + 0.5 - x[t]) ** 2 <= r * r:
                    out[i, j] = max(out[i, j], height[t])
