"""Laws of the flow at work: identity, inverse, tiles, bytes, and what is refused."""

from __future__ import annotations

import json
import math
import pickle
import subprocess
import sys
from dataclasses import dataclass, replace

import numpy as np
import pytest
from small_domains import RADAR, TARGET, Houses

from geomage.adapt.flow.coupling import CouplingParams
from geomage.adapt.flow.crops import PoolParams
from geomage.adapt.flow.pairs import PairParams
from geomage.adapt.flow.params import DistilParams, FlowParams, LatentFlowParams, LatentParams
from geomage.adapt.flow.path import LinearPath
from geomage.adapt.flow.solver import SolverParams, solve
from geomage.adapt.flow.squares import over_squares
from geomage.adapt.flow.translator import build_flow
from geomage.adapt.method import Domains, Fitting
from geomage.adapt.methods import METHODS
from geomage.data.chip import Chip, Moment
from geomage.data.translation import TranslatedChips, Window, measure_figures, translate_chip
from geomage.errors import InputError, ModelError, RunError
from geomage.learn.loop_params import LoopParams
from geomage.model.velocity_blueprint import VelocityTransformerParams, VelocityUNetParams

LOOP = LoopParams(
    steps=30, epoch=30, learning_rate=5e-3, ema=0.9, bfloat16=False, device="cpu", threads=1
)
PAIRS = PairParams(PoolParams(16), CouplingParams())
PARAMS = FlowParams(unet=VelocityUNetParams((8, 12), 1, 16), pairs=PAIRS, strength=1.0)
DOMAINS = Domains(Houses(), Houses(TARGET, seed=1))


def fit(tmp_path, params=PARAMS, domains=DOMAINS, method="flow", loop=LOOP):
    return METHODS[method].fit(params, Fitting(domains, tmp_path, 0, loop, crop=16, batch=8))


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    return fit(tmp_path_factory.mktemp("flow"))


@pytest.fixture(scope="module")
def window():
    chip = Houses(seed=5, side=160).chip(3)
    return Window(chip.pixels[0], chip.valid, chip.gsd_m, labels=chip.labels)


def said(parts, window, style=0, **numbers):
    changed = parts._replace(numbers={**parts.numbers, **numbers})
    return build_flow(changed).translate(
        window, measure_figures(window.pixels, window.valid), style
    )


def cut(window, row, column, side):
    part = np.s_[..., row : row + side, column : column + side]
    return replace(
        window,
        pixels=window.pixels[part],
        valid=window.valid[part],
        labels=window.labels[part],
        row=row,
        column=column,
    )


def test_strength_0_returns_the_input_and_more_changes_more(parts, window):
    assert np.array_equal(said(parts, window, strength=0.0), window.pixels)
    moved = [np.abs(said(parts, window, strength=s) - window.pixels).mean() for s in (0.2, 0.6, 1)]
    assert moved == sorted(moved)
    assert moved[0] > 0


def test_it_goes_part_of_the_way_unless_pairs_say_where_to_go(tmp_path):
    unsaid, short = replace(PARAMS, strength=None), replace(LOOP, steps=1, epoch=1)
    assert fit(tmp_path, unsaid, loop=short).numbers["strength"] == 0.6
    twins = Domains(Houses(), Houses(TARGET), paired=True)
    (tmp_path / "twins").mkdir()
    assert fit(tmp_path / "twins", unsaid, twins, loop=short).numbers["strength"] == 1
    assert unsaid.way(paired=False) == FlowParams().way(paired=False)


@dataclass(frozen=True)
class Sunny(Houses):
    """Houses whose sun is known, and the day of them where it is told."""

    day: float = math.nan

    def chip(self, index: int) -> Chip:
        return replace(super().chip(index), moments=(Moment(20.0 + 10 * index, self.day),))


@pytest.mark.parametrize(
    ("domains", "features"),
    [
        (DOMAINS, ["cover", "structure", "gsd"]),
        (Domains(Sunny(), Houses(TARGET)), ["cover", "structure", "gsd"]),
        (Domains(Sunny(day=5.0), Sunny(TARGET)), ["cover", "structure", "gsd", "sun"]),
        (Domains(Houses(), Houses(TARGET), paired=True), []),
    ],
    ids=["neither", "one", "both", "pairs"],
)
def test_a_run_says_what_its_pairs_were_chosen_by(tmp_path, domains, features):
    fit(tmp_path, domains=domains, loop=replace(LOOP, steps=1, epoch=1))
    found = json.loads((tmp_path / "coupling.json").read_text())
    assert found == {"kind": "paired" if domains.paired else "optimal", "compared": features}


