"""Reads the length stated in a WAV header; libsndfile reports only the samples that are there."""

from __future__ import annotations

import struct
from typing import BinaryIO

_UNCOMPRESSED = (1, 3, 0xFFFE)  # PCM, floats, WAVE_FORMAT_EXTENSIBLE
_UNKNOWN_LENGTH = 0x7FFF_0000  # programs that write to a pipe state this size, or a larger one
_MOST_CHUNKS = 64


def announced_samples(file: BinaryIO) -> int | None:
    """Return the number of samples of one channel stated in the header of a WAV file.

    None if the file is compressed or not a WAV file, or if its writer did not know the length.

    Args:
        file: seekable file, at its start. Its position is undefined afterwards.
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
