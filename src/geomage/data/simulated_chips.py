"""Simulated pairs and floods as labelled chips: what a network learns from before any real label.

`PAIR_TASKS` are those of towns (`SimulatedPairs`), `FLOOD_TASKS` those of landscapes
(`FloodPairs`) as Sentinel-1 and Sentinel-2 see them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from geomage.data import floods
from geomage.data.chip import UNKNOWN, Channel, Chip, Moment, radar_share
from geomage.data.floods import FloodPair, FloodPairParams, FloodPairs
from geomage.data.limits import refuse_outside
from geomage.data.sample import Sample
from geomage.data.stream import SimulatedPairs, StreamParams, simulator_hash
from geomage.data.tables import recipe_hash
from geomage.data.twins import COVERS
from geomage.errors import InputError, near_names
from geomage.sensor import VISIBLE, sensor

__all__ = [
    "FLOOD_TASKS",
    "LEAST_SEVERITY",
    "PAIR_TASKS",
    "UNBURNT_SEVERITY",
    "SimulatedFloodChips",
    "SimulatedFloodParams",
    "SimulatedPairChips",
    "SimulatedPairParams",
    "Task",
]


class Task(NamedTuple):
    """What is asked of a chip: names of its classes, and how many dates it has."""

    classes: tuple[str, ...]
    dates: int


PAIR_TASKS: Mapping[str, Task] = MappingProxyType(
    {
        "damage": Task(("no building", "no damage", "minor", "major", "destroyed"), 2),
        "landcover": Task(COVERS, 1),
        "building": Task(("other", "building"), 1),
        "burnt": Task(("not burnt", "burnt"), 2),
    }
)
"""Of towns: damage of the second date, land cover of the first, building or not of the first, what
burnt between both."""
FLOOD_TASKS: Mapping[str, Task] = MappingProxyType(
    {
        "water": Task(("dry", "water"), 1),
        "flood": Task(("dry", "flooded", "permanent water"), 2),
    }
)
"""Of landscapes: any water of the second date, or what is flooded between both."""
_NUMBERS = {"count": (1, 10**6), "first": (0, 10**9)}
_C_BAND_UM = 55_500.0
LEAST_SEVERITY, UNBURNT_SEVERITY = 0.2, 0.05
"""From which ground is called burnt, and below which not: a fall of the burn ratio of .185 and .05,
amid the low and amid the unburnt class of Key and Benson (2006, LA-51), see
`geomage.disaster.spread.dnbr`. What lies between hardly shows in red, green and blue: unknown."""
_DRAWN = 1.0  # pixels, of the bell within which optical labels sum up: nobody draws single pixels


@dataclass(frozen=True)
class SimulatedPairParams:
    """Chips of towns."""

    task: str = "damage"
    """Of `PAIR_TASKS`."""
    count: int = 256
    """Chips."""
    first: int = 0
    """Number of the first pair: what is held out begins where training ends."""
    stream: StreamParams = field(default_factory=lambda: StreamParams(size_px=256))
    """Towns, disasters, sensors; with several sensors of other bands a chip cannot be read."""

    def __post_init__(self) -> None:
        _refuse("simulated-pairs", self, PAIR_TASKS)
        _bands_of(self.stream)


@dataclass(frozen=True)
class SimulatedFloodParams:
    """Chips of flooded landscapes, 10 m."""

    task: str = "water"
    """Of `FLOOD_TASKS`."""
    sensors: str = "s1+s2"
    """s1 (VV, VH), s2 (13 bands of L1C), or both, Sentinel-1 first."""
    count: int = 128
    """Chips."""
    first: int = 0
    """Number of the first pair."""
    seen: float = 0.6
    """Share of a cell that shows water from above, from which an optical label says water."""
    pairs: FloodPairParams = field(default_factory=lambda: FloodPairParams(cells=256))
    """Landscapes and floods."""

    def __post_init__(self) -> None:
        _refuse("simulated-floods", self, FLOOD_TASKS)
        refuse_outside("simulated-floods", vars(self), {"seen": (0.01, 1.0)})
        known = ("s1", "s2", "s1+s2")
        if self.sensors not in known:
            raise InputError(
                f"simulated-floods: no sensors {self.sensors!r}: there are {', '.join(known)}"
            )


def _refuse(what: str, params: SimulatedPairParams | SimulatedFloodParams, tasks: object) -> None:
    known = dict(tasks)  # type: ignore[call-overload]
    if params.task not in known:
        raise InputError(
            f"{what}: no task {params.task!r}{near_names(params.task, known)}: "
            f"there are {', '.join(known)}"
        )
    refuse_outside(what, vars(params), _NUMBERS)


# ------------------------------------------------------------------------------ towns


@dataclass(frozen=True)
class SimulatedPairChips:
    """A `ChipMaker` of towns."""

    params: SimulatedPairParams

    @property
    def classes(self) -> tuple[str, ...]:
        """Of the task."""
        return PAIR_TASKS[self.params.task].classes

    @property
    def channels(self) -> tuple[Channel, ...]:
        """Red, green and blue, or the bands of the sensors."""
        return _bands_of(self.params.stream)

    @property
    def names(self) -> tuple[str, ...]:
        """The numbers of the pairs."""
        return _names(self.params.first, self.params.count)

    def make(self, index: int) -> Chip:
        """Simulate a pair and take from it what the task asks for."""
        return self.chip_of(
            SimulatedPairs(self.params.stream).pair(self.params.first + index), index
        )

    def chip_of(self, sample: Sample, index: int) -> Chip:
        """What the task asks for of the pair of chip `index`."""
        dates = PAIR_TASKS[self.params.task].dates
        counts = np.stack([sample.before, sample.after][:dates])
        valid = (counts != 0).any(axis=1).all(axis=0)
        labels = np.where(valid, _answers(sample, self.params.task), UNKNOWN).astype(np.uint8)
        return Chip(
            self.names[index],
            (counts / _full_scale(self.params.stream)).astype(np.float32),
            self.channels,
            sample.gsd,
            valid,
            labels,
            event=self.names[index],
            moments=tuple(
                Moment(sun_deg=float(sample.facts[date]["sun_elevation"]))
                for date in ("before", "after")[:dates]
            ),
        )

    def fingerprint(self) -> str:
        """Of parameters and the simulator's code; not of how many chips there are."""
        return _fingerprint(self.params)


