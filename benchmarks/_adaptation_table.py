"""The table and the pictures of the adaptation benchmark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from geomage.data.chip import Chip, ChipSource
from geomage.geo import stretch_counts

Row = dict[str, Any]
FAITHFUL = 0.95  # least mask consistency of a translation that may be the default
_SHOWN, _SIDE = 6, 128


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Markdown: of each part a line an arm, mean over seeds; what translations keep; verdicts."""
    kept = [row for row in rows if row["part"] == "kept"]
    if kept:
        yield from _faithful(kept)
    scored = [row for row in rows if row["part"] != "kept"]
    for part in dict.fromkeys(row["part"] for row in scored):
        mine = [row for row in scored if row["part"] == part]
        sets = list(mine[0]["sets"])
        yield f"\n| {part} | {' | '.join(sets)} | mean | each seed | gain |"
        yield "|" + "---|" * (len(sets) + 4)
        base = {r["seed"]: r["score"] for r in mine if r["arm"] == "identity"}
        for arm in dict.fromkeys(row["arm"] for row in mine):
            yield _score_line(arm, [r for r in mine if r["arm"] == arm], base)
    if kept and any(row["part"] == "buildings" for row in rows):
        yield verdict(rows)


def _score_line(arm: str, runs: Sequence[Row], base: dict[int, float]) -> str:
    means = [np.mean([r["sets"][s] for r in runs]) for s in runs[0]["sets"]]
    each = [r["score"] for r in runs]
    gains = [r["score"] - base[r["seed"]] for r in runs if r["seed"] in base]
    gain = f"{np.mean(gains):+.3f}" if gains else "-"
    cells = [f"{v:.3f}" for v in (*means, np.mean(each))]
    return f"| {arm} | {' | '.join(cells)} | {' '.join(f'{v:.3f}' for v in each)} | {gain} |"


def _faithful(rows: Sequence[Row]) -> Iterator[str]:
    yield (
        "\n| kept | masks | label IoU before | after | edges | drift px | p95 | lost | perceptual "
        "| KID | FID | s/Mpx | fit s |"
    )
    yield "|" + "---|" * 13
    for row in rows:
        f = row["faithfulness"]
        names = (
            "mask_consistency", "label_iou_before", "label_iou_after", "edge_f1", "drift_px",
            "drift_p95_px", "unmatched", "perceptual",
        )  # fmt: skip
        cells = ["-" if f[n] is None else f"{f[n]:.3f}" for n in names]
        kid = f"{f['kid']['value']:.3f} ± {f['kid']['error']:.3f}"
        cost = f"{f['seconds_per_megapixel']:.2f} | {row['fit_seconds']:.0f}"
        yield f"| {row['arm']} | {' | '.join(cells)} | {kid} | {f['fid']:.2f} | {cost} |"


def verdict(rows: Sequence[Row]) -> str:
    """Which arm is best by mean F1 of all seeds, and which among those that keep masks."""
    mine = [row for row in rows if row["part"] == "buildings"]
    seeds = {row["seed"] for row in mine}
    scores: dict[str, dict[int, float]] = {}
    for row in mine:
        scores.setdefault(row["arm"], {})[row["seed"]] = row["score"]
    means = {a: float(np.mean(list(s.values()))) for a, s in scores.items() if set(s) == seeds}
    faithful = {r["arm"] for r in rows if r["part"] == "kept" and r["score"] >= FAITHFUL}
    true = {arm: mean for arm, mean in means.items() if arm in faithful}
    best = [max(m, key=m.__getitem__) if m else "none" for m in (means, true)]
    return f"\nbest: {best[0]}; best of those that keep {FAITHFUL:.0%} of masks: {best[1]}"


def picture(path: Path, source: ChipSource, shown: ChipSource, target: ChipSource) -> None:
    """Source, translation and any real chip, as a network sees them, one below the other."""
    rows = []
    for chips in (source, shown, target):
        which = np.linspace(0, len(chips.names) - 1, _SHOWN).astype(int)
        rows.append(np.concatenate([_pixels(chips.chip(int(k))) for k in which], axis=1))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(rows)).save(path)


def _pixels(chip: Chip) -> np.ndarray:
    counts = stretch_counts(np.where(chip.valid, chip.pixels[0], 0))
    return np.moveaxis(counts[:3, :_SIDE, :_SIDE], 0, -1).astype(np.uint8)
