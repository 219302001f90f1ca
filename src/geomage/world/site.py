"""Where a grown town stands: on a plane of its own, or on real terrain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from odc.geo.crs import CRS
from pyproj.exceptions import CRSError

from geomage.world.sources import Source

__all__ = ["Site"]

MOST_CRS = 20_000  # characters


@dataclass(frozen=True)
class Site:
    """The place of a town. Without a terrain model, plain metres of a UTM zone."""

    crs: str = "EPSG:32631"
    origin: tuple[float, float] = (500_000.0, 5_400_000.0)
    """South-west corner of the town, metres in `crs`."""
    dtm: Source | None = None
    """What the terrain was read from; None where it is grown, too."""
    path: Path | None = None
    """Where that lies; a city folder does not keep it."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, which `of` reads."""
        return {
            "crs": self.crs,
            "origin": list(self.origin),
            "dtm": None if self.dtm is None else asdict(self.dtm),
        }

    @staticmethod
    def of(record: Mapping[str, Any]) -> Site:
        """Read what `as_dict` made of one, through JSON.

        Raises:
            KeyError, TypeError, ValueError: it is not what was written.
        """
        x, y = (float(v) for v in record["origin"])
        crs, dtm = record["crs"], record["dtm"]
        if not isinstance(crs, str) or len(crs) > MOST_CRS or not (isfinite(x) and isfinite(y)):
            raise ValueError("site: no place")
        try:
            CRS(crs)
        except CRSError:
            raise ValueError("site: crs is none that is known") from None
        return Site(crs, (x, y), None if dtm is None else Source(**dtm))
