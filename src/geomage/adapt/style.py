"""A normalising flow over the style of images, by which simulated chips are chosen like real ones.

    real, made = survey_style(real_chips), survey_style(simulated_chips)
    resampled = resample_chips(simulated_chips, made, real, ResampleParams(count=500))
    resampled.chips     # a source: simulated chips whose styles are those of the real ones

A style is a vector of statistics (`style_statistics`) or of parameters of the simulator. Its
density p is learnt for either domain, and a simulated style x is taken w(x) = p_real(x) / p_sim(x)
times as often (sampling, importance resampling; Rubin 1987). Given these weights, `fit_style`
learns the density of the simulator's own parameters in the same way, and its samples drive the
simulator.

The flow is whitening and affine couplings (Dinh, Sohl-Dickstein and Bengio 2017, Real NVP, section
3): z = f(x), log p(x) = log N(f(x); 0, I) + log |det df / dx|, both exact. Real chips are few: a
flow begins as the Gaussian of its styles, learns from styles with noise on them, and is as smooth
as that noise.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from geomage.adapt.style_statistics import StyleStatistics, energy_distance
from geomage.data.chip import ChipSource
from geomage.data.limits import CHANCE, refuse_outside
from geomage.data.splits import ChosenChips
from geomage.errors import InputError

__all__ = [
    "ResampleParams",
    "Resampled",
    "StyleFlow",
    "StyleParams",
    "fit_style",
    "resample_chips",
    "style_weights",
    "weigh_styles",
]

Styles = Float[np.ndarray, "chip statistic"]
Weights = Float[np.ndarray, " chip"]
_STEEPEST = 1.0  # log of the largest scale of one coupling


@dataclass(frozen=True)
class StyleParams:
    """A flow, and how it is fitted."""

    couplings: int = 4
    """Affine couplings; 0 leaves a Gaussian."""
    width: int = 32
    """Hidden channels of each."""
    steps: int = 400
    """Optimiser steps, each over all styles."""
    learning_rate: float = 3e-3
    """Of AdamW."""
    weight_decay: float = 1e-2
    """Towards the Gaussian."""
    noise: float = 0.5
    """Standard deviation of what is added to whitened styles while it learns."""
    shrink: float = 0.05
    """Share of the covariance's diagonal in the covariance that whitens (Ledoit and Wolf 2004)."""

    def __post_init__(self) -> None:
        limits = {
            "couplings": (0, 64),
            "width": (1, 1024),
            "steps": (0, 10**6),
            "learning_rate": (1e-9, 1.0),
            "weight_decay": (0.0, 10.0),
            "noise": (0.0, 10.0),
            "shrink": CHANCE,
        }
        refuse_outside("style", vars(self), limits)


