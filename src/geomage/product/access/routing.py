"""The fastest route that works, and what of it nobody has verified.

A route begins and ends on the street nearest to each place. Where that street does not work, it
begins on one that does and is no more than 50 m farther: one walks so far, and the record says it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import shapely
from geopandas import GeoDataFrame, GeoSeries
from odc.geo.geobox import GeoBox
from shapely.ops import substring

from geomage.errors import InputError, RunError
from geomage.product.access.facilities import FARTHEST_M, spots_on
from geomage.product.access.network import Network, Path, Spots, fastest_path
from geomage.product.access.roads import to_plane
from geomage.product.access.states import FLOODED, UNKNOWN
from geomage.product.access.transport import in_plane, lengths_m, network_of, working_seconds
from geomage.product.schema import UNKNOWN as NAMELESS

__all__ = ["WALK_M", "Leg", "Place", "Route", "Unverified", "Wish", "find_route"]

WALK_M: Final = 50.0
_LONLAT: Final = "EPSG:4326"
_SAID_M: Final = 30.0  # from a place to its street, worth a word
UNNAMED: Final = "unnamed street"
"""Said of a street without a name: the service's Unknown would pass for its state."""


@dataclass(frozen=True)
class Place:
    """Longitude and latitude in degrees, WGS 84."""

    lon: float
    lat: float

    def __str__(self) -> str:
        return f"{self.lon:g},{self.lat:g}"


@dataclass(frozen=True)
class Wish:
    """What a route may use beside passable streets."""

    through_unknown: bool = False
    wade_m: float = 0.0
    """Depth of known water that the vehicle may go through, metres."""


@dataclass(frozen=True)
class Leg:
    """A stretch along one street."""

    name: str
    length_m: float
    seconds: float


@dataclass(frozen=True)
class Unverified:
    """A stretch of a route whose state is not known, or that stands under water."""

    name: str
    state: str
    why: str
    length_m: float
    line: shapely.LineString  # lon/lat


