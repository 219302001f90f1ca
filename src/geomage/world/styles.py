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
    fences: Weights = field(default_factory=lambda: _weights(none=1))  # none, fence, wall, hedge
    empty: float = 0.05  # share of parcels left without a building
    outbuilding: float = 0.3  # share of parcels with a shed or garage
    pool: float = 0.0
    wooded: float = 0.0  # share of built blocks under a canopy
    barriers: Weights = field(
        default_factory=lambda: _weights(none=6, motorway=0.8, rail=0.7, river=1.0, coast=0.3),
    )  # what may cross the whole town
    district_m: Range = (380, 700)  # between arterials
    bricks: float = 0.3  # jitter of districts: 0.1 nearly rectangles, 0.4 no two alike
    arterial_m: Range = (10, 24)  # width
    order: float | None = None  # 1 parallel streets, 0 turned ones; None as the fabric has it
    dead_ends: float | None = None  # share of cross streets left open; None as the fabric has it
    lanes: bool = False  # paths through blocks too deep for their parcels
    quarters: Weights = field(default_factory=_weights)  # share of districts in other styles
    strip_m: float = 0.0  # depth behind the street that is built on; 0 the whole block
    # What a look-alike of a real town adds; quantiles at even steps of probability, 0 to 1. Left
    # empty or None they change nothing. `world/fit.py` fills them.
    footprint_m2: tuple[float, ...] = ()  # quantiles of footprint area
    elongation: tuple[float, ...] = ()  # quantiles of width over length of the footprint's box
    block_coverage: tuple[float, ...] = ()  # quantiles over blocks of footprint over block area
    attached: float = 0.0  # share of buildings that line the street wall to wall
    heading_deg: tuple[float, ...] = ()  # quantiles of districts' directions from the town's, ±45


