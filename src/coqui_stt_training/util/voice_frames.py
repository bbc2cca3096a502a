"""Audio in frames of 10 to 30 ms, and voice activity detection on them."""

from __future__ import annotations

import wave
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import AudioError
from .audio_files import AudioFile, read_audio_format_from_wav_file
from .audio_format import DEFAULT_FORMAT, AudioFormat, get_pcm_duration

_VAD_RATES_HZ = (8000, 16000, 32000, 48000)


def read_frames(
    wav_file: wave.Wave_read, frame_duration_ms: int = 30, yield_remainder: bool = False
) -> Iterator[bytes]:
    """Yield frames of equal length of an open WAV file; a shorter last one only on request."""
    audio_format = read_audio_format_from_wav_file(wav_file)
    frame_samples = audio_format.rate * frame_duration_ms // 1000
    frame_bytes = frame_samples * audio_format.channels * audio_format.width
    while data := wav_file.readframes(frame_samples):
        if len(data) == frame_bytes or yield_remainder:
            yield data


def read_frames_from_file(
    audio_path: str | Path,
    audio_format: AudioFormat = DEFAULT_FORMAT,
    frame_duration_ms: int = 30,
    yield_remainder: bool = False,
) -> Iterator[bytes]:
    """Yield frames of any audio file, converted to a format; see `read_frames`."""
    with AudioFile(audio_path, audio_format=audio_format) as wav_file:
        yield from read_frames(wav_file, frame_duration_ms, yield_remainder)


def vad_split(
    audio_frames: Iterable[bytes],
    audio_format: AudioFormat = DEFAULT_FORMAT,
    num_padding_frames: int = 10,
    threshold: float = 0.5,
    aggressiveness: int = 3,
) -> Iterator[tuple[bytes, float, float]]:
    """Yield the segments of audio with speech: PCM, start and end in ms.

    Times count whole frames from the start of the audio; upstream's were one frame too early.

    Args:
        audio_frames: PCM frames of 10, 20 or 30 ms.
        audio_format: format of the frames: 16-bit mono at 8, 16, 32 or 48 kHz.
        num_padding_frames: number of the latest frames that decide together.
        threshold: share of these frames that must be exceeded: by voiced ones to start a segment,
            by unvoiced ones to end it.
        aggressiveness: 0 to 3; higher values classify more frames as silence.

    Raises:
        AudioError: the format, the length of a frame or the aggressiveness is not supported.
        ModuleNotFoundError: webrtcvad is not installed.
    """
    if audio_format.channels != 1 or audio_format.width != 2:
        raise AudioError("voice activity is found in 16-bit mono audio only")
    if audio_format.rate not in _VAD_RATES_HZ:
        raise AudioError(f"voice activity is not found at {audio_format.rate} Hz; resample first")
    if aggressiveness not in range(4):
        raise AudioError(f"aggressiveness {aggressiveness}: must be 0, 1, 2 or 3")
    from webrtcvad import Vad

    vad = Vad(aggressiveness)
    watched: deque[tuple[bytes, bool]] = deque(maxlen=num_padding_frames)
    voiced: list[bytes] = []
    milliseconds = 0.0
    count = 0
    for count, frame in enumerate(audio_frames, start=1):
        milliseconds = get_pcm_duration(len(frame), audio_format) * 1000
        if milliseconds not in (10, 20, 30):
            raise AudioError(f"frame {count} has {milliseconds:g} ms; frames have 10, 20 or 30")
        speaking = bool(voiced)
        watched.append((frame, vad.is_speech(frame, audio_format.rate)))
        if speaking:
            voiced.append(frame)
        changing = sum(is_speech != speaking for _, is_speech in watched)
        if changing <= threshold * num_padding_frames:
            continue
        if speaking:
            yield b"".join(voiced), milliseconds * (count - len(voiced)), milliseconds * count
        voiced = [] if speaking else [kept for kept, _ in watched]
        watched.clear()
    if voiced:
        yield b"".join(voiced), milliseconds * (count - len(voiced)), milliseconds * count
