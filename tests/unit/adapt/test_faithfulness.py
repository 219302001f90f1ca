"""What is measured with a translation: 1 and 0 for identity, and each lie by its own figure."""

import json
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from scipy import ndimage

from geomage.adapt.alignment import drifts, edge_counts, find_edges, near_borders
from geomage.adapt.encoder_features import EncoderFeatures
from geomage.adapt.faithfulness import (
    FaithfulnessParams,
    Instruments,
    measure_faithfulness,
    write_faithfulness,
)
from geomage.adapt.segmenter import building_labels, fitting_segmenter, shipped_segmenter
from geomage.data.chip import UNKNOWN, Channel, Chip
from geomage.data.translation import TranslatorCard
from geomage.errors import InputError
from geomage.model.architecture import Architecture, build_network

RGB = tuple(Channel(n, w) for n, w in (("red", 0.66), ("green", 0.56), ("blue", 0.48)))
CARD = TranslatorCard("a", "a", RGB, RGB, (0.1, 10.0))
SIDE = 128


def scene(seed: int, side: int = SIDE) -> Chip:
    """Ground with texture, and bright houses that are the label."""
    rng = np.random.default_rng(seed)
    grey = 0.3 + 0.05 * ndimage.gaussian_filter(rng.normal(size=(side, side)), 1.5) / 0.2
    labels = np.zeros((side, side), np.uint8)
    for _ in range(10):
        y, x, h, w = (int(v) for v in rng.integers((4, 4, 10, 10), (side - 30, side - 30, 24, 24)))
        labels[y : y + h, x : x + w] = 1
    grey = ndimage.gaussian_filter(grey + 0.35 * labels, 0.6)
    pixels = np.clip(grey * np.array([1.0, 0.9, 0.8])[:, None, None], 0.01, 1)
    valid = np.ones((side, side), bool)
    return Chip(str(seed), pixels[None].astype(np.float32), RGB, 0.5, valid, labels)


@dataclass(frozen=True)
class Scenes:
    """A source of them."""

    chips: tuple[Chip, ...] = field(default_factory=lambda: tuple(scene(k) for k in range(4)))
    classes: tuple[str, ...] = ("other", "building")

    @property
    def names(self):
        return tuple(chip.name for chip in self.chips)

    def chip(self, index):
        return self.chips[index]


@dataclass(frozen=True)
class Told:
    """A translator that does what it is told to pixels."""

    change: object
    card: TranslatorCard = CARD

    def translate(self, window, figures, style):  # noqa: ARG002
        return np.where(window.valid, self.change(window.pixels), 0).astype(np.float32)


def chip_corner(chip: Chip, side: int) -> Chip:
    corner = np.s_[..., :side, :side]
    cut = (array[corner] for array in (chip.pixels, chip.valid, chip.labels))
    return replace(chip, **dict(zip(("pixels", "valid", "labels"), cut, strict=True)))


def moved(by: float):
    return lambda image: ndimage.shift(image, (0, 0, by), order=3, mode="mirror")


def recoloured(image):
    """Other gains and a curve, as a pure change of colour."""
    gain = np.array([0.6, 0.9, 1.1])[:, None, None]
    return np.clip(gain * image**0.8 + 0.05, 0, 1)


def bright(chip):
    """A segmenter: what is brighter than most of the image."""
    grey = chip.pixels[0].mean(0)
    return grey > 0.5 * (np.percentile(grey, 5) + np.percentile(grey, 98))


def measure(change, **given):
    source = given.pop("source", Scenes())
    by = Instruments(given.pop("segmenter", bright), given.pop("features", None))
    return measure_faithfulness(
        Told(change), source, given.pop("target", source), FaithfulnessParams(**given), by
    )


def test_identity_is_faithful():
    found = measure(lambda image: image)
    assert found.chips == 4
    assert found.mask_consistency == found.edge_f1 == 1
    assert found.label_iou_before == found.label_iou_after > 0.8
    assert found.drift_px < 1e-3
    assert found.unmatched == 0


@pytest.mark.parametrize("by", [0.7, -0.7, 2.3])
def test_a_shift_is_measured_to_a_tenth_of_a_pixel(by):
    found = measure(moved(by))
    assert found.drift_px == pytest.approx(abs(by), abs=0.1)
    assert found.mask_consistency < 0.98


