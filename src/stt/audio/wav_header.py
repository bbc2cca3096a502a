"""What a WAV file says of its own length: libsndfile only tells what is there."""

from __future__ import annotations

import struct
from typing import BinaryIO

_UNCOMPRESSED = (1, 3, 0xFFFE)  # PCM, floats, and either with a longer header
_UNKNOWN_LENGTH = 0x7FFF_0000  # programs that write to a pipe say so much, or all ones
_MOST_CHUNKS = 64


def announced_samples(file: BinaryIO) -> int | None:
    """Return the number of samples of one channel that a WAV file is said to have.

    None for other formats, compressed ones, and where the writer did not know.

    Args:
        file: at its start, seekable; it is left anywhere.
    """
    if len(head := file.read(12)) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
        return None
    frame_bytes = 0
    for _ in range(_MOST_CHUNKS):
        if len(header := file.read(8)) < 8:
            return None
        name, size = struct.unpack("<4sI", header)
        content = b""
        if name == b"data":
            known = frame_bytes and 0 < size < _UNKNOWN_LENGTH
            return size // frame_bytes if known else None
        if name == b"fmt " and len(content := file.read(16)) == 16:
            kind, _, _, _, frame_bytes, _ = struct.unpack("<HHIIHH", content)
            if kind not in _UNCOMPRESSED:
                return None
        file.seek(size + size % 2 - len(content), 1)
    return None
