"""What the script of the report reads: shapes and figures as JSON, small and harmless."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any, Final

import numpy as np

from geomage.geo import ground_gsd
from geomage.product.page.chips import CHIP_PX, COLUMNS, Chips
from geomage.product.page.drawing import Drawing, Group, Shapes
from geomage.product.page.findings import Findings
from geomage.product.page.looks import LOOKS
from geomage.product.page.outlines import encoded
from geomage.product.squares import square_grid
from geomage.product.surface import lonlat

__all__ = ["page_data"]

_LONGEST: Final = 80  # characters of a name or a reason


def page_data(found: Findings, drawing: Drawing) -> str:
    """JSON that cannot close its own script element.

    Coordinates are tenths of a picture pixel, each path its first point and then steps. A building
    is [id, paths, grade, confidence, chances in thousandths, area in m², longitude, latitude,
    reason]; ids are those of ``products.gpkg``.
    """
    grid = square_grid(found.box)
    scale = found.before.width / int(found.box.shape[1])
    record = {
        "width": found.before.width,
        "height": found.before.height,
        "metres_px": ground_gsd(found.box) / scale,
        "square_px": grid.side_px * scale,
        "columns": grid.columns,
        "rows": grid.rows,
        "looks": {name: asdict(look) for name, look in LOOKS.items()},
        "chips": None if found.chips is None else _chips(found.chips),
        "layers": [_layer(shapes) for shapes in drawing.layers],
        "groups": [
            {"word": group.word, "css": group.key, "rows": _rows(group)} for group in drawing.groups
        ],
    }
    text = json.dumps(record, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _chips(chips: Chips) -> dict[str, Any]:
    """Where each square lies on the sheets (in order) and on the picture."""
    places = [None if one is None else [round(v, 1) for v in one] for one in chips.places]
    return {"px": CHIP_PX, "columns": COLUMNS, "places": places}


def _layer(shapes: Shapes) -> dict[str, Any]:
    return {
        "key": shapes.key,
        "closed": shapes.closed,
        "names": [name[:_LONGEST] for name in shapes.names],
        "paths": [[encoded(path) for path in shape] for shape in shapes.paths],
    }


def _rows(group: Group) -> list[list[Any]]:
    places = lonlat(group.rows.geometry)
    chances = group.rows[["p_none", "p_minor", "p_major", "p_destroyed"]].to_numpy(float)
    columns = ("building_id", "grade", "confidence", "area_m2", "reason")
    rows = zip(*(group.rows[name].tolist() for name in columns), strict=True)
    return [
        [
            name[:_LONGEST] if isinstance(name, str) else int(name),
            [encoded(path) for path in group.paths[i]],
            int(grade),
            _round(sure, 3),
            _chances(chances[i], sure),
            _round(area, 1) or 0,
            _round(places[i, 0], 6),
            _round(places[i, 1], 6),
            reason[:_LONGEST] if isinstance(reason, str) and group.key != "mapped" else None,
        ]
        for i, (name, grade, sure, area, reason) in enumerate(rows)
    ]


def _chances(p: np.ndarray, sure: float | None) -> list[int] | None:
    """Thousandths by grade; none for a building that was not analysed."""
    if sure is None or math.isnan(sure):
        return None
    return [round(1000 * one) for one in p.tolist()]


def _round(value: float | None, digits: int) -> float | None:
    return None if value is None or not math.isfinite(value) else round(float(value), digits)
