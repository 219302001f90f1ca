"""Chips of 64 px within a domain and beyond it, for `benchmarks.plausibility`."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import rasterio
from rasterio.enums import Resampling
from rasterio.errors import NotGeoreferencedWarning

from geomage.geo import stretch_counts

SIDE = 64
STRUCK = 0.06  # share in buildings of grade 3 or 4
WET = 0.5  # share under water
CLOUDED = 448  # px, left of which the second date of Florence 9 lies under cloud


@dataclass
class Domain:
    """Chips of one training domain, and sets beyond it by name."""

    name: str
    training: np.ndarray
    """(chip, 3, y, x) uint8 counts, as what follows."""
    held_out: np.ndarray
    inside: dict[str, np.ndarray] = field(default_factory=dict)
    """What a set is compared with, where that is not `held_out`."""
    outside: dict[str, np.ndarray] = field(default_factory=dict)


def cut(counts: np.ndarray, keep: np.ndarray | None = None, least: float = 0.0) -> np.ndarray:
    """Whole valid chips (chip, 3, y, x) in which a mask holds at least a share of the pixels."""
    rows, cols = counts.shape[1] // SIDE, counts.shape[2] // SIDE
    found = []
    for row in range(rows):
        for col in range(cols):
            place = (slice(row * SIDE, row * SIDE + SIDE), slice(col * SIDE, col * SIDE + SIDE))
            chip = counts[:, *place]
            if (chip != 0).any(axis=0).mean() > 0.99 and (
                keep is None or keep[place].mean() >= least
            ):
                found.append(chip)
    return np.array(found, np.uint8).reshape(-1, 3, SIDE, SIDE)


def some(chips: np.ndarray, count: int, seed: int) -> np.ndarray:
    """At most so many, drawn without return."""
    order = np.random.default_rng(seed).permutation(len(chips))[:count]
    return chips[np.sort(order)]


def read(path: Path, zoom: float = 1.0) -> np.ndarray:
    """(band, y, x) of a raster, averaged to `zoom` of its size."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path) as source:
            shape = (source.count, round(source.height * zoom), round(source.width * zoom))
            return np.asarray(source.read(out_shape=shape, resampling=Resampling.average))


def counts(path: Path, zoom: float = 1.0) -> np.ndarray:
    """Counts of red, green and blue, or of one band three times."""
    values = read(path, zoom)
    values = values[:3] if len(values) >= 3 else values[:1].repeat(3, axis=0)
    return stretch_counts(values)


def other_sensors(data: Path) -> dict[str, np.ndarray]:
    """Radar and panchromatic pictures."""
    radar = data / "damage/la_palma_2021_optical_sar/after_sar.tif"
    pan = data / "buildings/atlanta_offnadir/pan.tif"
    return {"radar": cut(counts(radar)), "panchromatic": cut(counts(pan))}


def _halves(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Three quarters to learn from, the lower right quarter to be held out."""
    y, x = (side // 2 // SIDE * SIDE for side in image.shape[1:])
    learnt = image.copy()
    learnt[:, y:, x:] = 0
    return cut(learnt), cut(image[:, y:, x:])


def real_domain(data: Path) -> Domain:
    """First dates of xBD in the Americas and of Joplin; what they show later; other places."""
    xbd, joplin = data / "damage/xbd", data / "damage/joplin_2011"
    american = [p for p in sorted(xbd.glob("*_before.png")) if "palu" not in p.name]
    parts = [_halves(counts(p)) for p in (*american, joplin / "before.tif")]
    domain = Domain("real", *(np.concatenate(one) for one in zip(*parts, strict=True)))
    wet = [p for p in sorted(xbd.glob("*_after.png")) if "harvey" in p.name or "midwest" in p.name]
    florence = next(xbd.glob("*florence_00000009_after.png"))
    suburb = data / "damage/tornado_suburb"
    grades = read(next(suburb.glob("*damage.tif")))[0]
    after, before = (counts(next(suburb.glob(f"*{word}.tif"))) for word in ("after", "before"))
    struck = np.isin(grades, (3, 4))
    domain.outside |= {
        "clouds": cut(counts(florence)[:, :, :CLOUDED]),
        **other_sensors(data),
        "Nepal": cut(counts(data / "buildings/banepa/image.tif", 0.3)),
        "Palu": cut(counts(next(xbd.glob("*palu*_before.png")))),
        "after floods": np.concatenate([cut(counts(p)) for p in wet]),
        "collapsed": cut(after, struck, STRUCK),
    }
    domain.inside["collapsed"] = cut(before, grades > 0, STRUCK)
    domain.inside["after floods"] = np.concatenate(
        [cut(counts(p.with_name(p.name.replace("after", "before")))) for p in wet]
    )
    return domain


def _pairs(pool: Path) -> Iterator[dict[str, np.ndarray]]:
    """Layers of the pairs that `dev/fit_plausibility.py` keeps."""
    for path in sorted(pool.glob("*.npz")):
        with np.load(path, allow_pickle=False) as kept:
            yield {name: kept[name] for name in kept.files}


def simulated_domain(pool: Path, data: Path) -> Domain:
    """Simulated first dates; clouds, floods and collapsed buildings of the second, real pictures.

    The pairs are those that `dev/fit_plausibility.py` leaves in its pool.
    """
    pairs = list(_pairs(pool))
    held = len(pairs) * 2 // 3
    before = [stretch_counts(pair["before"]) for pair in pairs]
    training = np.concatenate([cut(one) for one in before[:held]])
    domain = Domain("simulated", training, np.concatenate([cut(one) for one in before[held:]]))
    kinds = {"clouds": ("obscured", (1,), 0.9), "flooded": ("water", (1,), WET)}
    kinds["collapsed"] = ("damage", (3, 4), STRUCK)
    for name, (layer, values, least) in kinds.items():
        masks = [np.isin(pair[layer], values) for pair in pairs[held:]]
        after = [stretch_counts(pair["after"]) for pair in pairs[held:]]
        found = [cut(one, mask, least) for one, mask in zip(after, masks, strict=True)]
        domain.outside[name] = np.concatenate(found)
    built = [np.isin(pair["damage"], (1, 2, 3, 4)) for pair in pairs[held:]]
    intact = [cut(one, mask, STRUCK) for one, mask in zip(before[held:], built, strict=True)]
    domain.inside["collapsed"] = np.concatenate(intact)
    mexico = sorted((data / "damage/mexico_2017").glob("*_before.png"))
    domain.outside |= other_sensors(data)
    domain.outside["Mexico, real"] = np.concatenate([cut(counts(p)) for p in mexico])
    return domain
