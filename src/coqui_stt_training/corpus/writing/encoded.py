"""Clips encoded by several threads, kept in a folder until the collection they are for is complete.

So what was killed resumes where it was.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stt.atomic_file import write_atomically
from stt.audio.encoding import Encoding, encodable_rate, encode_audio
from stt.audio.file import read_audio, read_sample_rate
from stt.audio.pcm import to_pcm
from stt.audio.reference import AudioReference
from stt.cores import available_cores

from ...errors import AudioError
from .options import Options

Change = Callable[[NDArray[np.float32], int, str, float], NDArray[np.float32]]

_SUFFIXES: dict[Encoding, str] = {"wav": ".wav", "flac": ".flac", "opus": ".opus",
                                  "opus packets": ".packets"}  # fmt: skip
# The options that encoded clips depend on.
_OF_CLIPS = ("encoding", "bitrate", "sample_rate_hz", "labeled", "changes")


@dataclass(frozen=True)
class ClipToEncode:
    """A clip to encode.

    Attributes:
        audio: of the clip.
        source: the row it comes from, for errors.
        transcript: what is said.
        speaker: who says it; may be empty.
    """

    audio: AudioReference
    source: str
    transcript: str
    speaker: str


@dataclass(frozen=True)
class Encoded:
    """A clip that is encoded.

    Attributes:
        path: of its audio file.
        seconds: how long it is.
        clip: which it is.
    """

    path: Path
    seconds: float
    clip: ClipToEncode

    def row(self, name: str, labeled: bool) -> tuple[object, ...]:
        """Return its row of a CSV file in which the audio has a name; see `columns`."""
        return (name, self.path.stat().st_size, *((self.clip.transcript,) if labeled else ()))


def columns(labeled: bool) -> tuple[str, ...]:
    """Return the columns of a CSV file, with transcripts or without."""
    return ("wav_filename", "wav_filesize", *(("transcript",) if labeled else ()))


def prepare_folder(folder: Path, digests: Sequence[str], options: Options) -> None:
    """Make the folder of encoded clips; one of other sources or options is begun anew.

    Args:
        folder: for them.
        digests: of the sources.
        options: what is made of the clips.
    """
    kept = {
        name: value for name, value in asdict(options).items() if name in _OF_CLIPS and value != ()
    }
    plan = json.dumps({"sources": list(digests), **kept})
    record = folder / "plan.json"
    if folder.exists() and not (record.is_file() and record.read_text() == plan):
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(record, plan)


def encode_clips(
    clips: Sequence[ClipToEncode],
    folder: Path,
    options: Options,
    change: Change | None,
    workers: int | None = None,
) -> Iterator[Encoded | str]:
    """Yield the clips encoded, in their order; for one that cannot be read, what is wrong with it.

    Args:
        clips: to encode.
        folder: to keep them in, as `prepare_folder` made it.
        options: what is made of them.
        change: what is done to the samples before, see `convert_collections`.
        workers: threads; None: one for each core.
    """

    def encode(item: tuple[int, ClipToEncode]) -> Encoded | str:
        number, clip = item
        clock = number / max(1, len(clips) - 1)
        try:
            return _encode(clip, folder / f"{number:08d}", options, change, clock)
        except AudioError as error:
            return f"{clip.source}: {str(error).removeprefix(f'{clip.source}: ')}"

    with ThreadPoolExecutor(workers or available_cores()) as pool:
        yield from pool.map(encode, enumerate(clips))


def _encode(
    clip: ClipToEncode, path: Path, options: Options, change: Change | None, clock: float
) -> Encoded:
    """Encode a clip, unless a process that was killed has done so."""
    length = path.with_suffix(".seconds")
    target = path.with_suffix(_SUFFIXES[options.encoding])
    if length.exists() and target.exists():
        return Encoded(target, float(length.read_text()), clip)
    wanted = options.sample_rate_hz or read_sample_rate(clip.audio)
    rate_hz = encodable_rate(wanted, options.encoding)
    samples = read_audio(clip.audio, rate_hz)
    if change:
        samples = change(samples, rate_hz, clip.source, clock)
    pcm = to_pcm(samples)
    write_atomically(target, encode_audio(pcm, rate_hz, options.encoding, options.bitrate))
    seconds = len(pcm) / rate_hz
    write_atomically(length, repr(seconds))
    return Encoded(target, seconds, clip)
