"""Textures of cells of 64 px: what they are, and how foreign they are, as one graph.

Statistics of a cell and its neighbours, in the spirit of natural scene statistics (Mittal et al.
2013, NIQE): colour, contrast, and at each level of a Haar pyramid how strong details are, how
sparse, which way they run. A sensor, an air or a resampling that a model never saw shows in them,
whatever the place. Everything is a mean over blocks, so that a cell depends on itself and on the
eight beside it alone.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 -- the name everybody knows

from geomage.model.plausibility import UNSEEN

__all__ = ["CELL", "HALO", "Gaussian", "Texture", "TextureScorer", "fit_gaussian", "write_graph"]

CELL, HALO = 64, 64  # px
LEAST_SEEN = 0.3  # share of a cell and the eight beside it that must be seen
_DETAILED = 4  # finest levels, of which also sparsity, direction and colour are taken
_FLOOR = 1e-5  # added to energies before their logarithm, of full scale squared
_OPSET = 18


class Gaussian(NamedTuple):
    """A normal distribution of textures, of k values."""

    mean: Float64[np.ndarray, " k"]
    whitening: Float64[np.ndarray, "k k"]
    """W with W Wᵀ = Σ⁻¹; (x - mean) W has unit covariance."""
    log_det: float
    """ln |Σ|."""

    def deviance(self, x: Float[np.ndarray, "n k"]) -> Float64[np.ndarray, " n"]:
        """((x - μ)ᵀ Σ⁻¹ (x - μ) + ln |Σ|) / k: minus twice the log density a value, less ln 2π."""
        z = (x - self.mean) @ self.whitening
        return np.asarray(((z**2).sum(axis=1) + self.log_det) / self.mean.size)


def fit_gaussian(x: Float[np.ndarray, "n k"], ridge: float = 0.05) -> Gaussian:
    """Fit a normal distribution; the ridge is added to each variance."""
    mean = x.mean(axis=0, dtype=np.float64)
    covariance = np.cov(x.astype(np.float64).T) + ridge * np.eye(x.shape[1])
    whitening = np.linalg.cholesky(np.linalg.inv(covariance))
    return Gaussian(mean, whitening, float(np.linalg.slogdet(covariance)[1]))


class Texture(nn.Module):
    """Counts and validity to the statistics of cells (batch, k, rows, cols) and the share seen."""

    def forward(
        self, counts: Float[Tensor, "batch 3 y x"], valid: Float[Tensor, "batch 1 y x"]
    ) -> tuple[Tensor, Tensor]:
        """Counts are 0..255, validity 0 or 1; y and x are multiples of `CELL`."""
        opponent = _opponent(counts / 255)
        seen = _around(F.avg_pool2d(valid, CELL))
        mean, square = (
            _around(F.avg_pool2d(one * valid, CELL)) / seen.clamp_min(1e-6)
            for one in (opponent, opponent**2)
        )
        contrast = _half_log((square - mean**2).clamp_min(0))
        return torch.cat([mean, contrast, *_levels(opponent, valid)], 1), seen


def _opponent(share: Tensor) -> Tensor:
    """Brightness, red against blue, green against both."""
    r, g, b = share[:, :1], share[:, 1:2], share[:, 2:]
    return torch.cat([(r + g + b) / 3, r - b, g - (r + b) / 2], 1)


def _around(cells: Tensor) -> Tensor:
    """Mean over a cell and the eight beside it; beyond the window lie zeros."""
    return F.avg_pool2d(cells, 3, 1, 1)


def _half_log(energy: Tensor) -> Tensor:
    return 0.5 * torch.log(energy + _FLOOR)


def _levels(opponent: Tensor, valid: Tensor) -> list[Tensor]:
    """What the Haar details of each level say, from 2 px to a cell."""
    out, side = [], 1
    while side < CELL:
        horizontal, vertical, diagonal, opponent = _haar(opponent)
        valid = -F.max_pool2d(-valid, 2)
        side *= 2
        out.append(_details(horizontal, vertical, diagonal, valid, CELL // side))
        if side > 2**_DETAILED:
            out[-1] = out[-1][:, :1]
    return out


def _haar(x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Details of blocks of 2 x 2, scaled so that noise has its own variance, and their mean."""
    a, b = x[..., 0::2, 0::2], x[..., 0::2, 1::2]
    c, d = x[..., 1::2, 0::2], x[..., 1::2, 1::2]
    return (a - b + c - d) / 2, (a + b - c - d) / 2, (a - b - c + d) / 2, (a + b + c + d) / 4


