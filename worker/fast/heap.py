"""Heap: memory that was freed is kept for the next segment, instead of being given back and faulted in again.

Columns come and go by the megabyte. By default glibc gives the end of its heap back as soon as a little of it is free,
and asks for it again a moment later: an eighth of the time went there.
"""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Of glibc's malloc.h (mallopt(3))."""
_KEPT, _LARGE = 1 << 26, 1 << 24
"""Bytes of the free end of the heap that are kept; and from which size on memory is given back in any case."""


def keep_freed_memory() -> None:
    """Tell malloc to; another C library than glibc is left as it is."""
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, _KEPT)
        mallopt(_M_MMAP_THRESHOLD, _LARGE)
