"""Orders that no map can meet: refused before a pixel is read, however the map is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox

from geomage.cli import main
from geomage.errors import InputError
from geomage.geo import Raster, pixel_box, write_cog
from geomage.mapping import engine
from geomage.product.access.transport import check_depth

pytest.importorskip("onnx", reason="the extra [train] brings onnx, which writes the model")
from tiny_network import write_tiny_network
from tiny_town import BOX, write_town

LEFT, TOP = 500_000, 4_000_000
LEFT_HALF = ("--extent", f"{LEFT},{TOP - 160},{LEFT + 60},{TOP}")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of two dates and a model."""
    place = tmp_path_factory.mktemp("orders")
    write_town(place)
    write_tiny_network(place / "model.onnx")
    return place


@pytest.fixture
def refused(
    town: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., str]:
    """Run a map that must end with 2 and one line before the images are looked at."""

    def no_work(*_: object, **__: object) -> None:
        pytest.fail("work began before the order was refused")

    monkeypatch.setattr(engine, "read_dates", no_work)

    def run(*words: str | Path, dates: int = 2, out: Path = tmp_path / "out") -> str:
        before = {path: path.stat().st_size for path in tmp_path.rglob("*")}
        images = [town / f"{name}.tif" for name in ("before", "after")[:dates]]
        common = ("--model", town / "model.onnx", "-o", out)
        capfd.readouterr()
        assert main(["map", *map(str, (*images, *common, *words))]) == 2
        err = capfd.readouterr().err.strip()
        assert err.startswith("geomage: ")
        assert "\n" not in err
        assert {path: path.stat().st_size for path in tmp_path.rglob("*")} == before
        return err

    return run


def polygon(path: Path, *bounds: float) -> Path:
    gpd.GeoDataFrame(geometry=[shapely.box(*bounds)], crs="EPSG:32633").to_file(path)
    return path


def raster(path: Path, values: np.ndarray) -> Path:
    return write_cog(path, Raster(values, BOX))


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_what_lies_beyond_the_extent_is_refused_as_early(refused, tmp_path: Path, dry) -> None:
    far = polygon(tmp_path / "far.gpkg", LEFT + 100, TOP - 150, LEFT + 150, TOP - 100)
    assert "none of its 1 zones lies on the map" in refused("--zones", far, *LEFT_HALF, *dry)


def test_what_lies_beyond_several_images_is_refused_as_early(refused, town, tmp_path) -> None:
    far = polygon(tmp_path / "far.gpkg", LEFT + 900, TOP, LEFT + 950, TOP + 50)
    more = ("--before", town / "before.tif")
    assert "none of its 1 zones lies on the map" in refused("--zones", far, *more)


def test_a_later_look_needs_a_second_date(refused) -> None:
    assert "give a second image" in refused("--kind", "DEL_MONIT02", dates=1)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--zone-name", "name"), "--zone-name needs zones"),
        (("--footprints-layer", "houses"), "--footprints-layer needs a file"),
    ],
)
def test_a_wish_about_no_file_is_refused(refused, words, says) -> None:
    assert says in refused(*words)


@pytest.mark.parametrize("said", ["yesterday", "1e9", "9" * 20, "-" + "9" * 14])
def test_a_time_of_making_that_is_none_is_named(refused, monkeypatch, said) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", said)
    assert "which is no time" in refused()


@pytest.mark.parametrize("option", ["--zones", "--population", "--roads", "--depth"])
def test_a_product_is_not_replaced_with_what_it_counts_in(refused, tmp_path, option) -> None:
    out = tmp_path / "old"
    out.mkdir()
    (out / "item.json").write_text("{}")
    own = polygon(out / "own.gpkg", LEFT, TOP - 90, LEFT + 90, TOP)
    assert "holds the input" in refused(option, own, "--overwrite", out=out)


def test_numbers_that_count_nobody_are_named(refused, tmp_path) -> None:
    good = np.ones((1, 320, 320), "float32")
    complex_ = raster(tmp_path / "c.tif", good.astype("complex64"))
    assert "holds complex numbers" in refused("--population", complex_)
    most = raster(tmp_path / "m.tif", good * np.float32(3.4e38))
    assert "counts 3.4e+38 people" in refused("--population", most)


def test_depths_that_say_nothing_of_the_map_are_named(tmp_path) -> None:
    three = raster(tmp_path / "three.tif", np.ones((3, 320, 320), "float32"))
    with pytest.raises(InputError, match="3 band"):
        check_depth(three, BOX)
    one = raster(tmp_path / "one.tif", np.ones((1, 320, 320), "float32"))
    with pytest.raises(InputError, match="lies elsewhere"):
        check_depth(one, GeoBox((4, 4), Affine(1, 0, 700_000, 0, -1, TOP), BOX.crs))
    bare = write_cog(
        tmp_path / "bare.tif", Raster(np.ones((1, 9, 9), "float32"), pixel_box((9, 9), 1.0))
    )
    with pytest.raises(InputError, match="no CRS"):
        check_depth(bare, BOX)
