"""The stage: a struck city painted on a fine grid as height, matter and truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from affine import Affine
from odc.geo import wh_
from odc.geo.geobox import GeoBox

from geomage.disaster import FAILURES, Event
from geomage.geo import Raster, rasterise
from geomage.render import _kernels as k
from geomage.render.matter import (
    BUILDING,
    DEVELOPED,
    ROAD,
    TREE,
    WATER,
    Appearance,
    ground_row,
    leaf_colour,
)

__all__ = ["Noise", "Stage", "paint", "stage_box", "stage_noise"]

_FORMS = {"flat": k.FLAT, "gable": k.GABLE, "hip": k.HIP, "shed": k.SHED}
_MATERIALS = {
    "shingle": k.SHINGLE,
    "tile": k.TILE,
    "metal": k.METAL,
    "membrane": k.MEMBRANE,
    "concrete": k.CONCRETE,
    "gravel": k.GRAVEL,
    "thatch": k.THATCH,
}
_SURFACES = {
    "asphalt": [(0.115, 0.115, 0.115), (0.16, 0.16, 0.155), (0.20, 0.195, 0.185)],
    "concrete": [(0.36, 0.35, 0.32), (0.42, 0.40, 0.37)],
    "dirt": [(0.30, 0.24, 0.17), (0.40, 0.35, 0.28)],
    "gravel": [(0.38, 0.36, 0.32), (0.46, 0.43, 0.38)],
    "ballast": [(0.20, 0.175, 0.16)],
}
_STEEL = np.array([0.25, 0.22, 0.20])
_PAINT = np.array([0.55, 0.54, 0.50])
_RUBBLE = np.array(
    [
        (0.42, 0.36, 0.28),
        (0.55, 0.52, 0.48),
        (0.33, 0.27, 0.20),
        (0.30, 0.18, 0.13),
        (0.62, 0.60, 0.58),
        (0.22, 0.19, 0.16),
        (0.48, 0.40, 0.36),
        (0.15, 0.14, 0.13),
        (0.40, 0.38, 0.36),
    ]
)
_TARP = ((0.06, 0.16, 0.48), (0.06, 0.16, 0.48), (0.10, 0.22, 0.50), (0.55, 0.56, 0.58))


@dataclass(frozen=True)
class Noise:
    """Smooth noise at four scales, (y, x) in 0..1; one set for both dates of a place."""

    fine: np.ndarray
    mid: np.ndarray
    coarse: np.ndarray
    broad: np.ndarray
    loss: np.ndarray


@dataclass(frozen=True)
class Stage:
    """What light falls on. Arrays (y, x) on `box` unless said otherwise.

    ground: terrain, metres; height: above it; albedo (3, y, x); cover: land cover class;
    ids: building on top; footprint: building below whatever grows over it; wall: brightness by id.
    """

    box: GeoBox
    ground: np.ndarray
    height: np.ndarray
    albedo: np.ndarray
    cover: np.ndarray
    ids: np.ndarray
    footprint: np.ndarray
    water: np.ndarray
    changed: np.ndarray
    wall: np.ndarray


def stage_box(centre: tuple[float, float], size_m: float, px: float, crs: object) -> GeoBox:
    """Square grid of `px` metres around a centre in projected coordinates."""
    n = round(size_m / px)
    affine = Affine(px, 0, centre[0] - n * px / 2, 0, -px, centre[1] + n * px / 2)
    return GeoBox(wh_(n, n), affine, crs)


def stage_noise(box: GeoBox, seed: int) -> Noise:
    """Draw the noise of a place."""
    (ny, nx), px = box.shape, box.affine.a
    cells = (1.0, max(1.3 / px, 1.5), 5.0 / px, 25.0 / px, 2.6 / px)
    return Noise(*(k.value_noise(ny, nx, c, seed * 7 + i) for i, c in enumerate(cells)))


def _local(box: GeoBox) -> tuple[float, float, float, int, int]:
    ny, nx = box.shape
    a = box.affine
    return a.c, a.f + ny * a.e, a.a, ny, nx


def _onto(raster: Raster, box: GeoBox) -> np.ndarray:
    """Sample a coarse raster bilinearly at the stage's pixels (y, x)."""
    column, row = ~raster.box.affine * (box.affine * (0.5, 0.5))
    step = box.affine.a / raster.box.affine.a
    out = np.empty(tuple(box.shape), np.float32)
    k.bilinear(raster.values[0].astype(np.float32), row - 0.5, column - 0.5, step, out)
    return out


