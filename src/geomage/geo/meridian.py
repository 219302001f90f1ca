"""The 180th meridian, where longitudes jump by 360 degrees and images do not.

Images that reach over it, or lie on both sides of it, get a CRS that counts from that meridian: the
same places with their seam on the other side of the earth.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import pyproj
from affine import Affine
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox

from geomage.errors import InputError
from geomage.geo.grid import place

_NEAR = 0.4  # of a turn: centres beyond it on both sides lie nearer over the seam than over zero
_SUFFIX = " from the 180th meridian"
_WEB = "Popular Visualisation Pseudo Mercator"
_TRUE_ELLIPSOIDS = ("WGS 84", "GRS 1980")  # their datums agree to a metre or two


def unrolled(boxes: Sequence[GeoBox]) -> list[GeoBox]:
    """The grids with places of one turn of the earth, and without a seam among them.

    Args:
        boxes: grids of the images of one job; those whose CRS has no seam there stay as they are.

    Raises:
        InputError: an image reaches over the 180th meridian in a CRS that cannot count from it.
    """
    turned = [_first_turn(box) for box in boxes]
    spans = [span for span in map(_span, turned) if span is not None]
    over = any(left < -0.5 or right > 0.5 for left, right in spans)
    middles = [(left + right) / 2 for left, right in spans]
    if not over and not (max(middles, default=0) > _NEAR and min(middles, default=0) < -_NEAR):
        return turned
    return [box if _turn(box) is None else _from_seam(box) for box in turned]


def counts_from_seam(box: GeoBox) -> bool:
    """Whether the CRS of a grid is one that `unrolled` made."""
    return box.crs is not None and str(box.crs.proj.name).endswith(_SUFFIX)


def _turn(box: GeoBox) -> float | None:
    """Once around the earth in units of the CRS; None where it has no seam at 180 degrees."""
    if box.crs is None:
        return None
    crs = box.crs.proj
    if crs.prime_meridian is None or crs.prime_meridian.longitude != 0:
        return None
    if crs.is_geographic and crs.axis_info[0].unit_name == "degree":
        return 360.0
    operation, ellipsoid = crs.coordinate_operation, crs.ellipsoid
    if ellipsoid is not None and operation is not None and operation.method_name == _WEB:
        return float(2 * math.pi * ellipsoid.semi_major_metre)
    return None


def _span(box: GeoBox) -> tuple[float, float] | None:
    """Least and greatest x of the corners, in turns from the meridian of zero."""
    turn = _turn(box)
    if turn is None:
        return None
    rows, cols = box.shape
    xs = [place(box, col, row)[0] / turn for col in (0, cols) for row in (0, rows)]
    # A hundredth of a pixel over the edge of the world is rounding.
    slack = abs(box.affine.a) / turn / 100
    return min(xs) + slack, max(xs) - slack


def _first_turn(box: GeoBox) -> GeoBox:
    """The same place with its centre between -180 and 180 degrees."""
    span, turn = _span(box), _turn(box)
    if span is None or turn is None:
        return box
    return _moved(box, -round(sum(span) / 2) * turn, box.crs)


def _from_seam(box: GeoBox) -> GeoBox:
    """The same place in a CRS whose zero lies at the 180th meridian."""
    turn = _turn(box)
    assert turn is not None
    assert box.crs is not None
    middle = place(box, box.shape[1] / 2, box.shape[0] / 2)[0]
    return _moved(box, -math.copysign(turn / 2, middle), _seam_crs(box.crs))


def _moved(box: GeoBox, east: float, crs: CRS | None) -> GeoBox:
    if east == 0 and crs == box.crs:
        return box
    return GeoBox(box.shape, Affine.translation(east, 0) @ box.affine, crs)


def _seam_crs(crs: CRS) -> CRS:
    record = crs.proj.to_json_dict()
    record["name"] += _SUFFIX
    record.pop("id", None)
    if not crs.geographic:
        for parameter in record["conversion"]["parameters"]:
            if parameter["name"] == "Longitude of natural origin":
                parameter["value"] = 180
        return CRS(pyproj.CRS.from_json_dict(record).to_wkt())
    ellipsoid = crs.proj.ellipsoid
    if ellipsoid is None or ellipsoid.name not in _TRUE_ELLIPSOIDS:
        raise InputError(
            f"an image in {crs.proj.name!r} reaches over the 180th meridian; bring it to a "
            "projected CRS first (gdalwarp -t_srs EPSG:32601 or EPSG:32760, the UTM zones there)"
        )
    known = record.pop("datum_ensemble", None) or record["datum"]
    record["datum"] = {
        "type": "GeodeticReferenceFrame",
        "name": known["name"].removesuffix(" ensemble"),
        "ellipsoid": known["ellipsoid"],
        "prime_meridian": {"name": "180th meridian", "longitude": 180},
    }
    return CRS(pyproj.CRS.from_json_dict(record).to_wkt())
