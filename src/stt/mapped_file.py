"""Maps files into memory, so that only the parts in use are read."""

from __future__ import annotations

import mmap
from pathlib import Path

from coqui_stt_ctcdecoder.regular_file import open_regular


def map_file(path: Path, *, writable: bool = False) -> memoryview:
    """Return the bytes of a file, mapped into memory if possible.

    Args:
        path: path of the file. While the bytes are in use, the file may be replaced by renaming,
            but must not be overwritten.
        writable: whether the bytes may be written to. A page that is written becomes a private
            copy; the file does not change.

    Raises:
        OSError: the file cannot be read, or is not a regular file.
    """
    access = mmap.ACCESS_COPY if writable else mmap.ACCESS_READ
    with open_regular(path) as file:
        try:
            return memoryview(mmap.mmap(file.fileno(), 0, access=access))
        except (OSError, ValueError):  # an empty file, or a file system without mapping
            content = file.read()
    return memoryview(bytearray(content) if writable else content)
