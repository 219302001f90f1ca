"""An endless stream of simulated pairs: many towns, disasters, seasons, suns, views and sensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

from geomage.data.events import sample_event
from geomage.data.sample import Sample
from geomage.disaster import Event, calm
from geomage.render.canvas import stage_box, stage_noise
from geomage.render.engine import light_and_view
from geomage.render.matter import BUILDING, TREE, sample_appearance
from geomage.render.stage import paint
from geomage.sensor import capture, frame, sample_shot
from geomage.world import CityParams, grow_city

__all__ = ["SimulatedPairs", "StreamParams", "sample_event"]

MARGIN_M = 34.0  # so that shadows and lean reach in from outside


@dataclass(frozen=True)
class StreamParams:
    """What the stream is made of. Shares are relative weights."""

    size_px: int = 512
    gsd_m: tuple[float, float] = (0.3, 1.0)
    oversample: float = 1.6  # fine pixels a pixel
    calm: float = 0.5  # share of pairs in which nothing happened
    cloudy: float = 0.1
    no_data: float = 0.12
    shift_px: float = 1.2  # standard deviation of what alignment left over
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


def _drawn(rng: np.random.Generator, weights: Mapping[str, float]) -> str:
    names, share = list(weights), np.fromiter(weights.values(), float)
    return names[int(rng.choice(len(names), p=share / share.sum()))]


@dataclass(frozen=True)
class SimulatedPairs:
    """Random access to the stream: the same parameters and index give the same bytes."""

    params: StreamParams = field(default_factory=StreamParams)

    def pair(self, index: int) -> Sample:
        """Make pair number `index`."""
        p = self.params
        rng = np.random.default_rng([p.seed, index])
        gsd = float(np.exp(rng.uniform(*np.log(p.gsd_m))))
        fine = gsd / p.oversample
        side = p.size_px * gsd + 2 * MARGIN_M
        city = grow_city(CityParams(side, _drawn(rng, p.styles), int(rng.integers(2**31))))
        event = (
            calm(city) if rng.random() < p.calm else sample_event(rng, city, _drawn(rng, p.hazards))
        )
        return self._seen(rng, event, gsd, fine, side)

    def _seen(
        self, rng: np.random.Generator, event: Event, gsd: float, fine: float, side: float
    ) -> Sample:
        p = self.params
        a = event.city.dtm.box.boundingbox
        box = stage_box(
            ((a.left + a.right) / 2, (a.bottom + a.top) / 2), side, fine, event.city.dtm.box.crs
        )
        noise = stage_noise(box, event.city.params.seed % 100_003)
        when = sample_appearance(rng)
        then = sample_appearance(rng, when)
        shape = (p.size_px, p.size_px)
        fine_shape = box.shape.yx
        here = frame(fine, fine_shape, gsd, shape)
        off = np.clip(rng.normal(0, p.shift_px, 2), -3, 3) * gsd
        there = frame(fine, fine_shape, gsd, shape, (float(off[0]), float(off[1])))
        stage = paint(event, box, when, noise, after=False)
        picture = light_and_view(stage, when)
        before, _ = capture(picture.radiance, here, sample_shot(rng))
        cover = here.pick(stage.cover.reshape(-1)[picture.source])
        ids = here.pick(stage.footprint.reshape(-1)[picture.source])
        cover = _whole_roofs(cover, ids)
        stage = paint(event, box, then, noise, after=True)
        picture = light_and_view(stage, then)
        after, hidden = capture(picture.radiance, there, sample_shot(rng, cloudy=p.cloudy))
        water = there.pick(stage.water.reshape(-1)[picture.source])
        change = there.pick(stage.changed.reshape(-1)[picture.source])
        damage = _damage(event, ids, cover)
        obscured = hidden > 0.5
        if stage.smoke is not None:
            obscured |= there.pick(stage.smoke.reshape(-1)[picture.source]) > 0.5
        damage[(obscured) & (damage > 0)] = 255
        change = np.where(obscured, 255, change | ((damage >= 2) & (damage < 255)))
        water = np.where(obscured, 255, water)
        sample = Sample(
            before,
            after,
            cover,
            damage,
            water.astype(np.uint8),
            change.astype(np.uint8),
            obscured.astype(np.uint8),
            gsd,
        )
        return _cropped_away(rng, sample) if rng.random() < p.no_data else sample


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
    return Sample(
        sample.before * first,
        sample.after * second,
        sample.landcover * first,
        np.where(second, sample.damage, np.minimum(sample.damage, 1) * 255).astype(np.uint8)
        * first,
        np.where(second, sample.water, 255).astype(np.uint8),
        np.where(first & second, sample.change, 255).astype(np.uint8),
        np.where(second, sample.obscured, 255).astype(np.uint8),
        sample.gsd,
    )
