"""Wind near the ground: a tornado along its track, a tropical cyclone that passes, rough land.

Axes: right and ahead of the way a storm goes, metres; fields are (y, x) on the terrain grid, north
up. Directions are where the wind blows to, degrees clockwise from north. Speeds are m/s; gusts are
means over 3 s, 10 m over the ground.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from odc.geo.geobox import GeoBox
from scipy import ndimage

__all__ = [
    "GUST_OVER_MEAN",
    "SURFACE_OVER_GRADIENT",
    "Wind",
    "cyclone_passage",
    "holland_wind",
    "inflow_angle",
    "spread_over",
    "terrain_factor",
    "tornado_field",
    "tornado_profile",
]

AIR = 1.15  # kg/m3 (Holland 1980)
DECAY = 0.67
"""Exponent of a tornado's wind outside its core: .6 to .7 by radar (Wurman and Gill 2000; Wurman
and Alexander 2005)."""
INFLOW_DEG = 20.0  # of a tornado near the ground; ours, within what tree-fall models fit
SURFACE_OVER_GRADIENT = 0.71 * 0.82
"""Mean wind at 10 m over open land over the gradient wind: .71 over the sea near the radius of
maximum wind, 18 % less behind the coast, after Vickery et al. (2009), J. Appl. Meteorol. Climatol.
48, 381-405; neither number could be checked against the paper."""
GUST_OVER_MEAN = 1.66
"""Gust of 3 s over the mean of 10 min, in-land, roughly open (Harper, Kepert and Ginger 2010,
table 1.1)."""
_OPEN_M = 0.05  # roughness length of open land


@dataclass(frozen=True)
class Wind:
    """The strongest gust at each cell: speed (y, x) m/s, and where it blew to (y, x) degrees."""

    speed: np.ndarray
    towards: np.ndarray


def tornado_profile(across: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Strongest gust while a tornado passes, as a share of its peak, and its direction.

    A Rankine vortex that travels, as tree-fall models have it (Holland et al. 2006; Karstens et al.
    2013): wind = f(r) [(1 - c) (t cos a - e sin a) + c h], f(r) = r inside the radius of the
    strongest wind and r^-.67 outside; t the direction of the swirl, counter-clockwise, e outwards,
    h ahead. Its own speed fades with the vortex.

    Args:
        across: (n,) to the right of the track, in radii of the strongest wind.
        share: c, speed of travel over peak gust, 0 to .5.

    Returns:
        gust (n,) 0..1 and direction (n,) degrees clockwise from the way it goes.
    """
    d = np.asarray(across, float)[:, None]
    s = np.tan(np.linspace(-1.45, 1.45, 291)) * np.maximum(np.abs(d), 0.3)
    r = np.maximum(np.hypot(d, s), 1e-9)
    f = np.minimum(r, r**-DECAY)
    a = np.radians(INFLOW_DEG)
    right = f * (1 - share) * (-s * np.cos(a) - d * np.sin(a)) / r
    ahead = f * ((1 - share) * (d * np.cos(a) - s * np.sin(a)) / r + share)
    speed = np.hypot(right, ahead)
    row, at = np.arange(len(d)), speed.argmax(1)
    return speed[row, at], np.degrees(np.arctan2(right[row, at], ahead[row, at]))


def tornado_field(
    across: np.ndarray, heading_deg: np.ndarray, peak: float, radius_m: float, travel: float
) -> Wind:
    """Strongest gust of a tornado at cells (y, x).

    Args:
        across: (y, x) metres to the right of the track.
        heading_deg: (y, x) where it goes as it passes, clockwise from north.
        peak: gust, m/s.
        radius_m: of the strongest wind.
        travel: speed along the track, m/s, at most half the peak gust.
    """
    nodes = np.sinh(np.linspace(-8, 8, 801))
    gust, turn = tornado_profile(nodes, travel / peak)
    x = across / radius_m
    right, ahead = (np.interp(x, nodes, gust * g(np.radians(turn))) for g in (np.sin, np.cos))
    towards = heading_deg + np.degrees(np.arctan2(right, ahead))
    return Wind(peak * np.interp(x, nodes, gust), towards % 360)


