"""A run of adapt: what it leaves, what it takes up again, what it refuses before work."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
import rasterio
from made_domains import Scenes
from PIL import Image

from geomage.adapt import domains, methods
from geomage.adapt.domains import open_domains
from geomage.adapt.faithfulness import sum_up
from geomage.adapt.recipe import AdaptRecipe, adapt_recipe_from_dict, find_adapt_recipe
from geomage.adapt.run import make_translator
from geomage.adapt.translator_file import open_translator
from geomage.data.chip import Chip
from geomage.data.chip_sources import SourceParams
from geomage.data.tables import build
from geomage.errors import InputError, RunError
from made_floods import write_floods


@pytest.fixture(scope="module")
def floods(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_floods(tmp_path_factory.mktemp("made") / "floods", count=6)


def source(folder: Path, region: str, **more) -> SourceParams:
    return SourceParams("sen1floods11", str(folder), product="s1", events=(region,), **more)


def recipe_for(folder: Path, **changes) -> AdaptRecipe:
    first = AdaptRecipe(
        "histogram",
        source=(source(folder, "Ghana"),),
        target=(source(folder, "Spain"),),
    )
    return replace(first, **changes)


def test_it_leaves_a_translator_its_recipe_and_a_picture(floods: Path, tmp_path: Path):
    run = tmp_path / "run"
    file = make_translator(recipe_for(floods, name="spain"), run)
    assert file == run / "translator.json"
    card = open_translator(run).card
    assert (card.name, card.method) == ("spain", "histogram")
    assert [channel.name for channel in card.made] == ["vv", "vh"]
    assert card.gsd_m[0] <= 10 <= card.gsd_m[1]
    facts = json.loads((run / "recipe.json").read_text())
    assert facts["chips"]["target"] == {"learnt_from": 3, "empty": [], "unreadable": []}
    assert adapt_recipe_from_dict(facts["recipe"], "recipe.json") == recipe_for(
        floods, name="spain"
    )
    kept = json.loads((run / "faithfulness.json").read_text())
    assert sum_up(kept).startswith(f"edges {kept['edge_f1']:.2f}, style")
    assert sum_up(kept).endswith(f"{kept['style_untranslated']:.2f} -> {kept['style']:.2f}")
    assert sum_up({"edge_f1": 0.9}) == "edges 0.90"  # of a run that measured no more
    assert kept["chips"] == 3
    assert kept["edge_f1"] > 0.9  # each value by itself: edges stay
    assert kept["mask_consistency"] is None  # radar: no segmenter sees buildings in it
    with Image.open(run / "pictures/translated.png") as picture:
        assert picture.size == (3 * 258, 16 + 3 * 258)  # a line of words above
    stamp = file.stat().st_mtime_ns
    told: list[str] = []
    make_translator(recipe_for(floods, name="spain"), run, say=told.append)
    assert told == [f"note: {run} holds the finished run of this recipe: nothing was learnt anew"]
    assert file.stat().st_mtime_ns == stamp
    with pytest.raises(InputError, match="another recipe"):
        make_translator(recipe_for(floods, name="spain", seed=1), run)
    again = make_translator(recipe_for(floods, name="spain"), tmp_path / "again")
    assert again.read_bytes() == file.read_bytes()
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(InputError, match="cut off"):
        make_translator(recipe_for(floods, name="spain"), run)
    (run / "recipe.json").write_text("{")
    with pytest.raises(InputError, match=r"recipe\.json is damaged"):
        make_translator(recipe_for(floods, name="spain"), run)


def test_a_run_that_was_killed_after_learning_goes_on(floods: Path, tmp_path: Path):
    file = make_translator(recipe_for(floods), tmp_path)
    content = file.read_bytes()
    (tmp_path / "pictures/translated.png").unlink()
    make_translator(recipe_for(floods), tmp_path)
    assert (tmp_path / "pictures/translated.png").exists()
    assert file.read_bytes() == content


def test_a_run_whose_files_changed_is_refused(tmp_path: Path):
    folder = write_floods(tmp_path / "floods")
    run = tmp_path / "run"
    make_translator(recipe_for(folder), run)
    noted = json.loads((run / "recipe.json").read_text())["inputs"]
    assert [one["chips"] for one in (*noted["source"], *noted["target"])] == [2, 2]
    file = folder / "Spain_1_S1.tif"
    before = file.read_bytes()
    blank(folder, "Spain_1")
    with pytest.raises(InputError, match=r"began with other files of \[\[target\]\], source 1"):
        make_translator(recipe_for(folder), run)
    file.write_bytes(before)
    make_translator(recipe_for(folder), run)


def blank(folder: Path, name: str) -> None:
    """Leave a third of a chip."""
    with rasterio.open(folder / f"{name}_S1.tif", "r+") as file:
        values = file.read()
        values[:, :, : values.shape[2] * 2 // 3] = np.nan
        file.write(values)


def test_half_empty_chips_are_left_out_and_counted(tmp_path: Path):
    folder = write_floods(tmp_path / "floods", count=6)
    blank(folder, "Spain_1")
    told: list[str] = []
    opened, found = open_domains(recipe_for(folder), tmp_path / "kept", say=told.append)
    assert found["target"].empty == (opened.target.source.names[0],)
    assert len(opened.target.names) == 2
    assert told == ["note: target: 1 chips hold data in less than half, left out"]
    blank(folder, "Spain_3")
    with pytest.raises(
        InputError, match=r"images of \[\[target\]\] to learn from: 1 \(2 hold data"
    ):
        make_translator(recipe_for(folder), tmp_path / "run")
    assert not (tmp_path / "run/recipe.json").exists()


def test_pairs_lose_both_where_one_is_half_empty(tmp_path: Path):
    folder = write_floods(tmp_path / "floods", count=6)
    other = write_floods(tmp_path / "other", count=6)
    blank(other, "Ghana_2")
    recipe = recipe_for(folder, target=(source(other, "Ghana"),), paired=True)
    opened, _ = open_domains(recipe, tmp_path / "kept")
    assert opened.source.names == opened.target.names
    assert len(opened.source.names) == 2
    with pytest.raises(InputError, match="not of the same names"):
        open_domains(recipe_for(folder, paired=True), tmp_path / "kept")


def test_several_sources_are_one_domain(floods: Path, tmp_path: Path):
    both = (source(floods, "Ghana"), source(floods, "Spain"))
    opened, _ = open_domains(recipe_for(floods, source=both), tmp_path)
    names = opened.source.names
    assert len(set(names)) == 6
    assert names[0].startswith("1_")
    assert opened.source.classes == ("dry", "water")
    assert opened.source.chip(5).name in names[5]


def test_too_many_chips_that_cannot_be_read_end_the_run(tmp_path: Path):
    folder = write_floods(tmp_path / "floods", count=6)
    path = folder / "Spain_1_S1.tif"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(RunError, match=r"1 of 3 chips of \[\[target\]\] cannot be read"):
        open_domains(recipe_for(folder), tmp_path / "kept")


def test_other_bands_are_refused_before_anything_is_read(floods: Path, tmp_path: Path):
    few = (source(floods, "Spain", bands=("vv",)),)
    with pytest.raises(
        InputError, match=r"has the bands vv, vh, \[\[target\]\] vv.*bands = \['vv'\]"
    ):
        make_translator(recipe_for(floods, target=few), tmp_path / "run")
    turned = (source(floods, "Spain", bands=("vh", "vv")),)
    with pytest.raises(InputError, match="need the same"):
        make_translator(recipe_for(floods, target=turned), tmp_path / "run")
    assert not (tmp_path / "run/recipe.json").exists()


def test_a_method_that_needs_labels_is_given_labels(
    floods: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    known = methods.METHODS
    told = known["histogram"]._replace(needs_labels=lambda _, __: True)
    monkeypatch.setattr(methods, "METHODS", MappingProxyType({**known, "told": told}))
    recipe = recipe_for(floods, method="told")
    make_translator(recipe, tmp_path / "labelled")
    mixed = (*recipe.source, SourceParams("simulated-floods", simulated={"task": "flood"}))
    with pytest.raises(
        InputError, match=r"label map of \[\[source\]\]: its sources have no classes"
    ):
        make_translator(replace(recipe, source=mixed), tmp_path / "mixed")


def test_a_run_that_its_method_refuses_leaves_the_folder_free(floods: Path, tmp_path: Path):
    with pytest.raises(InputError):
        make_translator(recipe_for(floods, method="fourier", params={"side": 1024}), tmp_path)
    make_translator(recipe_for(floods), tmp_path)


class Bare(Scenes):
    """Classes, and not one label."""

    def chip(self, index: int) -> Chip:
        return replace(super().chip(index), labels=None)


def test_chips_without_labels_are_refused_where_they_are_needed(
    floods: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(domains, "open_source", lambda *_: Bare(classes=("low", "high")))
    open_domains(recipe_for(floods), tmp_path)
    with pytest.raises(InputError, match="scene_0 has no labels"):
        open_domains(recipe_for(floods), tmp_path, needs_labels=True)


# ------------------------------------------------------------------------------ recipes


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"method": "histgram"}, r"no method 'histgram' \(near: histogram, spectrum\)"),
        ({"params": {"strenght": 1.0}}, r"params of histogram: unknown key.*near: strength"),
        ({"params": {"strength": 2.0}}, "strength = 2.0 is outside"),
        ({"crop": 2}, "crop = 2 is outside"),
        ({"batch": 0}, "batch = 0 is outside"),
        ({"source": ()}, r"no images: give \[\[source\]\]"),
        ({"target": ()}, r"no images: give \[\[target\]\]"),
        ({"name": " "}, "name must be one line"),
    ],
)
def test_recipes_are_read_strictly(floods: Path, change: dict, said: str):
    with pytest.raises(InputError, match=said):
        recipe_for(floods, **change)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"weight": 2.0}, r"target 1 \(sen1floods11\): `weight` is of training"),
        ({"fraction": 0.5}, "`fraction` is of training"),
        ({"translator": "run"}, "`translator` is of training"),
        ({"stretch": True}, "alike"),
        ({"bands": ("vv", "vv")}, "name each band once"),
    ],
)
def test_what_is_of_training_is_refused(floods: Path, more: dict, said: str):
    with pytest.raises(InputError, match=said):
        recipe_for(floods, target=(source(floods, "Spain", **more),))


def own_chips(folder: Path, gsd_m: float, seed: int) -> SourceParams:
    (folder / "images").mkdir(parents=True)
    (folder / "chips.toml").write_text(f'bands = ["red", "green", "blue"]\ngsd = {gsd_m}\n')
    rng = np.random.default_rng(seed)
    for k in range(2):
        pixels = rng.integers(1, 255, (96, 96, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"images/{k}.png")
    return SourceParams("chips", str(folder))


def test_pixels_of_other_sizes_are_told_and_those_of_the_source_count(tmp_path: Path):
    ours, alike, finer = (
        own_chips(tmp_path / str(k), gsd_m, k) for k, gsd_m in enumerate((0.5, 0.51, 0.27))
    )
    told: list[str] = []
    make_translator(AdaptRecipe(source=(ours,), target=(alike,)), tmp_path / "a", say=told.append)
    assert not told
    run = tmp_path / "b"
    make_translator(AdaptRecipe(source=(ours,), target=(finer,)), run, say=told.append)
    assert "pixels of the source are 0.5 m, of the target 0.27 m" in told[0]
    assert open_translator(run).card.gsd_m == (0.5, 0.5)


def test_recipes_are_found_by_name_or_read(floods: Path, tmp_path: Path):
    path = tmp_path / "mine.toml"
    path.write_text(
        'method = "colour"\n[params]\nmatch = "domain"\n'
        + "".join(
            f'[[{role}]]\nreader = "sen1floods11"\nfolder = "{floods}"\n'
            for role in ("source", "target")
        )
    )
    assert find_adapt_recipe(str(path)).asked().match == "domain"
    with pytest.raises(InputError, match=r"near: adapt-small"):
        find_adapt_recipe("adapt-smal")
    path.write_text("seed = 1\n")
    with pytest.raises(InputError, match=r"mine\.toml: there are no images: give \[\[source\]\]"):
        find_adapt_recipe(str(path))
    path.write_text('methd = "colour"\n')
    with pytest.raises(InputError, match=r"mine\.toml: unknown key 'methd' \(near: method\)"):
        find_adapt_recipe(str(path))


def test_the_page_knows_every_method_and_its_recipe_can_be_read(project: Path):
    page = (project / "docs/adapt.md").read_text("utf-8")
    recipe, source = (part.split("```")[0] for part in page.split("```toml\n")[1:])
    made = adapt_recipe_from_dict(tomllib.loads(recipe), "docs/adapt.md")
    assert made.asked().strength == 0.8
    sources = [build(SourceParams, t, "docs/adapt.md") for t in tomllib.loads(source)["labelled"]]
    assert [one.translator for one in sources] == ["", "colours", "cut"]
    for name in methods.METHODS:
        assert name in page


@pytest.mark.parametrize("name", ["adapt-small", "adapt-full"])
def test_shipped_recipes_can_be_begun(name: str):
    recipe = find_adapt_recipe(name)
    assert recipe.name == name
    assert recipe.method in methods.METHODS
    assert recipe.asked() is not None


def test_the_full_recipe_learns_from_images_that_lie_beside(tmp_path: Path, monkeypatch):
    """As shipped, but of few chips and steps."""
    own_chips(tmp_path / "target", 0.5, 0)
    full = find_adapt_recipe("adapt-full")
    simulated = full.source[0].simulated
    towns = {**simulated, "count": 2, "stream": {**simulated["stream"], "size_px": 96}}
    few = replace(
        full,
        batch=2,
        params={"unet": {"widths": [8, 8]}, "pairs": {"pool": {"count": 4}}},
        loop=replace(full.loop, steps=1, epoch=1, readers=1, bfloat16=False, device="cpu"),
        source=(replace(full.source[0], simulated=towns),),
    )
    monkeypatch.chdir(tmp_path)
    make_translator(few, tmp_path / "run")
    assert open_translator(tmp_path / "run").card.stretched
