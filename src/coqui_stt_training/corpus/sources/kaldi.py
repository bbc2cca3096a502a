"""Data folders of Kaldi: `text`, `wav.scp`, and optionally `segments` and `utt2spk`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from stt.audio.reference import AudioReference

from ...errors import CorpusError
from ..rows import Entry, find_audio, piece
from .text_file import numbered_lines

_SHOWN = 60


def is_folder(path: Path) -> bool:
    """Whether a folder is a data folder of Kaldi."""
    return (path / "wav.scp").is_file()


def entries(path: Path) -> Iterator[Entry]:
    """Yield the utterances in `text`.

    Commands in `wav.scp` are never run.

    Raises:
        CorpusError: a file is missing, or not UTF-8.
    """
    text = path / "text"
    if not text.is_file():
        raise CorpusError(f"{path}: a Kaldi folder without transcripts; there is no file `text`")
    recordings = _table(path / "wav.scp")
    segments = _table(path / "segments") if (path / "segments").is_file() else None
    speakers = _table(path / "utt2spk") if (path / "utt2spk").is_file() else {}
    for number, line in numbered_lines(text):
        utterance, _, transcript = line.strip().partition(" ")
        utterance, _, after_tab = utterance.partition("\t")
        transcript = f"{after_tab} {transcript}".strip()
        found = _audio(path, utterance, recordings, segments)
        audio, problem = (None, found) if isinstance(found, str) else (found, None)
        speaker = speakers.get(utterance, "")
        yield Entry(f"{text}:{number}", number, transcript, audio, problem, speaker)


def _audio(
    folder: Path, utterance: str, recordings: dict[str, str], segments: dict[str, str] | None
) -> AudioReference | str:
    """Return the audio reference of an utterance, or why there is none."""
    start = end = None
    recording = utterance
    if segments is not None:
        if utterance not in segments:
            return f"{utterance} is not in {folder / 'segments'}"
        fields = segments[utterance].split()
        if len(fields) < 3:
            return f"{folder / 'segments'} says no recording, start and end of {utterance}"
        recording, start, end = fields[:3]
        end = None if end == "-1" else end  # -1 is the end of the recording in Kaldi
    if recording not in recordings:
        return f"{recording} is not in {folder / 'wav.scp'}"
    place = recordings[recording]
    if not place:
        return f"{folder / 'wav.scp'} names no file for {recording}"
    if place.endswith("|") or place.startswith("|") or place == "-":
        return (
            f"the audio of {recording} is what a command prints, which is not run: "
            f"{place[:_SHOWN]}; write it to a file, and name that in {folder / 'wav.scp'}"
        )
    found = find_audio(folder, place)
    return AudioReference(found) if segments is None else piece(found, start, end)


def _table(path: Path) -> dict[str, str]:
    found = {}
    for _, line in numbered_lines(path):
        name, *rest = line.split(maxsplit=1)
        found[name] = rest[0].strip() if rest else ""
    return found
