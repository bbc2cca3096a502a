"""Whole audio files, as mono float32 samples at the rate the model wants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import soxr

from ..errors import AudioError
from .bounds import LONGEST_UTTERANCE_SECONDS
from .mono import Samples, Source, name_of, open_mono


@dataclass(frozen=True)
class AudioSummary:
    """What an audio file holds, all of it decoded.

    Attributes:
        sample_rate_hz: its own.
        sample_count: of one channel.
        header_sample_count: as the header says, which for MP3 is an estimate; None where it does
            not.
        peak_to_peak: of the mean of its channels, full scale being 2.
    """

    sample_rate_hz: int
    sample_count: int
    header_sample_count: int | None
    peak_to_peak: float


def read_sample_rate(source: Source) -> int:
    """Return the sample rate that an audio file's header says, in Hz.

    Raises:
        AudioError: missing, empty, or in no format that can be read.
    """
    with open_mono(source) as audio:
        return audio.sample_rate_hz


def summarise_audio(source: Source) -> AudioSummary:
    """Decode an audio file of an hour at most, and keep none of it.

    Raises:
        AudioError: whatever `read_audio` would raise.
    """
    count, lowest, highest = 0, np.float32(np.inf), np.float32(-np.inf)
    with open_mono(source, longest_seconds=LONGEST_UTTERANCE_SECONDS) as audio:
        for block in filter(len, audio.blocks):
            count += len(block)
            lowest, highest = min(lowest, block.min()), max(highest, block.max())
        if not count:
            raise AudioError(f"{name_of(source)}: contains no samples")
        return AudioSummary(
            audio.sample_rate_hz, count, audio.sample_count, float(highest - lowest)
        )


def read_audio(source: Source, sample_rate_hz: int) -> Samples:
    """Read a whole audio file of an hour at most, of any format, rate and channel count.

    Channels are averaged, then resampled with soxr at high quality. 16-bit audio is scaled by
    1/32768, for training as for inference. (Upstream's training divided by 32767: a constant
    3e-5 in the log energies, below anything a model notices.)

    Args:
        source: a file's name, or a seekable binary stream.
        sample_rate_hz: of the result.

    Returns:
        float32 `[samples]`.

    Raises:
        AudioError: missing, unreadable, without samples, with values that are no sound, or out of
            the bounds of `bounds.py`.
    """
    with open_mono(source, longest_seconds=LONGEST_UTTERANCE_SECONDS) as audio:
        blocks = [block for block in audio.blocks if len(block)]
        source_rate_hz = audio.sample_rate_hz
    if not blocks:
        raise AudioError(f"{name_of(source)}: contains no samples")
    if source_rate_hz == sample_rate_hz:
        return np.concatenate(blocks)
    stream = soxr.ResampleStream(source_rate_hz, sample_rate_hz, 1, dtype="float32")
    resampled = [stream.resample_chunk(block) for block in blocks]
    resampled.append(stream.resample_chunk(np.zeros(0, np.float32), last=True))
    return np.concatenate(resampled)
