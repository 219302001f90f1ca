"""A model against every labelled pair of a folder, through the engine that maps."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial, reduce
from operator import add
from pathlib import Path
from typing import Any

from odc.geo.geobox import GeoBox
from tqdm import tqdm

from geomage.errors import InputError
from geomage.mapping import MapJob, map_rasters
from geomage.model import DEFAULT_BACKEND, Gate
from geomage.product import (
    PLAIN,
    Order,
    ProductPaths,
    Score,
    check_order,
    score_product,
    write_product,
)

__all__ = [
    "Evaluation",
    "How",
    "LabelledPair",
    "evaluate_model",
    "find_pairs",
    "map_into",
    "measure_gate",
    "order_check",
    "score_job",
]

_SUFFIXES = (".tif", ".tiff", ".png")


@dataclass(frozen=True)
class LabelledPair:
    """Two images and what is held to be true."""

    name: str
    before: Path
    after: Path
    damage: Path


@dataclass(frozen=True)
class How:
    """What runs a model, and how exactly."""

    backend: str = DEFAULT_BACKEND
    precision: str | None = None
    accept_loss: bool = False


FAITHFUL = How()


@dataclass(frozen=True)
class Evaluation:
    """How a model did on each pair, and on all together."""

    pairs: dict[str, Score]

    @property
    def pooled(self) -> Score:
        """All buildings of all pairs in one count."""
        return reduce(add, self.pairs.values())

    def as_dict(self) -> dict[str, Any]:
        """JSON-able record."""
        return {
            "pooled": self.pooled.as_dict(),
            "pairs": {name: score.as_dict() for name, score in self.pairs.items()},
        }


def find_pairs(folder: Path) -> list[LabelledPair]:
    """Find every `…before….tif|png` that has its `…after…` and `…damage…` beside it.

    Raises:
        InputError: there is none.
    """
    pairs = list(_pairs(folder))
    if not pairs:
        raise InputError(
            f"{folder} holds no labelled pair: name the files alike, for example x_before.tif, "
            "x_after.tif and x_damage.tif (or .png)"
        )
    return pairs


def _pairs(folder: Path) -> Iterator[LabelledPair]:
    for before in sorted(folder.rglob("*before*")):
        if before.suffix.lower() not in _SUFFIXES:
            continue
        after, damage = (_partner(before, word) for word in ("after", "damage"))
        if after and damage:
            name = before.relative_to(folder).with_suffix("").as_posix()
            yield LabelledPair(name, before, after, damage)


def _partner(before: Path, word: str) -> Path | None:
    """The file beside it that has another word in place of `before`, of any suffix."""
    stem = word.join(before.stem.rsplit("before", 1))
    found = (before.with_name(stem + suffix) for suffix in (before.suffix, *_SUFFIXES))
    return next((path for path in found if path.is_file()), None)


def evaluate_model(
    model: Path | str,
    folder: Path,
    *,
    gsd: float | None = None,
    jobs: int | None = None,
    how: How = FAITHFUL,
) -> Evaluation:
    """Map every labelled pair of a folder in a temporary place and score each map.

    Args:
        model: a model file or the name of a shipped model.
        folder: see `find_pairs`.
        gsd: metres a pixel, for images without CRS.
        jobs: processes; None is this one, whose model takes all cores.
        how: backend and precision.
    """
    scores = {}
    with tempfile.TemporaryDirectory(prefix="geomage-") as place:
        for pair in tqdm(find_pairs(folder), desc="evaluate", unit="pair", disable=None):
            job = MapJob(
                before=(pair.before,),
                after=(pair.after,),
                out=Path(place) / "product",
                model=model,
                gsd=gsd,
                jobs=jobs,
                overwrite=True,
                backend=how.backend,
                precision=how.precision,
                accept_loss=how.accept_loss,
            )
            scores[pair.name] = score_job(job, pair.damage)
    return Evaluation(scores)


def measure_gate(
    models: tuple[Path | str, Path | str],
    folders: tuple[Path, ...],
    how: How,
    *,
    gsd: float | None = None,
    jobs: int | None = None,
) -> Gate:
    """Measure what a lower precision costs on real labelled pairs, through the engine that maps.

    Args:
        models: the fp32 model, and the file that is run in the lower precision.
        folders: sets of pairs, see `find_pairs`; counts of all are pooled.
        how: backend and precision of the second model.
        gsd: metres a pixel, for images without CRS.
        jobs: processes, see `evaluate_model`.
    """

    def over(model: Path | str, how: How) -> Evaluation:
        found = [evaluate_model(model, one, gsd=gsd, jobs=jobs, how=how) for one in folders]
        return Evaluation(
            {f"{k}/{name}": s for k, e in enumerate(found) for name, s in e.pairs.items()}
        )

    full = over(models[0], FAITHFUL)
    low = over(models[1], replace(how, accept_loss=True))
    pixels = full.pooled.pixels
    return Gate(
        tuple(folder.resolve().name for folder in folders),
        len(full.pairs),
        pixels.tp + pixels.fn,
        pixels.f1,
        low.pooled.pixels.f1,
    )


def map_into(
    job: MapJob, say: Callable[[str], None] = lambda _: None, order: Order = PLAIN
) -> ProductPaths:
    """Map and write the product at `job.out`, as ordered; the order's files are checked first.

    Burnt ground is sought where the order says that the event was a fire. `say` is told what a
    person should know.
    """
    job = replace(job, burnt=order.hazard == "fire")
    with map_rasters(job, say, order_check(job, order)) as result:
        return write_product(
            result,
            job.out,
            before_paths=job.before,
            after_paths=job.after,
            order=order,
            overwrite=job.overwrite,
        )


def order_check(job: MapJob, order: Order) -> Callable[[GeoBox], None]:
    """What refuses an order that the grid of a map, or its job, cannot meet."""
    return partial(check_order, order, out=job.out, two_dates=bool(job.after))


def score_job(job: MapJob, reference: Path) -> Score:
    """Map, write the product at `job.out`, and score it against a reference."""
    return score_product(map_into(job).folder, reference)
