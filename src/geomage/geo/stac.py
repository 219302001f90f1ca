"""STAC items: what a folder holds, how it was made, where it lies."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import shapely
import shapely.affinity
from odc.geo.geobox import GeoBox

from geomage.geo.grid import footprint

_MEDIA = {
    ".tif": pystac.MediaType.COG,
    ".gpkg": pystac.MediaType.GEOPACKAGE,
    ".json": pystac.MediaType.JSON,
    ".html": pystac.MediaType.HTML,
    ".csv": "text/csv",
    ".png": pystac.MediaType.PNG,
}
_PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"
BAND_EXTENSIONS = (
    "https://stac-extensions.github.io/eo/v2.0.0/schema.json",
    "https://stac-extensions.github.io/raster/v2.0.0/schema.json",
)
EPOCH = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)  # of things that never happened


def write_item(
    folder: Path | str,
    *,
    kind: str,
    parameters: Mapping[str, Any],
    assets: Mapping[str, str | pystac.Asset],
    box: GeoBox,
    datetime: dt.datetime | None = None,
) -> Path:
    """Write `item.json` into a folder.

    Args:
        folder: the folder it describes.
        kind: `city`, `event`, `scene`, `product`.
        parameters: everything needed to make the folder again; JSON values.
        assets: {name: file name in the folder, or an asset that says more}.
        box: the grid; without a CRS the geometry is null and a note says so.
        datetime: when the thing was seen; None stands for a simulated thing without a date.
    """
    item = make_item(
        f"geomage-{kind}", kind=kind, parameters=parameters, box=box, datetime=datetime
    )
    for name, file in assets.items():
        item.add_asset(name, file if isinstance(file, pystac.Asset) else _asset(file))
    if any("bands" in asset.extra_fields for asset in item.assets.values()):
        item.stac_extensions.extend(BAND_EXTENSIONS)
    return write_record(Path(folder) / "item.json", item.to_dict(include_self_link=False))


def image_asset(href: str, bands: Sequence[Mapping[str, Any]]) -> pystac.Asset:
    """Make the asset of a COG whose bands are described in STAC's words."""
    described = {"bands": [dict(band) for band in bands]}
    return pystac.Asset(
        href, media_type=pystac.MediaType.COG, roles=["data"], extra_fields=described
    )


def _asset(file: str) -> pystac.Asset:
    media = _MEDIA.get(Path(file).suffix.lower())
    return pystac.Asset(href=f"./{file}", media_type=media, roles=["data"])


def make_item(
    ident: str,
    *,
    kind: str,
    parameters: Mapping[str, Any],
    box: GeoBox,
    datetime: dt.datetime | None = None,
) -> pystac.Item:
    """Make an item without assets; `ident` names it, the rest is as in `write_item`."""
    extent = _footprint(box)
    return pystac.Item(
        id=ident,
        geometry=None if extent is None else json.loads(shapely.to_geojson(extent)),
        bbox=None if extent is None else _bbox(extent),
        datetime=datetime or EPOCH,
        properties=_properties(kind, parameters, box),
        stac_extensions=[_PROJECTION],
    )


def write_record(path: Path, record: Mapping[str, Any]) -> Path:
    """Write JSON under a temporary name and move it into place."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return part.replace(path)


def _properties(kind: str, parameters: Mapping[str, Any], box: GeoBox) -> dict[str, Any]:
    rows, cols = box.shape
    properties: dict[str, Any] = {
        "geomage:kind": kind,
        "geomage:parameters": dict(parameters),
        "proj:shape": [int(rows), int(cols)],
        "proj:transform": [float(value) for value in box.affine[:6]],
    }
    if box.crs is None:
        properties["geomage:note"] = (
            "no CRS: pixel coordinates in metres from the upper left corner"
        )
    elif box.crs.epsg is not None:
        properties["proj:code"] = f"EPSG:{box.crs.epsg}"
    else:
        properties["proj:wkt2"] = box.crs.to_wkt()
    return properties


def _footprint(box: GeoBox) -> shapely.Polygon | shapely.MultiPolygon | None:
    """Outline in degrees; cut in two at the 180th meridian, as RFC 7946, 3.1.9 asks for."""
    if box.crs is None:
        return None
    rim = footprint(box, "EPSG:4326", steps=4)
    around = _around_pole(rim)
    if around is not None:
        return around
    west, _, east, _ = rim.bounds
    if east - west <= 180:
        return rim
    whole = shapely.transform(rim, lambda at: np.c_[at[:, 0] % 360, at[:, 1]])
    near, far = (whole.intersection(shapely.box(x, -90, x + 180, 90)) for x in (0.0, 180.0))
    parts = shapely.get_parts([near, shapely.affinity.translate(far, -360)])
    return shapely.MultiPolygon([part for part in parts if isinstance(part, shapely.Polygon)])


def _around_pole(rim: shapely.Polygon) -> shapely.Polygon | None:
    """The cap, over all longitudes, that a rim around a pole encloses; None for other rims."""
    x, y = shapely.get_coordinates(rim).T
    steps = (np.diff(x) + 180) % 360 - 180
    if abs(steps.sum()) < 180:
        return None
    pole = np.copysign(90.0, y.mean())
    x, y = (values[:-1][np.argsort(x[:-1])] for values in (x, y))
    seam = np.interp(180.0, [x[-1], x[0] + 360], [y[-1], y[0]])
    ring = [(-180.0, seam), *zip(x, y, strict=True), (180.0, seam), (180.0, pole), (-180.0, pole)]
    return shapely.Polygon(ring)


def _bbox(extent: shapely.Polygon | shapely.MultiPolygon) -> list[float]:
    """West, south, east, north; west is the greater where the extent reaches over 180 degrees."""
    west, south, east, north = extent.bounds
    if isinstance(extent, shapely.MultiPolygon):
        bounds = [part.bounds for part in extent.geoms]
        west = min(left for left, *_ in bounds if left >= 0)
        east = max(right for _, _, right, _ in bounds if right <= 0)
    return [float(west), float(south), float(east), float(north)]
