"""A model on arrays of xarray: the numbers of the engine, for any chunks, whoever computes."""

from __future__ import annotations

import pickle
import re
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from odc.geo.xr import xr_coords
from rasterio.windows import Window

from geomage.data.stream import SimulatedPairs, StreamParams
from geomage.errors import InputError, ModelError
from geomage.geo import Raster, Stretch, TileStore, Tiling, write_cog
from geomage.mapping import MapJob, Tone, apply, array_foreign, engine, map_rasters, measure_tone
from geomage.mapping.array_windows import ModelSource
from geomage.mapping.date import Date
from geomage.mapping.imagery import find_stretch
from geomage.mapping.picture import look
from geomage.mapping.predict import Predict, model_store
from geomage.mapping.reasons import FIRST_FOREIGN, SECOND_FOREIGN
from geomage.mapping.regrid import Layer
from geomage.model import load_model
from tiny_network import write_tiny_network
from tiny_town import BOX, SIDE, paint, write_town

xr = pytest.importorskip("xarray")
TONES = (Tone(Stretch(20, 210), (90.0, 91.4, 92.6)), Tone(Stretch(10, 200), (80.0, 80.0, 80.0)))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_network(tmp_path_factory.mktemp("model") / "tiny.onnx", window=256)


def array(values: np.ndarray, box: GeoBox = BOX, **attrs: object) -> xr.DataArray:
    coords = xr_coords(box)
    dims = ("band", *list(coords)[:2])
    return xr.DataArray(values, coords, dims, attrs=attrs)


BEFORE, AFTER = array(paint()), array(paint(gone=True, cloud=True))


def date_of(path: Path, folder: Path, seen: np.ndarray, tone: Tone) -> Date:
    tiling = Tiling(BOX, 256)
    store = TileStore(folder, tiling, ("seen",))
    for key in tiling:
        store.write(key, seen[(None, *tiling.core(key).toslices())].astype("uint8"))
    return Date((look(path, None),), BOX, tone.stretch, tone.colour, Layer(store, (0,), BOX))


@pytest.mark.parametrize("kind", ["uint8", "float32"])
def test_the_numbers_are_those_of_the_engine(tmp_path: Path, model: Path, kind: str) -> None:
    first, second = paint().astype(kind), paint(gone=True, cloud=True).astype(kind)
    holes = (np.s_[40:90, 30:120], np.s_[100:180, 200:])
    first[:, *holes[0]], second[:, *holes[1]] = 0, 0
    first[0, 7, 9] = 0  # no data in one band alone is data
    if kind == "float32":
        first[2, 20:25, 20:25] = np.nan
    opened, dates, masks = load_model(model, threads=1), [], []
    for name, image, tone in zip("ba", (first, second), TONES, strict=True):
        path = write_cog(tmp_path / f"{name}.tif", Raster(image, BOX, 0))
        masks.append((image != 0).any(axis=0) & np.isfinite(image).all(axis=0))
        dates.append(date_of(path, tmp_path / f"seen_{name}", masks[-1], tone))
    store = model_store(tmp_path / "model", BOX, opened.card, two_dates=True)
    list(Predict(*dates, store, partial(load_model, model)).run(store.missing(), opened))
    want = store.read(Window(0, 0, SIDE, SIDE))
    got = apply(array(first, nodata=0), array(second, nodata=0), model, tones=TONES)
    np.testing.assert_array_equal(got.landcover, want[0])
    np.testing.assert_array_equal(got.building, want[1])
    np.testing.assert_array_equal(got.damage, want[2:6] * masks[1])
    np.testing.assert_array_equal(got.flags, want[6:9] * masks[1])
    alone = apply(array(first, nodata=0), None, model, tones=TONES[:1])
    assert set(alone) == {"landcover", "building", "not_analysed"}
    np.testing.assert_array_equal(alone.building, want[1])
    np.testing.assert_array_equal(alone.not_analysed, ~masks[0])


@pytest.fixture(scope="module")
def towns() -> tuple[np.ndarray, np.ndarray]:
    """A simulated town, and the same with noise on its left, equal in all bands: no camera's."""
    params = StreamParams(size_px=SIDE, gsd_m=(0.49, 0.5), no_data=0.0, styles={"suburb": 1.0})
    town = np.maximum(SimulatedPairs(params).pair(1).before, 1)
    noisy = town.copy()
    noisy[:, :, :192] = np.random.default_rng(0).integers(1, 255, (1, SIDE, 192), "uint8")
    return town, noisy


