"""What lighting and viewing a stage costs, in CPU-seconds, and what painting it costs.

    python -m benchmarks.heightfield [--side 1024] [--style suburb] [-o heightfield.json]

A picture of `side` pixels with 2 x 2 samples a pixel: a stage of twice that, painted, lit and
viewed at several angles, in 3 and in 13 bands; then the same in two processes at once, against
one; then training pairs of 512 px. CPU time of the process, least of three:
other work on the machine does not count, but what it takes of the caches does.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from odc.geo.geobox import GeoBox

from geomage.data import SimulatedPairs, StreamParams
from geomage.disaster import Event, calm
from geomage.render import Appearance, light_and_view, paint, stage_box, stage_noise, widen
from geomage.sensor import sensor
from geomage.world import CityParams, grow_city

ANGLES = (0.0, 15.0, 30.0, 45.0)
GSD_M = 0.5


def least(work: Callable[[], object], times: int = 3) -> float:
    """CPU-seconds of the quickest run, after one that compiles."""
    work()
    found = []
    for _ in range(times):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return min(found)


def place(side: int, style: str) -> tuple[Event, GeoBox]:
    """A town that nothing struck, and a grid of 2 x 2 samples a pixel over it."""
    city = grow_city(CityParams(side * GSD_M + 60, style, 3))
    middle = city.dtm.box.extent.centroid.coords[0]
    return calm(city), stage_box(middle, side * GSD_M, GSD_M / 2, city.dtm.box.crs)


def costs(side: int, style: str) -> dict[str, float]:
    """CPU-seconds by what is done."""
    event, box = place(side, style)
    bands = sensor("sentinel2-l1c").bands
    found = {"noise": least(lambda: stage_noise(box, 5))}
    noise = stage_noise(box, 5)
    found["paint"] = least(lambda: paint(event, box, Appearance(), noise, after=False))
    stage = paint(event, box, Appearance(), noise, after=False)
    found[f"widen to {len(bands)} bands"] = least(lambda: widen(stage, bands), 1)
    many = widen(stage, bands)
    for angle in ANGLES:
        when = Appearance(off_nadir=angle)
        for seen in (stage, many):
            name = f"light and view, {angle:g} degrees, {len(seen.bands)} bands"
            found[name] = least(lambda seen=seen, when=when: light_and_view(seen, when))
    return found


def pair() -> float:
    """CPU-seconds of a training pair of 512 px: city, disaster, two dates, all labels."""
    stream = SimulatedPairs(StreamParams(size_px=512, seed=7))
    for index in range(6):  # compiles what most pairs need
        stream.pair(index)
    start = time.process_time()
    for index in range(20, 40):
        stream.pair(index)
    return (time.process_time() - start) / 20


def work(side: int, style: str) -> None:
    """One job: light and view a stage five times; prints CPU-seconds and peak memory."""
    event, box = place(side, style)
    there = paint(event, box, Appearance(), stage_noise(box, 5), after=False)
    light_and_view(there, Appearance(off_nadir=20))
    print("ready", flush=True)
    sys.stdin.readline()
    start = time.process_time()
    for _ in range(5):
        light_and_view(there, Appearance(off_nadir=20))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    print(time.process_time() - start, peak, flush=True)


def together(side: int, jobs: int) -> tuple[float, float]:
    """Pictures a CPU-second of jobs that run at once, summed, and the peak memory of one, MiB.

    CPU time, for other work on the machine takes from wall time; what jobs take from each other,
    of caches and of memory, shows in it.
    """
    command = [sys.executable, "-m", "benchmarks.heightfield", "--side", str(side), "--job"]
    started = [
        subprocess.Popen(  # noqa: S603 -- ourselves
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(jobs)
    ]
    for job in started:
        assert job.stdout is not None
        job.stdout.readline()
    for job in started:
        assert job.stdin is not None
        job.stdin.write("go\n")
        job.stdin.flush()
    said = [job.communicate()[0].split() for job in started]
    return sum(5 / float(seconds) for seconds, _ in said), max(float(peak) for _, peak in said)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--style", default="suburb")
    parser.add_argument("--job", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("-o", "--out", type=Path)
    args = parser.parse_args()
    if args.job:
        work(args.side, args.style)
        return
    found = costs(args.side, args.style)
    one, peak = together(args.side, 1)
    two, _ = together(args.side, 2)
    found |= {"two jobs against one": two / one, "peak of one job, MiB": peak}
    found["a training pair of 512 px"] = pair()
    for name, value in found.items():
        print(f"{name:44s} {value:8.3f}")
    if args.out is not None:
        args.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
