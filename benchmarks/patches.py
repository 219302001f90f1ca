"""Patches a second and core from a large COG: ours, random windows one by one, and torchgeo's.

    python -m benchmarks.patches [--side 16384] [--torchgeo FOLDER] [-o patches.json]

Makes a deflate COG of three bands of texture (blocks of 512 px, as `geomage` writes them; it says
how well they compress), then in one process, by CPU time: `patch_stream`; the same into a store,
and from it at random; rasterio reading one random window at a time, with the file kept open; and
torchgeo's RasterDataset with RandomGeoSampler, where it can be imported (`--torchgeo` names a
folder where it was installed to). GDAL's block cache has 64 MiB for all: rasters larger than
memory do not fit it, and one that fits would only be measured once it lay there. Each is measured
in turns, three times, and the median is given.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.windows import Window

from geomage.data import PatchParams, PatchStore, patch_source, patch_stream, write_patches
from geomage.geo import Raster, write_cog

SIZE = 256
TURNS = 3
CACHE = 64 * 2**20
TILE = 2048
MARKS = {"patches a second and core": 1500.0, "times torchgeo": 8.0}


def texture(rng: np.random.Generator) -> np.ndarray:
    """(band, y, x) uint8: fields of several scales, roofs with sharp edges, a sensor's noise."""
    grey = np.zeros((TILE, TILE), np.float32)
    for cell, height in ((4, 5), (16, 9), (64, 14), (256, 20)):
        coarse = rng.normal(0, height, (TILE // cell, TILE // cell)).astype(np.float32)
        grey += np.kron(coarse, np.ones((cell, cell), np.float32))
    for row, col in rng.integers(0, TILE - 40, (900, 2)):
        high, wide = rng.integers(12, 40, 2)
        grey[row : row + high, col : col + wide] = rng.normal(0, 45)
    noise = rng.normal(0, 1.2, (3, TILE, TILE)).astype(np.float32)
    tint = np.array([1.0, 0.95, 0.85], np.float32)[:, None, None]
    return np.clip((110 + grey) * tint + noise, 1, 255).astype(np.uint8)


def make_cog(path: Path, side: int) -> float:
    """Write the COG; return its bytes per byte of pixels."""
    rng = np.random.default_rng(0)
    tile = texture(rng)
    many = -(-side // TILE)
    values = np.empty((3, side, side), np.uint8)
    for i in range(many):
        for j in range(many):
            turned = np.rot90(tile, int(rng.integers(4)), (1, 2))
            turned = np.roll(turned, tuple(rng.integers(0, TILE, 2)), (1, 2))
            here = values[:, i * TILE : (i + 1) * TILE, j * TILE : (j + 1) * TILE]
            here[:] = turned[:, : here.shape[1], : here.shape[2]]
    grid = GeoBox((side, side), Affine(0.5, 0, 500_000, 0, -0.5, 5_000_000), "EPSG:32631")
    write_cog(path, Raster(values, grid, 0, ("red", "green", "blue")))
    return path.stat().st_size / values.nbytes


def ours(path: Path, epoch: int) -> Iterator[Any]:
    stream = patch_stream([patch_source({"image": path})], PatchParams(size=SIZE, buffer=256))
    return stream.epoch(epoch)


def one_by_one(path: Path, turn: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(turn)
    with rasterio.open(path) as file:
        while True:
            row, col = rng.integers(0, file.height - SIZE + 1, 2)
            yield file.read(window=Window(int(col), int(row), SIZE, SIZE))


def from_store(path: Path, turn: int) -> Iterator[Any]:
    store, rng = PatchStore(path), np.random.default_rng(turn)
    while True:
        yield store[int(rng.integers(len(store)))]


def import_torchgeo(folder: Path | None) -> Any:
    """Its datasets and samplers, or the error that keeps them away.

    torchvision's wheel of the public index does not load beside the CPU build of torch (operator
    torchvision::nms does not exist). torchgeo needs it for models and pictures, not to read
    rasters, so its operators are declared, empty, and everything else is torchgeo's own code.
    """
    if folder is not None:
        sys.path.append(str(folder.absolute()))
    try:
        import torch  # noqa: PLC0415

        try:
            import torchvision  # noqa: F401, PLC0415
        except RuntimeError:
            for name in [n for n in sys.modules if n.startswith("torchvision")]:
                del sys.modules[name]
            global OPERATORS  # noqa: PLW0603 -- a library of operators lives as long as its object
            OPERATORS = torch.library.Library("torchvision", "FRAGMENT")
            for name in ("nms", "qnms", "roi_align", "roi_pool", "ps_roi_align", "ps_roi_pool"):
                OPERATORS.define(f"{name}(Tensor a, Tensor b, float c) -> Tensor")
            OPERATORS.define("deform_conv2d(Tensor a, Tensor b, float c) -> Tensor")
        import torchgeo  # noqa: PLC0415
        from torchgeo import datasets, samplers  # noqa: PLC0415
    except (ImportError, RuntimeError, OSError) as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"
    return torchgeo.__version__, datasets, samplers


OPERATORS: Any = None


def by_torchgeo(modules: Any, path: Path) -> Iterator[Any]:
    _, datasets, samplers = modules
    data = datasets.RasterDataset(str(path))
    while True:
        for query in samplers.RandomGeoSampler(data, size=SIZE, length=4096):
            yield data[query]


def rate(patches: Iterator[Any], count: int) -> float:
    """Patches per CPU-second; opening and the first plan count, too."""
    start = time.process_time()
    many = sum(1 for _ in islice(patches, count))
    return many / (time.process_time() - start)


def measure(methods: dict[str, tuple[Callable[[int], Iterator[Any]], int]]) -> dict[str, Any]:
    """Each method in turns; median and all of its rates."""
    found: dict[str, list[float]] = {name: [] for name in methods}
    for turn in range(TURNS):
        for name, (method, count) in methods.items():
            found[name].append(rate(method(turn), count))
    return {name: {"median": float(np.median(all_)), "all": [round(one, 1) for one in all_]}
            for name, all_ in found.items()}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=16384)
    parser.add_argument("--patches", type=int, default=1500, help="of ours a turn; others a fifth")
    parser.add_argument("--torchgeo", type=Path, help="folder that torchgeo was installed to")
    parser.add_argument("-o", "--out", type=Path)
    words = parser.parse_args()
    facts: dict[str, Any] = {"side": words.side, "load": os.getloadavg()[0], "marks": MARKS}
    torchgeo = import_torchgeo(words.torchgeo)
    with tempfile.TemporaryDirectory() as place, rasterio.Env(GDAL_CACHEMAX=CACHE):
        cog, store = Path(place) / "image.tif", Path(place) / "image.patches"
        facts["COG bytes a pixel byte"] = make_cog(cog, words.side)
        source = patch_source({"image": cog})
        stream = patch_stream([source], PatchParams(size=SIZE))
        drawn = islice(stream.unmixed(0), words.patches)
        write_patches(store, drawn)
        few = max(50, words.patches // 5)
        methods: dict[str, Any] = {
            "patch_stream": (lambda turn: ours(cog, turn), words.patches),
            "PatchStore": (lambda turn: from_store(store, turn), words.patches),
            "random windows": (lambda turn: one_by_one(cog, turn), few),
        }
        if isinstance(torchgeo, tuple):
            methods["torchgeo"] = (lambda _: by_torchgeo(torchgeo, cog), few)
            facts["torchgeo"] = torchgeo[0]
        else:
            facts["torchgeo"] = f"not imported: {torchgeo}"
        facts["patches a second and core"] = measure(methods)
    report(facts)
    if words.out:
        words.out.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def report(facts: dict[str, Any]) -> None:
    rates = facts["patches a second and core"]
    print(
        f"{facts['side']} x {facts['side']} px, RGB, deflate to "
        f"{facts['COG bytes a pixel byte']:.2f} of its size; others keep {facts['load']:.1f} cores "
        f"busy; torchgeo {facts['torchgeo']}"
    )
    base = rates.get("torchgeo", rates["random windows"])["median"]
    beside = "torchgeo" if "torchgeo" in rates else "random windows"
    print(f"{'':16} patches/s/core   times {beside}")
    for name, found in rates.items():
        print(f"{name:16} {found['median']:14.0f}   {found['median'] / base:6.1f}")


if __name__ == "__main__":
    main()
