"""A city as binary glTF: parsed back chunk by chunk, every number within what it says."""

from __future__ import annotations

import io
import json
import struct

import numpy as np
import pytest
import shapely
from PIL import Image

from geomage.errors import InputError, OutputError
from geomage.world.export import export_city, writer_for
from geomage.world.gltf import glb_bytes
from geomage.world.meshes import city_meshes, triangulate
from geomage.world.roofs import Roof, prism, roof_solid
from towns import plain_town, town

TYPES = {5126: "<f4", 5125: "<u4", 5121: "u1"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}


def parsed(raw: bytes) -> tuple[dict, bytes]:
    magic, version, size = struct.unpack_from("<4sII", raw)
    assert (magic, version, size) == (b"glTF", 2, len(raw))
    length, kind = struct.unpack_from("<I4s", raw, 12)
    assert kind == b"JSON"
    assert length % 4 == 0
    document = json.loads(raw[20 : 20 + length])
    rest, kind = struct.unpack_from("<I4s", raw, 20 + length)
    assert kind == b"BIN\x00"
    data = raw[28 + length :]
    assert len(data) == rest == document["buffers"][0]["byteLength"]
    return document, data


def values(document: dict, data: bytes, number: int) -> np.ndarray:
    accessor = document["accessors"][number]
    view = document["bufferViews"][accessor["bufferView"]]
    assert view["byteOffset"] % 4 == 0
    raw = data[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
    width = WIDTHS[accessor["type"]]
    return np.frombuffer(raw, TYPES[accessor["componentType"]]).reshape(accessor["count"], width)


@pytest.fixture(scope="module")
def city():
    return town("suburb", 0)


@pytest.fixture(scope="module")
def book(city):
    return parsed(glb_bytes(city))


def meshes(book):
    document, data = book
    for mesh in document["meshes"]:
        (part,) = mesh["primitives"]
        read = {name: values(document, data, i) for name, i in part["attributes"].items()}
        yield mesh["name"], read, values(document, data, part["indices"])[:, 0], part


def test_every_kind_has_one_mesh_and_every_index_its_vertex(book):
    found = {name for name, *_ in meshes(book)}
    assert {"terrain", "streets", "roofs", "walls", "trees"} <= found
    for name, read, indices, _ in meshes(book):
        assert len(indices) % 3 == 0, name
        assert indices.max() == len(read["POSITION"]) - 1, name
        assert len({len(v) for v in read.values()}) == 1, name


def test_bounds_are_stated_as_they_are(book):
    document, _ = book
    for _, read, _, part in meshes(book):
        accessor = document["accessors"][part["attributes"]["POSITION"]]
        assert accessor["min"] == read["POSITION"].min(0).tolist()
        assert accessor["max"] == read["POSITION"].max(0).tolist()


def test_axes_are_east_up_south_from_the_stated_origin(city, book):
    document, _ = book
    extras = document["asset"]["extras"]
    assert extras["crs"] == "EPSG:32631"
    assert extras["origin"][:2] == [500_000.0, 5_400_000.0]
    places = {name: read["POSITION"] for name, read, *_ in meshes(book)}
    assert places["terrain"][:, 0].min() == 0
    assert places["terrain"][:, 0].max() == pytest.approx(128)
    assert places["terrain"][:, 2].min() == pytest.approx(-128)
    assert places["terrain"][:, 1].min() >= 0
    top = places["roofs"][:, 1].max() + extras["origin"][2]
    assert top > city.dtm.values.mean() + city.buildings["height"].max() - 3


def test_roofs_look_up_and_terrain_too(book):
    for name, read, indices, _ in meshes(book):
        if name in {"walls", "trees"}:
            continue
        a, b, c = (read["POSITION"][indices[i::3]].astype(float) for i in range(3))
        assert (np.cross(b - a, c - a)[:, 1] > -1e-6).all(), name


def test_colours_are_the_reflectances_of_the_layers(city, book):
    read = {name: r for name, r, *_ in meshes(book)}
    tint = read["roofs"]["COLOR_0"][:, :3] / 255
    known = city.buildings[["red", "green", "blue"]].to_numpy()
    assert np.abs(tint[:, None] - known).max(2).min(1).max() < 0.003
    assert (read["roofs"]["COLOR_0"][:, 3] == 255).all()


def test_the_ground_carries_a_picture_with_north_above(book):
    document, data = book
    view = document["bufferViews"][document["images"][0]["bufferView"]]
    raw = data[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
    assert Image.open(io.BytesIO(raw)).size == (512, 512)
    terrain = next(read for name, read, *_ in meshes(book) if name == "terrain")
    north = terrain["POSITION"][:, 2] == terrain["POSITION"][:, 2].min()
    assert (terrain["TEXCOORD_0"][north, 1] == 0).all()


def test_triangles_cover_their_faces():
    for solid in (roof_solid(Roof("sawtooth", 30.0, 12.0, 5.0, 7.0)),
                  prism(town("centre", 0).blocks.geometry.iloc[0], 4.0)):  # fmt: skip
        for face in solid.faces:
            corners = solid.vertices
            whole = sum(area(corners[[*ring]]) for ring in face)
            cut = [corners[[*t]] for t in triangulate(corners, face)]
            assert np.allclose(sum(area(t) for t in cut), whole)
            assert all(area(t) @ whole > 0 for t in cut)


def area(ring: np.ndarray) -> np.ndarray:
    return np.cross(ring - ring[0], np.roll(ring, -1, 0) - ring[0]).sum(0) / 2


def test_a_bare_town_has_fewer_meshes_and_the_same_bytes_twice():
    bare = plain_town()
    document, _ = parsed(glb_bytes(bare))
    assert [m["name"] for m in document["meshes"]] == ["terrain", "roofs", "walls"]
    assert glb_bytes(bare) == glb_bytes(bare)
    assert {mesh.name for mesh in city_meshes(bare)} > {"terrain", "trees"}


def test_the_suffix_decides(tmp_path):
    city = plain_town()
    for name, start in (("a.glb", b"glTF"), ("b.city.json", b'{"type":"CityJSON"')):
        assert export_city(city, tmp_path / name).read_bytes().startswith(start)
    assert {f.name for f in tmp_path.iterdir()} == {"a.glb", "b.city.json"}
    for wrong in ("town.obj", "town.json", "town", ".glb"):
        with pytest.raises(InputError, match=r"\.glb or \.city\.json"):
            writer_for(tmp_path / wrong)
    with pytest.raises(OutputError):
        export_city(city, tmp_path / "nowhere" / "a.glb")


def test_a_face_that_touches_itself_is_cut_all_the_same():
    ring = [(0, 0), (4, 0), (4, 4), (2, 0), (0, 4)]  # its notch comes down onto its base
    vertices = np.array([(x, y, 0.0) for x, y in ring])
    found = triangulate(vertices, [range(len(ring))])
    area = sum(shapely.Polygon(vertices[[*three], :2]).area for three in found)
    assert area == pytest.approx(8.0)
