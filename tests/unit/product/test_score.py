"""Scores of the toy product, worked by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from geopandas import GeoDataFrame
from PIL import Image
from shapely.geometry import Point, Polygon

from geomage.errors import InputError
from geomage.geo import Raster, rasterise, write_cog
from geomage.product import score_product
from toy_run import SHAPE, UTM, footprints, grid, on_ground

# what is true of the six houses of the toy run, which says 4, 3, 2, 2, 1 and not analysed
TRUE = [4, 3, 3, 2, 1, 4]


def labels(tmp_path: Path, grades: list[int], crs: str = UTM) -> Path:
    frame = GeoDataFrame({"dmg": grades}, geometry=footprints(grid(UTM))[: len(grades)], crs=UTM)
    frame.to_crs(crs).to_file(tmp_path / "ref.gpkg")
    return tmp_path / "ref.gpkg"


def raster(grades: list[int]) -> np.ndarray:
    frame = GeoDataFrame({"dmg": grades}, geometry=footprints(grid(UTM)), crs=UTM)
    return rasterise(frame, grid(UTM), column="dmg")


# rows: none, minor, major, destroyed; columns the same, then missed, not analysed
BY_HAND = [
    [1, 0, 0, 0, 0, 0],
    [0, 1, 0, 0, 0, 0],
    [0, 1, 1, 0, 0, 0],
    [0, 0, 0, 1, 0, 1],
]


@pytest.mark.parametrize("crs", [UTM, "EPSG:4326", "EPSG:26915"])
def test_vector_labels_in_any_crs(make_product, tmp_path: Path, crs: str) -> None:
    score = score_product(make_product().folder, labels(tmp_path, TRUE, crs))
    assert score.grades is not None
    np.testing.assert_array_equal(score.grades, BY_HAND)
    # F1: none 1, minor 2/3, major 2/3; destroyed 2/3 over all, 1 over the found
    assert score.macro_f1 == pytest.approx((1 + 2 / 3 + 2 / 3 + 2 / 3) / 4)
    assert score.macro_f1_found == pytest.approx((1 + 2 / 3 + 2 / 3 + 1) / 4)
    assert score.pixels.f1 > 0.97


def test_raster_labels_agree_with_vector_labels(make_product, tmp_path: Path) -> None:
    folder = make_product().folder
    path = write_cog(tmp_path / "ref.tif", Raster(raster(TRUE)[None], grid(UTM)))
    one, two = score_product(folder, path), score_product(folder, labels(tmp_path, TRUE))
    np.testing.assert_array_equal(one.grades, two.grades)
    np.testing.assert_array_equal(one.words, two.words)
    assert (one.pixels, one.detection) == (two.pixels, two.detection)
    assert (one.pixels.tp, one.pixels.fp, one.pixels.fn) == (600, 0, 0)


def test_plain_png_in_pixel_coordinates(make_product, tmp_path: Path) -> None:
    folder = make_product(None).folder
    Image.fromarray(raster(TRUE)).save(tmp_path / "ref.png")
    score = score_product(folder, tmp_path / "ref.png")
    np.testing.assert_array_equal(score.grades, BY_HAND)


def test_unclassified_counts_as_building_but_not_as_damage(make_product, tmp_path: Path) -> None:
    folder = make_product().folder
    Image.fromarray(raster([5, 3, 3, 2, 1, 4])).save(tmp_path / "ref.png")
    score = score_product(folder, tmp_path / "ref.png")
    assert score.grades is not None
    assert score.grades.sum() == 5
    assert (score.pixels.tp, score.detection.reference) == (600, 6)


def test_ignored_pixels_count_nowhere(make_product, tmp_path: Path) -> None:
    folder = make_product().folder
    array = raster(TRUE)
    array[array == 3] = 255
    Image.fromarray(array).save(tmp_path / "ref.png")
    score = score_product(folder, tmp_path / "ref.png")
    assert (score.pixels.tp, score.pixels.fp) == (400, 0)
    assert score.pixels.tp + score.pixels.tn == SHAPE[0] * SHAPE[1] - 200
    assert score.detection.mapped == 4


def test_a_building_the_map_does_not_have_is_missed(make_product, tmp_path: Path) -> None:
    frame = GeoDataFrame(
        {"damage": [4]},
        geometry=[on_ground(Polygon([(5, 5), (15, 5), (15, 15), (5, 15)]), grid(UTM))],
        crs=UTM,
    )
    frame.to_file(tmp_path / "ref.geojson")
    score = score_product(make_product().folder, tmp_path / "ref.geojson")
    assert score.grades is not None
    np.testing.assert_array_equal(score.grades[3], [0, 0, 0, 0, 1, 0])
    assert (score.detection.missed, score.detection.mapped, score.detection.false) == (1, 6, 6)


def test_words_show_what_the_service_reads(make_product, tmp_path: Path) -> None:
    score = score_product(make_product().folder, labels(tmp_path, TRUE))
    # columns: Destroyed, Damaged, Possibly, No visible, Not Analysed, missed
    assert score.words is not None
    np.testing.assert_array_equal(
        score.words,
        [[0, 0, 0, 1, 0, 0], [0, 0, 1, 0, 0, 0], [0, 2, 0, 0, 0, 0], [1, 0, 0, 0, 1, 0]],
    )


def test_service_words_score_on_the_scale_of_the_service(make_product, tmp_path: Path) -> None:
    said = ["Destroyed", "Damaged", "Damaged", "Possibly damaged", "No visible damage", "Damaged"]
    frame = GeoDataFrame({"damage_gra": said}, geometry=footprints(grid(UTM)), crs=UTM)
    frame.to_file(tmp_path / "ref.gpkg")
    score = score_product(make_product().folder, tmp_path / "ref.gpkg")
    assert score.scale is not None
    assert score.scale.name == "service"
    np.testing.assert_array_equal(score.grades, [[1, 0, 0, 0, 0], [0, 2, 0, 0, 1], [0, 0, 1, 0, 0]])


def test_visible_grades_of_a_simulation_count_from_zero(make_product, tmp_path: Path) -> None:
    frame = GeoDataFrame(
        {"grade_visible": [g - 1 for g in TRUE]}, geometry=footprints(grid(UTM)), crs=UTM
    )
    frame.to_file(tmp_path / "ref.gpkg")
    score = score_product(make_product().folder, tmp_path / "ref.gpkg")
    np.testing.assert_array_equal(score.grades, BY_HAND)


def test_footprints_without_damage_score_buildings_only(make_product, tmp_path: Path) -> None:
    frame = GeoDataFrame({"name": list("abcdef")}, geometry=footprints(grid(UTM)), crs=UTM)
    frame.to_file(tmp_path / "ref.gpkg")
    score = score_product(make_product().folder, tmp_path / "ref.gpkg")
    assert score.as_dict()["damage"] is None
    assert score.pixels.f1 == 1


def test_crossed_polygons_are_mended_and_counted(make_product, tmp_path: Path) -> None:
    crossed = on_ground(Polygon([(5, 30), (15, 40), (15, 30), (5, 40)]), grid(UTM))
    shapes = [crossed, *footprints(grid(UTM))[1:], Point(0, 0), None]
    frame = GeoDataFrame({"dmg": [*TRUE, 1, 1]}, geometry=shapes, crs=UTM)
    frame.to_file(tmp_path / "ref.geojson")
    facts = score_product(make_product().folder, tmp_path / "ref.geojson").references[0]
    assert (facts["repaired"], facts["not_polygons"], facts["buildings"]) == (1, 2, 6)


def test_pooling_adds_counts(make_product, tmp_path: Path) -> None:
    score = score_product(make_product().folder, labels(tmp_path, TRUE))
    both = score + score
    np.testing.assert_array_equal(both.grades, 2 * np.array(BY_HAND))
    assert both.pixels.tp == 2 * score.pixels.tp
    assert both.macro_f1 == score.macro_f1
    assert len(both.references) == 2


def test_the_score_is_plain_json(make_product, tmp_path: Path) -> None:
    record = score_product(make_product().folder, labels(tmp_path, [4])).as_dict()
    text = json.dumps(record, allow_nan=False)
    assert json.loads(text)["damage"]["all"]["by_class"]["minor"]["recall"] is None


class TestRefusals:
    def test_values_that_are_no_grades(self, make_product, tmp_path: Path) -> None:
        Image.fromarray(np.full(SHAPE, 77, np.uint8)).save(tmp_path / "ref.png")
        with pytest.raises(InputError, match="77"):
            score_product(make_product().folder, tmp_path / "ref.png")

    def test_another_shape(self, make_product, tmp_path: Path) -> None:
        Image.fromarray(np.zeros((8, 9), np.uint8)).save(tmp_path / "ref.png")
        with pytest.raises(InputError, match="9 x 8 px and the product 100 x 80"):
            score_product(make_product().folder, tmp_path / "ref.png")

    def test_elsewhere(self, make_product, tmp_path: Path) -> None:
        frame = GeoDataFrame({"dmg": [1]}, geometry=[Point(9, 45).buffer(1e-4)], crs=4326)
        frame.to_file(tmp_path / "ref.gpkg")
        with pytest.raises(InputError, match="no building of"):
            score_product(make_product().folder, tmp_path / "ref.gpkg")

    def test_points(self, make_product, tmp_path: Path) -> None:
        frame = GeoDataFrame({"dmg": [1]}, geometry=[Point(366_010, 4_103_990)], crs=UTM)
        frame.to_file(tmp_path / "ref.gpkg")
        with pytest.raises(InputError, match="Point; the reference must be building polygons"):
            score_product(make_product().folder, tmp_path / "ref.gpkg")

    def test_a_column_that_is_not_there(self, make_product, tmp_path: Path) -> None:
        path = labels(tmp_path, TRUE)
        with pytest.raises(InputError, match="'state'"):
            score_product(make_product().folder, path, column="state")

    def test_words_nobody_knows(self, make_product, tmp_path: Path) -> None:
        frame = GeoDataFrame({"damage": ["kaputt"]}, geometry=footprints(grid(UTM))[:1], crs=UTM)
        frame.to_file(tmp_path / "ref.gpkg")
        with pytest.raises(InputError, match="kaputt"):
            score_product(make_product().folder, tmp_path / "ref.gpkg")

    def test_a_crs_on_one_side_only(self, make_product, tmp_path: Path) -> None:
        path = labels(tmp_path, TRUE)
        with pytest.raises(InputError, match="has a CRS"):
            score_product(make_product(None).folder, path)
