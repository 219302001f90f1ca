"""The product folder: everything an analyst hands over, readable without geomage."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import rasterio
from geopandas import GeoDataFrame
from odc.geo.geobox import GeoBox

from geomage import __version__
from geomage.errors import InputError, RunError
from geomage.geo import BLOCK_CACHE, check_raster, fresh_folder, write_vectors
from geomage.geo.stac import write_item
from geomage.product.chips import MOST_CHIPS, cut_chips
from geomage.product.doubts import doubts
from geomage.product.drawing import draw
from geomage.product.findings import Findings
from geomage.product.grading import graded
from geomage.product.layers import Source, flood_beside_obscured_m2, product_layers
from geomage.product.mapped import RASTERS, Mapped
from geomage.product.pictures import Picture, take_picture
from geomage.product.printing import can_print, print_map
from geomage.product.report import report_html
from geomage.product.squares import worst_squares
from geomage.product.styles import layer_styles
from geomage.product.summary import summarise, summary_csv
from geomage.product.surface import areas_m2

__all__ = ["ProductPaths", "write_product"]

_NEEDED: Final = ("building", "landcover")
_LIBRARIES: Final = ("numpy", "rasterio", "geopandas", "shapely", "pyproj", "onnxruntime")


@dataclass(frozen=True)
class ProductPaths:
    """Where the pieces of a product lie."""

    folder: Path
    rasters: Mapping[str, Path]  # by name of `RASTERS`
    vectors: Path
    summary: Path
    table: Path
    report: Path
    map_page: Path  # stands only where the extra pdf is installed
    item: Path
    manifest: Path


def write_product(
    result: Mapped,
    out: Path,
    *,
    before_paths: Sequence[Path],
    after_paths: Sequence[Path] = (),
    overwrite: bool = False,
    created: datetime | None = None,
) -> ProductPaths:
    """Write a product folder, whole or not at all.

    Args:
        result: a finished mapping run; its rasters are moved into the product.
        out: the folder to make.
        before_paths: images before the event.
        after_paths: images after it; none for a map of buildings only.
        overwrite: replace a folder that stands there.
        created: time of making, UTC; None takes ``SOURCE_DATE_EPOCH`` or now.

    Raises:
        InputError: a raster is missing, or the buildings lack a column.
        RunError: an image changed since it was mapped.
        OutputError: the folder exists or cannot be written.
    """
    missing = [name for name in _NEEDED if name not in result.rasters]
    if missing:
        raise InputError(f"the mapping run has no raster {missing}; it has {[*result.rasters]}")
    moment = created or _now()
    sources = _sources(before_paths, after_paths)
    _refuse_changed(sources, result.facts)
    with (
        fresh_folder(out, overwrite=overwrite) as folder,
        rasterio.Env(GDAL_CACHEMAX=BLOCK_CACHE),
    ):
        rasters = _move_rasters(result.rasters, folder)
        box = check_raster(rasters["building"]).box
        buildings = graded(result.buildings)
        buildings = buildings.assign(area_m2=areas_m2(buildings))
        layers = product_layers(
            buildings, result.not_analysed, box, sources, flood=rasters.get("flood")
        )
        write_vectors(folder / "products.gpkg", layers, styles=_styles(layers))
        squares = worst_squares(buildings, box)
        dates = _dates(sources, result.facts)
        before, after = _two_pictures(dates, box)
        summary = summarise(buildings, result.not_analysed, box, rasters, squares)
        doubtful = _doubts(result, summary, box, layers.get("observedEventA"))
        found = Findings(
            summary={**summary, "doubts": doubtful},
            buildings=buildings,
            not_analysed=result.not_analysed,
            flood=layers.get("observedEventA"),
            box=box,
            squares=squares,
            sources=sources,
            facts=result.facts,
            before=before,
            after=after,
            created=moment,
            water=layers.get("hydrographyA"),
            roads=layers.get("transportationL"),
            zones=layers.get("mostAffectedA"),
            facilities=layers.get("facilitiesP"),
        )
        _write_texts(folder, found, dates)
        _write_item(folder, found)
        _write_manifest(folder, found)
    return product_paths(out)


def _doubts(
    result: Mapped, summary: Mapping[str, Any], box: GeoBox, flood: GeoDataFrame | None
) -> list[str]:
    beside = 0.0 if flood is None else flood_beside_obscured_m2(flood, result.not_analysed)
    return doubts(
        result.facts,
        summary["area"],
        placed=box.crs is not None,
        flood_beside_obscured_m2=beside,
    )


def product_paths(out: Path) -> ProductPaths:
    """Paths of a product that stands; InputError when it is none."""
    folder = Path(out)
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        raise InputError(f"{folder} is no product folder: it has no manifest.json")
    rasters = {name: folder / f"{name}.tif" for name in RASTERS}
    return ProductPaths(
        folder=folder,
        rasters={name: path for name, path in rasters.items() if path.is_file()},
        vectors=folder / "products.gpkg",
        summary=folder / "summary.json",
        table=folder / "summary.csv",
        report=folder / "report.html",
        map_page=folder / "map.pdf",
        item=folder / "item.json",
        manifest=manifest,
    )


def _now() -> datetime:
    stated = os.environ.get("SOURCE_DATE_EPOCH")
    return datetime.fromtimestamp(int(stated), UTC) if stated else datetime.now(UTC)


def _sources(before: Sequence[Path], after: Sequence[Path]) -> list[Source]:
    roles = [(Path(p), "before") for p in before] + [(Path(p), "after") for p in after]
    if not before:
        raise InputError("a product needs at least one image before the event")
    return [Source(i, path, role, sha256_of(path)) for i, (path, role) in enumerate(roles, 1)]


def _refuse_changed(sources: Sequence[Source], facts: Mapping[str, Any]) -> None:
    """Raise RunError when an image is no longer the one that was mapped."""
    mapped = [one.get("sha256") for one in facts.get("inputs") or ()]
    for source, sha256 in zip(sources, mapped, strict=False):
        if sha256 not in (None, source.sha256):
            raise RunError(
                f"{source.path} changed while it was mapped, so that the work is void: run the "
                "same command again once it is whole"
            )


def sha256_of(path: Path) -> str:
    """Hash of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _move_rasters(rasters: Mapping[str, Path], folder: Path) -> dict[str, Path]:
    unknown = sorted(set(rasters) - set(RASTERS))
    if unknown:
        raise InputError(f"unknown rasters {unknown}; a product holds {', '.join(RASTERS)}")
    moved = {}
    for name in RASTERS:
        if name in rasters:
            moved[name] = folder / f"{name}.tif"
            shutil.move(rasters[name], moved[name])
    return moved


