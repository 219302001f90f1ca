"""What grows a town: one frozen `Style` per kind of settlement.

Shares are relative weights. Lengths are metres, areas square metres.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

__all__ = ["Style", "Weights", "weights"]

Range = tuple[float, float]
Weights = Mapping[str, float]


def weights(**shares: float) -> Weights:
    """Relative weights of words."""
    return MappingProxyType(shares)


@dataclass(frozen=True)
class Style:
    """Parameters from which one kind of settlement is grown."""

    name: str
    fabric: str  # street pattern, a name in `streets.FABRICS`
    block_m: Range  # spacing of streets across and along
    bend_m: float  # how far arterials stray from straight lines
    street_width_m: Range
    dirt_streets: float  # share of streets without asphalt
    sidewalk_m: float
    parcel_m2: Range
    coverage: Range  # footprint over parcel area
    setback_m: Range
    storeys: Range
    plans: Weights  # box, L, T, U, courtyard, cluster, fill, and the kinds of `kinds.KINDS`
    roofs: Weights  # forms of `roofs.FORMS`
    materials: Weights  # shingle, tile, metal, membrane, concrete, gravel, thatch
    yards: Weights  # ground cover of a parcel
    land_use: Weights  # use of a whole block; `built` is the one with parcels
    trees_per_ha: Range
    street_trees: float  # share of streets with a row of trees
    vehicles_per_100m: float
    clutter: float = 0.002  # things kept in yards, each m²
    fences: Weights = field(default_factory=lambda: weights(none=1))  # none, fence, wall, hedge
    empty: float = 0.05  # share of parcels left without a building
    outbuilding: float = 0.3  # share of parcels with a shed or garage
    pool: float = 0.0
    wooded: float = 0.0  # share of built blocks under a canopy
    barriers: Weights = field(
        default_factory=lambda: weights(none=6, motorway=0.8, rail=0.7, river=1.0, coast=0.3),
    )  # what may cross the whole town
    district_m: Range = (380, 700)  # between arterials
    bricks: float = 0.3  # jitter of districts: 0.1 nearly rectangles, 0.4 no two alike
    arterial_m: Range = (10, 24)  # width
    order: float | None = None  # 1 parallel streets, 0 turned ones; None as the fabric has it
    dead_ends: float | None = None  # share of cross streets left open; None as the fabric has it
    lanes: bool = False  # paths through blocks too deep for their parcels
    quarters: Weights = field(default_factory=weights)  # share of districts in other styles
    strip_m: float = 0.0  # depth behind the street that is built on; 0 the whole block
    # What a look-alike of a real town adds; quantiles at even steps of probability, 0 to 1. Left
    # empty or None they change nothing. `world/fit.py` fills them.
    footprint_m2: tuple[float, ...] = ()  # quantiles of footprint area
    elongation: tuple[float, ...] = ()  # quantiles of width over length of the footprint's box
    block_coverage: tuple[float, ...] = ()  # quantiles over blocks of footprint over block area
    attached: float = 0.0  # share of buildings that line the street wall to wall
    heading_deg: tuple[float, ...] = ()  # quantiles of districts' directions from the town's, ±45
