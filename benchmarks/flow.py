"""What flowing water costs, beside landlab's OverlandFlow, and how near the known waves it comes.

    python -m benchmarks.flow [--side 400] [--large 5000] [--minutes 3] [-o flow.json]
    python -m benchmarks.flow --record tests/data/oracles/overland_flow.json

The first runs both on one grid, one after the other in one process, and prints cell updates a
CPU-second; then 100 km2 at 2 m (25 million cells) in a process of its own, with its peak of memory;
then the waves of Hunter et al. (2005) and Ritter (1892). The second writes what landlab gives on a
small grid, which a test compares with. landlab (MIT) is no dependency: `pip install landlab` beside
geomage, or anywhere for the second, which needs nothing of geomage.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

ALPHA, THETA, N, CELL_M = 0.5, 0.8, 0.03, 2.0


def terrain(shape: tuple[int, int], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rough ground, and water over all of it, deeper on one side."""
    rng = np.random.default_rng(seed)
    z = 0.3 * rng.random(shape)
    x = np.linspace(0, 1, shape[1])
    return z, np.broadcast_to(1.2 - 0.6 * x, shape) - z


def landlab_flow(
    z: np.ndarray, depth: np.ndarray, theta: float, *, limits: bool = False
) -> tuple[Any, Any]:
    """OverlandFlow over a grid whose borders are walls, and the grid.

    limits: hold fluxes under a Froude number of 1 and within the water there is, as ours always are
        (`steep_slopes`).
    """
    from landlab import RasterModelGrid  # noqa: PLC0415 -- only where it is asked for
    from landlab.components import OverlandFlow  # noqa: PLC0415

    grid = RasterModelGrid((z.shape[0] + 2, z.shape[1] + 2), xy_spacing=CELL_M)
    grid.set_closed_boundaries_at_grid_edges(*[True] * 4)
    grid.add_field("topographic__elevation", np.pad(z, 1, "edge").ravel(), at="node")
    grid.add_field("surface_water__depth", np.pad(depth, 1).ravel(), at="node")
    water = OverlandFlow(
        grid, h_init=1e-6, alpha=ALPHA, theta=theta, mannings_n=N, steep_slopes=limits
    )
    return water, grid


def rates(side: int, wet: float, *, limits: bool, advection: bool) -> dict[str, float]:
    """Cells of the grid times steps, a CPU-second, of both on one grid in this process."""
    from geomage.disaster.shallow import Basin, Scheme, run  # noqa: PLC0415

    z, depth = terrain((side, side))
    dry = np.arange(side) >= round(wet * side)
    z[:, dry], depth[:, dry] = 3.0, 0.0
    basin, scheme = Basin(z, CELL_M, N, depth=depth), Scheme(ALPHA, THETA, advection=advection)
    run(basin, 1.0, scheme)  # compiles
    found = {}
    started, steps = time.process_time(), 0
    while time.process_time() - started < 6:
        steps += run(basin, 300.0, scheme).steps
    found["geomage"] = steps * side**2 / (time.process_time() - started)
    try:
        water, _ = landlab_flow(z, depth, THETA, limits=limits)
    except ImportError:
        return found
    water.run_one_step()
    started, steps = time.process_time(), 0
    while time.process_time() - started < 6:
        water.run_one_step()
        steps += 1
    found["landlab"] = steps * side**2 / (time.process_time() - started)
    return found | {"ratio": found["geomage"] / found["landlab"]}


CASES = {  # name: (share under water, landlab's limits, our advection, threads of landlab)
    "all wet, one thread": (1.0, False, False, 1),
    "all wet, one thread, limits": (1.0, True, False, 1),
    "all wet, threads as installed, limits": (1.0, True, False, 0),
    "a fifth wet, one thread, limits": (0.2, True, False, 1),
    "all wet, one thread, ours with advection": (1.0, False, True, 1),
}


