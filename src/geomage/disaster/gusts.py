"""What a gust does to a building or a tree: degrees of damage as grades D1 to D5.

The Enhanced Fujita scale (McDonald and Mehta 2006, appendix A) says for each kind of building at
which 3 s gust each degree of damage is expected, with a lower and an upper bound; experts gave
them. Expected values are the medians here; one logarithmic standard deviation of .13 serves all:
the bounds of houses then lie near the 10 and 90 % quantiles, and curves never cross.

D1 is the threshold of visible damage, D2 the loss of some cover, D3 of much of the cover and some
deck, D4 of the roof structure, D5 of the walls.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from geomage.disaster.vulnerability import by_typology, lognormal_grades
from geomage.world import City

__all__ = ["BETA", "GALE", "INDICATORS", "Indicator", "gust_chances", "indicators", "tree_chance"]

MPH = 0.44704  # m/s
BETA = 0.13
GALE = 17.2  # m/s, Beaufort 8: twigs break; below it nothing happens
_HIP_ROOFED = ("FR12", "SMH")
_TREES = (52.8, 0.26)  # median gust in m/s and logarithmic standard deviation


@dataclass(frozen=True)
class Indicator:
    """A kind of building: gusts in mph expected at D1 to D5, their bounds, and the source."""

    source: str
    degrees: tuple[int, int, int, int, int]
    expected: tuple[float, float, float, float, float]
    bounds: tuple[tuple[float, float], ...]
    swept: float = np.inf
    """Gust that blows the remains away."""


INDICATORS: Mapping[str, Indicator] = MappingProxyType(
    {
        "SBO": Indicator(
            "small barns and farm outbuildings, EF scale indicator 1",
            (1, 2, 4, 5, 8),
            (62, 74, 90, 93, 112),
            ((53, 78), (61, 91), (78, 110), (77, 114), (94, 131)),
        ),
        "FR12": Indicator(
            "one- and two-family residences, EF scale indicator 2",
            (1, 2, 4, 6, 8),
            (65, 79, 97, 122, 152),
            ((53, 80), (63, 97), (81, 116), (104, 142), (127, 178)),
            swept=200,  # degree 10
        ),
        "MHSW": Indicator(
            "manufactured homes, single wide, EF scale indicator 3",
            (1, 2, 4, 5, 6),
            (61, 74, 89, 98, 105),
            ((51, 76), (61, 92), (73, 112), (84, 114), (87, 123)),
            swept=127,  # degree 9
        ),
        "MHDW": Indicator(
            "manufactured homes, double wide, EF scale indicator 4",
            (1, 2, 5, 8, 9),
            (61, 76, 88, 97, 113),
            ((51, 76), (62, 88), (75, 108), (80, 117), (93, 131)),
            swept=134,  # degree 12
        ),
        "IB": Indicator(
            "institutional buildings, EF scale indicator 20, for all of reinforced concrete",
            (1, 2, 5, 10, 11),
            (72, 86, 114, 148, 210),
            ((59, 88), (72, 109), (95, 136), (127, 172), (178, 268)),
        ),
        "MBS": Indicator(
            "metal building systems, EF scale indicator 21",
            (1, 2, 3, 5, 8),
            (67, 89, 95, 118, 155),
            ((54, 83), (75, 108), (78, 120), (95, 138), (132, 178)),
        ),
        # up to the loss of the roof the Canadian table repeats FR12, rounded to 5 km/h; most walls
        # fall at 285 km/h (245 to 325)
        "SMH": Indicator(
            "solid masonry houses, C-4 of the Canadian EF scale (Environment Canada 2013)",
            (1, 2, 4, 5, 7),
            (65, 79, 97, 122, 177),
            ((53, 80), (63, 97), (81, 116), (104, 149), (152, 202)),
        ),
    }
)
_OF_TYPOLOGY = {
    "adobe": ("FR12", 0.95),  # the scale knows no adobe: weaker than timber, by how much is ours
    "timber": ("FR12", 1.0),
    "masonry": ("SMH", 1.0),
    "steel": ("MBS", 1.0),
    "reinforced concrete": ("IB", 1.0),
}
_SHEDS = ("outbuilding", "farm", "agricultural")
_SINGLE_WIDE_M2 = 110.0


def indicators(city: City) -> np.ndarray:
    """Name the damage indicator (n,) of each building by its plan, use and typology."""
    table = city.buildings
    typology = table["typology"].to_numpy()
    names = np.array([_OF_TYPOLOGY[t][0] for t in typology], dtype=object)
    names[table["use"].isin(_SHEDS).to_numpy() & np.isin(typology, ["timber", "adobe"])] = "SBO"
    mobile = (table["plan"] == "mobile").to_numpy()
    wide = (table.area > _SINGLE_WIDE_M2).to_numpy()
    names[mobile & wide], names[mobile & ~wide] = "MHDW", "MHSW"
    return names


def gust_chances(city: City, gust: np.ndarray) -> np.ndarray:
    """Chances (n, 6) that each building reaches D1 .. D5, and that its remains are swept away.

    Hip roofs hold better: of houses, D3 and D4 lie half way to the upper bound (note of
    indicators 2 and C-4; half way is ours).

    Args:
        city: the city.
        gust: (n,) m/s.

    Raises:
        InputError: a typology that the table does not know.
    """
    strength = by_typology(city, {name: s for name, (_, s) in _OF_TYPOLOGY.items()}).copy()
    names = indicators(city)
    strength[np.isin(names, ["SBO", "MHSW", "MHDW"])] = 1.0
    medians = np.empty((len(names), 6))
    hipped = _hipped(city)
    for name in np.unique(names.astype(str)):
        rows, kind = names == name, INDICATORS[name]
        medians[rows] = [*kind.expected, kind.swept]
        if name in _HIP_ROOFED:
            for grade in (2, 3):
                high = (kind.expected[grade] + kind.bounds[grade][1]) / 2
                medians[rows & hipped, grade] = high
    return lognormal_grades(gust, MPH * medians * strength[:, None], BETA)


def _hipped(city: City) -> np.ndarray:
    """Whether the largest wing (n,) of each building has a hip roof."""
    roofs = city.roofs.assign(size=city.roofs.area).sort_values("size", kind="stable")
    form = roofs.drop_duplicates("building_id", keep="last").set_index("building_id")["form"]
    return np.asarray((city.buildings["building_id"].map(form) == "hip").to_numpy(bool))


def tree_chance(gust: np.ndarray) -> np.ndarray:
    """Chance (n,) that a tree is uprooted or its stem breaks.

    A log-normal curve through the shares of mature trees of indicator C-2 of the Canadian EF scale
    (Environment Canada 2013): 20 % at 150 km/h, 50 % at 190, 80 % at 235. It sets hardwood and
    softwood alike, since other differences count for more.
    """
    return lognormal_grades(gust, np.array([_TREES[0]]), _TREES[1])[:, 0]
