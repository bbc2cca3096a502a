"""Audio that augmentations add: noise, music, other speech, impulse responses."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stt.audio.file import read_audio
from stt.audio.folder import SUFFIXES, audio_files
from stt.audio.reference import AudioReference
from stt.counted import some_clauses

from ..augmentation.specification import Augmentation
from ..corpus import read_rows
from ..corpus.sources.reading import is_collection_folder
from ..errors import AudioError, CorpusError

_KEPT = 256  # recordings kept decoded; of ten seconds each they take 160 MB
_SHOWN = 5


@dataclass(frozen=True)
class AudioSource:
    """Recordings to draw from.

    Attributes:
        name: as the user gave it.
        recordings: where each is; one at least.
        rate_hz: at which they are read.
    """

    name: str
    recordings: tuple[AudioReference, ...]
    rate_hz: int

    def __len__(self) -> int:
        return len(self.recordings)

    def __getitem__(self, number: int) -> NDArray[np.float32]:
        """Return a recording, float32 `[samples]`.

        Raises:
            AudioError: it has become unreadable.
        """
        return _read(self.recordings[number], self.rate_hz)

    def check(self) -> None:
        """Read all recordings, to find out whether they can be.

        Raises:
            CorpusError: some cannot, or are silent; names them.
        """
        problems = []
        for number, recording in enumerate(self.recordings):
            try:
                if not self[number].any():
                    problems.append(f"{recording}: is silent")
            except AudioError as error:
                problems.append(str(error))
        if problems:
            raise CorpusError(some_clauses(problems, _SHOWN))


@lru_cache(maxsize=_KEPT)
def _read(recording: AudioReference, rate_hz: int) -> NDArray[np.float32]:
    return read_audio(recording, rate_hz)


def open_source(name: str, rate_hz: int) -> AudioSource:
    """Return what a corpus file, an audio file or a folder holds.

    Raises:
        CorpusError: it is not there, cannot be read, or holds no audio.
    """
    path = Path(name)
    if path.is_file() and path.suffix.lower() in SUFFIXES:
        recordings = [AudioReference(path)]
    elif path.is_dir() and not is_collection_folder(path):
        recordings = [AudioReference(file) for file in audio_files(path, recursive=True)]
    else:
        recordings = read_rows(name).audio()
    if not recordings:
        raise CorpusError(f"{name}: contains no audio files")
    return AudioSource(name, tuple(recordings), rate_hz)


def open_sources(
    augmentations: tuple[Augmentation, ...], rate_hz: int, *, check: bool = False
) -> dict[str, AudioSource]:
    """Return what the augmentations draw from, by the name it was given.

    Args:
        augmentations: as asked for.
        rate_hz: of the model.
        check: whether to read everything.

    Raises:
        CorpusError: everything that cannot be read, in one message.
    """
    sources, problems = {}, []
    for one in augmentations:
        name = one.texts.get("source", "")
        if not name or name in sources:
            continue
        try:
            sources[name] = open_source(name, rate_hz)
            if check:
                sources[name].check()
        except CorpusError as error:
            problems.append(f"--augment {one.name}[source={name}]: {error}")
    if problems:
        raise CorpusError("\n".join(problems))
    return sources
