"""Reading and writing of audio files: WAV, FLAC, OGG/Vorbis (only read), OGG/Opus."""

from __future__ import annotations

import io
import math
import os
import tempfile
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from stt.audio.bounds import LONGEST_UTTERANCE_SECONDS, Allowance, check_form
from stt.audio.encoding import Encoding, encode_audio
from stt.audio.opus_packets import ogg_of_packets

from ..errors import AudioError
from .audio_format import (
    AUDIO_TYPE_FLAC,
    AUDIO_TYPE_OGG_OPUS,
    AUDIO_TYPE_OPUS,
    AUDIO_TYPE_WAV,
    DEFAULT_FORMAT,
    DEFAULT_WIDTH,
    SERIALIZABLE_AUDIO_TYPES,
    AudioFormat,
)

Source = str | Path | BinaryIO

_OPUS: dict[str, Encoding] = {AUDIO_TYPE_OGG_OPUS: "opus", AUDIO_TYPE_OPUS: "opus packets"}
_WRITTEN_AS = {AUDIO_TYPE_WAV: "WAV", AUDIO_TYPE_FLAC: "FLAC"}
_DTYPES = {1: np.int8, 2: np.int16, 4: np.int32}
_SUBTYPES = {1: "PCM_U8", 2: "PCM_16", 3: "PCM_24", 4: "PCM_32"}
_BLOCK_SAMPLES = 1 << 16


def read_audio(audio_type: str, audio_file: Source) -> tuple[AudioFormat, bytes]:
    """Return the format and the samples of a file, converted to interleaved 16-bit samples.

    Raises:
        AudioError: the file cannot be read, or exceeds the limits of `stt.audio.bounds`.
    """
    with _open(audio_type, audio_file) as sound:
        samples = _read_all(sound, _name(audio_file), _size(audio_file))
        return _format(sound), samples.tobytes()


def read_duration(audio_type: str, audio_file: Source) -> float:
    """Return the duration of a file in seconds, according to its header.

    Raises:
        AudioError: the file cannot be read.
    """
    with _open(audio_type, audio_file) as sound:
        return float(sound.frames / sound.samplerate)


def read_format(audio_type: str, audio_file: Source) -> AudioFormat:
    """Return the format in which `read_audio` returns the samples of a file.

    Raises:
        AudioError: the file cannot be read.
    """
    with _open(audio_type, audio_file) as sound:
        return _format(sound)


def _format(sound: soundfile.SoundFile) -> AudioFormat:
    return AudioFormat(sound.samplerate, sound.channels, DEFAULT_WIDTH)


def _open(audio_type: str, audio_file: Source) -> soundfile.SoundFile:
    if audio_type not in SERIALIZABLE_AUDIO_TYPES:
        refuse_type(audio_type)
    if not isinstance(audio_file, (str, Path)):
        audio_file.seek(0)
    if audio_type == AUDIO_TYPE_OPUS:
        audio_file = _as_ogg(audio_file)
    try:
        return soundfile.SoundFile(audio_file)
    except (soundfile.SoundFileError, OSError, TypeError) as error:
        raise AudioError(f"{_name(audio_file)}: cannot be read as audio ({error})") from None


def _as_ogg(packets: Source) -> BinaryIO:
    content = Path(packets).read_bytes() if isinstance(packets, (str, Path)) else packets.read()
    return io.BytesIO(ogg_of_packets(content, _name(packets)))


def _read_all(sound: soundfile.SoundFile, name: str, file_bytes: int) -> NDArray[np.int16]:
    nothing = np.zeros((0, sound.channels), np.int16)
    blocks = _blocks(sound, name, file_bytes, "int16", LONGEST_UTTERANCE_SECONDS)
    return np.concatenate([nothing, *blocks])


def _blocks(
    sound: soundfile.SoundFile,
    name: str,
    file_bytes: int,
    dtype: str,
    longest_seconds: float = math.inf,
) -> Iterator[NDArray[Any]]:
    """Yield all samples in blocks `[samples, channels]`.

    Raises:
        AudioError: the file cannot be decoded, or exceeds the limits of `stt.audio.bounds`.
    """
    check_form(name, sound.samplerate, sound.channels)
    allowance = Allowance(name, sound.samplerate, sound.channels, file_bytes, longest_seconds)
    try:
        while len(block := sound.read(_BLOCK_SAMPLES, dtype, always_2d=True)):
            allowance.take(len(block))
            yield block
    except soundfile.SoundFileError as error:
        raise AudioError(f"{name}: cannot be decoded ({error})") from None


