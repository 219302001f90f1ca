"""The same simulated place as several sensors see it: what learning across sensors needs.

Sensors differ in bands, GSD, radiometry, hour and view; the town, its matter and its labels are
one. Nothing has happened to it: dates differ by season, sun, view and air.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from odc.geo.geobox import GeoBox

from geomage.data.chip import UNKNOWN, Channel, Chip
from geomage.data.stream import LATITUDES, MARGIN_M, StreamParams
from geomage.disaster import Event, calm
from geomage.errors import InputError
from geomage.render import (
    Appearance,
    Noise,
    light_and_view,
    paint,
    sample_appearance,
    stage_box,
    stage_noise,
    widen,
)
from geomage.sensor import (
    Looks,
    SensorModel,
    capture,
    frame,
    sample_looks,
    sample_shot,
    sample_weather,
    sensor,
)
from geomage.world import CityParams, grow_city

__all__ = ["COVERS", "TwinParams", "TwinsOf", "twins"]

COVERS = ("bareland", "rangeland", "developed", "road", "tree", "water", "agriculture", "building")
"""Names of labels 0..7: the land cover classes 1..8."""


@dataclass(frozen=True)
class TwinParams:
    """Which places, and who looks at them."""

    sensors: tuple[str, ...] = ("pleiades-0.5", "spot-1.5")
    """Names of `geomage.sensor.SENSORS`."""
    count: int = 256
    """Places."""
    side_m: float = 192.0
    """Side of a place, metres."""
    dates: int = 1
    """Dates a sensor; the labels are those of the first."""
    oversample: float = 1.3
    """Fine pixels a pixel of the finest sensor."""
    styles: Mapping[str, float] = field(default_factory=lambda: StreamParams().styles)
    """Relative weights of the styles of town."""
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.sensors:
            raise InputError("twins need at least one sensor")
        if self.dates < 1:
            raise InputError(f"{self.dates} dates: give at least 1")
        if not self.side_m > 0:
            raise InputError(f"a place of {self.side_m:g} m: give metres above 0")
        for name in self.sensors:
            sensor(name)


@dataclass(frozen=True)
class _Place:
    """A town, the grid it is painted on and its grain."""

    event: Event
    box: GeoBox
    noise: Noise
    latitude: float


def twins(params: TwinParams, index: int) -> tuple[Chip, ...]:
    """Place `index` as each of the sensors sees it, in their order."""
    place = _place(params, index)
    return tuple(_chip(params, place, index, name) for name in params.sensors)


@dataclass(frozen=True)
class TwinsOf:
    """The places as one of the sensors sees them: a `ChipSource`."""

    params: TwinParams
    sensor: str

    @property
    def classes(self) -> tuple[str, ...]:
        """Land cover."""
        return COVERS

    @property
    def names(self) -> tuple[str, ...]:
        """One a place; the same for every sensor."""
        return tuple(_name(index) for index in range(self.params.count))

    def chip(self, index: int) -> Chip:
        """Grow place `index` and look at it."""
        return _chip(self.params, _place(self.params, index), index, self.sensor)


def _name(index: int) -> str:
    return f"place_{index:05d}"


def _place(params: TwinParams, index: int) -> _Place:
    if not 0 <= index < params.count:
        raise InputError(f"there is no place {index}: count from 0 to {params.count - 1}")
    rng = np.random.default_rng([params.seed, index])
    names, share = list(params.styles), np.fromiter(params.styles.values(), float)
    style = names[int(rng.choice(len(names), p=share / share.sum()))]
    side = params.side_m + 2 * MARGIN_M
    city = grow_city(CityParams(side, style, int(rng.integers(2**31))))
    fine = min(sensor(name).gsd for name in params.sensors) / params.oversample
    a = city.dtm.box.boundingbox
    middle = ((a.left + a.right) / 2, (a.bottom + a.top) / 2)
    box = stage_box(middle, side, fine, city.dtm.box.crs)
    noise = stage_noise(box, city.params.seed % 100_003)
    return _Place(calm(city), box, noise, float(rng.uniform(*LATITUDES)))


def _chip(params: TwinParams, place: _Place, index: int, name: str) -> Chip:
    if name not in params.sensors:
        raise InputError(f"{name} is none of the sensors of these places: {params.sensors}")
    model = sensor(name)
    which = params.sensors.index(name)
    dates = [
        _look(params, place, model, np.random.default_rng([params.seed, index, 1 + which, date]))
        for date in range(params.dates)
    ]
    pixels = np.stack([image for image, _ in dates])
    cover = dates[0][1]
    return Chip(
        _name(index),
        pixels,
        tuple(Channel(band.name, band.centre_nm / 1000) for band in model.bands),
        model.gsd,
        np.asarray((pixels > 0).any(axis=1).all(axis=0)),
        np.where(cover > 0, cover - 1, UNKNOWN).astype(np.uint8),
        event=_name(index),
    )


def _look(
    params: TwinParams, place: _Place, model: SensorModel, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Image (band, y, x), 0..1, and land cover (y, x) of one date."""
    looks = sample_looks(rng, model, place.latitude)
    when: Appearance = replace(sample_appearance(rng), **vars(looks))
    side = round(params.side_m / model.gsd)
    framing = frame(float(place.box.affine.a), place.box.shape.yx, model.gsd, (side, side))
    stage = widen(paint(place.event, place.box, when, place.noise, after=False), model.bands)
    picture = light_and_view(stage, when, None)
    seen = Looks(when.sun_azimuth, when.sun_elevation, when.off_nadir, when.view_azimuth)
    shot = sample_weather(rng, sample_shot(rng), seen)
    counts, _ = capture(picture.radiance, framing, shot, model)
    image = np.clip(counts / model.scale, 0, 1).astype(np.float32)
    return image, framing.pick(stage.cover.reshape(-1)[picture.source])
