"""The flow at work: ONNX Runtime and the solvers of numpy, no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import onnxruntime as ort
from jaxtyping import Float

from geomage.adapt.flow.path import LinearPath, Values
from geomage.adapt.flow.place_noise import place_noise
from geomage.adapt.flow.solver import SOLVERS, even_times, march
from geomage.adapt.flow.squares import over_squares
from geomage.adapt.method import Parts
from geomage.data.chip import UNKNOWN
from geomage.data.limits import CHANCE, Limits, refuse_outside
from geomage.data.translation import Figures, TranslatorCard, Window
from geomage.errors import InputError, ModelError, near_names
from geomage.model.run_onnxruntime import open_session

__all__ = ["FlowNumbers", "FlowTranslator", "build_flow"]

_RADAR_UM = 1e4
_THREADS = 1
_CELLS = (1, 2, 4)  # pixels of a side: pixels themselves, and strides of `LatentParams`
_STEPS = (1, 10_000)
_LIMITS: Limits = {
    "strength": CHANCE,
    "steps": _STEPS,
    "source_noise": (0.0, 100.0),
    "classes": (0, UNKNOWN),
    "square": (0, 4096),
}


@dataclass(frozen=True)
class FlowNumbers:
    """What a translation hangs on beside its networks.

    strength: 0..1, how much of the way is gone: 0 changes nothing, 1 begins at the source's time.
    method: of the solver. times: of its steps from 0 to 1, where they were chosen; else none.
    steps: even ones, where no times were chosen.
    source_noise: of the path. from_source, told_source, classes: see `Guidance`.
    cell: pixels of a side of a cell of the values that flow.
    square: side of the squares that a network which looks at all it sees is given; 0 for one that
        does not.
    student: times are those it has learnt, and no others will do.
    """

    strength: float = 1.0
    method: str = "heun"
    times: tuple[float, ...] = ()
    steps: int = 4
    source_noise: float = 0.0
    from_source: bool = True
    told_source: bool = False
    classes: int = 0
    cell: int = 1
    square: int = 0
    student: bool = False

    def __post_init__(self) -> None:
        refuse_outside("flow", vars(self), _LIMITS)
        if self.method not in SOLVERS:
            near = near_names(self.method, SOLVERS)
            raise InputError(f"flow: no solver {self.method!r}{near}: {', '.join(SOLVERS)}")
        if self.cell not in _CELLS:
            raise InputError(f"flow: cell = {self.cell} px is none of {_CELLS}")
        self._refuse_times()

    def _refuse_times(self) -> None:
        """Raise InputError at times that do not rise to 1, or are not those of a student."""
        rise = all(a < b for a, b in pairwise(self.times)) and self.times[-1:] == (1.0,)
        if self.times and not (rise and self.times[0] >= 0 and len(self.times) <= _STEPS[1] + 1):
            raise InputError(f"flow: times = {list(self.times)} do not rise from 0 or more to 1")
        if self.student and not self.times:
            raise InputError("flow: a student without the times that it has learnt")
        if self.student and self.strength and abs(self.times[0] - (1 - self.strength)) > 1e-9:
            raise InputError(
                f"flow: it has learnt to go from time {self.times[0]:g} in few steps: strength "
                f"must be {1 - self.times[0]:g}, not {self.strength:g}"
            )

    def march_times(self) -> tuple[float, ...]:
        """Times of the steps, from 1 - strength to 1."""
        begin = 1 - self.strength
        if not self.times:
            return even_times(begin, 1.0, self.steps)
        scaled = (begin + self.strength * t for t in self.times[:-1])
        return self.times if self.student else (*scaled, 1.0)


@dataclass(frozen=True)
class FlowTranslator:
    """A `Translator` that follows a learnt velocity."""

    card: TranslatorCard
    numbers: FlowNumbers
    networks: Mapping[str, bytes]
    """velocity, encode and decode; for another sensor's target, decode is of the target."""

    def __post_init__(self) -> None:
        if self.card.made != self.card.channels and self.numbers.strength != 1:
            raise InputError(
                f"{self.card.name}: source and target have other bands, there is no half-way: "
                f"strength must be 1, not {self.numbers.strength:g}"
            )
        if self.numbers.classes not in {0, len(self.card.classes)}:
            raise InputError(
                f"{self.card.name}: told {self.numbers.classes} classes, and its card names "
                f"{len(self.card.classes)}"
            )

    def __getstate__(self) -> dict[str, Any]:
        """Open sessions stay at home when it travels to a worker."""
        return {"card": self.card, "numbers": self.numbers, "networks": self.networks}

    @cached_property
    def _sessions(self) -> dict[str, ort.InferenceSession]:
        return {name: open_session(part, _THREADS) for name, part in self.networks.items()}

    def translate(
        self, window: Window, figures: Figures, style: int
    ) -> Float[np.ndarray, "made y x"]:
        """Start part-way, follow the velocity to the target. At strength 0 nothing changes.

        Raises:
            InputError: the window has other bands, or lies off the stride.
        """
        del figures
        self._refuse(window)
        if self.numbers.strength == 0:
            return np.where(window.valid, window.pixels, 0).astype(np.float32)
        planes = _planes(window, self.numbers.classes)
        bands, place = len(window.pixels), (window.row, window.column)

        def answer(stack: np.ndarray, at: tuple[int, int]) -> np.ndarray:
            return self._flow(stack[:bands], stack[bands:], window.gsd_m, (*at, style))

        side = self.numbers.square
        stack = np.concatenate([window.pixels, planes]).astype(np.float32)
        said = (
            over_squares(answer, stack, place, side) if side else self._padded(answer, stack, place)
        )
        return np.where(window.valid, self._limited(said), 0).astype(np.float32)

    def _refuse(self, window: Window) -> None:
        if len(window.pixels) != len(self.card.channels):
            raise InputError(
                f"{self.card.name}: a window of {len(window.pixels)} bands: it takes "
                f"{', '.join(c.name for c in self.card.channels)}"
            )
        if window.row % self.card.stride_px or window.column % self.card.stride_px:
            raise InputError(
                f"{self.card.name}: a window at row {window.row}, column {window.column}: cut "
                f"windows at multiples of {self.card.stride_px} px"
            )

    def _padded(self, answer: Any, stack: np.ndarray, place: tuple[int, int]) -> np.ndarray:
        """What lies beyond the window, up to a whole stride, holds no data."""
        rows, columns = stack.shape[1:]
        short = [(0, -n % self.card.stride_px) for n in (rows, columns)]
        said = answer(np.pad(stack, [(0, 0), *short]), place)
        return np.asarray(said[:, :rows, :columns])

    def _flow(
        self, pixels: np.ndarray, planes: np.ndarray, gsd_m: float, place: tuple[int, int, int]
    ) -> np.ndarray:
        """From padded pixels and planes to padded pixels. place: row, column, style."""
        numbers, valid = self.numbers, planes[:1]
        source = self._run("encode", pixels=pixels, valid=valid)
        given = _cell_means(planes, numbers.cell)
        given = np.concatenate([given, source]) if numbers.told_source else given
        begin = self._begin(source, place)

        def v(x: Values, t: float) -> Values:
            told = {"t": np.array([t], np.float32), "gsd": np.array([gsd_m], np.float32)}
            return self._run("velocity", x=x, given=given, **told)

        x_1 = march(v, begin, numbers.march_times(), numbers.method).x
        made = self._run("decode", values=x_1)
        if numbers.from_source and self.card.made == self.card.channels:
            # What the values cannot hold of the source stays: the change alone is decoded.
            return np.asarray(pixels + (made - self._run("decode", values=source)))
        return made

    def _begin(self, source: np.ndarray, place: tuple[int, int, int]) -> np.ndarray:
        numbers, (row, column, style) = self.numbers, place
        shape = (self._channels, *source.shape[1:])
        noise = place_noise(style, row // numbers.cell, column // numbers.cell, shape)
        if not numbers.from_source:
            return noise
        path = LinearPath(numbers.source_noise)
        return np.asarray(path.start(source, numbers.march_times()[0], noise), np.float32)

    @cached_property
    def _channels(self) -> int:
        """Of the values that flow."""
        (x,) = (i for i in self._sessions["velocity"].get_inputs() if i.name == "x")
        return int(x.shape[1])

    def _run(self, name: str, **told: np.ndarray) -> np.ndarray:
        """One network on one item."""
        feed = {k: a if a.ndim == 1 else a[None].astype(np.float32) for k, a in told.items()}
        return np.asarray(self._sessions[name].run(None, feed)[0][0])

    def _limited(self, made: np.ndarray) -> np.ndarray:
        """Reflectance stays in 0..1; radar has no bounds."""
        radar = np.array([c.wavelength_um > _RADAR_UM for c in self.card.made])[:, None, None]
        return np.where(radar, made, np.clip(made, 0, 1))


def _planes(window: Window, classes: int) -> np.ndarray:
    """Valid, then one plane a class; 0 where a label is unknown, or there are none."""
    labels = np.full(window.valid.shape, UNKNOWN) if window.labels is None else window.labels
    each = labels[None] == np.arange(classes)[:, None, None]
    return np.concatenate([window.valid[None], each & window.valid]).astype(np.float32)


def _cell_means(planes: np.ndarray, cell: int) -> np.ndarray:
    count, rows, columns = planes.shape
    cells = planes.reshape(count, rows // cell, cell, columns // cell, cell)
    return np.asarray(cells.mean((2, 4)))


def build_flow(parts: Parts) -> FlowTranslator:
    """Make kept parts work.

    Raises:
        ModelError: a network is missing, or the numbers are not those of a flow.
    """
    missing = {"velocity", "encode", "decode"} - set(parts.networks)
    if missing:
        raise ModelError(f"{parts.card.name}: no flow without {', '.join(sorted(missing))}")
    told = dict(parts.numbers)
    try:
        numbers = FlowNumbers(**told | {"times": tuple(told.get("times", ()))})
    except TypeError as error:
        raise ModelError(f"{parts.card.name}: not the numbers of a flow: {error}") from error
    return FlowTranslator(parts.card, numbers, dict(parts.networks))
