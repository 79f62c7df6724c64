"""Memory that glibc would keep for itself: pictures come and go by the hundred megabytes."""

from __future__ import annotations

import ctypes
import gc
import sys
from functools import cache
from typing import Any

_M_ARENA_MAX = -8
_ARENAS = 2


@cache
def _glibc() -> Any:
    """The C library where it is glibc, with few heaps, so that threads use again what others gave back; else None."""
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    if not (hasattr(library, "malloc_trim") and hasattr(library, "mallopt")):
        return None
    library.mallopt(_M_ARENA_MAX, _ARENAS)
    return library


def keep_heaps_few() -> None:
    """Call before threads are started; elsewhere than on Linux with glibc nothing happens."""
    _glibc()


def give_back() -> None:
    """Return freed memory to the system, which takes some hundredths of a second."""
    gc.collect(1)  # young cycles may hold arrays
    if (library := _glibc()) is not None:
        library.malloc_trim(0)
