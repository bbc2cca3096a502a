"""The data set: a CSV file for `--train_files`, and the audio of clips cut from recordings."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from stt.atomic_file import remove_partial_files, write_atomically
from stt.audio.encoding import encode_audio
from stt.audio.file import read_audio, read_sample_rate
from stt.audio.pcm import to_pcm

from ..corpus.csv_file import format_csv, parse_csv
from ..corpus.rows import AUDIO_COLUMN, SIZE_COLUMN, TRANSCRIPT_COLUMN
from ..errors import CorpusError
from .clip import DeskClip

_ORIGIN_COLUMNS = ("recording", "recording_start", "recording_end")
_COLUMNS = (AUDIO_COLUMN, SIZE_COLUMN, TRANSCRIPT_COLUMN, *_ORIGIN_COLUMNS)
_SPEAKER_COLUMN = "speaker"
_LONGEST_NAME = 60


@dataclass(frozen=True)
class Transcribed:
    """A clip and its transcript."""

    clip: DeskClip
    text: str


class DataSet:
    """A CSV file, and a folder beside it for the audio of clips cut from recordings.

    Rows of clips that the desk does not know are kept unchanged, so that the desk can extend an
    existing data set.

    Args:
        path: path of the CSV file, which need not exist yet.

    Raises:
        CorpusError: the file exists, but is not a CSV file with audio names and transcripts.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clips_folder = path.parent / f"{path.stem}_clips"
        self._found: dict[str, dict[str, str]] = {}
        self._columns: tuple[str, ...] = _COLUMNS
        self._names: dict[str, str] = {}  # by identity of the clip: computing paths is slow
        self._rows: dict[str, tuple[str, dict[str, str]]] = {}  # text and row, by identity
        if path.exists():
            self._read()
        remove_partial_files(path.parent, path.name)

    def text_found(self, clip: DeskClip) -> str | None:
        """Return the transcript that the file had for a clip when opened; None: it had no row."""
        row = self._found.get(self.audio_name(clip))
        return None if row is None else row[TRANSCRIPT_COLUMN]

    def audio_name(self, clip: DeskClip) -> str:
        """Return the file's name for the audio of a clip."""
        if clip.identity not in self._names:
            self._names[clip.identity] = self._name(clip)
        return self._names[clip.identity]

    def _name(self, clip: DeskClip) -> str:
        if clip.is_plain_file:
            path, home = clip.audio.path.absolute(), self.path.parent.absolute()
            return path.relative_to(home).as_posix() if path.is_relative_to(home) else str(path)
        return self.piece_path(clip).relative_to(self.path.parent).as_posix()

    def piece_path(self, clip: DeskClip) -> Path:
        """Return the path of the WAV file for a clip that is a piece of a recording."""
        recording, span = clip.recording, clip.span
        stem = Path(recording.audio.member or recording.audio.path.name).stem
        plain = re.sub(r"[^\w.-]+", "_", stem).strip("._")[:_LONGEST_NAME] or "recording"
        times = f"{span.start_milliseconds:08d}-{span.end_milliseconds:08d}"
        return self.clips_folder / f"{plain}-{recording.identity[:6]}" / f"{times}.wav"

    def write_audio(self, clip: DeskClip) -> None:
        """Write the audio of a clip, unless the file exists.

        Raises:
            AudioError: the recording cannot be read.
            OSError: the clip cannot be written.
        """
        if clip.is_plain_file or self.piece_path(clip).is_file():
            return
        write_atomically(self.piece_path(clip), wav_of(clip))

    def remove_audio(self, clip: DeskClip) -> None:
        """Remove the audio that `write_audio` wrote, once the CSV file has no row for it."""
        if not clip.is_plain_file:
            self.piece_path(clip).unlink(missing_ok=True)

    def write(self, rows: Iterable[Transcribed], known: Iterable[DeskClip]) -> None:
        """Write the whole file.

        Args:
            rows: the accepted clips, in order.
            known: all labelled clips; the file's rows of other clips are kept.

        Raises:
            OSError: the file cannot be written.
        """
        own = {self.audio_name(clip) for clip in known}
        kept = [row for name, row in self._found.items() if name not in own]
        written = [*kept, *map(self._row, rows)]
        columns = list(self._columns)
        if any(_SPEAKER_COLUMN in row for row in written) and _SPEAKER_COLUMN not in columns:
            columns.append(_SPEAKER_COLUMN)
        table = [[row.get(column, "") for column in columns] for row in written]
        write_atomically(self.path, format_csv(columns, table))

    def _row(self, transcribed: Transcribed) -> dict[str, str]:
        clip, text = transcribed.clip, transcribed.text
        text_before, row = self._rows.get(clip.identity, (None, {}))
        if text_before != text:
            row = self._make_row(transcribed)
            self._rows[clip.identity] = text, row
        return row

    def _make_row(self, transcribed: Transcribed) -> dict[str, str]:
        clip, name = transcribed.clip, self.audio_name(transcribed.clip)
        row = {
            **self._found.get(name, {}),
            AUDIO_COLUMN: name,
            SIZE_COLUMN: str(_size(self.path.parent / name)),
            TRANSCRIPT_COLUMN: transcribed.text,
        }
        if not clip.is_plain_file:
            start, end = clip.span.start_milliseconds, clip.span.end_milliseconds
            row |= dict(
                zip(
                    _ORIGIN_COLUMNS,
                    (clip.recording.key, f"{start / 1000:.3f}", f"{end / 1000:.3f}"),
                    strict=True,
                )
            )
        if clip.recording.speaker:
            row[_SPEAKER_COLUMN] = clip.recording.speaker
        return row

    def _read(self) -> None:
        columns, records = parse_csv(self.path)
        missing = [one for one in (AUDIO_COLUMN, TRANSCRIPT_COLUMN) if one not in columns]
        if missing:
            raise CorpusError(
                f"{self.path}: has no column {' and no column '.join(missing)}, and is not "
                "overwritten; give another file with --out"
            )
        self._columns = (*columns, *(one for one in _COLUMNS if one not in columns))
        for line, fields in records:
            if len(fields) != len(columns):
                raise CorpusError(
                    f"{self.path}:{line}: {len(fields)} fields where the header has "
                    f"{len(columns)}; correct the line, or give another file with --out"
                )
            row = dict(zip(columns, fields, strict=True))
            self._found[row[AUDIO_COLUMN]] = row


def wav_of(clip: DeskClip) -> bytes:
    """Return the audio of a clip as a WAV file: 16 bits, mono, at the recording's sample rate.

    Raises:
        AudioError: the recording cannot be read.
    """
    rate_hz = read_sample_rate(clip.audio)
    return encode_audio(to_pcm(read_audio(clip.audio, rate_hz)), rate_hz, "wav")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
