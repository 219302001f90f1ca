"""The server of `geomage view`: one product, read-only, everything by a name it knows itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, Final

from odc.geo.geobox import GeoBox
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from geomage.errors import GeomageError, InputError
from geomage.geo import check_raster
from geomage.product.evidence import Evidence, find_images
from geomage.product.folder import ProductPaths, product_paths
from geomage.product.standing import changed_files, read_record
from geomage.serve.features import VectorLayer, find_layers, tile_features
from geomage.serve.guard import Guard
from geomage.serve.page import app_of, page_routes
from geomage.serve.paint import CLASSES, Photographs, as_png, paint_classes, paint_shares
from geomage.serve.plane import TilePlane, plane_of

__all__ = ["View", "open_view"]

_HASHED: Final = 2**26  # bytes of a file, up to which it is held against the manifest at the start
_DIGITS: Final = 9

Painter = Callable[[GeoBox, float], Any]


@dataclass(frozen=True)
class View:
    """A product that can be looked at."""

    name: str
    manifest: Mapping[str, Any]
    plane: TilePlane
    rasters: Mapping[str, Painter]  # by layer id
    vectors: Mapping[str, VectorLayer]  # by layer id
    notes: Sequence[str]  # what a viewer should know
    # one picture and one query at a time: GDAL's handles are not made for many threads at once
    painting: Lock = field(default_factory=Lock, repr=False, compare=False)
    asking: Lock = field(default_factory=Lock, repr=False, compare=False)

    def app(self, hosts: frozenset[str]) -> Guard:
        """The application, answering these Host headers."""
        routes = [
            *page_routes("view"),
            Route("/product.json", self._product),
            Route("/tiles/{layer}/{z}/{x}/{y}.png", self._raster_tile),
            Route("/vectors/{layer}/{z}/{x}/{y}.json", self._vector_tile),
        ]
        return Guard(app_of(routes), hosts)

    def _product(self, _request: Request) -> Response:
        plane = self.plane
        return JSONResponse(
            {
                "name": self.name,
                "version": (self.manifest.get("order") or {}).get("version", 1),
                "created": self.manifest.get("created"),
                "images": [
                    {"role": one.get("role"), "name": one.get("name")}
                    for one in self.manifest.get("inputs") or ()
                ],
                "rasters": [*self.rasters],
                "vectors": [
                    {"id": one.name, "kind": one.kind, "count": one.count}
                    for one in self.vectors.values()
                ],
                "notes": [*self.notes],
                "plane": {
                    "mercator": plane.is_mercator,
                    "left": plane.left,
                    "top": plane.top,
                    "side": plane.side,
                    "deepest": plane.deepest,
                    "bounds": plane.bounds,
                    "unit": plane.unit,
                },
            }
        )

    def _raster_tile(self, request: Request) -> Response:
        painter, tile = self.rasters.get(request.path_params["layer"]), self._tile(request)
        if painter is None or tile is None:
            return _nothing()
        with self.painting:
            painted = _answered(partial(painter, tile, self.plane.unit))
        if isinstance(painted, Response):
            return painted
        if painted is None:
            return Response(status_code=204)  # too large to be shown so small
        return Response(as_png(painted), media_type="image/png")

    def _vector_tile(self, request: Request) -> Response:
        layer, tile = self.vectors.get(request.path_params["layer"]), self._tile(request)
        if layer is None or tile is None:
            return _nothing()
        with self.asking:
            found = _answered(partial(tile_features, layer, self.plane, tile))
        return found if isinstance(found, Response) else JSONResponse(found)

    def _tile(self, request: Request) -> GeoBox | None:
        z, x, y = (_whole(request.path_params[name]) for name in "zxy")
        return self.plane.tile(z, x, y)


def open_view(out: Path, images: Mapping[str, Sequence[Path]]) -> View:
    """Make a product ready to be looked at.

    Images that have moved are left out, and files that are not as the manifest lists them are
    shown all the same; a note says so.

    Raises:
        InputError: it is no product, or a piece cannot be read.
    """
    paths = product_paths(out)
    manifest = read_record(paths)
    box = check_raster(paths.rasters["building"]).box
    small = [
        name for name in manifest["files"]
        if (paths.folder / name).is_file() and (paths.folder / name).stat().st_size <= _HASHED
    ]  # fmt: skip
    notes = changed_files(paths, manifest, small)
    rasters: dict[str, Painter] = {}
    try:
        rasters.update(_photographs(find_images(paths, manifest, box, images)))
    except InputError as error:
        notes.append(f"the images are not shown: {error}")
    rasters.update(_painters(paths, box))
    vectors = {layer.name: layer for layer in find_layers(paths.vectors)}
    return View(paths.folder.absolute().name, manifest, plane_of(box), rasters, vectors, notes)


def _photographs(evidence: Evidence) -> dict[str, Painter]:
    found: dict[str, Painter] = {}
    for role in ("before", "after"):
        paths, shift = evidence.of(role)
        if paths:
            found[role] = Photographs(paths, evidence.box, shift).paint
    return found


def _painters(paths: ProductPaths, box: GeoBox) -> dict[str, Painter]:
    return {name: partial(_paint, name, path, box) for name, path in paths.rasters.items()}


def _paint(name: str, path: Path, box: GeoBox, small: GeoBox, _unit: float) -> Any:
    if name in CLASSES:
        return paint_classes(path, box, small, CLASSES[name])
    return paint_shares(path, box, small, name)


def _whole(text: str) -> int:
    """A number of a tile; -1, which is none, for what is no number or an endless one."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else -1


def _answered(work: Callable[[], Any]) -> Any:
    """What the work gives, or an answer that says in words why it failed."""
    try:
        return work()
    except GeomageError as error:
        return JSONResponse({"error": str(error)}, 500)


def _nothing() -> Response:
    return JSONResponse({"error": "no such layer or tile"}, 404)
