"""What callers hand in as audio, checked: 16-bit mono samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import AudioBufferError

Pcm = NDArray[np.int16]  # [samples]


def as_pcm(audio: Any) -> Pcm:
    """Return samples as int16 `[samples]`.

    Args:
        audio: an int16 array of one dimension, or its bytes in the machine's order.

    Raises:
        AudioBufferError: anything else; the message says how to convert it.
    """
    if isinstance(audio, (bytes, bytearray, memoryview)):
        audio = _from_bytes(memoryview(audio))
    if not isinstance(audio, np.ndarray):
        raise AudioBufferError(
            f"audio must be a NumPy array of int16, not {type(audio).__name__}; "
            "write numpy.asarray(samples, numpy.int16)"
        )
    if audio.ndim != 1:
        raise AudioBufferError(
            f"audio must be mono, an array of one dimension, not of shape {audio.shape}; "
            "average its channels first: audio.mean(axis=1).astype(numpy.int16)"
        )
    if audio.dtype.kind == "f":
        raise AudioBufferError(
            f"audio must be int16, not {audio.dtype}; for samples from -1 to 1 write "
            "numpy.rint(audio.clip(-1, 1) * 32767).astype(numpy.int16)"
        )
    if audio.dtype.kind != "i" or audio.dtype.itemsize != 2:
        raise AudioBufferError(
            f"audio must be int16, not {audio.dtype}; scale it to -32768..32767 and convert it "
            "with astype(numpy.int16)"
        )
    return np.asarray(audio, np.int16)


def _from_bytes(view: memoryview) -> Pcm:
    if view.nbytes % 2:
        raise AudioBufferError(
            f"{view.nbytes} bytes are no whole number of 16-bit samples; cut them at even places"
        )
    return np.frombuffer(view, np.int16)
