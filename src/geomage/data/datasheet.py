"""The datasheet of a dataset: what is in it, how it came to be, what it is good for and what not.

The questions are those of Gebru et al., Datasheets for Datasets, Communications of the ACM 64 (12),
2021; `datasheet.json` has the numbers. No clock is asked: equal datasets have equal datasheets.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from geomage import __version__
from geomage.data.layout import SPLITS, Layout, key_of
from geomage.data.preview import choose, draw_sheet
from geomage.data.records import ANY, CLASSES, COUNTED
from geomage.data.stored import stored_arrays
from geomage.data.stream import simulator_hash
from geomage.sensor import sensor

__all__ = ["facts_of", "write_datasheet"]

_BINS = 8  # of the histogram of GSD


def write_datasheet(layout: Layout, rows: pd.DataFrame) -> None:
    """Write `samples.csv`, `preview.png`, `datasheet.md`, and last of all `datasheet.json`."""
    facts = facts_of(layout, rows)
    shown = choose(rows)
    samples = dict(_shown(layout, rows.iloc[[i]].to_dict("records")[0]) for i in shown)
    with io.BytesIO() as memory:
        draw_sheet(samples).save(memory, "PNG")
        _write(layout.folder / "preview.png", memory.getvalue())
    _write(layout.folder / "samples.csv", rows.to_csv(index=False).encode())
    _write(layout.folder / "datasheet.md", _page(layout, facts, shown).encode())
    text = json.dumps(facts, indent=2, allow_nan=False) + "\n"
    _write(layout.folder / "datasheet.json", text.encode())


def _write(path: Path, data: bytes) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(data)
    part.replace(path)


def _shown(layout: Layout, row: Mapping[Any, Any]) -> tuple[str, dict[str, np.ndarray]]:
    """Caption and layers of a sample of the preview, images in red, green and blue."""
    arrays = arrays_at(layout, row["index"])
    for date in ("before", "after"):
        name = row[f"sensor_{date}"]
        if name != ANY:
            arrays[date] = arrays[date][list(sensor(name).colours)]
    return _caption(row), arrays


def _caption(row: Mapping[Any, Any]) -> str:
    what = "nothing happened" if row["hazard"] == "none" else row["hazard"]
    what = what if row["negative"] == "none" else f"only the {row['negative']}"
    lines = (key_of(row["index"]), what, row["style"], f"{row['gsd']:.2f} m", row["sensor_before"])
    return "\n".join(map(str, lines))


def arrays_at(layout: Layout, index: int) -> dict[str, np.ndarray]:
    """The arrays of one sample, from its shard or its folder."""
    return stored_arrays(layout, index, shard=layout.recipe.shards)


def facts_of(layout: Layout, rows: pd.DataFrame) -> dict[str, Any]:
    """The numbers of a datasheet, as JSON values."""
    recipe = layout.recipe
    hurt = rows["hazard"] != "none"
    ends = [float(rows["gsd"].min()), float(rows["gsd"].max())]
    count, edges = np.histogram(rows["gsd"], ends if ends[0] == ends[1] else _BINS)
    return {
        "name": recipe.name, "title": recipe.title, "licence": recipe.licence,
        "geomage": __version__, "simulator": simulator_hash(), "seed": recipe.stream.seed,
        "samples": len(rows), "size_px": recipe.stream.size_px,
        "splits": {name: int((rows["split"] == name).sum()) for name in SPLITS},
        "kinds": {
            "disaster": int(hurt.sum()),
            "nothing happened": int((~hurt & (rows["negative"] == "none")).sum()),
            "hard negative": int((rows["negative"] != "none").sum()),
        },
        "hazards": _tally(rows.loc[hurt, "hazard"]),
        "negatives": _tally(rows.loc[rows["negative"] != "none", "negative"]),
        "styles": _tally(rows["style"]),
        "sensors": _tally(rows["sensor_before"]),
        "gsd_m": {"edges": [round(float(e), 4) for e in edges], "samples": count.tolist()},
        "buildings": {
            "all": int(rows["buildings"].sum()), "damaged": int(rows["buildings_damaged"].sum()),
            "destroyed": int(rows["buildings_destroyed"].sum()),
        },
        "pixels": {name: _balance(rows, name) for name in COUNTED},
        "recipe": recipe.as_dict(),
    }  # fmt: skip


def _tally(words: pd.Series[Any]) -> dict[str, int]:
    return {str(name): int(n) for name, n in words.value_counts().sort_index().items()}


def _balance(rows: pd.DataFrame, name: str) -> dict[str, int]:
    """Pixels of each class."""
    return {words: int(rows[f"px_{name}_{v}"].sum()) for v, words in CLASSES[name].items()}


def _table(head: str, tally: Mapping[str, int], unit: str = "samples") -> str:
    total = max(sum(tally.values()), 1)
    lines = [f"| {head} | {unit} | share |", "|---|---:|---:|"]
    lines += [f"| {name} | {n:,} | {100 * n / total:.2f} % |" for name, n in tally.items()]
    return "\n".join(lines)


def _page(layout: Layout, facts: dict[str, Any], shown: list[int]) -> str:
    sections: tuple[Callable[[Layout, dict[str, Any]], str], ...] = (
        _motivation, _composition, _balances, _process, _uses, _distribution,
    )  # fmt: skip
    head = f"# {facts['title']}\n\n![Some samples](preview.png)\n\n"
    head += f"Samples {', '.join(key_of(i) for i in shown)}; {facts['samples']:,} in all.\n"
    return "\n".join([head, *(section(layout, facts) for section in sections)])


def _motivation(_layout: Layout, _facts: dict[str, Any]) -> str:
    return """## Motivation

