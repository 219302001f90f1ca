"""The digital twin: vector layers and a terrain, all in one projected CRS.

Layers and their columns (lengths in metres, angles in degrees anticlockwise from east,
colours as reflectance 0..1; rgb stands for the columns red, green, blue):

buildings  polygon  building_id, use, plan, storeys, height, typology, material, rgb, wall,
                    source_id (such as way/123), given (columns that came from the source)
                    floor_area (m2), occupants_day, occupants_night, vulnerability (EMS-98 class)
roofs      polygon  building_id, form, angle, length, width, eave, ridge, boxed (1: a rectangle)
streets    line     kind, surface, width
blocks     polygon  use
parcels    polygon  block
land       polygon  kind, angle, pitch, rgb, layer
water      polygon  kind, rgb
trees      point    radius, height, species, evergreen, rgb
vehicles   point    angle, length, width, height, rgb
objects    point    kind, angle, length, width, height, on_roof, rgb

source_id and given are empty in grown towns. Imported cities have them in streets, land, water and
trees, too, and `tags` (JSON) in buildings and streets: what the source said.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
from affine import Affine
from odc.geo import wh_
from odc.geo.geobox import GeoBox

from geomage.errors import InputError
from geomage.geo import Raster, read_raster, write_cog, write_vectors
from geomage.world.layers import COLUMNS, check_field, check_photo, read_layers
from geomage.world.site import Site
from geomage.world.sources import ImportParams
from geomage.world.style import Style
from geomage.world.style_file import style_from_table, style_table
from geomage.world.styles import STYLES

__all__ = [
    "LAYERS",
    "City",
    "CityParams",
    "city_box",
    "city_files",
    "read_city",
    "write_city_files",
]

LAYERS = (
    "buildings",
    "roofs",
    "streets",
    "blocks",
    "parcels",
    "land",
    "water",
    "trees",
    "vehicles",
    "objects",
)
DTM_GSD = 2.0
HEIGHTS = (-12_000.0, 10_000.0)  # metres, the deepest sea to the highest peak
FINEST_DTM = 0.1  # metres; a flow over finer cells never ends


@dataclass(frozen=True)
class CityParams:
    """What to grow."""

    size_m: float = 512.0  # side of the square, metres
    style: str | Style = "suburb"  # a name in `STYLES`, or a style of one's own
    seed: int = 0
    site: Site = field(default_factory=Site)

    def __post_init__(self) -> None:
        if isinstance(self.style, str) and self.style not in STYLES:
            raise InputError(
                f"unknown style {self.style!r}: choose one of {', '.join(STYLES)}, "
                "or a file that ends in .toml"
            )
        if not 64 <= self.size_m <= 20_000:
            raise InputError(f"size {self.size_m:g} m is outside 64..20000 m: choose a size within")
        if not 0 <= self.seed < 2**32:
            raise InputError(f"seed {self.seed} is outside 0..{2**32 - 1}: choose a seed within")

    def look(self) -> Style:
        """Return the style itself, whether it is named or given."""
        return STYLES[self.style] if isinstance(self.style, str) else self.style

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, from which the town can be grown again."""
        style = self.style if isinstance(self.style, str) else style_table(self.style)
        place = {} if self.site.dtm is None else {"site": self.site.as_dict()}
        return {"size_m": self.size_m, "style": style, "seed": self.seed, **place}


@dataclass(frozen=True)
class City:
    """A town before any disaster; every layer in the CRS of `dtm`."""

    params: CityParams | ImportParams
    dtm: Raster  # (1, y, x) metres above the datum
    buildings: gpd.GeoDataFrame
    roofs: gpd.GeoDataFrame
    streets: gpd.GeoDataFrame
    blocks: gpd.GeoDataFrame
    parcels: gpd.GeoDataFrame
    land: gpd.GeoDataFrame
    water: gpd.GeoDataFrame
    trees: gpd.GeoDataFrame
    vehicles: gpd.GeoDataFrame
    objects: gpd.GeoDataFrame
    ortho: Raster | None = None  # (3, y, x) uint16, reflectance x 10000: ground without what stands

    def with_layers(self, **layers: gpd.GeoDataFrame) -> City:
        """Return a copy with some layers replaced."""
        return replace(self, **layers)


def city_box(size_m: float, gsd: float, site: Site | None = None) -> GeoBox:
    """Grid of a grown town: `size_m` square from the corner of its site, north up."""
    site = site or Site()
    n = max(1, round(size_m / gsd))
    affine = Affine(gsd, 0, site.origin[0], 0, -gsd, site.origin[1] + n * gsd)
    return GeoBox(wh_(n, n), affine, site.crs)


def city_files(city: City) -> tuple[str, ...]:
    """Names of the files of geography that a city folder holds."""
    return ("city.gpkg", "dtm.tif", *(() if city.ortho is None else ("ortho.tif",)))


def write_city_files(city: City, folder: Path) -> None:
    """Write the layers and terrain of a city into an open folder."""
    layers = {name: getattr(city, name) for name in LAYERS}
    write_vectors(folder / "city.gpkg", layers)
    write_cog(folder / "dtm.tif", city.dtm)
    if city.ortho is not None:
        write_cog(folder / "ortho.tif", city.ortho, tags={"scale": "reflectance x 10000"})
    (folder / "city.params.json").write_text(json.dumps(city.params.as_dict(), indent=1) + "\n")


