"""Backscatter at C band, VV and VH: sigma naught of soil, plants, water and houses, by incidence.

Bare soil: Oh, Sarabandi and Ulaby (1992), IEEE TGRS 30, 370-381, eqs. 14 to 21, with the
permittivity of Topp, Davis and Annan (1980), Water Resour. Res. 16, 574-582, eq. 7 inverted.
Plants: the water cloud of Attema and Ulaby (1978), Radio Science 13, 357-364, over what lies below.
Open water: CMOD5.N for VV (Hersbach 2010, J. Atmos. Oceanic Technol. 27, 721-736), C-2PO for VH
(Zhang and Perrie 2012, BAMS 93, 531-541). Both are for the sea and a wind at 10 m; over inland
water take the wind that roughs it, which is less.

The constants of plants, flooded plants and houses are ours, set within the ranges that Ulaby and
Dobson (1989, Handbook of Radar Scattering Statistics for Terrain, Artech House) give for C band at
30 to 45 degrees. Flooded plants: a bounce between stems and water, as in Richards, Woodgate and
Skidmore (1987), Int. J. Remote Sensing 8, 1093-1100.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = [
    "Scatterers",
    "backscatter",
    "fresnel",
    "open_water",
    "soil_backscatter",
    "soil_permittivity",
]

POLARISATIONS = ("VV", "VH")
WALL_BOUNCE = (3.0, 0.15)
"""Of a wall and the ground before it, one cell of dihedral: ours."""

_WAVE_M = 299_792_458.0 / 5.405e9
_WATER = 73.0  # relative permittivity at 5.4 GHz, the loss left out: Meissner and Wentz (2004)
_STILL_DB = (-27.0, -35.7)  # of water without wind; C-2PO at 0 m/s for VH, ours for VV
_LEAST_WIND = 1.0  # m/s, below which CMOD5.N was not fitted
_ATTENUATION = 0.11  # m2/kg, one way: 0.09 to 0.14 for crops (Ulaby and Dobson 1989)
_CROP = (0.108, 0.046)  # sigma naught over cos of a dense canopy: -11 and -14.5 dB at 40 degrees
_TREE = (0.24, 0.068)  # -7 and -13 dB
_STEMS = (0.22, 0.010)  # bounce of a kg/m2 of stems with a mirror below
_HOUSES = (0.42, 0.055)  # rows of houses askew to the beam
_HEAD_ON = (1.6, 0.06)  # added where they face it
_ASKEW_DEG = 12.0
_C5N = (
    0.0,
    -0.6878,
    -0.7957,
    0.338,
    -0.1728,
    0.0,
    0.004,
    0.1103,
    0.0159,
    6.7329,
    2.7713,
    -2.2885,
    0.4971,
    -0.725,
    0.045,
    0.0066,
    0.3222,
    0.012,
    22.7,
    2.0813,
    3.0,
    8.3659,
    -3.3428,
    1.3236,
    6.2437,
    2.3893,
    0.3249,
    4.159,
    1.693,
)  # fmt: skip  -- c1 to c28, table 1 of Hersbach (2010)


@dataclass(frozen=True)
class Scatterers:
    """What a radar beam meets. Arrays (y, x), one grid.

    moisture: of the soil, m3/m3; rough_cm: standard deviation of its heights; plants: water in
    them, kg/m2; stems: share of it that stands upright; trees: share of the canopy that is trees;
    tall_m: height of the plants; houses: share of ground built over; facing: degrees between their
    walls and the beam, 0..45; wet: share under water; depth: of it, m; wind: m/s over it;
    dense: what plants scatter against the usual, one number.
    """

    moisture: np.ndarray
    rough_cm: np.ndarray
    plants: np.ndarray
    stems: np.ndarray
    trees: np.ndarray
    tall_m: np.ndarray
    houses: np.ndarray
    facing: np.ndarray
    wet: np.ndarray
    depth: np.ndarray
    wind: np.ndarray
    dense: float = 1.0


def soil_permittivity(moisture: np.ndarray) -> np.ndarray:
    """Relative permittivity by volumetric moisture: 3.03 + 9.3 m + 146 m^2 - 76.7 m^3."""
    m = np.clip(moisture, 0.0, 0.55)
    return np.asarray(3.03 + 9.3 * m + 146.0 * m**2 - 76.7 * m**3)


def fresnel(permittivity: np.ndarray, incidence: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Reflectivities of power (vertical, horizontal) at an incidence in degrees."""
    theta = np.radians(incidence)
    c, root = np.cos(theta), np.sqrt(permittivity - np.sin(theta) ** 2)
    v = (permittivity * c - root) / (permittivity * c + root)
    h = (c - root) / (c + root)
    return np.asarray(v**2), np.asarray(h**2)


def soil_backscatter(
    moisture: np.ndarray, rough_cm: np.ndarray, incidence: np.ndarray
) -> np.ndarray:
    """Sigma naught (2, y, x) of bare soil, VV and VH, linear."""
    theta = np.radians(np.clip(incidence, 10, 80))
    e, ks = soil_permittivity(moisture), 2 * np.pi / _WAVE_M * rough_cm / 100
    gv, gh = fresnel(e, np.degrees(theta))
    g0 = ((1 - np.sqrt(e)) / (1 + np.sqrt(e))) ** 2
    root_p = 1 - (2 * theta / np.pi) ** (1 / (3 * g0)) * np.exp(-ks)
    q = 0.23 * np.sqrt(g0) * (1 - np.exp(-ks))
    g = 0.7 * (1 - np.exp(-0.65 * ks**1.8))
    vv = g * np.cos(theta) ** 3 / np.maximum(root_p, 1e-3) * (gv + gh)
    return np.stack([vv, q * vv])


