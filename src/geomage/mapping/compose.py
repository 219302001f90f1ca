"""From what a model says to what a product holds, tile by tile on the product grid."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import geopandas as gpd
import numpy as np
import pandas as pd
from rasterio.windows import Window
from tqdm import tqdm

from geomage.geo import Dress, TileKey, TileStore, Tiling, mosaic_to_cog, overlap
from geomage.geo.areas import TileAreas, join_areas, tile_areas
from geomage.geo.components import TileParts
from geomage.mapping.blob_tiles import Share, blob_parts, share_blobs
from geomage.mapping.building_tiles import (
    Fields,
    TileBuildings,
    count_tile,
    damage_tile,
    join_buildings,
    paint_near,
    tile_features,
)
from geomage.mapping.buildings import UNSEEN
from geomage.mapping.journal import Work
from geomage.mapping.outlines import clean_outlines
from geomage.mapping.palette import DAMAGE, FLOOD, LANDCOVER
from geomage.mapping.reasons import (
    BEYOND,
    FIRST_FOREIGN,
    REASONS,
    Shown,
    reason_tile,
    with_reasons,
)
from geomage.mapping.regrid import Layer
from geomage.mapping.runs import TileRun, tile_runs
from geomage.workers import Run, give_back

__all__ = [
    "DAMAGE_DRESS",
    "SIDE",
    "Said",
    "compose",
    "count",
    "deliver",
    "fields_of",
    "flood_values",
    "painted_cog",
    "product_rasters",
]

SIDE = 1024  # px, tiles of the product grid: blobs of buildings with a larger frame are cut
WATER = 6  # class of land cover
_HALF = 128  # of a probability times 255
_BANDS = ("building", "landcover", "seen", "code", "flood", "change")
_BUILDING, _LANDCOVER, _SEEN, _CODE, _FLOOD, _CHANGE = range(len(_BANDS))
_RUN = 4  # tiles a task
DAMAGE_DRESS = Dress("damage", nodata=UNSEEN, colours=DAMAGE)


@dataclass(frozen=True)
class Said:
    """What the model said, on the product grid, and what is known of both dates; it travels."""

    landcover: Layer
    building: Layer
    damage: Layer | None
    """Probabilities of grades 1..4; None without a second date, as the next."""
    flags: Layer | None
    """Probabilities of water, changed, obscured."""
    shown: Shown
    least: int
    """Of the probability times 255, from which a pixel is called building."""


@dataclass(frozen=True)
class Found:
    """Answer of one tile: what ends at its border, where nothing is said, is anything built."""

    blobs: TileParts
    built: bool
    unsaid: TileAreas


@dataclass(frozen=True)
class _Compose:
    """Task: write the product's pixels of a run of tiles."""

    said: Said
    store: TileStore
    part: Window  # of the grid, what is mapped

    def __call__(self, run: TileRun) -> dict[TileKey, Found]:
        return {key: self._tile(key) for key in run.keys}

    def _tile(self, key: TileKey) -> Found:
        said, tiling = self.said, self.store.tiling
        core = tiling.core(key)
        codes = reason_tile(said.shown, tiling, key)[0]
        seen = said.shown.first.read(core)[0] > 0
        beyond = np.ones(seen.shape, bool)
        beyond[overlap(core, self.part).toslices()] = False
        codes[beyond], seen[beyond] = BEYOND, False
        seen[codes == FIRST_FOREIGN] = False
        out = np.zeros((len(_BANDS), *seen.shape), "uint8")
        out[_BUILDING] = said.building.read(core)[0] * seen
        out[_LANDCOVER] = said.landcover.read(core)[0] * seen
        out[_SEEN] = seen * np.uint8(255)
        out[_CODE] = codes
        if said.flags is not None:
            water, changed, _ = said.flags.read(core)
            out[_FLOOD] = flood_values(water, out[_LANDCOVER], codes)
            # 255 is not analysed
            out[_CHANGE] = np.where(codes == 0, np.minimum(changed, UNSEEN - 1), UNSEEN)
        self.store.write(key, out)
        built = bool((out[_BUILDING] >= said.least).any())
        blobs = blob_parts(out[_BUILDING], said.least)
        return Found(blobs, built, tile_areas(codes, tuple(REASONS)))