def test_colour_moves_nothing():
    found = measure(recoloured)
    assert found.drift_px < 0.05
    assert found.edge_f1 > 0.95
    assert found.mask_consistency > 0.95


def test_the_farther_the_less_consistent():
    found = [measure(moved(by)) for by in (0.5, 4.0)]
    for name in ("mask_consistency", "label_iou_after", "edge_f1"):
        values = [getattr(one, name) for one in found]
        assert values == sorted(values, reverse=True), name
    assert len({one.label_iou_before for one in found}) == 1


def test_what_bends_is_no_small_mean():
    """One half to the left, the other to the right: the mean shift is 0, the drift is not."""

    def bent(image):
        half = SIDE // 2
        return np.concatenate([moved(1.5)(image)[:, :half], moved(-1.5)(image)[:, half:]], 1)

    assert measure(bent).drift_p95_px == pytest.approx(1.5, abs=0.2)


def test_noise_is_nothing_that_moved_but_nothing_is_found_again():
    rng = np.random.default_rng(0)
    found = measure(lambda image: rng.random(image.shape))
    assert found.unmatched > 0.9
    assert found.mask_consistency < 0.5
    assert found.edge_f1 < 0.6


def test_style_comes_nearer_to_the_target_or_stays():
    """A target in other colours: identity stays as far as it was, its own map comes near."""
    there = Scenes(tuple(replace(c, pixels=recoloured(c.pixels[0])[None]) for c in Scenes().chips))
    same, nearer = (
        measure_faithfulness(Told(how), Scenes(), there, FaithfulnessParams(), Instruments())
        for how in (lambda image: image, recoloured)
    )
    assert same.style == same.style_untranslated == nearer.style_untranslated
    assert same.style > 1
    assert nearer.style == pytest.approx(0, abs=1e-4)


def test_small_chips_and_other_bands_have_no_style():
    small = Scenes((scene(0, 64), scene(1, 64)))
    tiny = Scenes(tuple(chip_corner(chip, 31) for chip in small.chips))
    asked = FaithfulnessParams()
    found = measure_faithfulness(Told(recoloured), small, tiny, asked, Instruments())
    assert found.style is found.style_untranslated is None
    grey = Scenes(tuple(replace(c, pixels=c.pixels[:, :1], channels=RGB[:1]) for c in small.chips))
    one = replace(CARD, made=RGB[:1])
    found = measure_faithfulness(
        Told(lambda image: image[:1], one), small, grey, asked, Instruments()
    )
    assert found.style == pytest.approx(0, abs=1e-6)
    assert found.style_untranslated is None


def test_without_labels_all_edges_count():
    bare = Scenes(tuple(replace(scene(k), labels=None) for k in range(2)))
    found = measure(moved(3.0), source=bare)
    assert found.label_iou_before is found.label_iou_after is None
    assert 0 < found.edge_f1 < 1


