"""What a command takes at most, and when: the kernel's own high-water marks, read while it runs."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

POLL = 0.02  # seconds
_PASSES = {
    "first date": "raw_seen_before",
    "second date, shift": "raw_seen_after",
    "model": "dates.json",
    "compose, buildings": "product",
    "rasters": "result",
    "damage": "damage",
    "product": "result/damage.tif",
}  # pass: what appears in the folder of the job when it begins


class CommandError(RuntimeError):
    """A command that was measured failed."""


@dataclass
class Peak:
    """Peak of memory and time of a command."""

    bytes: int = 0
    """Sum of VmHWM over it and its children: no less than what they held together."""
    seconds: float = 0.0
    passes: dict[str, dict[str, float]] = field(default_factory=dict)
    """By what it was at: seconds, and the largest VmRSS seen, bytes."""
    words: str = ""
    """What it printed."""


def geomage(*words: str | Path) -> list[str]:
    """A command line of geomage in this interpreter."""
    return [sys.executable, "-m", "geomage", *map(str, words)]


def watch(
    command: Sequence[str],
    work: Path | None = None,
    env: Mapping[str, str] | None = None,
    codes: tuple[int, ...] = (0,),
) -> Peak:
    """Run a command and watch its memory.

    Args:
        command: its words.
        work: folder in which the passes of `geomage map` leave their marks.
        env: its environment; that of this process when None.
        codes: exit codes that are taken for success.
    """
    process = subprocess.Popen(  # noqa: S603 -- words of our own
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env
    )
    try:
        peak = _watched(process, work)
        peak.words = process.communicate()[0]
    finally:
        process.kill()
    if process.returncode not in codes:
        raise CommandError(f"{' '.join(command)}: {process.returncode}: {peak.words[-500:]}")
    return peak


def _watched(process: subprocess.Popen[str], work: Path | None) -> Peak:
    peak, marks, now = Peak(), dict[int, int](), "start"
    start = since = time.perf_counter()
    while process.poll() is None:
        held = 0
        for pid in _family(process.pid):
            mark, rss = _memory(pid)
            marks[pid] = max(mark, marks.get(pid, 0))
            held += rss
        here = peak.passes.setdefault(now, {"seconds": 0.0, "bytes": 0.0})
        here["bytes"] = max(here["bytes"], float(held))
        here["seconds"] = time.perf_counter() - since
        later = now if work is None else _pass(work, now)
        if later != now:
            now, since = later, time.perf_counter()
        time.sleep(POLL)
    peak.seconds = time.perf_counter() - start
    peak.bytes = sum(marks.values())
    return peak


def _pass(work: Path, now: str) -> str:
    """The last pass that has begun, never an earlier one."""
    names = ["start", *_PASSES]
    begun = [name for name, mark in _PASSES.items() if any(work.glob(f"*/{mark}"))]
    return max([now, *begun], key=names.index)


def _family(pid: int) -> list[int]:
    """A process and all that it has begun."""
    try:
        own = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return []
    return [pid, *(one for child in own for one in _family(int(child)))]


def _memory(pid: int) -> tuple[int, int]:
    """VmHWM and VmRSS, bytes; 0 of what has ended."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0, 0
    rows = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    mark, rss = (int(rows.get(key, "0 kB").split()[0]) * 1024 for key in ("VmHWM", "VmRSS"))
    return mark, rss
