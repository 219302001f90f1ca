"""Buildings tile by tile: sums and outlines of each, then grades of all, then the damage raster.

`count_tile` answers for the buildings of a tile, `join_buildings` numbers and grades those of all,
`tile_features` gives their features and `damage_tile` paints them. A building takes some 380 bytes
in the answers (measured on Joplin at 0.6 m) and 80 in what is joined: a million 0.46 GB.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely
from odc.geo.geobox import GeoBox
from rasterio.windows import Window

from geomage.geo import TileKey, Tiling, ground_gsd
from geomage.geo.areas import outlines, to_crs_units
from geomage.mapping.blob_tiles import Cut, Share, cut_tile, reach
from geomage.mapping.blobs import RUN_TOGETHER
from geomage.mapping.buildings import (
    UNSEEN,
    Tally,
    building_columns,
    lean_on_blobs,
    straightened,
    tally_alone,
)
from geomage.mapping.regrid import Layer

__all__ = [
    "Census",
    "Fields",
    "Painted",
    "TileBuildings",
    "count_tile",
    "damage_tile",
    "join_buildings",
    "paint_near",
    "tile_features",
]


@dataclass(frozen=True)
class Fields:
    """What buildings are found in, on the product grid; it travels."""

    building: Layer
    """Probability times 255, 0 where the first date holds no data."""
    damage: Layer | None
    """Probabilities of grades 1..4 times 255; None without a second date."""
    codes: Layer
    """0 where analysed, else the reason."""
    least: int
    """From which a pixel is called building: `max(1, round(threshold * 255))`."""


@dataclass(frozen=True)
class Mask:
    """Which pixels of a window belong to which building, packed: about 1 byte a pixel of rim."""

    window: tuple[int, int, int, int]  # column, row, width, height in pixels of the grid
    packed: bytes  # (y, x) of `dtype`, 0 between buildings, 1..n in them
    dtype: str

    @classmethod
    def of(cls, labels: np.ndarray, window: Window) -> Mask:
        """Pack (y, x) labels of a window."""
        dtype = "uint16" if labels.max(initial=0) < 2**16 else "int32"
        place = (window.col_off, window.row_off, window.width, window.height)
        col, row, width, height = map(int, place)
        return cls(
            (col, row, width, height), zlib.compress(labels.astype(dtype).tobytes(), 6), dtype
        )

    def labels(self) -> np.ndarray:
        """(y, x) labels of the window."""
        flat = np.frombuffer(zlib.decompress(self.packed), self.dtype)
        return flat.reshape(self.window[3], self.window[2])


@dataclass(frozen=True)
class Rings:
    """Polygons with corners on corners of pixels of the grid; 8 bytes a corner."""

    corners: np.ndarray  # (k, 2) int32 columns and rows from the upper left corner of the grid
    rings: np.ndarray  # int32 first corner of each ring, and their number
    parts: np.ndarray  # int32 first ring of each polygon, and their number
    shapes: np.ndarray  # int32 first polygon of each shape, and their number

    @classmethod
    def of(cls, shapes: np.ndarray, box: GeoBox) -> Rings:
        """Keep polygons in the CRS of a grid whose corners are corners of its pixels."""
        several = [shapely.MultiPolygon(list(shapely.get_parts(shape))) for shape in shapes]
        _, corners, offsets = shapely.to_ragged_array(several or [shapely.MultiPolygon()])
        a, b, c, d, e, f = (~box.affine)[:6]
        x, y = corners.T
        pixels = np.stack([x * a + y * b + c, x * d + y * e + f], axis=1)
        rings, parts, each = (part.astype("int32") for part in offsets)
        return cls(np.rint(pixels).astype("int32"), rings, parts, each[: len(several) + 1])

    def polygons(self, box: GeoBox) -> np.ndarray:
        """The polygons in the CRS of the grid."""
        if len(self.shapes) < 2:
            return np.zeros(0, object)
        every = shapely.from_ragged_array(
            shapely.GeometryType.MULTIPOLYGON,
            self.corners.astype("float64"),
            (self.rings, self.parts, self.shapes),
        )
        single = shapely.get_num_geometries(every) == 1
        return to_crs_units(np.where(single, shapely.get_geometry(every, 0), every), box)


@dataclass(frozen=True)
class TileBuildings:
    """Answer of one tile: its buildings, in the order of the first pixels of their blobs."""

    blob: np.ndarray  # (n,) int64 first pixel in the grid of the blob of each
    pixels: np.ndarray  # (n,) int32
    unseen: np.ndarray  # (n, reasons) int32 pixels not analysed, by reason
    damage: np.ndarray  # (n, 4) float64 sums as of `tally`, of each for itself
    outline: Rings  # straightened
    mask: Mask
    swallowed: np.ndarray  # int64 first pixels of blobs that lay in a hole that was filled


def count_tile(fields: Fields, share: Share | None, tiling: Tiling, key: TileKey) -> TileBuildings:
    """Cut, count and outline the buildings of one tile.

    Memory: 22 bytes a pixel of the window of `reach`, which is the tile and what its blobs take to
    the right and below: as a rule a tenth more, at most four tiles. Where one blob fills a tile, 56
    bytes a pixel of that.

    Args:
        fields: what buildings are found in.
        share: of `share_blobs`.
        tiling: the tiles.
        key: the tile.
    """
    window = reach(tiling, key, share)
    building = fields.building.read(window)[0]
    cut = cut_tile(building, fields.least, share, tiling, key)
    codes = fields.codes.read(window)[0]
    damage = np.zeros((4, 1, 1), "uint8") if fields.damage is None else fields.damage.read(window)
    damage = np.broadcast_to(damage, (4, *building.shape))
    sums = tally_alone(cut.labels, len(cut.blob) - 1, building, damage, codes)
    return TileBuildings(
        blob=cut.blob[1:],
        pixels=sums.pixels[1:].astype("int32"),
        unseen=sums.unseen[1:].astype("int32"),
        damage=sums.damage[1:],
        outline=Rings.of(_outlines(cut, window, tiling.box), tiling.box),
        mask=Mask.of(cut.labels, window),
        swallowed=cut.swallowed,
    )


def _outlines(cut: Cut, window: Window, box: GeoBox) -> np.ndarray:
    """(n,) straightened outlines of the buildings in the CRS of the grid."""
    numbers, shapes = outlines(cut.labels)
    corner = np.array([window.col_off, window.row_off], "float64")
    shapes = to_crs_units(shapely.transform(shapes, lambda corners: corners + corner), box)
    first, times = np.unique(numbers, return_index=True, return_counts=True)[1:]
    whole = shapes[first]
    for place in np.flatnonzero(times > 1).tolist():
        whole[place] = shapely.union_all(shapes[first[place] : first[place] + times[place]])
    return straightened(whole, box)


@dataclass(frozen=True)
class Census:
    """All buildings of a raster, numbered from 1, tile by tile."""

    sums: Tally  # row 0 is what lies between buildings
    number: Mapping[TileKey, np.ndarray]  # (n,) int64 of each building of a tile, 0 if swallowed
    run_together: float
    """Share of the area of buildings in blobs larger than `RUN_TOGETHER`; 0 where there is none."""

    @property
    def count(self) -> int:
        """How many buildings there are."""
        return len(self.sums.pixels) - 1


def join_buildings(tiling: Tiling, found: Mapping[TileKey, TileBuildings]) -> Census:
    """Number the buildings of all tiles and lean them on their blobs.

    Args:
        tiling: the tiles.
        found: of `count_tile`, of all tiles. Their order does not matter.
    """
    keys = [key for key in sorted(found) if len(found[key].blob)]
    gone = np.concatenate([np.zeros(0, "int64"), *(one.swallowed for one in found.values())])
    there = {key: ~np.isin(found[key].blob, gone) for key in keys}
    number, count = {}, 0
    for key in keys:
        number[key] = np.where(there[key], count + np.cumsum(there[key]), 0)
        count += int(there[key].sum())

    def all_of(name: str, *rest: int) -> np.ndarray:
        some = [getattr(found[key], name)[there[key]] for key in keys]
        return np.concatenate([np.zeros((1, *rest), some[0].dtype if some else int), *some])

    blobs = np.unique(all_of("blob")[1:], return_inverse=True)[1] + 1
    blob = np.concatenate([[0], blobs.ravel()])
    unseen = found[keys[0]].unseen.shape[1] if keys else 1
    alone = Tally(all_of("pixels"), all_of("unseen", unseen), all_of("damage", 4))
    gsd = ground_gsd(tiling.box)
    area = np.bincount(blob, weights=alone.pixels)[1:] * gsd**2
    share = float(area[area > RUN_TOGETHER].sum() / max(area.sum(), 1e-9))
    return Census(lean_on_blobs(alone, blob, gsd), number, share)


def tile_features(
    census: Census, found: TileBuildings, tiling: Tiling, key: TileKey, *, two_dates: bool
) -> gpd.GeoDataFrame:
    """The buildings of one tile, in the order of their numbers; columns as `MapResult.buildings`.

    The features of all tiles one after the other are those of the raster.
    """
    numbers = census.number.get(key, np.zeros(0, "int64"))
    there = numbers > 0
    box = tiling.box
    columns = building_columns(numbers[there], census.sums, ground_gsd(box), two_dates=two_dates)
    crs = None if box.crs is None else box.crs.to_wkt()
    return gpd.GeoDataFrame(columns, geometry=found.outline.polygons(box)[there], crs=crs)


@dataclass(frozen=True)
class Painted:
    """Buildings that may reach into a tile, and what each is painted with."""

    mask: Mask
    value: np.ndarray  # (n + 1,) uint8 grade or `UNSEEN`; 0 of none


def paint_near(census: Census, masks: Mapping[TileKey, Mask], key: TileKey) -> tuple[Painted, ...]:
    """What `damage_tile` needs of a tile and of those to the left and above: some 30 kB each.

    Args:
        census: all buildings.
        masks: of the answers of all tiles, or of these four.
        key: the tile.
    """
    near = [
        TileKey(row, col)
        for row in (key.row - 1, key.row)
        for col in (key.col - 1, key.col)
        if min(row, col) >= 0 and TileKey(row, col) in census.number
    ]
    return tuple(Painted(masks[one], _values(census, one)) for one in near)


def _values(census: Census, key: TileKey) -> np.ndarray:
    numbers = census.number[key]
    sums = census.sums
    some = Tally(sums.pixels[numbers], sums.unseen[numbers], sums.damage[numbers])
    value = np.where(some.seen, some.grade, UNSEEN) * (numbers > 0)
    return np.concatenate([[0], value]).astype("uint8")


def damage_tile(
    near: Sequence[Painted], codes: np.ndarray, tiling: Tiling, key: TileKey
) -> np.ndarray:
    """(1, y, x) uint8 of one tile: 0 no building, its grade 1..4, 255 not analysed.

    Memory: 8 bytes a pixel of the largest window among those of `near`.

    Args:
        near: of `paint_near`.
        codes: (y, x) uint8 of the tile, 0 where analysed.
        tiling: the tiles.
        key: the tile.
    """
    core = tiling.core(key)
    out = np.zeros((int(core.height), int(core.width)), "uint8")
    for one in near:
        col, row, width, height = one.mask.window
        top, left = max(row, core.row_off), max(col, core.col_off)
        bottom = min(row + height, core.row_off + core.height)
        right = min(col + width, core.col_off + core.width)
        if top >= bottom or left >= right:
            continue
        values = one.value[one.mask.labels()[top - row : bottom - row, left - col : right - col]]
        target = out[
            top - core.row_off : bottom - core.row_off, left - core.col_off : right - core.col_off
        ]
        np.copyto(target, values, where=values > 0)
    out[codes > 0] = UNSEEN
    return out[None]
