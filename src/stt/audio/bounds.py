"""Limits on decoded audio, checked by every reader while it decodes.

A few kilobytes can decode to gigabytes of samples: codecs compress silence to almost nothing, and
headers may claim anything. So sample rate and channels are checked before the first block is
decoded, and the number of samples after each block.

- Up to 32 channels: the largest microphone arrays and mixing desks. libsndfile allows 1024.
- 1000 to 768000 Hz: nobody samples speech more slowly (a 1 Hz file would be resampled to 16000
  times its length), and no sound card samples faster.
- A file may decode to one hour plus a second for every 4 bytes of its size, and to 2**27 values of
  all channels together (23 minutes of stereo at 48 kHz) plus 2048 for every byte. The most
  efficient codec needs 50 bytes for a second of speech; Opus needs 10 for a second of a pause.
- An utterance, which is held in memory as a whole, may last one hour.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import AudioError

MOST_CHANNELS = 32
LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 1000, 768_000
LONGEST_UTTERANCE_SECONDS = 3600.0
LARGEST_SAMPLE = 64.0  # 36 dB above full scale; float files of studios stay below

_WHOLE_NUMBERS = (1 << 15, 1 << 23, 1 << 31)  # full scale of integers of 16, 24 and 32 bits
_SECONDS_OF_ANY_FILE, _BYTES_PER_SECOND = 3600.0, 4
_VALUES_OF_ANY_FILE, _VALUES_PER_BYTE = 1 << 27, 2048


def check_form(name: str, sample_rate_hz: int, channels: int) -> None:
    """Check the sample rate and the number of channels in a file's header.

    Raises:
        AudioError: the sample rate or the number of channels is out of range.
    """
    if not LOWEST_RATE_HZ <= sample_rate_hz <= HIGHEST_RATE_HZ:
        raise AudioError(
            f"{name}: the sample rate is {sample_rate_hz} Hz; supported are {LOWEST_RATE_HZ} to "
            f"{HIGHEST_RATE_HZ}"
        )
    if not 1 <= channels <= MOST_CHANNELS:
        raise AudioError(
            f"{name}: has {channels} channels; supported are 1 to {MOST_CHANNELS}, so save those "
            "with speech to another file"
        )


def check_scale(name: str, samples: NDArray[np.float32]) -> None:
    """Check that samples lie between about -1 and 1.

    If a program wrote integers as floats, the samples would be clipped to noise in 16 bits, and be
    90 dB louder than all others in float32. Training on them would not fail, but learn little.

    Args:
        name: name of the file, for errors.
        samples: float32 `[samples]`.

    Raises:
        AudioError: a sample is NaN, infinite, or far above full scale.
    """
    largest = float(np.abs(samples).max(initial=0.0))
    if largest <= LARGEST_SAMPLE:  # NaN is not
        return
    divisor = next((one for one in _WHOLE_NUMBERS if largest <= one), None)
    if divisor is None:
        raise AudioError(
            f"{name}: contains samples that are NaN, infinite or far out of range (full scale is "
            "1); save the file again"
        )
    raise AudioError(
        f"{name}: holds samples as large as {largest:.0f}, where full scale is 1; they look like "
        f"whole numbers that were written as floats: divide them by {divisor}, and write the file "
        "anew"
    )


class Allowance:
    """Counts the samples decoded from one file, and enforces the limits on them.

    Args:
        name: name of the file, for errors.
        sample_rate_hz: sample rate of the file.
        channels: number of channels of the file.
        file_bytes: size of the file.
        longest_seconds: longest audio allowed, whatever the size of the file.
    """

    def __init__(
        self,
        name: str,
        sample_rate_hz: int,
        channels: int,
        file_bytes: int,
        longest_seconds: float = float("inf"),
    ) -> None:
        self._name = name
        self._channels = channels
        self._file_bytes = file_bytes
        self._longest_seconds = longest_seconds
        self._longest_samples = longest_seconds * sample_rate_hz
        self._most_samples = (
            _SECONDS_OF_ANY_FILE + file_bytes / _BYTES_PER_SECOND
        ) * sample_rate_hz
        self._most_values = _VALUES_OF_ANY_FILE + _VALUES_PER_BYTE * file_bytes
        self._samples = 0

    def take(self, samples: int) -> None:
        """Count `samples` decoded samples of each channel.

        Raises:
            AudioError: the sum exceeds a limit.
        """
        self._samples += samples
        if self._samples > self._longest_samples:
            raise AudioError(
                f"{self._name}: longer than {self._longest_seconds:g} seconds, the limit for an "
                "utterance; cut it into utterances"
            )
        if self._samples > self._most_samples or self._samples * self._channels > self._most_values:
            raise AudioError(
                f"{self._name}: decodes to far more audio than {self._file_bytes} bytes of a "
                "recording contain; if it is one, save it as WAV"
            )
