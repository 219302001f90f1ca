"""What a town looks like: one frozen `Style` per kind of settlement.

Shares are relative weights. Lengths are metres, areas square metres.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

__all__ = ["STYLES", "Style"]

Range = tuple[float, float]
Weights = Mapping[str, float]


def _weights(**shares: float) -> Weights:
    return MappingProxyType(shares)


@dataclass(frozen=True)
class Style:
    """Parameters from which one kind of settlement is grown."""

    name: str
    fabric: str  # street pattern: grid, bent, organic, village
    block_m: Range  # spacing of streets across and along
    bend_m: float  # amplitude of the smooth warp that bends streets
    street_width_m: Range
    dirt_streets: float  # share of streets without asphalt
    sidewalk_m: float
    parcel_m2: Range
    coverage: Range  # footprint over parcel area
    setback_m: Range
    storeys: Range
    plans: Weights  # footprint shapes: box, L, T, U, courtyard, cluster, fill, row
    roofs: Weights  # flat, gable, hip, shed
    materials: Weights  # shingle, tile, metal, membrane, concrete, gravel, thatch
    yards: Weights  # ground cover of a parcel
    land_use: Weights  # use of a whole block; `built` is the one with parcels
    trees_per_ha: Range
    street_trees: float  # share of streets with a row of trees
    vehicles_per_100m: float
    empty: float = 0.05  # share of parcels left without a building
    outbuilding: float = 0.3  # share of parcels with a shed or garage
    pool: float = 0.0
    wooded: float = 0.0  # share of built blocks under a canopy
    barriers: Weights = field(
        default_factory=lambda: _weights(none=6, arterial=1.5, rail=0.7, river=1.0, coast=0.3),
    )  # what may cross the whole town
    # What a look-alike of a real town adds; quantiles at even steps of probability, 0 to 1. Left
    # empty or None they change nothing. `world/fit.py` fills them.
    order: float | None = None  # 1 streets of a strictly aligned field, 0 strongly turned
    dead_ends: float | None = None  # share of street ends left open
    footprint_m2: tuple[float, ...] = ()  # quantiles of footprint area
    elongation: tuple[float, ...] = ()  # quantiles of width over length of the footprint's box
    block_coverage: tuple[float, ...] = ()  # quantiles over blocks of footprint over block area
    attached: float = 0.0  # share of buildings that line the street wall to wall


_SUBURB_USE = _weights(
    built=14,
    park=1.2,
    forest=1.4,
    field=0.5,
    carpark=0.5,
    sport=0.7,
    pond=0.6,
    bare=0.5,
    school=0.6,
    hall=0.4,
)

STYLES: Mapping[str, Style] = MappingProxyType(
    {
        style.name: style
        for style in (
            Style(
                name="suburb",
                fabric="bent",
                block_m=(55, 170),
                bend_m=18,
                street_width_m=(6, 10),
                dirt_streets=0.04,
                sidewalk_m=1.5,
                parcel_m2=(450, 1100),
                coverage=(0.14, 0.34),
                setback_m=(2, 6),
                storeys=(1, 2.4),
                plans=_weights(box=5, L=3, T=1.5, U=0.6, cluster=3),
                roofs=_weights(gable=5, hip=4, flat=0.8, shed=0.3),
                materials=_weights(shingle=7, tile=2, metal=1.2, membrane=0.4, concrete=0.2),
                yards=_weights(lawn=8, meadow=2, bare=0.7, gravel=0.3),
                land_use=_SUBURB_USE,
                trees_per_ha=(8, 90),
                street_trees=0.3,
                vehicles_per_100m=2.5,
                outbuilding=0.35,
                pool=0.1,
                wooded=0.5,
            ),
            Style(
                name="centre",
                fabric="grid",
                block_m=(55, 130),
                bend_m=7,
                street_width_m=(7, 15),
                dirt_streets=0.0,
                sidewalk_m=2.2,
                parcel_m2=(160, 620),
                coverage=(0.6, 0.95),
                setback_m=(0, 1.0),
                storeys=(1, 6),
                plans=_weights(fill=5, box=3, L=2, U=1, courtyard=1.4, T=0.6),
                roofs=_weights(flat=6, gable=2, hip=1.5, shed=0.8),
                materials=_weights(
                    concrete=3, membrane=2.5, tile=3, metal=1.6, gravel=1.2, shingle=0.6
                ),
                yards=_weights(concrete=4, lawn=2, bare=1.2, gravel=1),
                land_use=_weights(
                    built=16,
                    park=1.3,
                    carpark=1,
                    sport=0.7,
                    bare=0.4,
                    hall=0.8,
                    school=0.6,
                    plaza=0.6,
                ),
                trees_per_ha=(4, 50),
                street_trees=0.4,
                vehicles_per_100m=6,
                outbuilding=0.25,
                pool=0.01,
                wooded=0.12,
            ),
            Style(
                name="industry",
                fabric="grid",
                block_m=(110, 260),
                bend_m=5,
                street_width_m=(9, 16),
                dirt_streets=0.08,
                sidewalk_m=1.5,
                parcel_m2=(2500, 12000),
                coverage=(0.25, 0.6),
                setback_m=(5, 14),
                storeys=(1.6, 4),
                plans=_weights(box=6, L=2, U=0.6, T=0.6),
                roofs=_weights(flat=6, gable=3, shed=0.6),
                materials=_weights(membrane=4, metal=5, gravel=1.5, concrete=1),
                yards=_weights(concrete=3, asphalt=4, gravel=2, bare=1.5, lawn=1.5),
                land_use=_weights(
                    built=10, field=1, forest=0.8, carpark=1.5, bare=1.2, pond=0.5, depot=1.4
                ),
                trees_per_ha=(1, 14),
                street_trees=0.15,
                vehicles_per_100m=3,
                outbuilding=0.4,
            ),
            Style(
                name="village",
                fabric="village",
                block_m=(160, 380),
                bend_m=30,
                street_width_m=(4.5, 8),
                dirt_streets=0.45,
                sidewalk_m=0.0,
                parcel_m2=(700, 3200),
                coverage=(0.06, 0.22),
                setback_m=(3, 10),
                storeys=(1, 2),
                plans=_weights(box=6, L=2.5, T=1, U=0.8, cluster=0.6),
                roofs=_weights(gable=6, hip=2.5, flat=0.6, shed=0.8),
                materials=_weights(
                    shingle=2, tile=2.5, metal=4, membrane=0.3, thatch=0.4, concrete=0.3
                ),
                yards=_weights(lawn=4, meadow=4, bare=2.2, gravel=0.4),
                land_use=_weights(
                    built=5,
                    field=5,
                    forest=6,
                    meadow=3,
                    orchard=0.7,
                    pond=0.7,
                    bare=0.6,
                    paddock=1.2,
                    golf=0.7,
                    hall=0.2,
                ),
                trees_per_ha=(10, 130),
                street_trees=0.2,
                vehicles_per_100m=0.8,
                empty=0.15,
                outbuilding=0.6,
                pool=0.05,
                wooded=0.5,
                barriers=_weights(none=6, arterial=0.8, rail=0.7, river=1.8, coast=0.7),
            ),
            Style(
                name="informal",
                fabric="organic",
                block_m=(28, 75),
                bend_m=8,
                street_width_m=(2, 5),
                dirt_streets=0.7,
                sidewalk_m=0.0,
                parcel_m2=(45, 190),
                coverage=(0.55, 0.95),
                setback_m=(0, 0.6),
                storeys=(1, 3.4),
                plans=_weights(box=6, fill=4, L=1.6),
                roofs=_weights(flat=4, shed=3, gable=2.5),
                materials=_weights(metal=6, concrete=4, tile=1, membrane=0.6),
                yards=_weights(bare=6, concrete=2, meadow=1.5),
                land_use=_weights(built=18, bare=1, meadow=1, field=0.6, sport=0.3, forest=0.5),
                trees_per_ha=(2, 60),
                street_trees=0.05,
                vehicles_per_100m=0.8,
                outbuilding=0.2,
            ),
        )
    },
)
