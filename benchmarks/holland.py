"""Holland's wind by another code, written down for the tests to compare with.

    python -m benchmarks.holland FILE

FILE is `hurricane_tools/axisym_vortex.py` of github.com/CYehLu/hurricane_tools (its `holland80`),
which needs NumPy and SciPy alone. Writes `tests/data/oracles/holland.json`. It is no dependency,
and none of its code is here.
"""

from __future__ import annotations

import hashlib
import json
import runpy
import sys
from pathlib import Path

import numpy as np

OUT = Path(__file__).parents[1] / "tests" / "data" / "oracles" / "holland.json"
RADII = [5e3, 15e3, 30e3, 45e3, 60e3, 120e3, 300e3]
CASES = [(6000.0, 30e3, 1.4, 5e-5), (3500.0, 50e3, 1.0, 3e-5), (9800.0, 18e3, 2.1, 7e-5)]


def main() -> None:
    """Run the other code on a few cyclones and write what it says."""
    file = Path(sys.argv[1])
    holland80 = runpy.run_path(str(file))["holland80"]
    cases = [
        {"deficit_pa": dp, "rmw_m": rmw, "b": b, "f": f}
        | {"wind": holland80(np.array(RADII), 1.01e5 - dp, 1.01e5, rmw**b, b, 1.15, f).tolist()}
        for dp, rmw, b, f in CASES
    ]
    about = {
        "code": "github.com/CYehLu/hurricane_tools, axisym_vortex.holland80",
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "r_m": RADII,
        "cases": cases,
    }
    OUT.write_text(json.dumps(about, indent=1) + "\n")
    for case in cases:
        print({k: v for k, v in case.items() if k != "wind"}, np.round(case["wind"], 2))


if __name__ == "__main__":
    main()