def paint(event: Event, box: GeoBox, when: Appearance, noise: Noise, *, after: bool) -> Stage:
    """Paint one date of an event on a grid in the city's CRS.

    Args:
        event: the struck city.
        box: square pixels, north up.
        when: the date's looks.
        noise: of the place; the same for both dates.
        after: whether the disaster has struck.
    """
    city = event.city
    x0, y0, px, ny, nx = _local(box)
    here = shapely.box(x0 - 30, y0 - 30, x0 + nx * px + 30, y0 + ny * px + 30)
    rng = np.random.default_rng([when.traffic, 11])
    albedo = np.zeros((3, ny, nx), np.float32)
    height = np.zeros((ny, nx), np.float32)
    cover = np.zeros((ny, nx), np.uint8)
    ids = np.zeros((ny, nx), np.int32)
    crown = np.zeros((ny, nx), np.uint8)
    table, index = _ground(event, box, when)
    k.paint_ground(
        index, table, noise.fine, noise.mid, noise.coarse, noise.broad, px, albedo, cover
    )
    _scar_ground(event, box, noise, height, albedo, after=after)
    wings, state, burnt = _roofs(event, box, when, here, after=after)
    k.paint_roofs(
        wings,
        state,
        burnt,
        px,
        ny,
        height,
        albedo,
        ids,
        noise.fine,
        noise.mid,
        noise.coarse,
        noise.loss,
    )
    _things(event, box, rng, height, albedo, ids, cover, when, here, after=after)
    changed = np.zeros((ny, nx), np.uint8)
    if after:
        changed |= _throw_debris(event, box, height, albedo, ids)
        _tarps(event, box, wings, height, albedo, ids)
    footprint = ids.copy()
    _grow_trees(event, box, when, noise, here, height, albedo, crown, cover, after=after)
    ids = np.where(crown > 0, 0, ids).astype(np.int32)
    water = (cover == WATER).astype(np.uint8)
    if after and "water_depth" in event.rasters:
        _flood(event, box, noise, height, ids, crown, albedo, cover, water)
    changed |= _changed(event, box, after=after)
    cover = np.where(crown > 0, TREE, np.where(ids > 0, BUILDING, cover)).astype(np.uint8)
    return Stage(
        box,
        _onto(city.dtm, box),
        height,
        albedo,
        cover,
        ids,
        footprint,
        water,
        changed,
        _walls(event),
    )


def _walls(event: Event) -> np.ndarray:
    b = event.city.buildings
    tone = np.full(int(b["building_id"].to_numpy().max(initial=0)) + 1, 0.4, np.float32)
    tone[b["building_id"].to_numpy()] = b["wall"].to_numpy(np.float32)
    return tone


