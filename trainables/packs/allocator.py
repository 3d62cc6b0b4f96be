"""The C library's allocator keeps what training frees: new pages cost packs much time."""

from __future__ import annotations

import ctypes
import functools
import sys

# malloc.h; blocks from the second on are mapped, and given back when they are freed.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEPT, _MAPPED = 1 << 30, 32 << 20  # 32 MB is the most that glibc accepts


@functools.cache
def keep_freed_memory() -> bool:
    """Of this process, up to a gigabyte of what is free at the heap's end; whether it took effect.

    glibc alone is told so; other C libraries stay as they are.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _MAPPED) and mallopt(_TRIM_THRESHOLD, _KEPT))
