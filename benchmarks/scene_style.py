"""Whether suns, airs and tones learnt from real images make fresh simulated images more like them.

    python -m benchmarks.scene_style --pairs 80 --fresh 40 --seed 0

Statistics of crops of real first dates (xBD); half of the crops are fitted to, the other half
judges, so that it says nothing of images of other places. Fresh pairs, none of them fitted to, are
simulated without and with the table. 96 px at 0.5 m, calm, no cloud.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from geomage.adapt.baselines.domain import Image
from geomage.adapt.scene_style import fit_scenes, survey_scenes
from geomage.adapt.style import ResampleParams, StyleParams
from geomage.adapt.style_statistics import StyleStatistics, energy_distance, measure_style
from geomage.data.readers import READERS
from geomage.data.stream import SimulatedPairs, StreamParams
from geomage.data.styled_pairs import StyledPairs
from geomage.demo import real_imagery

SIDE, CROPS, FRESH = 96, 24, 5000
STREAM = StreamParams(size_px=SIDE, gsd_m=(0.5, 0.5), calm=1.0, cloudy=0.0, no_data=0.0)


def real_crops(folder: Path) -> np.ndarray:
    """Statistics of crops of first dates, (crop, statistic)."""
    chips, rows = READERS["xbd"](folder, "all", ""), []
    for index in range(len(chips.names)):
        chip, rng = chips.chip(index), np.random.default_rng(index)
        for y, x in rng.integers(0, np.array(chip.valid.shape) - SIDE, (CROPS, 2)).tolist():
            part = np.s_[..., y : y + SIDE, x : x + SIDE]
            if chip.valid[part].mean() > 0.9:
                seen = Image(chip.pixels[0][part], chip.valid[part], chip.gsd_m, chip.channels)
                rows.append(measure_style(seen))
    return np.array(rows)


def main() -> None:
    """Print the distances."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=80)
    parser.add_argument("--fresh", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    data = real_imagery()
    if data is None:
        parser.error("no real imagery: set $GEOMAGE_DATA")
    crops = real_crops(data / "damage" / "xbd")
    scenes = survey_scenes(SimulatedPairs(STREAM), range(args.pairs))
    half = StyleStatistics(scenes.statistics.names, crops[::2], np.arange(len(crops[::2])))
    params = ResampleParams(
        effective=0.1, style=StyleParams(couplings=0, shrink=0.1), seed=args.seed
    )
    table = fit_scenes(scenes, half, params, 256)
    print(f"{len(crops)} crops; effective {table.effective:.0f} of {2 * args.pairs} images")
    fresh = range(FRESH + 1000 * args.seed, FRESH + 1000 * args.seed + args.fresh)
    for name, pairs in (
        ("drawn", SimulatedPairs(STREAM)),
        ("from the table", StyledPairs(STREAM, table.styles)),
    ):
        found = survey_scenes(pairs, fresh).statistics.values
        rng = np.random.default_rng(0)
        again = [
            energy_distance(found[rng.integers(len(found), size=len(found))], crops[1::2])
            for _ in range(50)
        ]
        print(f"{name}: {energy_distance(found, crops[1::2]):.3f} ± {np.std(again):.3f}")


if __name__ == "__main__":
    main()
