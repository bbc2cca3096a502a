"""Files as they lie on disk: read where they are looked at, without a copy of the whole."""

from __future__ import annotations

import mmap
from pathlib import Path

from coqui_stt_ctcdecoder.regular_file import open_regular


def map_file(path: Path, *, writable: bool = False) -> memoryview:
    """Return a file's bytes, mapped where they can be.

    Args:
        path: the file. It must be replaced by renaming, not overwritten, while the bytes are used.
        writable: whether they may be written to: pages that are become private copies, and the file
            does not change.

    Raises:
        OSError: it cannot be read, or is no regular file.
    """
    access = mmap.ACCESS_COPY if writable else mmap.ACCESS_READ
    with open_regular(path) as file:
        try:
            return memoryview(mmap.mmap(file.fileno(), 0, access=access))
        except (OSError, ValueError):  # an empty file, or a disk that maps none
            content = file.read()
    return memoryview(bytearray(content) if writable else content)
