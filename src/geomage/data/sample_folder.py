"""A sample on disk: a COG a layer and a STAC item, under its name whole or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pystac
from odc.geo.geobox import GeoBox

from geomage.data.layout import Layout, key_of
from geomage.data.sample import Sample
from geomage.errors import OutputError
from geomage.geo import Raster, read_raster, write_cog
from geomage.geo.scratch import hidden_path
from geomage.geo.space import why_unwritten
from geomage.geo.stac import BAND_EXTENSIONS, make_item, write_record
from geomage.sensor import VISIBLE, SensorModel, described_bands, sensor

__all__ = ["TITLES", "band_names", "layers_in", "record_in", "write_sample_folder"]

TITLES: Mapping[str, str] = {
    "before": "Image of the first date",
    "after": "Image of the second date, on the grid of the first, off by what alignment leaves",
    "landcover": "Land cover of the first date",
    "landcover_second": "Land cover of the second date, as that image shows it",
    "damage": "Damage of each building of the first image (values of xBD plus one)",
    "flood": "Water of the second date",
    "change": "What the disaster changed",
    "obscured": "Hidden at the second date",
    "instances": "Number of the building of the first image",
    "height": "Height above terrain at both dates, m",
    "depth": "Depth of flood water at the second date, m",
}
_UNITS = {"height": "m", "depth": "m"}
_NODATA = {
    **dict.fromkeys(("damage", "flood", "change", "obscured"), 255),
    **dict.fromkeys(("landcover", "landcover_second"), 0),
}
_IMAGES = ("before", "after")
_STACKS = ("before", "after", "height")
_VIEW = "https://stac-extensions.github.io/view/v1.0.0/schema.json"


def write_sample_folder(
    layout: Layout, sample: Sample, arrays: Mapping[str, np.ndarray], record: Mapping[str, Any]
) -> Path:
    """Write the folder of a sample beside its place, and move it there.

    Raises:
        OutputError: it cannot be written.
    """
    target = layout.sample(record["index"])
    target.parent.mkdir(parents=True, exist_ok=True)
    work = hidden_path(target, "part")
    try:
        work.mkdir()
        box = layout.box(record["index"], sample.gsd)
        for name, values in arrays.items():
            bands = _bands(name, record["facts"])
            stack = values if values.ndim == 3 else values[None]
            scale = _scale(_model(name, record["facts"]))
            raster = Raster(stack, box, _NODATA.get(name), bands, scale)
            write_cog(work / f"{target.name}_{name}.tif", raster, unit=_UNITS.get(name))
        write_record(work / "item.json", _item(layout, record, box, tuple(arrays)).to_dict())
        if target.exists():  # damaged by hand, or made by a run that outlived its parent
            shutil.rmtree(target)
        return work.rename(target)
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        why = why_unwritten(error, target.parent)
        raise OutputError(f"cannot write {target}: {why}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _scale(model: SensorModel | None) -> float | None:
    return None if model is None else model.reflectance


def _model(name: str, facts: Mapping[str, Any]) -> SensorModel | None:
    """The sensor that took a layer; None for labels, and for any camera."""
    taken_by = facts[name]["sensor"] if name in _IMAGES else None
    return None if taken_by is None else sensor(taken_by)


def _bands(name: str, facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the bands of a layer."""
    if name == "height":
        return ("before", "after")
    if name in _IMAGES:
        return band_names(facts[name]["sensor"])
    return (name,)


def band_names(sensor_name: str | None) -> tuple[str, ...]:
    """Names of the bands of a sensor, in order; None is any camera of red, green and blue."""
    if sensor_name is None:
        return tuple(band.name for band in VISIBLE)
    return sensor(sensor_name).names


def _item(
    layout: Layout, record: Mapping[str, Any], box: GeoBox, names: tuple[str, ...]
) -> pystac.Item:
    """The STAC item of a sample, with its facts and counts."""
    key = key_of(record["index"])
    item = make_item(key, kind="sample", parameters=record["facts"], box=box)
    item.collection_id = layout.recipe.name
    item.properties |= {
        "gsd": record["gsd"],
        "title": f"{record['facts']['hazard']}, {record['split']}",
        "geomage:record": {k: v for k, v in record.items() if k != "facts"},
    }
    item.stac_extensions.extend((_VIEW, *BAND_EXTENSIONS))
    for name in names:
        asset = _asset(f"./{key}_{name}.tif", name, record["facts"].get(name))
        model = _model(name, record["facts"])
        if model is not None:
            asset.extra_fields["bands"] = described_bands(model)
        item.add_asset(name, asset)
    item.add_link(pystac.Link("root", "../../../collection.json", "application/json"))
    item.add_link(pystac.Link("parent", "../catalog.json", "application/json"))
    item.add_link(pystac.Link("collection", "../../../collection.json", "application/json"))
    return item


def _asset(href: str, name: str, date: Mapping[str, Any] | None) -> pystac.Asset:
    looks = {} if date is None else {f"view:{k}": round(date[k], 3) for k in _ANGLES}
    return pystac.Asset(
        href=href,
        title=TITLES[name],
        media_type=pystac.MediaType.COG,
        roles=["data"] if name in _IMAGES else ["labels"],
        extra_fields=looks,
    )


_ANGLES = ("off_nadir", "sun_azimuth", "sun_elevation")


def record_in(folder: Path) -> dict[str, Any]:
    """What the item of a sample folder says of it."""
    item = json.loads((folder / "item.json").read_text(encoding="utf-8"))
    record: dict[str, Any] = item["properties"]["geomage:record"]
    return record | {"facts": item["properties"]["geomage:parameters"]}


def layers_in(folder: Path) -> dict[str, np.ndarray]:
    """The arrays of a sample folder, by name; (y, x), or (band, y, x) where there are several."""
    arrays = {}
    for name in TITLES:
        values = read_raster(folder / f"{folder.name}_{name}.tif").values
        arrays[name] = values if name in _STACKS else values[0]
    return arrays
