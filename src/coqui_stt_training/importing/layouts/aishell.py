"""AISHELL-1: Mandarin, a folder for each set and speaker, and one file of transcripts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from stt.audio.reference import AudioReference

from ...corpus.sources.text_file import numbered_lines
from ..layout import CorpusUtterance, Layout, within


def _read(folder: Path) -> Iterator[CorpusUtterance]:
    home = within(folder, "data_aishell")
    said: dict[str, tuple[str, str]] = {}
    for path in sorted((home / "transcript").glob("aishell_transcript_*.txt")):
        for number, line in numbered_lines(path):
            name, *words = line.split()
            # The corpus puts spaces between words, which are not written.
            said[name] = (f"{path}:{number}", "".join(words))
    for audio in sorted((home / "wav").glob("*/*/*.wav")):
        split, speaker = audio.relative_to(home / "wav").parts[:2]
        source, text = said.get(audio.stem, (str(audio), ""))
        dropped = "" if text else "have no transcript"
        yield CorpusUtterance(source, AudioReference(audio), text, split, speaker, dropped)


AISHELL = Layout(
    "aishell", "AISHELL-1", "https://www.openslr.org/33",
    "transcript/aishell_transcript_v0.8.txt and wav/SET/SPEAKER, its archives unpacked", _read,
    "zh",
)  # fmt: skip
