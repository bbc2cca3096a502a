"""Audio files: any format libsndfile reads, as mono float32 samples at the rate the model wants."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from ..errors import AudioError

Samples = NDArray[np.float32]  # [samples], full scale at -1 and 1


@dataclass(frozen=True)
class AudioInfo:
    """What an audio file's header says."""

    sample_rate_hz: int
    channels: int
    sample_count: int  # per channel

    @property
    def duration_seconds(self) -> float:
        """Length of the audio."""
        return self.sample_count / self.sample_rate_hz


def read_info(path: str | Path) -> AudioInfo:
    """Read an audio file's header.

    Raises:
        AudioError: missing, empty, or in no format that libsndfile reads.
    """
    with _open(path) as sound:
        return AudioInfo(sound.samplerate, sound.channels, sound.frames)


def read_audio(path: str | Path | BinaryIO, sample_rate_hz: int) -> Samples:
    """Read a whole audio file: WAV, FLAC, OGG/Vorbis/Opus, MP3, ..., any rate, any channel count.

    Channels are averaged, then resampled with soxr at high quality. 16-bit audio is scaled by
    1/32768, for training as for inference. (Upstream's training divided by 32767: a constant
    3e-5 in the log energies, below anything a model notices.)

    Args:
        path: a file's name, or a seekable binary stream.
        sample_rate_hz: of the result.

    Returns:
        float32 `[samples]`.

    Raises:
        AudioError: missing, unreadable, truncated, without samples, or with NaN or infinite ones.
    """
    with _open(path) as sound:
        try:
            samples = sound.read(dtype="float32", always_2d=True)
        except soundfile.SoundFileError as error:
            raise AudioError(f"{_name(path)}: cannot be decoded ({error})") from None
        source_rate_hz = sound.samplerate
    if not len(samples):
        raise AudioError(f"{_name(path)}: holds no samples")
    if not np.isfinite(samples).all():
        raise AudioError(f"{_name(path)}: holds NaN or infinite samples; write the file anew")
    return to_model_rate(samples.mean(axis=1, dtype=np.float32), source_rate_hz, sample_rate_hz)


def to_model_rate(samples: Samples, source_rate_hz: int, sample_rate_hz: int) -> Samples:
    """Resample `[samples]` from one rate to another; the same array where they are equal."""
    if source_rate_hz == sample_rate_hz:
        return samples
    return np.asarray(soxr.resample(samples, source_rate_hz, sample_rate_hz), np.float32)


def _open(path: str | Path | BinaryIO) -> soundfile.SoundFile:
    if isinstance(path, (str, Path)):
        file = Path(path)
        if not file.exists():
            raise AudioError(f"{file}: no such file")
        if file.is_file() and file.stat().st_size == 0:
            raise AudioError(f"{file}: the file is empty (0 bytes)")
    try:
        return soundfile.SoundFile(path)
    except (soundfile.SoundFileError, OSError, TypeError) as error:
        raise AudioError(f"{_name(path)}: not an audio file that can be read ({error})") from None


def _name(path: str | Path | BinaryIO) -> str:
    return str(path) if isinstance(path, (str, Path)) else getattr(path, "name", "the stream")