def read_city(folder: Path) -> City:
    """Read what `write_city` wrote.

    Raises:
        InputError: when the folder is not a city folder, or a piece of it is damaged.
    """
    vectors, params = folder / "city.gpkg", folder / "city.params.json"
    for path in (vectors, params, folder / "dtm.tif"):
        if not path.is_file():
            raise InputError(
                f"{folder} is not a city folder: {path.name} is missing; "
                "make one with `geomage city grow`",
            )
    about = _read_params(params)
    dtm = check_field(folder / "dtm.tif", read_raster(folder / "dtm.tif"))
    _refuse_odd_grid(folder / "dtm.tif", dtm.box)
    _refuse_odd_heights(folder / "dtm.tif", dtm)
    _refuse_other_place(folder, about, dtm)
    layers = read_layers(vectors, {name: COLUMNS[name] for name in LAYERS}, dtm.box.crs)
    _refuse_loose_roofs(vectors, layers)
    photo = folder / "ortho.tif"
    ortho = check_photo(photo, read_raster(photo), dtm) if photo.is_file() else None
    return City(params=about, dtm=dtm, **layers, ortho=ortho)


def _read_params(path: Path) -> CityParams | ImportParams:
    try:
        record = json.loads(path.read_text())
        if record.get("kind") == "import":
            return ImportParams.of(record)
        return _params(record, str(path))
    except (
        ValueError,
        TypeError,
        AttributeError,
        KeyError,
        OverflowError,
        RecursionError,
    ) as error:
        said = " ".join(str(error).split())[:200]
        raise InputError(f"{path} is damaged ({said}): make the city again") from error


def _refuse_odd_grid(path: Path, box: GeoBox) -> None:
    """Raise InputError for a terrain that nothing can flow over: of one row, or in degrees."""
    (ny, nx), at = box.shape.yx, box.affine
    if min(ny, nx) < 2:
        raise InputError(f"{path} is {nx} x {ny} cells: a town needs 2 x 2 at least; make it again")
    if box.crs is not None and box.crs.geographic:
        raise InputError(f"{path} lies in degrees: bring the town into a CRS in metres")
    if at.b or at.d or at.a <= 0 or abs(at.a + at.e) > 1e-6 * at.a:
        raise InputError(f"{path} has cells that are not square, north up; make the town again")
    if at.a < FINEST_DTM:
        raise InputError(
            f"{path} has cells of {at.a:g} m, under {FINEST_DTM:g} m: make the town again with "
            "coarser terrain"
        )


def _refuse_odd_heights(path: Path, dtm: Raster) -> None:
    low, high = float(dtm.values.min()), float(dtm.values.max())
    if not HEIGHTS[0] <= low <= high <= HEIGHTS[1]:
        raise InputError(
            f"{path} holds heights of {low:g} to {high:g} m, outside {HEIGHTS[0]:g}.."
            f"{HEIGHTS[1]:g} m: make the town again with terrain in metres"
        )


def _refuse_other_place(folder: Path, about: CityParams | ImportParams, dtm: Raster) -> None:
    """Raise InputError when the terrain lies elsewhere than the parameters say."""
    if isinstance(about, CityParams):
        fits = dtm.box == city_box(about.size_m, DTM_GSD, about.site)
        said = f"the square of {about.size_m:g} m"
    else:
        fits = dtm.box.boundingbox.bbox == about.bounds and dtm.box.crs == about.crs
        said = f"the rectangle {about.bounds} of {about.crs}"
    if not fits:
        raise InputError(
            f"{folder / 'dtm.tif'} does not cover {said} that city.params.json states: "
            "make the city again"
        )


def _params(values: dict[str, Any], where: str) -> CityParams:
    """Read what `CityParams.as_dict` gave; keys it does not know are left aside."""
    known = {k: v for k, v in values.items() if k in {"size_m", "style", "seed"}}
    if isinstance(known.get("style"), dict):
        known["style"] = style_from_table(known["style"], f"{where}, style")
    if "site" in values:
        known["site"] = Site.of(values["site"])
    return CityParams(**known)


def _refuse_loose_roofs(vectors: Path, layers: Mapping[str, gpd.GeoDataFrame]) -> None:
    """Raise InputError when a building has two numbers, or a roof no building, or it no roof."""
    built, roofed = (layers[name]["building_id"] for name in ("buildings", "roofs"))
    if built.duplicated().any():
        twice = built[built.duplicated()].iloc[0]
        raise InputError(f"{vectors}: two buildings have the building_id {twice:g}; make it again")
    alone = sorted({*built} ^ {*roofed})
    if alone:
        raise InputError(
            f"{vectors}: the layers buildings and roofs do not fit: building_id {alone[0]:g} is in "
            "one of them only; make it again"
        )


def colours(table: gpd.GeoDataFrame) -> np.ndarray:
    """Return the (n, 3) float32 reflectances of a layer."""
    return np.asarray(table[["red", "green", "blue"]].to_numpy(np.float32))
