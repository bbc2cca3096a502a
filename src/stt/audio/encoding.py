"""Encodes samples in memory as WAV, FLAC, Ogg Opus, or the Opus packets of SDB files."""

from __future__ import annotations

import io
from typing import Literal

import numpy as np
import soundfile
from numpy.typing import NDArray

from ..errors import AudioError
from .opus_packets import RATES_HZ, packets_of_ogg, pre_skip_of_ogg

Encoding = Literal["wav", "flac", "opus", "opus packets"]

_LEAST_BITRATE, _MOST_BITRATE = 6000, 256_000  # limits of libsndfile for one channel
_GRANULES_HZ = 48000


def encodable_rate(sample_rate_hz: int, encoding: Encoding) -> int:
    """Return the rate to resample to before encoding: for Opus its next higher rate."""
    if not encoding.startswith("opus"):
        return sample_rate_hz
    return next((rate for rate in RATES_HZ if rate >= sample_rate_hz), RATES_HZ[-1])


def encode_audio(
    samples: NDArray[np.int16], sample_rate_hz: int, encoding: Encoding, bitrate: int | None = None
) -> bytes:
    """Return the content of an audio file.

    Opus packets decode to a few milliseconds more than the samples: an Opus encoder adds samples at
    the start, and SDB files have no field that tells the decoder to skip them.

    Args:
        samples: int16 `[samples]` or `[samples, channels]`.
        sample_rate_hz: sample rate of the audio; see `encodable_rate`.
        encoding: format to write.
        bitrate: bits per second for each channel, of Opus; None leaves it to libsndfile.

    Raises:
        AudioError: the encoding does not support the bitrate or the sample rate.
    """
    if bitrate is not None and not encoding.startswith("opus"):
        raise AudioError(f"a bitrate of {bitrate} is given, and {encoding} has none; leave it out")
    if bitrate is not None and not _LEAST_BITRATE <= bitrate <= _MOST_BITRATE:
        raise AudioError(
            f"a bitrate of {bitrate} is given; Opus has {_LEAST_BITRATE} to {_MOST_BITRATE}"
        )
    if encodable_rate(sample_rate_hz, encoding) != sample_rate_hz:
        raise AudioError(f"Opus has no sample rate of {sample_rate_hz} Hz; resample first")
    buffer = io.BytesIO()
    level = None
    if bitrate is not None:
        level = 1 - (bitrate - _LEAST_BITRATE) / (_MOST_BITRATE - _LEAST_BITRATE)
    is_opus = encoding.startswith("opus")
    soundfile.write(
        buffer,
        samples,
        sample_rate_hz,
        subtype="OPUS" if is_opus else "PCM_16",
        format="OGG" if is_opus else encoding.upper(),
        compression_level=level,
    )
    content = buffer.getvalue()
    if encoding != "opus packets":
        return content
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    skipped = pre_skip_of_ogg(content) * sample_rate_hz // _GRANULES_HZ
    return packets_of_ogg(content, len(samples) + skipped, sample_rate_hz, channels)
