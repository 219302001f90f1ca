"""A struck city: what the hazard was, what it did to each asset, and the folder that holds it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from odc.geo.geobox import GeoBox

from geomage.errors import InputError
from geomage.geo import Raster, fresh_folder, rasterise, read_raster, write_cog, write_vectors
from geomage.geo.stac import write_item
from geomage.world import City, read_city
from geomage.world.city import city_files, write_city_files
from geomage.world.layers import COLUMNS, FLAG, ID, Columns, check_field, read_layers

__all__ = [
    "BLOCKS",
    "DEEPEST_M",
    "FAILURES",
    "FIELDS",
    "MOST_TURN",
    "STATES",
    "VISIBLE_OF_PHYSICAL",
    "Event",
    "ids_on",
    "layer",
    "no_objects",
    "read_event",
    "tree_states",
    "write_event",
]

# how a building fails: the order is the code the renderer paints by
FAILURES = (
    "intact",
    "cover",  # roof cover gone, deck or battens show
    "partial",  # a wing or a corner fell
    "collapse",  # a heap
    "gutted",  # burnt out, walls stand
    "swept",  # gone from its foundation
    "pancake",  # floors on top of each other, the roof whole and low
    "open",  # no roof, rooms lie open
    "soft_storey",  # one storey gave way, the rest sank and leans
    "cracked",  # walls torn; nothing of it is seen from above
    "cleared",  # what was left was carted away
)
# EMS-98 D0..D5 -> visible grade: none, minor, major, destroyed
VISIBLE_OF_PHYSICAL = np.array([0, 0, 0, 1, 2, 3])
FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "water_depth": "m, standing when the second picture is taken",
        "velocity": "m/s, the largest",
        "arrival": "s after the start, -1 where it never arrives",
        "duration": "s under water",
        "foam": "0..1",
        "wet": "0..1, dark of water that left",
        "mud": "0..1",
        "debris": "0..1 of the ground covered",
        "debris_height": "m",
        "burn": "0..1, severity",
        "smoke": "0..1, opacity",
        "ash": "m",
        "lava": "m",
        "slide": "m of soil that came to rest, negative where it broke away",
    }
)
"""Rasters an event may have, and their units."""
DEEPEST_M = 5000.0
"""Of what a hazard may lay on the ground; a picture of more would march its shadows for hours."""
_SHARES = ("foam", "wet", "mud", "debris", "burn", "smoke")
_SPANS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "velocity": (0, 1e4), "arrival": (-1, 1e9), "duration": (0, 1e9),
        "slide": (-DEEPEST_M, DEEPEST_M), **dict.fromkeys(_SHARES, (0, 1)),
        **dict.fromkeys(("water_depth", "debris_height", "ash", "lava"), (0, DEEPEST_M)),
    }
)  # fmt: skip
_ROUNDING = 1e-5
STATES = ("passable", "blocked", "flooded", "unknown")
BLOCKS = ("none", "water", "debris", "tree", "fire", "lava", "ash", "landslide", "bridge")
"""What takes a street or a bridge out of use."""
MOST_TURN = 1e6
"""Degrees; a heading of more names no direction any longer."""
_OBJECT = ("kind", "angle", "length", "width", "height", "red", "green", "blue")
_FINITE = (-1e9, 1e9)
_ROAD = Columns(
    COLUMNS["streets"].shapes,
    {"depth": _FINITE, "debris": _FINITE},
    {"state": STATES, "cause": BLOCKS},
)
_COLUMNS = {
    "buildings": Columns(
        COLUMNS["buildings"].shapes,
        {
            "building_id": ID,
            "grade_physical": (0, 5),
            "grade_visible": (0, 3),
            "tarp": FLAG,
            "intensity": _FINITE,
            "side": _FINITE,
            "velocity": (0, 1e4),
            "burn": FLAG,
            "lost": (0, 2),
            "sink": FLAG,
            **dict.fromkeys(("depth", "debris", "rubble", "lean"), (0, DEEPEST_M)),
        },
        {"cause": (), "failure": FAILURES},
    ),
    "streets": _ROAD,
    "bridges": replace(
        _ROAD, numbers={**_ROAD.numbers, "street": (0, 1e7), "grade_physical": (0, 5)}
    ),
    "objects": replace(
        COLUMNS["objects"],
        numbers={k: v for k, v in COLUMNS["objects"].numbers.items() if k != "on_roof"},
    ),
    "trees": Columns(
        COLUMNS["trees"].shapes, {"standing": FLAG, "scorched": FLAG, "fall": (-1, 360)}
    ),
}


@dataclass(frozen=True)
class Event:
    """A disaster that struck a city.

    buildings: building_id, grade_physical 0..5, grade_visible 0..3, intensity, cause, depth (m),
        velocity (m/s), burn (0..1), debris (m of it around the building), failure (of
        `FAILURES`), lost (share of the roof), rubble (m), side (degrees counter-clockwise from
        east: from what failed first to what held longest), sink (factor on its height), lean (m),
        tarp (0/1), geometry.
    streets: state (of `STATES`), cause (of `BLOCKS`), depth (m), debris (m), geometry.
    bridges: as streets, with street (row in streets) and grade_physical 0..5.
    trees: standing 0..1, scorched 0..1, fall (where its top lies from its foot, degrees clockwise
        from north; -1 for one that stands or is gone), in the order of the city's trees.
    objects: what came after: tents, flotsam, heaps (kind, angle, length, width, height, rgb).
    intensity: (1, y, x) in `unit`.
    rasters: any of `FIELDS`.
    hours: between the event and the second picture.
    """

    kind: str
    city: City
    parameters: Mapping[str, Any]
    unit: str
    buildings: gpd.GeoDataFrame
    streets: gpd.GeoDataFrame
    bridges: gpd.GeoDataFrame
    trees: gpd.GeoDataFrame
    objects: gpd.GeoDataFrame
    intensity: Raster
    rasters: Mapping[str, Raster]
    hours: float


def layer(city: City, values: np.ndarray, name: str) -> Raster:
    """Return (y, x) values as a raster on the city's terrain grid."""
    return Raster(values[None].astype(np.float32), city.dtm.box, None, (name,))