@dataclass(frozen=True)
class Route:
    """A route: its line in lon/lat, its stretches, and what to know of it."""

    origin: Place
    target: Place
    line: shapely.LineString
    legs: tuple[Leg, ...]
    unverified: tuple[Unverified, ...]
    length_m: float
    seconds: float
    seconds_before: float | None
    """Of the fastest route before the event; None where there was none."""
    gaps_m: tuple[float, float]
    """From the places to where the route begins and ends."""
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """JSON-able record, without lines."""
        return {
            "from": [self.origin.lon, self.origin.lat],
            "to": [self.target.lon, self.target.lat],
            "length_m": round(self.length_m, 1),
            "seconds": round(self.seconds, 1),
            "seconds_before": None
            if self.seconds_before is None
            else round(self.seconds_before, 1),
            "from_street_m": round(self.gaps_m[0], 1),
            "to_street_m": round(self.gaps_m[1], 1),
            "legs": [
                {
                    "name": leg.name,
                    "length_m": round(leg.length_m, 1),
                    "seconds": round(leg.seconds, 1),
                }
                for leg in self.legs
            ],
            "unverified_m": round(sum(one.length_m for one in self.unverified), 1),
            "unverified": [
                {"name": u.name, "state": u.state, "why": u.why, "length_m": round(u.length_m, 1)}
                for u in self.unverified
            ],
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class _Ground:
    """A network and its lines in the plane of the grid."""

    frame: GeoDataFrame
    box: GeoBox
    network: Network
    lines: np.ndarray


def find_route(
    frame: GeoDataFrame, box: GeoBox, places: tuple[Place, Place], wish: Wish = Wish()
) -> Route:
    """Find the fastest route between two places.

    Args:
        frame: segments of `transport.COLUMNS`, at least one.
        box: grid of the product.
        places: from and to.
        wish: what it may use.

    Raises:
        InputError: a place lies more than 1 km from every street.
        RunError: there is no route that works.
    """
    frame = frame.assign(name=frame["name"].replace(NAMELESS, UNNAMED))
    ground = _Ground(frame, box, network_of(frame), in_plane(frame, box))
    seconds = working_seconds(frame, through_unknown=wish.through_unknown, wade_m=wish.wade_m)
    (first, gap, said), (last, other, also) = (
        _entered(ground, seconds, place, role)
        for place, role in zip(places, ("from", "to"), strict=True)
    )
    path = fastest_path(ground.network, seconds, first, last)
    if path is None:
        raise RunError(_no_route(ground, wish, places, (first, last)))
    dry = frame["seconds"].to_numpy(float)
    before = fastest_path(ground.network, dry, first, last)
    pieces, shares = _pieces(ground, path, first, last)
    lengths = lengths_m(pieces)
    return Route(
        *places,
        line=shapely.LineString(_joined(pieces)),
        legs=_legs(frame, path, lengths, shares * seconds[path.segments]),
        unverified=_unverified(frame, path, pieces, lengths),
        length_m=float(lengths.sum()),
        seconds=path.seconds,
        seconds_before=None if before is None else before.seconds,
        gaps_m=(gap, other),
        notes=(*said, *also),
    )


def _entered(
    ground: _Ground, seconds: np.ndarray, place: Place, role: str
) -> tuple[Spots, float, list[str]]:
    """Where a route begins or ends, how far that is from the place, and what to say of it."""
    assert ground.box.crs is not None
    placed = GeoSeries.from_xy([place.lon], [place.lat], crs=_LONLAT)
    point = to_plane(placed.to_crs(ground.box.crs.to_wkt()).to_numpy(), ground.box)
    if not np.isfinite(shapely.get_coordinates(point)).all():
        raise InputError(f"--{role} {place} lies outside the area where the CRS of the map holds")
    open_air = ground.frame["level"].to_numpy() >= 0
    nearest, far = spots_on(ground.lines, point, open_air)
    if far[0] > FARTHEST_M:
        raise InputError(
            f"--{role} {place} lies {_metres(far[0])} from the nearest street of the product, more "
            f"than {_metres(FARTHEST_M)}: is it LON,LAT, and of this place?"
        )
    works, reach = spots_on(ground.lines, point, open_air & np.isfinite(seconds))
    if reach[0] > far[0] + WALK_M:
        return nearest, float(far[0]), []
    row = ground.frame.iloc[int(nearest.segment[0])]
    said = []
    if reach[0] > far[0] + 1:
        said.append(
            f"the street nearest to --{role} ({row['name']}) is {row['state']}: {row['why']}; the "
            f"route {'begins' if role == 'from' else 'ends'} {_metres(reach[0])} from the place"
        )
    elif reach[0] > _SAID_M:
        said.append(f"--{role} lies {_metres(reach[0])} from the nearest street")
    return works, float(reach[0]), said


def _no_route(
    ground: _Ground, wish: Wish, places: tuple[Place, Place], spots: tuple[Spots, Spots]
) -> str:
    """Why there is no route, and what would be one."""
    text = f"no passable route from {places[0]} to {places[1]}"
    frame = ground.frame
    dry = frame["seconds"].to_numpy(float)
    if fastest_path(ground.network, dry, *spots) is None:
        return f"{text}: the streets given do not join them, before the event either"
    seconds = working_seconds(frame, through_unknown=wish.through_unknown, wade_m=wish.wade_m)
    for role, spot in zip(("--from", "--to"), spots, strict=True):
        row = frame.iloc[int(spot.segment[0])]
        if not np.isfinite(seconds[int(spot.segment[0])]):
            text += f"; the street at {role} ({row['name']}) is {row['state']}: {row['why']}"
    if wish.through_unknown:
        return f"{text}; none through unknown streets either"
    path = fastest_path(
        ground.network, working_seconds(frame, through_unknown=True, wade_m=wish.wade_m), *spots
    )
    if path is None:
        return f"{text}; none through unknown streets either"
    rows = frame.iloc[path.segments]
    unknown = rows[rows["state"] == UNKNOWN]
    metres = float(unknown["length_m"].sum())
    return (
        f"{text}; one of {path.seconds / 60:.0f} min goes through {len(unknown)} unverified "
        f"segments ({_metres(metres)}): ask for it with --through-unknown"
    )


def _pieces(ground: _Ground, path: Path, first: Spots, last: Spots) -> tuple[GeoSeries, np.ndarray]:
    """Lines of a path in lon/lat as it is gone, and the share gone of each segment."""
    begin = np.where(path.forward, 0.0, 1.0)
    end = 1.0 - begin
    begin[0], end[-1] = first.share[0], last.share[0]
    shapes = ground.frame.geometry.to_numpy()[path.segments]
    lines = [
        substring(line, a, b, normalized=True)
        for line, a, b in zip(shapes, begin, end, strict=True)
    ]
    parts = [
        line if line.geom_type == "LineString" else shapely.LineString([*line.coords, *line.coords])
        for line in lines
    ]
    placed = GeoSeries(np.array([*parts, None], object)[:-1], crs=ground.frame.crs)
    return placed.to_crs(_LONLAT), np.abs(end - begin)


def _joined(pieces: GeoSeries) -> np.ndarray:
    """Places (n, 2) along all pieces, each once, and two at least."""
    xy = shapely.get_coordinates(pieces.to_numpy())
    fresh = np.r_[True, (np.abs(np.diff(xy, axis=0)) > 1e-9).any(1)]
    kept = xy[fresh]
    return kept if len(kept) > 1 else np.concatenate([kept, kept])


def _legs(
    frame: GeoDataFrame, path: Path, lengths: np.ndarray, seconds: np.ndarray
) -> tuple[Leg, ...]:
    """Stretches of one name."""
    names = frame["name"].to_numpy(object)[path.segments]
    ends = np.flatnonzero(np.r_[names[1:] != names[:-1], True]) + 1
    starts = np.r_[0, ends[:-1]]
    return tuple(
        Leg(str(names[a]), float(lengths[a:b].sum()), float(seconds[a:b].sum()))
        for a, b in zip(starts, ends, strict=True)
    )


def _unverified(
    frame: GeoDataFrame, path: Path, pieces: GeoSeries, lengths: np.ndarray
) -> tuple[Unverified, ...]:
    """Segments of a route that are unknown or flooded, in order; equal neighbours are one."""
    rows = frame.iloc[path.segments]
    kept = np.flatnonzero(rows["state"].isin([UNKNOWN, FLOODED]).to_numpy())
    words: list[Mapping[str, str]] = rows[["name", "state", "why"]].to_dict("records")
    found: list[list[int]] = []
    for i in kept:
        if found and found[-1][-1] == i - 1 and words[i] == words[i - 1]:
            found[-1].append(int(i))
        else:
            found.append([int(i)])
    return tuple(
        Unverified(
            **words[some[0]],
            length_m=float(lengths[some].sum()),
            line=shapely.LineString(_joined(pieces.iloc[some])),
        )
        for some in found
    )


def _metres(value: float) -> str:
    return f"{value / 1000:.1f} km" if value >= 1000 else f"{value:.0f} m"
