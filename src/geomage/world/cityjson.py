"""A city as CityJSON 2.0 (OGC 20-072r5): what GIS and city-model software reads.

Coordinates are whole millimetres from a stated corner, in the CRS of the town; heights are metres
above its datum. Each building is a `Building` of LoD 2: one closed `Solid` where it has one wing,
else a `BuildingPart` with a `Solid` for each wing, and wings may overlap. Eaves and ridges stand
above the mean terrain at the corners of the footprint, walls go down to the lowest of them; roofs
lie as the renderer paints them, without parapets, chimneys and other roof objects. Attributes carry
every column of the layer, the exposure record among them.

Terrain is a `TINRelief` of 10 m, or a hundredth of the side where that is more; streets are `Road`,
blocks `LandUse`, both draped as triangles; water is a level `WaterBody`. Trees, yards and vehicles
stay in `city.gpkg`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from geomage.world.city import City, CityParams
from geomage.world.drape import drape, street_areas, terrain_mesh, terrain_spacing
from geomage.world.roofs import Face, Solid
from geomage.world.solids import terrain_at, wing_solids

__all__ = ["city_document", "cityjson_bytes"]

SCALE_M = 0.001
_SEMANTICS = {"ground": "GroundSurface", "wall": "WallSurface", "roof": "RoofSurface"}
_SURFACES = [{"type": name} for name in _SEMANTICS.values()]
_NUMBER = {kind: i for i, kind in enumerate(_SEMANTICS)}
_NOT_SAID = {"geometry", "building_id", "red", "green", "blue", "wall"}

Rings = list[list[int]]


def cityjson_bytes(city: City) -> bytes:
    """Return a city as the bytes of a CityJSON file; the same city gives the same bytes."""
    text = json.dumps(city_document(city), separators=(",", ":"), allow_nan=False)
    return text.encode() + b"\n"


def city_document(city: City) -> dict[str, Any]:
    """Return a city as a CityJSON document."""
    pool = _Pool()
    surfaces = [*_terrain(city, pool), *_streets(city, pool), *_blocks(city, pool)]
    surfaces += [*_waters(city, pool)]
    solids = [[(pool.add(s.vertices), s) for s in own] for own in wing_solids(city)]
    pool.close()
    objects = {surface.name: surface.object(pool) for surface in surfaces}
    objects |= _buildings(city, pool, solids)
    crs = city.dtm.box.crs
    about = {"title": _title(city), "geographicalExtent": pool.extent}
    if crs is not None and crs.epsg is not None:
        about["referenceSystem"] = f"https://www.opengis.net/def/crs/EPSG/0/{crs.epsg}"
    return {
        "type": "CityJSON",
        "version": "2.0",
        "transform": {"scale": [SCALE_M] * 3, "translate": pool.corner},
        "metadata": about,
        "CityObjects": objects,
        "vertices": pool.vertices,
    }


def _title(city: City) -> str:
    """Say where a town comes from."""
    params = city.params
    kind = params.look().name if isinstance(params, CityParams) else "imported town"
    return f"{kind} {params.seed}"


@dataclass
class _Pool:
    """Vertices of all objects: gathered first, then rounded and numbered once."""

    _parts: list[np.ndarray] = field(default_factory=list)
    _count: int = 0
    corner: list[float] = field(default_factory=list)
    extent: list[float] = field(default_factory=list)
    vertices: list[list[int]] = field(default_factory=list)
    _number: list[int] = field(default_factory=list)

    def add(self, vertices: np.ndarray) -> int:
        """Take vertices (n, 3); return where they begin."""
        self._parts.append(vertices)
        self._count += len(vertices)
        return self._count - len(vertices)

    def close(self) -> None:
        """Number what was gathered; equal vertices become one."""
        xyz = np.concatenate(self._parts)
        low = np.floor(xyz.min(0))
        whole = np.rint((xyz - low) / SCALE_M).astype(np.int64)
        one, number = np.unique(whole, axis=0, return_inverse=True)
        self.corner, self.vertices = low.tolist(), one.tolist()
        span = np.concatenate([one.min(0), one.max(0)]) * SCALE_M
        self.extent = np.round(span + np.tile(low, 2), 3).tolist()
        self._number = number.reshape(-1).tolist()

    def rings(self, first: int, face: Sequence[Sequence[int]]) -> Rings:
        """Return the numbers of a face's vertices; a ring that shrank to a line is left out."""
        found = []
        for ring in face:
            numbers = [self._number[first + i] for i in ring]
            numbers = [p for i, p in enumerate(numbers) if p != numbers[i - 1]]
            if len(numbers) > 2:
                found.append(numbers)
        return found


@dataclass(frozen=True)
class _Surface:
    """An object of faces that close nothing."""

    name: str
    kind: str
    attributes: Mapping[str, Any]
    first: int  # where its vertices begin in the pool
    faces: Sequence[Face]
    geometry: str = "MultiSurface"

    def object(self, pool: _Pool) -> dict[str, Any]:
        """Return it as a city object."""
        boundaries = [rings for face in self.faces if (rings := pool.rings(self.first, face))]
        return {
            "type": self.kind,
            "attributes": dict(self.attributes),
            "geometry": [{"type": self.geometry, "lod": "1", "boundaries": boundaries}],
        }


