"""How memory is kept where traffic passes through: what copies and messages took stays for the next ones.

glibc gives it back to the system when they have been read, and the next ones wait for new pages. That was an eighth
of what a stream costs a tap, and a twentieth of a batch in the collector.
"""

from __future__ import annotations

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
KEPT_BYTES = 16 * 1024 * 1024
"""Free memory that is not given back."""
FROM_HEAP_BYTES = 1024 * 1024
"""What is smaller comes from the heap. Copies have up to 256 KiB, and glibc maps 128 KiB and more anew each time."""


def keep_freed_memory() -> bool:
    """Sets it for this process. False where the C library has no such setting (it is not glibc)."""
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(set_option(M_TRIM_THRESHOLD, KEPT_BYTES)) and bool(set_option(M_MMAP_THRESHOLD, FROM_HEAP_BYTES))
