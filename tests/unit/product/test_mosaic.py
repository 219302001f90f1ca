"""A mosaic of products: the first one that says something wins, whatever its grid."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pystac
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from rio_cogeo import cog_validate

from geomage.cli import main
from geomage.errors import BudgetError, InputError, OutputError
from geomage.geo import Raster, read_raster, write_cog
from geomage.product import Order, write_mosaic, write_product
from geomage.product.extents import BURNT_UNSOUGHT
from geomage.product.order import PLAIN
from toy_run import CREATED, UTM, make_image, make_run

FILLS = {"building": None, "landcover": 0, "damage": 255, "flood": 255, "change": 255}
SHAPE = (60, 50)


def box(col: int, row: int, crs: str = UTM, gsd: float = 0.5) -> GeoBox:
    return GeoBox(SHAPE, Affine(gsd, 0, 366_000 + col * gsd, 0, -gsd, 4_104_000 - row * gsd), crs)


def product(
    tmp_path: Path, name: str, where: GeoBox, value: int, hidden: slice, burnt: str | None = None
) -> Path:
    """A product of one value, that says nothing in some columns.

    `burnt` says that there was a fire, and why burnt ground is not outlined; "" where it is.
    """
    run = make_run(tmp_path / f"run_{name}", answers=[])
    order = PLAIN if burnt is None else Order(event_type="fire")
    if burnt:
        run = replace(run, facts={**run.facts, "burnt": {"left_out": burnt}})
    if burnt == "":
        ground = Raster(np.ones((1, *SHAPE), np.uint8), where, 255)
        path = write_cog(tmp_path / f"run_{name}/burnt.tif", ground)
        run = replace(run, rasters={**run.rasters, "burnt": path})
    for raster, fill in FILLS.items():
        values = np.full((1, *SHAPE), value, np.uint8)
        mask = np.ones(SHAPE, bool)
        mask[:, hidden] = False
        values[:, ~mask] = fill or 0
        given = mask if fill is None else None
        write_cog(run.rasters[raster], Raster(values, where, fill), mask=given)
    image = make_image(tmp_path / "image.tif", str(where.crs))
    crs = where.crs.to_wkt()
    frame, unseen = (part.to_crs(crs) for part in (run.buildings, run.not_analysed))
    run = replace(run, buildings=frame, not_analysed=unseen)
    out = tmp_path / name
    images = {"before_paths": [image], "after_paths": [image]}
    write_product(run, out, **images, order=order, created=CREATED)
    return out


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    place = tmp_path_factory.mktemp("scenes")
    west = product(place, "west", box(0, 0), 1, slice(30, 35))
    east = product(place, "east", box(20, 10), 2, slice(0, 0))
    return west, east


def by_hand(first: str) -> np.ndarray:
    """What damage should hold over both."""
    west, east = np.full((70, 70), 255), np.full((70, 70), 255)
    west[:60, :50], west[:60, 30:35] = 1, 255
    east[10:, 20:] = 2
    one, other = (west, east) if first == "west" else (east, west)
    return np.where(one < 255, one, other)


def test_the_first_product_that_says_something_wins(scenes, tmp_path: Path) -> None:
    west, east = scenes
    for order, first in (((west, east), "west"), ((east, west), "east")):
        out = tmp_path / first
        write_mosaic(order, out)
        truth = by_hand(first)
        for name, fill in FILLS.items():
            raster = read_raster(out / f"{name}.tif")
            held = np.where(truth == 255, fill or 0, truth)
            assert np.array_equal(raster.values[0], held), name
            assert raster.nodata == fill
            assert cog_validate(str(out / f"{name}.tif")) == (True, [], [])
    assert {path.name for path in out.iterdir()} == {
        *(f"{name}.tif" for name in FILLS), "collection.json", "item.json", "items",
    }  # fmt: skip


def test_the_same_products_give_the_same_bytes(scenes, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_mosaic(scenes, tmp_path / name / "out")
    files = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*.tif"))
    assert len(files) == len(FILLS)
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_the_collection_has_an_item_a_scene_with_relative_links(scenes, tmp_path: Path) -> None:
    path = write_mosaic(scenes, tmp_path / "out")
    assert str(tmp_path) not in path.read_text()
    collection = pystac.Collection.from_file(str(path))
    items = list(collection.get_items())
    assert [item.id for item in items] == ["west", "east"]
    boxes = np.array([item.bbox for item in items])
    around = [*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)]
    assert collection.extent.spatial.bboxes[0] == pytest.approx(around)
    assert collection.extent.temporal.intervals == [[CREATED, CREATED]]
    assert collection.summaries.get_list("proj:code") == ["EPSG:32615"]
    for item in items:
        assert item.collection_id == collection.id
        for asset in item.assets.values():
            assert Path(asset.get_absolute_href()).is_file()
        canonical = item.get_single_link("canonical").get_absolute_href()
        assert json.loads(Path(canonical).read_text())["id"] == "geomage-product"


def test_a_product_on_another_grid_is_brought_to_the_first_one(scenes, tmp_path: Path) -> None:
    half = product(tmp_path, "half", box(40, 20, gsd=0.4), 3, slice(0, 0))
    write_mosaic([scenes[0], half], tmp_path / "out")
    damage = read_raster(tmp_path / "out" / "damage.tif")
    assert damage.box.affine.a == 0.5
    # 50 x 60 px of 0.4 m from column 32 and row 16: columns 32 to 72, rows 16 to 64
    assert damage.values.shape == (1, 64, 72)
    assert (damage.values[0, :60, :30] == 1).all()
    assert (damage.values[0, 16:64, 50:72] == 3).all()
    assert (damage.values[0, 16:60, 32:35] == 3).all()
    assert (damage.values[0, :16, 50:] == 255).all()


def test_a_product_in_another_crs_is_brought_to_the_first_one(scenes, tmp_path: Path) -> None:
    other = GeoBox(SHAPE, Affine(0.7, 0, -10_555_750, 0, -0.7, 4_449_700), "EPSG:3857")
    there = product(tmp_path, "mercator", other, 4, slice(0, 0))
    collection = write_mosaic([scenes[0], there], tmp_path / "out")
    damage = read_raster(tmp_path / "out" / "damage.tif")
    assert damage.box.crs == UTM
    area = (damage.values == 4).sum() * 0.25
    ground = 60 * 50 * 0.7**2 * np.cos(np.radians(37.07)) ** 2
    assert area == pytest.approx(ground, rel=0.02)
    assert len(json.loads(collection.read_text())["links"]) == 3


def test_products_that_lack_what_others_have_are_named_with_the_reason(
    scenes, tmp_path: Path, capfd
) -> None:
    fire = product(tmp_path, "fire", box(0, 0), 1, slice(0, 0), burnt="")
    plain = product(tmp_path, "plain", box(50, 0), 1, slice(0, 0), burnt="no band is called nir")
    out = tmp_path / "m"
    assert main(["mosaic", *map(str, (plain, fire, scenes[1])), "-o", str(out), "--json"]) == 0
    said = capfd.readouterr()
    without = {"plain": "no band is called nir", "east": BURNT_UNSOUGHT}
    assert json.loads(said.out)["without"] == {"burnt": without}
    assert "note: burnt.tif holds nothing from plain: no band is called nir\n" in said.err
    assert f"note: burnt.tif holds nothing from east: {BURNT_UNSOUGHT}\n" in said.err
    assert json.loads((out / "collection.json").read_text())["geomage:without"]["burnt"] == without
    burnt = read_raster(out / "burnt.tif").values[0]
    assert (burnt[:60, :50] == 1).all()
    assert (burnt == 1).sum() == 60 * 50
    collection = write_mosaic(scenes, tmp_path / "same")
    assert json.loads(collection.read_text())["geomage:without"] == {}


def test_what_cannot_be_laid_together_is_refused(scenes, make_product, tmp_path: Path) -> None:
    west, east = scenes
    with pytest.raises(InputError, match="is given twice"):
        write_mosaic([west, east, west], tmp_path / "m")
    with pytest.raises(InputError, match="without CRS"):
        write_mosaic([west, make_product(None).folder], tmp_path / "m")
    with pytest.raises(InputError, match=r"no product folder.*manifest"):
        write_mosaic([west, tmp_path], tmp_path / "m")
    with pytest.raises(InputError, match="within each other"):
        write_mosaic([west], west / "m")
    with pytest.raises(OutputError, match="exists"):
        write_mosaic([west], tmp_path)
    coarse = product(tmp_path, "coarse", box(0, 0, gsd=5.0), 1, slice(0, 0))
    with pytest.raises(InputError, match=r"coarse has pixels of 5 m .* make a mosaic of each"):
        write_mosaic([west, coarse], tmp_path / "m")
    far = product(tmp_path, "far", box(2_000_000, 2_000_000), 1, slice(0, 0))
    with pytest.raises(BudgetError, match="spread over"):
        write_mosaic([west, far], tmp_path / "m")
    (far / "damage.tif").write_bytes(b"")
    with pytest.raises(InputError, match=r"damage\.tif is missing or not the file"):
        write_mosaic([far], tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_a_damaged_item_leaves_nothing(make_product, tmp_path: Path, capfd) -> None:
    paths = make_product()
    for text in ("{}", "3", '{"assets": {}, "properties": {"datetime": 3}, "bbox": []}'):
        paths.item.write_text(text)
        assert main(["mosaic", str(paths.folder), "-o", str(tmp_path / "m")]) == 2
        assert capfd.readouterr().err.startswith("geomage: ")
        assert not list(tmp_path.glob("*m"))
