"""SDB files, upstream's sample databases: audio and transcripts in one file, with an index.

    "SAMPLEDB", length, JSON: {"schema": [{"content": "speech", "mime-type": ...}, ...]}
    length, count, samples: for each its length, then each column after its length
    length, count, offset of each sample in the file

Lengths of samples and columns are 32-bit, all other numbers 64-bit; all are big-endian.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stt.audio.reference import AudioReference, Packing
from stt.mapped_file import map_file

from ...errors import CorpusError
from ..rows import Entry

MAGIC = b"SAMPLEDB"
OPUS = "application/vnd.mozilla.opus"
TRANSCRIPT = {"content": "transcript", "mime-type": "text/plain"}

_MOST_META_BYTES = 1 << 20
_AUDIO_TYPES: dict[str, Packing] = {
    OPUS: "opus packets",
    "audio/wav": "file",
    "audio/ogg;codecs=opus": "file",
    "audio/vorbis": "file",
    "audio/flac": "file",
}


@dataclass(frozen=True)
class SdbSample:
    """A sample.

    Attributes:
        audio: reference to its audio; None if it has a `problem`.
        transcript: its transcript; None in a file without transcripts.
        problem: what is wrong with it; None: nothing.
    """

    audio: AudioReference | None
    transcript: str | None
    problem: str | None = None


@dataclass(frozen=True)
class SdbFile:
    """The content of an SDB file.

    Attributes:
        audio_type: type of the audio of all samples.
        labeled: whether there are transcripts.
        samples: samples in the order of the index.
    """

    audio_type: str
    labeled: bool
    samples: tuple[SdbSample, ...]


def begins(head: bytes) -> bool:
    """Whether a file with these first bytes is an SDB file."""
    return head.startswith(MAGIC)


def read_sdb(path: str | Path) -> SdbFile:
    """Read the index and the transcripts of an SDB file.

    Raises:
        CorpusError: the file is missing, no SDB file, has no audio, or its structure is damaged;
            damaged samples have a `problem`.
    """
    try:
        content = map_file(Path(path))
    except OSError as error:
        raise CorpusError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    return _Reader(content, str(path)).read()


def entries(path: Path, *, labelled: bool = True) -> Iterator[Entry]:
    """Yield the clips of a file.

    Args:
        path: the file.
        labelled: whether transcripts are required.

    Raises:
        CorpusError: see `read_sdb`; or the file has no transcripts.
    """
    found = read_sdb(path)
    if labelled and not found.labeled:
        raise CorpusError(
            f"{path}: an SDB file without transcripts, made with --unlabeled; name one that has "
            "them"
        )
    for number, sample in enumerate(found.samples):
        source = f"{path}:{number}"
        yield Entry(source, number, sample.transcript or "", sample.audio, sample.problem)


def members(path: Path) -> dict[str, AudioReference]:
    """Return the position of each sample, by its number.

    Raises:
        CorpusError: see `read_sdb`.
    """
    samples = enumerate(read_sdb(path).samples)
    return {str(number): sample.audio for number, sample in samples if sample.audio}


class _Reader:
    def __init__(self, content: memoryview, name: str) -> None:
        self._content = content
        self._name = name

    def read(self) -> SdbFile:
        if bytes(self._content[: len(MAGIC)]) != MAGIC:
            raise CorpusError(f"{self._name}: no SDB file; it does not begin with SAMPLEDB")
        meta_bytes = self._number(8, 8)
        place = 16 + meta_bytes
        if meta_bytes > _MOST_META_BYTES or place > len(self._content):
            raise self._damaged("its description does not fit in it")
        schema = self._schema(bytes(self._content[16:place]))
        speech = [
            (index, kind)
            for index, (content, kind) in enumerate(schema)
            if content == "speech" and kind in _AUDIO_TYPES
        ]
        if not speech:
            kinds = ", ".join(f"{content} {kind}" for content, kind in schema)[:200]
            raise CorpusError(f"{self._name}: no column of audio that is read; it has: {kinds}")
        texts = [index for index, column in enumerate(schema) if column == ("transcript",
                 "text/plain")]  # fmt: skip
        index_place = place + 8 + self._number(place, 8)
        count = self._number(index_place + 8, 8)
        if index_place + 16 + 8 * count > len(self._content):
            raise self._damaged(f"its index of {count} samples does not fit in it")
        text_column = texts[0] if texts else None
        samples = (
            self._sample(number, index_place, len(schema), *speech[0], text_column)
            for number in range(count)
        )
        return SdbFile(speech[0][1], bool(texts), tuple(samples))

    def _schema(self, meta: bytes) -> list[tuple[str, str]]:
        try:
            return [
                (str(column["content"]), str(column["mime-type"]))
                for column in json.loads(meta)["schema"]
            ]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise self._damaged("its description is no JSON with a schema of columns") from None

    def _sample(
        self, number: int, index_place: int, columns: int, speech: int, kind: str, text: int | None
    ) -> SdbSample:
        place = self._number(index_place + 16 + 8 * number, 8)
        if not 16 <= place <= index_place - 4:
            return SdbSample(None, None, f"damaged: sample {number} would begin at byte {place}")
        end = place + 4 + self._number(place, 4)
        place += 4
        audio, transcript = None, None
        for column in range(columns):
            size = self._number(place, 4) if place + 4 <= end <= index_place else -1
            place += 4
            if not 0 <= size <= end - place:
                return SdbSample(None, None, f"damaged: sample {number} is cut off")
            if column == speech:
                audio = AudioReference(
                    Path(self._name), str(number), place, size, _AUDIO_TYPES[kind]
                )
            elif column == text:
                try:
                    transcript = str(self._content[place : place + size], "utf-8")
                except UnicodeDecodeError:
                    return SdbSample(audio, None, "its transcript is not UTF-8")
            place += size
        return SdbSample(audio, transcript)

    def _number(self, place: int, size: int) -> int:
        found = self._content[place : place + size]
        if len(found) < size:
            raise self._damaged(f"it ends within a number at byte {place}")
        return int.from_bytes(found, "big")

    def _damaged(self, why: str) -> CorpusError:
        return CorpusError(f"{self._name}: a damaged SDB file: {why}; copy or make it again")
