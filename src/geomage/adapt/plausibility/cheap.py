"""Fit the cheap detector, the one that maps are marked with, to simulated pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, UInt8

from geomage import __version__
from geomage.adapt.plausibility.altered import ALTERED, alter
from geomage.adapt.plausibility.texture import (
    CELL,
    HALO,
    LEAST_SEEN,
    Gaussian,
    Texture,
    TextureScorer,
    fit_gaussian,
    write_graph,
)
from geomage.errors import InputError
from geomage.geo import stretch_counts
from geomage.model.plausibility import UNSEEN, Calibration, DetectorCard

__all__ = ["CheapParams", "Pair", "fit_cheap", "score_cells", "texture_cells"]


class Pair(NamedTuple):
    """A simulated pair as a camera gives it."""

    before: UInt8[np.ndarray, "3 y x"]
    after: UInt8[np.ndarray, "3 y x"]
    obscured: Bool[np.ndarray, "y x"]
    """Under cloud or its shadow at the second date: not of the domain."""


@dataclass(frozen=True)
class CheapParams:
    """What a detector is fitted with."""

    name: str
    domain: str
    """What the pairs show, in words."""
    model: str = ""
    """SHA-256 of the model that learnt from such pairs."""
    gsd: tuple[float, float, float] = (0.25, 0.25, 1.0)
    """Finest GSD, the one that oblong pixels are brought to, coarsest, metres: those of the model,
    so that a detector sees what the model sees."""
    quantile: float = 0.99
    margin: float = 1.2
    """Chosen on real images that the model maps well: none of them shall be marked."""
    ends: tuple[float, float] = (0.999, 0.99)
    """Shares of the domain whose deviance, and that against altered pictures, ends the range."""
    slack: float = 3.0
    """Times that end, at which the deviance is 1: real pictures of what the model maps well deviate
    from simulated ones by up to as much."""
    ridge: float = 0.05
    """Added to the variance of each scaled statistic."""
    seed: int = 0


def fit_cheap(
    training: Iterable[Pair], held_out: Iterable[Pair], params: CheapParams
) -> tuple[DetectorCard, bytes]:
    """Fit the normal distributions to training pairs, calibrate on others.

    Returns:
        The card and the graph, for `write_detector`.

    Raises:
        InputError: the pairs hold too few cells.
    """
    rng = np.random.default_rng(params.seed)
    cells, others = _learnt(training, rng)
    scale = Gaussian(cells.mean(axis=0), np.diag(1 / (cells.std(axis=0) + 1e-3)), 0.0)
    scaled = {kind: _scaled(x, scale) for kind, x in {"domain": cells, **others}.items()}
    gaussians = [fit_gaussian(x, params.ridge) for x in scaled.values()]
    fresh = np.concatenate([x for pair in held_out for x in _domain(pair)])
    if len(fresh) < 100:
        raise InputError(f"{len(fresh)} cells are held out, 100 at least are needed to calibrate")
    measures = _measures(_scaled(fresh, scale), gaussians)
    ends = [np.quantile(one, (0.5, q)) for one, q in zip(measures, params.ends, strict=True)]
    ranges = np.stack(ends)
    ranges[0, 1] = ranges[0, 0] + params.slack * (ranges[0, 1] - ranges[0, 0])
    scores = ((measures - ranges[:, :1]) / (ranges[:, 1:] - ranges[:, :1])).max(axis=0)
    graph = write_graph(TextureScorer(scale, gaussians, ranges))
    return _card(params, Calibration.measure(np.maximum(scores, 0))), graph


def _card(params: CheapParams, calibration: Calibration) -> DetectorCard:
    least, best, most = params.gsd
    return DetectorCard(
        name=params.name,
        scorer="texture of cells: deviance from the domain, and against altered pictures of it: "
        + ", ".join(ALTERED),
        domain=params.domain,
        gsd_min=least,
        gsd_max=most,
        gsd=best,
        calibration=calibration,
        model=params.model,
        cell_px=CELL,
        halo_px=HALO,
        quantile=params.quantile,
        margin=params.margin,
        seed=params.seed,
        geomage_version=__version__,
    )


def _learnt(
    pairs: Iterable[Pair], rng: np.random.Generator
) -> tuple[np.ndarray, Mapping[str, np.ndarray]]:
    """Textures (n, k) of the domain, and of each kind of altered pictures."""
    domain: list[np.ndarray] = []
    altered: dict[str, list[np.ndarray]] = {kind: [] for kind in ALTERED}
    for pair in pairs:
        domain += _domain(pair)
        before = stretch_counts(pair.before)
        for kind, found in altered.items():
            counts = alter(kind, before, rng)
            found.append(texture_cells(counts, (counts != 0).any(axis=0)))
    if sum(map(len, domain)) < 100:
        raise InputError("fewer than 100 cells to fit a detector to: give more, or larger pairs")
    return np.concatenate(domain), {kind: np.concatenate(x) for kind, x in altered.items()}


def _domain(pair: Pair) -> Iterator[np.ndarray]:
    """Textures of both dates, without what is obscured."""
    for image, hidden in ((pair.before, False), (pair.after, pair.obscured)):
        counts = stretch_counts(image)
        yield texture_cells(counts, (counts != 0).any(axis=0) & ~np.asarray(hidden))


def texture_cells(
    counts: UInt8[np.ndarray, "3 y x"], valid: Bool[np.ndarray, "y x"]
) -> Float32[np.ndarray, "cell k"]:
    """Textures of the cells of an image of which enough is seen."""
    padded, seen = _padded(counts, valid)
    with torch.no_grad():
        texture, share = Texture()(_tensor(padded), _tensor(seen[None]))
    kept = share[0, 0] >= LEAST_SEEN
    return np.asarray(texture[0][:, kept].T.numpy(), np.float32)


def score_cells(
    scorer: TextureScorer, counts: UInt8[np.ndarray, "3 y x"], valid: Bool[np.ndarray, "y x"]
) -> Float32[np.ndarray, " cell"]:
    """Scores of the same cells."""
    padded, seen = _padded(counts, valid)
    with torch.no_grad():
        score = scorer(_tensor(padded), _tensor(seen[None])).numpy().ravel()
    return np.asarray(score[score != UNSEEN], np.float32)


def _padded(counts: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The image in whole cells; what is added is not seen."""
    pad = [(0, -side % CELL) for side in valid.shape]
    return np.pad(counts, [(0, 0), *pad]), np.pad(valid, pad)


def _tensor(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(values[None].astype(np.float32))


def _scaled(x: Float[np.ndarray, "n k"], scale: Gaussian) -> np.ndarray:
    return np.asarray((x - scale.mean) * np.diag(scale.whitening), np.float64)


def _measures(x: np.ndarray, gaussians: list[Gaussian]) -> np.ndarray:
    """(2, n): what `TextureScorer.measures` gives, of scaled textures."""
    own, *others = (one.deviance(x) for one in gaussians)
    return np.stack([own, own - np.min(others, axis=0)])
