"""Audio in memory, and all other names of upstream's `util.audio`.

PCM means bytes of interleaved integer samples, usually of 16 bits. NP means float32 `[samples, 1]`
from -1 to 1.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import AudioError
from .audio_files import (
    AudioFile,
    convert_audio,
    get_dtype,
    read_audio,
    read_audio_format_from_wav_file,
    read_duration,
    read_format,
    read_ogg_opus,
    read_ogg_opus_duration,
    read_wav,
    read_wav_duration,
    refuse_type,
    write_audio,
    write_wav,
)
from .audio_format import (
    AUDIO_TYPE_FLAC,
    AUDIO_TYPE_NP,
    AUDIO_TYPE_OGG_OPUS,
    AUDIO_TYPE_OGG_VORBIS,
    AUDIO_TYPE_OPUS,
    AUDIO_TYPE_PCM,
    AUDIO_TYPE_WAV,
    DEFAULT_CHANNELS,
    DEFAULT_FORMAT,
    DEFAULT_RATE,
    DEFAULT_WIDTH,
    SERIALIZABLE_AUDIO_TYPES,
    AudioFormat,
    get_loadable_audio_type_from_extension,
    get_np_duration,
    get_num_samples,
    get_pcm_duration,
)
from .helpers import LimitingPool
from .voice_frames import read_frames, read_frames_from_file, vad_split

__all__ = [
    "AUDIO_TYPE_FLAC",
    "AUDIO_TYPE_NP",
    "AUDIO_TYPE_OGG_OPUS",
    "AUDIO_TYPE_OGG_VORBIS",
    "AUDIO_TYPE_OPUS",
    "AUDIO_TYPE_PCM",
    "AUDIO_TYPE_WAV",
    "DEFAULT_CHANNELS",
    "DEFAULT_FORMAT",
    "DEFAULT_RATE",
    "DEFAULT_WIDTH",
    "SERIALIZABLE_AUDIO_TYPES",
    "AudioFile",
    "AudioFormat",
    "Sample",
    "change_audio_types",
    "convert_audio",
    "gain_db_to_ratio",
    "get_dtype",
    "get_loadable_audio_type_from_extension",
    "get_np_duration",
    "get_num_samples",
    "get_pcm_duration",
    "max_dbfs",
    "mean_dbfs",
    "normalize_audio",
    "np_to_pcm",
    "pcm_to_np",
    "read_audio",
    "read_audio_format_from_wav_file",
    "read_duration",
    "read_format",
    "read_frames",
    "read_frames_from_file",
    "read_ogg_opus",
    "read_ogg_opus_duration",
    "read_wav",
    "read_wav_duration",
    "rms_to_dbfs",
    "vad_split",
    "write_audio",
    "write_wav",
]

NpAudio = NDArray[np.float32]

_FULL_SINE_DB = 3.0103  # a full-scale sine has 0 dBFS; its peak is 3 dB above its RMS


class Sample:
    """Audio in one of several representations.

    Attributes:
        audio_type: representation, one of `AUDIO_TYPE_...`.
        audio: a `BytesIO` with the contents of a file, bytes of PCM, or float32 `[samples, 1]`.
        audio_format: format of the samples.
        sample_id: name of the source, for messages.
        duration: duration in seconds.

    Raises:
        AudioError: the audio cannot be read, or PCM or NP is given without `audio_format`.
    """

    def __init__(
        self,
        audio_type: str,
        raw_data: Any,
        audio_format: AudioFormat | None = None,
        sample_id: str | None = None,
    ) -> None:
        self.audio_type = audio_type
        self.sample_id = sample_id
        self.audio: Any = raw_data
        if audio_type in SERIALIZABLE_AUDIO_TYPES:
            self.audio = raw_data if isinstance(raw_data, io.BytesIO) else io.BytesIO(raw_data)
            self.duration = read_duration(audio_type, self.audio)
            self.audio_format = audio_format or read_format(audio_type, self.audio)
            return
        if audio_type not in (AUDIO_TYPE_PCM, AUDIO_TYPE_NP):
            refuse_type(audio_type)
        if audio_format is None:
            raise AudioError(f"audio of type {audio_type!r} needs its audio_format")
        self.audio_format = audio_format
        if audio_type == AUDIO_TYPE_PCM:
            self.duration = get_pcm_duration(len(raw_data), audio_format)
        else:
            self.duration = get_np_duration(len(raw_data), audio_format)

    def change_audio_type(self, new_audio_type: str, bitrate: int | None = None) -> None:
        """Convert the audio to another representation, in place.

        Raises:
            AudioError: the audio cannot be read, or cannot be converted.
        """
        if self.audio_type == new_audio_type:
            return
        if self.audio_type in SERIALIZABLE_AUDIO_TYPES:
            self.audio_format, self.audio = read_audio(self.audio_type, self.audio)
        elif self.audio_type == AUDIO_TYPE_NP:
            self.audio_format = self.audio_format._replace(channels=1)
            self.audio = np_to_pcm(self.audio, self.audio_format)
        self.audio_type = AUDIO_TYPE_PCM
        if new_audio_type == AUDIO_TYPE_NP:
            self.audio = pcm_to_np(self.audio, self.audio_format)
            self.audio_format = self.audio_format._replace(channels=1)
        elif new_audio_type != AUDIO_TYPE_PCM:
            file = io.BytesIO()
            write_audio(new_audio_type, file, self.audio, self.audio_format, bitrate)
            file.seek(0)
            self.audio = file
        self.audio_type = new_audio_type


def change_audio_types(
    packed_samples: Iterable[Any],
    audio_type: str = AUDIO_TYPE_PCM,
    bitrate: int | None = None,
    processes: int | None = None,
    process_ahead: int | None = None,
) -> Iterator[Sample]:
    """Yield samples in another representation, converted by several processes.

    Args:
        packed_samples: `Sample` objects, or those that `load_sample` returns.
        audio_type: representation to convert to.
        bitrate: bitrate of Opus for each channel; None: the encoder's choice.
        processes: number of processes; None: one for each core.
        process_ahead: largest number of samples in memory; None: one for each core.
    """
    with LimitingPool(processes=processes, process_ahead=process_ahead) as pool:
        yield from pool.imap(
            _unpack_and_change, ((packed, audio_type, bitrate) for packed in packed_samples)
        )


def _unpack_and_change(work: tuple[Any, str, int | None]) -> Sample:
    packed, audio_type, bitrate = work
    sample: Sample = packed.unpack() if hasattr(packed, "unpack") else packed
    sample.change_audio_type(audio_type, bitrate)
    return sample


def pcm_to_np(pcm_data: bytes, audio_format: AudioFormat = DEFAULT_FORMAT) -> NpAudio:
    """Return PCM as float32 `[samples, 1]` from -1 to 1; channels are averaged."""
    dtype = get_dtype(audio_format)
    samples = np.frombuffer(pcm_data, dtype).reshape(-1, audio_format.channels)
    scaled = samples.astype(np.float32) / np.iinfo(dtype).max
    return np.asarray(scaled.mean(axis=1, keepdims=True), np.float32)


def np_to_pcm(np_data: NpAudio, audio_format: AudioFormat = DEFAULT_FORMAT) -> bytes:
    """Return samples from -1 to 1 as mono PCM; values outside are clipped."""
    dtype = get_dtype(audio_format)
    limits = np.iinfo(dtype)
    scaled = np.rint(np_data.astype(np.float64).reshape(-1) * limits.max)
    return scaled.clip(limits.min, limits.max).astype(dtype).tobytes()


def rms_to_dbfs(rms: float) -> float:
    """Return a root mean square in dBFS; a full-scale sine has 0 dBFS."""
    return 20.0 * math.log10(max(1e-16, rms)) + _FULL_SINE_DB


def max_dbfs(sample_data: NpAudio) -> float:
    """Return the level of the loudest sample, in dBFS."""
    return rms_to_dbfs(float(np.abs(sample_data).max()))


def mean_dbfs(sample_data: NpAudio) -> float:
    """Return the root mean square level of audio, in dBFS."""
    return rms_to_dbfs(math.sqrt(float(np.mean(np.square(sample_data, dtype=np.float64)))))


def gain_db_to_ratio(gain_db: float) -> float:
    """Return the amplitude factor of a gain in decibels."""
    return float(10.0 ** (gain_db / 20.0))


def normalize_audio(sample_data: NpAudio, dbfs: float = _FULL_SINE_DB) -> NpAudio:
    """Scale audio so that its loudest sample has this level; by default full scale."""
    louder = sample_data * gain_db_to_ratio(dbfs - max_dbfs(sample_data))
    return np.asarray(louder.clip(-1.0, 1.0), np.float32)