def _ground(event: Event, box: GeoBox, when: Appearance) -> tuple[np.ndarray, np.ndarray]:
    """Ground table (n, 14) and index (y, x)."""
    city = event.city
    land = city.land
    rows = [ground_row("meadow", np.array([0.1, 0.11, 0.05]), 0, 0, when)]
    colour = land[["red", "green", "blue"]].to_numpy()
    angle, pitch = np.radians(land["angle"].to_numpy()), land["pitch"].to_numpy()
    rows += [
        ground_row(kd, c, a, p, when)
        for kd, c, a, p in zip(land["kind"], colour, angle, pitch, strict=True)
    ]
    layers = land["layer"].to_numpy()
    low = [(g, i + 1) for i, g in enumerate(land.geometry) if layers[i] < 5]
    high = [(g, i + 1) for i, g in enumerate(land.geometry) if layers[i] >= 5]
    order = low
    lines: list[tuple[object, int]] = []
    order += _add_water(event, rows, when)
    order += _add_streets(event, rows, lines, when)
    rows += [ground_row("line", _PAINT, 0, 0, when), ground_row("line", _STEEL, 0, 0, when)]
    order += high + [(g, len(rows) - (1 if steel else 2)) for g, steel in lines]
    index = _burn(order, box)
    return np.array(rows, np.float32), index


def _burn(order: list[tuple[object, int]], box: GeoBox) -> np.ndarray:
    import geopandas as gpd  # noqa: PLC0415

    frame = gpd.GeoDataFrame(
        {"row": [i for _, i in order]},
        geometry=[g for g, _ in order],
        crs=box.crs and box.crs.to_wkt(),
    )
    return rasterise(frame, box, column="row", dtype="int32")


def _add_water(event: Event, rows: list[np.ndarray], when: Appearance) -> list[tuple[object, int]]:
    water = event.city.water
    order = []
    for shape, colour in zip(
        water.geometry, water[["red", "green", "blue"]].to_numpy(), strict=True
    ):
        order.append((shape, len(rows)))
        rows.append(ground_row("water", colour, 0, 0, when))
    return order


def _add_streets(
    event: Event, rows: list[np.ndarray], lines: list[tuple[object, int]], when: Appearance
) -> list[tuple[object, int]]:
    """Carriageways with their markings; rails with their steel."""
    order = []
    rng = np.random.default_rng([event.city.params.seed, 13])
    tones = {
        s: np.array(c[rng.integers(len(c))]) * rng.normal(1, 0.1) for s, c in _SURFACES.items()
    }
    for line, kind, surface, width in event.city.streets[
        ["geometry", "kind", "surface", "width"]
    ].itertuples(index=False):
        tone = np.clip(tones[surface] * rng.normal(1, 0.07), 0.03, 0.7)
        row = ground_row({"ballast": "ballast"}.get(surface, "asphalt"), tone, 0, 0, when)
        row[13] = DEVELOPED if kind == "rail" else ROAD
        order.append((line.buffer(width / 2, quad_segs=4), len(rows)))
        rows.append(row)
        if kind == "rail":
            lines += [(line.offset_curve(s * 0.72).buffer(0.09), 1) for s in (-1, 1)]
        elif surface == "asphalt" and (kind == "primary" or rng.random() < 0.35) and width > 5.5:
            lines += _markings(line, width, dashed=kind == "primary" or bool(rng.random() < 0.5))
    return order


def _markings(line: shapely.LineString, width: float, *, dashed: bool) -> list[tuple[object, int]]:
    out: list[tuple[object, int]] = []
    lanes = [0.0] if width < 11 else [-width / 4, 0.0, width / 4]
    for offset in lanes:
        path = line.offset_curve(offset) if offset else line
        if path.is_empty or path.geom_type != "LineString":
            continue
        if dashed and (offset != 0 or len(lanes) == 1):
            starts = np.arange(0, max(path.length - 3, 0), 9.0)
            ends = [shapely.line_interpolate_point(path, starts + d) for d in (0.0, 3.0)]
            pairs = np.stack([shapely.get_coordinates(e) for e in ends], 1)
            dashes = shapely.MultiLineString(list(pairs))
            out.append((dashes.buffer(0.09, cap_style="flat"), 0))
        else:
            out.append((path.buffer(0.1, cap_style="flat"), 0))
    return out


