"""What a country and a planet cost: core-hours, nodes, money, and what breaks first.

    python -m benchmarks.france --mpx-per-core-second 0.64 [--folder /scratch] [-o france.json]
    python -m benchmarks.france --measured throughput.json

Throughput is given: useful pixels a second and core, or a JSON file with `mpx_per_core_second`.
Bandwidth is measured in `--folder`, by one process that writes and reads tiles. The rest follows
from the assumptions below, which the table repeats.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio

TILE = 1024  # px a side that one task writes
HALO = 48  # px a side that it reads around
READS = 2  # of the input: once to survey it, once to run the model
PASSES = 5  # over the tiles: survey, predict, compose, buildings, damage
OUT_BYTES = 3.0  # written a pixel before compression: building, land cover, damage
# A vCPU is half a core: c5.2xlarge, 8 vCPU, on demand, us-east-1, $0.34 an hour (the example
# in the AWS Auto Scaling user guide, "Spot price per unit hour", which has spot at about half).
PRICE_CORE_H = 0.34 / 4
NODE_CORES, NODE_GIB = 64, 256.0
WORKER_GIB = 1.0  # the mark for a process that maps, of any raster
SCHEDULER_TASKS_S = 1000.0  # Dask's manual gives up to 1 ms a task
OBJECT_GET_S = 5500.0  # GET a second and prefix (AWS S3 developer guide)
FILE_SERVER_BYTES_S = 5e9  # a parallel file system of middling size: our assumption
MEASURED = 32  # tiles written and read to measure bandwidth
SEED = 6


@dataclass(frozen=True)
class Job:
    """What is to be mapped."""

    name: str
    pixels: float
    scenes: int
    bytes_px: float
    """Of the input, before compression."""


# SPOT 6/7: 60 x 60 km, pan-sharpened at 1.5 m, four bands of 16 bits: 40,000 px a side, 12.8 GB
# (Airbus, "SPOT 6/7 format delivery", gives 13.5 GB primary, 15.5 GB ortho).
FRANCE = Job("France, 1,300 SPOT scenes", 1300 * (60_000 / 1.5) ** 2, 1300, 8.0)
# Land 148.94 million km2 (CIA World Factbook), Antarctica's 14.2 included; three bytes a pixel.
PLANET = Job("the land of the planet at 0.5 m", 148.94e12 / 0.5**2, 148_940_000 // 400, 3.0)


@dataclass(frozen=True)
class Means:
    """What it is done with."""

    mpx_per_core_s: float
    compression: float
    hours: float
    server_bytes_s: float


def measure_disk(folder: Path) -> dict[str, float]:
    """MB a second of one process, uncompressed, and the ratio of deflate, on tiles of noise."""
    rng = np.random.default_rng(SEED)
    rows = np.cumsum(rng.normal(0, 20, (4, TILE, TILE)), axis=2) + 2000  # like neighbours in images
    pixels = np.clip(rows, 0, 4095).astype(np.uint16)
    profile: dict[str, Any] = {
        "driver": "GTiff", "count": 4, "height": TILE, "width": TILE, "dtype": "uint16",
        "tiled": True, "compress": "deflate", "predictor": 2, "zlevel": 1,
        "crs": "EPSG:2154", "transform": rasterio.Affine(1.5, 0, 7e5, 0, -1.5, 6.6e6),
    }  # fmt: skip
    with tempfile.TemporaryDirectory(dir=folder) as place:
        paths = [Path(place) / f"{n}.tif" for n in range(MEASURED)]
        write_s, size = _timed(lambda path: _write(path, pixels, profile), paths)
        read_s, _ = _timed(_read, paths)
    raw = MEASURED * pixels.nbytes
    return {
        "write_mb_s": raw / write_s / 1e6,
        "read_mb_s": raw / read_s / 1e6,
        "compression": raw / size,
    }


def _timed(do: Any, paths: list[Path]) -> tuple[float, int]:
    start = time.perf_counter()
    for path in paths:
        do(path)
    return time.perf_counter() - start, sum(path.stat().st_size for path in paths)


def _write(path: Path, pixels: np.ndarray, profile: dict[str, Any]) -> None:
    with rasterio.open(path, "w", **profile) as file:
        file.write(pixels)
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)  # read from the disk again


def _read(path: Path) -> None:
    with rasterio.open(path) as file:
        file.read()


def reckon(job: Job, means: Means) -> dict[str, float]:
    """Costs of a job: core-hours, cores and nodes for the hours wanted, money, bytes, tasks."""
    core_s = job.pixels / (means.mpx_per_core_s * 1e6)
    cores = core_s / 3600 / means.hours
    read = READS * job.pixels * job.bytes_px * _recomputed() / means.compression
    return {
        "pixels": job.pixels,
        "core_hours": core_s / 3600,
        "cores": cores,
        "nodes": math.ceil(cores / NODE_CORES),
        "cost_usd": core_s / 3600 * PRICE_CORE_H,
        "read_tb": read / 1e12,
        "write_tb": job.pixels * OUT_BYTES / means.compression / 1e12,
        "tasks": PASSES * job.pixels / TILE**2,
        "tasks_a_scene": PASSES * job.pixels / TILE**2 / job.scenes,
    }


def _recomputed() -> float:
    return (1 + 2 * HALO / TILE) ** 2


def limits(job: Job, means: Means) -> dict[str, float]:
    """Cores at which each part is at its end, for work that keeps all of them busy."""
    px_s = means.mpx_per_core_s * 1e6  # of one core
    moved = (READS * job.bytes_px * _recomputed() + OUT_BYTES) / means.compression
    blocks = (math.ceil((TILE + 2 * HALO) / 512) + 1) ** 2  # of a COG that a tile touches, at most
    return {
        "shared file system": means.server_bytes_s / (px_s * moved),
        "requests to one prefix of an object store": OBJECT_GET_S
        / (px_s / TILE**2 * blocks * READS),
        "one scheduler": SCHEDULER_TASKS_S / (px_s / TILE**2 * PASSES),
    }


def _print(job: Job, means: Means) -> dict[str, Any]:
    costs, ends = reckon(job, means), limits(job, means)
    print(f"\n{job.name}")
    for name, value in costs.items():
        print(f"  {name:14} {value:,.6g}")
    for name, cores in sorted(ends.items(), key=lambda end: end[1]):
        word = "breaks" if cores < costs["cores"] else "holds"
        print(f"  {name}: full at {cores:,.0f} cores; {word} at {costs['cores']:,.0f}")
    print(f"  memory: {NODE_CORES * WORKER_GIB:.0f} of {NODE_GIB:.0f} GiB a node")
    return {"costs": costs, "full_at_cores": ends}


def _throughput(words: argparse.Namespace) -> float:
    if words.mpx_per_core_second:
        return float(words.mpx_per_core_second)
    return float(json.loads(words.measured.read_text(encoding="utf-8"))["mpx_per_core_second"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("--mpx-per-core-second", type=float, help="useful pixels, halo not counted")
    given.add_argument("--measured", type=Path, help="JSON with mpx_per_core_second")
    parser.add_argument("--folder", type=Path, default=Path(), help="where bandwidth is measured")
    parser.add_argument("--hours", type=float, default=24.0, help="in which it is to be done")
    parser.add_argument("--server-gb-s", type=float, default=FILE_SERVER_BYTES_S / 1e9)
    parser.add_argument("-o", "--out", type=Path)
    words = parser.parse_args()
    disk = measure_disk(words.folder)
    means = Means(_throughput(words), disk["compression"], words.hours, words.server_gb_s * 1e9)
    print(f"{means.mpx_per_core_s} Mpx a second and core; done in {means.hours:.0f} h")
    print(
        f"this disk, one process: {disk['write_mb_s']:.0f} MB/s written, {disk['read_mb_s']:.0f} "
        f"read (pixels before deflate, {disk['compression']:.2f} to 1)"
    )
    facts: dict[str, Any] = {"means": asdict(means), "disk": disk}
    facts |= {job.name: _print(job, means) for job in (FRANCE, PLANET)}
    if words.out:
        words.out.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
