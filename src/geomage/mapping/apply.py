"""A model on arrays of xarray, in memory or lazy, for those who work in notebooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from odc.geo.geobox import GeoBox

from geomage import __version__
from geomage.errors import InputError
from geomage.geo import Tiling, ground_gsd
from geomage.mapping.array_foreign import DetectorSource
from geomage.mapping.array_windows import ModelSource, SayWindow, say_all, say_lazily
from geomage.mapping.arrays import Photo, common_grid, look_at
from geomage.mapping.reasons import (
    FIRST_FOREIGN,
    NO_FIRST,
    NO_SECOND,
    OBSCURED,
    REASONS,
    SECOND_FOREIGN,
)
from geomage.mapping.tone import Tone, tone_of
from geomage.model import Model, ModelCard, load_model
from geomage.workers import threads_here

__all__ = ["apply"]

_UNSAID = (NO_FIRST, FIRST_FOREIGN)
_UNTOLD = (NO_FIRST, NO_SECOND, OBSCURED, FIRST_FOREIGN, SECOND_FOREIGN)  # with two dates
_COUNTS = {"units": "1", "scale_factor": 1 / 255}  # CF: what is meant is the product


def apply(  # noqa: PLR0913 -- each by name, and each a thing of its own
    before: Any,
    after: Any = None,
    model: Path | str | Model = "default",
    *,
    tones: Sequence[Tone] = (),
    gsd: float | None = None,
    flips: bool = False,
    plausibility: bool = True,
) -> xr.Dataset:
    """Run a model over arrays; lazily where one of them is a Dask array.

    The model sees the windows of its card, from the upper left corner of the arrays, each with its
    halo; beyond the edges lies the mirror image. Chunks of the result are these windows. How the
    arrays are cut into chunks, and who computes them, changes no byte; with equal tones the numbers
    are those of `geomage map` before it looks for buildings. Unlike there, dates are taken to lie
    on each other, pixels to be of a size that the model knows, and black rims are no data only
    where `nodata` says so.

    Args:
        before: the first date, (band, y, x), any type of number: its bands named red, green and
            blue, or else the first three; or a Dataset with variables of these names. No data is
            what its attribute `nodata` or `_FillValue` says, NaN, and where a band `alpha` is 0.
        after: the second date, on the same grid.
        model: "default", a file, or what `load_model` opened; workers open it by its path.
        tones: one a date, of `measure_tone`. Where they are not given they are measured now, from
            these arrays, all of which is read for that. Give them to map a part as the whole.
        gsd: side of a pixel in metres, of arrays without CRS.
        flips: whether answers are means over the image and its three mirror images, at four times
            the cost.
        plausibility: mark as not analysed what is too far from what the model knows, by the cells
            and the limit of `geomage map`, where a detector of the model is shipped; costs a
            twentieth of the model.

    Returns:
        On the grid of `before`, uint8: `landcover`, the most likely class (0 no data, 1..8);
        `building`, its probability times 255; with two dates also `damage` (grade, y, x), the
        probabilities of grades 1..4 given a building, and `flags` (flag, y, x), those of water,
        changed and obscured, times 255; `not_analysed` (y, x), 0 or why nothing can be said
        there: mask by it, for where a date is not seen, or too far from what the model knows, all
        its probabilities are 0. The meaning of values stands in CF attributes.

    Raises:
        InputError: the arrays, or the tones, are not what is described here.
        ModelError: the model cannot be used.
    """
    photos = [look_at("before", before)]
    if after is not None:
        photos.append(look_at("after", after))
    opened = model if isinstance(model, Model) else load_model(model, threads_here())
    box = common_grid(photos, gsd, opened.card)
    task = SayWindow(
        model=ModelSource.of(opened),
        tones=_tones(photos, tones),
        nodata=tuple(photo.nodata for photo in photos),
        shape=photos[0].shape,
        flips=flips,
        detector=DetectorSource.of(opened) if plausibility else None,
    )
    say = say_all if all(photo.image.chunks is None for photo in photos) else say_lazily
    said = say(task, photos, Tiling(box, opened.card.window))
    return _dataset(photos[0], said, _facts(opened, task, box), opened.card)


def _tones(photos: list[Photo], tones: Sequence[Tone]) -> tuple[Tone, ...]:
    """The tones given, or those of the dates."""
    if not tones:
        return tuple(map(tone_of, photos))
    if len(tones) != len(photos):
        raise InputError(f"{len(tones)} tones for {len(photos)} dates: give one a date, in order")
    return tuple(tones)


def _dataset(photo: Photo, said: Any, facts: Mapping[str, Any], card: ModelCard) -> xr.Dataset:
    """Bands of the windows as variables with a legend, on the grid of the first date."""
    _, *sides = photo.image.dims
    legend = _legend(card.landcover_classes)
    variables = {
        "landcover": (sides, said[0], {"long_name": "land cover", "nodata": 0, **legend}),
        "building": (sides, said[1], {"long_name": "probability of a building", **_COUNTS}),
    }
    axes: dict[str, Any] = {}
    two = len(said) > len(variables) + 1
    if two:
        variables |= _second(sides, said)
        axes["grade"] = ("grade", [1, 2, 3, 4], _legend(card.damage_classes))
        axes["flag"] = ("flag", list(card.flags))
    variables["not_analysed"] = (sides, said[-1], _whys(_UNTOLD if two else _UNSAID))
    out = xr.Dataset(variables, {**axes, **_place(photo)}, dict(facts))
    if photo.image.odc.crs is not None and photo.mapping is None:
        return out.odc.assign_crs(photo.image.odc.crs)
    for one in out.values() if photo.mapping else ():
        one.encoding["grid_mapping"] = photo.mapping
    return out


def _second(sides: list[Any], said: Any) -> dict[str, Any]:
    """The variables of two dates."""
    given = "probability of each grade of damage, given a building"
    flags = "probability of water at the second date, of change, of what obscures the ground"
    return {
        "damage": (["grade", *sides], said[2:6], {"long_name": given, **_COUNTS}),
        "flags": (["flag", *sides], said[6:9], {"long_name": flags, **_COUNTS}),
    }


def _whys(codes: Sequence[int]) -> dict[str, Any]:
    """CF attributes of what is not analysed, and why."""
    return {
        "long_name": "why nothing can be said",
        "flag_values": np.array([0, *codes], "uint8"),
        "flag_meanings": _words(["analysed", *(REASONS[code] for code in codes)]),
    }


def _legend(classes: Sequence[str]) -> dict[str, Any]:
    """CF attributes of classes that count from 1."""
    values = np.arange(1, len(classes) + 1, dtype="uint8")
    return {"flag_values": values, "flag_meanings": _words(classes)}


def _words(names: Sequence[str]) -> str:
    return " ".join(name.replace(" ", "_") for name in names)


def _place(photo: Photo) -> dict[Any, Any]:
    """Coordinates that say where the pixels lie."""
    image = photo.image
    names = [*image.dims[1:], photo.mapping]
    return {name: image.coords[name] for name in names if name in image.coords}


def _facts(model: Model, task: SayWindow, box: GeoBox) -> dict[str, Any]:
    """What the numbers depend on, as attributes that any format can hold."""
    facts = {
        "title": "What geomage's model says of each pixel",
        "source": f"geomage {__version__}, model {model.card.name} {model.card.version}",
        "model_sha256": task.model.sha256,
        "model_licence": model.card.licence,
        "backend": f"{model.backend} {model.precision}",
        "building_threshold": model.card.building_threshold,
        "gsd_m": ground_gsd(box),
        "flips": int(task.flips),
    }
    if task.detector is not None:
        facts |= {"detector": task.detector.name, "detector_sha256": task.detector.sha256}
    names = ("stretch_before", "stretch_after")
    return facts | {name: tone.stretch.rule for name, tone in zip(names, task.tones, strict=False)}
