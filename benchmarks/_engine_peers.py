"""How others run a network over a large image, each in a process of its own.

    python -m benchmarks._engine_peers NAME --image IMAGE --model MODEL --out OUT [--site FOLDER]

The network is the same for all: ours in ONNX Runtime, asked for the probability of building of one
date, with outputs as large as the inputs. So only the tiling differs. What each library's own
packaging wants beside the code that runs (map widgets, augmentation, model hubs) is left out: the
modules are loaded by themselves, and their code is untouched.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import rasterio
from rasterio.windows import Window

from benchmarks._engine_memory import watch
from benchmarks._engine_ours import predict_pass
from benchmarks.patches import import_torchgeo
from geomage.mapping.predict import BUILDING
from geomage.model import Model, load_model
from geomage.workers import cores

Run = Callable[[Any, Path, Path], None]


def building(model: Model, images: Any) -> Any:
    """(batch, 1, y, x) tensor of probabilities from counts / 255, tile by tile as it comes."""
    import torch  # noqa: PLC0415

    values = np.rint(images.numpy() * np.float32(255)).astype("uint8")
    said = model.predict(values, values).landcover
    return torch.from_numpy(np.ascontiguousarray(said[:, BUILDING : BUILDING + 1]))


def as_module(model: Model) -> Any:
    """The network as torch sees it."""
    import torch  # noqa: PLC0415

    class Wrapped(torch.nn.Module):
        def forward(self, images: Any) -> Any:
            return building(model, images)

    return Wrapped()


def write_map(path: Path, image: Path, values: np.ndarray) -> None:
    with rasterio.open(image) as source:
        profile = {**source.profile, "count": 1, "dtype": "float32", "photometric": None}
    profile = {"driver": "GTiff", **{k: v for k, v in profile.items() if k in _KEPT}}
    with rasterio.open(path, "w", **profile) as out:
        out.write(values, 1)


_KEPT = ("count", "dtype", "height", "width", "crs", "transform", "tiled", "blockxsize",
         "blockysize", "compress")  # fmt: skip


def whole_image(model: Model, image: Path, out: Path) -> None:
    """One forward over all: what the tilings are held against."""
    with rasterio.open(image) as source:
        values = source.read([1, 2, 3])[None]
    write_map(out, image, model.predict(values, values).landcover[0, BUILDING])


def torchgeo(model: Model, image: Path, out: Path, size: int, stride: int) -> None:
    """RasterDataset and GridGeoSampler in a DataLoader; it has no writer, so ours is the plainest.

    Where chips overlap, the middle of each is kept.
    """
    from torch.utils.data import DataLoader  # noqa: PLC0415

    found = import_torchgeo(None)
    if isinstance(found, str):
        raise ImportError(found)  # noqa: TRY004 -- what it says of why
    _, datasets, samplers = found
    data = datasets.RasterDataset(str(image))
    sampler = samplers.GridGeoSampler(data, size=size, stride=stride)
    loader = DataLoader(data, 1, sampler=sampler, collate_fn=datasets.stack_samples)
    with rasterio.open(image) as source:
        grid, shape = ~source.transform, source.shape
    values = np.zeros(shape, "float32")
    for batch in loader:
        said = building(model, batch["image"] / 255)[0, 0].numpy()
        x, y = batch["bounds"][0][:2] if isinstance(batch["bounds"], list) else _bounds(batch)
        col, row = (round(value) for value in grid * (float(x.start), float(y.stop)))
        keep = Window(col, row, size, size)
        _keep_middle(values, said, keep, (size - stride) // 2)
    write_map(out, image, values)


def _bounds(batch: Any) -> tuple[slice, slice]:
    left, right, _, bottom, top, *_ = batch["bounds"].flatten().tolist()
    return slice(left, right), slice(bottom, top)


def _keep_middle(values: np.ndarray, said: np.ndarray, place: Window, rim: int) -> None:
    """Lay a chip's middle into the map; at the edges of the image all of it."""
    height, width = values.shape
    top, left = max(0, place.row_off), max(0, place.col_off)
    bottom = min(height, place.row_off + place.height)
    right = min(width, place.col_off + place.width)
    first_row = top if top <= 0 else top + rim
    first_col = left if left <= 0 else left + rim
    last_row = bottom if bottom >= height else bottom - rim
    last_col = right if right >= width else right - rim
    values[first_row:last_row, first_col:last_col] = said[
        first_row - place.row_off : last_row - place.row_off,
        first_col - place.col_off : last_col - place.col_off,
    ]


def terratorch(model: Model, image: Path, out: Path, crop: int, stride: int) -> None:
    """`tiled_inference` of an image in memory; delta 8 and batches of 16 small crops, its own."""
    import torch  # noqa: PLC0415

    tiled = _terratorch().tiled_inference
    with rasterio.open(image) as source:
        images = torch.from_numpy(source.read([1, 2, 3])).float()[None] / 255
    batch = 16 if crop < 512 else 1
    said = tiled(as_module(model), images, crop=crop, stride=stride, delta=8, batch_size=batch)
    write_map(out, image, said[0, 0].numpy())


