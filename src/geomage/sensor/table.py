"""Each sensor once. Where its figures come from stands beside it; figures from nowhere are ours.

Makers publish bands and GSD, and seldom MTF or SNR: where `source` says that these are ours, they
are round numbers of the usual size.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import pi
from types import MappingProxyType

from geomage.errors import InputError
from geomage.sensor.bands import VISIBLE, Band
from geomage.sensor.models import Optics, SensorModel, Sharpening

__all__ = ["SENSORS", "sensor"]

_TEN_THIRTY = (10.2, 11.2)  # crossing the equator southwards at 10:30; over land a little later
_TEN = (9.7, 10.7)


def _picture(name: str, title: str, optics: Optics, bands: tuple[Band, ...]) -> SensorModel:
    """Start the description of a camera whose product is an 8-bit picture."""
    return SensorModel(name, title, optics.gsd, bands, (optics,) * len(bands))


def _merged(
    name: str, title: str, gsd: float, bands: tuple[Band, ...], colour: Optics
) -> SensorModel:
    """Start the description of a satellite delivered pan-sharpened in 12 bits."""
    return SensorModel(
        name, title, gsd, bands, (colour,) * len(bands),
        level="toa", bits=12, scale=4095.0, lossy=False, off_nadir=45.0, hours=_TEN_THIRTY,
    )  # fmt: skip


def _between(name: str, low: float, high: float) -> Band:
    """Make a band of its two edges, nm."""
    return Band(name, (low + high) / 2, high - low)


# Cameras that are known by their GSD alone.
_ANY = tuple(
    replace(
        _picture(name, title, optics, VISIBLE),
        off_nadir=off_nadir,
        source="Bands are those in which a town is painted; MTF and SNR ours.",
    )
    for name, title, optics, off_nadir in (
        ("aerial-0.3", "aerial camera", Optics(0.3, 0.20, 60), 20.0),
        ("vhr-0.5", "satellite of 0.5 m", Optics(0.5, 0.15, 90), 30.0),
        ("vhr-0.6", "satellite of 0.6 m", Optics(0.6, 0.15, 90), 30.0),
        ("vhr-1.0", "satellite of 1 m", Optics(1.0, 0.18, 100), 30.0),
    )
)

_BAYER = (Band("red", 600.0, 90.0), Band("green", 530.0, 100.0), Band("blue", 465.0, 90.0))
_DRONES = tuple(
    replace(
        _picture(f"drone-{gsd:.2f}", "mosaic of a drone", Optics(gsd, 0.25, 45), _BAYER),
        off_nadir=15.0,
        hours=(9.0, 16.0),
        source="Bands rounded after Burggraaff et al. 2019 (Optics Express 27, 19075), who "
        "measured consumer cameras, one on a drone; MTF and SNR ours.",
    )
    for gsd in (0.05, 0.10, 0.15)
)

_BD_ORTHO = replace(
    _picture(
        "bdortho-0.2",
        "BD ORTHO",
        Optics(0.2, 0.20, 80),
        (
            Band("red", 650.0, 80.0), Band("green", 555.0, 85.0),
            Band("blue", 475.0, 80.0), Band("nir", 800.0, 130.0),
        ),
    ),
    off_nadir=20.0,
    hours=(9.0, 16.0),
    source="IGN, BD ORTHO: 0.20 m, colour and infrared, JPEG 2000, flown April to October. Bands, "
    "MTF and SNR ours, of the size of a large-format mapping camera.",
)  # fmt: skip

_PLEIADES = replace(
    _merged(
        "pleiades-0.5",
        "Pléiades 1A/1B",
        0.5,
        (
            _between("blue", 430.0, 550.0), _between("green", 500.0, 620.0),
            _between("red", 590.0, 710.0), _between("nir", 740.0, 940.0),
        ),
        Optics(2.8, 0.30, 120),
    ),
    sharpening=Sharpening(Optics(0.7, 0.20, 90), (0.15, 0.30, 0.35, 0.20)),
    source="Airbus, Pléiades Imagery User Guide: 0.7 m pan (470 to 830 nm) and 2.8 m colour at "
    "nadir, delivered at 0.5 m, 12 bits, band edges, ±30° usual, ±47° at most. Pan MTF 0.2 and SNR "
    "90 after restoration: ISPRS Archives XXXV-B1 (2004). Colour MTF and SNR, shares of pan ours.",
)  # fmt: skip

_NEO = replace(
    _merged(
        "pleiades-neo-0.3",
        "Pléiades Neo",
        0.3,
        (
            _between("coastal", 400.0, 450.0), _between("blue", 450.0, 520.0),
            _between("green", 530.0, 590.0), _between("red", 620.0, 690.0),
            _between("rededge", 700.0, 750.0), _between("nir", 770.0, 880.0),
        ),
        Optics(1.2, 0.28, 100),
    ),
    sharpening=Sharpening(Optics(0.3, 0.15, 90), (0.0, 0.20, 0.25, 0.30, 0.15, 0.10)),
    source="Airbus, Pléiades Neo User Guide: 0.3 m pan and 1.2 m colour, six bands (the first is "
    "called deep blue), 12 bits, ±52° at most. MTF, SNR and shares of pan ours.",
)  # fmt: skip

_WORLDVIEW_NAMES = ("coastal", "blue", "green", "yellow", "red", "rededge", "nir", "nir09")
_WORLDVIEW_SHARES = (0.02, 0.17, 0.21, 0.13, 0.21, 0.13, 0.13, 0.0)


def _worldview(
    number: int, gsd: float, native: tuple[float, float], bands: tuple[tuple[float, float], ...]
) -> SensorModel:
    """Describe WorldView-2 or -3 by delivered GSD, native GSD (pan, colour), (centre, width)."""
    named = tuple(
        Band(name, centre, width)
        for name, (centre, width) in zip(_WORLDVIEW_NAMES, bands, strict=True)
    )
    colour, pan = Optics(native[1], 0.28, 100), Optics(native[0], 0.15, 80)
    return replace(
        _merged(f"worldview{number}-{gsd:g}", f"WorldView-{number}", gsd, named, colour),
        bits=11,
        scale=2047.0,
        sharpening=Sharpening(pan, _WORLDVIEW_SHARES),
        source=f"DigitalGlobe, Radiometric Use of WorldView-{number} Imagery: effective centres "
        f"and widths, 11 bits; {native[0]:g} m pan (450 to 800 nm) and {native[1]:g} m colour at "
        "nadir. MTF, SNR and shares of pan ours.",
    )


_WORLDVIEWS = (
    _worldview(
        2, 0.5, (0.46, 1.84),
        (
            (427.0, 47.3), (478.0, 54.3), (546.0, 63.0), (608.0, 37.4),
            (659.0, 57.4), (724.0, 39.3), (833.0, 98.9), (949.0, 99.6),
        ),
    ),
    _worldview(
        3, 0.3, (0.31, 1.24),
        (
            (427.4, 40.5), (481.9, 54.0), (547.1, 61.8), (604.3, 38.1),
            (660.1, 58.5), (722.7, 38.7), (824.0, 100.4), (913.6, 88.9),
        ),
    ),
)  # fmt: skip

_SPOT = replace(
    _merged(
        "spot-1.5",
        "SPOT 6/7",
        1.5,
        (
            _between("blue", 455.0, 525.0), _between("green", 530.0, 590.0),
            _between("red", 625.0, 695.0), _between("nir", 760.0, 890.0),
        ),
        Optics(8.0, 0.30, 150),
    ),
    sharpening=Sharpening(Optics(2.0, 0.20, 100), (0.28, 0.30, 0.34, 0.08)),
    off_nadir=30.0,
    hours=_TEN,
    source="Airbus, SPOT 6/7 Imagery User Guide; DINAMIS: 2 m pan (450 to 745 nm) and 8 m colour "
    "at nadir, delivered at 1.5 m, 12 bits, band edges, ±30° usual, ±45° at most. MTF, SNR and "
    "shares of pan ours.",
)  # fmt: skip

# name, centre and width (nm), GSD (m), MTF, Lref (W m-2 sr-1 um-1), SNR at Lref, E0 (W m-2 um-1)
_MSI = (
    ("coastal", 442.7, 21.0, 60.0, 0.40, 129.0, 129.0, 1884.69),
    ("blue", 492.4, 66.0, 10.0, 0.22, 128.0, 154.0, 1959.66),
    ("green", 559.8, 36.0, 10.0, 0.22, 128.0, 168.0, 1823.24),
    ("red", 664.6, 31.0, 10.0, 0.22, 108.0, 142.0, 1512.06),
    ("rededge071", 704.1, 15.0, 20.0, 0.28, 74.5, 117.0, 1424.64),
    ("rededge075", 740.5, 15.0, 20.0, 0.28, 68.0, 89.0, 1287.61),
    ("rededge078", 782.8, 20.0, 20.0, 0.28, 67.0, 105.0, 1162.08),
    ("nir", 832.8, 106.0, 10.0, 0.22, 103.0, 174.0, 1041.63),
    ("nir08", 864.7, 21.0, 20.0, 0.28, 52.5, 72.0, 955.32),
    ("nir09", 945.1, 20.0, 60.0, 0.40, 9.0, 114.0, 812.92),
    ("cirrus", 1373.5, 31.0, 60.0, 0.40, 6.0, 50.0, 367.15),
    ("swir16", 1613.7, 91.0, 20.0, 0.28, 4.0, 100.0, 245.59),
    ("swir22", 2202.4, 175.0, 20.0, 0.28, 1.5, 100.0, 85.25),
)


def _msi(name: str, level: str, without: str = "") -> SensorModel:
    """Describe a product of Sentinel-2A; Lref as reflectance under a sun overhead, pi L / E0."""
    rows = [row for row in _MSI if row[0] != without]
    return SensorModel(
        name,
        f"Sentinel-2A, Level-{name[-2:].upper()}",
        10.0,
        tuple(Band(row[0], row[1], row[2]) for row in rows),
        tuple(Optics(row[3], row[4], row[6], pi * row[5] / row[7]) for row in rows),
        level=level,
        bits=16,
        scale=10_000.0,
        lossy=False,
        off_nadir=10.0,
        hours=_TEN_THIRTY,
        source="ESA, Sentinel-2 MSI User Guide: bands (S2A), GSD, Lref and SNR at Lref; swath of "
        "290 km from 786 km, so up to 10° off nadir. E0 of the products' own metadata. MTF ours, "
        "inside what ESA asks: 0.15 to 0.30 at 10 and 20 m, at most 0.45 at 60 m. Counts without "
        "the offset of 1000 that products carry since baseline 04.00.",
    )


SENSORS: Mapping[str, SensorModel] = MappingProxyType(
    {
        model.name: model
        for model in (
            *_DRONES,
            _BD_ORTHO,
            *_ANY,
            _NEO,
            *_WORLDVIEWS[::-1],
            _PLEIADES,
            _SPOT,
            _msi("sentinel2-l1c", "toa"),
            _msi("sentinel2-l2a", "surface", without="cirrus"),
        )
    }
)
"""Name -> sensor, from fine to coarse within each kind."""


def sensor(name: str, also: Iterable[str] = ()) -> SensorModel:
    """Return a sensor by name.

    Raises:
        InputError: when there is none of that name; near names come first, of it and of what the
            caller offers `also`.
    """
    if name in SENSORS:
        return SENSORS[name]
    offered = [*SENSORS, *also]
    near = difflib.get_close_matches(name.lower(), offered, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise InputError(f"unknown sensor {name!r}: {hint}There are {', '.join(offered)}")
