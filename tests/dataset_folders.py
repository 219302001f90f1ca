"""Public datasets of a few pixels, in the folder layouts of their authors."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from PIL import Image
from rasterio.errors import NotGeoreferencedWarning

SIDE = 8
HOME = "POLYGON ((1 1, 5 1, 5 3, 1 3, 1 1))"
"""In pixels, y downwards: columns 1 to 4, rows 1 and 2."""


def tif(path: Path, values: np.ndarray, crs: str | None = None, **profile) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    stack = values if values.ndim == 3 else values[None]
    size = {"count": stack.shape[0], "height": stack.shape[1], "width": stack.shape[2]}
    place = {"crs": crs, "transform": Affine(0.3, 0, 500_000, 0, -0.3, 4_000_000)} if crs else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        kind = {"driver": "GTiff", "dtype": stack.dtype}
        with rasterio.open(path, "w", **{**kind, **size, **place, **profile}) as file:
            file.write(stack)
    return path


def png(path: Path, values: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values.astype(np.uint8)).save(path)
    return path


def grey(value: int) -> np.ndarray:
    """(y, x, band) of one count."""
    return np.full((SIDE, SIDE, 3), value, np.uint8)


def halves(low: int, high: int, dtype: str = "uint8") -> np.ndarray:
    """(y, x): one value on the left, one on the right."""
    values = np.full((SIDE, SIDE), low, dtype)
    values[:, SIDE // 2 :] = high
    return values


def sen1floods11(folder: Path) -> Path:
    hand = folder / "v1.1/data/flood_events/HandLabeled"
    for chip in ("Ghana_1", "Spain_2", "Spain_3", "Bolivia_4"):
        backscatter = np.full((2, SIDE, SIDE), -12.5, np.float32)
        backscatter[:, 0, 0] = np.nan
        tif(hand / "S1Hand" / f"{chip}_S1Hand.tif", backscatter)
        tif(hand / "S2Hand" / f"{chip}_S2Hand.tif", np.full((13, SIDE, SIDE), 1500, np.int16))
        label = halves(0, 1, "int16")
        label[-1] = -1
        tif(hand / "LabelHand" / f"{chip}_LabelHand.tif", label)
    lists = folder / "v1.1/splits/flood_handlabeled"
    lists.mkdir(parents=True)
    parts = {"train": ["Ghana_1"], "valid": ["Spain_2"], "test": ["Spain_3"]}
    for part, chips in {**parts, "bolivia": ["Bolivia_4"]}.items():
        rows = [f"{chip}_S1Hand.tif,{chip}_LabelHand.tif" for chip in chips]
        (lists / f"flood_{part}_data.csv").write_text("\n".join(rows) + "\n")
    return folder


def xbd_label(subtype: str = "major-damage", gsd: float = 0.6) -> dict:
    row = {"properties": {"feature_type": "building", "subtype": subtype}, "wkt": HOME}
    return {"features": {"xy": [row], "lng_lat": []}, "metadata": {"pan_resolution": gsd}}


def xbd(folder: Path, *, pairs: int = 2) -> Path:
    parts = {"train": "palu-tsunami", "tier3": "joplin-tornado", "test": "mexico-earthquake"}
    for part, event in parts.items():
        for k in range(pairs):
            name = f"{event}_{k:08d}"
            for date, value in (("pre", 51), ("post", 102)):
                png(folder / part / "images" / f"{name}_{date}_disaster.png", grey(value))
            path = folder / part / "labels" / f"{name}_post_disaster.json"
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(xbd_label()))
            target = folder / part / "targets" / f"{name}_post_disaster_target.png"
            png(target, halves(0, 4))
    return folder


def levir(folder: Path) -> Path:
    for part, numbers in (("train", (2, 10)), ("val", (1,)), ("test", (1,))):
        for number in numbers:
            name = f"{part}_{number}.png"
            png(folder / part / "A" / name, grey(0))
            png(folder / part / "B" / name, grey(255))
            png(folder / part / "label" / name, halves(0, 255))
    return folder


def burnscars(folder: Path, *, listed: bool = False) -> Path:
    name = "subsetted_512x512_HLS.S30.{}.2020248.v1.4"
    where = {"training": ("T10SDH", "T11SKU", "T12SVE"), "validation": ("T13TDE",)}
    for part, tiles in where.items():
        for tile in tiles:
            home = folder / ("data" if listed else part)
            image = np.full((6, SIDE, SIDE), 0.2, np.float32)
            image[:, 0, 0] = 9999
            tif(home / f"{name.format(tile)}_merged.tif", image)
            mask = halves(0, 1, "int16")
            mask[-1] = -1
            tif(home / f"{name.format(tile)}.mask.tif", mask)
    if listed:
        (folder / "splits").mkdir()
        (folder / "splits/train.txt").write_text(f"{name.format('T10SDH')}\n")
    return folder


CHIPS = """
bands = ["vv", "red"]
scale = 0.0001
offset = -0.1
nodata = -9999.0
gsd = 3.0
classes = ["dry", "water"]
values = [10, 20]
unknown = [0, 255]
"""


def chips(folder: Path) -> Path:
    """Two regions, three chips, one without a label."""
    folder.mkdir(exist_ok=True)
    (folder / "chips.toml").write_text(CHIPS)
    for name in ("north/a", "north/b", "south/a"):
        image = np.stack([halves(-25, 0, "float32"), halves(2000, 6000, "float32")])
        image[:, 0, 0] = -9999
        tif(folder / f"images/{name}.tif", image)
        if name != "south/a":
            label = halves(10, 20)
            label[-1] = 255
            tif(folder / f"labels/{name}.tif", label)
    (folder / "train.txt").write_text("north/a\nsouth/a\n")
    return folder


def mados(folder: Path) -> Path:
    bands = {10: (492, 560, 665, 833), 20: (704, 740, 783, 865, 1614, 2202), 60: (442,)}
    side = 12
    for scene, crops in ((0, (1, 2)), (1, (1,))):
        home = folder / f"Scene_{scene}"
        for crop in crops:
            for gsd, names in bands.items():
                shape = (side * 10 // gsd,) * 2
                for nm in names:
                    name = f"Scene_{scene}_L2R_rhorc_{nm}_{crop}.tif"
                    tif(home / str(gsd) / name, np.full(shape, nm / 1e4, np.float32))
            label = np.zeros((side, side), np.uint8)
            label[:2], label[2:4] = 1, 15
            tif(home / "10" / f"Scene_{scene}_L2R_cl_{crop}.tif", label)
    (folder / "splits").mkdir()
    (folder / "splits/train_X.txt").write_text("Scene_0_1\nScene_1_1\n")
    (folder / "splits/val_X.txt").write_text("Scene_0_2\n")
    return folder


def openearthmap(folder: Path) -> Path:
    for region, count in (("tokyo", 2), ("accra", 1)):
        for k in range(1, count + 1):
            image = np.full((3, SIDE, SIDE), 51, np.uint8)
            tif(folder / region / "images" / f"{region}_{k}.tif", image, "EPSG:32654")
            tif(folder / region / "labels" / f"{region}_{k}.tif", halves(0, 8))
    (folder / "train.txt").write_text("tokyo_1.tif\naccra_1.tif\nxbd_7.tif\n")
    (folder / "val.txt").write_text("tokyo_2.tif\n")
    return folder


def bright(folder: Path, *, lists: bool = False) -> Path:
    for event, count in (("bata-explosion", 2), ("la_palma-volcano", 1)):
        for k in range(count):
            name = f"{event}_{k:08d}"
            colour = np.full((3, SIDE, SIDE), 51, np.uint8)
            tif(folder / "pre-event" / f"{name}_pre_disaster.tif", colour)
            tif(folder / "post-event" / f"{name}_post_disaster.tif", colour[0] * 2)
            tif(folder / "target" / f"{name}_building_damage.tif", halves(1, 3))
    if lists:
        (folder / "test_set.txt").write_text("la_palma-volcano_00000000\n")
    return folder


def spacenet(folder: Path, *, tiles: int = 2) -> Path:
    home = folder / "AOI_2_Vegas_Train"
    labels = home / "geojson/buildings"
    labels.mkdir(parents=True)
    left, top = 500_000, 4_000_000
    ring = [(left, top), (left + 1.2, top), (left + 1.2, top - 0.6), (left, top - 0.6), (left, top)]
    shape = {"type": "Polygon", "coordinates": [ring]}
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32611"}}
    for k in range(1, tiles + 1):
        counts = np.full((3, SIDE, SIDE), 2047, np.uint16)
        image = home / "RGB-PanSharpen" / f"RGB-PanSharpen_AOI_2_Vegas_img{k}.tif"
        tif(image, counts, "EPSG:32611")
        features = [{"type": "Feature", "properties": {}, "geometry": shape}] if k == 1 else []
        table = {"type": "FeatureCollection", "crs": crs, "features": features}
        (labels / f"buildings_AOI_2_Vegas_img{k}.geojson").write_text(json.dumps(table))
    return folder