def ids_on(city: City, box: GeoBox | None = None) -> np.ndarray:
    """Return building ids (y, x) int32 on the terrain grid, 0 where there is none."""
    return rasterise(city.buildings, box or city.dtm.box, column="building_id", dtype="int32")


def tree_states(
    city: City, standing: np.ndarray, scorched: np.ndarray, fall: np.ndarray | None = None
) -> gpd.GeoDataFrame:
    """Return the trees table of an event: standing and scorched, 0..1, and fall, -1 where None."""
    columns = {
        "standing": standing.astype(float),
        "scorched": scorched.astype(float),
        "fall": np.full(len(standing), -1.0) if fall is None else fall.astype(float),
    }
    return gpd.GeoDataFrame(columns, geometry=city.trees.geometry.to_numpy(), crs=city.trees.crs)


def no_objects(city: City, *more: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the objects of an event: none, and those of the tables given."""
    table = city.objects.iloc[:0].drop(columns="on_roof")[[*_OBJECT, "geometry"]]
    found = [t[[*_OBJECT, "geometry"]].to_crs(table.crs) if t.crs else t for t in more]
    return gpd.GeoDataFrame(
        pd.concat([table, *found], ignore_index=True) if found else table, crs=table.crs
    )


def write_event(event: Event, folder: Path, *, overwrite: bool = False) -> Path:
    """Write an event folder: the city, what was struck, and the hazard's rasters."""
    with fresh_folder(folder, overwrite=overwrite) as tmp:
        write_city_files(event.city, tmp)
        write_vectors(
            tmp / "event.gpkg",
            {name: getattr(event, name) for name in _COLUMNS},
        )
        tags = {"unit": event.unit}
        write_cog(tmp / "intensity.tif", event.intensity, tags=tags, unit=event.unit)
        for name, raster in event.rasters.items():
            unit = FIELDS[name].split(",")[0].split()[0]
            tags = {"unit": FIELDS[name]}
            write_cog(tmp / f"{name}.tif", raster, tags=tags, unit=unit)
        about = {
            "kind": event.kind,
            "unit": event.unit,
            "hours": event.hours,
            "parameters": dict(event.parameters),
        }
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
        hours = float(about["hours"])
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
            for name in FIELDS
            if (folder / f"{name}.tif").is_file()
        },
        hours=hours,
        **layers,
    )


def _field(path: Path, city: City) -> Raster:
    raster = check_field(path, read_raster(path), city.dtm)
    least, most = _SPANS.get(path.stem, _FINITE)
    values = raster.values  # noqa: PD011 -- a raster's, not a table's
    low, high = float(values.min()), float(values.max())
    if low < least - _ROUNDING or high > most + _ROUNDING:
        raise InputError(
            f"{path} holds {low if low < least - _ROUNDING else high:g}, outside {least:g}.."
            f"{most:g}; strike the city again"
        )
    return raster


def _is_angle(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < MOST_TURN


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