@pytest.mark.parametrize("window", [256, 288])  # px, the second of no whole cells
def test_what_is_too_far_is_what_a_map_leaves_out(
    towns: tuple[np.ndarray, np.ndarray],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    window: int,
) -> None:
    town, noisy = towns
    model = write_tiny_network(tmp_path / "tiny.onnx", window=window)
    for module in (engine, array_foreign):
        monkeypatch.setattr(module, "detector_of", lambda _: "line-1")
    paths = [
        write_cog(tmp_path / f"{name}.tif", Raster(image, BOX, 0))
        for name, image in (("after", town), ("before", noisy))
    ]
    job = MapJob(before=(paths[1],), after=(paths[0],), out=tmp_path / "out", model=model)
    with map_rasters(job) as result:
        with rasterio.open(result.rasters["landcover"]) as file:
            left_out = file.read(1) == 0
        facts = result.facts["too_far"]
    images = [array(noisy, nodata=0), array(town, nodata=0)]
    got = apply(*images, model)
    far = got.not_analysed.values == FIRST_FOREIGN
    assert 0 < far.sum() == left_out.sum() < left_out.size
    np.testing.assert_array_equal(far, left_out)
    assert facts["before"]["too_far"] == far[::64, ::64].sum()
    for one in (got.landcover, got.building, got.damage, got.flags):
        assert not one.values[..., far].any()
    lazy = apply(images[0].chunk({"y": 100}), images[1].chunk({"x": 70}), model)
    assert lazy.compute(scheduler="threads").identical(got)
    assert got.attrs["detector"] == "line-1"
    turned = apply(images[1], images[0], model)
    assert ((turned.not_analysed == SECOND_FOREIGN).values == far).all()
    assert not turned.damage.values[:, far].any()
    assert turned.landcover.values.all()
    free = apply(*images, model, plausibility=False)
    assert (free.not_analysed != FIRST_FOREIGN).all()
    assert free.landcover.values.all()
    assert "detector" not in free.attrs


def test_another_detector_than_the_one_work_began_with_is_refused() -> None:
    with pytest.raises(ModelError, match="another detector"):
        array_foreign.DetectorSource("line-1", "0" * 64).open()


def test_where_nothing_can_be_said_it_says_why_and_names_no_grade(model: Path) -> None:
    first, second = paint(), paint(cloud=True)
    first[:, :50], second[:, 50:90] = 0, 0
    got = apply(array(first, nodata=0), array(second, nodata=0), model, tones=TONES)
    code = got.not_analysed.values
    assert set(np.unique(code)) == {0, 1, 3, 4}
    assert (code[:50] == 1).all()
    assert (code[50:90] == 3).all()
    assert (code[210:310, 210:310] == 4).all()
    assert not got.damage.values[:, :90].any()
    assert (got.damage.values[:, code == 0].sum(axis=0) > 250).all()
    meanings = dict(
        zip(got.not_analysed.flag_values, got.not_analysed.flag_meanings.split(), strict=True)
    )
    assert meanings[3] == "no_data_at_second_date"


CHUNKS = st.tuples(st.integers(1, 3), st.integers(30, 320), st.integers(30, 320))


@settings(max_examples=12, deadline=None)
@given(first=CHUNKS, second=CHUNKS)
def test_chunks_of_the_arrays_change_no_byte_and_no_chunk_of_the_result(
    model: Path, first: tuple[int, ...], second: tuple[int, ...]
) -> None:
    whole = apply(BEFORE, AFTER, model, tones=TONES)
    dates = [
        one.chunk(dict(zip(one.dims, chunks, strict=True)))
        for one, chunks in ((BEFORE, first), (AFTER, second))
    ]
    lazy = apply(*dates, model, tones=TONES)
    assert lazy.damage.chunks == ((4,), (256, 64), (256, 64))
    assert lazy.compute(scheduler="sync").identical(whole)


