"""Real disasters beside simulated ones: shares of grades, and how damage clusters.

    python -m benchmarks.reality [-o FOLDER] [--data DATA]

Prints a table for each real case of `../shared/data` (or $GEOMAGE_DATA): what was mapped, what
simulated events of the same published parameters give (mean, least and most over seeds), the
parameters, and what does not fit. Writes `FOLDER/reality.json`. About a minute and a half.
"""

from __future__ import annotations

import argparse
import json
import math
import os
from dataclasses import asdict
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks import _reality_ems
from benchmarks._reality import Row

EATON = "benchmarks._reality_eaton"


def _cell(value: float) -> str:
    return f"{value:10.3f}" if math.isfinite(value) else f"{'-':>10s}"


def table(rows: list[Row]) -> str:
    """Lay rows out as text."""
    wide = max(len(row.measure) for row in rows)
    head = f"{'':{wide}s}{'real':>10s}{'simulated':>10s}{'least':>10s}{'most':>10s}"
    lines = [
        f"{r.measure:{wide}s}{_cell(r.real)}{_cell(r.simulated)}{_cell(r.simulated_low)}"
        f"{_cell(r.simulated_high)}  {r.note}".rstrip()
        for r in rows
    ]
    return "\n".join([head, *lines])


def show(name: str, rows: list[Row], about: str, misfit: str) -> dict[str, Any]:
    """Print one case; return its facts."""
    print(f"\n{name}\n{table(rows)}")
    for word, text in (("parameters", about), ("does not fit", misfit)):
        if text:
            print(f"{word}: {text}", flush=True)
    plain = [
        {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}
        for row in map(asdict, rows)
    ]
    return {"rows": plain, "parameters": about, "misfit": misfit}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    root = Path(__file__).resolve().parents[1]
    data = Path(os.environ.get("GEOMAGE_DATA") or root.parent / "shared/data")
    parser.add_argument("-o", "--out", type=Path, default=root / "out/reality")
    parser.add_argument("--data", type=Path, default=data)
    args = parser.parse_args()
    if not args.data.is_dir():
        raise SystemExit(f"no real data at {args.data}: set GEOMAGE_DATA to its folder")
    facts = {}
    for case in _reality_ems.CASES:
        rows = _reality_ems.rows(case, args.data)
        facts[case.name] = show(case.name, rows, _reality_ems.parameters(case), case.misfit)
    if find_spec(EATON) is not None:
        eaton = import_module(EATON)
        about, misfit = (str(getattr(eaton, name, "")) for name in ("PARAMETERS", "MISFIT"))
        facts["Eaton fire 2025"] = show("Eaton fire 2025", eaton.rows(args.data), about, misfit)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "reality.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
