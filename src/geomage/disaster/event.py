"""A struck city: what the hazard was, what it did to each asset, and the folder that holds it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
from odc.geo.geobox import GeoBox

from geomage.errors import InputError
from geomage.geo import Raster, fresh_folder, rasterise, read_raster, write_cog, write_vectors
from geomage.geo.stac import write_item
from geomage.world import City, read_city
from geomage.world.city import city_files, write_city_files
from geomage.world.layers import COLUMNS, FLAG, ID, Columns, check_field, read_layers

__all__ = [
    "FAILURES",
    "VISIBLE_OF_PHYSICAL",
    "Event",
    "ids_on",
    "layer",
    "read_event",
    "tree_states",
    "write_event",
]

# how a building fails: the order is the code the renderer paints by
FAILURES = ("intact", "cover", "partial", "collapse", "gutted", "swept", "pancake", "open")
# EMS-98 D0..D5 -> visible grade: none, minor, major, destroyed
VISIBLE_OF_PHYSICAL = np.array([0, 0, 0, 1, 2, 3])
_RASTERS = ("water_depth", "velocity", "debris", "burn", "mud")
_FINITE = (-1e9, 1e9)
_COLUMNS = {
    "buildings": Columns(
        COLUMNS["buildings"].shapes,
        {
            "building_id": ID,
            "grade_physical": (0, 5),
            "grade_visible": (0, 3),
            "tarp": FLAG,
            **dict.fromkeys(("intensity", "depth", "lost", "rubble", "side", "sink"), _FINITE),
        },
        {"cause": (), "failure": FAILURES},
    ),
    "streets": Columns(
        COLUMNS["streets"].shapes,
        {"depth": _FINITE},
        {"state": ("passable", "blocked", "flooded", "unknown")},
    ),
    "trees": Columns(COLUMNS["trees"].shapes, {"standing": FLAG, "scorched": FLAG}),
}


@dataclass(frozen=True)
class Event:
    """A disaster that struck a city.

    buildings: building_id, grade_physical 0..5, grade_visible 0..3, intensity, cause, depth (m),
        failure (of `FAILURES`), lost (share of the roof), rubble (m), side (degrees),
        sink (factor on its height), tarp (0/1), geometry.
    streets: state (passable, blocked, flooded, unknown), depth (m), geometry.
    trees: standing 0..1, scorched 0..1, in the order of the city's trees.
    intensity: (1, y, x) in `unit`.
    rasters: water_depth (m), velocity (m/s), debris, burn, mud (0..1).
    """

    kind: str
    city: City
    parameters: Mapping[str, Any]
    unit: str
    buildings: gpd.GeoDataFrame
    streets: gpd.GeoDataFrame
    trees: gpd.GeoDataFrame
    intensity: Raster
    rasters: Mapping[str, Raster]


def layer(city: City, values: np.ndarray, name: str) -> Raster:
    """Return (y, x) values as a raster on the city's terrain grid."""
    return Raster(values[None].astype(np.float32), city.dtm.box, None, (name,))


def ids_on(city: City, box: GeoBox | None = None) -> np.ndarray:
    """Return building ids (y, x) int32 on the terrain grid, 0 where there is none."""
    return rasterise(city.buildings, box or city.dtm.box, column="building_id", dtype="int32")


def tree_states(city: City, standing: np.ndarray, scorched: np.ndarray) -> gpd.GeoDataFrame:
    """Return the trees table of an event: standing and scorched, 0..1."""
    columns = {"standing": standing.astype(float), "scorched": scorched.astype(float)}
    return gpd.GeoDataFrame(columns, geometry=city.trees.geometry.to_numpy(), crs=city.trees.crs)


def write_event(event: Event, folder: Path, *, overwrite: bool = False) -> Path:
    """Write an event folder: the city, what was struck, and the hazard's rasters."""
    with fresh_folder(folder, overwrite=overwrite) as tmp:
        write_city_files(event.city, tmp)
        write_vectors(
            tmp / "event.gpkg",
            {"buildings": event.buildings, "streets": event.streets, "trees": event.trees},
        )
        write_cog(tmp / "intensity.tif", event.intensity, tags={"unit": event.unit})
        for name, raster in event.rasters.items():
            write_cog(tmp / f"{name}.tif", raster)
        about = {"kind": event.kind, "unit": event.unit, "parameters": dict(event.parameters)}
        (tmp / "event.json").write_text(json.dumps(about, indent=1) + "\n")
        files = (
            *city_files(event.city),
            "event.gpkg",
            "intensity.tif",
            *(f"{n}.tif" for n in event.rasters),
        )
        write_item(
            tmp,
            kind="event",
            parameters=about,
            assets={Path(f).stem: f for f in files},
            box=event.city.dtm.box,
        )
    return folder


def read_event(folder: Path) -> Event:
    """Read what `write_event` wrote.

    Raises:
        InputError: when the folder is not an event folder, or a piece of it is damaged.
    """
    for name in ("event.json", "event.gpkg", "intensity.tif"):
        if not (folder / name).is_file():
            raise InputError(
                f"{folder} is not an event folder: {name} is missing; "
                "make one with `geomage strike`",
            )
    try:
        about = json.loads((folder / "event.json").read_text())
        kind, parameters, unit = str(about["kind"]), dict(about["parameters"]), str(about["unit"])
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{folder}/event.json is damaged: strike the city again") from error
    if kind == "storm" and not _is_angle(parameters.get("heading_deg")):
        raise InputError(f"{folder}/event.json is damaged: a storm needs heading_deg in degrees")
    _refuse_unlisted(folder)
    city = read_city(folder)
    layers = read_layers(folder / "event.gpkg", _COLUMNS, city.dtm.box.crs)
    _refuse_other_city(folder / "event.gpkg", city, layers)
    return Event(
        kind,
        city,
        parameters,
        unit,
        intensity=_field(folder / "intensity.tif", city),
        rasters={
            name: _field(folder / f"{name}.tif", city)
            for name in _RASTERS
            if (folder / f"{name}.tif").is_file()
        },
        **layers,
    )


def _field(path: Path, city: City) -> Raster:
    return check_field(path, read_raster(path), city.dtm)


def _is_angle(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e6


def _refuse_unlisted(folder: Path) -> None:
    """Raise InputError when a file that `item.json` lists is gone: its hazard would be gone too."""
    try:
        item = json.loads((folder / "item.json").read_text(encoding="utf-8"))
        files = [str(asset["href"]) for asset in item["assets"].values()]
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{folder}/item.json is damaged: strike the city again") from error
    for name in files:
        if not (folder / name).is_file():
            raise InputError(f"{folder} is not whole: {name} is missing; strike the city again")


def _refuse_other_city(vectors: Path, city: City, layers: Mapping[str, gpd.GeoDataFrame]) -> None:
    """Raise InputError when what was struck is not what stands in the city."""
    for name in ("buildings", "streets", "trees"):
        struck, standing = len(layers[name]), len(getattr(city, name))
        if struck != standing:
            raise InputError(
                f"{vectors}: the layer {name} holds {struck} rows, the city {standing}; "
                "strike the city again"
            )
    ids = (table["building_id"].to_numpy() for table in (layers["buildings"], city.buildings))
    if not np.array_equal(*ids):
        raise InputError(f"{vectors}: the buildings are others than the city's; strike it again")
