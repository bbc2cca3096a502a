"""Settings of Python and of malloc for a process that serves live audio."""

from __future__ import annotations

import ctypes
import gc
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Time for which a transcribing thread may keep Python's lock while others wait. It delays messages
# that are received and sent.
_SWITCH_SECONDS = 0.0005
# By default Python's garbage collector runs every 700 objects, which takes 3 % of the time.
_OBJECTS_UNTIL_SEARCH = 10_000
# By default glibc has up to eight arenas per core. With a model of 2048 units, 60 MB of them are
# unused, since only one thread at a time has Python's lock.
_MEMORY_ARENAS = 2
_M_ARENA_MAX = -8  # malloc.h


@contextmanager
def settled() -> Iterator[None]:
    """Apply the settings within the context; enter it when everything is loaded.

    The garbage collector skips the objects that exist now. At the end it sees them again, since
    Python would not free them at its exit otherwise.
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