def test_it_moves_the_source_towards_the_target(parts):
    source, target = (
        np.stack([domain.chip(k).pixels[0] for k in range(6)])
        for domain in (DOMAINS.source, DOMAINS.target)
    )
    chips = TranslatedChips(DOMAINS.source, build_flow(parts))
    made = np.stack([chips.chip(k).pixels[0] for k in range(6)])
    goal = np.array(TARGET[0])[:, None, None]
    ground = np.stack([DOMAINS.source.chip(k).labels == 0 for k in range(6)])[:, None]
    far, near = (np.abs((x - goal) * ground).sum() / ground.sum() for x in (source, made))
    assert near < 0.5 * far
    assert target.shape == made.shape


def test_tiles_make_the_whole(parts, window):
    whole = said(parts, window, style=4)
    halo = parts.card.halo_px
    assert halo % parts.card.stride_px == 0
    side, step = 32 + 2 * halo, 32
    for row, column in ((0, 0), (16, 8)):
        tile = said(parts, cut(window, row, column, side), style=4)
        inner = np.s_[:, halo : halo + step, halo : halo + step]
        there = np.s_[:, row + halo : row + halo + step, column + halo : column + halo + step]
        np.testing.assert_allclose(tile[inner], whole[there], atol=1e-5)


def test_styles_differ_and_one_style_says_the_same_of_the_same(parts, window):
    one, again, other = (said(parts, window, style) for style in (1, 1, 2))
    assert np.array_equal(one, again)
    translator = build_flow(parts)
    figures = measure_figures(window.pixels, window.valid)
    assert np.array_equal(translator.translate(window, figures, 1), one)
    abroad = pickle.loads(pickle.dumps(translator))  # noqa: S301 -- our own
    assert np.array_equal(abroad.translate(window, figures, 1), one)
    assert np.abs(one - other).mean() > 1e-4


def test_the_flow_of_a_learnt_model_inverted_returns_the_input(parts):
    session = build_flow(parts)._sessions["velocity"]
    pixels = DOMAINS.source.chip(0).pixels[:, :, :32, :32]
    x = (pixels - pixels.mean()) / pixels.std()
    told = {"gsd": np.full(1, 0.5, np.float32), "given": np.ones((1, 3, 32, 32), np.float32)}

    def v(x, t):
        feed = {"x": x.astype(np.float32), "t": np.full(1, t, np.float32), **told}
        return session.run(None, feed)[0]

    params = SolverParams("adaptive", tolerance=1e-5)
    there = solve(v, x, params, 0.0, 1.0)
    back = solve(v, there.x, params, 1.0, 0.0)
    moved = np.abs(there.x - x).mean()
    assert moved > 0.05
    assert np.abs(back.x - x).mean() < 0.005 * moved


def test_the_same_seed_gives_the_same_bytes(parts, tmp_path):
    again = fit(tmp_path)
    assert again.networks == parts.networks
    assert again.numbers == parts.numbers


def test_what_is_no_data_stays_so_and_any_size_will_do(parts):
    chip = Houses(seed=5, side=37, blank=0.4).chip(2)
    made = translate_chip(build_flow(parts), chip, 3)
    assert made.pixels.shape == chip.pixels.shape
    assert not made.pixels[0][:, ~chip.valid].any()
    assert np.isfinite(made.pixels).all()
    assert made.pixels.min() >= 0
    assert made.pixels.max() <= 1


def test_it_does_without_labels(parts, window):
    bare = said(parts, replace(window, labels=None))
    assert np.isfinite(bare).all()
    assert np.abs(bare - said(parts, window)).max() > 1e-4


def test_steps_chosen_by_the_adaptive_solver_are_kept(tmp_path, window):
    params = replace(PARAMS, solver=SolverParams("adaptive", tolerance=3e-2))
    parts = fit(tmp_path, params)
    times = parts.numbers["times"]
    assert times[0] == 0
    assert times[-1] == 1
    assert parts.numbers["method"] == "bogacki-shampine"
    half = said(parts, cut(window, 0, 0, 32), strength=0.5)
    assert np.isfinite(half).all()


def test_a_student_goes_in_few_steps_from_its_own_strength_alone(tmp_path, window):
    params = replace(PARAMS, strength=0.5, distil=DistilParams(2, 0.25))
    parts = fit(tmp_path, params)
    assert parts.numbers["times"] == [0.5, 0.75, 1.0]
    assert np.isfinite(said(parts, window)).all()
    assert np.array_equal(said(parts, window, strength=0.0), window.pixels)
    with pytest.raises(InputError, match=r"strength must be 0\.5, not 0\.9"):
        said(parts, window, strength=0.9)


