"""Settings of a process that serves live audio: of Python, and of the system's memory."""

from __future__ import annotations

import ctypes
import gc
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# How long a thread that transcribes may keep Python's lock while others wait: what is received and
# sent meanwhile is late by it.
_SWITCH_SECONDS = 0.0005
# Python's search for garbage in circles takes 3 % of the time, as it comes every 700 objects.
_OBJECTS_UNTIL_SEARCH = 10_000
# glibc keeps memory for each of up to eight threads a core, which with a model of 2048 units is
# 60 MB that nobody uses; one thread at a time has Python's lock anyway.
_MEMORY_ARENAS = 2
_M_ARENA_MAX = -8  # malloc.h


@contextmanager
def settled() -> Iterator[None]:
    """Set them for a while, once all is loaded: what is there now is no garbage, and not searched.

    Until the end, since what is never searched is not taken down when Python ends.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_UNTIL_SEARCH, *gc.get_threshold()[1:])
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _MEMORY_ARENAS)
    try:
        yield
    finally:
        gc.unfreeze()
