"""Connections that hold a place and do not go on: closed, so that others are answered.

A client that opens a connection and never ends its request (slowloris), or never reads the answer,
costs nothing itself. uvicorn bounds how many connections there are, and waits for each without end.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["Stalled"]

LONGEST_S: Final = 10.0  # without a byte more of a request, or a byte less of an answer
MOST: Final = 32  # that wait at once: a browser keeps six


@dataclass(frozen=True)
class Stalled:
    """What is known of the connections of one server; asked again and again."""

    since: dict[Any, tuple[Any, float]] = field(default_factory=dict)
    """By connection that waits: how far it had come, and since when it has been there."""

    def close(self, connections: Iterable[Any], now: float) -> None:
        """Close those that have waited too long, and the longest waiting ones beyond `MOST`.

        One that is seen waiting for the first time stays: of those it came with nobody knows which
        was first, and a request may be on its way.

        Args:
            connections: protocols of uvicorn.
            now: seconds of a clock that never goes back.
        """
        known, waiting = dict(self.since), [one for one in connections if _waits(one)]
        self.since.clear()
        for one in waiting:
            state, then = known.get(one, (None, now))
            there = _state(one)
            self.since[one] = (there, then if state == there else now)
        oldest_first = sorted(waiting, key=lambda one: self.since[one][1])
        for place, one in enumerate(oldest_first):
            waited = now - self.since[one][1]
            if (place < len(waiting) - MOST and waited > 0) or waited >= LONGEST_S:
                one.transport.abort()


def _waits(one: Any) -> bool:
    """Whether a connection waits for its client: to end a request, or to read an answer."""
    cycle = one.cycle
    asks = cycle is None or cycle.response_complete or cycle.more_body
    return bool(asks or one.transport.get_write_buffer_size())


def _state(one: Any) -> tuple[Any, int, int]:
    """How far it is: the request it is at, what came of its body, and what it has not read."""
    body = 0 if one.cycle is None else len(one.cycle.body)
    return one.cycle, body, one.transport.get_write_buffer_size()