class Coupling(nn.Module):
    """Half of the numbers scaled and shifted by what the other half says."""

    def __init__(self, size: int, width: int, *, first: bool) -> None:
        super().__init__()
        half = size // 2
        self.told, self.moved = (half, size - half) if first else (size - half, half)
        self.first = first
        self.says = nn.Sequential(
            nn.Linear(self.told, width), nn.Tanh(), nn.Linear(width, 2 * self.moved)
        )
        for values in self.says[2].parameters():
            nn.init.zeros_(values)

    def _halves(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What tells, and what is moved."""
        if self.first:
            return x[:, : self.told], x[:, self.told :]
        return x[:, self.moved :], x[:, : self.moved]

    def _joined(self, told: Tensor, moved: Tensor) -> Tensor:
        return torch.cat([told, moved] if self.first else [moved, told], 1)

    def _said(self, told: Tensor) -> tuple[Tensor, Tensor]:
        """Log of the scale, bounded, and shift."""
        log_scale, shift = self.says(told).chunk(2, 1)
        return _STEEPEST * torch.tanh(log_scale / _STEEPEST), shift

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return z and log |det dz / dx| of each row."""
        told, moved = self._halves(x)
        log_scale, shift = self._said(told)
        return self._joined(told, moved * log_scale.exp() + shift), log_scale.sum(1)

    def inverse(self, z: Tensor) -> Tensor:
        """Back."""
        told, moved = self._halves(z)
        log_scale, shift = self._said(told)
        return self._joined(told, (moved - shift) * (-log_scale).exp())


class StyleFlow(nn.Module):
    """Whitening, then couplings; double precision."""

    mean: Tensor
    root: Tensor
    """Lower triangular, root root' the covariance."""

    def __init__(self, size: int, params: StyleParams) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("root", torch.eye(size))
        self.couplings = nn.ModuleList(
            Coupling(size, params.width, first=k % 2 == 0) for k in range(params.couplings)
        )
        self.double()

    def whiten(self, x: Float[Tensor, "chip statistic"]) -> Float[Tensor, "chip statistic"]:
        """root⁻¹ (x - mean)."""
        white: Tensor = torch.linalg.solve_triangular(self.root, (x - self.mean).T, upper=False).T
        return white

    def forward(self, white: Tensor) -> tuple[Tensor, Tensor]:
        """From whitened styles to z, and log |det dz / dwhite|."""
        log_det = torch.zeros(len(white), dtype=white.dtype)
        for coupling in self.couplings:
            white, more = coupling(white)
            log_det = log_det + more
        return white, log_det

    def log_white(self, white: Tensor) -> Tensor:
        """Log density of whitened styles."""
        z, log_det = self(white)
        log_p: Tensor = log_det - 0.5 * z.square().sum(1)
        return log_p - 0.5 * self.size * math.log(2 * math.pi)

    @torch.no_grad()
    def encode(self, x: Styles) -> Styles:
        """Bring styles to z = f(x), standard normal where x is of the domain."""
        return np.asarray(self(self.whiten(torch.as_tensor(x)))[0].numpy())

    @torch.no_grad()
    def decode(self, z: Styles) -> Styles:
        """Bring z back to x = f⁻¹(z)."""
        white = torch.as_tensor(z)
        for coupling in reversed(self.couplings):
            assert isinstance(coupling, Coupling)
            white = coupling.inverse(white)
        return np.asarray((white @ self.root.T + self.mean).numpy())

    @torch.no_grad()
    def log_density(self, x: Styles) -> Weights:
        """Log p of each style, exact."""
        log_det = self.root.diagonal().log().sum()
        return np.asarray((self.log_white(self.whiten(torch.as_tensor(x))) - log_det).numpy())

    def sample(self, count: int, seed: int) -> Styles:
        """Draw styles."""
        return self.decode(np.random.default_rng(seed).normal(size=(count, self.size)))

    def tables(self) -> dict[str, np.ndarray]:
        """Everything it knows, by name; `load_tables` takes it back into a flow of equal size."""
        return {name: value.numpy() for name, value in self.state_dict().items()}

    def load_tables(self, tables: Mapping[str, np.ndarray]) -> None:
        """From `tables`."""
        self.load_state_dict({name: torch.as_tensor(value) for name, value in tables.items()})


def fit_style(
    styles: Styles, params: StyleParams, seed: int, weights: Weights | None = None
) -> StyleFlow:
    """Fit a flow by maximum likelihood; equal seeds give equal flows.

    Args:
        styles: a row a chip: statistics, or parameters of the simulator.
        params: of the flow.
        seed: of its weights and of the noise.
        weights: how much each row counts; None for all alike.

    Raises:
        InputError: fewer than two columns or rows, or a value that is not finite.
    """
    w = _refuse_styles(styles, weights)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        flow = StyleFlow(styles.shape[1], params)
    _fit_white(flow, styles, w, params.shrink)
    with torch.no_grad():
        white, each = flow.whiten(torch.as_tensor(styles)), torch.as_tensor(w)
    if params.couplings:
        with _one_thread():
            _fit_couplings(flow, white, each, params, np.random.default_rng([seed, 31]))
    return flow.requires_grad_(requires_grad=False)


@contextmanager
def _one_thread() -> Iterator[None]:
    """So small matrices gain nothing by more, and sums round the same on any machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _refuse_styles(styles: Styles, weights: Weights | None) -> Weights:
    """Weights of sum 1."""
    rows, columns = styles.shape
    if rows < 2 or columns < 2:
        raise InputError(f"{rows} chips with {columns} statistics: a style wants 2 of either")
    if not np.isfinite(styles).all():
        raise InputError("a statistic is not finite: leave the chip out")
    w = np.full(rows, 1 / rows) if weights is None else np.asarray(weights, float)
    if w.shape != (rows,) or not (w >= 0).all() or not w.sum() > 0:
        raise InputError("weights of styles must be 0 or more, one a chip, and not all 0")
    return np.asarray(w / w.sum())


def _fit_white(flow: StyleFlow, styles: Styles, w: Weights, shrink: float) -> None:
    mean = w @ styles
    off = styles - mean
    covariance = (off * w[:, None]).T @ off
    diagonal = np.maximum(np.diag(covariance), 1e-12)
    shrunk = (1 - shrink) * covariance + np.diag(shrink * diagonal + 1e-9 * diagonal)
    flow.mean.copy_(torch.as_tensor(mean))
    flow.root.copy_(torch.as_tensor(np.linalg.cholesky(shrunk)))


def _fit_couplings(
    flow: StyleFlow, white: Tensor, w: Tensor, params: StyleParams, rng: np.random.Generator
) -> None:
    """Maximum likelihood of styles that lie a little beside where they were found."""
    optimiser = torch.optim.AdamW(
        flow.parameters(), params.learning_rate, weight_decay=params.weight_decay
    )
    shrink = 1 / math.sqrt(1 + params.noise**2)  # so that noise makes nothing wider
    for _ in range(params.steps):
        noise = torch.as_tensor(rng.normal(size=white.shape))
        loss = -(w * flow.log_white(shrink * (white + params.noise * noise))).sum()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()


# ------------------------------------------------------------------------------ resampling


@dataclass(frozen=True)
class ResampleParams:
    """How simulated chips are chosen."""

    count: int = 100
    """Chips that are drawn; one may be drawn several times."""
    axes: int = 4
    """Principal axes of the statistics that densities are learnt in: few chips fill few."""
    effective: float = 0.2
    """Least effective share of the chips: w^τ takes the place of w, τ up to 1 as that allows."""
    style: StyleParams = field(default_factory=StyleParams)
    seed: int = 0
    """Of flows and draws."""

    def __post_init__(self) -> None:
        refuse_outside(
            "resample", vars(self), {"count": (1, 10**7), "axes": (2, 10**4), "effective": CHANCE}
        )


@dataclass(frozen=True)
class Resampled:
    """Simulated chips, chosen.

    chips: the chosen ones, as a source.
    indices: their numbers in the simulated source: pairs to be simulated are named by them.
    weights: of all simulated chips, of sum 1.
    effective: (Σ w)² / Σ w², chips (Kish 1965).
    power: τ.
    before, after: energy distance to the real statistics, of all chips and of the chosen ones.
    """

    chips: ChosenChips
    indices: Int64[np.ndarray, " drawn"]
    weights: Weights
    effective: float
    power: float
    before: float
    after: float


def style_weights(ratio: Weights, effective: float) -> tuple[Weights, float]:
    """Weights of sum 1 from log p_real / p_sim, and the τ they were raised to.

    τ is the largest up to 1 that leaves an effective share of the chips (our rule: few styles lie
    where the real ones are densest, and one chip drawn a hundred times teaches nothing).
    """
    least = effective * len(ratio)
    low, high = 0.0, 1.0
    if _effective(_raised(ratio, high)) >= least:
        return _raised(ratio, high), high
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if _effective(_raised(ratio, middle)) >= least else (low, middle)
    return _raised(ratio, low), low


def _raised(ratio: Weights, power: float) -> Weights:
    w = np.exp(power * (ratio - ratio.max()))
    return np.asarray(w / w.sum())


def _effective(w: Weights) -> float:
    return float(w.sum() ** 2 / (w**2).sum())


def resample_chips(
    source: ChipSource, made: StyleStatistics, real: StyleStatistics, params: ResampleParams
) -> Resampled:
    """Choose simulated chips so that their statistics are distributed like the real ones.

    Args:
        source: simulated chips.
        made: their statistics.
        real: statistics of real chips.
        params: how many, and how near.

    Raises:
        InputError: the statistics are not the same ones, or chips too few for a flow.
    """
    w, power = weigh_styles(made, real, params)
    rows = _drawn(w, params.count, np.random.default_rng([params.seed, 32]))
    indices = made.indices[rows]
    return Resampled(
        ChosenChips(source, tuple(indices.tolist())),
        indices,
        w,
        _effective(w),
        power,
        energy_distance(made.values, real.values),
        energy_distance(made.values[rows], real.values),
    )


def weigh_styles(
    made: StyleStatistics, real: StyleStatistics, params: ResampleParams
) -> tuple[Weights, float]:
    """Weights of simulated images by which they are distributed like the real ones, and their τ.

    Raises:
        InputError: the statistics are not the same ones, or images too few for a flow.
    """
    if made.names != real.names:
        raise InputError(
            f"styles differ: {', '.join(made.names)} of the simulated, {', '.join(real.names)} of "
            "the real chips: choose the same bands of both"
        )
    parts = _on_axes(real.values, made.values, params.axes)
    flows = [fit_style(part, params.style, params.seed) for part in parts]
    logs = [flow.log_density(parts[1]) for flow in flows]
    return style_weights(logs[0] - logs[1], params.effective)


def _on_axes(
    real: Float[np.ndarray, "chip statistic"], made: Float[np.ndarray, "other statistic"], axes: int
) -> tuple[Float[np.ndarray, "chip axis"], Float[np.ndarray, "other axis"]]:
    """Both along the principal axes of both together, each statistic in its deviations."""
    every = np.concatenate([real, made])
    spread = np.maximum(every.std(axis=0), 1e-9)
    turned = np.linalg.svd((every - every.mean(axis=0)) / spread, full_matrices=False)[2][:axes]
    return real / spread @ turned.T, made / spread @ turned.T


def _drawn(w: Weights, count: int, rng: np.random.Generator) -> Int64[np.ndarray, " drawn"]:
    """Systematic resampling (Kitagawa 1996): each row count · w times, to one more or less."""
    places = (np.arange(count) + rng.random()) / count
    rows = np.searchsorted(np.cumsum(w), places)
    return np.minimum(rows, len(w) - 1).astype(np.int64)
