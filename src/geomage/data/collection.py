"""STAC of a whole dataset: a collection, and a catalog for each thousand sample folders."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pystac

from geomage.data.layout import Layout, key_of
from geomage.data.records import CLASSES
from geomage.data.sample_folder import TITLES
from geomage.geo.stac import EPOCH, make_item, write_record

__all__ = ["write_collection"]

_CLASSIFICATION = "https://stac-extensions.github.io/classification/v2.0.0/schema.json"
_ITEM_ASSETS = "https://stac-extensions.github.io/item-assets/v1.0.0/schema.json"
_JSON = "application/json"


def write_collection(layout: Layout, rows: pd.DataFrame) -> None:
    """Write `collection.json`, and catalogs where there are sample folders."""
    recipe = layout.recipe
    collection = pystac.Collection(
        id=recipe.name,
        title=recipe.title,
        description=_description(rows),
        license=recipe.licence,
        extent=_extent(layout, rows),
        keywords=["simulated", "disaster", "damage", "change detection"],
        summaries=pystac.Summaries(_summaries(rows)),
        stac_extensions=[_CLASSIFICATION, _ITEM_ASSETS] if recipe.cogs else [],
    )
    record = collection.to_dict(include_self_link=False)
    links = [{"rel": "root", "href": "./collection.json", "type": _JSON}]
    if recipe.cogs:
        record["item_assets"] = {name: _described(name) for name in TITLES}
        links += [
            _link("child", f"./samples/{g}/catalog.json") for g in _write_groups(layout, rows)
        ]
    record["links"] = links
    record["assets"] = _files(layout, len(rows))
    write_record(layout.folder / "collection.json", record)


def _description(rows: pd.DataFrame) -> str:
    return (
        f"{len(rows)} simulated pairs of images with every label. All of it is made up: towns, "
        "disasters, dates and places. Samples lie side by side on a lattice, not where they "
        "pretend to be; the datetime is that of nothing."
    )


def _extent(layout: Layout, rows: pd.DataFrame) -> pystac.Extent:
    boxes = [layout.box(int(i), float(g)) for i, g in zip(rows["index"], rows["gsd"], strict=True)]
    corners = [boxes[0], boxes[-1], *_outermost(boxes)]
    bounds = [make_item("x", kind="x", parameters={}, box=box).bbox or [] for box in corners]
    west, south, east, north = zip(*bounds, strict=True)
    around = [min(west), min(south), max(east), max(north)]
    return pystac.Extent(pystac.SpatialExtent([around]), pystac.TemporalExtent([[EPOCH, EPOCH]]))


def _outermost(boxes: list[Any]) -> list[Any]:
    """Those at the four ends of the lattice."""
    ends = [b.boundingbox for b in boxes]
    at = range(len(boxes))
    picks = (
        min(at, key=lambda i: ends[i].left), max(at, key=lambda i: ends[i].right),
        min(at, key=lambda i: ends[i].bottom), max(at, key=lambda i: ends[i].top),
    )  # fmt: skip
    return [boxes[i] for i in picks]


def _summaries(rows: pd.DataFrame) -> dict[str, Any]:
    words = {
        f"geomage:{name}": sorted(map(str, rows[name].unique()))
        for name in ("hazard", "negative", "style", "sensor_before", "split")
    }
    gsd = {"minimum": float(rows["gsd"].min()), "maximum": float(rows["gsd"].max())}
    return {**words, "gsd": gsd}


def _described(name: str) -> dict[str, Any]:
    """What every asset of a name is, with its classes."""
    kind = {
        "title": TITLES[name],
        "type": pystac.MediaType.COG,
        "roles": ["data"] if name in ("before", "after") else ["labels"],
    }
    classes = CLASSES.get(name.removesuffix("_second"))
    if classes is None:
        return kind
    named = [{"value": v, "name": _slug(n), "description": n} for v, n in classes.items()]
    return kind | {"classification:classes": named}


def _slug(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name)


def _link(rel: str, href: str) -> dict[str, str]:
    kind = "application/geo+json" if rel == "item" else _JSON
    return {"rel": rel, "href": href, "type": kind}


def _write_groups(layout: Layout, rows: pd.DataFrame) -> list[str]:
    """Write the catalog of each folder of samples; return the names of the folders."""
    groups: dict[str, list[int]] = {}
    for index in map(int, rows["index"]):
        groups.setdefault(layout.group(index).name, []).append(index)
    for name, indices in groups.items():
        catalog = pystac.Catalog(f"{layout.recipe.name}-{name}", f"Samples from {indices[0]} on")
        record = catalog.to_dict(include_self_link=False)
        record["links"] = [
            _link("root", "../../collection.json"),
            _link("parent", "../../collection.json"),
            *(_link("item", f"./{key_of(i)}/item.json") for i in indices),
        ]
        write_record(layout.group(indices[0]) / "catalog.json", record)
    return list(groups)


def _files(layout: Layout, count: int) -> dict[str, Any]:
    """Files of the whole dataset."""
    files: dict[str, Any] = {
        "samples": {"href": "./samples.csv", "type": "text/csv", "roles": ["metadata"]},
        "datasheet": {"href": "./datasheet.md", "type": "text/markdown", "roles": ["metadata"]},
        "preview": {"href": "./preview.png", "type": "image/png", "roles": ["overview"]},
    }
    if layout.recipe.shards:
        for block in layout.blocks(count):
            path = layout.shard(block)
            files[path.stem] = {
                "href": f"./shards/{path.name}", "type": "application/x-tar", "roles": ["data"],
            }  # fmt: skip
    return files
