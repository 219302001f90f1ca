"""Chips of one's own: what chips.toml says is what a network sees; what is wrong in it is told."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import dataset_folders as made
from geomage.data.chip import UNKNOWN
from geomage.data.readers.chips import chips
from geomage.errors import InputError


def test_bands_values_and_units_are_as_described(tmp_path):
    source = chips(made.chips(tmp_path))
    assert source.classes == ("dry", "water")
    assert source.names == ("north/a", "north/b", "south/a")
    assert source.events == ("north", "north", "south")
    chip = source.chip(0)
    assert [c.name for c in chip.channels] == ["vv", "red"]
    assert chip.channels[0].wavelength_um == 55_500
    assert chip.gsd_m == 3
    # -25 and 0 dB are 0 and 1; 2000 and 6000 counts are .2 and .6 of reflectance, less .1
    np.testing.assert_allclose(chip.pixels[0, :, 3, [1, 6]], [[0, 0.1], [1, 0.5]], atol=1e-6)
    assert not chip.valid[0, 0]
    assert chip.labels[0].tolist() == [UNKNOWN, 0, 0, 0, 1, 1, 1, 1]
    assert (chip.labels[-1] == UNKNOWN).all()
    assert source.chip(2).labels is None


def colours(folder, more=""):
    folder.mkdir(exist_ok=True)
    (folder / "chips.toml").write_text('bands = ["red", "green", "blue"]\ngsd = 0.5\n' + more)
    return folder


def test_black_counts_are_no_data_where_nothing_says_so(tmp_path):
    """As `geomage translate` and `geomage map` take them."""
    counts = np.full((3, 8, 8), 90, np.uint8)
    counts[:, :, :5] = 0
    counts[0, :, 5] = 0  # red alone
    made.tif(colours(tmp_path / "a") / "images/one.tif", counts)
    assert chips(tmp_path / "a").chip(0).valid[0].tolist() == [False] * 5 + [True] * 3
    made.tif(colours(tmp_path / "b", "nodata = 7.0\n") / "images/one.tif", counts)
    assert chips(tmp_path / "b").chip(0).valid.all()
    made.tif(colours(tmp_path / "c") / "images/one.tif", counts.astype(np.float32))
    assert chips(tmp_path / "c").chip(0).valid.all()


def test_alpha_is_the_mask(tmp_path):
    counts = np.full((4, 8, 8), 90, np.uint8)
    counts[:3, 0] = 0
    counts[3] = 255
    counts[3, :, :2] = 0
    folder = colours(tmp_path / "a")
    (folder / "images").mkdir()
    Image.fromarray(np.moveaxis(counts, 0, -1), "RGBA").save(folder / "images/one.png")
    chip = chips(folder).chip(0)
    assert chip.pixels.shape == (1, 3, 8, 8)
    assert not chip.valid[:, :2].any()
    assert chip.valid[:, 2:].all()
    described = (folder / "chips.toml").read_text()
    (folder / "chips.toml").write_text(described + "nodata = 0.0\n")  # both say it
    assert chips(folder).chip(0).valid[:, 2:].tolist() == [[False] * 6] + [[True] * 6] * 7
    (folder / "chips.toml").write_text(described)
    made.tif(folder / "images/two.tif", counts, photometric="minisblack", alpha="no")
    with pytest.raises(InputError, match="has 4 bands, this dataset has 3"):
        chips(folder).chip(1)


def test_a_fourth_band_that_is_called_alpha_may_be_another(tmp_path):
    """As common writers leave four bands of 8 bits."""
    made.tif(
        colours(tmp_path / "a") / "images/one.tif", np.full((4, 8, 8), 90, np.uint8), alpha="yes"
    )
    (tmp_path / "a/chips.toml").write_text('bands = ["red", "green", "blue", "nir"]\ngsd = 0.5\n')
    assert chips(tmp_path / "a").chip(0).pixels.shape == (1, 4, 8, 8)


def test_a_folder_without_description_is_told_to_write_one(tmp_path):
    (tmp_path / "images").mkdir()
    with pytest.raises(InputError, match=r"holds no chips\.toml.*write one"):
        chips(tmp_path)


def test_parts_are_those_of_the_lists(tmp_path):
    made.chips(tmp_path)
    assert chips(tmp_path, "train").names == ("north/a", "south/a")
    with pytest.raises(InputError, match=r"no part 'val', only train, all: .*val\.txt"):
        chips(tmp_path, "val")
    (tmp_path / "val.txt").write_text("north/c\n")
    with pytest.raises(InputError, match=r"val\.txt: no chip 'north/c'.*north/"):
        chips(tmp_path, "val")


def test_two_dates_lie_in_before_and_after(tmp_path):
    made.chips(tmp_path)
    (tmp_path / "images").rename(tmp_path / "before")
    with pytest.raises(InputError, match="has one date of two"):
        chips(tmp_path)
    for name in ("north/a", "north/b", "south/a"):
        made.tif(tmp_path / f"after/{name}.tif", np.zeros((2, made.SIDE, made.SIDE), np.float32))
    assert chips(tmp_path).chip(1).pixels.shape == (2, 2, made.SIDE, made.SIDE)
    (tmp_path / "images").mkdir()
    with pytest.raises(InputError, match="images and before, after"):
        chips(tmp_path)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('bands = ["reed", "vv"]', r"where band 'reed' lies.*red"),
        ('bands = ["mine", "vv"]\nwavelengths_um = [0.6]', "1 wavelengths_um for 2 bands"),
        ('bands = ["red", "vv"]\nwavelengths_um = [660, 55500]', "'red' at 660 um.*micrometres"),
        ('bands = ["red", "vv"]\nwavelengths_um = [-1, 55500]', "'red' at -1 um is outside"),
        ('bands = ["red", "red"]', "name each once"),
        ("bands = []", "bands is empty"),
        ('bands = ["red"]', "has 2 bands, this dataset has 1"),
        ("values = [1]", "1 values for 2 classes"),
        ("values = [1, 1]", "give each class its own"),
        ("unknown = [10]", "label 10 is a class and unknown"),
        ("values = [10, 30]", r"labels/north/a\.tif: label value 20 is none of 0, 10, 30, 255"),
        ("scale = nan", "scale = nan is outside"),
        ("gsd = 0.0", r"north/a\.tif has no CRS: give gsd in chips\.toml"),
        ("claases = []", "unknown key 'claases'.*classes"),
        ("classes = []\nvalues = []", "names no classes, but there are labels"),
    ],
)
def test_what_is_wrong_in_the_description_is_told(tmp_path, line, told):
    made.chips(tmp_path)
    changed = {row.split(" = ")[0] for row in line.splitlines()}
    kept = [row for row in made.CHIPS.splitlines() if row.split(" = ")[0] not in changed]
    (tmp_path / "chips.toml").write_text("\n".join([*kept, line]))
    with pytest.raises(InputError, match=told):
        chips(tmp_path).chip(0)


def test_counts_of_16_bits_need_a_scale_and_those_of_8_bits_do_not(tmp_path):
    (tmp_path / "chips.toml").write_text('bands = ["red", "nir"]\ngsd = 10\n')
    made.tif(tmp_path / "images/a.tif", np.full((2, 8, 8), 51, np.uint8))
    np.testing.assert_allclose(chips(tmp_path).chip(0).pixels, 0.2, atol=1e-6)
    made.tif(tmp_path / "images/a.tif", np.full((2, 8, 8), 51, np.uint16))
    with pytest.raises(InputError, match=r"a\.tif is of uint16: say in chips\.toml"):
        chips(tmp_path).chip(0)


def test_files_that_cannot_be_told_apart_or_label_nothing_are_refused(tmp_path):
    made.chips(tmp_path)
    made.tif(tmp_path / "labels/north/z.tif", made.halves(10, 20))
    with pytest.raises(InputError, match=r"z\.tif labels an image that is not there"):
        chips(tmp_path)
    made.png(tmp_path / "images/north/a.png", made.grey(1))
    with pytest.raises(InputError, match="have one name"):
        chips(tmp_path)
    with pytest.raises(InputError, match="is no folder"):
        chips(tmp_path / "nothing")
