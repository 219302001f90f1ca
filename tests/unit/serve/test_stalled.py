"""Who is closed of many connections that wait, tick by tick."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from geomage.serve.stalled import LONGEST_S, MOST, Stalled


@dataclass(eq=False)
class Link:
    """A connection that has sent half of a request, as uvicorn holds it; its own transport."""

    cycle: Any = None
    closed: bool = False
    transport: Any = field(init=False)

    def __post_init__(self) -> None:
        self.transport = self

    def abort(self) -> None:
        self.closed = True

    def get_write_buffer_size(self) -> int:
        return 0


def still(links: list[Link]) -> list[Link]:
    return [one for one in links if not one.closed]


def test_the_longest_waiting_give_way_and_one_that_has_just_come_never_does():
    stalled = Stalled()
    crowd = [Link() for _ in range(MOST + 48)]
    stalled.close(crowd, 0.0)
    assert still(crowd) == crowd  # which of them came first nobody knows, nor who goes on
    guest = Link()
    stalled.close({guest, *crowd}, 1.0)  # uvicorn keeps a set
    assert not guest.closed
    assert len(still(crowd)) == MOST - 1


def test_who_waits_too_long_is_closed_though_there_are_few():
    stalled = Stalled()
    one = Link()
    stalled.close([one], 0.0)
    stalled.close([one], LONGEST_S - 0.1)
    assert not one.closed
    stalled.close([one], LONGEST_S)
    assert one.closed
