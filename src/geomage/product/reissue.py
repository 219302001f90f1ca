"""The next version of a product, from what a reviewer graded: no model is run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import rasterio
from geopandas import GeoDataFrame
from odc.geo.geobox import GeoBox
from rasterio.windows import Window, from_bounds

from geomage.errors import InputError, OutputError
from geomage.geo import (
    BLOCK_CACHE,
    Scratch,
    open_raster,
    raster_to_cog,
    read_vectors,
    refuse_output,
    window_box,
)
from geomage.geo.shapes import burn_shapes
from geomage.product.accuracy import Judged, estimate_accuracy
from geomage.product.evidence import find_images
from geomage.product.folder import ProductPaths, sha256_of, write_product
from geomage.product.grading import BY_EYE, GRADE_WORDS, NOT_ANALYSED, PROBABILITIES
from geomage.product.journal import (
    ENCLOSED,
    Edit,
    Journal,
    Line,
    edits_of,
    journal_beside,
    open_journal,
    read_lines,
)
from geomage.product.order import PLAIN, Order, ordered
from geomage.product.sampling import drawn_from
from geomage.product.standing import Standing, read_standing

__all__ = [
    "BY_EYE",
    "HIDDEN",
    "Reissued",
    "apply_edits",
    "refuse_foreign",
    "reissue",
    "sample_accuracy",
]

HIDDEN: Final = "not visible to the reviewer"
_UNSEEN_PX: Final = 255
_TILE: Final = 1024


@dataclass(frozen=True)
class Reissued:
    """What was made."""

    paths: ProductPaths
    version: int
    edited: int  # buildings graded by eye since the version before
    accuracy: Mapping[str, Any] | None


def reissue(
    out: Path,
    target: Path,
    *,
    review: Path | None = None,
    images: Mapping[str, Sequence[Path]] | None = None,
    overwrite: bool = False,
) -> Reissued:
    """Make the next version of a product from its review.

    Layers, figures, report and manifest are written anew by what wrote the first; the pixels of
    edited buildings in ``damage.tif`` are burnt anew, every other pixel stays as it is. The journal
    goes into the new product, and a line of it says what was made.

    Args:
        out: the product that was reviewed.
        target: the folder to make.
        review: its journal; the one beside the product when None.
        images: files by role where they have moved, see `evidence.find_images`.
        overwrite: replace a folder that stands at `target`.

    Raises:
        InputError: nothing was graded, the journal or the product was changed by hand, or the
            journal is of another product.
        OutputError: `target` exists, or cannot be written.
    """
    _refuse_same(out, target)
    refuse_output(target, overwrite=overwrite)
    standing = read_standing(out)
    evidence = find_images(standing.paths, standing.manifest, standing.box, images or {})
    path = journal_beside(out) if review is None else review
    if not path.is_file():
        raise InputError(f"{path} does not exist: review the product first (geomage review {out})")
    with open_journal(path) as journal, _work_beside(target) as work:
        lines = refuse_foreign(journal.lines, standing, path)
        edits = edits_of(lines)
        if not edits:
            raise InputError(f"{path} holds no grade that stands: there is nothing to issue again")
        accuracy = sample_accuracy(lines, standing)
        order = _next_order(standing, journal.lines, accuracy)
        run = _Run(
            _rasters(standing, edits, work),
            apply_edits(standing.buildings, edits),
            _not_analysed(standing),
            standing.manifest["parameters"],
        )
        enclosed = _enclose(standing, journal, work)
        with _number_held(journal, lines[-1]["who"], order.version):
            paths = write_product(
                run,
                target,
                before_paths=evidence.before,
                after_paths=evidence.after,
                overwrite=overwrite,
                order=replace(order, enclosed=(enclosed,)),
            )
        who = lines[-1]["who"]
        journal.add(
            who, "reissue", version=order.version, product=paths.folder.name,
            manifest=sha256_of(paths.manifest),
        )  # fmt: skip
    return Reissued(paths, order.version, len(edits), accuracy)


@contextmanager
def _number_held(journal: Journal, who: str, version: int) -> Iterator[None]:
    """Within, the version is being made: its number is taken before there is a folder that has it.

    One that fails gives it back; one that is killed does not, for its folder may stand.
    """
    journal.add(who, "begin", version=version)
    try:
        yield
    except Exception:
        with suppress(OutputError):  # a full disk: the number stays taken
            journal.add(who, "give up", version=version)
        raise


@dataclass(frozen=True)
class _Run:
    """A product read back, as a finished mapping run."""

    rasters: Mapping[str, Path]
    buildings: GeoDataFrame
    not_analysed: GeoDataFrame
    facts: Mapping[str, Any]


def _refuse_same(out: Path, target: Path) -> None:
    one, other = Path(out).absolute().resolve(), Path(target).absolute().resolve()
    if one == other or one in other.parents or other in one.parents:
        raise InputError(f"{target} is, holds or lies in the product {out}; choose another output")


@contextmanager
def _work_beside(target: Path) -> Iterator[Path]:
    """A hidden folder on the disk of the output, gone at the end."""
    scratch = Scratch.make(Path(target).absolute())
    with scratch.work(target) as work:
        yield work
    scratch.discard()


def refuse_foreign(lines: Sequence[Line], standing: Standing, path: Path) -> Sequence[Line]:
    """The lines when they are of this very product; InputError otherwise."""
    sha256 = sha256_of(standing.paths.manifest)
    opened = [line for line in lines if line["what"] == "open"]
    if not opened or any(line.get("manifest") != sha256 for line in opened):
        raise InputError(
            f"{path} is the review of another product than {standing.paths.folder} as it stands"
        )
    known = {*standing.buildings["building_id"].tolist()}
    graded = [line["building"] for line in lines if line["what"] == "grade"]
    odd = [one for one in graded if one not in known]
    if odd:
        raise InputError(f"{path} grades the building {odd[0]!r}, which the product does not have")
    away = {*standing.buildings["building_id"][standing.out_of_sight].tolist()}
    unseen = [one for one, edit in edits_of(lines).items() if edit.grade and one in away]
    if unseen:
        raise InputError(f"{path} grades the building {unseen[0]!r}, which lies outside the map")
    rows = [row for line in lines if line["what"] == "sample" for row in _rows_of(line)]
    if rows and max(rows) >= len(known):
        raise InputError(f"{path} draws row {max(rows)} of a product of {len(known)} buildings")
    return lines


def _rows_of(line: Line) -> list[int]:
    """Rows of the buildings of a sample."""
    return [row for one in line["strata"] for row in one["rows"]]


def _next_order(standing: Standing, lines: Sequence[Line], accuracy: Any) -> Order:
    """Version, history and what else stays as it was ordered."""
    manifest = standing.manifest
    stated = manifest.get("order")
    before = ordered(stated, standing.paths.folder) if isinstance(stated, Mapping) else PLAIN
    own = {
        "version": standing.version,
        "created": manifest.get("created"),
        "geomage": manifest.get("geomage"),
        "manifest": sha256_of(standing.paths.manifest),
    }
    past = manifest.get("history")
    earlier = tuple(past) if isinstance(past, list) else ()
    return replace(
        before,
        version=max([standing.version, *_taken(lines)]) + 1,
        history=(*earlier, own),
        accuracy=accuracy,
    )


def _taken(lines: Sequence[Line]) -> list[int]:
    """Numbers of versions that stand, or of which one cannot know."""
    taken: list[int] = []
    for line in lines:
        if line["what"] in ("begin", "reissue"):
            taken.append(line["version"])
        elif line["what"] == "give up":
            taken = [version for version in taken if version != line["version"]]
    return taken


def apply_edits(buildings: GeoDataFrame, edits: Mapping[int | str, Edit]) -> GeoDataFrame:
    """The buildings with the words a reviewer gave, rows in the same order.

    An edited building has ``det_method`` Photo-interpretation, no calibrated confidence, and
    probabilities of 1 for its grade and 0 for others; one graded 0 has none and a reason.
    """
    frame = buildings.reset_index(drop=True).copy()
    ids = frame["building_id"].tolist()
    grades = np.array([edits[one].grade if one in edits else -1 for one in ids], int)
    by_eye, unseen = grades >= 0, grades == 0
    words = np.array([GRADE_WORDS.get(int(g), NOT_ANALYSED) for g in grades], object)
    frame["damage_gra"] = np.where(by_eye, words, frame["damage_gra"].to_numpy(object))
    frame["det_method"] = np.where(by_eye, BY_EYE, frame["det_method"].to_numpy(object))
    frame["grade"] = np.where(by_eye, grades, frame["grade"].to_numpy(int))
    frame["confidence"] = np.where(by_eye, np.nan, frame["confidence"].to_numpy(float))
    reason = np.where(by_eye, None, frame["reason"].to_numpy(object))
    frame["reason"] = frame["not_analysed_reason"] = np.where(unseen, HIDDEN, reason)
    for place, name in enumerate(PROBABILITIES, 1):
        judged = np.where(unseen, np.nan, (grades == place).astype(float))
        frame[name] = np.where(by_eye, judged, frame[name].to_numpy(float))
    return frame


def _not_analysed(standing: Standing) -> GeoDataFrame:
    frame = read_vectors(standing.paths.vectors, "notAnalysedA")
    if not isinstance(frame, GeoDataFrame):
        raise InputError(f"{standing.paths.vectors}: the layer notAnalysedA has lost its shapes")
    crs = standing.box.crs
    return frame if crs is None else frame.to_crs(crs.to_wkt())


def _rasters(standing: Standing, edits: Mapping[int | str, Edit], work: Path) -> dict[str, Path]:
    """Copies of the rasters, ``damage`` with the edited buildings burnt anew."""
    copies = {}
    for name, path in standing.paths.rasters.items():
        copies[name] = work / path.name
        shutil.copyfile(path, copies[name])
    rows = standing.buildings["building_id"].isin(list(edits))
    edited = standing.buildings[rows]
    grades = [edits[one].grade or _UNSEEN_PX for one in edited["building_id"].tolist()]
    burn_anew(copies["damage"], edited.geometry.to_numpy(), np.array(grades), standing.box)
    return copies


def burn_anew(path: Path, shapes: np.ndarray, grades: np.ndarray, box: GeoBox) -> None:
    """Burn shapes over a raster of grades, tile by tile, and make it a COG again.

    A pixel belongs to the shape that holds its centre; where shapes overlap the last one wins.
    """
    options = {"IGNORE_COG_LAYOUT_BREAK": "YES"}
    with open_raster(path):
        pass  # of an allowed format, and whole
    with (
        rasterio.Env(GDAL_CACHEMAX=BLOCK_CACHE),
        rasterio.open(path, "r+", driver="GTiff", **options) as raster,
    ):
        for window, inside in _touched(shapes, box):
            values = raster.read(1, window=window)
            burnt = burn_shapes(shapes[inside], grades[inside], window_box(box, window), values)
            raster.write(burnt, 1, window=window)
        raster.build_overviews([])  # those that stand show the old grades; the COG gets new ones
    with rasterio.open(path, driver="GTiff") as raster:
        raster_to_cog(raster, path, classes=True)


def _touched(shapes: np.ndarray, box: GeoBox) -> Iterator[tuple[Window, np.ndarray]]:
    """Tiles of a grid that shapes touch, and the places of those shapes, in their order."""
    rows, cols = (int(size) for size in box.shape)
    tiles: dict[tuple[int, int], list[int]] = {}
    for place, shape in enumerate(shapes):
        window = from_bounds(*shape.bounds, box.affine)
        top, left = int(max(window.row_off, 0)), int(max(window.col_off, 0))
        low = min(int(window.row_off + window.height) + 1, rows)
        right = min(int(window.col_off + window.width) + 1, cols)
        for row in range(top // _TILE, -(-low // _TILE)):
            for col in range(left // _TILE, -(-right // _TILE)):
                tiles.setdefault((row, col), []).append(place)
    for (row, col), places in sorted(tiles.items()):
        height, width = min(_TILE, rows - row * _TILE), min(_TILE, cols - col * _TILE)
        yield Window(col * _TILE, row * _TILE, width, height), np.array(places)


def _enclose(standing: Standing, journal: Journal, work: Path) -> Path:
    """All lines that led to the new version: those within the one before, then the new ones."""
    target = work / ENCLOSED
    inside = standing.paths.folder / ENCLOSED
    earlier = inside.read_bytes() if inside.is_file() else b""
    target.write_bytes(earlier + journal.path.read_bytes())
    read_lines(target)  # one chain, or the journal went on from another version
    return target


def sample_accuracy(lines: Sequence[Line], standing: Standing) -> dict[str, Any] | None:
    """What the judged part of the last random sample says of the map; None without one.

    Buildings graded 0 could not be judged: they are counted and left out.
    """
    samples = [line for line in lines if line["what"] == "sample"]
    if not samples:
        return _earlier(standing)
    edits, ids = edits_of(lines), standing.buildings["building_id"].tolist()
    drawn = [drawn_from(one) for one in samples[-1]["strata"]]
    grades = [[edits[ids[row]].grade for row in one.rows if ids[row] in edits] for one in drawn]
    strata = [
        Judged(one.name, one.word, one.size, tuple(GRADE_WORDS[g] for g in found if g))
        for one, found in zip(drawn, grades, strict=True)
    ]
    if not any(one.truths for one in strata):
        return _earlier(standing)
    reviewers = {edits[ids[row]].who for one in drawn for row in one.rows if ids[row] in edits}
    return {
        "of_version": standing.version,
        "reference": "a reader's grades from the same images",
        "reviewers": sorted(reviewers),
        "seed": samples[-1]["seed"],
        "drawn": sum(len(one.rows) for one in drawn),
        "not_judgeable": sum(found.count(0) for found in grades),
        **estimate_accuracy(strata),
        "strata": [
            {
                "stratum": one.name,
                "buildings": one.size,
                "judged": len(one.truths),
                "right": one.truths.count(one.word),
            }
            for one in strata
        ],
    }


def _earlier(standing: Standing) -> dict[str, Any] | None:
    """The estimate that the product has from an earlier version."""
    found = standing.manifest.get("accuracy")
    return dict(found) if isinstance(found, Mapping) else None
