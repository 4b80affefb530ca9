"""Memory that a process has freed, given back to the operating system."""

import ctypes
from functools import cache


def give_back() -> None:
    """Give freed memory back to the operating system, where the C library is glibc; elsewhere do nothing.

    Tensors of ever new sizes leave gaps in the heap, which glibc keeps: a training of batches of recordings grows by
    gigabytes. A call takes some milliseconds, and the pages that are used again are cleared again.
    """
    if trim := _trim():
        trim(0)


@cache
def _trim() -> "ctypes._FuncPointer | None":
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # musl, macOS, Windows
        return None