def test_unknown_pixels_weigh_nothing_in_label_iou():
    chip = scene(0)
    half = chip.labels.copy()
    half[:, : SIDE // 2] = UNKNOWN
    lies = np.where(half == UNKNOWN, UNKNOWN, bright(chip)).astype(np.uint8)
    found = measure(lambda image: image, source=Scenes((replace(chip, labels=lies),)))
    assert found.label_iou_before == 1


def test_edges_within_a_pixel():
    before, after, all_of = np.zeros((9, 9), bool), np.zeros((9, 9), bool), np.ones((9, 9), bool)
    before[:, 3] = True
    after[:, 4] = after[0, 7] = True
    said, kept = edge_counts(before, after, all_of)
    assert said.precision == pytest.approx(9 / 10)
    assert kept.recall == 1


def test_edges_do_not_hang_on_contrast():
    chip = scene(1)
    grey = chip.pixels[0].mean(0)
    np.testing.assert_array_equal(
        find_edges(grey, chip.valid), find_edges(0.25 * grey + 0.5, chip.valid)
    )
    assert not find_edges(np.ones_like(grey), chip.valid).any()


def test_borders_are_three_pixels_wide_at_either_side():
    labels = np.zeros((5, 20), np.uint8)
    labels[:, 10:] = 1
    np.testing.assert_array_equal(np.flatnonzero(near_borders(labels)[2]), np.arange(7, 14))


def test_blocks_without_data_are_no_blocks():
    chip = scene(2)
    grey = chip.pixels[0].mean(0)
    valid = chip.valid.copy()
    valid[:, :70] = False
    assert len(drifts(grey, grey, valid)) == 0
    assert len(drifts(grey, grey, chip.valid)) == 9


# ------------------------------------------------------------------------------ encoder, model


@pytest.fixture(scope="module")
def features():
    return EncoderFeatures(build_network(Architecture("resnet-tiny"), 0).encoder.eval(), 32)


def test_features_of_identity_and_of_another_colour(features):
    same = measure(lambda image: image, features=features, blocks=2)
    assert same.perceptual == 0
    assert same.kid == same.kid_untranslated
    assert same.fid == pytest.approx(0, abs=1e-4)
    other = measure(recoloured, features=features, blocks=2)
    assert other.perceptual > 0
    assert other.fid > 100 * abs(same.fid)
    nearer = measure(
        recoloured,
        features=features,
        blocks=2,
        target=Scenes(tuple(replace(c, pixels=recoloured(c.pixels)) for c in Scenes().chips)),
    )
    assert nearer.fid < 0.01 * nearer.fid_untranslated
    assert nearer.kid.value < nearer.kid_untranslated.value
    assert nearer.as_dict()["kid"] == nearer.kid._asdict()


def test_a_tile_is_a_row_and_half_a_tile_is_none(features):
    chip = scene(3, 80)
    assert features.vectors(chip).shape == (4, 16 + 32 + 64 + 96)
    valid = chip.valid.copy()
    valid[0, 0] = False
    assert features.vectors(replace(chip, valid=valid)).shape[0] == 3
    assert features.vectors(replace(chip, valid=~chip.valid)).shape == (0, 208)


def test_the_shipped_model_answers_pixel_by_pixel():
    segmenter = shipped_segmenter()
    chip = scene(0, 70)  # no multiple of the model's stride
    mask = segmenter(chip)
    assert mask.shape == (70, 70)
    np.testing.assert_array_equal(mask, segmenter(chip))
    assert not segmenter(replace(chip, valid=~chip.valid)).any()


# ------------------------------------------------------------------------------ bad input


def test_a_sensor_the_model_does_not_know():
    radar = replace(scene(0), pixels=np.zeros((1, 2, SIDE, SIDE), np.float32),
                    channels=(Channel("vv", 55500.0), Channel("vh", 55500.0)))  # fmt: skip
    with pytest.raises(InputError, match="no band red: it has vv, vh"):
        shipped_segmenter()(radar)


def test_nothing_to_measure():
    empty = replace(scene(0), valid=np.zeros((SIDE, SIDE), bool))
    with pytest.raises(InputError, match="none of the source"):
        measure(lambda image: image, source=Scenes((empty,)))
    with pytest.raises(InputError, match="chips = 0 is outside"):
        FaithfulnessParams(chips=0)


def test_the_same_twice_and_kept_as_json(tmp_path):
    one, two = measure(recoloured), measure(recoloured)
    same = replace(two, seconds_per_megapixel=one.seconds_per_megapixel)
    assert one == same
    file = write_faithfulness(one, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["faithfulness.json"]
    assert json.loads(file.read_text("utf-8")) == one.as_dict()


@pytest.mark.parametrize(
    ("classes", "labels"),
    [
        (("other", "building"), (1,)),
        (("no building", "no damage", "minor", "major", "destroyed"), (1, 2, 3, 4)),
        (("bareland", "tree", "building"), (2,)),
        (("dry", "water"), ()),
        ((), ()),
    ],
)
def test_labels_of_buildings_go_by_their_names(classes, labels):
    assert building_labels(classes) == labels


def test_the_shipped_model_judges_what_it_can_see_alone():
    radar = (Channel("vv", 55_500.0),)

    def judged(channels, made, gsd_m):
        return fitting_segmenter(TranslatorCard("t", "colour", channels, made, gsd_m))

    assert judged(RGB, RGB, (0.5, 0.5)) is not None
    assert judged(RGB, RGB, (10.0, 10.0)) is None
    assert judged(radar, RGB, (0.5, 0.5)) is None
    assert judged(RGB, radar, (0.5, 0.5)) is None
