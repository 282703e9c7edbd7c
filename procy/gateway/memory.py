"""Giving back to the system what was freed: the C library keeps the room of a burst of bodies, in case another comes."""

from __future__ import annotations

import ctypes
import sys


def give_back() -> None:
    """Some milliseconds, without the interpreter's lock. Nothing where the C library has no such call."""
    if sys.platform != "linux":
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc; musl keeps little
    if trim is not None:
        trim(0)