def side_by_side(side: int) -> dict[str, Any]:
    """Each case in a process of its own, because OpenMP takes its threads when it starts."""
    print(f"{side} x {side} cells; million cells x steps a CPU-second")
    print(f"{'':40s} {'geomage':>8} {'landlab':>8} {'times':>6}")
    found = {}
    for name, (*_, threads) in CASES.items():
        settings = {**os.environ, "OMP_NUM_THREADS": str(threads or os.cpu_count())}
        command = ["-m", "benchmarks.flow", "--case", name, "--side", str(side)]
        answer = subprocess.run(  # noqa: S603
            [sys.executable, *command], check=True, capture_output=True, text=True, env=settings
        )
        found[name] = r = json.loads(answer.stdout.splitlines()[-1])
        if "landlab" in r:
            row = f"{r['geomage'] / 1e6:8.1f} {r['landlab'] / 1e6:8.1f} {r['ratio']:6.1f}"
        else:
            row = f"{r['geomage'] / 1e6:8.1f} {'-':>8}"
        print(f"{name:40s} {row}", flush=True)
    if not any("landlab" in r for r in found.values()):
        print("landlab is not installed here: `pip install landlab` to see it beside geomage")
    return found


def large(side: int, minutes: float) -> dict[str, Any]:
    """A dam breaks at the edge of a large town: wall time and peak memory of this process."""
    from geomage.disaster.shallow import Basin, Scheme, Series, run  # noqa: PLC0415

    rng = np.random.default_rng(0)
    coarse = rng.random((side // 50 + 2, side // 50 + 2)).astype(np.float32)
    z = np.kron(coarse, np.ones((50, 50), np.float32))[:side, :side] * 2
    z += np.linspace(0, 10, side, dtype=np.float32)[None]
    blocked = rng.random((side, side), dtype=np.float32) < 0.15
    tide = Series((0.0, 120.0), (4.0, 8.0))
    basin = Basin(z, CELL_M, 0.035, blocked, {"west": "level"}, tide)
    run(Basin(z[:64, :64], CELL_M, 0.035), 1.0)
    started, cpu = time.monotonic(), time.process_time()
    flow = run(basin, 60 * minutes, Scheme())
    return {
        "cells": side**2,
        "km2": (side * CELL_M) ** 2 / 1e6,
        "minutes": minutes,
        "steps": flow.steps,
        "share_worked_on": flow.updates / (flow.steps * side**2),
        "wet_share": float((flow.depth > 0).mean()),
        "wall_s": time.monotonic() - started,
        "updates_a_cpu_second": flow.updates / (time.process_time() - cpu),
        "water_lost": abs(flow.end - flow.start - flow.through) / flow.end,
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def hunter(u: float, dx: float, *, advection: bool) -> float:
    """RMSE of a front over level dry ground at speed u after 3.6 km, over the depth at its back.

    The known wave needs advection to cancel the local inertia. With local inertia alone the scheme
    converges to a wave of its own, with a tip some 80 m behind at 1 m/s, so that the error rises
    again in small cells whatever theta, alpha and Froude limit. At 0.25 m/s inertia hardly matters.
    """
    from geomage.disaster.shallow import Basin, Scheme, Series, run  # noqa: PLC0415

    def depth(x: np.ndarray | float, t: np.ndarray | float) -> np.ndarray:
        return np.asarray((7 / 3 * N**2 * u**2 * np.maximum(u * t - x, 0)) ** (3 / 7))

    end, x = 3600 / u, (np.arange(int(5000 / dx)) + 0.5) * dx
    t = np.linspace(0, end, 721)
    tide = Series(tuple(t), tuple(depth(-dx / 2, t)))
    basin = Basin(np.zeros((1, len(x))), dx, N, edges={"west": "level"}, level=tide)
    flow = run(basin, end, Scheme(advection=advection))
    off = flow.depth[0] - depth(x, end)
    return float(np.sqrt((off**2).mean()) / depth(0.0, end))


def ritter(dx: float, *, advection: bool) -> dict[str, float]:
    """Dam break over dry ground without friction: depth at the dam, tip (1 cm), and RMSE."""
    from geomage.disaster.shallow import Basin, Scheme, run  # noqa: PLC0415

    c, t, x = 9.81**0.5, 30.0, (np.arange(int(600 / dx)) + 0.5) * dx - 300
    basin = Basin(np.zeros((1, len(x))), dx, 1e-4, depth=(x < 0)[None] * 1.0)
    depth = run(basin, t, Scheme(advection=advection)).depth[0]
    fan = np.clip((2 * c - x / t) ** 2 / (9 * 9.81), 0, 1)
    true = np.where(x > 2 * c * t, 0, np.where(x < -c * t, 1, fan))
    return {
        "rmse": float(np.sqrt(((depth - true) ** 2).mean())),
        "at_dam": float(depth[np.abs(x) < 2 * dx].mean()),
        "tip": float(x[depth > 0.01].max() / (c * t)),
    }


def waves(name: str, *, advection: bool) -> dict[str, Any]:
    """How near one of the two schemes comes to the known waves; prints them."""
    found: dict[str, Any] = {"hunter": {}, "ritter": {}}
    for u in (1.0, 0.25):
        errors = {dx: hunter(u, dx, advection=advection) for dx in (100.0, 50.0, 25.0, 12.5)}
        found["hunter"][f"u {u:g} m/s"] = errors
        line = ", ".join(f"{100 * e:.2f} % at {dx:g} m" for dx, e in errors.items())
        print(f"{name}, Hunter u {u:g} m/s: RMSE {line}")
    for dx in (4.0, 2.0, 1.0):
        found["ritter"][dx] = r = ritter(dx, advection=advection)
        print(
            f"{name}, Ritter at {dx:g} m: RMSE {r['rmse']:.4f} h, {r['at_dam']:.3f} h at the dam "
            f"(.444), 1 cm at {r['tip']:.2f} c (1.70)"
        )
    return found


def record(path: Path) -> None:
    """Write what landlab says of a bowl of rough ground with water heaped on one side."""
    import landlab  # noqa: PLC0415

    rng = np.random.default_rng(4)
    i, j = np.indices((40, 60))
    z = 2.5 * (((i - 19.5) / 20) ** 2 + ((j - 29.5) / 30) ** 2) + 0.1 * rng.random((40, 60))
    depth = np.maximum(1.6 + 0.025 * (29.5 - j) - z, 0)
    z, depth = z.round(4), depth.round(4)
    depths: dict[str, Any] = {}
    for theta in (1.0, THETA):
        water, grid = landlab_flow(z, depth, theta)
        now = 0.0
        for until in (10.0, 60.0):
            water.run_one_step(dt=until - now)
            now = until
            held = grid.at_node["surface_water__depth"].reshape(42, 62)[1:-1, 1:-1]
            depths.setdefault(f"{theta:g}", {})[f"{until:g}"] = held.round(4).tolist()
    inputs = {"ground": z.tolist(), "depth": depth.tolist(), "cell_m": CELL_M, "manning": N,
              "alpha": ALPHA, "h_init": 1e-6}  # fmt: skip
    told = {
        "by": f"landlab {landlab.__version__} OverlandFlow, borders closed",
        "inputs": inputs,
        "depths_by_theta_and_seconds": depths,
    }
    path.write_text(json.dumps(told) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=400, help="cells of the grid that both share")
    parser.add_argument("--large", type=int, default=5000, help="cells along the large town")
    parser.add_argument("--minutes", type=float, default=3.0, help="of flow in it")
    parser.add_argument("--record", type=Path, help="write the numbers of landlab for the tests")
    parser.add_argument("-o", "--out", type=Path)
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.record:
        record(args.record)
        return
    if args.one:
        print(json.dumps(large(args.large, args.minutes)))
        return
    if args.case:
        wet, limits, advection, _ = CASES[args.case]
        print(json.dumps(rates(args.side, wet, limits=limits, advection=advection)))
        return
    found: dict[str, Any] = {"side_by_side": side_by_side(args.side)}
    command = [sys.executable, "-m", "benchmarks.flow", "--one", "--large", str(args.large)]
    command += ["--minutes", str(args.minutes)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    found["large"] = json.loads(answer.stdout.splitlines()[-1])
    for name, value in found["large"].items():
        print(f"  {name:22s} {value:12.4g}")
    for advection in (False, True):
        name = "advection" if advection else "local inertia"
        found[name] = waves(name, advection=advection)
    if args.out:
        args.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
