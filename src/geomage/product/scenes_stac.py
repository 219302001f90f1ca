"""STAC of a mosaic: a collection with one item a scene, and an item of the mosaic itself."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pystac
from odc.geo.geobox import GeoBox

from geomage.errors import InputError
from geomage.geo import ground_gsd
from geomage.geo.stac import write_item, write_record
from geomage.product.scenes import Scene

__all__ = ["WITHOUT", "lacking_words", "write_scenes"]

WITHOUT: Final = "geomage:without"
"""Of the collection: {raster: {scene: why it has none}}, where others have it."""

_JSON: Final = "application/json"
_ITEM: Final = "application/geo+json"
_COUNTS: Final = ("mapped", "assessed")


def write_scenes(
    folder: Path, place: Path, scenes: Sequence[Scene], box: GeoBox, names: Sequence[str], rule: str
) -> None:
    """Write `collection.json`, `items/NAME.json` a scene, and `item.json` of the mosaic.

    Links are relative, so that mosaic and products can be moved together.

    Args:
        folder: where to write.
        place: where the folder will stand, from which the products are linked.
        scenes: in the order of the mosaic.
        box: grid of the mosaic.
        names: of its rasters.
        rule: what decides between the scenes.

    Raises:
        InputError: the item or the summary of a product is damaged.
    """
    items = [_item(scene, i, place) for i, scene in enumerate(scenes, 1)]
    (folder / "items").mkdir()
    for item in items:
        write_record(folder / "items" / f"{item['id']}.json", item)
    times = [dt.datetime.fromisoformat(item["properties"]["datetime"]) for item in items]
    without = {name: _lacking(scenes, name) for name in names}
    collection = _collection(place.name, items, names, rule)
    collection[WITHOUT] = {name: whys for name, whys in without.items() if whys}
    write_record(folder / "collection.json", collection)
    write_item(
        folder,
        kind="mosaic",
        parameters={"products": [scene.name for scene in scenes], "rule": rule},
        assets={name: f"{name}.tif" for name in names},
        box=box,
        datetime=max(times),
    )


def _item(scene: Scene, number: int, place: Path) -> dict[str, Any]:
    """The item of a product under the name of its scene, its assets where they lie."""
    record: dict[str, Any] = _record(scene.paths.item)
    there = os.path.relpath(scene.paths.folder.resolve(), place.resolve() / "items")
    try:
        for asset in record["assets"].values():
            asset["href"] = (Path(there) / asset["href"]).as_posix()
        dt.datetime.fromisoformat(record["properties"]["datetime"])
        west, south, east, north = record["bbox"]
        record["properties"] |= {
            "gsd": round(ground_gsd(scene.box), 4),
            "geomage:order": number,
            "geomage:buildings": _buildings(scene),
        }
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise _damaged(scene.paths.item, error) from error
    record["bbox"] = [float(west), float(south), float(east), float(north)]
    record |= {"id": scene.name, "collection": place.name}
    record["links"] = [
        *(_link(rel, "../collection.json") for rel in ("root", "parent", "collection")),
        _link("canonical", f"{Path(there).as_posix()}/{scene.paths.item.name}", _ITEM),
    ]
    return record


def _buildings(scene: Scene) -> dict[str, int]:
    """Counts of a product's summary."""
    found = _record(scene.paths.summary)["buildings"]
    words = {word: int(one["count"]) for word, one in found["by_damage"].items()}
    return {name: int(found[name]) for name in _COUNTS} | words


def _lacking(scenes: Sequence[Scene], raster: str) -> dict[str, str]:
    """Why, by name, of the scenes that a raster of the mosaic holds nothing from."""
    without = [scene for scene in scenes if raster not in scene.paths.rasters]
    return {scene.name: _left_out(scene, raster) for scene in without}


def _left_out(scene: Scene, raster: str) -> str:
    """What the summary of a product says of a raster that it lacks."""
    extents = _record(scene.paths.summary).get("extents")
    said = extents.get("left_out") if isinstance(extents, Mapping) else None
    why = said.get(raster) if isinstance(said, Mapping) else None
    return str(why or f"its product has no {raster}.tif")


def lacking_words(collection: Mapping[str, Any]) -> Iterable[str]:
    """A sentence for each raster of a mosaic, and each reason why products have none."""
    for raster, whys in collection[WITHOUT].items():
        for why in dict.fromkeys(whys.values()):
            names = ", ".join(name for name, own in whys.items() if own == why)
            yield f"{raster}.tif holds nothing from {names}: {why}"


def _collection(
    name: str, items: Sequence[Mapping[str, Any]], rasters: Sequence[str], rule: str
) -> dict[str, Any]:
    collection = pystac.Collection(
        id=name,
        description=f"{len(items)} scenes mapped by geomage, and a mosaic of them: {rule}.",
        license="other",
        extent=_extent(items),
        keywords=[
            "buildings",
            "land cover",
            "damage",
            "flood",
            *(["burnt"] * ("burnt" in rasters)),
        ],
        summaries=pystac.Summaries(_summaries(items)),
    )
    record = collection.to_dict(include_self_link=False)
    record["links"] = [
        _link("root", "./collection.json"),
        *(_link("item", f"./items/{item['id']}.json", _ITEM) for item in items),
    ]
    record["assets"] = {
        raster: {"href": f"./{raster}.tif", "type": pystac.MediaType.COG, "roles": ["data"]}
        for raster in rasters
    }
    return record


def _extent(items: Sequence[Mapping[str, Any]]) -> pystac.Extent:
    """All scenes; all longitudes where one of several reaches over 180 degrees."""
    west, south, east, north = zip(*(item["bbox"] for item in items), strict=True)
    around = [min(west), min(south), max(east), max(north)]
    if any(left > right for left, right in zip(west, east, strict=True)):
        around[0], around[2] = (west[0], east[0]) if len(items) == 1 else (-180.0, 180.0)
    times = [dt.datetime.fromisoformat(item["properties"]["datetime"]) for item in items]
    when = pystac.TemporalExtent([[min(times), max(times)]])
    return pystac.Extent(pystac.SpatialExtent([around]), when)


def _summaries(items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Ranges over the scenes; buildings where scenes overlap are in the count of each."""
    every = [item["properties"] for item in items]
    gsd = [one["gsd"] for one in every]
    codes = sorted({one["proj:code"] for one in every if "proj:code" in one})
    words = dict.fromkeys(word for one in every for word in one["geomage:buildings"])
    counts = {w: [one["geomage:buildings"].get(w, 0) for one in every] for w in words}
    ranges = {f"geomage:{w}": {"minimum": min(n), "maximum": max(n)} for w, n in counts.items()}
    return {
        "gsd": {"minimum": min(gsd), "maximum": max(gsd)},
        **({"proj:code": codes} if codes else {}),
        **{name.lower().replace(" ", "_"): one for name, one in ranges.items()},
    }


def _link(rel: str, href: str, kind: str = _JSON) -> dict[str, str]:
    return {"rel": rel, "href": href, "type": kind}


def _record(path: Path) -> Any:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(path, error) from error
    if not isinstance(record, dict):
        raise _damaged(path, "it is no JSON object")
    return record


def _damaged(path: Path, why: object) -> InputError:
    return InputError(f"{path} is damaged ({why}): map the images again")
