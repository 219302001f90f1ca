"""Styles of real images turned into suns, airs and tones that the simulator is given.

    scenes = survey_scenes(SimulatedPairs(params), range(80))
    table = fit_scenes(scenes, survey_style(real_chips), ResampleParams(effective=0.1), 256)
    StyledPairs(params, table.styles)     # pairs to learn from, drawn from the table

Every simulated image has its parameters x and its statistics s. Taken w = p_real(s) / p_sim(s)
times as often, images look more like real ones, and the flow that is fitted to their parameters
with these weights draws what made them (importance resampling, then `fit_style`). It moves only
what these parameters decide: statistics hang on what stands in an image as well.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from geomage.adapt.baselines.domain import Image
from geomage.adapt.style import ResampleParams, fit_style, weigh_styles
from geomage.adapt.style_statistics import StyleStatistics, measure_style, statistic_names
from geomage.data.chip import Channel
from geomage.data.sample import Sample
from geomage.data.stream import SimulatedPairs
from geomage.data.styled_pairs import SceneStyle
from geomage.sensor import VISIBLE

__all__ = ["SceneTable", "SurveyedScenes", "fit_scenes", "survey_scenes"]

_CHANNELS = tuple(Channel(band.name, band.centre_nm / 1000) for band in VISIBLE)


@dataclass(frozen=True)
class SurveyedScenes:
    """Images of simulated pairs, both dates of each.

    parameters: `SceneStyle.vector` of each. statistics: `measure_style` of each.
    """

    parameters: Float[np.ndarray, "image number"]
    statistics: StyleStatistics


@dataclass(frozen=True)
class SceneTable:
    """Styles to be simulated.

    styles: rows. effective: simulated images that they come from (Kish 1965). power: τ of
    `style_weights`; below 1 the real styles lie where too few simulated ones are.
    """

    styles: tuple[SceneStyle, ...]
    effective: float
    power: float


def survey_scenes(pairs: SimulatedPairs, numbers: Iterable[int]) -> SurveyedScenes:
    """Simulate pairs of a camera without a name, and measure both dates of each."""
    parameters, values = [], []
    for number in numbers:
        sample = pairs.pair(number)
        parameters += [SceneStyle.of(sample.facts[date]).vector() for date in ("before", "after")]
        values += _measured(sample)
    statistics = StyleStatistics(
        statistic_names(_CHANNELS), np.stack(values), np.arange(len(values))
    )
    return SurveyedScenes(np.stack(parameters), statistics)


def _measured(sample: Sample) -> list[np.ndarray]:
    """Statistics of both dates, counts / 255."""
    return [
        measure_style(
            Image(
                (counts / 255).astype(np.float32), (counts != 0).any(axis=0), sample.gsd, _CHANNELS
            )
        )
        for counts in (sample.before, sample.after)
    ]


def fit_scenes(
    made: SurveyedScenes, real: StyleStatistics, params: ResampleParams, count: int
) -> SceneTable:
    """Draw styles whose images are more like real ones.

    Args:
        made: simulated images.
        real: statistics of real ones, of the same bands and about the same GSD.
        params: of the densities, and their seed.
        count: rows.

    Raises:
        InputError: the statistics are not the same ones, or images too few for a flow.
    """
    weights, power = weigh_styles(made.statistics, real, params)
    flow = fit_style(made.parameters, params.style, params.seed, weights)
    rows = flow.sample(count, params.seed)
    return SceneTable(
        tuple(SceneStyle.of_vector(row) for row in rows), float(1 / (weights**2).sum()), power
    )
