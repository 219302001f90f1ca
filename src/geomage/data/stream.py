"""An endless stream of simulated pairs: many towns, disasters, seasons, suns, views and sensors."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from odc.geo.geobox import GeoBox
from scipy import ndimage

from geomage.data.events import HAZARDS, sample_event
from geomage.data.limits import refuse_stream
from geomage.data.negatives import NEGATIVES, change_one
from geomage.data.sample import Sample
from geomage.disaster import Event, calm
from geomage.errors import InputError
from geomage.render.canvas import Noise, burn, onto, stage_box, stage_noise
from geomage.render.engine import Picture, light_and_view
from geomage.render.matter import BUILDING, TREE, Appearance, sample_appearance
from geomage.render.spectra import widen
from geomage.render.stage import Stage, paint
from geomage.sensor import (
    SENSORS,
    Framing,
    Looks,
    SensorModel,
    Shot,
    capture,
    frame,
    sample_looks,
    sample_shot,
    sample_weather,
    sensor,
)
from geomage.world import CityParams, grow_city
from geomage.world.styles import STYLES

__all__ = [
    "SimulatedPairs",
    "StreamParams",
    "green_crowns",
    "refuse_params",
    "sample_event",
    "simulator_hash",
]

MARGIN_M = 34.0  # so that shadows and lean reach in from outside
LATITUDES = (-45.0, 55.0)  # degrees, at which named sensors look
LEAST_DEPTH_M = 0.02  # of flood water that is seen as water
GREEN = 0.3  # share of a crown that is scorched, from which it looks brown
OBSCURED, HIDDEN = 0.5, 0.85
"""Opacity of cloud or smoke from which a pixel is obscured, and from which no grade is told of it.

