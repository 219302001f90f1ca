"""Freed memory goes back to the system."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import numpy as np
import pytest

from geomage.workers import give_back


def held() -> int:
    """Bytes of this process in memory."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) * 1024


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="glibc alone"
)
def test_small_blocks_that_were_freed_go_back() -> None:
    """The last one stays, so that the heap cannot shrink by itself."""
    give_back()
    before = held()
    blocks = [np.ones(12_000) for _ in range(1200)]  # 96 kB each, under every threshold
    last = blocks.pop()
    full = held()
    assert full - before > 80e6
    del blocks
    give_back()
    assert full - held() > 60e6
    assert last.all()
