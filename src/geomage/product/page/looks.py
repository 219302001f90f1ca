"""How each thing is drawn: one table for the live map, the still picture and the printed page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from geomage.product.access.styles import CUT_COLOURS, MOMENT_COLOURS, STREET_COLOURS
from geomage.product.styles import BURNT_COLOUR, COLOURS, FLOOD_COLOUR

__all__ = ["LOOKS", "ROAD_STATES", "Look"]

HATCH: Final = "#23272e"


@dataclass(frozen=True)
class Look:
    """Strokes in pixels of a screen; opacity 0..1."""

    stroke: str
    width: float = 1.6
    fill: str | None = None
    opacity: float = 0.0
    dash: tuple[float, float] | None = None
    hatched: bool = False  # dark stripes from the upper left to the lower right
    casing: str | None = None  # a wider line under the stroke, so that it stands out


ROAD_STATES: Final = ("blocked", "flooded", "unknown", "passable")
"""Values of ``state`` in ``transportationL``, worst first."""

# Buildings: the reader sets the opacity of all, these are the shares of it that each gets.
LOOKS: Final[dict[str, Look]] = {
    "destroyed": Look(COLOURS["Destroyed"], 1.6, COLOURS["Destroyed"], 1.0),
    "damaged": Look(COLOURS["Damaged"], 1.6, COLOURS["Damaged"], 1.0),
    "possibly": Look(COLOURS["Possibly damaged"], 1.6, COLOURS["Possibly damaged"], 1.0),
    "none": Look(COLOURS["No visible damage"], 1.4, COLOURS["No visible damage"], 0.4),
    "unseen": Look("#ffffff", 1.6, None, 1.0, (4, 3), hatched=True),
    "mapped": Look("#c04be0", 1.2, "#c04be0", 1.0),
    "flood": Look("#0b3f9e", 1.0, FLOOD_COLOUR, 0.38),
    "water": Look("#0a5c66", 1.0, "#17a2b3", 0.38),
    "burnt": Look("#ffb27a", 1.2, BURNT_COLOUR, 0.45),
    "debris": Look("#6b4a1b", 1.2, "#a9772f", 0.22),
    "areas": Look("#ffffff", 1.5, None, 0.55, (7, 4), hatched=True),
    "zones": Look("#ffffff", 2.0, dash=(8, 4), casing="#000000"),
    "blocked": Look(STREET_COLOURS["blocked"][0], 3.2, casing=STREET_COLOURS["blocked"][1]),
    "flooded": Look(
        STREET_COLOURS["flooded"][0], 3.2, dash=(7, 3), casing=STREET_COLOURS["flooded"][1]
    ),
    "unknown": Look(
        STREET_COLOURS["unknown"][0], 2.2, dash=(2, 4), casing=STREET_COLOURS["unknown"][1]
    ),
    "passable": Look(STREET_COLOURS["passable"][0], 2.0, casing=STREET_COLOURS["passable"][1]),
    "cutoff": Look(CUT_COLOURS["cut off"], 1.8, CUT_COLOURS["cut off"], 0.22),
    "maybecut": Look(
        CUT_COLOURS["possibly cut off"], 1.6, CUT_COLOURS["possibly cut off"], 0.16, (5, 3)
    ),
    "reach_before": Look(MOMENT_COLOURS["before"], 1.6, dash=(6, 4), casing="#ffffff"),
    "reach_after": Look(MOMENT_COLOURS["after"], 2.0, casing="#ffffff"),
    "facilities": Look("#ffffff", 1.5, "#0a2a6b", 1.0),
}
"""By the word that also names the layer's switch and its key in the legend. Outlines are ours:
told apart in shade, colour and dashes at once."""
