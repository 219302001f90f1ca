"""Held-out simulated events, mapped as a user's images are, each outline held against the truth."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from geomage.data import SimulatedPairs, StreamParams
from geomage.evaluation import find_pairs
from geomage.geo import Raster, check_raster, read_raster, write_cog
from geomage.geo.shapes import burn_shapes
from geomage.mapping import MapJob, map_rasters
from geomage.product.grading import PROBABILITIES, WORDS, graded

HAZARDS = ("storm", "earthquake", "flood", "fire", "volcano", "landslide")
SIDE_PX = 512
LEAST_SHARE = 0.2  # of an outline's known pixels on labelled buildings; less is no building
UNKNOWN = -1
_AT = (500_000.0, 5_400_000.0)  # of every simulated pair, in EPSG:32631


@dataclass(frozen=True)
class Outlines:
    """Outlines that were assessed, one row each; several sets are laid one after the other."""

    event: np.ndarray  # (n,) int, number of the map
    p: np.ndarray  # (n, 4) probabilities of none, minor, major, destroyed
    word: np.ndarray  # (n,) int, place in `WORDS`
    truth: np.ndarray  # (n,) int, 0 no building, 1..4 grade, UNKNOWN

    def where(self, chosen: np.ndarray) -> Outlines:
        """Some rows."""
        return Outlines(*(getattr(self, f.name)[chosen] for f in fields(self)))

    @classmethod
    def joined(cls, parts: list[Outlines]) -> Outlines:
        """All rows of some."""
        return cls(*(np.concatenate([getattr(o, f.name) for o in parts]) for f in fields(cls)))


def simulated(seed: int, hazard: str, indices: range, model: str) -> Iterator[Outlines]:
    """Map events of one hazard; indices and seed tell them from all that is trained on."""
    pairs = SimulatedPairs(StreamParams(SIDE_PX, hazards={hazard: 1.0}, calm=0.0, seed=seed))
    for index in indices:
        sample = pairs.pair(index)
        box = GeoBox(
            sample.damage.shape,
            Affine(sample.gsd, 0, _AT[0], 0, -sample.gsd, _AT[1]),
            "EPSG:32631",
        )
        with tempfile.TemporaryDirectory(prefix="geomage-") as place:
            paths = [Path(place) / f"{name}.tif" for name in ("before", "after")]
            for path, image in zip(paths, (sample.before, sample.after), strict=True):
                write_cog(path, Raster(image, box, nodata=0))
            job = MapJob(before=(paths[0],), after=(paths[1],), out=Path(place) / "o", model=model)
            yield _assessed(job, index, lambda _, damage=sample.damage: damage)


def real(folder: Path, gsd: float, model: str) -> Iterator[Outlines]:
    """Map every labelled pair of a folder."""
    for number, pair in enumerate(find_pairs(folder)):
        with tempfile.TemporaryDirectory(prefix="geomage-") as place:
            out = Path(place) / "o"
            job = MapJob(before=(pair.before,), after=(pair.after,), out=out, model=model, gsd=gsd)
            yield _assessed(job, number, lambda box, pair=pair: _labels(pair.damage, box))


def _labels(path: Path, box: GeoBox) -> np.ndarray:
    if check_raster(path).box.shape == box.shape:
        return read_raster(path).values[0]
    raise SystemExit(f"{path} does not lie on its image")


def _assessed(job: MapJob, number: int, labels: object) -> Outlines:
    with map_rasters(job) as result:
        box = check_raster(result.rasters["building"]).box
        buildings = graded(result.buildings)
    ids = np.zeros(tuple(box.shape), "int32")
    if len(buildings):
        shapes = buildings.geometry.to_numpy()
        ids = burn_shapes(shapes, np.arange(1, len(shapes) + 1), box, ids)
    truth = truths(ids, labels(box), len(buildings))  # type: ignore[operator]
    word = buildings["damage_gra"].map({w: i for i, w in enumerate(WORDS)}).to_numpy(int)
    every = Outlines(
        np.full(len(word), number),
        buildings[list(PROBABILITIES)].to_numpy(float),
        word,
        truth,
    )
    return every.where(word < len(WORDS) - 1)


def truths(ids: np.ndarray, damage: np.ndarray, count: int) -> np.ndarray:
    """(count,) what each outline is in truth, by the commonest grade of its labelled pixels.

    Args:
        ids: (y, x) 0, or 1..count.
        damage: (y, x) 0 no building, 1..4, 5 unclassified, 255 unknown.
        count: outlines.
    """
    code = np.where(damage > 4, 5, damage).astype("int64")
    tally = np.bincount(ids.ravel() * 6 + code.ravel(), minlength=(count + 1) * 6)
    tally = tally.reshape(-1, 6)[1:]
    known, built = tally[:, :5].sum(axis=1), tally[:, 1:5].sum(axis=1)
    worst_first = 4 - tally[:, 4:0:-1].argmax(axis=1)
    truth = np.where(built >= LEAST_SHARE * np.maximum(known, 1), worst_first, 0)
    truth[(built == 0) & (known > 0)] = 0
    return np.where(2 * tally[:, 5] >= tally.sum(axis=1), UNKNOWN, truth)
