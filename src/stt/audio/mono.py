"""Decodes audio files to blocks of mono samples at the sample rate of the file.

All audio is decoded here. libsndfile reads WAV, FLAC, OGG/Vorbis/Opus, MP3, AIFF, ...; PyAV, if
installed, reads other formats (M4A, WebM, video).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import soundfile
from numpy.typing import NDArray

from coqui_stt_ctcdecoder.regular_file import regular_file_size

from ..errors import AudioError, UnreadFormatError
from ..extras import missing_packages
from .bounds import Allowance, check_form, check_scale
from .reference import AudioReference
from .wav_header import announced_samples

Samples = NDArray[np.float32]  # [samples], full scale at -1 and 1
Source = str | Path | BinaryIO | AudioReference  # a path, a seekable stream, or a reference
_Opening = str | Path | BinaryIO

BLOCK_SECONDS = 10
_MOST_BLOCK_VALUES = 1 << 20  # of all channels

# Containers that PyAV may read. Playlists, which refer to other files, are not among them.
_CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,ogg,mp3,aac,flac,wav,w64,asf,avi,amr,caf,aiff,au"
)
_UNKNOWN_LENGTH = 1 << 62  # libsndfile reports a length near 2**63 if it is unknown


@dataclass(frozen=True)
class MonoAudio:
    """An open audio file.

    Attributes:
        sample_rate_hz: sample rate of the file.
        sample_count: number of samples of one channel according to the header; None if unknown.
        blocks: mean of the channels, float32 `[samples]`, in blocks of at most 10 seconds. The
            iterator raises `AudioError` if a block cannot be decoded, exceeds a limit of
            `bounds.py`, or contains samples that are not finite or far above full scale.
        is_exact: whether `sample_count` is exact; a file with fewer samples is then truncated.
    """

    sample_rate_hz: int
    sample_count: int | None
    blocks: Iterator[Samples]
    is_exact: bool = False


@contextmanager
def open_mono(source: Source, *, longest_seconds: float = float("inf")) -> Iterator[MonoAudio]:
    """Open an audio file.

    Args:
        source: path, seekable binary stream, or reference. If it refers to a piece of a recording
            in a seekable format, only the piece is decoded.
        longest_seconds: longest audio allowed; decoding more is an error.

    Raises:
        AudioError: the file is missing, not a regular file, or in an unsupported format; its sample
            rate or number of channels is out of range; or the piece begins after the end of the
            recording.
    """
    name = name_of(source)
    if isinstance(source, AudioReference):
        with _open(source.open(), name, source, longest_seconds) as audio:
            yield audio
        return
    with _open(source, name, None, longest_seconds) as audio:
        yield audio


@contextmanager
def _open(
    source: _Opening, name: str, piece: AudioReference | None, longest_seconds: float
) -> Iterator[MonoAudio]:
    file_bytes = _size(source, name)
    if not file_bytes:
        raise AudioError(f"{name}: the file is empty (0 bytes)")
    with ExitStack() as stack:
        try:
            sound = stack.enter_context(_SequentialFile(source))
        except (soundfile.SoundFileError, OSError, TypeError, ValueError) as error:
            # str(error) would contain the repr of the stream.
            reason = str(getattr(error, "error_string", error))
            opened = _open_with_av(source, name, reason, stack)
        else:
            announced = _announced_samples(source)
            opened = _open_sound(sound, name, announced)
        check_form(name, opened.rate_hz, opened.channels)
        if piece and piece.is_piece:
            yield _cut(opened, name, piece, file_bytes, longest_seconds)
            return
        allowance = Allowance(name, opened.rate_hz, opened.channels, file_bytes, longest_seconds)
        yield MonoAudio(
            opened.rate_hz,
            opened.sample_count,
            _bounded(opened.blocks, name, allowance),
            opened.is_exact,
        )


@dataclass(frozen=True)
class _Opened:
    rate_hz: int
    channels: int
    sample_count: int | None
    blocks: Iterator[Samples]
    is_exact: bool = False
    seek: Callable[[int], int] | None = None


class _SequentialFile(soundfile.SoundFile):  # type: ignore[misc]  # it has no types
    """A sound file that is read from start to end.

    If a file is seekable, `soundfile` seeks after every block to the position where libsndfile
    already is. This takes time with codecs, and fails if the length is unknown.
    """

    def seekable(self) -> bool:
        return False


def _bounded(blocks: Iterator[Samples], name: str, allowance: Allowance) -> Iterator[Samples]:
    for block in blocks:
        allowance.take(len(block))
        check_scale(name, block)
        yield block


def _open_sound(sound: _SequentialFile, name: str, announced: int | None) -> _Opened:
    found = sound.frames if 0 < sound.frames < _UNKNOWN_LENGTH else None
    count, is_exact = (found, False) if announced is None else (announced, True)
    blocks = _sound_blocks(sound, name)
    return _Opened(sound.samplerate, sound.channels, count, blocks, is_exact, sound.seek)


def _cut(
    opened: _Opened, name: str, piece: AudioReference, file_bytes: int, longest_seconds: float
) -> MonoAudio:
    """Return a piece of a recording; seek to its start if possible, else decode up to it."""
    rate_hz = opened.rate_hz
    start = round(piece.start_seconds * rate_hz)
    end = None if piece.end_seconds is None else round(piece.end_seconds * rate_hz)
    skipped = start
    if opened.seek:
        try:
            opened.seek(start)
        except (soundfile.SoundFileError, OSError):
            raise AudioError(f"{name}: the recording has no such piece; it is shorter") from None
        skipped = 0
    whole = Allowance(name, rate_hz, opened.channels, file_bytes)
    part = Allowance(name, rate_hz, opened.channels, file_bytes, longest_seconds)
    blocks = _limited(
        _bounded(opened.blocks, name, whole), skipped, None if end is None else end - start
    )
    known = opened.sample_count
    last = known if end is None else end if known is None else min(end, known)
    count = None if last is None else max(0, last - start)
    return MonoAudio(rate_hz, count, _bounded(blocks, name, part), opened.is_exact)


def _limited(blocks: Iterator[Samples], skipped: int, wanted: int | None) -> Iterator[Samples]:
    for block in blocks:
        rest = block[skipped:]
        skipped -= len(block) - len(rest)
        if wanted is not None:
            rest = rest[:wanted]
            wanted -= len(rest)
        yield rest
        if wanted == 0:
            return


def _announced_samples(source: _Opening) -> int | None:
    """Return the sample count in the header of a WAV file; keep the position of a stream."""
    if isinstance(source, (str, Path)):
        with Path(source).open("rb") as file:
            return announced_samples(file)
    position = source.tell()
    source.seek(0)
    try:
        return announced_samples(source)
    finally:
        source.seek(position)


def _sound_blocks(sound: _SequentialFile, name: str) -> Iterator[Samples]:
    block_samples = min(
        BLOCK_SECONDS * sound.samplerate, max(1, _MOST_BLOCK_VALUES // sound.channels)
    )
    while True:
        try:
            block = sound.read(block_samples, np.float32, always_2d=True)
        except (soundfile.SoundFileError, OSError) as error:
            raise AudioError(
                f"{name}: cannot be decoded ({getattr(error, 'error_string', error)})"
            ) from None
        if not len(block):
            return
        with np.errstate(over="ignore", invalid="ignore"):  # `_bounded` rejects NaN and infinity
            mean = block.mean(axis=1, dtype=np.float32)
        yield mean


def _open_with_av(source: _Opening, name: str, reason: str, stack: ExitStack) -> _Opened:
    try:
        import av
    except ImportError:
        message = f"{name}: not an audio file that libsndfile reads ({reason})"
        raise UnreadFormatError(
            f"{message}; for M4A, WebM and video, {missing_packages('av', 'formats')}",
            f"{name}: not an audio file in a format that is read here: WAV, FLAC, OGG, Opus, MP3 "
            "or AIFF",
        ) from None
    if isinstance(source, (str, Path)):
        opened: str | BinaryIO = f"file:{source}"  # so that FFmpeg never opens a URL
    else:
        source.seek(0)
        opened = source
    try:
        container: Any = stack.enter_context(
            av.open(
                opened,
                container_options={"format_whitelist": _CONTAINERS},
                metadata_errors="replace",  # tags may be in any encoding; they are not used
            )
        )
        tracks = container.streams.audio
    except (av.FFmpegError, OSError, ValueError) as error:
        raise AudioError(f"{name}: not an audio file that can be read ({_reason(error)})") from None
    if not tracks:
        raise AudioError(f"{name}: holds no audio track")
    codec = tracks[0].codec_context
    if codec is None:
        raise AudioError(f"{name}: unsupported codec of the audio track")
    rate_hz, channels = int(codec.sample_rate or 0), int(codec.channels or 0)
    return _Opened(rate_hz, channels, None, _av_blocks(container, rate_hz, name))


def _av_blocks(container: Any, rate_hz: int, name: str) -> Iterator[Samples]:
    import av

    setup: tuple[str, str, int] | None = None
    to_mono: Any = None
    try:
        for frame in container.decode(audio=0):
            check_form(name, frame.sample_rate, len(frame.layout.channels))
            if setup != (setup := (frame.format.name, frame.layout.name, frame.sample_rate)):
                to_mono = av.AudioResampler(format="flt", layout="mono", rate=rate_hz)
            for mono in to_mono.resample(frame):
                yield mono.to_ndarray().reshape(-1).astype(np.float32)
    except (av.FFmpegError, OSError, ValueError) as error:
        if isinstance(error, AudioError):
            raise
        raise AudioError(f"{name}: cannot be decoded ({_reason(error)})") from None


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)


def _size(source: _Opening, name: str) -> int:
    try:
        if isinstance(source, (str, Path)):
            return regular_file_size(source)
        size = source.seek(0, io.SEEK_END)
        source.seek(0)
        return size
    except FileNotFoundError:
        raise AudioError(f"{name}: no such file") from None
    except OSError as error:
        raise AudioError(f"{name}: {error.strerror or error}") from None


def name_of(source: Source) -> str:
    """Return the name of an audio source for messages."""
    return str(source) if isinstance(source, (str, Path, AudioReference)) else "the audio"
