"""A city as binary glTF 2.0 (`.glb`): what browsers, game engines and Blender show.

One mesh for each kind of thing: terrain, water, streets, roofs, walls, trees. Axes are those of
glTF, in metres: x east, y up, z south; the origin is the south-west corner of the town at its
lowest terrain, stated in the CRS under `asset.extras`. Every vertex has its own colour; glTF counts
vertex colours in linear light, as reflectances are. The terrain carries a plan of the ground as an
sRGB picture. Normals are left out, so that viewers shade faces flat.
"""

from __future__ import annotations

import io
import json
import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from geomage.world.city import City
from geomage.world.meshes import Mesh, city_meshes
from geomage.world.plan import draw_plan

__all__ = ["glb_bytes"]

_PICTURE_PX = 1536
_FLOAT, _UINT, _BYTE = 5126, 5125, 5121  # component types
_VERTICES, _INDICES = 34962, 34963  # buffer targets


def glb_bytes(city: City) -> bytes:
    """Return a city as the bytes of a `.glb` file; the same city gives the same bytes."""
    bounds = city.dtm.box.boundingbox
    origin = np.array([bounds.left, bounds.bottom, float(city.dtm.values.min())])
    book = _Book()
    meshes = [mesh for mesh in city_meshes(city) if len(mesh.triangles)]
    for mesh in meshes:
        book.add_mesh(mesh, origin)
    book.add_picture(_ground_picture(city))
    crs = city.dtm.box.crs
    extras = {
        "origin": origin.tolist(),
        "crs": None if crs is None else (f"EPSG:{crs.epsg}" if crs.epsg else crs.to_wkt()),
    }
    return book.close(extras)


def _ground_picture(city: City) -> bytes:
    """Plan of the ground without what stands on it (PNG)."""
    bounds = city.dtm.box.boundingbox
    gsd = max(0.25, (bounds.right - bounds.left) / _PICTURE_PX)
    nothing = {name: getattr(city, name).iloc[:0] for name in ("buildings", "trees", "vehicles")}
    page = io.BytesIO()
    draw_plan(city.with_layers(**nothing), gsd).save(page, format="PNG", optimize=True)
    return page.getvalue()


@dataclass
class _Book:
    """The two chunks of a `.glb` while they are written."""

    data: bytearray = field(default_factory=bytearray)
    views: list[dict[str, Any]] = field(default_factory=list)
    accessors: list[dict[str, Any]] = field(default_factory=list)
    meshes: list[dict[str, Any]] = field(default_factory=list)
    materials: list[dict[str, Any]] = field(default_factory=list)
    pictures: list[dict[str, Any]] = field(default_factory=list)

    def add_mesh(self, mesh: Mesh, origin: np.ndarray) -> None:
        """Add a mesh and its material."""
        x, y, z = (mesh.vertices - origin).T
        places = np.column_stack([x, z, -y]).astype("<f4")
        attributes = {"POSITION": self._accessor(places, _VERTICES, bounds=True)}
        skin: dict[str, Any] = {"metallicFactor": 0.0, "roughnessFactor": 1.0}
        if mesh.colours is not None:
            attributes["COLOR_0"] = self._accessor(_rgba(mesh.colours), _VERTICES)
        if mesh.uv is not None:
            attributes["TEXCOORD_0"] = self._accessor(mesh.uv.astype("<f4"), _VERTICES)
            skin["baseColorTexture"] = {"index": 0}
        part = {
            "attributes": attributes,
            "indices": self._accessor(mesh.triangles.reshape(-1).astype("<u4"), _INDICES),
            "material": len(self.materials),
        }
        self.materials.append({"name": mesh.name, "pbrMetallicRoughness": skin})
        self.meshes.append({"name": mesh.name, "primitives": [part]})

    def add_picture(self, png: bytes) -> None:
        """Add the picture that textured meshes show."""
        self.pictures.append({"mimeType": "image/png", "bufferView": self._view(png)})

    def _view(self, raw: bytes, target: int | None = None) -> int:
        self.data += bytes(-len(self.data) % 4)
        view = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(raw)}
        self.views.append(view if target is None else view | {"target": target})
        self.data += raw
        return len(self.views) - 1

    def _accessor(self, values: np.ndarray, target: int, *, bounds: bool = False) -> int:
        width = 1 if values.ndim == 1 else values.shape[1]
        found: dict[str, Any] = {
            "bufferView": self._view(values.tobytes(), target),
            "componentType": {"f": _FLOAT, "u": _BYTE if values.itemsize == 1 else _UINT}[
                values.dtype.kind
            ],
            "count": len(values),
            "type": {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}[width],
        }
        if values.dtype.kind == "u" and values.itemsize == 1:
            found["normalized"] = True
        if bounds:
            found |= {"min": values.min(0).tolist(), "max": values.max(0).tolist()}
        self.accessors.append(found)
        return len(self.accessors) - 1

    def close(self, extras: dict[str, Any]) -> bytes:
        """Return the whole file."""
        self.data += bytes(-len(self.data) % 4)
        numbers = list(range(len(self.meshes)))
        document = {
            "asset": {"version": "2.0", "generator": "geomage", "extras": extras},
            "scene": 0,
            "scenes": [{"nodes": numbers}],
            "nodes": [{"mesh": i, "name": self.meshes[i]["name"]} for i in numbers],
            "meshes": self.meshes,
            "materials": self.materials,
            "textures": [{"source": 0, "sampler": 0}],
            "samplers": [{"wrapS": 33071, "wrapT": 33071}],
            "images": self.pictures,
            "accessors": self.accessors,
            "bufferViews": self.views,
            "buffers": [{"byteLength": len(self.data)}],
        }
        text = json.dumps(document, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 4)
        size = 12 + 8 + len(text) + 8 + len(self.data)
        head = struct.pack("<4sII", b"glTF", 2, size)
        chunks = struct.pack("<I4s", len(text), b"JSON") + text
        return head + chunks + struct.pack("<I4s", len(self.data), b"BIN\x00") + bytes(self.data)


def _rgba(reflectance: np.ndarray) -> np.ndarray:
    """Colours (n, 4) as bytes: four, so that every vertex begins on a word."""
    counts = np.rint(np.clip(reflectance, 0, 1) * 255).astype(np.uint8)
    return np.column_stack([counts, np.full(len(counts), 255, np.uint8)])