def test_paired_domains_of_other_bands_begin_at_noise_told_the_source(tmp_path, window):
    radar = ((0.2, 0.3), (0.8, 0.5))
    domains = Domains(Houses(radar, RADAR), Houses(), paired=True)
    parts = fit(tmp_path, replace(PARAMS, path=LinearPath()), domains)
    assert [c.name for c in parts.card.made] == ["red", "green", "blue"]
    assert not parts.numbers["from_source"]
    chip = Houses(radar, RADAR, seed=9).chip(4)
    made = translate_chip(build_flow(parts), chip, 0)
    assert made.pixels.shape == (1, 3, 48, 48)
    houses, ground = (made.pixels[0][:, chip.labels == k].mean() for k in (1, 0))
    assert houses > ground + 0.2
    with pytest.raises(InputError, match="no half-way"):
        said(parts, replace(window, pixels=window.pixels[:2]), strength=0.5)
    with pytest.raises(InputError, match=r"strength = 0\.5"):
        fit(tmp_path / "half", replace(PARAMS, strength=0.5), domains)


def test_a_transformer_works_on_blended_squares(tmp_path, window):
    params = replace(
        PARAMS, network="transformer", transformer=VelocityTransformerParams(16, 2, 2, 4)
    )
    parts = fit(tmp_path, params, loop=replace(LOOP, steps=10))
    assert (parts.card.stride_px, parts.card.halo_px) == (8, 8)
    whole = said(parts, cut(window, 0, 0, 64))
    tile = said(parts, cut(window, 8, 16, 40))
    np.testing.assert_allclose(tile[:, 8:32, 8:32], whole[:, 16:40, 24:48], atol=1e-5)


def test_hats_of_squares_sum_to_one():
    stack = np.random.default_rng(0).random((2, 20, 33))
    np.testing.assert_allclose(over_squares(lambda part, _: part, stack, (8, 0), 16), stack)


# ------------------------------------------------------------------------------ latent


def test_a_flow_of_cells_keeps_masks_and_strength_0_is_the_identity(tmp_path, window):
    short = replace(PARAMS, solver=SolverParams("euler", 1))
    params = LatentFlowParams(short, LatentParams(width=16, share=2.5))
    parts = fit(tmp_path, params, method="latent-flow", loop=replace(LOOP, learning_rate=3e-3))
    assert parts.card.stride_px == 4
    assert parts.numbers["cell"] == 2
    assert np.array_equal(said(parts, window, strength=0.0), window.pixels)
    small = np.abs(said(parts, window, strength=1e-6, source_noise=0.0) - window.pixels)
    assert small.max() < 1e-4
    halo = parts.card.halo_px
    whole = said(parts, window)
    tile = said(parts, cut(window, 8, 4, 2 * halo + 8))
    inner = np.s_[:, halo : halo + 8, halo : halo + 8]
    there = np.s_[:, 8 + halo : 16 + halo, 4 + halo : 12 + halo]
    np.testing.assert_allclose(tile[inner], whole[there], atol=1e-5)


def test_masks_that_do_not_survive_end_the_run_with_figures(tmp_path):
    params = LatentFlowParams(PARAMS, LatentParams(4, 1, 8, 1, share=0.05))
    with pytest.raises(RunError, match=r"IoU 0\.\d+ after a round trip, 0.98 is asked .*building"):
        fit(tmp_path, params, method="latent-flow")


def test_cells_of_two_sensors_flow_from_the_source(tmp_path):
    radar = ((0.2, 0.3), (0.8, 0.5))
    domains = Domains(Houses(radar, RADAR), Houses(), paired=True)
    params = LatentFlowParams(PARAMS, LatentParams(width=16, share=1.0, least_iou=0.0))
    parts = fit(tmp_path, params, domains, "latent-flow")
    assert parts.numbers["from_source"]
    made = translate_chip(build_flow(parts), domains.source.chip(0), 0)
    assert made.pixels.shape == (1, 3, 48, 48)


# ------------------------------------------------------------------------------ refused


def test_what_cannot_be_is_refused(parts, tmp_path, window):
    with pytest.raises(InputError, match="a window of 2 bands"):
        said(parts, replace(window, pixels=window.pixels[:2]))
    with pytest.raises(InputError, match="multiples of 2"):
        said(parts, replace(window, row=1))
    with pytest.raises(ModelError, match="no flow without decode"):
        build_flow(parts._replace(networks={"velocity": b"", "encode": b""}))
    with pytest.raises(InputError, match="multiple of 4"):
        METHODS["flow"].fit(
            replace(PARAMS, unet=VelocityUNetParams((8, 8, 8), 1, 8)),
            Fitting(DOMAINS, tmp_path, crop=18),
        )
    with pytest.raises(InputError, match=r"set latent\.least_iou to 0"):
        fit(
            tmp_path,
            LatentFlowParams(),
            Domains(Houses(labelled=False), Houses()),
            "latent-flow",
        )


def test_a_translation_needs_no_torch():
    code = "import geomage.adapt.methods, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