def _terrain(city: City, pool: _Pool) -> Iterator[_Surface]:
    spacing = terrain_spacing(city.dtm.box)
    vertices, triangles = terrain_mesh(city.dtm, spacing)
    faces: list[Face] = [((a, b, c),) for a, b, c in triangles.tolist()]
    about = {"spacing_m": spacing}
    yield _Surface("terrain", "TINRelief", about, pool.add(vertices), faces, "CompositeSurface")


def _streets(city: City, pool: _Pool) -> Iterator[_Surface]:
    streets = city.streets
    said = [
        {"function": s.kind, "surface": s.surface, "width": round(float(s.width), 3)}
        for s in streets.itertuples()
    ]
    yield from _draped(city, pool, ("street", "Road"), street_areas(city), said)


def _blocks(city: City, pool: _Pool) -> Iterator[_Surface]:
    said = [{"function": use} for use in city.blocks["use"]]
    yield from _draped(city, pool, ("block", "LandUse"), city.blocks.geometry.to_numpy(), said)


def _draped(
    city: City,
    pool: _Pool,
    named: tuple[str, str],
    shapes: np.ndarray,
    said: list[dict[str, Any]],
) -> Iterator[_Surface]:
    vertices, triangles, owner = drape(city.dtm, shapes, longest=40.0)
    if not len(triangles):
        return
    first = pool.add(vertices)
    for i, facts in enumerate(said):
        faces: list[Face] = [((a, b, c),) for a, b, c in triangles[owner == i].tolist()]
        if faces:
            yield _Surface(f"{named[0]}-{i + 1}", named[1], facts, first, faces)


def _waters(city: City, pool: _Pool) -> Iterator[_Surface]:
    """Water lies level at the lowest terrain of its outline."""
    for i, water in enumerate(city.water.itertuples(), 1):
        for j, part in enumerate(shapely.get_parts(water.geometry), 1):
            turned = shapely.orient_polygons(part)
            rings = [shapely.get_coordinates(r)[:-1] for r in (turned.exterior, *turned.interiors)]
            xy = np.concatenate(rings)
            level = terrain_at(city.dtm, xy).min()
            first = pool.add(np.column_stack([xy, np.full(len(xy), level)]))
            at = np.cumsum([0, *(len(ring) for ring in rings)]).tolist()
            face = tuple(tuple(range(a, b)) for a, b in pairwise(at))
            about = {"class": water.kind}
            yield _Surface(f"water-{i}-{j}", "WaterBody", about, first, [face])


def _buildings(
    city: City, pool: _Pool, solids: list[list[tuple[int, Solid]]]
) -> dict[str, dict[str, Any]]:
    """`Building` objects, and a `BuildingPart` for each solid of those that have several."""
    forms = city.roofs["form"].to_numpy()
    parts: dict[int, list[tuple[str, dict[str, Any]]]] = {}
    for form, who, own in zip(forms, city.roofs["building_id"], solids, strict=True):
        made = [(form, _solid_geometry(pool, first, solid)) for first, solid in own]
        parts.setdefault(int(who), []).extend(made)
    objects: dict[str, dict[str, Any]] = {}
    for who, said in _said(city.buildings):
        name, wings = f"building-{who}", parts.get(who, [])
        one: dict[str, Any] = {"type": "Building", "attributes": said}
        if len(wings) == 1:
            said["roofType"] = wings[0][0]
            one["geometry"] = [wings[0][1]]
        else:
            one["children"] = [f"{name}-{i}" for i in range(1, len(wings) + 1)]
        objects[name] = one
        for child, (form, geometry) in zip(one.get("children", ()), wings, strict=False):
            objects[child] = {
                "type": "BuildingPart",
                "parents": [name],
                "attributes": {"roofType": form},
                "geometry": [geometry],
            }
    return objects


def _said(buildings: gpd.GeoDataFrame) -> Iterator[tuple[int, dict[str, Any]]]:
    """Number and attributes of each building: every column, and three by their CityGML names."""
    names = [name for name in buildings.columns if name not in _NOT_SAID]
    columns = [_plain(buildings[name].to_numpy()) for name in names]
    for who, *values in zip(buildings["building_id"], *columns, strict=True):
        said = {n: v for n, v in zip(names, values, strict=True) if v is not None}
        said |= {
            "function": said.get("use"),
            "measuredHeight": said.get("height"),
            "storeysAboveGround": said.get("storeys"),
        }
        yield int(who), said


def _plain(values: np.ndarray) -> list[Any]:
    """JSON values: numbers to three decimals, None where there is none."""
    if values.dtype.kind == "f":
        return [round(v, 3) if np.isfinite(v) else None for v in values.tolist()]
    if values.dtype.kind in "iub":
        return list(values.tolist())
    return [v if isinstance(v, str) else None for v in values.tolist()]


def _solid_geometry(pool: _Pool, first: int, solid: Solid) -> dict[str, Any]:
    found = [
        (rings, _NUMBER[kind])
        for face, kind in zip(solid.faces, solid.kinds, strict=True)
        if (rings := pool.rings(first, face))
    ]
    return {
        "type": "Solid",
        "lod": "2",
        "boundaries": [[rings for rings, _ in found]],
        "semantics": {"surfaces": _SURFACES, "values": [[kind for _, kind in found]]},
    }
