"""How hard the ground shakes: macroseismic intensity from magnitude, distance, site and chance.

Median: Allen, Wald and Worden (2012), J. Seismology 16, 409-433, hypocentral form; fitted to
magnitudes 5.0 to 7.9 within 300 km. It has no site term, and its standard deviation is total.

Site: Vs30 from slope (Allen and Wald 2009, Bull. Seism. Soc. Am. 99, 935-943, active tectonic,
log-log between the knots, after Wald and Allen 2007), amplification of peak ground velocity by
Boore et al. (2014), Earthquake Spectra 30, 1057-1085, eq. 6-8, and from motion to intensity and
back by Worden et al. (2012), Bull. Seism. Soc. Am. 102, 204-221, table 2: what ShakeMap does.

Chance: a between-event term, one for all sites, and a within-event field of the semivariogram
1 - exp(-3 h / b) of Jayaram and Baker (2009), Earthquake Eng. Struct. Dyn. 38, 1687-1708. b is in
kilometres, a town is hundreds of metres wide: within it the residual is nearly one number, and
what varies from house to house is vulnerability. The paper saw no pairs of stations nearer than
about a kilometre, so what the semivariogram says of shorter distances is extrapolated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
from scipy import ndimage, sparse

__all__ = [
    "REACH_KM",
    "SIGMA_BETWEEN",
    "Motion",
    "amplified",
    "correlated_field",
    "correlation_length_km",
    "intensity_at",
    "local_slope",
    "motion_at",
    "refined",
    "total_sigma",
    "vs30_of",
]

REACH_KM = 1000.0
"""Hypocentral distance beyond which nothing is computed, ours: three times what was fitted."""
VS30_MEAN = 360.0
"""Vs30 for which the median holds, m/s. Ours: felt reports come from towns, towns lie on soil."""
SIGMA_BETWEEN = 0.346 / float(np.hypot(0.346, 0.552))
"""Share of the total deviation that is between events: that of peak ground velocity at M 5.5 and
over in Boore et al. (2014), tau 0.346 and phi 0.552; Allen et al. (2012) give the total only."""
SLOPE_M = 270.0
"""Scale at which slope is taken, metres: 9 arc-seconds, the finer of the grids of the proxy."""

# slope, m/m -> Vs30, m/s: Allen and Wald (2009), table 2
_SLOPE = np.array([3e-4, 3.5e-3, 0.01, 0.018, 0.05, 0.10, 0.14])
_VS30 = np.array([180.0, 240.0, 300.0, 360.0, 490.0, 620.0, 760.0])
_VS30_LIMITS = (180.0, 900.0)
# MMI = a + b log10 y, and another line over the break: Worden et al. (2012), table 2
_PGA = (1.78, 1.55, -1.60, 3.70, 4.22)  # cm/s2
_PGV = (3.78, 1.47, 2.89, 3.16, 4.56)  # cm/s
_SA1 = (2.50, 1.51, 0.20, 2.90, 4.98)  # cm/s2, 5 % damped, 1 s
_G = 981.0  # cm/s2
# peak ground velocity, Boore et al. (2014), table 2: c, Vc, f4, f5; f1 = 0, f3 = 0.1 g
_C, _VC, _F3, _F4, _F5 = -0.84, 1300.0, 0.1, -0.10, -0.00844


def intensity_at(
    magnitude: float, distance_m: np.ndarray | float, depth_km: float
) -> np.ndarray | float:
    """Median intensity at an epicentral distance (Allen et al. 2012, eq. 2-3), 1 to 12.

    I = 2.085 + 1.428 M - 1.402 ln sqrt(R^2 + Rm^2) + 0.078 ln(R / 50 km) [R > 50 km],
    Rm = -0.209 + 2.042 exp(M - 5), R hypocentral, km.
    """
    r = np.hypot(np.asarray(distance_m) / 1000, depth_km)
    near = -0.209 + 2.042 * np.exp(magnitude - 5)
    i = 2.085 + 1.428 * magnitude - 1.402 * np.log(np.hypot(r, near))
    i = np.clip(i + 0.078 * np.log(np.maximum(r, 50.0) / 50), 1, 12)
    return i if i.ndim else float(i)


def total_sigma(distance_m: np.ndarray, depth_km: float) -> np.ndarray:
    """Total standard deviation of intensity (Allen et al. 2012): .82 + .37 / (1 + (R / 22.9)^2)."""
    r = np.hypot(distance_m / 1000, depth_km)
    return np.asarray(0.82 + 0.37 / (1 + (r / 22.9) ** 2))


@dataclass(frozen=True)
class Motion:
    """Ground motion that goes with an intensity: peak, and response at 1 s."""

    pga_g: np.ndarray
    pgv_cm_s: np.ndarray
    sa1_g: np.ndarray


def motion_at(intensity: np.ndarray) -> Motion:
    """Return the motion at an intensity (Worden et al. 2012, table 2, inverse, its two lines)."""
    pga, pgv, sa1 = (
        np.asarray(10 ** _log_motion(intensity, line) / unit)
        for line, unit in ((_PGA, _G), (_PGV, 1.0), (_SA1, _G))
    )
    return Motion(pga, pgv, sa1)


def _log_motion(intensity: np.ndarray, line: tuple[float, ...]) -> np.ndarray:
    a, b, c, d, turn = line
    return np.asarray(np.where(intensity < turn, (intensity - a) / b, (intensity - c) / d))


def _intensity_of(log_motion: np.ndarray, line: tuple[float, ...]) -> np.ndarray:
    """Intensity of a logarithm of motion; the two lines cross next to the break of the table."""
    a, b, c, d, _ = line
    return np.asarray(np.maximum(a + b * log_motion, c + d * log_motion))


def vs30_of(slope: np.ndarray) -> np.ndarray:
    """Mean shear-wave velocity of the upper 30 m, m/s, from slope, m/m: 180 to 900."""
    x, y = np.log(np.maximum(slope, 1e-6)), np.log(_VS30)
    knots = np.log(_SLOPE)
    steep = y[-1] + (x - knots[-1]) * (y[-1] - y[-2]) / (knots[-1] - knots[-2])
    v = np.where(x > knots[-1], steep, np.interp(x, knots, y))
    return np.asarray(np.clip(np.exp(v), *_VS30_LIMITS))


def amplified(intensity: np.ndarray, vs30: np.ndarray) -> np.ndarray:
    """Intensity on ground of a Vs30, given that on ground of `VS30_MEAN`.

    ln F = c ln(min(V, Vc) / 760) + f2 ln((PGA + f3) / f3) of Boore et al. (2014), eq. 6-8, less the
    same at `VS30_MEAN`, multiplies the velocity that goes with the intensity. PGA is that of the
    intensity given, where the paper has that on rock. Soft ground adds most to weak shaking; strong
    shaking makes it yield. A harder shock never becomes the weaker one.
    """
    pga = motion_at(intensity).pga_g
    gain = (site_gain(vs30, pga) - site_gain(np.asarray(VS30_MEAN), pga)) / np.log(10)
    return _intensity_of(_log_motion(intensity, _PGV) + gain, _PGV)


def site_gain(vs30: np.ndarray, pga_g: np.ndarray) -> np.ndarray:
    """Natural logarithm of the amplification of peak velocity against 760 m/s (eq. 6-8)."""
    f2 = _F4 * (np.exp(_F5 * (np.minimum(vs30, 760) - 360)) - np.exp(_F5 * 400))
    return np.asarray(_C * np.log(np.minimum(vs30, _VC) / 760) + f2 * np.log((pga_g + _F3) / _F3))


def local_slope(z: np.ndarray, step_m: float) -> np.ndarray:
    """Slope (y, x), m/m, of planes fitted around each node with Gaussian weights.

    The weights' standard deviation is half of `SLOPE_M`: the proxy was made from 9 and 30
    arc-second terrain, and knows nothing of a kerb. Exact on a plane, up to the border.

    Args:
        z: (y, x) terrain, metres; NaN where there is none.
        step_m: between nodes.
    """
    known = np.isfinite(z)
    y, x = np.indices(z.shape) * step_m
    x, y = x - x.mean(), y - y.mean()
    flat = np.where(known, z, 0.0) - (z[known].mean() if known.any() else 0.0) * known

    def around(values: np.ndarray) -> np.ndarray:
        sigma = SLOPE_M / 2 / step_m
        return np.asarray(ndimage.gaussian_filter(values * known, sigma, mode="constant"))

    w = np.maximum(around(np.ones(z.shape)), 1e-12)
    mx, my, mz = around(x) / w, around(y) / w, around(flat) / w
    xx, yy, xy = (around(x * x) / w - mx**2, around(y * y) / w - my**2, around(x * y) / w - mx * my)
    xz, yz = around(x * flat) / w - mx * mz, around(y * flat) / w - my * mz
    area = xx * yy - xy**2
    good = area > 1e-9 * np.maximum(xx + yy, 1e-9) ** 2
    area = np.where(good, area, 1.0)
    return np.asarray(np.hypot(xz * yy - yz * xy, yz * xx - xz * xy) / area * good)


def correlation_length_km(period_s: float = 0.0, *, clustered: bool = False) -> float:
    """Range b of the semivariogram, km (Jayaram and Baker 2009, eq. 17-19).

    Args:
        period_s: of the motion; 0 is peak ground acceleration.
        clustered: Vs30 is alike over kilometres (their case 2), else it is not (case 1).
    """
    if period_s >= 1:
        return 22.0 + 3.7 * period_s
    return 40.7 - 15.0 * period_s if clustered else 8.5 + 17.2 * period_s


def correlated_field(
    seed: tuple[int, int], shape: tuple[int, int], step: float, length: float
) -> np.ndarray:
    """Gaussian field (y, x) of mean 0 and variance 1 with correlation exp(-3 h / length).

    Circulant embedding (Dietrich and Newsam 1997): the field is cut from a torus wider by twice
    the length. The few negative eigenvalues there are set to zero.

    Args:
        seed: of the event, and a number of the field's own.
        shape: rows and columns.
        step: between nodes, in the unit of the length.
        length: at which correlation has fallen to 5 %.
    """
    wide = [scipy.fft.next_fast_len(n + int(np.ceil(2 * length / step))) for n in shape]
    dy, dx = (np.minimum(np.arange(n), n - np.arange(n)) * step for n in wide)
    power = scipy.fft.fft2(np.exp(-3 * np.hypot(dy[:, None], dx) / length)).real.clip(0)
    noise = np.random.default_rng(list(seed)).standard_normal((wide[0], wide[1]))
    field = scipy.fft.ifft2(np.sqrt(power / power.mean()) * scipy.fft.fft2(noise)).real
    return np.asarray(field[: shape[0], : shape[1]])


def refined(nodes: np.ndarray, shape: tuple[int, int], ratio: float) -> np.ndarray:
    """Values (y, x) at cell centres, linear between nodes, the first on the grid's corner.

    Args:
        nodes: (m, n) values.
        shape: rows and columns of cells; the nodes cover them.
        ratio: cells from node to node.
    """
    down, across = (_weights(cells, ratio, n) for cells, n in zip(shape, nodes.shape, strict=True))
    return np.asarray((down @ (across @ nodes.T).T).astype(np.float32))


def _weights(cells: int, ratio: float, nodes: int) -> sparse.csr_array:
    at = (np.arange(cells) + 0.5) / ratio
    first = np.clip(np.floor(at).astype(int), 0, nodes - 2)
    part = at - first
    rows = np.arange(cells)
    return sparse.csr_array(
        (np.r_[1 - part, part], (np.r_[rows, rows], np.r_[first, first + 1])), (cells, nodes)
    )
