"""Dev and test recordings: they must not be trained on, not even as copies with other names."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from stt.audio.reference import AudioReference

from ..corpus import CorpusFiles
from ..errors import AudioError, CorpusError
from .pieces import digest_audio

_Container = tuple[Path, str]  # a file, and the member of an archive


@dataclass(frozen=True)
class MeasuredAudio:
    """The audio of dev and test sets.

    Attributes:
        by_digest: row that lists a recording, such as `test.csv:3`, by the digest of its audio.
        by_file: recordings in a file, or pieces of it, with the rows that list them.
    """

    by_digest: dict[str, str]
    by_file: dict[_Container, list[tuple[AudioReference, str]]]

    def same_as(self, audio: AudioReference, digest: str) -> str:
        """Return the row that lists the same or overlapping audio; "" if there is none.

        Args:
            audio: a recording, or a piece of one.
            digest: digest of the whole recording.
        """
        if digest in self.by_digest:
            return self.by_digest[digest]
        others = self.by_file.get(_container(audio), ())
        return next((place for other, place in others if _overlap(audio, other)), "")


def read_measured(paths: Iterable[str], files: CorpusFiles, sample_rate_hz: int) -> MeasuredAudio:
    """Read all recordings of some sets.

    Args:
        paths: the sets.
        files: reader of the sets.
        sample_rate_hz: sample rate at which audio is compared.

    Raises:
        CorpusError: sets or recordings cannot be read; one error lists all problems.
    """
    problems: list[str] = []
    found: list[tuple[AudioReference, str]] = []
    for path in paths:
        try:
            rows = files.rows(path)
        except CorpusError as error:
            problems.append(str(error))
            continue
        for row, audio in zip(rows.rows, rows.audio(), strict=True):
            if row.audio is None and row.problem:
                problems.append(f"{row.source}: {row.problem}")
            else:
                found.append((audio, row.source))

    def digest(item: tuple[AudioReference, str]) -> str:
        try:
            return digest_audio(item[0], sample_rate_hz)
        except AudioError as error:
            problems.append(f"{item[1]}: {error}")
            return ""

    with ThreadPoolExecutor() as pool:
        digests = list(pool.map(digest, found))
    if problems:
        raise CorpusError("\n".join(problems))
    by_file: dict[_Container, list[tuple[AudioReference, str]]] = {}
    for audio, place in found:
        by_file.setdefault(_container(audio), []).append((audio, place))
    places = [place for _, place in found]
    return MeasuredAudio(dict(zip(digests, places, strict=True)), by_file)


def _container(audio: AudioReference) -> _Container:
    return audio.path.resolve(), f"{audio.member}\0{audio.offset_bytes}"


def _overlap(one: AudioReference, other: AudioReference) -> bool:
    ends = [float("inf") if each.end_seconds is None else each.end_seconds for each in (one, other)]
    return one.start_seconds < ends[1] and other.start_seconds < ends[0]
