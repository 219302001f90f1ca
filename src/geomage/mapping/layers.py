"""What a model says of every pixel, as 8-bit layers on disk."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio.warp
from odc.geo.geobox import GeoBox
from rasterio.enums import Resampling
from rasterio.windows import Window
from tqdm import tqdm

from geomage.geo import reserve, warp_crs
from geomage.mapping.imagery import Imagery
from geomage.mapping.plan import Plan, Tile
from geomage.mapping.survey import Sight
from geomage.model import Model, ModelCard

_BANDS = {"landcover": 1, "building": 1, "damage": 4, "flags": 3}
BUILDING = 7  # place of buildings among the land-cover probabilities


@dataclass(frozen=True)
class Layers:
    """Probabilities times 255, uint8, backed by files."""

    box: GeoBox
    landcover: np.ndarray  # (1, y, x) most likely class 1..8, 0 no data
    building: np.ndarray  # (1, y, x)
    damage: np.ndarray  # (4, y, x) grades 1..4 given a building
    flags: np.ndarray  # (3, y, x) water, changed, obscured


@dataclass(frozen=True)
class Date:
    """Images of one date, and where they hold data."""

    imagery: Imagery
    sight: Sight


def blank_layers(folder: Path, box: GeoBox) -> Layers:
    """Layers of zeros in files of a folder."""

    def blank(name: str, bands: int) -> np.ndarray:
        shape = (bands, int(box.shape[0]), int(box.shape[1]))
        file = reserve(folder / f"{name}.u8", math.prod(shape))
        return np.memmap(file, "uint8", mode="r+", shape=shape)

    folder.mkdir()
    return Layers(box, **{name: blank(name, bands) for name, bands in _BANDS.items()})


def work_bytes(plan: Plan) -> int:
    """Bytes on disk of the layers of a plan: on the work grid, and on the product grid if another.

    What the product itself takes comes on top: less, and not known before.
    """
    boxes = (plan.work,) if plan.work == plan.product else (plan.work, plan.product)
    return sum(math.prod(map(int, box.shape)) for box in boxes) * sum(_BANDS.values())


def predict_layers(
    model: Model, tiles: Sequence[Tile], dates: tuple[Date, Date | None], layers: Layers
) -> int:
    """Run the model over all windows that hold data and fill the layers.

    Returns:
        The number of windows the model ran on.
    """
    first, second = dates
    ran = 0
    for tile in tqdm(tiles, desc="map", unit="window", disable=None):
        core = tile.core.toslices()
        seen = first.sight.seen[core]
        if not seen.any():
            continue
        read = read_window(tile, model.card)
        before = chip(first, read)
        after = before if second is None else chip(second, read)
        said = model.predict(before, after)
        inner = (
            slice(None),
            slice(tile.core.row_off - read.row_off - model.card.trim, None),
            slice(tile.core.col_off - read.col_off - model.card.trim, None),
        )
        landcover = said.landcover[0][inner][:, : seen.shape[0], : seen.shape[1]]
        layers.landcover[0][core] = np.where(seen, landcover.argmax(axis=0) + 1, 0)
        layers.building[0][core] = _counts(landcover[BUILDING]) * seen
        if second is not None:
            for layer, values in ((layers.damage, said.damage), (layers.flags, said.flags)):
                cut = values[0][inner][:, : seen.shape[0], : seen.shape[1]]
                layer[(slice(None), *core)] = _counts(cut) * seen
        ran += 1
    return ran


def read_window(tile: Tile, card: ModelCard) -> Window:
    """What the model sees of a tile: its whole halo, beyond the grid too, where it trims it."""
    if not card.trim:
        return tile.read
    core, stride = tile.core, card.stride
    height, width = (-(-length // stride) * stride for length in (core.height, core.width))
    left, top = core.col_off - card.halo, core.row_off - card.halo
    return Window(left, top, width + 2 * card.halo, height + 2 * card.halo)


def chip(date: Date, window: Window) -> np.ndarray:
    """Float32 (1, 3, y, x) in 0..1 of one window; no data shows the mean colour of the date.

    The window may reach over the edges of the grid: the last pixels are carried on.
    """
    rows, cols = date.imagery.box.shape
    top, left = max(0, window.row_off), max(0, window.col_off)
    bottom = min(window.row_off + window.height, rows)
    right = min(window.col_off + window.width, cols)
    there = Window(left, top, right - left, bottom - top)
    values, valid, _ = date.imagery.read(there)
    valid &= date.sight.seen[there.toslices()]
    image = np.where(valid, values, date.sight.colour[:, None, None]).astype("float32") / 255
    above, below = top - window.row_off, window.row_off + window.height - bottom
    before, beyond = left - window.col_off, window.col_off + window.width - right
    return np.pad(image, ((0, 0), (above, below), (before, beyond)), mode="edge")[None]


def bring_layers(layers: Layers, box: GeoBox, folder: Path) -> Layers:
    """The layers on another grid of the same extent: classes by the nearest, the rest bilinear."""
    if layers.box == box:
        return layers
    out = blank_layers(folder, box)
    for name in _BANDS:
        how = Resampling.nearest if name == "landcover" else Resampling.bilinear
        for source, target in zip(getattr(layers, name), getattr(out, name), strict=True):
            target[:] = bring(source, layers.box, box, how)
    return out


def bring(values: np.ndarray, source: GeoBox, target: GeoBox, how: Resampling) -> np.ndarray:
    """One (y, x) layer on another grid of the same CRS."""
    if source == target:
        return values
    out = np.zeros(tuple(target.shape), "uint8")
    rasterio.warp.reproject(
        np.ascontiguousarray(values, "uint8"),
        out,
        src_transform=source.affine,
        src_crs=warp_crs(source),
        dst_transform=target.affine,
        dst_crs=warp_crs(target),
        resampling=how,
    )
    return out.astype(values.dtype)


def _counts(probability: np.ndarray) -> np.ndarray:
    return np.asarray(np.rint(np.clip(probability, 0, 1) * 255), "uint8")