def test_large_chunks_are_sent_in_parts_to_the_same_bytes(model: Path) -> None:
    rng = np.random.default_rng(1)
    box = GeoBox((1000, 900), BOX.affine, BOX.crs)
    image = array(rng.integers(0, 255, (4, 1000, 900), dtype="uint8"), box)
    image = image.assign_coords(band=["nir", "blue", "green", "red"])
    whole = apply(image, None, model, tones=TONES[:1])
    lazy = apply(image.chunk(), None, model, tones=TONES[:1])
    kinds = {str(key[0]).rsplit("-", 1)[0] for key in lazy.__dask_graph__() if key[0] != "x"}
    assert "geomage-part-0" in kinds
    assert lazy.compute(scheduler="threads").identical(whole)
    rgb = image.sel(band=["red", "green", "blue"])
    assert apply(rgb, None, model, tones=TONES[:1]).equals(whole)


def test_nothing_is_computed_before_it_is_asked_for(model: Path) -> None:
    da = pytest.importorskip("dask.array")
    read = []

    def reading(block_id: tuple[int, ...]) -> np.ndarray:
        read.append(block_id)
        return BEFORE.values[:, block_id[1] * 64 :, block_id[2] * 64 :][:, :64, :64]

    meta = np.empty((0, 0, 0), "uint8")
    data = da.map_blocks(reading, chunks=((3,), (64,) * 5, (64,) * 5), meta=meta)
    got = apply(BEFORE.copy(data=data), None, model, tones=TONES[:1])
    assert not read
    corner = got.building.isel(y=slice(256, 320), x=slice(256, 320)).compute(scheduler="sync")
    assert {block[1:] for block in read} == {(row, col) for row in (3, 4) for col in (3, 4)}
    assert corner.equals(apply(BEFORE, None, model, tones=TONES[:1]).building[256:, 256:])


@pytest.mark.parametrize("side", [1024, 4096])
def test_the_graph_of_a_hundred_thousand_px_square_is_small(tmp_path: Path, side: int) -> None:
    da = pytest.importorskip("dask.array")
    path = write_tiny_network(tmp_path / "m.onnx", window=1024, stride=32, halo=224)
    box = GeoBox((100_000, 100_000), BOX.affine, BOX.crs)
    data = da.zeros((3, *box.shape), chunks=(3, side, side), dtype="uint8")
    image = array(data, box)
    got = apply(image, image.copy(data=data + 1), path, tones=TONES)
    assert 98**2 * 6 <= len(got.__dask_graph__()) < 100_000
    assert len(pickle.dumps(got.building.data.dask.layers[got.building.data.name])) < 5e6


def test_a_cluster_gives_the_same_bytes(tmp_path: Path, model: Path) -> None:
    distributed = pytest.importorskip("distributed")
    from small_cluster import small_cluster

    whole = apply(BEFORE, AFTER, model, tones=TONES)
    with (
        small_cluster(tmp_path, workers=1) as cluster,
        distributed.Client(cluster.address, set_as_default=False) as client,
    ):
        lazy = apply(BEFORE.chunk({"y": 100}), AFTER.chunk({"x": 70}), model, tones=TONES)
        assert client.compute(lazy).result(timeout=120).identical(whole)


def test_tones_are_those_that_the_engine_measures(tmp_path: Path, model: Path) -> None:
    image = paint()
    image[:, :30] = 0
    path = write_cog(tmp_path / "b.tif", Raster(image, BOX, 0))
    tone = measure_tone(array(image, nodata=0).chunk({"y": 50}))
    assert tone.stretch == find_stretch([look(path, None)])
    want = tone.stretch.apply(image[:, 30:]).mean(axis=(1, 2))
    np.testing.assert_allclose(tone.colour, want)
    measured = apply(array(image, nodata=0), None, model)
    assert measured.equals(apply(array(image, nodata=0), None, model, tones=[tone]))
    assert measured.attrs["stretch_before"] == tone.stretch.rule
    large = np.tile(image, (1, 1, 7))  # 2240 px wide: each third pixel is read
    assert measure_tone(array(large, GeoBox((SIDE, 7 * SIDE), BOX.affine, BOX.crs))).stretch.high


