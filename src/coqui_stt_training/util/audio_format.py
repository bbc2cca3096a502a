"""Audio formats, the types of representations of audio, and durations."""

from __future__ import annotations

from typing import NamedTuple


class AudioFormat(NamedTuple):
    """Sample rate in Hz, number of channels, and bytes per sample of one channel."""

    rate: int
    channels: int
    width: int


DEFAULT_RATE = 16000
DEFAULT_CHANNELS = 1
DEFAULT_WIDTH = 2
DEFAULT_FORMAT = AudioFormat(DEFAULT_RATE, DEFAULT_CHANNELS, DEFAULT_WIDTH)

AUDIO_TYPE_NP = "application/vnd.mozilla.np"
AUDIO_TYPE_PCM = "application/vnd.mozilla.pcm"
AUDIO_TYPE_WAV = "audio/wav"
AUDIO_TYPE_OPUS = "application/vnd.mozilla.opus"
AUDIO_TYPE_OGG_OPUS = "audio/ogg;codecs=opus"
AUDIO_TYPE_OGG_VORBIS = "audio/vorbis"
AUDIO_TYPE_FLAC = "audio/flac"

# Types of whole files, and AUDIO_TYPE_OPUS, the bare packets in SDB files.
SERIALIZABLE_AUDIO_TYPES = [
    AUDIO_TYPE_WAV,
    AUDIO_TYPE_OPUS,
    AUDIO_TYPE_OGG_OPUS,
    AUDIO_TYPE_OGG_VORBIS,
    AUDIO_TYPE_FLAC,
]

_BY_EXTENSION = {
    ".wav": AUDIO_TYPE_WAV,
    ".opus": AUDIO_TYPE_OGG_OPUS,
    ".ogg": AUDIO_TYPE_OGG_VORBIS,
    ".flac": AUDIO_TYPE_FLAC,
}


def get_loadable_audio_type_from_extension(ext: str) -> str | None:
    """Return the audio type of an extension such as `.wav`; None if it cannot be read."""
    return _BY_EXTENSION.get(ext.lower())


def get_num_samples(pcm_buffer_size: int, audio_format: AudioFormat = DEFAULT_FORMAT) -> int:
    """Return the number of samples for each channel in a number of bytes of PCM."""
    return pcm_buffer_size // (audio_format.channels * audio_format.width)


def get_pcm_duration(pcm_buffer_size: int, audio_format: AudioFormat = DEFAULT_FORMAT) -> float:
    """Return the duration in seconds of a number of bytes of PCM."""
    return get_num_samples(pcm_buffer_size, audio_format) / audio_format.rate


def get_np_duration(np_len: int, audio_format: AudioFormat = DEFAULT_FORMAT) -> float:
    """Return the duration in seconds of a number of samples."""
    return np_len / audio_format.rate
