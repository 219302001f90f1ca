"""Memory that is free goes back to the system."""

from __future__ import annotations

import ctypes
import sys

__all__ = ["give_back"]

_THRESHOLD = -3  # M_MMAP_THRESHOLD of glibc
_LARGE = 4 * 2**20  # bytes


def give_back() -> None:
    """Let the C library return what it holds and nobody uses; does nothing but on glibc.

    It keeps freed blocks for the next request, and ever larger ones as they come and go: after a
    pass over large arrays some 100 MiB. From the first call on, blocks of 4 MiB or more are
    returned as soon as they are free.
    """
    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim") and hasattr(library, "mallopt"):
        library.mallopt(_THRESHOLD, _LARGE)
        library.malloc_trim(ctypes.c_size_t(0))
