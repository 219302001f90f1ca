"""The server of `geomage review`: one building after another, before and after, a key a grade."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final

import numpy as np
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from geomage.errors import GeomageError
from geomage.geo import ground_gsd
from geomage.product.evidence import find_images
from geomage.product.folder import sha256_of
from geomage.product.grading import PROBABILITIES
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
from geomage.product.reissue import refuse_foreign, sample_accuracy
from geomage.product.sampling import Drawn, draw, drawn_from, least_certain_first
from geomage.product.standing import Standing, read_standing
from geomage.product.surface import lonlat
from geomage.serve.guard import Guard
from geomage.serve.page import app_of, page_routes
from geomage.serve.paint import Photographs, as_jpeg
from geomage.serve.running import Images, ReviewOrder

__all__ = ["Review", "open_review"]

CHIP_PX: Final = 520
_NEAR_M: Final = 60.0  # side of a chip on the ground, at least
_AROUND: Final = {"near": 2.4, "wide": 7.0}  # sides of a building's frame
_MOST_QUEUED: Final = 20_000
_DIGITS: Final = 9
_GRADES: Final = (0, 1, 2, 3, 4)


@dataclass(frozen=True)
class Review:
    """A review that is going on."""

    standing: Standing
    photographs: Mapping[str, Photographs]  # by role
    journal: Journal
    who: str
    queue: tuple[int, ...]  # rows of the buildings to look at
    sample: tuple[Drawn, ...]  # none where the least certain come first
    lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    @property
    def told(self) -> str:
        """What is reviewed, in a sentence."""
        what = "a random sample" if self.sample else "the least certain first"
        return f"{len(self.queue):,} buildings to review, {what}, as {self.who}"

    def app(self, hosts: frozenset[str], token: str) -> Guard:
        """The application, answering these Host headers; edits need the token."""
        routes = [
            *page_routes("review", token=token),
            Route("/queue.json", self._queue),
            Route("/building/{row}.json", self._building),
            Route("/chip/{row}/{role}/{scale}.jpg", self._chip),
            Route("/sample.json", self._accuracy),
            Route("/grade", self._grade, methods=["POST"]),
            Route("/undo", self._undo, methods=["POST"]),
        ]
        return Guard(app_of(routes), hosts, token)

    def _queue(self, _request: Request) -> Response:
        graded = self._graded()
        return JSONResponse(
            {
                "product": self.standing.paths.folder.absolute().name,
                "version": self.standing.version,
                "who": self.who,
                "sample": bool(self.sample),
                "total": min(len(self.queue), _MOST_QUEUED),
                "rows": self.queue[:_MOST_QUEUED],
                "graded": {str(row): edit.grade for row, edit in graded.items()},
                "can_undo": bool(_standing_grades(self.journal.lines)),
            }
        )

    def _graded(self) -> dict[int, Edit]:
        """Edits by row."""
        edits, ids = edits_of(self.journal.lines), self.standing.buildings["building_id"]
        if not edits:
            return {}
        rows = np.flatnonzero(ids.isin(list(edits)).to_numpy())
        return {int(row): edits[ids.iloc[row]] for row in rows}

    def _building(self, request: Request) -> Response:
        row = self._row(request)
        if row is None:
            return _nothing()
        one = self.standing.buildings.iloc[row]
        with self.lock:
            place = lonlat(self.standing.buildings.geometry.iloc[[row]])[0]
        edit = edits_of(self.journal.lines).get(_bare(one["building_id"]))
        shown = self._frames(row)
        return JSONResponse(
            {
                "id": _bare(one["building_id"]),
                "word": one["damage_gra"],
                "reason": one["reason"] if isinstance(one["reason"], str) else None,
                "chances": [_number(one[name]) for name in PROBABILITIES],
                "area_m2": _number(one["area_m2"]),
                "lonlat": [_number(value, 6) for value in place],
                "grade": None if edit is None else edit.grade,
                "who": None if edit is None else edit.who,
                "outline": {name: self._outline(row, box) for name, box in shown.items()},
                "metres": {
                    name: round(float(box.shape[1]) * ground_gsd(box), 1)
                    for name, box in shown.items()
                },
            }
        )

    def _chip(self, request: Request) -> Response:
        row = self._row(request)
        photographs = self.photographs.get(request.path_params["role"])
        scale = request.path_params["scale"]
        if row is None or photographs is None or scale not in _AROUND:
            return _nothing()
        with self.lock:
            try:
                unit = _unit_of(self.standing.box)
                painted = photographs.paint(self._frames(row)[scale], unit)
            except GeomageError as error:
                return JSONResponse({"error": str(error)}, 500)
        if painted is None:
            return _nothing()
        return Response(as_jpeg(painted), media_type="image/jpeg")

    def _frames(self, row: int) -> dict[str, GeoBox]:
        """Grids of the chips of a building, by scale."""
        shape, box = self.standing.buildings.geometry.iloc[row], self.standing.box
        left, bottom, right, top = shape.bounds
        unit = _unit_of(box)
        longest = max(right - left, top - bottom)
        frames = {}
        for name, around in _AROUND.items():
            side = max(around * longest, _NEAR_M * unit * around / _AROUND["near"])
            x, y, step = (left + right - side) / 2, (bottom + top + side) / 2, side / CHIP_PX
            frames[name] = GeoBox((CHIP_PX, CHIP_PX), Affine(step, 0, x, 0, -step, y), box.crs)
        return frames

    def _outline(self, row: int, frame: GeoBox) -> list[list[float]]:
        """Rings of a building in pixels of a chip, each x, y, x, y and so on."""
        onto = ~frame.affine
        rings = shapely.get_rings(self.standing.buildings.geometry.iloc[row])
        found = []
        for ring in rings:
            points = shapely.get_coordinates(ring)[:-1]
            pixels = np.column_stack(onto @ (points[:, 0], points[:, 1]))
            found.append(pixels.round(1).ravel().tolist())
        return found

    def _accuracy(self, _request: Request) -> Response:
        found = sample_accuracy(self.journal.lines, self.standing) if self.sample else None
        return JSONResponse(found)

    async def _grade(self, request: Request) -> Response:
        asked = await _asked(request)
        row, grade = asked.get("row"), asked.get("grade")
        if type(row) is not int or not 0 <= row < len(self.standing.buildings):
            return JSONResponse({"error": "no such building"}, 422)
        if type(grade) is not int or grade not in _GRADES:
            return JSONResponse({"error": "grades are 0 to 4"}, 422)
        if grade and self.standing.out_of_sight[row]:
            return JSONResponse({"error": "it lies outside the map: leave it, or say 0"}, 422)
        return await run_in_threadpool(self._kept, lambda: self._add(row, grade))

    async def _undo(self, request: Request) -> Response:
        await _asked(request)
        return await run_in_threadpool(self._kept, self._take_back)

    def _kept(self, work: Callable[[], dict[str, Any] | None]) -> Response:
        """Answer only when the line is on the disk."""
        with self.lock:
            try:
                return JSONResponse(work())
            except GeomageError as error:
                return JSONResponse({"error": str(error)}, 500)

    def _add(self, row: int, grade: int) -> dict[str, Any]:
        one = self.standing.buildings.iloc[row]
        line = self.journal.add(
            self.who, "grade", building=_bare(one["building_id"]), grade=grade,
            was=one["damage_gra"],
        )  # fmt: skip
        return {"row": row, "grade": line["grade"], "at": line["at"]}

    def _take_back(self) -> dict[str, Any] | None:
        """Undo the last grade that stands, of whatever day; None when there is none."""
        standing = _standing_grades(self.journal.lines)
        if not standing:
            return None
        last = standing[-1]
        earlier = [line for line in standing[:-1] if line["building"] == last["building"]]
        grade = earlier[-1]["grade"] if earlier else None
        self.journal.add(
            self.who, "grade", building=last["building"], grade=grade, undoes=last["n"]
        )
        ids = self.standing.buildings["building_id"]
        return {"row": int(np.flatnonzero((ids == last["building"]).to_numpy())[0]), "grade": grade}

    def _row(self, request: Request) -> int | None:
        text = request.path_params["row"]
        if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
            return None
        return int(text) if int(text) < len(self.standing.buildings) else None


@contextmanager
def open_review(order: ReviewOrder, images: Images) -> Iterator[Review]:
    """Open a product for review; its journal is held until the end.

    Raises:
        InputError: it cannot be reviewed (see `standing.read_standing`), its images have moved, or
            the journal beside it is of another product.
        OutputError: another review of it is open.
    """
    standing = read_standing(order.out, check=("products.gpkg", ENCLOSED))
    evidence = find_images(standing.paths, standing.manifest, standing.box, images)
    photographs = {
        role: Photographs(paths, evidence.box, shift)
        for role in ("before", "after")
        for paths, shift in [evidence.of(role)]
    }
    path, inside = journal_beside(order.out), standing.paths.folder / ENCLOSED
    follows = read_lines(inside) if inside.is_file() else []
    with open_journal(path, follows) as journal:
        if journal.lines:
            refuse_foreign(journal.lines, standing, path)
        journal.add(
            order.who, "open",
            manifest=sha256_of(standing.paths.manifest), version=standing.version,
        )  # fmt: skip
        sample = _sample(order, standing, journal)
        yield Review(standing, photographs, journal, order.who, _order(standing, sample), sample)


def _sample(order: ReviewOrder, standing: Standing, journal: Journal) -> tuple[Drawn, ...]:
    """The sample asked for; one drawn alike before is gone on with."""
    if order.sample is None:
        return ()
    asked = {"size": order.sample, "seed": order.seed}
    for line in reversed(journal.lines):
        if line["what"] == "sample" and {"size": line["size"], "seed": line["seed"]} == asked:
            return tuple(drawn_from(one) for one in line["strata"])
    frame = standing.buildings
    drawn = draw(
        frame["damage_gra"].to_numpy(object), frame["confidence"].to_numpy(float),
        order.sample, order.seed,
    )  # fmt: skip
    journal.add(order.who, "sample", **asked, strata=[one.as_dict() for one in drawn])
    return tuple(drawn)


def _order(standing: Standing, sample: Sequence[Drawn]) -> tuple[int, ...]:
    """Rows to look at; of a sample in turn from each stratum: any first part is a sample too."""
    if sample:
        places = [
            ((place + 0.5) / len(one.rows), row)
            for one in sample
            for place, row in enumerate(one.rows)
        ]
        return tuple(row for _, row in sorted(places))
    frame = standing.buildings
    chances = frame[list(PROBABILITIES)].to_numpy(float)
    return tuple(least_certain_first(chances, frame["area_m2"].to_numpy(float)).tolist())


def _standing_grades(lines: Sequence[Line]) -> list[Line]:
    """Grades that nobody took back, in the order of time."""
    found: list[Line] = []
    for line in lines:
        if line["what"] == "grade":
            if "undoes" in line:
                found = [one for one in found if one["n"] != line["undoes"]]
            else:
                found.append(line)
    return found


async def _asked(request: Request) -> dict[str, Any]:
    try:
        found = json.loads(await request.body())
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _unit_of(box: GeoBox) -> float:
    """Units of a grid in a metre on the ground."""
    return abs(float(box.affine.a)) / ground_gsd(box)


def _bare(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _number(value: Any, digits: int = 3) -> float | None:
    number = float(value)
    return round(number, digits) if math.isfinite(number) else None


def _nothing() -> Response:
    return JSONResponse({"error": "no such building or picture"}, 404)
