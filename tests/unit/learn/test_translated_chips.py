"""Chips seen through a translator: which, how often, and what a run remembers of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_chips import MadeChips

from geomage.adapt.recipe import AdaptRecipe
from geomage.adapt.run import make_translator
from geomage.adapt.translator_file import open_translator_file
from geomage.data.chip_sources import SourceParams, kept_under, open_source
from geomage.data.translation import TranslatedChips, translate_chip
from geomage.errors import InputError, ModelError
from geomage.learn import train_recipe
from geomage.learn.chip_recipe import BatchParams, ChipRecipe
from geomage.learn.loop_params import LoopParams
from made_floods import write_floods
from toy_translators import RADAR, Constant, Same, Wide, card

MADE = MadeChips(side=32)
SEEN_AS = replace(card(), channels=MADE.channels, made=MADE.channels)


def test_each_chip_has_a_style_of_its_own_and_keeps_it():
    same = Same(SEEN_AS)
    chips = TranslatedChips(MADE, same, seed=3)
    first = [chips.chip(k) for k in (0, 1, 0)]
    styles = [style for _, _, style in same.seen]
    assert styles[0] == styles[2] != styles[1]
    assert np.array_equal(first[0].pixels, MADE.chip(0).pixels)
    assert np.array_equal(first[0].labels, MADE.chip(0).labels)
    assert chips.names == MADE.names
    TranslatedChips(MADE, same, seed=4).chip(0)
    assert same.seen[-1][2] != styles[0]


def test_a_share_is_translated_and_looks_differ():
    grey = Constant(0.5, SEEN_AS)
    chips = TranslatedChips(MADE, grey, share=0.5, looks=20)
    assert len(set(chips.names)) == len(chips.names) == 20 * len(MADE.names)
    assert chips.names[7] == "made_1_look1"
    turned = [bool((chips.chip(k).pixels == 0.5).all()) for k in range(len(chips.names))]
    assert 0.3 < np.mean(turned) < 0.7
    assert len({tuple(turned[k :: len(MADE.names)]) for k in range(len(MADE.names))}) > 1
    assert chips.chip(7).name == "made_1_look1"
    with pytest.raises(InputError, match="makes other bands"):
        TranslatedChips(MADE, Constant(0.5, replace(SEEN_AS, made=RADAR)), share=0.5)


def test_a_chip_of_any_side_is_shown_in_whole_strides():
    wide = Wide(replace(SEEN_AS, halo_px=3, stride_px=4))
    chip = MADE.chip(2)
    cut = replace(
        chip,
        pixels=chip.pixels[..., :30, :27],
        valid=chip.valid[:30, :27],
        labels=chip.labels[:30, :27],
    )
    made = translate_chip(wide, cut, 1)
    assert made.pixels.shape == cut.pixels.shape
    whole = translate_chip(wide, chip, 1)
    assert np.array_equal(made.pixels[..., :26, :23], whole.pixels[..., :26, :23])


def test_a_chip_without_data_becomes_zeros_of_the_bands_that_are_made():
    chip = MADE.chip(0)
    blank = replace(chip, valid=np.zeros_like(chip.valid))
    made = translate_chip(Constant(0.5, replace(SEEN_AS, made=RADAR)), blank, 0)
    assert made.channels == RADAR
    assert made.pixels.shape == (1, 2, 32, 32)
    assert not made.pixels.any()


def test_other_bands_are_named_with_their_wavelengths():
    with pytest.raises(InputError, match=r"red at 0\.66 um.*red at 0\.65 um"):
        translate_chip(Same(), MADE.chip(0), 0)


# ------------------------------------------------------------------------------ in training


@pytest.fixture(scope="module")
def floods(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_floods(tmp_path_factory.mktemp("made") / "floods")


@pytest.fixture(scope="module")
def runs(floods: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two translators from Ghana to Spain."""
    folder = tmp_path_factory.mktemp("translators")
    ghana = SourceParams("sen1floods11", str(floods), product="s1", events=("Ghana",))
    spain = replace(ghana, events=("Spain",))
    for name, method in (("one", "histogram"), ("two", "colour")):
        recipe = AdaptRecipe(method, source=(ghana,), target=(spain,))
        make_translator(recipe, folder / name)
    return folder


def recipe_for(floods: Path, translator: Path | str, **more) -> ChipRecipe:
    source = SourceParams(
        "sen1floods11",
        str(floods),
        product="s1",
        events=("Ghana",),
        translator=str(translator),
        **more,
    )
    return ChipRecipe(
        "supervised",
        labelled=(source,),
        batches=BatchParams(crop=32, labelled=2),
        loop=LoopParams(steps=1, epoch=1, threads=1, device="cpu"),
    )


def test_a_run_learns_through_a_translator(floods: Path, runs: Path, tmp_path: Path):
    recipe = recipe_for(floods, runs / "one", translated=0.5, looks=2)
    out = tmp_path / "run"
    train_recipe(recipe, out, open_translator=open_translator_file)
    facts = json.loads((out / "recipe.json").read_text())
    assert facts["translators"] == {str(runs / "one"): open_translator_file(runs / "one").sha256}
    assert (out / "model.onnx").exists()
    by_file = recipe_for(floods, runs / "one/translator.json", translated=0.5, looks=2)
    train_recipe(by_file, out, open_translator=open_translator_file)
    other = recipe_for(floods, runs / "two", translated=0.5, looks=2)
    with pytest.raises(InputError, match="another recipe"):
        train_recipe(other, out, open_translator=open_translator_file)
    with pytest.raises(ModelError, match="no translator there"):
        train_recipe(recipe_for(floods, runs), tmp_path / "x", open_translator=open_translator_file)
    with pytest.raises(InputError, match="to be opened by the caller"):
        train_recipe(recipe, tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_source_is_opened_through_the_translator_it_names(floods: Path, runs: Path, tmp_path):
    params = recipe_for(floods, runs / "one", looks=3).labelled[0]
    opened = open_translator_file(runs / "one").translator
    source = open_source(params, tmp_path, opened)
    plain = open_source(replace(params, translator="", looks=1), tmp_path)
    assert len(source.names) == 3 * len(plain.names)
    assert not np.array_equal(source.chip(0).pixels, plain.chip(0).pixels)
    assert np.array_equal(source.chip(0).labels, plain.chip(0).labels)
    assert kept_under(source) is None
    with pytest.raises(InputError, match="was not opened"):
        open_source(params, tmp_path)
    with pytest.raises(InputError, match="set stretch = false"):
        open_source(replace(params, stretch=True), tmp_path, opened)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"translated": 0.5}, "need a `translator`"),
        ({"looks": 2}, "need a `translator`"),
        ({"translator": "run", "translated": 1.5}, "translated = 1.5 is outside"),
        ({"translator": "run", "looks": 0}, "looks = 0 is outside"),
    ],
)
def test_what_cannot_be_asked_of_a_source_is_refused(more: dict, said: str):
    with pytest.raises(InputError, match=said):
        SourceParams("levir", "folder", **more)
