"""Record what pyretechnics says of surface fires, for our rates to be compared with.

Run where `pip install pyretechnics` was done (it is no dependency of ours):

    python benchmarks/oracle_fire.py

Writes tests/data/oracles/fire.json.
"""

from __future__ import annotations

import itertools
import json
from importlib.metadata import version
from pathlib import Path

import pyretechnics.fuel_models as fm
import pyretechnics.surface_fire as sf

OUT = Path(__file__).parents[1] / "tests/data/oracles/fire.json"
MODELS = {
    **{str(n): n for n in (1, 2, 3, 4, 5, 8, 9, 10)}, "GR1": 101, "GR2": 102, "GR4": 104,
}  # fmt: skip
MOISTURE = ((3, 4, 5, 30, 60), (6, 7, 8, 60, 90), (9, 10, 11, 90, 120), (11, 12, 13, 120, 150))
WIND = (0.0, 1.5, 9.0)  # midflame, m/s
SLOPE = (0.0, 0.4)  # rise over run
WOODY = {4, 5, 10}  # pyretechnics holds the live wood of these as herbs: give it wood's moisture
UPSLOPE = (0.0, 70.0, 180.0)  # where it rises to, degrees clockwise from where the wind blows to


def record() -> list[dict[str, object]]:
    """One row per fuel, moisture, wind and slope."""
    rows: list[dict[str, object]] = []
    for (name, number), water in itertools.product(MODELS.items(), MOISTURE):
        dead1, dead10, dead100, herbs, wood = (m / 100 for m in water)
        live = wood if number in WOODY else herbs
        moist = (dead1, dead10, dead100, dead1 if number > 100 else 0.0, live, wood)
        still = sf.calc_surface_fire_behavior_no_wind_no_slope(
            fm.moisturize(fm.get_fuel_model(number), moist)
        )
        for wind, slope, turn in itertools.product(WIND, SLOPE, UPSLOPE):
            if (slope == 0 or wind == 0) and turn:
                continue
            found = sf.calc_surface_fire_behavior_max(
                still, wind * 60, 180.0, slope, (turn + 180.0) % 360, use_wind_limit=False
            )
            rows.append(
                {
                    "fuel": name, "moisture": water, "wind": wind, "slope": slope, "turn": turn,
                    "rate": found["max_spread_rate"] / 60,
                    "intensity": found["max_fireline_intensity"],
                    "course": [round(c, 6) for c in found["max_spread_direction"]],
                    "length_to_breadth": found["length_to_width_ratio"],
                }
            )  # fmt: skip
    return rows


def factors() -> list[dict[str, float]]:
    """Wind adjustment factors."""
    return [
        {
            "depth": depth, "canopy": canopy, "cover": cover,
            "factor": sf.calc_midflame_wind_speed(1.0, depth / 0.3048, canopy / 0.3048, cover),
        }
        for depth, canopy, cover in (
            (0.3048, 0, 0), (0.6, 0, 0), (1.8, 0, 0), (0.06, 0, 0),
            (0.06, 10, 0.6), (0.3, 20, 0.9), (0.3, 12, 0.1),
        )
    ]  # fmt: skip


if __name__ == "__main__":
    OUT.parent.mkdir(parents=True, exist_ok=True)
    about = {"package": f"pyretechnics {version('pyretechnics')}", "units": "m, s, kW, degrees"}
    body = ",\n".join(json.dumps(row) for row in record())
    winds = json.dumps(factors())
    OUT.write_text(
        f'{{"about": {json.dumps(about)},\n"factors": {winds},\n"rows": [\n{body}\n]}}\n'
    )
    print(OUT)