def flood_values(water: np.ndarray, landcover: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """(y, x) uint8: 0 dry, 1 flooded, 2 water at both dates, 255 not analysed."""
    out = (water >= _HALF).astype("uint8")
    out[landcover == WATER] *= 2
    out[codes > 0] = UNSEEN
    return np.asarray(out)


def compose(
    said: Said, tiling: Tiling, part: Window, work: Work, run: Run
) -> tuple[TileStore, dict[TileKey, Share | None], gpd.GeoDataFrame]:
    """Write the pixels of a part of the product but for the damage.

    Returns:
        the tiles; those in which something is built, with the blobs that each of them cuts beside
        its own; polygons not analysed with their `reason`.
    """
    store = TileStore(work.folder / "product", tiling, _BANDS)
    found: dict[TileKey, Found] = {}
    keys = list(tiling.over(part))
    with _bar("compose", len(keys)) as bar:
        for some in run(_Compose(said, store, part), list(tile_runs(keys, _RUN)), work.mark):
            found |= some
            bar.update(len(some))
    unsaid = join_areas(tiling, {key: one.unsaid for key, one in found.items()})
    shares = share_blobs(tiling, {key: one.blobs for key, one in found.items()})
    built = {key for key, one in found.items() if one.built} | {*shares} or {keys[0]}
    return store, {key: shares.get(key) for key in sorted(built)}, with_reasons(unsaid)


@dataclass(frozen=True)
class _Part:
    """Key of one tile in which buildings are counted."""

    key: TileKey
    share: Share | None

    def __str__(self) -> str:
        return f"tile {self.key}"

    def __hash__(self) -> int:
        return hash(self.key)


@dataclass(frozen=True)
class _Count:
    """Task: cut, count and outline the buildings of one tile."""

    fields: Fields
    tiling: Tiling

    def __call__(self, part: _Part) -> tuple[TileKey, TileBuildings]:
        return part.key, count_tile(self.fields, part.share, self.tiling, part.key)


def fields_of(said: Said, store: TileStore) -> Fields:
    """What buildings are found in, and judged by."""
    return Fields(
        building=Layer(store, (_BUILDING,), store.tiling.box),
        damage=said.damage,
        codes=Layer(store, (_CODE,), store.tiling.box),
        least=said.least,
    )


def count(
    said: Said, store: TileStore, shares: Mapping[TileKey, Share | None], work: Work, run: Run
) -> dict[TileKey, TileBuildings]:
    """Find the buildings of the tiles in which something is built."""
    tiling, fields = store.tiling, fields_of(said, store)
    parts = [_Part(key, share) for key, share in shares.items()]
    found = {}
    with _bar("buildings", len(parts)) as bar:
        for key, buildings in run(_Count(fields, tiling), parts, work.mark):
            found[key] = buildings
            bar.update(1)
    return found


@dataclass(frozen=True)
class Delivery:
    """Rasters by name, buildings, and the share of them run together."""

    rasters: dict[str, Path]
    buildings: gpd.GeoDataFrame
    run_together: float


def deliver(
    store: TileStore,
    found: Mapping[TileKey, TileBuildings],
    part: Window,
    work: Work,
    *,
    two_dates: bool,
) -> Delivery:
    """Grade the buildings of all tiles, paint them, and make the rasters of the product."""
    census = join_buildings(store.tiling, found)
    features = [
        tile_features(census, found[key], store.tiling, key, two_dates=two_dates)
        for key in sorted(found)
    ]
    folder = work.folder / "result"
    folder.mkdir(exist_ok=True)
    rasters = product_rasters(store, folder, part, two_dates=two_dates)
    if two_dates:
        masks = {key: one.mask for key, one in found.items()}

        def damage(key: TileKey, codes: np.ndarray) -> np.ndarray:
            return damage_tile(paint_near(census, masks, key), codes, store.tiling, key)

        rasters["damage"] = painted_cog(store, damage, DAMAGE_DRESS, part, work)
    buildings = _joined(features)
    outlines = clean_outlines(buildings.geometry.to_numpy(), store.tiling.box)
    return Delivery(
        rasters, buildings.set_geometry(outlines, crs=buildings.crs), census.run_together
    )


def product_rasters(
    store: TileStore, folder: Path, part: Window, *, two_dates: bool
) -> dict[str, Path]:
    """Make the rasters that need no building: {name: COG}."""
    unit = {"unit": "probability * 255"}
    dresses = {
        _BUILDING: Dress("building", tags=unit, mask=_SEEN + 1),
        _LANDCOVER: Dress("landcover", nodata=0, colours=LANDCOVER),
    }
    if two_dates:
        unit = {"unit": "probability * 255, 254 at most"}
        dresses[_FLOOD] = Dress("flood", nodata=UNSEEN, colours=FLOOD)
        dresses[_CHANGE] = Dress("change", nodata=UNSEEN, tags=unit)
    made = {}
    for band, dress in dresses.items():
        path = folder / f"{dress.name}.tif"
        made[dress.name] = mosaic_to_cog(
            store, path, band, dress, classes=band != _BUILDING, part=part
        )
        give_back()  # what named thousands of tiles
    return made


def painted_cog(
    store: TileStore,
    paint: Callable[[TileKey, np.ndarray], np.ndarray],
    dress: Dress,
    part: Window,
    work: Work,
) -> Path:
    """Make a raster of classes that is painted tile by tile, such as damage.

    Args:
        store: pixels of the product.
        paint: gives (1, y, x) of a tile from its key and its (y, x) codes.
        dress: its name, which no other of the product has, and its colours.
        part: of the grid, what is mapped.
        work: the working folder.
    """
    out = TileStore(work.folder / dress.name, store.tiling, (dress.name,), fill=UNSEEN)
    for key in store.tiling.over(part):
        out.write(key, paint(key, store.read_tile(key, (_CODE,))[0]))
    path = work.folder / "result" / f"{dress.name}.tif"
    return mosaic_to_cog(out, path, 0, dress, classes=True, part=part)


def _joined(features: list[gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
    some = [one for one in features if len(one)] or features[:1]
    return gpd.GeoDataFrame(pd.concat(some, ignore_index=True), crs=some[0].crs)


def _bar(label: str, total: int) -> tqdm[NoReturn]:
    return tqdm(total=total, desc=label, unit="tile", leave=False, disable=None)
