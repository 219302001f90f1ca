"""Read, compute, write at the same time: a thread reads ahead, this one computes, a third writes.

GDAL and the model release the interpreter's lock, so that reading and writing cost no time while
the model is busy. Queues are bounded: memory is that of `depth` things read and as many to write.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

__all__ = ["run_pipeline"]

Key = TypeVar("Key")
Read = TypeVar("Read")
Said = TypeVar("Said")


def run_pipeline(
    keys: Iterable[Key],
    read: Callable[[Key], Read],
    compute: Callable[[Read], Said],
    write: Callable[[Key, Said], None],
    *,
    depth: int = 1,
) -> Iterator[Key]:
    """Yield each key once what was computed of it is written, in the order of the keys.

    `read` is called in one thread, `compute` in this one, `write` in another, each for one key
    after the other. An error of any of them is raised here, after what was begun before is
    written; keys after it are not written.

    Args:
        keys: what to work on.
        read: what it needs.
        compute: what comes of that.
        write: keeps it.
        depth: how many things are read ahead, and how many wait to be written, at most.
    """
    with ThreadPoolExecutor(1, "read") as reader, ThreadPoolExecutor(1, "write") as writer:
        written: deque[tuple[Key, Future[None]]] = deque()
        try:
            for key, thing in _ahead(keys, read, reader, depth):
                written.append((key, writer.submit(write, key, compute(thing))))
                del thing  # not held while the next one is computed
                while len(written) > depth:
                    yield _done(written)
        finally:
            # What waits is written also where an error ends the run: it is whole, and was dear.
            writer.shutdown(wait=True)
        while written:
            yield _done(written)


def _ahead(
    keys: Iterable[Key], read: Callable[[Key], Read], reader: ThreadPoolExecutor, depth: int
) -> Iterator[tuple[Key, Read]]:
    left = iter(keys)
    coming = deque((key, reader.submit(read, key)) for key in islice(left, depth))
    try:
        while coming:
            key, future = coming.popleft()
            thing = future.result()
            del future
            coming.extend((key, reader.submit(read, key)) for key in islice(left, 1))
            yield key, thing
            del thing
    finally:
        for _, future in coming:
            future.cancel()


def _done(written: deque[tuple[Key, Future[None]]]) -> Key:
    key, future = written.popleft()
    future.result()
    return key
