"""Run by `blender.py` in a process of its own: `python _blender_worker.py FOLDER`.

Reads corners, quads, albedo and job.json from the folder, renders with Cycles, leaves `picture`.
The pixels of a render result are empty without a window, hence the way over an EXR file.
"""

from __future__ import annotations

import array
import json
import math
import sys
from pathlib import Path
from typing import Any

# The wheel is built against NumPy 1 and complains of NumPy 2. It does without, and so do we.
sys.modules["numpy"] = None  # type: ignore[assignment]

ABOVE_M = 1000.0  # height of the camera


def read(path: Path, kind: str) -> array.array[Any]:
    """All numbers of a file."""
    values: array.array[Any] = array.array(kind)
    values.frombytes(path.read_bytes())
    return values


def build_town(bpy: Any, folder: Path) -> None:
    """Make one mesh, each face with its own albedo, which no colour management touches."""
    corners, quads = read(folder / "corners", "f"), read(folder / "quads", "i")
    mesh = bpy.data.meshes.new("town")
    mesh.vertices.add(len(corners) // 3)
    mesh.vertices.foreach_set("co", corners)
    mesh.loops.add(len(quads))
    mesh.loops.foreach_set("vertex_index", quads)
    mesh.polygons.add(len(quads) // 4)
    mesh.polygons.foreach_set("loop_start", array.array("i", range(0, len(quads), 4)))
    albedo = mesh.attributes.new("albedo", "FLOAT_VECTOR", "FACE")
    albedo.data.foreach_set("vector", read(folder / "albedo", "f"))
    mesh.update()
    mesh.shade_flat()  # tops and walls share corners
    mesh.materials.append(make_matter(bpy))
    bpy.context.scene.collection.objects.link(bpy.data.objects.new("town", mesh))


def make_matter(bpy: Any) -> Any:
    """Lambertian matter of the albedo of each face."""
    matter = bpy.data.materials.new("matter")
    matter.use_nodes = True
    tree = matter.node_tree
    tree.nodes.clear()
    albedo = tree.nodes.new("ShaderNodeAttribute")
    albedo.attribute_name = "albedo"
    diffuse = tree.nodes.new("ShaderNodeBsdfDiffuse")
    out = tree.nodes.new("ShaderNodeOutputMaterial")
    tree.links.new(albedo.outputs["Vector"], diffuse.inputs["Color"])
    tree.links.new(diffuse.outputs["BSDF"], out.inputs["Surface"])
    return matter


def add_light(bpy: Any, job: dict[str, Any]) -> None:
    """Light by a sky of one radiance, and a sun whose strength is irradiance across its light."""
    from mathutils import Vector  # noqa: PLC0415 -- comes with bpy

    scene = bpy.context.scene
    scene.world = bpy.data.worlds.new("sky")
    scene.world.use_nodes = True
    tree = scene.world.node_tree
    tree.nodes.clear()
    sky = tree.nodes.new("ShaderNodeBackground")
    sky.inputs["Color"].default_value = (*job["sky"], 1.0)
    out = tree.nodes.new("ShaderNodeOutputWorld")
    tree.links.new(sky.outputs["Background"], out.inputs["Surface"])
    sun = bpy.data.lights.new("sun", "SUN")
    sun.color, sun.energy = job["sun"], math.pi / job["to_sun"][2]
    sun.angle = math.radians(job["sun_degrees"])
    lamp = bpy.data.objects.new("sun", sun)
    lamp.rotation_mode = "QUATERNION"
    lamp.rotation_quaternion = Vector(job["to_sun"]).to_track_quat("Z", "Y")
    scene.collection.objects.link(lamp)


def add_camera(bpy: Any, job: dict[str, Any]) -> None:
    """Parallel rays through a level image: the camera is sheared, not turned.

    Only the inverse of a parent may hold a shear.
    """
    from mathutils import Matrix  # noqa: PLC0415 -- comes with bpy

    scene = bpy.context.scene
    wide, high = job["columns"] * job["px"], job["rows"] * job["px"]
    east, north = job["lean"]
    lens = bpy.data.cameras.new("camera")
    lens.type, lens.ortho_scale, lens.clip_end = "ORTHO", max(wide, high), 4 * ABOVE_M
    camera, parent = bpy.data.objects.new("camera", lens), bpy.data.objects.new("parent", None)
    camera.parent = parent
    camera.matrix_parent_inverse = Matrix((
        (1, 0, east, wide / 2 + ABOVE_M * east),
        (0, 1, north, high / 2 + ABOVE_M * north),
        (0, 0, 1, ABOVE_M),
        (0, 0, 0, 1),
    ))  # fmt: skip
    for thing in (parent, camera):
        scene.collection.objects.link(thing)
    scene.camera = camera
    scene.render.resolution_x, scene.render.resolution_y = job["columns"], job["rows"]


def set_cycles(scene: Any, job: dict[str, Any]) -> None:
    """Cycles on the CPU, with as many samples everywhere, nothing clamped, denoised."""
    scene.render.engine = "CYCLES"
    cycles = scene.cycles
    cycles.device, cycles.samples, cycles.seed = "CPU", job["samples"], 0
    cycles.use_adaptive_sampling, cycles.use_denoising = False, True
    cycles.denoiser = "OPENIMAGEDENOISE"
    cycles.max_bounces = cycles.diffuse_bounces = job["bounces"]
    cycles.sample_clamp_direct = cycles.sample_clamp_indirect = 0.0
    cycles.pixel_filter_type = "BOX"


def render(bpy: Any, folder: Path) -> None:
    """Render to a linear EXR file, and leave its numbers as `picture`, south to north."""
    out = bpy.context.scene.render
    out.image_settings.file_format, out.image_settings.color_mode = "OPEN_EXR", "RGB"
    out.image_settings.color_depth = "32"
    out.filepath = str(folder / "render.exr")
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(out.filepath)
    image.colorspace_settings.name = "Non-Color"
    values = array.array("f", bytes(4 * image.size[0] * image.size[1] * image.channels))
    image.pixels.foreach_get(values)
    (folder / "picture").write_bytes(values.tobytes())


def main() -> None:
    """Do the job of a folder."""
    import bpy  # noqa: PLC0415 -- here and nowhere else

    folder = Path(sys.argv[1])
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    build_town(bpy, folder)
    add_light(bpy, job)
    add_camera(bpy, job)
    set_cycles(bpy.context.scene, job)
    render(bpy, folder)


if __name__ == "__main__":
    main()
