"""From painted colour to any band: what each pixel is made of says what the eye does not see.

Every matter is a blend of end members (`endmembers`). A pixel's painted red, green and blue say how
much of each it shows; where a stain covers a part of a pixel, two matters share it. In a band b

    R_b = sum_k x_k sum_i g_i T_bki + sum_k z_k T_bk4,

T the end member's reflectance under the band's Gaussian, split by hats around red, green, blue and
what lies beyond 780 nm; x_k the end member's share at the pixel's brightness, z_k the same beyond
the visible; g_i painted over modelled colour. So in the painted bands R is what was painted, near
them it changes smoothly, and beyond it follows the matter.

Wet ground lies under a film of water of exponentially spread thickness, mean 0.3 mm (ours): a
factor 1 / (1 + 2 a t) by the water's absorption a, after the films of Bablet et al. 2018
(doi:10.1016/j.rse.2018.07.031); what water darkens in the visible is in the painted colour already.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType

import numpy as np

from geomage.errors import InputError
from geomage.render import _kernels_spectra as k
from geomage.render.endmembers import END_MEMBERS, NM, water_absorption
from geomage.render.matter import MATTER
from geomage.render.stage import Stage
from geomage.sensor import VISIBLE, Band

__all__ = ["BLENDS", "Blend", "band_reflectance", "widen"]

BRIGHTEST = 0.97  # reflectance beyond the visible that no gain exceeds
FILM_M = 0.0003  # mean thickness of water on wet ground, ours
INFRARED_NM = 780.0  # where the gain of the visible ends
_WIDE_NM = 120.0  # from this width on a band is cut along its gain


@dataclass(frozen=True)
class Blend:
    """What one matter is made of.

    members: names of end members; contrast: power of brightness that shows beyond the visible,
    below 1 where leaves pass light on; soaks: how much of a wet day it takes up, 0..1;
    water: whether other matter in the pixel lies below it.
    """

    members: tuple[str, ...]
    contrast: float = 1.0
    soaks: float = 0.0
    water: bool = False


_LEAFY = 0.5  # ours: shade among leaves is weaker in the near infrared, which they scatter
_WATERS = ("clear water", "green water", "silty water", "muddy water")
_SOILS = ("pale soil", "brown soil", "loam", "red soil")
BLENDS: Mapping[str, Blend] = MappingProxyType(
    {
        "nothing": Blend(("even",)),
        "lawn": Blend(("grass", "dead leaf", "dry grass", "brown soil"), _LEAFY, 0.3),
        "meadow": Blend(("grass", "dead leaf", "dry grass", "brown soil"), _LEAFY, 0.3),
        "field": Blend(("grass", "dry grass", "brown soil", "red soil"), _LEAFY, 0.6),
        "bare": Blend(_SOILS, soaks=1),
        "sand": Blend(("sand", "pale soil"), soaks=1),
        "gravel": Blend(("gravel",), soaks=0.5),
        "concrete": Blend(("concrete", "weathered concrete"), soaks=0.5),
        "asphalt": Blend(("fresh asphalt", "aged asphalt"), soaks=0.4),
        "dirt": Blend(("pale soil", "brown soil", "gravel"), soaks=1),
        "ballast": Blend(("gravel", "basalt", "rust"), soaks=0.4),
        "clay": Blend(("clay tile", "red soil", "green paint", "blue paint"), soaks=0.4),
        "forest_floor": Blend(("litter", "grass", "loam"), _LEAFY, 0.6),
        "line": Blend(("white paint", "rust"), soaks=0.2),
        "water": Blend((*_WATERS, "pool"), 0.5, water=True),
        "roof shingle": Blend(("shingle", "bitumen")),
        "roof tile": Blend(("clay tile", "concrete tile")),
        "roof metal": Blend(
            ("bare metal", "white paint", "blue paint", "green paint", "red paint", "rust")
        ),
        "roof membrane": Blend(("white sheet", "grey sheet", "bitumen")),
        "roof concrete": Blend(("concrete", "weathered concrete", "clay tile")),
        "roof gravel": Blend(("gravel", "bitumen")),
        "roof thatch": Blend(("thatch", "dry grass")),
        "roof glass": Blend(("glass",)),
        "crown": Blend(("leaf", "yellow leaf", "dead leaf", "twig", "char"), _LEAFY),
        "object": Blend(
            ("white paint", "black paint", "red paint", "blue paint", "green paint", "bare metal")
        ),
        "sheet": Blend(("blue tarp", "grey sheet")),
        "tent": Blend(("white sheet", "blue tarp", "dry grass")),
        "rubble": Blend(("weathered concrete", "plaster", "wood", "clay tile", "bitumen")),
        "char": Blend(("char", "white ash"), soaks=0.3),
        "mud": Blend(("mud", "brown soil"), soaks=0.5),
        "flood water": Blend(_WATERS, 0.5, water=True),
        "lava": Blend(("basalt",)),
        "volcanic ash": Blend(("dark ash", "pale ash"), soaks=0.5),
        "soil": Blend(_SOILS, soaks=1),
        "foundation": Blend(("concrete", "weathered concrete")),
        "foam": Blend(("foam",)),
        "flotsam": Blend(("wood", "white paint", "leaf")),
    }
)
"""What each name of `MATTER` is made of."""


def band_reflectance(name: str, band: Band) -> float:
    """Reflectance of an end member under a band's Gaussian response."""
    return float(_spectrum(name) @ _response(band))


