"""How much sound a file may hold, for all that reads audio: checked while it is decoded.

Codecs write silence in next to nothing, and headers may claim anything: some kilobytes can stand
for gigabytes of samples. So the form is checked before the first block is decoded, and the amount
after each.

- 32 channels are the largest microphone arrays and mixing desks; libsndfile itself allows 1024.
- 1000 to 768000 Hz: nobody samples speech more slowly (a 1 Hz file would be resampled to 16000
  times its length), and no sound card samples faster.
- A file is refused that decodes to more than an allowance, which is an hour and 2**27 values (of
  all channels; 23 minutes of stereo at 48 kHz) for any file and grows with its size: a second for
  4 bytes, 2048 values for a byte. Where somebody speaks, the thriftiest codec takes 50 bytes a
  second, and Opus in pauses 10.
- Where all of a file is held in memory, as an utterance is, it may last an hour.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import AudioError

MOST_CHANNELS = 32
LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 1000, 768_000
LONGEST_UTTERANCE_SECONDS = 3600.0
LARGEST_SAMPLE = 64.0  # 36 dB above full scale: no studio leaves so much room in float files

_WHOLE_NUMBERS = (1 << 15, 1 << 23, 1 << 31)  # full scale of integers, 16 to 32 bits
_SECONDS_OF_ANY_FILE, _BYTES_PER_SECOND = 3600.0, 4
_VALUES_OF_ANY_FILE, _VALUES_PER_BYTE = 1 << 27, 2048


def check_form(name: str, sample_rate_hz: int, channels: int) -> None:
    """Check what a file's header says of its sound.

    Raises:
        AudioError: no recording of speech has this rate, or so many channels.
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
    """Check that samples are sound between about -1 and 1.

    Whole numbers that a program wrote as floats would be cut off to noise where 16 bits are needed,
    and be 90 dB louder than all else where they are not: nothing would fail, and little be learned.

    Args:
        name: of the file, for errors.
        samples: `[samples]`.

    Raises:
        AudioError: they are far above full scale, or no numbers at all.
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
    """Counts what has been decoded of one file.

    Args:
        name: of the file, for errors.
        sample_rate_hz: its own.
        channels: as many as are decoded.
        file_bytes: its size.
        longest_seconds: how long it may be at most, whatever its size.
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
        """Note that so many samples of each channel have been decoded.

        Raises:
            AudioError: that is more than the file may hold.
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