def _scar_ground(
    event: Event, box: GeoBox, noise: Noise, height: np.ndarray, albedo: np.ndarray, *, after: bool
) -> None:
    """Mud and ash over the ground, before anything stands on it."""
    if not after:
        return
    for name, colour in (
        ("mud", (0.24, 0.19, 0.14)),
        ("burn", (0.045, 0.042, 0.040)),
        ("debris", (0.27, 0.235, 0.19)),
    ):
        if name in event.rasters:
            amount = _onto(event.rasters[name], box)
            k.stain(
                amount * (0.7 if name == "debris" else 1.0),
                noise.fine,
                noise.mid,
                noise.coarse,
                *colour,
                height,
                0.5,
                albedo,
            )


def _roofs(
    event: Event, box: GeoBox, when: Appearance, here: shapely.Geometry, *, after: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Wings (n, 17), their state (n, 6) and the burnt-in index of wings that are no boxes."""
    city = event.city
    x0, y0, _, ny, nx = _local(box)
    near = shapely.intersects(city.roofs.geometry.to_numpy(), here)
    roofs = city.roofs[near].sort_values("ridge", kind="stable")
    look = city.buildings.set_index("building_id").loc[roofs["building_id"]]
    centre = shapely.get_coordinates(
        shapely.centroid(shapely.minimum_rotated_rectangle(roofs.geometry.to_numpy()))
    ).reshape(-1, 2)
    angle = np.radians(roofs["angle"].to_numpy())
    colour = _recoloured(
        event, look.index.to_numpy(), look[["red", "green", "blue"]].to_numpy(), when
    )
    columns = [
        centre[:, 0] - x0,
        centre[:, 1] - y0,
        np.cos(angle),
        np.sin(angle),
        roofs["length"],
        roofs["width"],
        roofs["eave"],
        roofs["ridge"],
        roofs["form"].map(_FORMS),
        look["material"].map(_MATERIALS),
        colour[:, 0],
        colour[:, 1],
        colour[:, 2],
        roofs["building_id"],
        (look.index.to_numpy() * 7919) % 60,
        roofs["boxed"],
        np.arange(len(roofs)),
    ]
    wings = (
        np.stack([np.asarray(c, np.float64) for c in columns], 1)
        if len(roofs)
        else np.empty((0, 17))
    )
    state = np.tile([0.0, 0, 0, 1, 0, 1], (len(roofs), 1))
    if after and len(roofs):
        struck = event.buildings.set_index("building_id").loc[roofs["building_id"]]
        side = np.radians(struck["side"].to_numpy())
        code = struck["failure"].map({n: i for i, n in enumerate(FAILURES)}).to_numpy(float)
        state = np.stack(
            [code, struck["lost"], struck["rubble"], np.cos(side), np.sin(side), struck["sink"]], 1
        ).astype(float)
    free = [
        (g, i + 1)
        for i, (g, b) in enumerate(zip(roofs.geometry, roofs["boxed"], strict=True))
        if not b
    ]
    burnt = _burn(free, box) if free else np.zeros((ny, nx), np.int32)
    return wings, state, burnt


def _recoloured(event: Event, ids: np.ndarray, colour: np.ndarray, when: Appearance) -> np.ndarray:
    """Roofs at a second date: aged a little, a few renewed."""
    if when.ageing <= 0 and when.renewed <= 0:
        return colour
    n = int(event.city.buildings["building_id"].to_numpy().max(initial=0)) + 1
    rng = np.random.default_rng([when.traffic, 17])
    gain = rng.normal(1, when.ageing, (n, 1)) * rng.normal(1, when.ageing / 3, (n, 3))
    fresh = np.where(
        rng.random((n, 1)) < when.renewed,
        rng.uniform(0.08, 0.7, (n, 1)) * rng.normal(1, 0.12, (n, 3)),
        0,
    )
    return np.asarray(np.clip(np.where(fresh[ids] > 0, fresh[ids], colour * gain[ids]), 0.02, 0.92))


def _boxes(layer: object, x0: float, y0: float, lift: np.ndarray | float = 0.0) -> np.ndarray:
    g = layer.geometry  # type: ignore[attr-defined]
    a = np.radians(layer["angle"].to_numpy())  # type: ignore[index]
    cols = [
        g.x - x0,
        g.y - y0,
        np.cos(a),
        np.sin(a),
        *(layer[c] for c in ("length", "width", "height", "red", "green", "blue")),
    ]  # type: ignore[index]
    return (
        np.stack([np.asarray(c, np.float64) for c in cols], 1) + lift
        if len(g)
        else np.empty((0, 10))
    )


def _things(
    event: Event,
    box: GeoBox,
    rng: np.random.Generator,
    height: np.ndarray,
    albedo: np.ndarray,
    ids: np.ndarray,
    cover: np.ndarray,
    when: Appearance,
    here: shapely.Geometry,
    *,
    after: bool,
) -> None:  # noqa: ARG001
    """Roof equipment, yard objects, vehicles; vehicles are others at each date."""
    x0, y0, px, ny, _ = _local(box)
    city = event.city
    things = city.objects
    roof = things["on_roof"].to_numpy() > 0 if len(things) else np.zeros(0, bool)
    upper = _boxes(things[roof], x0, y0)
    if after and len(upper):
        upper = upper[_on_whole_roof(event, things[roof])]
    k.paint_boxes(upper, px, ny, height, albedo, True, ids, cover, 0)
    k.paint_boxes(_boxes(things[~roof], x0, y0), px, ny, height, albedo, False, ids, cover, 0)
    cars = _boxes(city.vehicles, x0, y0)
    if len(cars):
        kept = rng.random(len(cars)) < rng.uniform(0.35, 1.0)
        cars[:, :2] += rng.normal(0, 0.5, (len(cars), 2))
        cars[:, 7:] = cars[rng.permutation(len(cars)), 7:]
        k.paint_boxes(cars[kept], px, ny, height, albedo, False, ids, cover, 1)


def _on_whole_roof(event: Event, things: object) -> np.ndarray:
    """Which roof objects stand on buildings that did not fail."""
    failed = event.buildings[event.buildings["failure"] != "intact"]
    if not len(failed):
        return np.ones(len(things), bool)  # type: ignore[arg-type]
    tree = shapely.STRtree(failed.geometry.to_numpy())
    hit = tree.query(things.geometry.to_numpy(), predicate="intersects")[0]  # type: ignore[attr-defined]
    keep = np.ones(len(things), bool)  # type: ignore[arg-type]
    keep[hit] = False
    return keep


def _throw_debris(
    event: Event, box: GeoBox, height: np.ndarray, albedo: np.ndarray, ids: np.ndarray
) -> np.ndarray:
    """Boards and blocks around what broke; returns where there are many (y, x)."""
    if "debris" not in event.rasters:
        return np.zeros(height.shape, np.uint8)
    density = _onto(event.rasters["debris"], box)
    if not (density > 0.02).any():
        return np.zeros(height.shape, np.uint8)
    px = box.affine.a
    wind = event.kind == "storm"
    count = int(density.size * px * px * (2.2 if wind else 1.6))
    rng = np.random.default_rng([event.city.params.seed, 19])
    palette = _RUBBLE[rng.choice(len(_RUBBLE), 6, replace=False)]
    k.scatter_debris(
        density,
        count,
        px,
        event.city.params.seed + 23,
        palette,
        height,
        albedo,
        ids,
        2.6 if wind else 1.8,
        0.35 if wind else 0.12,
    )
    return (density > 0.25).astype(np.uint8)


def _tarps(
    event: Event,
    box: GeoBox,
    wings: np.ndarray,
    height: np.ndarray,
    albedo: np.ndarray,
    ids: np.ndarray,
) -> None:
    """Sheets over roofs that lost their cover."""
    covered = set(event.buildings.loc[event.buildings["tarp"] > 0, "building_id"])
    rows = []
    rng = np.random.default_rng([event.city.params.seed, 29])
    for w in wings:
        if int(w[13]) in covered:
            colour = _TARP[rng.integers(len(_TARP))]
            side = rng.choice([-1, 1]) * w[5] * 0.22
            share = rng.uniform(0.3, 0.9)
            rows.append(
                [
                    w[0] - w[3] * side,
                    w[1] + w[2] * side,
                    w[2],
                    w[3],
                    w[4] * share,
                    w[5] * rng.uniform(0.3, 0.5),
                    w[13],
                    *colour,
                ]
            )
    if rows:
        k.paint_tarps(np.array(rows, float), box.affine.a, box.shape[0], height, albedo, ids)


def _grow_trees(
    event: Event,
    box: GeoBox,
    when: Appearance,
    noise: Noise,
    here: shapely.Geometry,
    height: np.ndarray,
    albedo: np.ndarray,
    crown: np.ndarray,
    cover: np.ndarray,
    *,
    after: bool,
) -> None:
    x0, y0, px, ny, nx = _local(box)
    trees = event.city.trees
    if not len(trees):
        return
    x, y = trees.geometry.x.to_numpy(), trees.geometry.y.to_numpy()
    west, south, east, north = here.bounds
    near = (x > west) & (x < east) & (y > south) & (y < north)
    row = np.clip(ny - (y - y0) / px, 0, ny - 1).astype(int)
    near &= cover[row, np.clip((x - x0) / px, 0, nx - 1).astype(int)] != WATER
    colour, leaf, twig = leaf_colour(
        trees[["red", "green", "blue"]].to_numpy(), trees["evergreen"].to_numpy(), when
    )
    tall = trees["height"].to_numpy()
    if after:
        scorched = event.trees["scorched"].to_numpy()[:, None]
        colour = colour * (1 - scorched) + np.array([0.075, 0.055, 0.04]) * scorched
        leaf = np.clip(leaf * (1 - 0.6 * scorched[:, 0]), 0.25, 1)
        near = near & (event.trees["standing"].to_numpy() > 0.5)
    rows = np.stack([x - x0, y - y0, trees["radius"].to_numpy(), tall, leaf, twig, *colour.T], 1)[
        near
    ]
    k.paint_trees(
        rows.astype(np.float64),
        px,
        ny,
        height,
        albedo,
        crown,
        noise.fine,
        noise.mid,
        event.city.params.seed + 31,
    )


def _flood(
    event: Event,
    box: GeoBox,
    noise: Noise,
    height: np.ndarray,
    ids: np.ndarray,
    crown: np.ndarray,
    albedo: np.ndarray,
    cover: np.ndarray,
    water: np.ndarray,
) -> None:
    depth = _onto(event.rasters["water_depth"], box)
    rng = np.random.default_rng([event.city.params.seed, 37])
    tones = np.array(
        [
            (0.15, 0.12, 0.08),
            (0.10, 0.085, 0.06),
            (0.035, 0.04, 0.035),
            (0.05, 0.055, 0.04),
            (0.19, 0.15, 0.10),
            (0.02, 0.028, 0.028),
        ]
    )
    r, g, b = tones[rng.integers(len(tones))] * rng.normal(1, 0.12)
    k.flood_water(depth, height, ids, crown, r, g, b, noise.mid, noise.broad, albedo, cover, water)


def _changed(event: Event, box: GeoBox, *, after: bool) -> np.ndarray:
    """Where the hazard changed the ground itself (y, x)."""
    out = np.zeros(tuple(box.shape), np.uint8)
    if after:
        for name, least in (("water_depth", 0.1), ("burn", 0.3), ("mud", 0.4)):
            if name in event.rasters:
                out |= (_onto(event.rasters[name], box) > least).astype(np.uint8)
    return out