In between a roof is pale or gone, and its grade is told all the same: a model that never sees what
stands under a veil takes a roof that fades for one that was destroyed.
"""
_ROOMS, _OWN = (
    ("world", "disaster", "render", "sensor"),
    ("events", "negatives", "sample", "stream"),
)


@dataclass(frozen=True)
class StreamParams:
    """What the stream is made of. Shares are relative weights."""

    size_px: int = 512
    gsd_m: tuple[float, float] = (0.3, 1.0)  # drawn evenly in its logarithm; not with `sensors`
    oversample: float = 1.6  # fine pixels a pixel
    negatives: float = 0.0  # share of all pairs in which one harmless thing alone changed
    calm: float = 0.5  # share of the others in which nothing happened
    cloudy: float = 0.2  # share of second dates with cloud
    no_data: float = 0.12  # share of pairs with a part cut away
    shift_px: float = 1.2  # standard deviation of what alignment left over
    sensors: Mapping[str, float] = field(default_factory=dict)
    """Names of `geomage.sensor.SENSORS`; left empty, any camera of any GSD in `gsd_m`."""
    styles: Mapping[str, float] = field(
        default_factory=lambda: {
            "suburb": 2.4,
            "garden": 1.7,
            "mobile": 1.0,
            "culdesac": 1.3,
            "terrace": 0.7,
            "centre": 1.3,
            "oldtown": 0.8,
            "radial": 0.5,
            "estate": 0.6,
            "industry": 0.8,
            "village": 2.0,
            "informal": 1.0,
            "harbour": 0.3,
        },
    )
    hazards: Mapping[str, float] = field(
        default_factory=lambda: {
            "storm": 3.6,
            "earthquake": 1.8,
            "flood": 2.6,
            "fire": 1.2,
            "landslide": 0.4,
            "volcano": 0.3,
        },
    )
    seed: int = 0


def refuse_params(params: StreamParams) -> None:
    """Raise InputError at the first value or name that cannot be simulated."""
    refuse_stream(params, {"styles": STYLES, "hazards": HAZARDS, "sensors": SENSORS})


def _drawn(rng: np.random.Generator, weights: Mapping[str, float]) -> str:
    names, share = list(weights), np.fromiter(weights.values(), float)
    return names[int(rng.choice(len(names), p=share / share.sum()))]


@dataclass(frozen=True)
class _Date:
    """How one date is taken: its looks, air and camera, and the grid it falls on."""

    when: Appearance
    shot: Shot
    model: SensorModel | None
    framing: Framing

    def facts(self) -> dict[str, Any]:
        """JSON values."""
        name = None if self.model is None else self.model.name
        return asdict(self.when) | {"shot": asdict(self.shot), "sensor": name}


@dataclass(frozen=True)
class _Seen:
    """One date of a place: counts (band, y, x), opacity of cloud (y, x), and what lies beneath."""

    counts: np.ndarray
    hidden: np.ndarray
    stage: Stage
    picture: Picture
    framing: Framing

    def pick(self, layer: np.ndarray) -> np.ndarray:
        """A layer of the stage (y, x) as this date sees it."""
        return self.framing.pick(layer.reshape(-1)[self.picture.source])

    def height(self) -> np.ndarray:
        """Of what is seen above terrain, metres: of a wall, where it is seen."""
        height = self.pick(self.stage.height) - self.framing.pick(self.picture.wall)
        return np.asarray(np.maximum(height, 0), np.float32)


@dataclass(frozen=True)
class SimulatedPairs:
    """Random access to the stream: the same parameters and index give the same bytes."""

    params: StreamParams = field(default_factory=StreamParams)

    def __post_init__(self) -> None:
        refuse_params(self.params)

    def pair(self, index: int) -> Sample:
        """Make pair number `index`."""
        if index < 0:
            raise InputError(f"there is no pair {index}: count from 0")
        p = self.params
        rng = np.random.default_rng([p.seed, index])
        kind = _negative(np.random.default_rng([p.seed, index, 1]), p.negatives)
        gsd = float(np.exp(rng.uniform(*np.log(p.gsd_m))))
        model = sensor(_drawn(rng, p.sensors)) if p.sensors else None
        gsd = gsd if model is None else model.gsd
        side = p.size_px * gsd + 2 * MARGIN_M
        city = grow_city(CityParams(side, _drawn(rng, p.styles), int(rng.integers(2**31))))
        if kind or rng.random() < p.calm:
            event = calm(city)
        else:
            event = sample_event(rng, city, _drawn(rng, p.hazards))
        box = _fine_box(event, side, gsd / p.oversample)
        dates = self._dates(rng, box, gsd, model, kind)
        facts = _facts(event, dates, kind) | {"seed": p.seed, "index": index, "gsd": gsd}
        sample = _seen(event, box, dates, facts)
        return _cropped_away(rng, sample) if not kind and rng.random() < p.no_data else sample

    def _dates(
        self, rng: np.random.Generator, box: GeoBox, gsd: float, model: SensorModel | None,
        kind: str,
    ) -> tuple[_Date, _Date]:  # fmt: skip
        p, fine = self.params, float(box.affine.a)
        when = sample_appearance(rng)
        if model is not None:  # suns and views of its hours and angles, at one latitude
            own = np.random.default_rng([p.seed, int(rng.integers(2**31)), 2])
            latitude = float(own.uniform(*LATITUDES))
            when = replace(when, **asdict(sample_looks(own, model, latitude)))
        then = change_one(rng, when, kind) if kind else sample_appearance(rng, when)
        if model is not None and not kind:
            then = replace(then, **asdict(sample_looks(own, model, latitude)))
        off = np.clip(rng.normal(0, p.shift_px, 2), -3, 3) * gsd * (kind == "")
        shape, fine_shape = (p.size_px, p.size_px), box.shape.yx
        here = frame(fine, fine_shape, gsd, shape)
        there = frame(fine, fine_shape, gsd, shape, (float(off[0]), float(off[1])))
        first, second = sample_shot(rng), sample_shot(rng, cloudy=p.cloudy * (kind == ""))
        first = sample_weather(rng, first, _looks(when))
        second = sample_weather(rng, second, _looks(then))
        other = model
        if kind == "sensor":
            other = _another(rng, model, p.sensors)
        elif kind:  # the same camera in the same air; its noise is never the same
            second = replace(first, seed=second.seed, looks=second.looks)
        return _Date(when, first, model, here), _Date(then, second, other, there)


def _looks(when: Appearance) -> Looks:
    """Sun and view of a date, as the sensor room has them."""
    return Looks(when.sun_azimuth, when.sun_elevation, when.off_nadir, when.view_azimuth)


def _negative(rng: np.random.Generator, share: float) -> str:
    """What alone shall change, or nothing for a pair of the usual kind."""
    return str(rng.choice(NEGATIVES)) if rng.random() < share else ""


def _another(
    rng: np.random.Generator, model: SensorModel | None, sensors: Mapping[str, float]
) -> SensorModel | None:
    """Draw another sensor of the same bands; the same where there is none."""
    if model is None:
        return None
    like = {n: w for n, w in sensors.items() if n != model.name and sensor(n).bands == model.bands}
    return sensor(_drawn(rng, like)) if sum(like.values()) > 0 else model


def _fine_box(event: Event, side: float, fine: float) -> GeoBox:
    """The grid of painting and lighting, in the middle of the city."""
    a = event.city.dtm.box.boundingbox
    middle = ((a.left + a.right) / 2, (a.bottom + a.top) / 2)
    return stage_box(middle, side, fine, event.city.dtm.box.crs)


def _facts(event: Event, dates: tuple[_Date, _Date], kind: str) -> dict[str, Any]:
    """What a pair is made from, as JSON values."""
    before, after = dates
    east = (after.framing.col0 - before.framing.col0) / before.framing.ratio
    south = (after.framing.row0 - before.framing.row0) / before.framing.ratio
    return {
        "city": event.city.params.as_dict(), "hazard": event.kind,
        "event": dict(event.parameters), "negative": kind or "none",
        "before": before.facts(), "after": after.facts(),
        "shift_px": [round(east, 4), round(-south, 4)],
    }  # fmt: skip


def _take(event: Event, box: GeoBox, date: _Date, noise: Noise, *, after: bool) -> _Seen:
    """Paint, light and photograph one date."""
    stage = paint(event, box, date.when, noise, after=after)
    if date.model is not None:
        stage = widen(stage, date.model.bands)
    picture = light_and_view(stage, date.when, _framed(date))
    counts, hidden = capture(picture.radiance, date.framing, date.shot, date.model)
    return _Seen(counts, hidden, stage, picture, date.framing)


def _framed(date: _Date) -> tuple[slice, slice] | None:
    """Rows and columns of the stage that a camera sees; None, which is all, for a sensor."""
    if date.model is not None:
        return None
    over = int(4 * date.shot.blur_px * date.framing.ratio) + 2  # its blur is cut at 2.6 sigma
    first, last = ([at[end] for at in date.framing.places] for end in (0, -1))
    rows, columns = (
        slice(max(int(a) - over, 0), int(b) + over + 1) for a, b in zip(first, last, strict=True)
    )
    return rows, columns


def _seen(
    event: Event, box: GeoBox, dates: tuple[_Date, _Date], facts: Mapping[str, Any]
) -> Sample:
    """Both dates of a pair, and its labels."""
    noise = stage_noise(box, event.city.params.seed % 100_003)
    first = _take(event, box, dates[0], noise, after=False)
    second = _take(event, box, dates[1], noise, after=True)
    ids = first.pick(first.stage.footprint)
    cover = _whole_roofs(first.pick(first.stage.cover), ids)
    hidden = second.hidden
    if second.stage.smoke is not None:
        hidden = np.maximum(hidden, second.pick(second.stage.smoke))
    obscured = hidden > OBSCURED
    damage = _damage(event, ids, cover)
    damage[(hidden > HIDDEN) & (damage > 0)] = 255
    changed = second.pick(second.stage.changed) | ((damage >= 2) & (damage < 255))
    water = second.pick(second.stage.water)
    instances = np.where(cover == BUILDING, ids, 0).astype(np.int32)
    return Sample(
        first.counts,
        second.counts,
        landcover=cover,
        landcover_second=second.pick(second.stage.cover),
        damage=damage,
        water=np.where(obscured, 255, water).astype(np.uint8),
        change=np.where(obscured, 255, changed).astype(np.uint8),
        obscured=obscured.astype(np.uint8),
        instances=instances,
        depth=_depth(second, water),
        height=np.stack([first.height(), second.height()]),
        grades=_grades(event, instances),
        gsd=float(facts["gsd"]),
        facts=facts,
        burn=_burn(event, second),
    )


def _burn(event: Event, seen: _Seen) -> np.ndarray | None:
    """Severity of what burnt (y, x), not a number under green crowns; None where none was left."""
    if "burn" not in event.rasters:
        return None
    box = seen.stage.box
    severity = onto(event.rasters["burn"], box)
    severity[green_crowns(event, box) & (severity > 0)] = np.nan
    return seen.pick(severity)


def green_crowns(event: Event, box: GeoBox) -> np.ndarray:
    """Where (y, x) stands a crown that fire left green: what burnt below does not show."""
    trees, states = event.city.trees, event.trees
    green = ((states["standing"] > 0) & (states["scorched"] < GREEN)).to_numpy()
    crowns = trees.geometry.to_numpy()[green], trees["radius"].to_numpy(float)[green]
    return np.asarray(burn([(c, 1) for c in shapely.buffer(*crowns, quad_segs=2)], box) > 0)


def _depth(seen: _Seen, water: np.ndarray) -> np.ndarray:
    """Of the flood water that is seen, metres (y, x)."""
    depth = seen.pick(np.broadcast_to(seen.stage.flood_depth, seen.stage.height.shape))
    return np.where((water > 0) & (depth > LEAST_DEPTH_M), depth, 0).astype(np.float32)


def _grades(event: Event, instances: np.ndarray) -> np.ndarray:
    """Number, visible grade and EMS-98 grade of each building in a raster (n, 3)."""
    columns = ["building_id", "grade_visible", "grade_physical"]
    table = event.buildings[columns].to_numpy(np.int32)
    return np.asarray(table[np.isin(table[:, 0], np.unique(instances))])


def _whole_roofs(cover: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Call a crown over a mostly visible roof building, as a mapper who completes outlines does."""
    n = int(ids.max(initial=0)) + 1
    seen = np.bincount(ids[cover == BUILDING], minlength=n)
    total = np.maximum(np.bincount(ids.ravel(), minlength=n), 1)
    whole = (seen / total) > 0.3
    whole[0] = False
    return np.where((cover == TREE) & whole[ids], BUILDING, cover).astype(np.uint8)