Dates = list[tuple[list[Path], tuple[float, float]]]
"""Images of each date, and by how many metres (east, north) their content lies off the grid."""


def _dates(sources: Sequence[Source], facts: Mapping[str, Any]) -> Dates:
    before, after = (
        [source.path for source in sources if source.role == role] for role in ("before", "after")
    )
    stated = facts.get("shift")
    shift: Mapping[str, Any] = stated if isinstance(stated, Mapping) else {}
    trusted = not shift.get("reason")
    moved = (float(shift["dx_m"]), float(shift["dy_m"])) if shift and trusted else (0.0, 0.0)
    return [(before, (0.0, 0.0)), *([(after, moved)] if after else [])]


def _two_pictures(dates: Dates, box: GeoBox) -> tuple[Picture, Picture | None]:
    before, *after = (take_picture(paths, box, moved) for paths, moved in dates)
    return before, after[0] if after else None


def _styles(layers: Mapping[str, object]) -> dict[str, str]:
    return {name: style for name, style in layer_styles().items() if name in layers}


def _write_texts(folder: Path, found: Findings, dates: Dates) -> None:
    _write(folder / "summary.json", _json({"geomage": __version__, **found.summary}))
    _write(folder / "summary.csv", summary_csv(found.summary))
    drawing = draw(found)
    chips = cut_chips(drawing.extents(MOST_CHIPS), found.box, found.before, dates)
    _write(folder / "report.html", report_html(replace(found, chips=chips), drawing))
    if can_print():
        print_map(found, folder / "map.pdf", drawing)


def _write_item(folder: Path, found: Findings) -> None:
    assets = {
        path.stem if path.suffix != ".gpkg" else "vectors": path.name
        for path in sorted(folder.iterdir())
    }
    write_item(
        folder,
        kind="product",
        parameters=dict(found.facts),
        assets=assets,
        box=found.box,
        datetime=found.created,
    )


def _write_manifest(folder: Path, found: Findings) -> None:
    """Hashes of all there is; written last, so a folder with a manifest is a whole one."""
    pieces = sorted(path for path in folder.iterdir() if path.is_file())
    record = {
        "geomage": __version__,
        "created": found.created.isoformat(),
        "python": platform.python_version(),
        "gdal": rasterio.__gdal_version__,
        "versions": _versions(),
        "parameters": dict(found.facts),
        "inputs": [
            {"role": source.role, "name": source.path.name, "sha256": source.sha256}
            for source in found.sources
        ],
        "files": {
            path.name: {"sha256": sha256_of(path), "bytes": path.stat().st_size} for path in pieces
        },
    }
    _write(folder / "manifest.json", _json(record))


def _versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _json(record: Mapping[str, Any]) -> str:
    return json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