def open_water(wind: np.ndarray, incidence: np.ndarray, from_deg: float = 45.0) -> np.ndarray:
    """Sigma naught (2, y, x) of water, VV and VH, linear.

    Args:
        wind: m/s at 10 m.
        incidence: degrees.
        from_deg: between where the wind blows from and the sensor; 0 upwind, 90 across.
    """
    blown = _cmod5n(np.maximum(wind, _LEAST_WIND), incidence, np.radians(from_deg))
    share = np.clip(wind / _LEAST_WIND, 0, 1)
    still = 10 ** (_STILL_DB[0] / 10)
    vv = still + share * blown
    vh = 10 ** ((0.580 * wind - 35.652) / 10)
    return np.stack([vv, vh * np.ones_like(vv)])


def _cmod5n(v: np.ndarray, incidence: np.ndarray, phi: float) -> np.ndarray:
    """CMOD5.N: B0 (1 + B1 cos(phi) + B2 cos(2 phi))^1.6, Hersbach (2010), appendix."""
    c, x = _C5N, (np.clip(incidence, 16, 66) - 40) / 25
    a0 = c[1] + c[2] * x + c[3] * x**2 + c[4] * x**3
    s, s0 = (c[7] + c[8] * x) * v, c[12] + c[13] * x
    a3 = 1 / (1 + np.exp(-np.maximum(s, s0)))
    low = (np.minimum(s, s0) / s0) ** (s0 * (1 - 1 / (1 + np.exp(-s0))))
    a3 = np.where(s < s0, a3 * low, a3)
    b0 = a3 ** (c[9] + c[10] * x + c[11] * x**2) * 10 ** (a0 + (c[5] + c[6] * x) * v)
    b1 = c[15] * v * (0.5 + x - np.tanh(4 * (x + c[16] + c[17] * v)))
    b1 = (c[14] * (1 + x) - b1) / (1 + np.exp(0.34 * (v - c[18])))
    y0, n = c[19], c[20]
    v0 = c[21] + c[22] * x + c[23] * x**2
    y = (v + v0) / v0
    bent = y0 - (y0 - 1) / n + (y - 1) ** n / (n * (y0 - 1) ** (n - 1))
    v2 = np.where(y < y0, bent, y)
    b2 = (-(c[24] + c[25] * x + c[26] * x**2) + (c[27] + c[28] * x) * v2) * np.exp(-v2)
    return np.asarray(b0 * (1 + b1 * np.cos(phi) + b2 * np.cos(2 * phi)) ** 1.6)


def backscatter(what: Scatterers, incidence: np.ndarray, from_deg: float = 45.0) -> np.ndarray:
    """Sigma naught (2, y, x) of a landscape, VV and VH, linear.

    sigma = canopy (1 - t) cos + t (soil or water) + bounce, with t = exp(-2 B V / cos) the two-way
    transmission of plants of V kg/m2, of which only what is not under water counts.

    Args:
        what: on the ground.
        incidence: degrees, local (y, x).
        from_deg: wind against the beam.
    """
    cos = np.cos(np.radians(np.clip(incidence, 10, 80)))
    soil = soil_backscatter(what.moisture, what.rough_cm, incidence)
    dry = _through(what, what.plants, soil, cos)
    emerged = what.plants * np.clip(1 - what.depth / np.maximum(what.tall_m, 0.01), 0, 1)
    calm = what.wind * np.exp(-emerged)  # plants shelter the water
    wet = _through(what, emerged, open_water(calm, incidence, from_deg), cos)
    mirror, _ = fresnel(np.full(incidence.shape, _WATER), incidence)
    passed = np.exp(-2 * _ATTENUATION * emerged / cos)
    for p in range(2):
        wet[p] += _STEMS[p] * emerged * what.stems * mirror * passed
    return _with_houses(dry + (wet - dry) * what.wet, what)


def _through(
    what: Scatterers, plants: np.ndarray, below: np.ndarray, cos: np.ndarray
) -> np.ndarray:
    """Sigma naught (2, y, x) of a canopy and of what the beam finds below it."""
    t = np.exp(-2 * _ATTENUATION * plants / cos)
    canopy = [
        what.dense * _CROP[p] + (_TREE[p] - what.dense * _CROP[p]) * what.trees for p in range(2)
    ]
    return np.stack([canopy[p] * cos * (1 - t) + t * below[p] for p in range(2)])


def _with_houses(sigma: np.ndarray, what: Scatterers) -> np.ndarray:
    """Give built ground what its walls send back; water before them is a better mirror."""
    head_on = np.exp(-((what.facing / _ASKEW_DEG) ** 2))
    mirror = 1 + 0.5 * what.wet
    for p in range(2):
        town = (_HOUSES[p] + _HEAD_ON[p] * head_on) * mirror
        sigma[p] = sigma[p] * (1 - what.houses) + town * what.houses
    return sigma