def _answers(sample: Sample, task: str) -> np.ndarray:
    """Label (y, x) of a pair."""
    if task == "damage":
        return sample.damage
    if task == "burnt":
        return _burnt(sample)
    cover = sample.landcover.astype(np.int16) - 1
    said = cover if task == "landcover" else (cover == len(COVERS) - 1).astype(np.int16)
    return np.where(cover < 0, UNKNOWN, said)


def _burnt(sample: Sample) -> np.ndarray:
    """What burnt (y, x); unknown under green crowns, cloud and smoke, and where it hardly did."""
    burn = np.zeros(sample.damage.shape) if sample.burn is None else sample.burn
    told = (burn < UNBURNT_SEVERITY) | (burn >= LEAST_SEVERITY)
    return np.where(told & (sample.obscured == 0), burn >= LEAST_SEVERITY, UNKNOWN)


def _bands_of(stream: StreamParams) -> tuple[Channel, ...]:
    """Channels that all sensors of a stream share."""
    each = {sensor(name).bands for name in stream.sensors} or {VISIBLE}
    if len(each) > 1:
        raise InputError(
            f"simulated-pairs: sensors {', '.join(stream.sensors)} differ in their bands: "
            "give a source for each"
        )
    return tuple(Channel(band.name, band.centre_nm / 1000) for band in each.pop())


def _full_scale(stream: StreamParams) -> float:
    """Counts of reflectance 1: 255 of a camera without a name."""
    scales = {float(sensor(name).scale) for name in stream.sensors} or {255.0}
    if len(scales) > 1:
        raise InputError("simulated-pairs: sensors differ in their scale: give a source for each")
    return scales.pop()


# ------------------------------------------------------------------------------ landscapes


@dataclass(frozen=True)
class SimulatedFloodChips:
    """A `ChipMaker` of landscapes."""

    params: SimulatedFloodParams

    @property
    def classes(self) -> tuple[str, ...]:
        """Of the task."""
        return FLOOD_TASKS[self.params.task].classes

    @property
    def channels(self) -> tuple[Channel, ...]:
        """VV, VH, and the 13 bands of Sentinel-2, as far as asked for."""
        each = {
            "s1": tuple(Channel(name, _C_BAND_UM) for name in ("vv", "vh")),
            "s2": tuple(Channel(b.name, b.centre_nm / 1000) for b in sensor("sentinel2-l1c").bands),
        }
        return tuple(c for name in self.params.sensors.split("+") for c in each[name])

    @property
    def names(self) -> tuple[str, ...]:
        """The numbers of the pairs."""
        return _names(self.params.first, self.params.count)

    def make(self, index: int) -> Chip:
        """Simulate a pair and take from it what the task asks for."""
        pair = FloodPairs(self.params.pairs).pair(self.params.first + index)
        dates = FLOOD_TASKS[self.params.task].dates
        return Chip(
            self.names[index],
            _seen_by(pair, self.params.sensors)[-dates:],
            self.channels,
            10.0,
            np.ones(pair.flood.shape, bool),
            _water(pair, self.params) if dates == 1 else pair.flood,
            event=self.names[index],
        )

    def fingerprint(self) -> str:
        """Of parameters and the simulator's code; not of how many chips there are."""
        code = hashlib.sha256(Path(floods.__file__).read_bytes()).hexdigest()[:16]
        return recipe_hash({"chips": _fingerprint(self.params), "floods": code})


def _seen_by(pair: FloodPair, sensors: str) -> np.ndarray:
    """Both dates (date, band, y, x)."""
    each = {
        "s1": radar_share(np.stack([pair.radar_before, pair.radar_after])),
        "s2": np.stack([pair.optical_before, pair.optical_after]) / 10_000,
    }
    return np.concatenate([each[name] for name in sensors.split("+")], 1).astype(np.float32)


def _water(pair: FloodPair, params: SimulatedFloodParams) -> np.ndarray:
    """Where water stands at the second date (y, x).

    Radar is asked for water on the day of the optical image, under plants too, as labels drawn on
    such an image ask it; an optical image for what it shows of water.
    """
    if params.sensors == "s1":
        return np.where(pair.flood == UNKNOWN, UNKNOWN, pair.seen > 0).astype(np.uint8)
    drawn = ndimage.gaussian_filter(pair.open, _DRAWN) >= params.seen
    return np.asarray(drawn, np.uint8)


def _names(first: int, count: int) -> tuple[str, ...]:
    return tuple(f"{first + k:06d}" for k in range(count))


def _fingerprint(params: SimulatedPairParams | SimulatedFloodParams) -> str:
    plain = asdict(replace(params, count=1, first=0))
    return recipe_hash({"params": plain, "code": simulator_hash()})