def _size(source: Source) -> int:
    if isinstance(source, (str, Path)):
        return Path(source).stat().st_size
    place = source.tell()
    size = source.seek(0, os.SEEK_END)
    source.seek(place)
    return size


def refuse_type(audio_type: str) -> NoReturn:
    """Raise `AudioError`, because audio of this type cannot be read."""
    known = ", ".join(SERIALIZABLE_AUDIO_TYPES)
    raise AudioError(f"audio of type {audio_type!r} is not understood; these are: {known}")


def _name(source: Source) -> str:
    return str(source) if isinstance(source, (str, Path)) else "the audio in memory"


def get_dtype(audio_format: AudioFormat) -> type[np.signedinteger[Any]]:
    """Return the NumPy type of PCM samples.

    Raises:
        AudioError: the samples do not have 1, 2 or 4 bytes.
    """
    dtype = _DTYPES.get(audio_format.width)
    if dtype is None:
        raise AudioError(f"samples of {audio_format.width} bytes; they have 1, 2 or 4")
    return dtype


def write_audio(
    audio_type: str,
    audio_file: Source,
    pcm_data: bytes,
    audio_format: AudioFormat = DEFAULT_FORMAT,
    bitrate: int | None = None,
) -> None:
    """Write PCM as a WAV, FLAC or Ogg Opus file, or as the Opus packets of SDB files.

    Args:
        audio_type: `AUDIO_TYPE_WAV`, `..._FLAC`, `..._OGG_OPUS` or `..._OPUS`.
        audio_file: file name or binary stream.
        pcm_data: interleaved samples.
        audio_format: format of the samples; Opus has few sample rates, and only 16-bit samples.
        bitrate: bitrate of Opus for each channel; None: the encoder's choice.

    Raises:
        AudioError: the type cannot be written, or does not support the bitrate or format.
    """
    if audio_type in _OPUS:
        samples = np.frombuffer(pcm_data, np.int16).reshape(-1, audio_format.channels)
        content = encode_audio(samples, audio_format.rate, _OPUS[audio_type], bitrate)
        if isinstance(audio_file, (str, Path)):
            Path(audio_file).write_bytes(content)
        else:
            audio_file.write(content)
        return
    if audio_type not in _WRITTEN_AS or bitrate is not None:
        raise AudioError(
            f"audio is written as WAV or FLAC, without a bitrate, or as Opus, not {audio_type!r}"
        )
    if audio_type == AUDIO_TYPE_WAV:
        write_wav(audio_file, pcm_data, audio_format)
        return
    dtype = get_dtype(audio_format)
    samples = np.frombuffer(pcm_data, dtype).reshape(-1, audio_format.channels)
    target = str(audio_file) if isinstance(audio_file, Path) else audio_file
    subtype = "PCM_16" if audio_format.width < 4 else "PCM_24"
    soundfile.write(target, samples, audio_format.rate, subtype, format="FLAC")


def write_wav(
    wav_file: Source, pcm_data: bytes, audio_format: AudioFormat = DEFAULT_FORMAT
) -> None:
    """Write PCM as a WAV file, to a file name or a binary stream."""
    target = str(wav_file) if isinstance(wav_file, Path) else wav_file
    with wave.open(target, "wb") as writer:
        writer.setframerate(audio_format.rate)
        writer.setnchannels(audio_format.channels)
        writer.setsampwidth(audio_format.width)
        writer.writeframes(pcm_data)


def read_wav(wav_file: Source) -> tuple[AudioFormat, bytes]:
    """Return the format and the samples of a WAV file; see `read_audio`."""
    return read_audio(AUDIO_TYPE_WAV, wav_file)


def read_wav_duration(wav_file: Source) -> float:
    """Return the duration of a WAV file in seconds."""
    return read_duration(AUDIO_TYPE_WAV, wav_file)


def read_ogg_opus(ogg_file: Source) -> tuple[AudioFormat, bytes]:
    """Return the format and the samples of an OGG/Opus file; see `read_audio`."""
    return read_audio(AUDIO_TYPE_OGG_OPUS, ogg_file)


