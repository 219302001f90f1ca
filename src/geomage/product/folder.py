"""The product folder: everything an analyst hands over, readable without geomage."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
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
from geomage.product.access.reach_map import AccessMap
from geomage.product.access.styles import street_styles
from geomage.product.doubts import doubts
from geomage.product.extent_layers import add_extents, burnt_left_out
from geomage.product.extents import extents_record
from geomage.product.grading import graded
from geomage.product.layers import (
    NO_SOURCE,
    Source,
    facility_ids,
    flood_beside_obscured_m2,
    product_layers,
)
from geomage.product.mapped import RASTERS, Mapped
from geomage.product.measured import Measured, measured_of
from geomage.product.moment import moment_of_making
from geomage.product.most_affected import Affected
from geomage.product.order import PLAIN, Order, way_from
from geomage.product.ordered import ordered_access, ordered_files, refuse_one_date
from geomage.product.page.chips import MOST_CHIPS, cut_chips
from geomage.product.page.drawing import draw
from geomage.product.page.findings import Findings
from geomage.product.page.pictures import Picture, take_picture
from geomage.product.page.printing import can_print, print_map
from geomage.product.page.report import report_html
from geomage.product.schema import LAYERS, SHAPES, in_schema
from geomage.product.squares import worst_squares
from geomage.product.statistics import count_zones, write_statistics, write_tables
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


def write_product(  # noqa: PLR0913 -- each by name, and each a thing of its own
    result: Mapped,
    out: Path,
    *,
    before_paths: Sequence[Path],
    after_paths: Sequence[Path] = (),
    order: Order = PLAIN,
    overwrite: bool = False,
    created: datetime | None = None,
) -> ProductPaths:
    """Write a product folder, whole or not at all.

    Args:
        result: a finished mapping run; its rasters are moved into the product.
        out: the folder to make.
        before_paths: images before the event.
        after_paths: images after it; none for a map of buildings only.
        order: what the product is called, and what is asked of it beyond the map.
        overwrite: replace a folder that stands there.
        created: time of making, UTC; None takes ``SOURCE_DATE_EPOCH`` or now.

    Raises:
        InputError: a raster is missing, the buildings lack a column, or a later look (MONIT) is
            ordered of one date.
        RunError: an image changed since it was mapped.
        OutputError: the folder exists or cannot be written.
    """
    missing = [name for name in _NEEDED if name not in result.rasters]
    if missing:
        raise InputError(f"the mapping run has no raster {missing}; it has {[*result.rasters]}")
    moment = created or moment_of_making()
    refuse_one_date(order, two_dates=bool(after_paths))
    sources = _sources(before_paths, after_paths, result.facts, order)
    _refuse_changed(sources, result.facts)
    with (
        fresh_folder(out, overwrite=overwrite) as folder,
        rasterio.Env(GDAL_CACHEMAX=BLOCK_CACHE),
    ):
        rasters = _move_rasters(result.rasters, folder)
        box = check_raster(rasters["building"]).box
        measured = measured_of(result.facts)
        sure = None if measured is None else measured.calibration_of(order.hazard)
        buildings = graded(result.buildings, sure)
        buildings = buildings.assign(area_m2=areas_m2(buildings))
        ground = _Ground(rasters, buildings, result.not_analysed, box, measured)
        counted = _count(ground, order, sources)
        _write_vectors(folder, counted.layers)
        squares = worst_squares(buildings, box)
        dates = _dates(sources, result.facts)
        before, after = _two_pictures(dates, box)
        summary = summarise(buildings, result.not_analysed, box, rasters, squares)
        summary |= write_statistics(folder, counted.zones, buildings, result.not_analysed, box)
        summary["extents"] = extents_record(
            counted.extents,
            summary["area"]["analysed_m2"],
            burnt_left_out(counted.extents, result.facts),
        )
        if counted.access is not None:
            summary["roads"] = counted.access.summary
        missed = None if measured is None else measured.missed_of(order.hazard)
        doubtful = _doubts(result, summary, box, counted.extents["flooded"], missed)
        found = Findings(
            summary={
                "product": order.as_dict(),
                **summary,
                "version": order.version,
                "accuracy": order.accuracy,
                "doubts": doubtful,
            },
            buildings=buildings,
            not_analysed=result.not_analysed,
            flood=counted.layers["observedEventA"] if "flood" in rasters else None,
            box=box,
            squares=squares,
            sources=sources,
            facts=result.facts,
            before=before,
            after=after,
            created=moment,
            water=counted.any_of("hydrographyA"),
            roads=counted.any_of("transportationL"),
            zones=counted.any_of("mostAffectedA"),
            facilities=counted.any_of("facilitiesP"),
            cut_off=counted.any_of("cutOffA"),
            reach=counted.any_of("accessTimeA"),
        )
        _write_texts(folder, found, dates)
        write_tables(folder, counted.zones, summary, found.roads)
        for file in order.enclosed:
            shutil.copyfile(file, folder / file.name)
        _write_item(folder, found)
        _write_manifest(folder, found, order, out)
    return product_paths(out)


@dataclass(frozen=True)
class _Ground:
    """What all counts begin with."""

    rasters: Mapping[str, Path]
    buildings: GeoDataFrame  # graded
    not_analysed: GeoDataFrame
    box: GeoBox
    measured: Measured | None


@dataclass(frozen=True)
class _Counted:
    """The layers of a product, and what was counted for them."""

    layers: Mapping[str, GeoDataFrame]
    extents: Mapping[str, GeoDataFrame | None]
    zones: Affected | None
    access: AccessMap | None

    def any_of(self, name: str) -> GeoDataFrame | None:
        """A layer; None where it is not there or holds nothing."""
        layer = self.layers.get(name)
        return None if layer is None or layer.empty else layer


def _count(ground: _Ground, order: Order, sources: Sequence[Source]) -> _Counted:
    """Make every layer that is asked for."""
    box, buildings, rasters = ground.box, ground.buildings, ground.rasters
    layers = product_layers(
        buildings, ground.not_analysed, box, sources, order, rasters.get("flood")
    )
    extents = add_extents(layers, rasters, buildings, order, sources)
    zones = count_zones(buildings, box, order, ground.measured, two_dates="damage" in rasters)
    if zones is not None:
        layers["mostAffectedA"] = zones.zones
    access = ordered_access(order, rasters, ground.not_analysed, buildings, _src_ids(sources))
    for name, layer in {} if access is None else access.layers.items():
        columns = {field: layer[field] for field in layer.columns if field != "geometry"}
        if name == "facilitiesP":
            columns |= facility_ids(layer, sources)
        layers[name] = in_schema(name, columns, layer.geometry) if name in LAYERS else layer
    return _Counted(layers, extents, zones, access)


def _doubts(
    result: Mapped,
    summary: Mapping[str, Any],
    box: GeoBox,
    flood: GeoDataFrame | None,
    missed: tuple[str, int, int] | None,
) -> list[str]:
    beside = 0.0 if flood is None else flood_beside_obscured_m2(flood, result.not_analysed)
    return doubts(
        result.facts,
        summary["area"],
        placed=box.crs is not None,
        flood_beside_obscured_m2=beside,
        missed=missed,
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


def _sources(
    before: Sequence[Path], after: Sequence[Path], facts: Mapping[str, Any], order: Order
) -> list[Source]:
    """The images, the footprints that the run was given, and the files of the order."""
    if not before:
        raise InputError("a product needs at least one image before the event")
    files = [("before", Path(path)) for path in before] + [("after", Path(path)) for path in after]
    named = [(role, path, sha256_of(path)) for role, path in files]
    given = facts.get("footprints")
    if isinstance(given, Mapping):
        named.append(("footprints", Path(given["file"]), given["sha256"]))
    named += [(role, path, sha256_of(path)) for role, path in ordered_files(order)]
    return [Source(i, path, role, sha256) for i, (role, path, sha256) in enumerate(named, 1)]


def _src_ids(sources: Sequence[Source]) -> tuple[int, int]:
    """Numbers of the streets and of the last image."""
    roads = next((one.src_id for one in sources if one.role == "roads"), NO_SOURCE)
    last = next((one.src_id for one in sources if one.role == "after"), NO_SOURCE)
    return roads, last


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


def _write_vectors(folder: Path, layers: Mapping[str, GeoDataFrame]) -> None:
    """The GeoPackage with its styles inside, and each style beside it as ``LAYER.qml``."""
    known = {**layer_styles(), **street_styles()}
    styles = {name: style for name, style in known.items() if name in layers}
    kinds = {name: SHAPES[name[-1]] for name in styles}
    write_vectors(folder / "products.gpkg", layers, styles=styles, kinds=kinds)
    for name, style in styles.items():
        _write(folder / f"{name}.qml", style)


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
        parameters={**found.facts, "product": found.summary["product"]},
        assets=assets,
        box=found.box,
        datetime=found.created,
    )


def _write_manifest(folder: Path, found: Findings, order: Order, out: Path) -> None:
    """Hashes of all there is; written last, so a folder with a manifest is a whole one."""
    pieces = sorted(path for path in folder.iterdir() if path.is_file())
    record = {
        "geomage": __version__,
        "created": found.created.isoformat(),
        "python": platform.python_version(),
        "gdal": rasterio.__gdal_version__,
        "versions": _versions(),
        "product": found.summary["product"],
        "parameters": dict(found.facts),
        "order": order.record(out),
        "history": [*order.history],
        "accuracy": order.accuracy,
        "inputs": [
            {"role": source.role, "name": source.path.name, "sha256": source.sha256}
            | ({"path": way_from(out, source.path)} if source.is_image else {})
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
