"""Audio that nobody has transcribed, as collections list it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stt.audio.reference import AudioReference

from ..corpus import CorpusFiles
from ..errors import CorpusError


@dataclass(frozen=True)
class UnlabelledRecording:
    """Audio that nobody has transcribed.

    Attributes:
        audio: where it is.
        source: where it is listed, for messages.
        speaker: who speaks, "" where unknown.
    """

    audio: AudioReference
    source: str
    speaker: str = ""


def read_recordings(
    paths: Sequence[str], files: CorpusFiles
) -> tuple[list[UnlabelledRecording], list[tuple[UnlabelledRecording, str]]]:
    """Return the recordings of some collections, and rows that name none, with the reasons.

    Args:
        paths: audio files, folders of them, or collections.
        files: reads them.

    Raises:
        CorpusError: collections that cannot be read, all in one.
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