def read_ogg_opus_duration(ogg_file: Source) -> float:
    """Return the duration of an OGG/Opus file in seconds."""
    return read_duration(AUDIO_TYPE_OGG_OPUS, ogg_file)


def convert_audio(
    src_audio_path: str | Path,
    dst_audio_path: str | Path,
    file_type: str | None = None,
    audio_format: AudioFormat = DEFAULT_FORMAT,
) -> None:
    """Convert an audio file to another format: sample rate, channels and sample width.

    Args:
        src_audio_path: any file that libsndfile reads.
        dst_audio_path: file to write.
        file_type: `wav`, `flac`, ...; None: by the suffix of the file to write.
        audio_format: format of the result. Several channels can only be averaged to one; one
            channel can be repeated.

    Raises:
        AudioError: a file cannot be read or written, or several channels cannot become the number
            asked for.
    """
    name = str(src_audio_path)
    try:
        with (
            soundfile.SoundFile(name) as sound,
            soundfile.SoundFile(
                str(dst_audio_path),
                "w",
                audio_format.rate,
                audio_format.channels,
                _SUBTYPES.get(audio_format.width, "PCM_16"),
                format=file_type.upper() if file_type else None,
            ) as target,
        ):
            resampler = soxr.ResampleStream(
                sound.samplerate, audio_format.rate, audio_format.channels, dtype="float32"
            )
            for block in _blocks(sound, name, _size(src_audio_path), "float32"):
                mixed = _mix(block, audio_format.channels, name)
                target.write(resampler.resample_chunk(mixed).clip(-1, 1))
            nothing = np.zeros((0, audio_format.channels), np.float32)
            target.write(resampler.resample_chunk(nothing, last=True).clip(-1, 1))
    except AudioError:
        Path(dst_audio_path).unlink(missing_ok=True)
        raise
    except (soundfile.SoundFileError, OSError, TypeError, ValueError) as error:
        raise AudioError(f"{src_audio_path} to {dst_audio_path}: {error}") from None


def _mix(samples: NDArray[np.float32], channels: int, name: str) -> NDArray[np.float32]:
    if samples.shape[1] == channels:
        return samples
    if channels == 1:
        return np.asarray(samples.mean(axis=1, keepdims=True), np.float32)
    if samples.shape[1] == 1:
        return np.repeat(samples, channels, axis=1)
    raise AudioError(f"{name}: has {samples.shape[1]} channels, and {channels} are wanted")


class AudioFile:
    """Context manager for an audio file as a WAV file of a given format.

    A file of another format is converted to a temporary WAV file, which is removed at the end.

    Args:
        audio_path: audio file.
        as_path: whether entering returns the path of the WAV file instead of a `wave.Wave_read`.
        audio_format: format of the WAV file.
    """

    def __init__(
        self,
        audio_path: str | Path,
        as_path: bool = False,
        audio_format: AudioFormat = DEFAULT_FORMAT,
    ) -> None:
        self.audio_path = str(audio_path)
        self.as_path = as_path
        self.audio_format = audio_format
        self._made = ""
        self._wave: wave.Wave_read | None = None

    def __enter__(self) -> Any:
        if not self._fits():
            handle, self._made = tempfile.mkstemp(suffix=".wav")
            os.close(handle)
            try:
                convert_audio(self.audio_path, self._made, "wav", self.audio_format)
            except BaseException:
                Path(self._made).unlink()
                raise
        path = self._made or self.audio_path
        if self.as_path:
            return path
        self._wave = wave.open(path, "rb")
        return self._wave

    def _fits(self) -> bool:
        try:
            with wave.open(self.audio_path, "rb") as reader:
                return read_audio_format_from_wav_file(reader) == self.audio_format
        except FileNotFoundError:
            raise AudioError(f"{self.audio_path}: no such file") from None
        except (wave.Error, EOFError, OSError):
            return False

    def __exit__(self, *error: object) -> None:
        if self._wave is not None:
            self._wave.close()
        if self._made:
            Path(self._made).unlink()


def read_audio_format_from_wav_file(wav_file: wave.Wave_read) -> AudioFormat:
    """Return the format of an open WAV file."""
    return AudioFormat(wav_file.getframerate(), wav_file.getnchannels(), wav_file.getsampwidth())
