"""Audio of any length, format and rate, as blocks of 16-bit mono samples at the model's rate.

libsndfile reads WAV, FLAC, OGG/Vorbis/Opus, MP3, AIFF, ...; what it does not know (M4A, WebM,
video) goes to PyAV, where that is installed (`pip install av`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from ..errors import AudioError
from .pcm import Pcm

# What PyAV may read: containers that hold their sound, none that name other files (playlists).
_CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,ogg,mp3,aac,flac,wav,w64,asf,avi,amr,caf,aiff,au"
)

Source = str | Path | BinaryIO  # a file's name, or a seekable binary stream
BLOCK_SECONDS = 10


def read_pcm(source: Source, sample_rate_hz: int) -> Pcm:
    """Return all of an audio file; see `read_pcm_blocks`."""
    return np.concatenate([np.zeros(0, np.int16), *read_pcm_blocks(source, sample_rate_hz)])


def read_pcm_blocks(
    source: Source, sample_rate_hz: int, *, any_sample_rate: bool = True
) -> Iterator[Pcm]:
    """Yield an audio file in blocks of about 10 seconds, whatever its length.

    Channels are averaged, then resampled with soxr. 16-bit mono audio at the right rate comes out
    as it is in the file.

    Args:
        source: a file's name, or a seekable binary stream.
        sample_rate_hz: of the result.
        any_sample_rate: whether audio of another rate is resampled; else it is an error.

    Raises:
        AudioError: missing, unreadable, with NaN or infinite samples, or of another rate.
    """
    rate_hz, blocks = _open(source)
    if rate_hz != sample_rate_hz and not any_sample_rate:
        raise AudioError(
            f"{_name(source)} has {rate_hz} Hz, the model {sample_rate_hz} Hz, and "
            "--normalize_sample_rate false forbids to resample"
        )
    resampler = Resampler(rate_hz, sample_rate_hz)
    for block in blocks:
        if not np.isfinite(block).all():
            raise AudioError(f"{_name(source)}: holds NaN or infinite samples; write the file anew")
        yield resampler.feed(block)
    yield resampler.finish()


class Resampler:
    """Turns mono float32 blocks at one rate into int16 blocks at another.

    Raises:
        AudioError: a rate is outside of 1 kHz to 768 kHz.
    """

    def __init__(self, source_rate_hz: int, sample_rate_hz: int) -> None:
        if not 1000 <= source_rate_hz <= 768_000:
            raise AudioError(
                f"the sample rate is {source_rate_hz} Hz; rates from 1000 to 768000 are understood"
            )
        self._soxr = (
            None
            if source_rate_hz == sample_rate_hz
            else soxr.ResampleStream(source_rate_hz, sample_rate_hz, 1, dtype="float32")
        )

    def feed(self, block: NDArray[np.float32]) -> Pcm:
        """Go on with `[samples]` from -1 to 1; return what is ready."""
        return self._resample(block, last=False)

    def finish(self) -> Pcm:
        """Return what is left."""
        return self._resample(np.zeros(0, np.float32), last=True)

    def _resample(self, block: NDArray[np.float32], last: bool) -> Pcm:
        if self._soxr is not None:
            block = self._soxr.resample_chunk(block, last=last)
        pcm: Pcm = np.rint(block * 32768.0).clip(-32768, 32767).astype(np.int16)
        return pcm


def _open(source: Source) -> tuple[int, Iterator[NDArray[np.float32]]]:
    if isinstance(source, (str, Path)):
        file = Path(source)
        if not file.exists():
            raise AudioError(f"{file}: no such file")
        if file.is_file() and file.stat().st_size == 0:
            raise AudioError(f"{file}: the file is empty (0 bytes)")
    try:
        sound = soundfile.SoundFile(source)
    except (soundfile.SoundFileError, OSError, TypeError) as error:
        return _open_with_av(source, str(error))
    return sound.samplerate, _sound_blocks(sound, _name(source))


def _sound_blocks(sound: soundfile.SoundFile, name: str) -> Iterator[NDArray[np.float32]]:
    with sound:
        while True:
            try:
                block = sound.read(BLOCK_SECONDS * sound.samplerate, np.float32, always_2d=True)
            except soundfile.SoundFileError as error:
                raise AudioError(f"{name}: cannot be decoded ({error})") from None
            if not len(block):
                return
            yield block.mean(axis=1, dtype=np.float32)


def _open_with_av(source: Source, reason: str) -> tuple[int, Iterator[NDArray[np.float32]]]:
    name = _name(source)
    try:
        import av
    except ImportError:
        raise AudioError(
            f"{name}: not an audio file that libsndfile reads ({reason}); for M4A, WebM and video "
            "install PyAV: pip install av"
        ) from None
    if not isinstance(source, (str, Path)):
        source.seek(0)
    try:
        container: Any = av.open(
            str(source) if isinstance(source, Path) else source,
            container_options={"format_whitelist": _CONTAINERS},
        )
        if not container.streams.audio:
            raise AudioError(f"{name}: holds no audio track")
        rate_hz = int(container.streams.audio[0].rate or 0)
    except (av.FFmpegError, OSError) as error:
        raise AudioError(
            f"{name}: not an audio file that can be read ({error.strerror or error})"
        ) from None
    return rate_hz, _av_blocks(container, rate_hz, name)


def _av_blocks(container: Any, rate_hz: int, name: str) -> Iterator[NDArray[np.float32]]:
    import av

    to_mono = av.AudioResampler(format="flt", layout="mono", rate=rate_hz)
    with container:
        try:
            for frame in container.decode(audio=0):
                for mono in to_mono.resample(frame):
                    yield mono.to_ndarray().reshape(-1).astype(np.float32)
        except av.FFmpegError as error:
            raise AudioError(f"{name}: cannot be decoded ({error.strerror or error})") from None


def _name(source: Source) -> str:
    return str(source) if isinstance(source, (str, Path)) else "the audio"
