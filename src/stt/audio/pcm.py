"""16-bit mono samples: checks those of callers, and converts from and to float32."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import AudioBufferError

Pcm = NDArray[np.int16]  # [samples]


def as_pcm(audio: Any) -> Pcm:
    """Return samples as int16 `[samples]`.

    Args:
        audio: an int16 array of one dimension; a list of integers, `array.array` or `memoryview` of
            such samples; or bytes in native byte order.

    Raises:
        AudioBufferError: `audio` is anything else; the message says how to convert it.
    """
    if isinstance(audio, (bytes, bytearray)):
        return _from_bytes(memoryview(audio))
    if isinstance(audio, memoryview) and audio.format in ("B", "b", "c"):
        return _from_bytes(memoryview(audio.tobytes()))
    samples = audio if isinstance(audio, np.ndarray) else _as_array(audio)
    if samples.ndim != 1:
        raise AudioBufferError(
            f"audio must be mono, an array of one dimension, not of shape {samples.shape}; "
            "average its channels first: audio.mean(axis=1).astype(numpy.int16)"
        )
    if samples.dtype.kind == "f":
        raise AudioBufferError(
            f"audio must be int16, not {samples.dtype}; for samples from -1 to 1 write "
            "numpy.rint(audio.clip(-1, 1) * 32767).astype(numpy.int16)"
        )
    if samples.dtype.kind != "i" or samples.dtype.itemsize != 2:
        raise AudioBufferError(
            f"audio must be int16, not {samples.dtype}; scale it to -32768..32767 and convert it "
            "with astype(numpy.int16)"
        )
    return np.asarray(samples, np.int16)


def scaled(samples: Pcm) -> NDArray[np.float32]:
    """Return 16-bit samples as float32, full scale at -1 and 1."""
    values: NDArray[np.float32] = samples.astype(np.float32) * np.float32(1 / 32768)
    return values


def to_pcm(samples: NDArray[np.floating[Any]]) -> Pcm:
    """Return samples from -1 to 1 rounded to 16 bits; samples beyond are clipped."""
    pcm: Pcm = np.rint(samples * 32768.0).clip(-32768, 32767).astype(np.int16)
    return pcm


def _as_array(audio: Any) -> NDArray[Any]:
    """Return samples as an array; a list or tuple of integers becomes int16.

    Raises:
        AudioBufferError: `audio` does not contain samples, or integers beyond 16 bits.
    """
    sequence = isinstance(audio, (list, tuple))
    try:
        array = np.asarray(audio)
    except (TypeError, ValueError, OverflowError):
        array = np.asarray(None)
    if sequence and not array.size:
        return array.astype(np.int16)
    if array.dtype.kind not in "iuf" or array.ndim == 0:
        raise AudioBufferError(
            f"audio must be a NumPy array of int16, not {type(audio).__name__}; "
            "write numpy.asarray(samples, numpy.int16)"
        )
    if not sequence or array.dtype.kind == "f":
        return array
    limits = np.iinfo(np.int16)
    beyond = np.flatnonzero((array < limits.min) | (array > limits.max))
    if len(beyond):
        raise AudioBufferError(
            f"sample {beyond[0]} is {array.reshape(-1)[beyond[0]]}, beyond 16 bits; scale the "
            "audio to -32768..32767"
        )
    return array.astype(np.int16)


def _from_bytes(view: memoryview) -> Pcm:
    if view.nbytes % 2:
        raise AudioBufferError(
            f"{view.nbytes} bytes are not a whole number of 16-bit samples; split them at even "
            "offsets"
        )
    return np.frombuffer(view, np.int16)
