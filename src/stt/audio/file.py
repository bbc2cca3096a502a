"""Reads whole audio files as mono float32 samples at the sample rate of the model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import soxr

from ..errors import AudioError
from .bounds import LONGEST_UTTERANCE_SECONDS
from .mono import Samples, Source, name_of, open_mono


@dataclass(frozen=True)
class AudioSummary:
    """A summary of an audio file that has been decoded.

    Attributes:
        sample_rate_hz: sample rate of the file.
        sample_count: number of decoded samples of one channel.
        header_sample_count: the same number according to the header, which is an estimate for MP3;
            None if the header does not state it.
        peak_to_peak: largest minus smallest sample of the mean of the channels; full scale is 2.
    """

    sample_rate_hz: int
    sample_count: int
    header_sample_count: int | None
    peak_to_peak: float


def read_sample_rate(source: Source) -> int:
    """Return the sample rate in the header of an audio file.

    Raises:
        AudioError: the file is missing, empty, or in an unsupported format.
    """
    with open_mono(source) as audio:
        return audio.sample_rate_hz


def summarise_audio(source: Source) -> AudioSummary:
    """Decode an audio file of at most one hour without keeping its samples.

    Raises:
        AudioError: as in `read_audio`.
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
    """Read a whole audio file of at most one hour, of any format, rate and number of channels.

    Channels are averaged, then resampled with soxr at high quality. 16-bit audio is scaled by
    1/32768 in training and inference. (Upstream's training divides by 32767, which shifts the log
    energies by a constant 3e-5; no model notices.)

    Args:
        source: path, seekable binary stream, or reference.
        sample_rate_hz: sample rate of the result.

    Returns:
        float32 `[samples]`.

    Raises:
        AudioError: the file is missing, unreadable or without samples, contains samples that are
            not finite or far above full scale, or exceeds a limit of `bounds.py`.
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