def test_the_result_lies_on_the_grid_of_the_first_date_and_has_a_legend(model: Path) -> None:
    got = apply(BEFORE, AFTER, model, tones=TONES)
    assert got.odc.geobox == BOX
    assert got.building.odc.crs == BOX.crs
    assert all(one.dtype == "uint8" for one in got.values())
    assert got.landcover.flag_meanings.split()[7] == "building"
    assert got.grade.flag_meanings == "none minor major destroyed"
    assert list(got.flag.values) == ["water", "changed", "obscured"]
    assert got.attrs["source"].endswith("model tiny 0")
    assert got.attrs["gsd_m"] == pytest.approx(0.5, rel=1e-3)
    share = xr.decode_cf(got).building
    np.testing.assert_allclose(share, got.building.values / 255, rtol=1e-6)


def test_arrays_without_crs_need_the_size_of_their_pixels(model: Path) -> None:
    bare = xr.DataArray(paint(), dims=("band", "y", "x"))
    with pytest.raises(InputError, match=r"before has no CRS.*gsd="):
        apply(bare, None, model)
    got = apply(bare, bare, model, gsd=0.5)
    assert got.odc.crs is None
    assert got.damage.shape == (4, SIDE, SIDE)
    with pytest.raises(InputError, match=r"0\.1 m, outside of 0\.3 to 1 m"):
        apply(bare, None, model, gsd=0.1)
    with pytest.raises(InputError, match="has a CRS, before has none"):
        apply(bare, BEFORE, model, gsd=0.5)
    with pytest.raises(InputError, match="320 x 320 px and after 300 x 320 px"):
        apply(bare, bare[:, :, :300], model, gsd=0.5)


def box_of(*numbers: float, crs: str = "EPSG:32633") -> GeoBox:
    return GeoBox((SIDE, SIDE), Affine(*numbers), crs)


GRIDS = {
    "too fine": (box_of(0.1, 0, 5e5, 0, -0.1, 4e6), "average"),
    "coarse": (box_of(1.5, 0, 5e5, 0, -1.5, 4e6), "cubic"),
    "degrees": (box_of(4.5e-6, 0, 15, 0, -4.5e-6, 36), "cubic"),
    "oblong": (box_of(0.6, 0, 5e5, 0, -0.5, 4e6), "cubic"),
    "Mercator": (box_of(0.3, 0, 1.6e6, 0, -0.3, 8e6, crs="EPSG:3857"), "average"),
}


@pytest.mark.filterwarnings("ignore:The 'shapely.ops.transform")  # odc-geo calls it
@pytest.mark.parametrize("what", GRIDS)
def test_what_is_advised_for_a_grid_makes_it_fit(model: Path, what: str) -> None:
    box, how = GRIDS[what]
    if what == "degrees":
        box = GeoBox(box.shape, box.affine, "EPSG:4326")
    before = array(paint(), box, nodata=0)
    with pytest.raises(InputError, match=f'before.odc.reproject.*"{how}"') as error:
        apply(before, None, model)
    advice = re.search(r"before\.odc\.reproject\(.*\)$", str(error.value))[0]
    mended = eval(advice, {"before": before})  # noqa: S307 -- our own words
    assert apply(mended, None, model).landcover.values.any()


def test_what_is_advised_for_a_second_date_makes_it_fit(model: Path) -> None:
    moved = array(paint(), GeoBox(BOX.shape, BOX.affine @ Affine.translation(9.5, 0), BOX.crs))
    with pytest.raises(InputError, match="after is not on the grid of before") as error:
        apply(BEFORE, moved, model)
    advice = str(error.value).split(": ", 1)[1]
    mended = eval(advice, {"before": BEFORE, "after": moved})  # noqa: S307 -- our own words
    assert apply(BEFORE, mended, model, tones=TONES).damage.any()