def _terratorch() -> Any:
    """Its module of tiled inference without the packages around it (models, augmentation)."""
    root = _where("terratorch")
    for name in ("terratorch", "terratorch.tasks", "terratorch.models"):
        package = ModuleType(name)
        package.__path__ = [str(root.parent / name.replace(".", "/"))]
        sys.modules[name] = package
    beside: Any = ModuleType("terratorch.models.utils")
    beside.pad_images = None  # imported by the module, and not called when it tiles
    sys.modules["terratorch.models.utils"] = beside
    return importlib.import_module("terratorch.tasks.tiled_inference")


def geoai(model: Model, image: Path, out: Path, size: int, overlap: int) -> None:
    """`predict_geotiff`, blended by splines, batches of 4 small tiles: its own."""
    module = _geoai()
    module.predict_geotiff(
        as_module(model), str(image), str(out), tile_size=size, overlap=overlap,
        batch_size=4 if size < 512 else 1, preprocess_fn=_shares, device="cpu", verbose=False,
    )  # fmt: skip


def _shares(tile: np.ndarray) -> np.ndarray:
    return tile / np.float32(255)


def _geoai() -> Any:
    """Its module of inference; of `geoai.utils` only what finds a device, not the map widgets."""
    _where("geoai")
    beside: Any = ModuleType("geoai.utils")
    beside.get_device = lambda: "cpu"
    sys.modules["geoai.utils"] = beside
    return importlib.import_module("geoai.inference")


def _where(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"No module named {name!r}")
    return Path(next(iter(spec.submodule_search_locations)))


def ours(model: Model, image: Path, out: Path) -> None:
    """Our pass over tiles, of one date; it keeps land cover too, in counts of 1 / 255."""
    predict_pass(model, (image,), (), out)


def _named(window: int, halo: int) -> dict[str, Run]:
    """All ways by name; where two numbers stand, tile and step or overlap, in px."""
    side = window + 2 * halo
    return {
        "whole image": whole_image,
        "geomage": ours,
        "torchgeo 1024": lambda *job: torchgeo(*job, 1024, 1024),
        "torchgeo, our tile": lambda *job: torchgeo(*job, side, window),
        "TerraTorch 224/192": lambda *job: terratorch(*job, 224, 192),
        "TerraTorch 1024/896": lambda *job: terratorch(*job, 1024, 896),
        "geoai 256/64": lambda *job: geoai(*job, 256, 64),
        "geoai 1024/256": lambda *job: geoai(*job, 1024, 256),
    }


WAYS = tuple(_named(1024, 192))


def ask(way: str, image: Path, model: Path, out: Path, words: argparse.Namespace) -> dict[str, Any]:
    """Run one of `WAYS` in a process; its seconds and peak of memory, or its `error`."""
    sites = ["--site", *map(str, words.site)] if words.site else []
    command = [
        sys.executable, "-m", "benchmarks._engine_peers", way, "--image", str(image),
        "--model", str(model), "--out", str(out), "--threads", str(words.threads), *sites,
    ]  # fmt: skip
    peak = watch(command)
    told: dict[str, Any] = json.loads(peak.words.splitlines()[-1])
    return told if "error" in told else {**told, "peak GiB": peak.bytes / 2**30}


def seams(one: Path, whole: Path, rim: int = 256) -> dict[str, float]:
    """Largest difference of two maps of probability, and of classes at one half, rims left out.

    At the rims each fills what lies beyond the image in its own way.
    """
    inner = np.s_[rim:-rim, rim:-rim]
    with rasterio.open(one) as first, rasterio.open(whole) as second:
        mine, other = first.read(1)[inner], second.read(1)[inner]
    return {
        "largest difference": float(np.abs(mine - other).max()),
        "equal classes": float(((mine >= 0.5) == (other >= 0.5)).mean()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("--image", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True, help="answers as large as its inputs")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--site", type=Path, nargs="*", default=[])
    parser.add_argument("--threads", type=int, default=cores())
    words = parser.parse_args()
    sys.path.extend(str(folder.absolute()) for folder in words.site)
    model = load_model(words.model, words.threads)
    run = _named(model.card.window, model.card.halo)[words.way]
    try:
        seconds = _timed(run, model, words.image, words.out)
    except (ImportError, RuntimeError) as error:
        print(json.dumps({"error": f"{type(error).__name__}: {str(error).splitlines()[0]}"}))
        return
    print(json.dumps(seconds))


def _timed(run: Run, *job: Any) -> dict[str, float]:
    start, used = time.perf_counter(), time.process_time()
    run(*job)
    return {"wall": time.perf_counter() - start, "cpu": time.process_time() - used}


if __name__ == "__main__":
    main()
