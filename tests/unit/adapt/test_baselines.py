"""Laws of the methods that need no network: what they match, what they keep, what they refuse."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from made_domains import RADAR, SOURCE, TARGET, Scenes, fitting

from geomage.adapt.baselines import (
    BASELINES,
    ColourParams,
    FourierParams,
    HistogramParams,
    IdentityParams,
    SpectrumParams,
)
from geomage.adapt.baselines.bank import Weighed, pool_figures, refuse_large
from geomage.adapt.baselines.colour import MAPS
from geomage.adapt.baselines.domain import Image
from geomage.adapt.baselines.fourier import low_amplitudes, swap_amplitude
from geomage.adapt.baselines.histogram import match_quantiles
from geomage.adapt.baselines.spectra import measure_amplitudes, zero_phase_kernel
from geomage.adapt.baselines.spectrum import radial_mean
from geomage.adapt.method import Parts
from geomage.adapt.methods import METHODS
from geomage.data.splits import ChosenChips
from geomage.data.translation import Translator, Window, measure_figures, translate_chip
from geomage.errors import CorruptError, InputError, RunError

PLAIN = {
    "identity": IdentityParams(),
    "histogram": HistogramParams(),
    "colour": ColourParams(match="image"),
    "fourier": FourierParams(side=16, beta=0.2),
    "spectrum": SpectrumParams(side=8),
}
POOLED = [
    HistogramParams(match="domain"),
    ColourParams(match="domain"),
    SpectrumParams(8, match="domain"),
]


def made(name: str, params: object, out: Path, **domains: object) -> Translator:
    parts = BASELINES[name].fit(params, fitting(out, **domains))
    return BASELINES[name].build(parts)


def figures_of(chip):
    return measure_figures(chip.pixels[0], chip.valid)


@pytest.mark.parametrize("name", PLAIN)
def test_each_is_a_row_and_a_translator(name: str, tmp_path: Path):
    method = METHODS[name]
    assert method.params is type(PLAIN[name])
    translator = made(name, PLAIN[name], tmp_path)
    assert isinstance(translator, Translator)
    card = translator.card
    assert (card.method, card.channels, card.made) == (name, SOURCE.channels, TARGET.channels)
    assert card.gsd_m == (0.5, 0.5)
    seen = translate_chip(translator, SOURCE.chip(0), 3)
    assert seen.pixels.dtype == np.float32
    assert np.isfinite(seen.pixels).all()
    assert (name == "identity") == np.array_equal(seen.pixels, SOURCE.chip(0).pixels)


@pytest.mark.parametrize("name", PLAIN)
def test_parts_are_plain_and_repeat(name: str, tmp_path: Path):
    one, again = (BASELINES[name].fit(PLAIN[name], fitting(tmp_path)) for _ in range(2))
    assert one.numbers == again.numbers
    assert all(isinstance(v, bool | int | float | str) for v in one.numbers.values())
    assert one.tables.keys() == again.tables.keys()
    assert all(np.array_equal(one.tables[k], again.tables[k]) for k in one.tables)
    # as JSON would give them back
    back = one._replace(tables={k: np.asarray(v.tolist()) for k, v in one.tables.items()})
    chip = SOURCE.chip(1)
    first, second = (translate_chip(BASELINES[name].build(p), chip, 7) for p in (one, back))
    np.testing.assert_allclose(first.pixels, second.pixels, atol=1e-6)


@pytest.mark.parametrize("name", PLAIN)
def test_windows_join_without_seams(name: str, tmp_path: Path):
    translator = made(name, PLAIN[name], tmp_path)
    chip, halo = Scenes(side=96).chip(0), translator.card.halo_px
    figures = figures_of(chip)
    whole = translator.translate(Window(chip.pixels[0], chip.valid, 0.5), figures, 5)
    y, x = 23, 31
    part = np.s_[..., y : y + 50, x : x + 44]
    window = Window(chip.pixels[0][part], chip.valid[part], 0.5, y, x)
    inner = np.s_[:, halo : 50 - halo, halo : 44 - halo]
    found = translator.translate(window, figures, 5)
    np.testing.assert_allclose(found[inner], whole[part][inner], atol=1e-6)


@pytest.mark.parametrize("name", PLAIN)
def test_half_no_data_stays_so_and_says_nothing(name: str, tmp_path: Path):
    half = replace(SOURCE, seen=0.5)
    translator = made(name, PLAIN[name], tmp_path, source=half, target=replace(TARGET, seen=0.5))
    chip = half.chip(0)
    odd = replace(chip, pixels=np.where(chip.valid, chip.pixels, np.float32(9)))
    one, other = (translate_chip(translator, c, 2).pixels for c in (chip, odd))
    assert not one[..., ~chip.valid].any()
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", PLAIN)
def test_a_window_without_data_is_nothing(name: str, tmp_path: Path):
    window = Window(np.zeros((3, 20, 20), np.float32), np.zeros((20, 20), bool), 0.5)
    translator = made(name, PLAIN[name], tmp_path)
    assert not translator.translate(window, figures_of(SOURCE.chip(0)), 0).any()


@pytest.mark.parametrize("name", PLAIN)
def test_one_image_of_each_is_enough(name: str, tmp_path: Path):
    one = {"source": replace(SOURCE, count=1), "target": replace(TARGET, count=1)}
    translator = made(name, PLAIN[name], tmp_path, **one)
    first, second = (translate_chip(translator, SOURCE.chip(0), s).pixels for s in (0, 1))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("name", sorted({*PLAIN} - {"identity"}))
def test_styles_draw_and_both_dates_share_one(name: str, tmp_path: Path):
    translator = made(name, PLAIN[name], tmp_path)
    chip = SOURCE.chip(0)
    twice = replace(chip, pixels=np.repeat(chip.pixels, 2, axis=0))
    one, two = translate_chip(translator, twice, 4).pixels
    assert np.array_equal(one, two)
    seen = {translate_chip(translator, chip, style).pixels.tobytes() for style in range(40)}
    assert len(seen) == TARGET.count


@pytest.mark.parametrize("params", POOLED, ids=lambda p: type(p).__name__)
def test_each_site_is_one_look(params: object, tmp_path: Path):
    """Two sites of a target: two looks, each that of the site as a domain of its own."""
    name = type(params).__name__.removesuffix("Params").lower()
    asked = fitting(tmp_path)
    sited = replace(asked, domains=replace(asked.domains, sites=(4, 4, 7, 4)))
    parts = BASELINES[name].fit(replace(params, match="site"), sited)
    chip, translator = SOURCE.chip(0), BASELINES[name].build(parts)
    seen = {translate_chip(translator, chip, style).pixels.tobytes() for style in range(20)}
    assert len(seen) == 2
    alone = ChosenChips(TARGET, (2,))
    last = BASELINES[name].fit(params, fitting(tmp_path, target=alone))
    table = next(iter(last.tables))
    np.testing.assert_array_equal(parts.tables[table][1:], last.tables[table])
    one = BASELINES[name].fit(replace(params, match="site"), asked)
    np.testing.assert_array_equal(
        one.tables[table], BASELINES[name].fit(params, asked).tables[table]
    )


def test_what_is_matched_is_named():
    for params in (HistogramParams, ColourParams, SpectrumParams):
        with pytest.raises(InputError, match=r"match = 'sites' \(near: site\) is none of image,"):
            params(match="sites")


@pytest.mark.parametrize("params", POOLED, ids=lambda p: type(p).__name__)
def test_pooled_figures_draw_nothing(params: object, tmp_path: Path):
    name = type(params).__name__.removesuffix("Params").lower()
    translator = made(name, params, tmp_path)
    one, other = (translate_chip(translator, SOURCE.chip(0), s).pixels for s in (0, 1))
    assert np.array_equal(one, other)


@pytest.mark.parametrize("name", PLAIN)
def test_bad_domains_are_named(name: str, tmp_path: Path):
    fit = BASELINES[name].fit
    with pytest.raises(InputError, match="the target domain has no chips"):
        fit(PLAIN[name], fitting(tmp_path, target=replace(TARGET, count=0)))
    with pytest.raises(InputError, match="the source domain has no chips"):
        fit(PLAIN[name], fitting(tmp_path, source=replace(SOURCE, count=0)))
    with pytest.raises(InputError, match="4 chips, of which none holds data"):
        fit(PLAIN[name], fitting(tmp_path, target=replace(TARGET, seen=0.05)))
    with pytest.raises(InputError, match="the bands red, green, blue, the target vv, vh"):
        fit(PLAIN[name], fitting(tmp_path, target=replace(TARGET, channels=RADAR)))


@dataclass(frozen=True)
class Broken(Scenes):
    """Some chips cannot be read."""

    bad: tuple[int, ...] = ()

    def chip(self, index: int):
        if index in self.bad:
            raise CorruptError(f"scene_{index}.tif cannot be read")
        return super().chip(index)


def test_a_chip_that_cannot_be_read_is_left_out_and_many_are_not(tmp_path: Path):
    fit, params = BASELINES["colour"].fit, PLAIN["colour"]
    parts = fit(params, fitting(tmp_path, target=Broken(bad=(2,))))
    assert len(parts.tables["mean"]) == 3
    with pytest.raises(RunError, match=r"target: 2 chips cannot be read: scene_\d.tif"):
        fit(params, fitting(tmp_path, target=Broken(bad=(1, 2))))


def test_more_numbers_than_a_file_holds_are_refused():
    refuse_large({"a": np.zeros(10**6)})
    with pytest.raises(InputError, match="1,000,001 numbers, and a translator holds 1,000,000"):
        refuse_large({"a": np.zeros(10**6), "b": np.zeros(1)})


def test_bad_parameters_are_named():
    with pytest.raises(InputError, match=r"histogram: strength = 2.* outside 0..1"):
        HistogramParams(strength=2.0)
    with pytest.raises(InputError, match=r"map = 'corl' \(near: coral\) is none of"):
        ColourParams(map="corl")
    with pytest.raises(InputError, match="side = 15 must be even"):
        FourierParams(side=15)
    with pytest.raises(InputError, match="form = 'x' is none of gains, swap"):
        FourierParams(form="x")
    with pytest.raises(InputError, match="side = 9 must be even"):
        SpectrumParams(side=9)


# ------------------------------------------------------------------------------ histogram


def test_matched_quantiles_are_the_targets():
    rng = np.random.default_rng(0)
    x = rng.gamma(2, 0.1, 1025)  # 257 quantiles fall on pixels
    target = np.sort(rng.normal(0.5, 0.1, 257))
    shares = np.linspace(0, 1, 257)
    found = match_quantiles(x, np.quantile(x, shares), target)
    np.testing.assert_allclose(np.quantile(found, shares), target, atol=1e-12)
    order = np.argsort(x)
    assert (np.diff(found[order]) >= 0).all()


def test_a_flat_source_goes_to_the_mean_of_the_target():
    flat, target = np.full(257, 0.2), np.linspace(0, 1, 257)
    assert match_quantiles(np.array([0.2]), flat, target) == pytest.approx(0.5)


@pytest.mark.parametrize("name", ["histogram", "colour"])
def test_strength_0_changes_nothing_and_half_is_half(name: str, tmp_path: Path):
    chip = SOURCE.chip(0)
    none, half, whole = (
        translate_chip(made(name, replace(PLAIN[name], strength=s), tmp_path), chip, 1).pixels
        for s in (0.0, 0.5, 1.0)
    )
    np.testing.assert_array_equal(none, chip.pixels)
    np.testing.assert_allclose(half, (chip.pixels + whole) / 2, atol=1e-6)


def test_pooled_figures_are_those_of_all_pixels():
    rng = np.random.default_rng(2)
    parts = [rng.normal(k, 1 + k, (2, 30, 20 + 10 * k)) for k in range(3)]
    measured = [Weighed(measure_figures(p, np.ones(p.shape[1:], bool)), p[0].size) for p in parts]
    pooled = pool_figures(measured)
    every = np.concatenate([p.reshape(2, -1) for p in parts], axis=1)
    np.testing.assert_allclose(pooled.mean, every.mean(1), atol=1e-12)
    np.testing.assert_allclose(pooled.covariance, np.cov(every), rtol=5e-3, atol=5e-3)
    wanted = np.quantile(every, np.linspace(0, 1, 257), axis=1).T
    np.testing.assert_allclose(pooled.quantiles[:, [0, -1]], wanted[:, [0, -1]])
    np.testing.assert_allclose(pooled.quantiles[:, 8:-8], wanted[:, 8:-8], atol=0.05)
    alone = pool_figures(measured[:1])
    np.testing.assert_allclose(alone.quantiles, measured[0].figures.quantiles, atol=1e-9)


# ------------------------------------------------------------------------------ colour


@pytest.mark.parametrize("name", MAPS)
def test_mean_and_covariance_become_the_targets(name: str, tmp_path: Path):
    one = replace(TARGET, count=1)
    translator = made("colour", ColourParams(name), tmp_path, target=one)
    found, wanted = (
        figures_of(c) for c in (translate_chip(translator, SOURCE.chip(2), 0), one.chip(0))
    )
    np.testing.assert_allclose(found.mean, wanted.mean, atol=1e-5)
    if name == "reinhard":
        np.testing.assert_allclose(np.diag(found.covariance), np.diag(wanted.covariance), rtol=1e-4)
    else:
        np.testing.assert_allclose(found.covariance, wanted.covariance, rtol=1e-3, atol=1e-6)


def test_monge_kantorovich_is_symmetric_and_moves_least():
    rng = np.random.default_rng(3)
    a, b = (m @ m.T for m in rng.normal(size=(2, 3, 3)))
    T, other = (MAPS[name](a, b) for name in ("monge-kantorovich", "coral"))
    np.testing.assert_allclose(T, T.T, atol=1e-9)
    assert (np.linalg.eigvalsh(T) >= 0).all()
    # E|x - Tx|² = tr((I - T) Σ (I - T)')
    cost, more = (np.trace((np.eye(3) - M) @ a @ (np.eye(3) - M).T) for M in (T, other))
    assert cost < more


@pytest.mark.parametrize("name", MAPS)
def test_a_grey_image_takes_what_variance_it_has(name: str, tmp_path: Path):
    chip = SOURCE.chip(0)
    grey = replace(chip, pixels=np.repeat(chip.pixels[:, :1], 3, axis=1))
    flat = replace(chip, pixels=np.full_like(chip.pixels, 0.3))
    translator = made("colour", ColourParams(name), tmp_path)
    for one in (grey, flat):
        seen = translate_chip(translator, one, 0).pixels
        assert np.abs(seen).max() < 3
    assert np.ptp(seen, axis=(2, 3)).max() < 1e-6


# ------------------------------------------------------------------------------ fourier


def test_swapping_keeps_phase_and_takes_amplitude():
    rng = np.random.default_rng(4)
    image, other = rng.random((2, 3, 31, 40))
    b = 5
    found = swap_amplitude(image, low_amplitudes(other, b))
    F, G = (np.fft.rfft2(v)[:, np.arange(-b, b + 1), : b + 1] for v in (image, found))
    np.testing.assert_allclose(np.exp(1j * np.angle(F)), np.exp(1j * np.angle(G)), atol=1e-6)
    np.testing.assert_allclose(low_amplitudes(found, b), low_amplitudes(other, b), atol=1e-9)
    rest = np.fft.rfft2(found - image)
    rest[:, np.arange(-b, b + 1), : b + 1] = 0
    assert np.abs(rest).max() < 1e-9
    np.testing.assert_allclose(found.mean((1, 2)), other.mean((1, 2)))


def test_its_own_amplitudes_give_an_image_back():
    image = np.random.default_rng(5).random((2, 24, 24))
    np.testing.assert_allclose(swap_amplitude(image, low_amplitudes(image, 7)), image, atol=1e-9)


def test_the_card_of_a_swap_says_that_it_takes_whole_images(tmp_path: Path):
    forms = {f: made("fourier", FourierParams(0.05, f, 16), tmp_path) for f in ("gains", "swap")}
    assert {form: one.card.whole for form, one in forms.items()} == {"gains": False, "swap": True}


@pytest.mark.parametrize("form", ["gains", "swap"])
def test_beta_0_is_the_identity(form: str, tmp_path: Path):
    translator = made("fourier", FourierParams(0, form, 16), tmp_path)
    chip = SOURCE.chip(0)
    assert np.array_equal(translate_chip(translator, chip, 0).pixels, chip.pixels)


def test_the_swap_takes_the_harmonics_of_a_drawn_image(tmp_path: Path):
    one = replace(TARGET, count=1)
    translator = made("fourier", FourierParams(0.1, "swap"), tmp_path, target=one)
    seen = translate_chip(translator, SOURCE.chip(0), 0)
    found, wanted = (low_amplitudes(c.pixels[0].astype(float), 4) for c in (seen, one.chip(0)))
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_a_part_of_an_image_is_no_whole_one(tmp_path: Path):
    translator = made("fourier", FourierParams(0.1, "swap"), tmp_path)
    chip = SOURCE.chip(0)
    part = Window(chip.pixels[0, :, :20], chip.valid[:20], 0.5)
    with pytest.raises(InputError, match="whole images"):
        translator.translate(part, figures_of(chip), 0)


def test_kernels_have_no_phase_and_gains_of_1_are_nothing():
    rng = np.random.default_rng(6)
    white = Image(rng.random((2, 40, 40)).astype(np.float32), np.ones((40, 40), bool), 1.0, RADAR)
    gains = measure_amplitudes(white, 16)
    kernels = zero_phase_kernel(gains)
    np.testing.assert_allclose(kernels, kernels[:, ::-1, ::-1], atol=1e-12)
    around = np.fft.ifftshift(np.pad(kernels, [(0, 0), (25, 24), (25, 24)]), (-2, -1))
    response = np.fft.fft2(around)
    assert np.abs(response.imag).max() < 1e-12
    assert response.real.min() > 0
    one = zero_phase_kernel(np.ones((1, 16, 9)))
    assert one[0, 7, 7] == pytest.approx(1)
    assert np.abs(one).sum() == pytest.approx(1)


def test_white_noise_has_a_flat_spectrum():
    noise = np.random.default_rng(7).normal(0.5, 0.1, (1, 256, 256)).astype(np.float32)
    amplitudes = measure_amplitudes(Image(noise, np.ones((256, 256), bool), 1.0, RADAR[:1]), 16)
    assert amplitudes[0, 3:-3, 3:].mean() == pytest.approx(0.1, rel=0.05)


def test_an_image_smaller_than_a_square_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="choose a smaller side"):
        made("fourier", FourierParams(side=64), tmp_path)


# ------------------------------------------------------------------------------ spectrum


def test_rings_keep_power_and_forget_direction():
    spectrum = np.random.default_rng(8).random((1, 8, 5))
    ring = radial_mean(spectrum)
    np.testing.assert_allclose(radial_mean(ring), ring)
    assert ring[0, 3, 0] == pytest.approx(ring[0, 0, 3])
    assert ring[0, 3, 0] == pytest.approx(ring[0, -3, 0])


def test_a_blurred_domain_is_sharpened_and_a_sharp_one_blurred(tmp_path: Path):
    def roughness(pixels: np.ndarray) -> float:
        return float(np.diff(pixels, axis=-1).std() / pixels.std())

    sharp = made("spectrum", SpectrumParams(16, bound=4), tmp_path)
    before, after = SOURCE.chip(0), translate_chip(sharp, SOURCE.chip(0), 0)
    wanted = roughness(TARGET.chip(0).pixels)
    assert roughness(before.pixels) < roughness(after.pixels) < 1.2 * wanted
    back = made("spectrum", SpectrumParams(16, bound=4), tmp_path, source=TARGET, target=SOURCE)
    assert roughness(translate_chip(back, TARGET.chip(0), 0).pixels) < wanted


def test_sharpness_costs_no_contrast(tmp_path: Path):
    one = replace(TARGET, count=1, side=96)
    spectrum = made("spectrum", SpectrumParams(16), tmp_path, target=one)
    seen = translate_chip(spectrum, Scenes(side=96).chip(0), 0).pixels
    np.testing.assert_allclose(seen.std(axis=(2, 3)), one.chip(0).pixels.std(axis=(2, 3)), rtol=0.2)


def test_parts_name_no_network(tmp_path: Path):
    for name, params in PLAIN.items():
        parts = BASELINES[name].fit(params, fitting(tmp_path))
        assert isinstance(parts, Parts)
        assert not parts.networks
