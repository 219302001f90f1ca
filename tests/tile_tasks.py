"""Work to be killed at: a task that writes one file a key, whole or not at all, and its command.

    python tile_tasks.py FOLDER COUNT JOBS|tcp://…

writes what is missing of COUNT tiles. Nothing but the room of workers is imported, so that a start
costs a blink.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from geomage.errors import GeomageError
from geomage.workers import Workers, run_tasks

PIECE, PIECES = 4096, 8
REST_S = 0.002  # between two pieces, so that kills hit half-written files


@dataclass(frozen=True)
class Tile:
    index: int

    def __str__(self) -> str:
        return f"tile {self.index}"


@dataclass(frozen=True)
class WriteTile:
    """Writes bytes that follow from the number alone."""

    folder: Path

    def __call__(self, tile: Tile) -> int:
        target = self.folder / f"{tile.index:04d}.tile"
        work = self.folder / f".{target.name}.{secrets.token_hex(4)}.part"  # one a writer
        with work.open("wb") as file:
            for piece in pieces(tile.index):
                file.write(piece)
                file.flush()
                time.sleep(REST_S)
        work.replace(target)
        return tile.index


def pieces(index: int) -> Iterator[bytes]:
    for n in range(PIECES):
        yield hashlib.shake_128(f"{index} {n}".encode()).digest(PIECE)


def wrong_tiles(folder: Path, count: int) -> list[str]:
    """Names of tiles that are missing, too many, or not what they must be."""
    due = {f"{i:04d}.tile": b"".join(pieces(i)) for i in range(count)}
    there = {path.name: path.read_bytes() for path in folder.glob("*.tile")}
    return sorted(name for name in {*due, *there} if due.get(name) != there.get(name))


def write_tiles(folder: Path, count: int, where: Workers) -> list[int]:
    """Write what is missing; return what was written."""
    mark = folder / "mark.json"
    if not mark.exists():
        mark.write_text(secrets.token_hex())
    for left in folder.glob(".*.part"):
        left.unlink(missing_ok=True)
    due = [Tile(i) for i in range(count) if not (folder / f"{i:04d}.tile").exists()]
    task = WriteTile(folder)
    return list(run_tasks(task, due, where, mark, lambda text: print(text, file=sys.stderr)))


def main(folder: str, count: str, hands: str) -> int:
    where = Workers(scheduler=hands) if ":" in hands else Workers(int(hands))
    try:
        write_tiles(Path(folder), int(count), where)
    except GeomageError as error:
        print(f"geomage: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    import tile_tasks  # by its name, so that its tasks have a home that workers can import

    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # jobs of a shell are born deaf to it
    sys.exit(tile_tasks.main(*sys.argv[1:]))
