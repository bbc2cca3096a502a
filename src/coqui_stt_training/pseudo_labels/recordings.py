"""Unlabelled recordings, as listed in collections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stt.audio.reference import AudioReference

from ..corpus import CorpusFiles
from ..errors import CorpusError


@dataclass(frozen=True)
class UnlabelledRecording:
    """A recording without a transcript.

    Attributes:
        audio: where the audio is.
        source: row that lists it, for messages.
        speaker: the speaker; "" if unknown.
    """

    audio: AudioReference
    source: str
    speaker: str = ""


def read_recordings(
    paths: Sequence[str], files: CorpusFiles
) -> tuple[list[UnlabelledRecording], list[tuple[UnlabelledRecording, str]]]:
    """Return the recordings of some collections, and the rows without usable audio, with reasons.

    Args:
        paths: audio files, folders of audio files, or collections.
        files: reader of collections.

    Raises:
        CorpusError: collections cannot be read or are empty; one error lists all problems.
    """
    problems: list[str] = []
    recordings: list[UnlabelledRecording] = []
    unusable: list[tuple[UnlabelledRecording, str]] = []
    for path in paths:
        try:
            rows = files.rows(path, labelled=False)
        except CorpusError as error:
            problems.append(str(error))
            continue
        if not rows.rows:
            problems.append(f"{path}: contains no recordings")
        for row, audio in zip(rows.rows, rows.audio(), strict=True):
            recording = UnlabelledRecording(audio, row.source, row.speaker)
            if row.problem:
                unusable.append((recording, row.problem))
            else:
                recordings.append(recording)
    if problems:
        raise CorpusError("\n".join(problems))
    return recordings, unusable
