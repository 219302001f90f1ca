"""What tags say of a building: OpenStreetMap's vocabulary, to which every source is brought.

Numbers follow the OSM wiki (Key:height, Simple 3D Buildings): metres unless a unit is written,
feet and inches as 12'4"; `building:levels` counts the storeys below the roof.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from PIL import ImageColor

__all__ = ["FORMS", "Facts", "read_facts", "read_length", "reflectance_of"]

Tags = Mapping[str, str]
Colour = tuple[float, float, float]

_NUMBER = re.compile(r"\s*([+-]?\d+(?:[.,]\d+)?)\s*(m|metres?|meters?|ft|feet|'|km)?\s*")
_FEET = re.compile(r"\s*(\d+)\s*'\s*(?:(\d+(?:\.\d+)?)\s*(?:\"|'')?)?\s*")
_UNITS = {"ft": 0.3048, "feet": 0.3048, "'": 0.3048, "km": 1000.0}
_TALLEST_M, _MOST_STOREYS = 900.0, 200.0

# roof:shape -> the form drawn; one line for each new form
FORMS: Mapping[str, str] = {
    "flat": "flat",
    "gabled": "gable",
    "gable": "gable",
    "pitched": "gable",
    "gambrel": "gable",
    "saltbox": "gable",
    "crosspitched": "gable",
    "cross_gabled": "gable",
    "round": "gable",
    "quadruple_saltbox": "gable",
    "double_saltbox": "gable",
    "side_half-hipped": "hip",
    "half-hipped": "hip",
    "hipped": "hip",
    "hip": "hip",
    "hipped-and-gabled": "hip",
    "mansard": "hip",
    "pyramidal": "hip",
    "pyramid": "hip",
    "dome": "hip",
    "onion": "hip",
    "cone": "hip",
    "conical": "hip",
    "skillion": "shed",
    "lean_to": "shed",
    "shed": "shed",
    "sawtooth": "shed",
}
_ROOFING = {
    "roof_tiles": "tile", "tile": "tile", "tiles": "tile", "clay": "tile", "stone": "tile",
    "metal": "metal", "metal_sheet": "metal", "tin": "metal", "copper": "metal", "zinc": "metal",
    "steel": "metal", "sheet_metal": "metal", "aluminium": "metal", "corrugated_iron": "metal",
    "solar_panels": "metal", "concrete": "concrete", "cement": "concrete", "eternit": "concrete",
    "fibre_cement": "concrete", "asbestos": "concrete", "tar_paper": "membrane",
    "bitumen": "membrane", "asphalt": "membrane", "roof_felt": "membrane", "plastic": "membrane",
    "pvc": "membrane", "membrane": "membrane", "glass": "membrane", "acrylic_glass": "membrane",
    "shingle": "shingle", "asphalt_shingle": "shingle", "wood": "shingle", "slate": "shingle",
    "gravel": "gravel", "grass": "gravel", "plants": "gravel", "sod": "gravel",
    "thatch": "thatch", "reed": "thatch", "palm_leaves": "thatch",
}  # fmt: skip
_STRUCTURE = {
    "brick": "masonry", "bricks": "masonry", "masonry": "masonry", "stone": "masonry",
    "sandstone": "masonry", "limestone": "masonry", "granite": "masonry", "cement_block": "masonry",
    "timber": "timber", "wood": "timber", "timber_framing": "timber", "bamboo": "timber",
    "concrete": "reinforced concrete", "reinforced_concrete": "reinforced concrete",
    "reinforced concrete": "reinforced concrete",
    "steel": "steel", "metal": "steel", "metal_plates": "steel", "glass": "steel",
    "adobe": "adobe", "mud": "adobe", "loam": "adobe", "clay": "adobe", "rammed_earth": "adobe",
}  # fmt: skip
_USES = {
    "residential": (
        "house", "detached", "semidetached_house", "apartments", "residential", "terrace",
        "bungalow", "cabin", "dormitory", "hotel", "houseboat", "static_caravan", "farm", "block",
    ),
    "commercial": ("commercial", "retail", "office", "supermarket", "kiosk", "bank", "shop"),
    "hall": ("industrial", "warehouse", "hangar", "factory", "manufacture", "sports_hall"),
    "public": (
        "public", "civic", "hospital", "government", "university", "college", "train_station",
        "museum", "theatre", "library", "fire_station", "transportation",
    ),
    "school": ("school", "kindergarten"),
    "religious": ("church", "cathedral", "chapel", "mosque", "temple", "synagogue", "religious"),
    "agricultural": ("barn", "farm_auxiliary", "greenhouse", "stable", "cowshed", "sty"),
    "outbuilding": (
        "garage", "garages", "shed", "hut", "carport", "roof", "outbuilding", "toilets", "service",
    ),
}  # fmt: skip
_AMENITIES = {
    "place_of_worship": "religious", "school": "school", "kindergarten": "school",
    "university": "public", "hospital": "public", "townhall": "public", "theatre": "public",
    "library": "public", "fire_station": "public", "arts_centre": "public", "courthouse": "public",
}  # fmt: skip
_USE_OF = {word: use for use, words in _USES.items() for word in words} | {u: u for u in _USES}


@dataclass(frozen=True)
class Facts:
    """What is given of one building; None where nothing is. Metres above its ground, degrees."""

    use: str | None = None
    storeys: float | None = None
    height: float | None = None  # of its highest point
    eave: float | None = None  # where the roof begins
    form: str | None = None  # as drawn
    turned: bool | None = None  # ridge across the long side
    material: str | None = None
    typology: str | None = None
    colour: Colour | None = None  # of the roof, reflectance
    wall: float | None = None  # brightness of the walls, reflectance
    year: int | None = None  # built

    def given(self) -> str:
        """Names of the columns that came from the source, sorted, with commas between."""
        names = ["geometry"]
        columns = ("use", "storeys", "height", "eave", "form", "material", "typology", "wall")
        names += [name for name in columns if getattr(self, name) is not None]
        if self.colour is not None:
            names += ["red", "green", "blue"]
        return ",".join(sorted(names))


def read_facts(tags: Tags) -> Facts:
    """Read the tags of a building; what cannot be read is not given."""
    height = _within(read_length(tags.get("height") or tags.get("building:height")), _TALLEST_M)
    storeys = _within(_number(tags.get("building:levels")), _MOST_STOREYS, least=0.0)
    rise = _within(read_length(tags.get("roof:height")), 200.0, least=0.0)
    eave = _within(read_length(tags.get("height:eave")), _TALLEST_M)
    if eave is None and height is not None and rise is not None and rise < height:
        eave = height - rise
    use = tags.get("building:use") or tags.get("building") or ""
    return Facts(
        use=_USE_OF.get(use.lower()) or _AMENITIES.get(tags.get("amenity", "")),
        storeys=storeys,
        height=height,
        eave=eave,
        form=FORMS.get(tags.get("roof:shape", "").lower()),
        turned=_turned(tags.get("roof:orientation")),
        material=_ROOFING.get(tags.get("roof:material", "").lower()),
        typology=_STRUCTURE.get(tags.get("building:material", "").lower()),
        colour=reflectance_of(tags.get("roof:colour") or tags.get("roof:color")),
        wall=_brightness(tags.get("building:colour") or tags.get("building:color")),
        year=_year(tags.get("start_date")),
    )


def read_length(text: str | None) -> float | None:
    """Read a length such as `12`, `12.5 m`, `40 ft` or `39'4"`, in metres."""
    if text is None:
        return None
    if match := _FEET.fullmatch(text):
        return 0.3048 * (float(match[1]) + float(match[2] or 0) / 12)
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    return float(match[1].replace(",", ".")) * _UNITS.get(match[2] or "m", 1.0)


def reflectance_of(text: str | None) -> Colour | None:
    """Turn a colour name or #rrggbb into the reflectance of red, green, blue (sRGB decoded)."""
    if text is None:
        return None
    try:
        counts = ImageColor.getrgb(text.strip().lower().replace("_", "").replace(" ", ""))[:3]
    except ValueError:
        return None
    r, g, b = (min(0.9, max(0.02, _linear(c / 255))) for c in counts)
    return r, g, b


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _brightness(text: str | None) -> float | None:
    colour = reflectance_of(text)
    return None if colour is None else sum(colour) / 3


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text.strip().replace(",", "."))
    except ValueError:
        return None


def _within(value: float | None, most: float, *, least: float = 1e-6) -> float | None:
    if value is None or not math.isfinite(value) or not least <= value <= most:
        return None
    return value


def _turned(text: str | None) -> bool | None:
    return {"across": True, "along": False}.get(text or "")


def _year(text: str | None) -> int | None:
    match = re.search(r"\b(1\d{3}|20\d{2})\b", text or "")
    return None if match is None else int(match[1])