UP = BEFORE.isel(y=slice(None, None, -1))
BAD = {
    "south up": (UP, r"from south to north.*isel\(y=slice"),
    "order": (BEFORE.transpose("y", "x", "band"), r'transpose\("band", "y", "x"\)'),
    "time": (BEFORE.expand_dims("time"), r"isel\(time=0\)"),
    "names": (BEFORE.rename(band="channel"), "rename"),
    "flat": (BEFORE[0], r"dimensions \(y, x\)"),
    "two bands": (BEFORE[:2], "2 bands of values"),
    "no green": (BEFORE.assign_coords(band=["red", "x", "blue"]), "no green"),
    "complex": (BEFORE.astype("complex64"), "holds complex64"),
    "empty": (BEFORE[:, :0], "no pixels"),
    "one value": (BEFORE * 0 + 7, "same value everywhere"),
    "no value": (BEFORE.astype("float32") * np.nan, "holds no data"),
    "no number": (BEFORE.assign_attrs(nodata="none"), "'none' is no number"),
    "variables": (
        BEFORE.assign_coords(band=["red", "B3", "blue"]).to_dataset("band"),
        r"no green.*rename\(...=\"green\"\)",
    ),
    "numpy": (BEFORE.values, "of type ndarray"),
    "too coarse": (array(paint(), box_of(9, 0, 5e5, 0, -9, 4e6)), "too coarse"),
    "uneven": (BEFORE.isel(x=[0, 1, 5, 9]), "not evenly spaced"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_cannot_be_used_is_refused_with_advice(model: Path, what: str) -> None:
    image, words = BAD[what]
    with pytest.raises(InputError, match=words):
        apply(image, None, model)


def test_tones_and_models_that_do_not_fit_are_refused(tmp_path: Path, model: Path) -> None:
    with pytest.raises(InputError, match="2 tones for 1 dates"):
        apply(BEFORE, None, model, tones=TONES)
    with pytest.raises(ModelError, match="no such model file"):
        apply(BEFORE, None, tmp_path / "none.onnx")
    path = write_tiny_network(tmp_path / "m.onnx", window=256)
    lazy = apply(BEFORE.chunk(), None, path, tones=TONES[:1])
    source = ModelSource.of(load_model(path))
    assert pickle.loads(pickle.dumps(source)) == source  # noqa: S301 -- our own
    from geomage.mapping.array_windows import _opened

    _opened.cache_clear()
    write_tiny_network(path, window=256, name="other")
    with pytest.raises(ModelError, match="another model than the one this work began with"):
        lazy.compute(scheduler="sync")


def test_a_dataset_of_bands_is_an_image(model: Path) -> None:
    """As odc-stac loads it: a variable a band, each chunked alone, each with its no-data value."""
    image = paint()
    image[:, 100:150] = 0
    names = ["blue", "green", "red"]
    bands = array(image).assign_coords(band=names).to_dataset("band").chunk(y=90)
    for name in names:
        bands[name].attrs["nodata"] = 0
    got = apply(bands, None, model, tones=TONES[:1])
    assert got.identical(apply(array(image[::-1], nodata=0), None, model, tones=TONES[:1]))
    assert not got.landcover[100:150].any()
    bands["red"].attrs["nodata"] = 255
    with pytest.raises(InputError, match="several no-data values"):
        apply(bands, None, model)
    with pytest.raises(InputError, match=r"before.isel\(time=0\)"):
        apply(bands.drop_attrs().expand_dims("time"), None, model)


def test_the_page_on_notebooks_runs_as_it_stands(project: Path, tmp_path, monkeypatch) -> None:
    write_town(tmp_path)
    monkeypatch.chdir(tmp_path)
    page = (project / "docs" / "notebooks.md").read_text()
    reading, *codes = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, object] = {"before": BEFORE.chunk(), "after": AFTER.chunk()}
    if find_spec("rioxarray"):
        codes = [reading, *codes]
    for code in codes:
        exec(code, names)  # noqa: S102 -- our own page
    part = names["part"]
    assert part.sizes == {"y": 128, "x": 128, "grade": 4, "flag": 3}
    assert (names["destroyed"].isnull() == (part.not_analysed != 0)).all()
    for variable in names["result"]:
        assert f"`{variable}`" in page


def test_alpha_and_a_model_that_is_open(model: Path) -> None:
    image = np.concatenate([paint(), np.full((1, SIDE, SIDE), 255, "uint8")])
    image[3, 100:] = 0
    names = ["Red", "Green", "Blue", "Alpha"]
    got = apply(array(image, long_name=names), None, load_model(model, threads=1), tones=TONES[:1])
    assert (got.landcover[:100] > 0).all()
    assert not got.landcover[100:].any()
