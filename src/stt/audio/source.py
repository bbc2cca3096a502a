"""Reads audio of any length, format and rate as 16-bit mono samples at the model's rate."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np
import soxr
from numpy.typing import NDArray

from ..errors import AudioError
from ..terminal import printable
from .bounds import LONGEST_UTTERANCE_SECONDS, check_form
from .mono import Source, name_of, open_mono
from .pcm import Pcm, scaled, to_pcm

_log = logging.getLogger(__name__)


def read_pcm(source: Source, sample_rate_hz: int) -> Pcm:
    """Return the samples of an audio file of at most one hour; see `read_pcm_blocks`."""
    blocks = read_pcm_blocks(source, sample_rate_hz, longest_seconds=LONGEST_UTTERANCE_SECONDS)
    return np.concatenate([np.zeros(0, np.int16), *blocks])


def read_pcm_blocks(
    source: Source,
    sample_rate_hz: int,
    *,
    any_sample_rate: bool = True,
    longest_seconds: float = float("inf"),
) -> Iterator[Pcm]:
    """Yield the samples of an audio file of any length in blocks of about 10 seconds.

    Channels are averaged, then resampled with soxr. 16-bit mono audio at the right rate is returned
    unchanged. A truncated WAV file is logged as a warning.

    Args:
        source: path, seekable binary stream, or reference.
        sample_rate_hz: sample rate of the result.
        any_sample_rate: whether audio of another rate is resampled; else it is an error.
        longest_seconds: longest audio allowed.

    Raises:
        AudioError: the file is missing or unreadable, exceeds a limit of `bounds.py`, contains
            samples that are not finite or far above full scale, or has another rate.
    """
    with open_mono(source, longest_seconds=longest_seconds) as audio:
        rate_hz = audio.sample_rate_hz
        if rate_hz != sample_rate_hz and not any_sample_rate:
            raise AudioError(
                f"{name_of(source)} has {rate_hz} Hz, the model {sample_rate_hz} Hz; remove "
                "--normalize_sample_rate false to resample"
            )
        resampler = Resampler(rate_hz, sample_rate_hz)
        count = 0
        for block in audio.blocks:
            count += len(block)
            yield resampler.feed(block)
        yield resampler.finish()
        if audio.is_exact and audio.sample_count and count < audio.sample_count:
            _log.warning(
                "%s: cut off; its header says %.2f s, and only %.2f s are there",
                printable(name_of(source)), audio.sample_count / rate_hz, count / rate_hz,
            )  # fmt: skip


class Resampler:
    """Converts mono float32 blocks at one rate to int16 blocks at another.

    Raises:
        AudioError: the source rate is out of the range of `bounds.py`.
    """

    def __init__(self, source_rate_hz: int, sample_rate_hz: int) -> None:
        check_form("the audio", source_rate_hz, channels=1)
        self._soxr = (
            None
            if source_rate_hz == sample_rate_hz
            else soxr.ResampleStream(source_rate_hz, sample_rate_hz, 1, dtype="float32")
        )

    def feed(self, block: NDArray[np.float32]) -> Pcm:
        """Add samples from -1 to 1, float32 `[samples]`; return the samples that are ready."""
        return self._resample(block, last=False)

    def feed_pcm(self, block: Pcm) -> Pcm:
        """Add samples of 16 bits, `[samples]`; return the samples that are ready."""
        return block if self._soxr is None else self.feed(scaled(block))

    def finish(self) -> Pcm:
        """Return the remaining samples."""
        return self._resample(np.zeros(0, np.float32), last=True)

    def _resample(self, block: NDArray[np.float32], last: bool) -> Pcm:
        if self._soxr is not None:
            block = self._soxr.resample_chunk(block, last=last)
        return to_pcm(block)