_SUBURB_USE = _weights(
    built=21,
    park=1.2,
    forest=1.4,
    field=0.5,
    plots=0.3,
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
                arterial_m=(9, 20),
                quarters=_weights(culdesac=0.15, estate=0.05, industry=0.06, centre=0.05),
                street_width_m=(6, 10),
                dirt_streets=0.04,
                sidewalk_m=1.5,
                parcel_m2=(450, 1100),
                coverage=(0.14, 0.34),
                setback_m=(2, 6),
                storeys=(1, 2.4),
                plans=_weights(
                    box=5, L=3, T=1.5, U=0.6, cluster=3, row=0.5, slab=0.05, church=0.03
                ),
                roofs=_weights(
                    gable=5, hip=4, flat=0.8, shed=0.3, **{"half-hip": 0.7}, mansard=0.15
                ),
                materials=_weights(shingle=7, tile=2, metal=1.2, membrane=0.4, concrete=0.2),
                yards=_weights(lawn=8, meadow=2, bare=0.7, gravel=0.3),
                fences=_weights(none=3, fence=4, hedge=2, wall=0.5),
                clutter=0.0015,
                land_use=_SUBURB_USE,
                trees_per_ha=(8, 90),
                street_trees=0.3,
                vehicles_per_100m=2.5,
                outbuilding=0.35,
                pool=0.1,
                wooded=0.6,
            ),
            Style(
                name="centre",
                fabric="grid",
                block_m=(55, 130),
                bend_m=9,
                district_m=(280, 560),
                bricks=0.16,
                arterial_m=(12, 26),
                quarters=_weights(oldtown=0.12, estate=0.08, industry=0.04),
                street_width_m=(7, 15),
                dirt_streets=0.0,
                sidewalk_m=2.2,
                parcel_m2=(160, 620),
                coverage=(0.6, 0.95),
                setback_m=(0, 1.0),
                storeys=(1, 6),
                plans=_weights(
                    fill=5,
                    box=3,
                    L=2,
                    U=1,
                    courtyard=1.4,
                    T=0.6,
                    row=1.5,
                    slab=0.8,
                    tower=0.5,
                    church=0.15,
                ),
                roofs=_weights(flat=6, gable=2, hip=1.5, shed=0.8, mansard=1.2),
                materials=_weights(
                    concrete=3, membrane=2.5, tile=3, metal=1.6, gravel=1.2, shingle=0.6
                ),
                yards=_weights(concrete=4, lawn=2, bare=1.2, gravel=1),
                fences=_weights(none=2, wall=4, fence=1),
                clutter=0.012,
                land_use=_weights(
                    built=22,
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
                bend_m=6,
                district_m=(380, 760),
                bricks=0.18,
                quarters=_weights(estate=0.05, suburb=0.05),
                street_width_m=(9, 16),
                dirt_streets=0.08,
                sidewalk_m=1.5,
                parcel_m2=(2500, 12000),
                coverage=(0.25, 0.6),
                setback_m=(5, 14),
                storeys=(1.6, 4),
                plans=_weights(box=6, L=2, U=0.6, T=0.6, warehouse=6, greenhouse=0.2),
                roofs=_weights(flat=6, gable=3, shed=0.6, sawtooth=0.6, barrel=0.4),
                materials=_weights(membrane=4, metal=5, gravel=1.5, concrete=1),
                yards=_weights(concrete=3, asphalt=4, gravel=2, bare=1.5, lawn=1.5),
                fences=_weights(none=1, fence=4, wall=2),
                clutter=0.002,
                land_use=_weights(
                    built=10,
                    field=1,
                    forest=0.8,
                    carpark=1.5,
                    bare=1.2,
                    pond=0.5,
                    depot=1.4,
                    quarry=0.4,
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
                bend_m=32,
                district_m=(600, 1200),
                bricks=0.36,
                arterial_m=(6, 10),
                strip_m=42,
                street_width_m=(4.5, 8),
                dirt_streets=0.45,
                sidewalk_m=0.0,
                parcel_m2=(700, 3200),
                coverage=(0.06, 0.22),
                setback_m=(3, 10),
                storeys=(1, 2),
                plans=_weights(
                    box=6, L=2.5, T=1, U=0.8, cluster=0.6, greenhouse=0.15, church=0.12, row=0.2
                ),
                roofs=_weights(
                    gable=6, hip=2.5, flat=0.6, shed=0.8, **{"half-hip": 0.9}, barrel=0.1
                ),
                materials=_weights(
                    shingle=2, tile=2.5, metal=4, membrane=0.3, thatch=0.4, concrete=0.3
                ),
                yards=_weights(lawn=4, meadow=4, bare=2.2, gravel=0.4),
                fences=_weights(none=3, fence=3, hedge=3, wall=1),
                clutter=0.003,
                land_use=_weights(
                    built=7.5,
                    field=5,
                    forest=6,
                    meadow=3,
                    orchard=0.7,
                    pond=0.7,
                    bare=0.6,
                    paddock=1.2,
                    quarry=0.2,
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
                barriers=_weights(none=6, motorway=0.5, rail=0.7, river=1.8, coast=0.7),
            ),
            Style(
                name="informal",
                fabric="organic",
                block_m=(28, 75),
                bend_m=14,
                district_m=(220, 420),
                bricks=0.4,
                arterial_m=(5, 11),
                lanes=True,
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
                yards=_weights(bare=5, concrete=4, gravel=1, meadow=1.2),
                fences=_weights(none=2, wall=3, fence=2),
                clutter=0.03,
                land_use=_weights(built=18, bare=1, meadow=1, field=0.6, sport=0.3, forest=0.5),
                trees_per_ha=(2, 60),
                street_trees=0.05,
                vehicles_per_100m=0.8,
                outbuilding=0.2,
            ),
            Style(
                name="culdesac",
                fabric="culdesac",
                block_m=(60, 105),
                bend_m=22,
                district_m=(320, 620),
                bricks=0.34,
                arterial_m=(9, 18),
                street_width_m=(6, 9),
                dirt_streets=0.02,
                sidewalk_m=1.5,
                parcel_m2=(340, 760),
                coverage=(0.2, 0.42),
                setback_m=(1.5, 5),
                storeys=(1, 2.4),
                plans=_weights(box=4, L=3, T=1.5, U=0.4, cluster=3.5),
                roofs=_weights(gable=4, hip=6, flat=0.5, shed=0.2),
                materials=_weights(shingle=6, tile=4, metal=0.6, membrane=0.3, concrete=0.2),
                yards=_weights(lawn=8, meadow=1, bare=0.6, gravel=0.8),
                fences=_weights(none=2, fence=5, wall=2, hedge=1),
                clutter=0.0015,
                land_use=_SUBURB_USE,
                trees_per_ha=(6, 70),
                street_trees=0.35,
                vehicles_per_100m=2.5,
                outbuilding=0.25,
                pool=0.2,
                wooded=0.55,
            ),
            Style(  # large houses of many wings under old trees
                name="garden",
                fabric="culdesac",
                block_m=(75, 150),
                bend_m=26,
                district_m=(360, 700),
                bricks=0.34,
                arterial_m=(8, 16),
                quarters=_weights(suburb=0.12, culdesac=0.08, mobile=0.05),
                street_width_m=(5.5, 9),
                dirt_streets=0.02,
                sidewalk_m=1.2,
                parcel_m2=(650, 1500),
                coverage=(0.26, 0.5),
                setback_m=(1.5, 6),
                storeys=(1, 2.6),
                plans=_weights(box=1.5, L=3, T=2, U=1.2, cluster=6, courtyard=0.1),
                roofs=_weights(gable=4, hip=6, flat=0.4, shed=0.3, **{"half-hip": 0.5}),
                materials=_weights(shingle=9, tile=0.7, metal=0.5, membrane=0.5, gravel=0.2),
                yards=_weights(lawn=8, meadow=2, bare=0.6, gravel=0.3),
                fences=_weights(none=3, fence=3, hedge=3, wall=0.5),
                land_use=_weights(
                    built=24,
                    park=1,
                    forest=1.2,
                    pond=0.6,
                    sport=0.5,
                    school=0.4,
                    carpark=0.3,
                    bare=0.3,
                ),
                trees_per_ha=(60, 200),
                street_trees=0.5,
                vehicles_per_100m=1.5,
                empty=0.04,
                outbuilding=0.35,
                pool=0.22,
                wooded=0.9,
            ),
            Style(  # a mobile-home park
                name="mobile",
                fabric="bent",
                block_m=(42, 150),
                bend_m=22,
                district_m=(300, 600),
                bricks=0.36,
                arterial_m=(7, 12),
                quarters=_weights(suburb=0.1, garden=0.08),
                street_width_m=(4, 7),
                dirt_streets=0.25,
                sidewalk_m=0.0,
                parcel_m2=(230, 560),
                coverage=(0.16, 0.36),
                setback_m=(0.8, 3),
                storeys=(1, 1.3),
                plans=_weights(mobile=9, box=1.2, L=0.4),
                roofs=_weights(gable=7, hip=1, flat=1, shed=0.6),
                materials=_weights(shingle=4, metal=5, membrane=1),
                yards=_weights(lawn=6, meadow=3, bare=1.5, gravel=0.6),
                fences=_weights(none=6, fence=2, hedge=0.6),
                clutter=0.006,
                land_use=_weights(
                    built=20, park=0.8, forest=1.2, meadow=0.6, pond=0.9, bare=0.4, sport=0.3
                ),
                trees_per_ha=(10, 160),
                street_trees=0.2,
                vehicles_per_100m=1.2,
                empty=0.06,
                outbuilding=0.4,
                pool=0.01,
                wooded=0.55,
            ),
            Style(  # a dense suburb: small lots, houses close or wall to wall
                name="terrace",
                fabric="bent",
                block_m=(42, 95),
                bend_m=12,
                district_m=(300, 560),
                bricks=0.28,
                arterial_m=(9, 18),
                quarters=_weights(suburb=0.06, estate=0.04),
                street_width_m=(5, 9),
                dirt_streets=0.01,
                sidewalk_m=1.5,
                parcel_m2=(130, 300),
                coverage=(0.3, 0.55),
                setback_m=(0.4, 2.2),
                storeys=(1, 3),
                plans=_weights(box=6, L=2, T=0.6, fill=0.5),
                roofs=_weights(gable=6, hip=3, flat=1.2, shed=0.5),
                materials=_weights(tile=5, shingle=3, metal=1.2, concrete=0.6, membrane=0.6),
                yards=_weights(lawn=5, concrete=2.5, gravel=1, meadow=1, bare=0.8),
                land_use=_weights(
                    built=30, park=1.2, sport=0.6, school=0.7, plots=0.8, carpark=0.5, hall=0.4
                ),
                trees_per_ha=(6, 60),
                street_trees=0.3,
                vehicles_per_100m=4,
                empty=0.03,
                outbuilding=0.3,
                pool=0.02,
                fences=_weights(none=1, fence=4, wall=2, hedge=2),
                clutter=0.004,
            ),
            Style(
                name="oldtown",
                fabric="oldtown",
                block_m=(28, 70),
                bend_m=16,
                district_m=(200, 360),
                bricks=0.4,
                arterial_m=(7, 14),
                quarters=_weights(centre=0.15),
                lanes=True,
                street_width_m=(3, 7.5),
                dirt_streets=0.03,
                sidewalk_m=0.6,
                parcel_m2=(70, 340),
                coverage=(0.6, 0.98),
                setback_m=(0, 0.2),
                storeys=(1.5, 4.5),
                plans=_weights(fill=7, box=1.5, L=1.6, U=0.8, courtyard=1.2),
                roofs=_weights(gable=5, hip=2.5, flat=1.6, shed=1.2),
                materials=_weights(
                    tile=6.5, concrete=1.4, metal=1.2, membrane=0.5, gravel=0.4, shingle=0.8
                ),
                yards=_weights(concrete=4, lawn=2, bare=1.5, gravel=1.5),
                fences=_weights(none=1, wall=5),
                clutter=0.015,
                land_use=_weights(
                    built=18, park=0.9, carpark=0.4, plaza=1.4, hall=0.3, school=0.4, bare=0.2
                ),
                trees_per_ha=(2, 50),
                street_trees=0.1,
                vehicles_per_100m=2.5,
                outbuilding=0.25,
                pool=0.01,
            ),
            Style(
                name="radial",
                fabric="radial",
                block_m=(55, 110),
                bend_m=12,
                district_m=(520, 820),
                bricks=0.25,
                arterial_m=(12, 26),
                quarters=_weights(centre=0.2, oldtown=0.1),
                street_width_m=(7, 13),
                dirt_streets=0.0,
                sidewalk_m=2.0,
                parcel_m2=(220, 700),
                coverage=(0.45, 0.9),
                setback_m=(0, 2.0),
                storeys=(2, 6),
                plans=_weights(fill=4, box=2, L=2, U=1.4, courtyard=2.4, T=0.6),
                roofs=_weights(gable=3, hip=3, flat=4, shed=0.5),
                materials=_weights(
                    tile=4, metal=2.5, concrete=2, membrane=1.6, gravel=1, shingle=0.6
                ),
                yards=_weights(lawn=3, concrete=3, gravel=1.2, bare=0.6),
                fences=_weights(none=2, wall=2, hedge=1, fence=1),
                clutter=0.006,
                land_use=_weights(
                    built=22, park=1.6, carpark=0.6, sport=0.6, plaza=1, school=0.6, hall=0.4
                ),
                trees_per_ha=(10, 90),
                street_trees=0.6,
                vehicles_per_100m=6,
                outbuilding=0.2,
            ),
            Style(
                name="estate",
                fabric="estate",
                block_m=(110, 220),
                bend_m=8,
                district_m=(360, 640),
                bricks=0.2,
                arterial_m=(12, 26),
                quarters=_weights(suburb=0.1, industry=0.05),
                street_width_m=(6, 11),
                dirt_streets=0.02,
                sidewalk_m=1.8,
                parcel_m2=(1400, 4200),
                coverage=(0.14, 0.34),
                setback_m=(4, 10),
                storeys=(3, 9),
                plans=_weights(box=5, L=1.4, U=0.6, T=0.3),
                roofs=_weights(flat=8, gable=0.8, hip=0.5),
                materials=_weights(membrane=4, concrete=3, gravel=3, tile=0.8, metal=0.6),
                yards=_weights(lawn=6, meadow=3, concrete=1, asphalt=0.8, bare=0.6),
                fences=_weights(none=5, fence=1, hedge=1),
                clutter=0.0008,
                land_use=_weights(
                    built=12,
                    park=1.6,
                    carpark=1.6,
                    sport=1,
                    school=1.2,
                    hall=0.6,
                    bare=0.4,
                ),
                trees_per_ha=(20, 140),
                street_trees=0.5,
                vehicles_per_100m=5,
                outbuilding=0.2,
                wooded=0.1,
            ),
            Style(
                name="harbour",
                fabric="grid",
                block_m=(120, 280),
                bend_m=6,
                district_m=(420, 760),
                bricks=0.15,
                arterial_m=(12, 24),
                quarters=_weights(industry=0.3, centre=0.15, oldtown=0.1),
                street_width_m=(8, 16),
                dirt_streets=0.04,
                sidewalk_m=1.2,
                parcel_m2=(2500, 16000),
                coverage=(0.2, 0.6),
                setback_m=(4, 14),
                storeys=(1.4, 3),
                plans=_weights(box=7, L=1.4, U=0.4),
                roofs=_weights(flat=5, gable=4, shed=0.6),
                materials=_weights(metal=6, membrane=4, gravel=1, concrete=1),
                yards=_weights(concrete=5, asphalt=4, gravel=2, bare=1),
                land_use=_weights(built=6, quay=4, depot=3, carpark=1.2, bare=1.2, pond=0.2),
                trees_per_ha=(0, 8),
                street_trees=0.08,
                vehicles_per_100m=4,
                outbuilding=0.4,
                barriers=_weights(none=0.4, coast=6, river=2),
            ),
        )
    },
)