Made to train and to test models that find damage, water and change in two images of one place.
Real pairs with labels are few, and their labels are partial; here every pixel has every label.
"""


def _steps(edges: Sequence[float], samples: Sequence[int]) -> dict[str, int]:
    """Words of the steps of GSD that hold samples: one value where all have the same."""
    if len(edges) == 2:
        return {f"{edges[0]:g} m": samples[0]}
    pairs = zip(edges, edges[1:], samples, strict=False)
    return {f"{low:.2f} to {high:.2f} m": n for low, high, n in pairs if n}


def _composition(layout: Layout, facts: dict[str, Any]) -> str:
    gsd = facts["gsd_m"]
    histogram = _steps(gsd["edges"], gsd["samples"])
    forms = [
        "COG files with STAC items (`samples/`)" if layout.recipe.cogs else "",
        "shards for training (`shards/`)" if layout.recipe.shards else "",
    ]
    return f"""## Composition

{facts["samples"]:,} pairs of {facts["size_px"]} px square, each of a town of its own, as
{" and as ".join(filter(None, forms))}. Nothing in it shows a real place, person or event.
`samples.csv` has one row a sample. No two samples share a town, so the split by index
({", ".join(f"{n} {name}" for name, n in facts["splits"].items())}) leaks nothing.

{_table("Kind of pair", facts["kinds"])}

{_table("Hazard, of disasters", facts["hazards"])}

{_table("What alone changed, of hard negatives", facts["negatives"])}

{_table("Settlement", facts["styles"])}

{_table("Sensor of the first date", facts["sensors"])}

{_table("GSD", histogram)}
"""


def _balances(_layout: Layout, facts: dict[str, Any]) -> str:
    known = facts["buildings"]
    tables = "\n\n".join(
        _table(f"{name}", {k: v for k, v in classes.items() if v}, "pixels")
        for name, classes in facts["pixels"].items()
    )
    return f"""## Class balance

{known["all"]:,} buildings are seen, {known["damaged"]:,} with visible damage, of which
{known["destroyed"]:,} are destroyed.

{tables}
"""


def _process(_layout: Layout, facts: dict[str, Any]) -> str:
    recipe = json.dumps(facts["recipe"], indent=2)
    return f"""## How it was made

geomage {facts["geomage"]} (simulator {facts["simulator"]}), seed {facts["seed"]}. A town is grown,
struck or left alone, painted, lit and seen at two dates, and photographed by a simulated sensor;
labels are read off the same scene. Sample *i* depends on this recipe, the seed and *i* alone.

```json
{recipe}
```

Labels are exact where the simulation is: a building is damaged when its simulated grade shows from
above. Land cover, damage and instances lie as the first image sees them; water, depth, change and
obscured as the second does, which is off by what alignment left. Crowns over a mostly visible roof
count as building. 255 is not analysed.
"""


def _uses(_layout: Layout, _facts: dict[str, Any]) -> str:
    return """## Uses and limits

For training, pre-training and testing of change detection, damage grading, flood and building
mapping, and for tests of software. **Not for** statements about real places, for estimates of
losses or casualties, or as the only test of a model that will be used on real images: a score on
simulated pairs says nothing of real ones. Shares of hazards, grades and settlements are those of
the recipe, not of the world. Materials, building types and damage follow published sources and our
own judgement; whatever they lack (regions, roof types, ways to fail) is missing here as well.
"""


def _distribution(_layout: Layout, facts: dict[str, Any]) -> str:
    return f"""## Distribution and maintenance

Licence: {facts["licence"]}. The same command makes the same bytes again; a larger `--count`
extends it. Another version of the simulator makes another dataset.
"""
