"""When a product is made: now, or what the environment states, for the same bytes again."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Final

from geomage.errors import InputError

__all__ = ["moment_of_making"]

_STATED: Final = "SOURCE_DATE_EPOCH"


def moment_of_making() -> datetime:
    """The time of making, UTC: seconds since 1970 in ``SOURCE_DATE_EPOCH``, else the clock.

    Raises:
        InputError: it states no such time.
    """
    stated = os.environ.get(_STATED)
    if not stated:
        return datetime.now(UTC)
    try:
        return datetime.fromtimestamp(int(stated), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise InputError(
            f"the environment states {_STATED}={stated[:40]!r}, which is no time: give seconds "
            "since 1970, or unset it"
        ) from error
