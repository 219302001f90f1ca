"""Routes as files that navigation and GIS read: GPX 1.1 and GeoJSON (RFC 7946)."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape

import shapely

from geomage.errors import InputError, OutputError
from geomage.geo import refuse_file
from geomage.product.access.routing import Route

__all__ = ["check_track", "route_geojson", "route_gpx", "write_track"]

_PLACES: Final = 7  # decimals of a degree: a centimetre


def check_track(path: Path, *, overwrite: bool) -> None:
    """Raise before any work when a route cannot be written to a path.

    Raises:
        InputError: it ends in none of the endings known.
        OutputError: something stands there, or nothing can be written there.
    """
    if path.suffix.lower() not in _WRITERS:
        raise InputError(f"-o {path}: routes are written as {', '.join(_WRITERS)}")
    refuse_file(path, overwrite=overwrite)


def write_track(route: Route, path: Path) -> Path:
    """Write a route in the format of the ending, whole or not at all."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        part.write_text(_WRITERS[path.suffix.lower()](route), encoding="utf-8", newline="\n")
        part.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
    return path


def route_geojson(route: Route) -> str:
    """A collection: the route first, then each unverified stretch, then the two places."""
    record = route.as_dict()
    numbers = {key: value for key, value in record.items() if key not in ("legs", "unverified")}
    features = [_feature("route", route.line, numbers)]
    features += [
        _feature("unverified", one.line, words)
        for one, words in zip(route.unverified, record["unverified"], strict=True)
    ]
    for kind, place in (("from", route.origin), ("to", route.target)):
        features.append(_feature(kind, shapely.Point(place.lon, place.lat), {}))
    whole = {"type": "FeatureCollection", "features": features}
    return json.dumps(whole, ensure_ascii=False, allow_nan=False) + "\n"


def _feature(kind: str, shape: Any, words: Mapping[str, Any]) -> dict[str, Any]:
    drawn = shapely.geometry.mapping(shapely.transform(shape, lambda xy: xy.round(_PLACES)))
    return {"type": "Feature", "properties": {"what": kind, **words}, "geometry": drawn}


def route_gpx(route: Route) -> str:
    """A track, with a waypoint for each place and where each unverified stretch begins."""
    points = [
        ("From", route.origin.lon, route.origin.lat),
        ("To", route.target.lon, route.target.lat),
    ]
    points += [
        (
            f"Unverified {one.length_m:.0f} m: {one.why}",
            one.line.coords[0][0],
            one.line.coords[0][1],
        )
        for one in route.unverified
    ]
    marks = "".join(
        f'<wpt lat="{lat:.{_PLACES}f}" lon="{lon:.{_PLACES}f}"><name>{_text(name)}</name></wpt>\n'
        for name, lon, lat in points
    )
    track = "".join(
        f'<trkpt lat="{lat:.{_PLACES}f}" lon="{lon:.{_PLACES}f}"/>\n'
        for lon, lat in route.line.coords
    )
    said = f"{route.length_m / 1000:.1f} km, {route.seconds / 60:.0f} min"
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<gpx version="1.1" creator="geomage" xmlns="http://www.topografix.com/GPX/1/1">\n'
        f"{marks}<trk><name>Route</name><desc>{_text(said)}</desc><trkseg>\n{track}"
        "</trkseg></trk>\n</gpx>\n"
    )


def _text(text: str) -> str:
    """Text that XML 1.0 may hold: without control characters."""
    return escape("".join(one for one in text if one >= " " and one not in "\ufffe\uffff"))


_WRITERS: Final[Mapping[str, Callable[[Route], str]]] = {
    ".gpx": route_gpx,
    ".geojson": route_geojson,
    ".json": route_geojson,
}
