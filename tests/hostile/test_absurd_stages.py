"""Stages, dates and shots that cannot be: refused before a kernel reads out of its arrays."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from geomage.data import SimulatedPairs, StreamParams
from geomage.errors import InputError
from geomage.render import light_and_view
from geomage.render.matter import Appearance
from geomage.sensor import Band, Shot, capture, frame
from towns import stage

HOUSE = np.zeros((24, 24), np.float32)
HOUSE[8:16, 8:16] = 6
NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    "change",
    [
        {"albedo": np.zeros((2, 24, 24), np.float32)},
        {"albedo": np.zeros((3, 24, 5), np.float32)},
        {"height": HOUSE[:5]},
        {"matter": np.zeros((5, 24), np.uint8)},
        {"bands": ()},
    ],
)
def test_a_stage_whose_layers_do_not_fit_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"of a stage is|holds nothing|2 x 2 px"):
        replace(stage(HOUSE), **change)


@pytest.mark.parametrize(
    "change",
    [
        {"albedo": np.full((3, 24, 24), NAN, np.float32)},
        {"height": HOUSE + np.float32(INF)},
        {"ids": np.full((24, 24), 10**6, np.int32)},
        {"ids": np.full((24, 24), -5, np.int32)},
    ],
)
def test_values_that_lead_out_of_arrays_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"not finite|walls those of"):
        light_and_view(replace(stage(HOUSE), **change), Appearance(off_nadir=25.0))


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        *(({"sun_elevation": up}, "above the horizon") for up in (0.0, -10.0, 91.0, NAN, INF)),
        *(({"off_nadir": off}, r"outside 0\.\.45") for off in (90.0, -1.0, NAN, INF)),
        ({"sun_azimuth": NAN}, "finite"),
        ({"veil": INF}, "finite"),
    ],
)
def test_a_date_that_cannot_be_is_refused(change: dict[str, float], hint: str) -> None:
    with pytest.raises(InputError, match=hint):
        Appearance(**change)  # type: ignore[arg-type]


def test_a_view_farther_aside_than_can_be_rendered_is_refused() -> None:
    with pytest.raises(InputError, match=r"45\.1 degrees off nadir is outside 0\.\.45"):
        light_and_view(stage(HOUSE), Appearance(off_nadir=45.1))


@pytest.mark.parametrize(
    "change",
    [{"gamma": 0.0}, {"white": 0.0}, {"noise": NAN}, {"cloud": 5.0}, {"jpeg": -3}, {"seed": -1},
     {"blur_px": NAN}, {"aerosol": NAN}],
)  # fmt: skip
def test_a_shot_that_cannot_be_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="of a shot is"):
        Shot(**change)


def test_radiance_and_frames_that_cannot_be_are_refused() -> None:
    grey, framing = np.full((3, 20, 20), 0.3, np.float32), frame(0.5, (20, 20), 1.0, (8, 8))
    for odd in (grey * np.float32(NAN), grey[:, :1], grey[:2]):
        with pytest.raises(InputError):
            capture(odd, framing, Shot())
    for change in ({"ratio": 0.0}, {"row0": NAN}, {"rows": 0}):
        with pytest.raises(InputError, match="a frame"):
            replace(framing, **change)
    with pytest.raises(InputError, match="wide"):
        Band("x", 800.0, INF)


@pytest.mark.parametrize("change", [{"size_px": -1}, {"oversample": 0.0}, {"styles": {}}])
def test_a_stream_that_cannot_be_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        SimulatedPairs(StreamParams(**change))
