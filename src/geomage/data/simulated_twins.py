"""Twins (`geomage.data.twins`) as chips that are made once: one source a sensor, of like places."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from geomage.data import twins
from geomage.data.chip import Channel, Chip
from geomage.data.stream import simulator_hash
from geomage.data.tables import recipe_hash
from geomage.data.twins import TwinParams, TwinsOf
from geomage.errors import InputError, near_names
from geomage.sensor import sensor

__all__ = ["SimulatedTwinChips", "SimulatedTwinParams"]


@dataclass(frozen=True)
class SimulatedTwinParams:
    """Chips of one of the sensors."""

    sensor: str = "spot-1.5"
    """One of `twins.sensors`."""
    twins: TwinParams = field(default_factory=TwinParams)
    """Places, and all sensors that look at them."""

    def __post_init__(self) -> None:
        known = self.twins.sensors
        if self.sensor not in known:
            near = near_names(self.sensor, known)
            raise InputError(
                f"simulated-twins: sensor {self.sensor!r}{near} is none of {', '.join(known)}: "
                "name all sensors in twins = { sensors = [...] }, alike in both sources"
            )


@dataclass(frozen=True)
class SimulatedTwinChips:
    """A `ChipMaker` of twins."""

    params: SimulatedTwinParams

    @property
    def classes(self) -> tuple[str, ...]:
        """Land cover."""
        return self._source.classes

    @property
    def channels(self) -> tuple[Channel, ...]:
        """Bands of the sensor."""
        bands = sensor(self.params.sensor).bands
        return tuple(Channel(band.name, band.centre_nm / 1000) for band in bands)

    @property
    def names(self) -> tuple[str, ...]:
        """One a place; the same for every sensor."""
        return self._source.names

    @property
    def _source(self) -> TwinsOf:
        return TwinsOf(self.params.twins, self.params.sensor)

    def make(self, index: int) -> Chip:
        """Grow a place and look at it."""
        return self._source.chip(index)

    def fingerprint(self) -> str:
        """Of parameters and the simulator's code; not of how many places there are."""
        plain = asdict(replace(self.params, twins=replace(self.params.twins, count=1)))
        code = hashlib.sha256(Path(twins.__file__).read_bytes()).hexdigest()[:16]
        return recipe_hash({"params": plain, "twins": code, "code": simulator_hash()})
