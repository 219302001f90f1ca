"""What the air adds to a picture and takes from it, by wavelength.

Single scattering by molecules and aerosol, and absorption by gases: enough for the right colour of
haze, the brightness of an image as a function of sun and view, and bands that see no ground. Not a
radiative transfer code: under a sun below 20 degrees the haze comes out too bright.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from geomage.sensor.bands import VISIBLE, Band
from geomage.sensor.looks import Looks

__all__ = ["Air", "air_between", "gas", "haze_of", "spread_light"]

ANGSTROM = 1.3  # exponent of the optical thickness of a common continental aerosol
SINGLE = 0.93  # share of light that an aerosol particle scatters rather than absorbs
FORWARD = 0.83  # share of that which goes on forwards
ASYMMETRY = 0.65  # of the aerosol's phase function
VAPOUR_M, AEROSOL_M, MOLECULES_M = 2000.0, 2000.0, 8000.0  # scale heights
AROUND_M = 1000.0  # side of the surroundings whose light the air mixes in

# Two-way transmission of the gases above ground, nm: rounded by us to the depth of the known bands
# (ozone about 600 nm; oxygen 760; water vapour 720, 820, 940, 1130, 1380, 1880; carbon dioxide
# 2000), for about 2 g/cm2 of vapour and a sun half way up. At 940 and 1380 nm brought near what the
# dry land of Sentinel-2 scenes shows.
_GAS = np.array(
    [
        (400, 1.00), (480, 0.99), (540, 0.96), (600, 0.93), (650, 0.96), (690, 0.97), (704, 0.96),
        (722, 0.92), (745, 0.98), (761, 0.75), (775, 0.98), (800, 0.98), (820, 0.92), (840, 0.98),
        (880, 0.99), (900, 0.75), (920, 0.40), (935, 0.15), (950, 0.15), (970, 0.50), (1000, 0.96),
        (1070, 0.98), (1110, 0.70), (1135, 0.40), (1160, 0.75), (1200, 0.95), (1250, 0.97),
        (1310, 0.80), (1340, 0.05), (1355, 1e-5), (1365, 1e-8), (1395, 1e-8), (1420, 1e-3),
        (1460, 0.20), (1500, 0.75), (1560, 0.95), (1620, 0.97), (1680, 0.96), (1740, 0.85),
        (1800, 0.20), (1840, 0.005), (1930, 0.005), (1970, 0.30), (2010, 0.50), (2050, 0.75),
        (2100, 0.93), (2200, 0.94), (2290, 0.88), (2350, 0.75), (2420, 0.55), (2500, 0.30),
    ]
)  # fmt: skip


@dataclass(frozen=True)
class Air:
    """One value a band: what is seen is path + clear * ground.

    path: reflectance of the air itself; clear: two-way transmission, scattered light and gases
    included; gases: the part of the gases in `clear`; mixed: share of the ground's light that
    comes to a pixel from its surroundings.
    """

    path: np.ndarray
    clear: np.ndarray
    gases: np.ndarray
    mixed: np.ndarray


def gas(bands: Sequence[Band], height_m: float = 0.0, amount: float = 1.0) -> np.ndarray:
    """Two-way transmission (n,) of the gases above a height, averaged over each band.

    Beer's law with the vapour thinning out by its scale height: T^(amount exp(-h / 2 km)). Ozone,
    which lies higher, is treated as if it were vapour: that makes clouds a twentieth too bright
    about 600 nm.
    """
    at = np.linspace(-0.5, 0.5, 9)
    lines = np.stack([band.centre_nm + band.width_nm * at for band in bands])
    depth = np.interp(lines, _GAS[:, 0], np.log(_GAS[:, 1]))
    return np.asarray(np.exp(depth * amount * np.exp(-height_m / VAPOUR_M)).mean(1))


def _gas_before(bands: Sequence[Band], scale_m: float, amount: float) -> np.ndarray:
    """Transmission (n,) of the gases for light scattered by air of a scale height (metres)."""
    heights = -scale_m * np.log([0.1, 0.3, 0.5, 0.7, 0.9])
    return np.asarray(np.mean([gas(bands, float(h), amount) for h in heights], axis=0))


def _molecules(um: np.ndarray) -> np.ndarray:
    """Rayleigh optical thickness at sea level: Hansen and Travis (1974), eq. 2.30; um: microns."""
    return np.asarray(0.008569 * um**-4 * (1 + 0.0113 * um**-2 + 0.00013 * um**-4))


def air_between(
    bands: Sequence[Band], aerosol: float | None, looks: Looks, vapour: float = 1.0
) -> Air:
    """Describe the air between ground, sun and sensor.

    Path reflectance of a thin layer in single scattering (Gordon 1997, J. Geophys. Res. 102,
    17081), in which the loss on the way is left out and makes up for light scattered twice:
        rho = w tau P / (4 mu_s mu_v);
    transmission of direct and forward light as in Gordon et al. (1983):
        t(mu) = exp(-(tau_R / 2 + (1 - w F) tau_a) / mu).

    Args:
        bands: n of them.
        aerosol: optical thickness at 550 nm; None takes all air away.
        looks: sun and view.
        vapour: amount of absorbing gas, 1 as usual.
    """
    n = len(bands)
    if aerosol is None:
        return Air(np.zeros(n), np.ones(n), np.ones(n), np.zeros(n))
    um = np.array([band.centre_nm for band in bands]) / 1000
    sun, view = looks.cosines
    c = looks.scattering
    rayleigh, haze = _molecules(um), aerosol * (um / 0.55) ** -ANGSTROM
    lobe = (1 - ASYMMETRY**2) / (1 + ASYMMETRY**2 - 2 * ASYMMETRY * c) ** 1.5
    path = 0.75 * (1 + c**2) * rayleigh * _gas_before(bands, MOLECULES_M, vapour)
    path += SINGLE * lobe * haze * _gas_before(bands, AEROSOL_M, vapour)
    path /= 4 * sun * view
    lost = rayleigh / 2 + (1 - SINGLE * FORWARD) * haze
    up, straight = np.exp(-lost / view), np.exp(-(rayleigh + haze) / view)
    gases = gas(bands, amount=vapour)
    return Air(path, np.exp(-lost / sun) * up * gases, gases, 1 - straight / up)


def haze_of(bands: Sequence[Band], haze: Sequence[float], clear: float) -> Air:
    """Describe what is left of the air in a picture: path reflectance at red, green and blue.

    Other bands follow the power law through red and blue, no steeper than Rayleigh's and no rise
    towards the infrared.
    """
    n, (red, _, blue) = len(bands), haze
    power = np.log(max(blue, 1e-6) / max(red, 1e-6)) / np.log(
        VISIBLE[0].centre_nm / VISIBLE[2].centre_nm
    )
    ratio = np.array([VISIBLE[0].centre_nm / band.centre_nm for band in bands])
    path = red * ratio ** np.clip(power, 0.0, 4.09)
    known = {band.name: value for band, value in zip(VISIBLE, haze, strict=True)}
    path = np.array([known.get(b.name, p) for b, p in zip(bands, path, strict=True)])
    return Air(path, np.full(n, clear), np.ones(n), np.zeros(n))


def spread_light(ground: np.ndarray, air: Air, gsd: float) -> np.ndarray:
    """Mix light of the surroundings into ground reflectance (band, y, x) sampled at `gsd` metres.

    The adjacency effect: the ground seen is (1 - m) rho + m <rho>, with <rho> the mean over about
    a kilometre (Vermote et al. 1997, 6S, eq. 22, in one step).
    """
    side = round(AROUND_M / gsd)
    out = np.empty_like(ground)
    for b, share in enumerate(air.mixed.astype(np.float32)):
        wide = min(ground.shape[1:]) > side
        mean = ndimage.uniform_filter(ground[b], side) if wide else ground[b].mean()
        out[b] = ground[b] + share * (mean - ground[b])
    return out