def widen(stage: Stage, bands: tuple[Band, ...]) -> Stage:
    """Return the stage in other bands.

    Bands that the stage is painted in stay as they are, to the bit. No band depends on the others.

    Args:
        stage: painted in `VISIBLE`.
        bands: any within 400 to 2500 nm.
    """
    if stage.bands != VISIBLE:
        raise InputError(
            f"the stage has the bands {', '.join(b.name for b in stage.bands)}: widen the one that "
            "`paint` returned, in red, green and blue"
        )
    if not bands:
        raise InputError("a stage is widened to no band: give at least one")
    if bands == VISIBLE:
        return stage
    found = np.empty((len(bands), *stage.matter.shape), np.float32)
    _fill(stage, bands, found)
    for band, plane in zip(bands, found, strict=True):
        if band in VISIBLE:
            plane[:] = stage.albedo[VISIBLE.index(band)]
    return replace(stage, albedo=found, bands=bands)


def _fill(stage: Stage, bands: tuple[Band, ...], out: np.ndarray) -> None:
    matters, table = _mixes()
    colours, response, visible, film, deep = _tables(bands)
    k.widen(
        stage.albedo.reshape(3, -1),
        stage.matter.reshape(-1),
        _flat(stage.under, np.uint8),
        _flat(stage.share, np.uint8),
        _flat(stage.wet, np.float32),
        _flat(stage.glint, np.float32),
        _flat(stage.flood_depth, np.float32),
        matters,
        table,
        colours,
        response,
        visible,
        film,
        deep,
        out.reshape(len(bands), -1),
    )


def _flat(layer: np.ndarray | None, kind: type) -> np.ndarray:
    """A layer by pixel, empty where there is none."""
    return np.empty(0, kind) if layer is None else layer.astype(kind, copy=False).reshape(-1)


def _spectrum(name: str) -> np.ndarray:
    return np.full(NM.shape, 0.5) if name == "even" else END_MEMBERS[name].at(NM)


_NAMES = ("even", *END_MEMBERS)


@lru_cache(maxsize=1)
def _spectra() -> np.ndarray:
    """All end members (member, nm)."""
    return np.stack([_spectrum(name) for name in _NAMES])


def _response(band: Band) -> np.ndarray:
    """Gaussian of the band's full width at half maximum (nm,), summing to 1."""
    sigma = band.width_nm / 2.3548
    weight = np.exp(-0.5 * ((NM - band.centre_nm) / max(sigma, 0.3)) ** 2)
    return np.asarray(weight / weight.sum())


def _hats(nm: np.ndarray) -> np.ndarray:
    """Share (4, nm) of the gains of red, green, blue and beyond; they sum to 1."""
    red, green, blue = (band.centre_nm for band in VISIBLE)
    corners = np.eye(4)
    return np.stack(
        [np.interp(nm, (blue, green, red, INFRARED_NM), corner[[2, 1, 0, 3]]) for corner in corners]
    )


@lru_cache(maxsize=32)
def _tables(bands: tuple[Band, ...]) -> tuple[np.ndarray, ...]:
    """What the kernel asks of bands: colours, responses, which are visible, water's absorption."""
    spectra = _spectra()
    colours = np.stack([spectra @ _response(band) for band in VISIBLE], 1)
    response = np.empty((len(spectra), len(bands), 4))
    for b, band in enumerate(bands):
        weight = _response(band)
        if band.width_nm > _WIDE_NM:
            response[:, b] = np.einsum("en,n,in->ei", spectra, weight, _hats(NM))
        else:
            response[:, b] = np.outer(spectra @ weight, _hats(np.array([band.centre_nm]))[:, 0])
    absorbed = water_absorption(NM)
    film = [(1 / (_response(b) @ (1 / (1 + 2 * absorbed * FILM_M)))) - 1 for b in bands]
    deep = [2.1 * _response(b) @ absorbed for b in bands]
    visible = np.asarray((response[:, :, :3] > 0).any((0, 2)))
    return (
        colours.astype(np.float32),
        response.astype(np.float32),
        visible,
        np.array(film, np.float32),
        np.array(deep, np.float32),
    )


@lru_cache(maxsize=1)
def _mixes() -> tuple[np.ndarray, np.ndarray]:
    """What the kernel asks of matter, by value of `MATTER`; values without a name are even."""
    blends = [BLENDS["nothing"]] * 256
    for name, value in MATTER.items():
        blends[value] = BLENDS[name]
    spectra = _spectra()
    colours = np.stack([spectra @ _response(band) for band in VISIBLE], 1)
    mean = colours.mean(1)
    room = BRIGHTEST / spectra[:, NM >= INFRARED_NM - 80].max(1) - 1
    matters, table = np.zeros((256, k.COLOUR + 3)), np.ones((256, k.MOST, k.GRAM + k.MOST))
    for value, blend in enumerate(blends):
        own = [_NAMES.index(name) for name in blend.members]
        n = len(own)
        chroma = colours[own] / mean[own, None] - 1
        nominal = colours[own].mean(0)
        matters[value] = n, blend.contrast, blend.soaks, blend.water, *nominal
        table[value, :n, : k.GRAM] = np.column_stack(
            [own, np.log(mean[own]), 1 / mean[own], room[own], chroma]
        )
        gram = chroma @ chroma.T + k.PULL * np.eye(n) + k.WHOLE
        table[value, :n, k.GRAM : k.GRAM + n] = gram
    return matters.astype(np.float32), table.astype(np.float32)
