"""Rasters and features made of the layers of a model, on the product grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from geomage.geo import Raster, ground_gsd, write_cog
from geomage.mapping.blobs import RUN_TOGETHER, label_buildings
from geomage.mapping.buildings import UNSEEN, building_features, damage_raster, tally
from geomage.mapping.job import MapResult
from geomage.mapping.layers import Layers
from geomage.mapping.palette import DAMAGE, FLOOD, LANDCOVER, Palette
from geomage.mapping.reasons import reason_areas

WATER = 6  # class of land cover
_HALF = 128  # of a probability times 255


class Shelf:
    """Writes the rasters of one result into its folder."""

    def __init__(self, folder: Path, layers: Layers) -> None:
        self.folder = folder
        self.box = layers.box
        self.rasters: dict[str, Path] = {}

    def classes(self, name: str, values: np.ndarray, palette: Palette, nodata: int) -> None:
        """Write (y, x) uint8 classes with their colours."""
        raster = Raster(values[None], self.box, nodata, (name,))
        self.rasters[name] = write_cog(self.folder / f"{name}.tif", raster, colormap=palette)

    def building(self, values: np.ndarray, mask: np.ndarray) -> None:
        """Write (y, x) uint8 probability times 255; the mask of the file says where it holds."""
        raster = Raster(np.where(mask, values, 0)[None], self.box, None, ("building",))
        tags = {"unit": "probability * 255"}
        path = self.folder / "building.tif"
        self.rasters["building"] = write_cog(path, raster, tags=tags, mask=mask)

    def change(self, values: np.ndarray, analysed: np.ndarray) -> None:
        """Write (y, x) uint8 probability times 255, 254 at most: 255 is not analysed."""
        held = np.where(analysed, np.minimum(values, UNSEEN - 1), UNSEEN).astype("uint8")
        raster = Raster(held[None], self.box, UNSEEN, ("change",))
        tags = {"unit": "probability * 255, 254 at most"}
        self.rasters["change"] = write_cog(self.folder / "change.tif", raster, tags=tags)


def deliver(
    layers: Layers,
    codes: np.ndarray,
    first: np.ndarray,
    threshold: float,
    shelf: Shelf,
    *,
    two_dates: bool,
) -> MapResult:
    """Write the rasters and collect the features of a run.

    Args:
        layers: what the model said, on the product grid.
        codes: (y, x) uint8, where nothing is said, see `reason_codes`.
        first: (y, x) bool, where the first date holds data.
        threshold: probability from which a pixel is called building.
        shelf: where the rasters go.
        two_dates: whether there is a second date.
    """
    box = layers.box
    building = np.where(first, layers.building[0], 0)
    gsd = ground_gsd(box)
    found = label_buildings(building, threshold, gsd)
    sums = tally(found, building, layers.damage, codes, gsd)
    shelf.building(building, first)
    shelf.classes("landcover", np.where(first, layers.landcover[0], 0), LANDCOVER, 0)
    if two_dates:
        shelf.classes("damage", damage_raster(found.labels, sums, codes), DAMAGE, UNSEEN)
        shelf.classes("flood", flood_raster(layers, codes), FLOOD, UNSEEN)
        shelf.change(layers.flags[1], codes == 0)
    return MapResult(
        folder=shelf.folder,
        rasters=shelf.rasters,
        buildings=building_features(found.labels, box, sums, two_dates=two_dates),
        not_analysed=reason_areas(codes, box),
        facts={
            "run_together": {
                "area_share": round(found.run_together_share(sums.pixels, gsd), 4),
                "larger_than_m2": RUN_TOGETHER,
            }
        },
    )


def flood_raster(layers: Layers, codes: np.ndarray) -> np.ndarray:
    """(y, x) uint8: 0 dry, 1 flooded, 2 water at both dates, 255 not analysed."""
    out = (layers.flags[0] >= _HALF).astype("uint8")
    out[layers.landcover[0] == WATER] *= 2
    out[codes > 0] = UNSEEN
    return np.asarray(out)
