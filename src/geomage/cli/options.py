"""Options that several commands share, described once."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from geomage.errors import InputError, OutputError

LARGEST_SEED = 2**64 - 1
MOST_JOBS = 256  # threads or processes; many more only wait for each other


def check_seed(seed: int) -> int:
    """Refuse a seed that does not fit in 64 bits: what is written could not be read elsewhere."""
    if seed > LARGEST_SEED:
        raise InputError(f"--seed {seed} is outside 0..{LARGEST_SEED} (64 bits): choose one within")
    return seed


def check_jobs(jobs: int | None) -> int | None:
    """Refuse a number of threads or processes that no machine of one process has."""
    if jobs is not None and not 1 <= jobs <= MOST_JOBS:
        raise InputError(f"--jobs {jobs} is outside 1..{MOST_JOBS}: choose one within")
    return jobs


def read_folder(text: str) -> Path:
    """Read the name of a folder to write: an empty one would be the folder one stands in."""
    if not text.strip():
        raise OutputError(
            f"the output {text!r} is no name: name a folder (`.` is the one you are in; is a "
            "variable of the shell not set?)"
        )
    return Path(text)


Out = Annotated[
    Path,
    typer.Option(
        "--out", "-o", help="Folder to write.", show_default=False, parser=read_folder,
        metavar="<path>",
    ),
]  # fmt: skip
RunFolder = Annotated[
    Path,
    typer.Option(
        "--out", "-o", help="Run folder; an unfinished run is resumed.", parser=read_folder,
        metavar="<path>",
    ),
]  # fmt: skip
Pool = Annotated[
    Path | None,
    typer.Option(
        help="Folder of simulated pairs or chips, shared between runs.", parser=read_folder,
        metavar="<path>",
    ),
]  # fmt: skip
City = Annotated[Path, typer.Argument(metavar="CITY", help="A city folder.", show_default=False)]
Before = Annotated[
    Path, typer.Argument(metavar="BEFORE", help="Image of the first date.", show_default=False)
]
After = Annotated[
    Path | None,
    typer.Argument(metavar="AFTER", help="Image of the second date.", show_default=False),
]
ModelName = Annotated[str, typer.Option("--model", help="A model file, or `default`.")]
Backend = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="What runs the model: onnxruntime, openvino (extra [openvino]) or torch (extra "
        "[train]; on a GPU where there is one).",
    ),
]
Precision = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="fp32, bf16 or int8; lower ones only where the model passed the accuracy gate.",
        show_default="that of the model file",
    ),
]
Sensor = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="One of drone-0.05, drone-0.10, drone-0.15, bdortho-0.2, aerial-0.3, vhr-0.5, "
        "vhr-0.6, vhr-1.0, pleiades-neo-0.3, worldview3-0.3, worldview2-0.5, pleiades-0.5, "
        "spot-1.5, sentinel2-l1c, sentinel2-l2a, sentinel-1: docs/sensors.md.",
    ),
]
Gsd = Annotated[
    float | None, typer.Option(help="Side of a pixel in metres, for images without CRS.")
]
Extent = Annotated[
    str | None,
    typer.Option(
        metavar="LEFT,BOTTOM,RIGHT,TOP|FILE",
        help="Map this much alone: bounds in the CRS of the first image, or of a vector file.",
        show_default="all of the first date",
    ),
]
Zones = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Polygons to count buildings and people in, of any CRS.",
        show_default="lettered squares",
    ),
]
ZoneName = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN", help="Column with the names of --zones.", show_default="a usual one"
    ),
]
Population = Annotated[
    Path | None,
    typer.Option(
        metavar="RASTER", help="People per pixel, of any CRS and grid.", show_default=False
    ),
]
FootprintsFile = Annotated[
    Path | None,
    typer.Option(
        "--footprints",
        metavar="FILE",
        help="Outlines of buildings to assess, of any CRS, instead of those mapped.",
        show_default=False,
    ),
]
FootprintsLayer = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Layer of that file, where it has several."),
]
Register = Annotated[
    bool,
    typer.Option(
        "--register/--no-register",
        help="Move footprints by up to 10 m to where the image shows buildings.",
    ),
]
Kind = Annotated[
    str,
    typer.Option(
        metavar="KIND",
        help="What the product is called: FEP, DEL or GRA, with _MONIT01, … for a later look.",
    ),
]
ProductVersion = Annotated[
    int, typer.Option("--product-version", help="Version of the product, from 1.", min=1, max=99)
]
EventType = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="earthquake, volcano, storm, flood, landslide, fire or accident. `confidence` is that "
        "of such events; for a storm debris is outlined, for a fire burnt ground, where both dates "
        "have a band described as nir.",
        show_default="not stated",
    ),
]
EventId = Annotated[
    str | None,
    typer.Option(metavar="ID", help="Number of the activation, such as EMSR648."),
]
AreaId = Annotated[str | None, typer.Option(metavar="ID", help="Number of the area, such as 04.")]
Locality = Annotated[
    str | None, typer.Option(metavar="NAME", help="Where it is, such as Kahramanmaras.")
]
Roads = Annotated[
    Path | None,
    typer.Option(
        "--roads",
        metavar="FILE",
        help="Streets whose state to map: OpenStreetMap (.osm.pbf, .osm, .osm.bz2) or lines of any "
        "vector file.",
        show_default=False,
    ),
]
Depth = Annotated[
    Path | None,
    typer.Option(
        "--depth",
        metavar="FILE",
        help="Raster of the depth of the water in metres: how deep flooded streets are.",
        show_default=False,
    ),
]
Facilities = Annotated[
    Path | None,
    typer.Option(
        "--facilities",
        metavar="FILE",
        help="Hospitals or depots: what they reach before and after. Of OpenStreetMap data, "
        "hospitals.",
        show_default=False,
    ),
]
Memory = Annotated[str, typer.Option(help="Budget of memory, such as 512MiB or 2GiB.")]
Seed = Annotated[int, typer.Option(help="Same seed, same result.", min=0, callback=check_seed)]
Jobs = Annotated[
    int | None,
    typer.Option(help="Threads to use, up to 256; all cores when left out.", callback=check_jobs),
]
Workers = Annotated[
    int, typer.Option("--jobs", help="Processes that simulate, up to 256.", callback=check_jobs)
]
Processes = Annotated[
    int,
    typer.Option(
        "--jobs",
        help="Processes on this machine that share the work and the cores, up to 256; any number "
        "gives the same bytes.",
        callback=check_jobs,
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="ADDRESS",
        help="Dask scheduler whose workers do the work, such as tcp://host:8786; they must see the "
        "same files and run the same geomage (docs/scale.md). Needs the extra [cluster].",
        show_default=False,
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the output if it exists.")]
Json = Annotated[bool, typer.Option("--json", help="Facts about the result as JSON on stdout.")]

UNITS = {
    "": 1,
    "b": 1,
    **{f"{p}b": 1000**n for n, p in enumerate("kmgt", start=1)},
    **{f"{p}ib": 1024**n for n, p in enumerate("kmgt", start=1)},
}


def read_bytes(text: str) -> int:
    """Read a size such as `2GiB`, `512 MB` or `1073741824`."""
    number = text.strip().rstrip("BbIiKkMmGgTt ")
    unit = text.strip()[len(number) :].strip().lower()
    try:
        size = int(float(number) * UNITS[unit])
    except (ValueError, KeyError, OverflowError):
        size = 0
    if size <= 0:
        raise InputError(f"--memory {text!r} is not a size; write it like 512MiB or 2GiB")
    return size


def read_lonlat(option: str, text: str) -> tuple[float, float]:
    """Read LON,LAT in degrees."""
    try:
        lon, lat = (float(part) for part in text.split(","))
    except ValueError:
        lon = lat = math.nan
    if not (abs(lon) <= 180 and abs(lat) <= 90):
        raise InputError(
            f"{option} {text!r} is no place: write LON,LAT in degrees, such as 55.45,-21.1"
        )
    return lon, lat


def read_east_north(option: str, text: str) -> tuple[float, float]:
    """Read EAST,NORTH in metres from the middle of a town."""
    try:
        east, north = (float(part) for part in text.split(","))
    except ValueError:
        east = north = math.nan
    if not (abs(east) < 1e6 and abs(north) < 1e6):
        raise InputError(
            f"{option} {text!r} is no place: write EAST,NORTH in metres, such as -200,150"
        )
    return east, north


HOURS = {"min": 1 / 60, "h": 1.0, "d": 24.0, "w": 168.0}
LONGEST_HOURS = 10 * 365.25 * 24


def read_hours(text: str) -> float:
    """Read a duration such as `1h`, `90min`, `1d` or `2w`, in hours."""
    number = text.strip().rstrip("abcdefghijklmnopqrstuvwxyz ")
    try:
        hours = float(number) * HOURS[text.strip()[len(number) :].strip()]
    except (ValueError, KeyError):
        hours = math.nan
    if not 0 <= hours <= LONGEST_HOURS:
        raise InputError(
            f"--after {text!r} is no time after an event: write it like 1h, 1d or 30d, up to 3652d"
        )
    return hours