def _damage(event: Event, ids: np.ndarray, cover: np.ndarray) -> np.ndarray:
    """Visible grade of each building pixel, shifted by one."""
    n = int(event.buildings["building_id"].to_numpy().max(initial=0)) + 1
    grade = np.zeros(n, np.uint8)
    grade[event.buildings["building_id"].to_numpy()] = (
        event.buildings["grade_visible"].to_numpy() + 1
    )
    return np.where(cover == BUILDING, grade[ids], 0).astype(np.uint8)


def _cropped_away(rng: np.random.Generator, sample: Sample) -> Sample:
    """Leave part of both images, or of one alone, without data, as at the border of a strip."""
    n = sample.before.shape[1]
    rows, columns = np.indices((n, n))
    angle = rng.normal(0, 0.08) + rng.choice([0, 0.5, 1, 1.5]) * np.pi
    gone = columns * np.cos(angle) + rows * np.sin(angle) - (
        n * max(np.cos(angle), 0) + n * max(np.sin(angle), 0)
    ) > -rng.uniform(5, 0.4 * n)
    keep = ~ndimage.binary_dilation(gone, iterations=1)
    which = rng.choice(["both", "before", "after"], p=[0.4, 0.15, 0.45])
    first = keep | (which == "after")
    second = keep | (which == "before")
    return replace(
        sample,
        before=sample.before * first,
        after=sample.after * second,
        landcover=sample.landcover * first,
        landcover_second=sample.landcover_second * second,
        damage=np.where(second, sample.damage, np.minimum(sample.damage, 1) * 255).astype(np.uint8)
        * first,
        water=np.where(second, sample.water, 255).astype(np.uint8),
        change=np.where(first & second, sample.change, 255).astype(np.uint8),
        obscured=np.where(second, sample.obscured, 255).astype(np.uint8),
        instances=sample.instances * first,
        grades=sample.grades[np.isin(sample.grades[:, 0], sample.instances[first])],
        depth=sample.depth * second,
        height=sample.height * np.stack([first, second]),
        burn=None if sample.burn is None else sample.burn * second,
    )


@cache
def simulator_hash() -> str:
    """Digest of every source file that pairs depend on."""
    package = Path(__file__).parents[1]
    files = [path for room in _ROOMS for path in (package / room).rglob("*.py")]
    files += [package / "data" / f"{name}.py" for name in _OWN]
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]