def _details(h: Tensor, v: Tensor, d: Tensor, valid: Tensor, blocks: int) -> Tensor:
    """Energy, diagonal share, lean to one direction, sparsity, and energy of both colours."""
    weight = _around(F.avg_pool2d(valid, blocks)).clamp_min(1e-6)

    def mean(x: Tensor) -> Tensor:
        return _around(F.avg_pool2d(x * valid, blocks)) / weight

    across, down, aslant = (mean(one[:, :1] ** 2) for one in (h, v, d))
    absolute = mean(h[:, :1].abs() + v[:, :1].abs())
    energy = _half_log(across + down)
    return torch.cat(
        [
            energy,
            _half_log(aslant) - energy,
            (_half_log(across) - _half_log(down)).abs(),
            2 * (_half_log(absolute**2 / 2) - energy),
            _half_log(mean(h[:, 1:] ** 2 + v[:, 1:] ** 2)),
        ],
        1,
    )


class TextureScorer(nn.Module):
    """Counts and validity to a score a cell: how unlike the domain, or how like what is not of it.

    Of a texture x there are two measures. Its deviance D_0 from the domain (Lee et al. 2018, arXiv
    1807.03888), and D_0 - min_k D_k, with deviances from pictures of the domain altered as no
    sensor of it would show them (relative distance: Ren et al. 2021, arXiv 2106.09022; altered
    pictures as outliers: Hendrycks et al. 2019, arXiv 1812.04606). Each is brought to 0 at its
    median in the domain and to 1 at a high quantile; the score is the larger one.
    """

    def __init__(
        self,
        scale: Gaussian,
        gaussians: Sequence[Gaussian],
        ranges: Float[np.ndarray, "2 2"],
    ) -> None:
        """Take what was fitted.

        Args:
            scale: its mean is taken from textures, and its diagonal whitening scales them.
            gaussians: of the domain, then of each kind of altered pictures, of scaled textures.
            ranges: median and the high quantile of both measures in the domain.
        """
        super().__init__()
        self.weight: Tensor
        self.bias: Tensor
        self.offset: Tensor
        self.median: Tensor
        self.spread: Tensor
        self.texture = Texture()
        self.values = scale.mean.size
        inverse = np.diag(scale.whitening)
        whiten = [g.whitening.T * inverse for g in gaussians]
        bias = [-g.whitening.T @ (scale.mean * inverse + g.mean) for g in gaussians]
        self.register_buffer("weight", _tensor(np.concatenate(whiten))[..., None, None])
        self.register_buffer("bias", _tensor(np.concatenate(bias)))
        offset = np.array([g.log_det for g in gaussians]) / self.values
        self.register_buffer("offset", _tensor(offset)[:, None, None])
        self.register_buffer("median", _tensor(ranges[:, 0])[:, None, None])
        self.register_buffer("spread", _tensor(ranges[:, 1] - ranges[:, 0])[:, None, None])

    def measures(self, texture: Float[Tensor, "batch k rows cols"]) -> Tensor:
        """(batch, 2, rows, cols): deviance from the domain, and from it against the others."""
        whitened = F.conv2d(texture, self.weight, self.bias)
        parts = whitened.unflatten(1, (-1, self.values))  # type: ignore[no-untyped-call]
        squares: Tensor = parts.square().mean(2)
        deviance = squares + self.offset
        own = deviance[:, :1]
        return torch.cat([own, own - deviance[:, 1:].amin(1, keepdim=True)], 1)

    def forward(self, counts: Tensor, valid: Tensor) -> Tensor:
        """Score (batch, 1, rows, cols), `UNSEEN` where too little is seen; both are uint8."""
        texture, seen = self.texture(counts.float(), valid.float())
        score = ((self.measures(texture) - self.median) / self.spread).amax(1, keepdim=True)
        enough = (seen >= LEAST_SEEN).float()
        marked: Tensor = score.clamp_min(0) * enough + UNSEEN * (1 - enough)
        return marked


def _tensor(values: Float[np.ndarray, "*shape"]) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))


def write_graph(scorer: TextureScorer) -> bytes:
    """The scorer as an ONNX file, for windows of any size."""
    sample = torch.zeros(1, 3, 2 * CELL, 3 * CELL, dtype=torch.uint8)
    sides = {2: "y", 3: "x"}
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # The tracing exporter is deprecated, yet it alone keeps both axes free.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            scorer.eval(),
            (sample, sample[:, :1]),
            buffer,  # type: ignore[arg-type]
            input_names=["counts", "valid"],
            output_names=["score"],
            dynamic_axes={"counts": sides, "valid": sides, "score": {2: "rows", 3: "cols"}},
            opset_version=_OPSET,
            dynamo=False,
        )
    return buffer.getvalue()
