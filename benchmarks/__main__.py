"""Run the benchmark of the shipped model: `python -m benchmarks`."""

from __future__ import annotations

from benchmarks.line import main

main()
