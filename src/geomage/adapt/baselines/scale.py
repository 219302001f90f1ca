"""A network at work, and the units it sees: bands less a mean, over a deviation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import onnxruntime as ort
from jaxtyping import Float

from geomage.adapt.baselines.bank import Weighed, pool_figures
from geomage.data.translation import Window
from geomage.model.run_onnxruntime import open_session

__all__ = ["Network", "Scale", "filled_to_stride", "scale_of"]

_THREADS = 1  # another number rounds differently
_LEAST = 1e-3  # deviation of a band, reflectance


@dataclass(frozen=True)
class Scale:
    """Of a domain, or of two that share one."""

    mean: Float[np.ndarray, " band"]
    deviation: Float[np.ndarray, " band"]

    def seen(self, window: Window) -> Float[np.ndarray, "band y x"]:
        """Pixels as the network sees them."""
        z = (window.pixels - self.mean[:, None, None]) / self.deviation[:, None, None]
        return np.where(window.valid, z, 0).astype(np.float32)

    def pixels(
        self, z: Float[np.ndarray, "band rows columns"], window: Window
    ) -> Float[np.ndarray, "band y x"]:
        """Back, and to the size of the window: float32, 0 where not valid."""
        rows, columns = window.valid.shape
        x = z[:, :rows, :columns] * self.deviation[:, None, None] + self.mean[:, None, None]
        return np.where(window.valid, x, 0).astype(np.float32)

    def tables(self) -> dict[str, np.ndarray]:
        """As `Parts` keep them."""
        return {"scale_mean": self.mean, "scale_deviation": self.deviation}

    @classmethod
    def of(cls, tables: Mapping[str, np.ndarray]) -> Scale:
        """Back from `tables`."""
        return cls(*(np.asarray(tables[f"scale_{name}"], float) for name in ("mean", "deviation")))


@dataclass(frozen=True)
class Network:
    """An ONNX file that is opened when it is first run, in each process that it travels to."""

    content: bytes

    def __getstate__(self) -> dict[str, Any]:
        """Open sessions stay at home."""
        return {"content": self.content}

    @cached_property
    def _session(self) -> ort.InferenceSession:
        return open_session(self.content, _THREADS)

    def run(self, **told: np.ndarray) -> np.ndarray:
        """Its one output."""
        return np.asarray(self._session.run(None, told)[0])


def scale_of(images: Sequence[Weighed]) -> Scale:
    """Mean and deviation of all pixels of some images."""
    pooled = pool_figures(images)
    return Scale(pooled.mean, np.maximum(np.sqrt(np.diag(pooled.covariance)), _LEAST))


def filled_to_stride(
    z: Float[np.ndarray, "band y x"], stride: int
) -> Float[np.ndarray, "1 band rows columns"]:
    """A batch of one, rows and columns filled up to multiples of a stride with zeros."""
    return np.pad(z, [(0, 0), *((0, -n % stride) for n in z.shape[1:])])[None]