def holland_wind(
    r: np.ndarray, deficit_pa: float, rmw_m: float, b: float, f: float = 0.0
) -> np.ndarray:
    """Gradient wind of a tropical cyclone, m/s (Holland 1980, eq. 5).

    V = sqrt(B / rho (R/r)^B dp exp(-(R/r)^B) + (r f / 2)^2) - r f / 2

    Args:
        r: metres from the centre.
        deficit_pa: dp, pressure around less pressure in the centre, Pa.
        rmw_m: R, radius of maximum wind.
        b: B, how peaked the profile is, 1 to 2.5.
        f: Coriolis parameter, 1/s, without its sign.
    """
    r = np.maximum(np.asarray(r, float), 1.0)
    x = (rmw_m / r) ** b
    turn = r * f / 2
    return np.asarray(np.sqrt(b / AIR * deficit_pa * x * np.exp(-x) + turn**2) - turn)


def inflow_angle(r: np.ndarray) -> np.ndarray:
    """Degrees by which the surface wind of a cyclone turns inwards.

    After Sobey et al. (1977), as McConochie et al. (2004) have it: 10 r to r = 1, 10 + 75 (r - 1)
    to 1.2, 25 beyond; r in radii of maximum wind.
    """
    return np.asarray(np.interp(r, [0.0, 1.0, 1.2], [0.0, 10.0, 25.0]))


def cyclone_passage(
    points: np.ndarray, track: np.ndarray, profile: tuple[float, float, float], latitude: float,
    travel: float,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Strongest mean wind at 10 m over open land while a cyclone passes.

    The vortex turns counter-clockwise in the northern hemisphere, clockwise in the southern. The
    storm's own speed adds .55 of itself, turned 20 degrees with the swirl (Lin and Chavas 2012),
    and fades with the vortex, which is ours.

    Args:
        points: (n, 2) metres to the right of the storm's way and ahead.
        track: (k, 2) places of its centre, in the same axes.
        profile: pressure deficit in Pa, radius of maximum wind in m, B.
        latitude: degrees, south negative.
        travel: speed along the track, m/s.

    Returns:
        speed (n,) and direction (n,) in degrees clockwise from the way it goes.
    """
    dp, rmw, b = profile
    f = 2 * 7.292e-5 * abs(np.sin(np.radians(latitude)))
    spin = -1.0 if latitude < 0 else 1.0
    best, right, ahead = np.zeros(len(points)), np.zeros(len(points)), np.ones(len(points))
    top = max(float(holland_wind(np.array(rmw), dp, rmw, b, f)), 1e-9)
    push = 0.55 * travel * np.array([-spin * np.sin(np.radians(20)), np.cos(np.radians(20))])
    for centre in track:
        d = points - centre
        r = np.maximum(np.hypot(*d.T), 1.0)
        e = d / r[:, None]
        t = spin * np.stack([-e[:, 1], e[:, 0]], 1)
        inwards = np.radians(inflow_angle(r / rmw))[:, None]
        v = holland_wind(r, dp, rmw, b, f)[:, None]
        wind = SURFACE_OVER_GRADIENT * v * (t * np.cos(inwards) - e * np.sin(inwards))
        wind = wind + push * v / top
        speed = np.hypot(*wind.T)
        more = speed > best
        best = np.where(more, speed, best)
        right, ahead = np.where(more, wind[:, 0], right), np.where(more, wind[:, 1], ahead)
    return best, np.degrees(np.arctan2(right, ahead))


def terrain_factor(z0: np.ndarray) -> np.ndarray:
    """Peak gust at 10 m over land of a roughness length, over that of open land (z0 = .05 m).

    Mean wind c = .19 (z0 / .05)^.07 ln(10 / z0) and turbulence I = 1 / ln(10 / z0) give a peak of
    c sqrt(1 + 7 I) (EN 1991-1-4, eq. 4.4, 4.5, 4.7 and 4.8).
    """

    def peak(rough: np.ndarray) -> np.ndarray:
        log = np.log(10.0 / rough)
        return np.asarray(0.19 * (rough / _OPEN_M) ** 0.07 * log * np.sqrt(1 + 7 / log))

    z0 = np.clip(np.asarray(z0, float), _OPEN_M, 1.0)
    return np.asarray(peak(z0) / peak(np.array(_OPEN_M)))


def spread_over(box: GeoBox, values: np.ndarray) -> np.ndarray:
    """Values (n, n) on an even lattice from border to border of a grid, linear between (y, x)."""
    ny, nx = box.shape.yx
    n = len(values) - 1
    rows = (np.arange(ny) + 0.5) / ny * n
    columns = (np.arange(nx) + 0.5) / nx * n
    at = np.meshgrid(rows, columns, indexing="ij")
    return np.asarray(ndimage.map_coordinates(values, at, order=1))
