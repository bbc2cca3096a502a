"""TED-LIUM 1 to 3: talks as SPHERE files, and STM files with texts and their times."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from stt.audio.reference import AudioReference

from ...corpus.sources.text_file import numbered_lines
from ..layout import CorpusUtterance, Layout, within

_IGNORED = "ignore_time_segment_in_scoring"
# since the second release, "it 's" for it's and "don 't" for don't
_PARTED = re.compile(r" (?='(?:s|m|d|ll|re|ve|t|em|til|cause)\b)")
_VARIANT = re.compile(r"\(\d+\)")  # variant of a pronunciation


def _read(folder: Path) -> Iterator[CorpusUtterance]:
    home = within(folder, "legacy")
    for path in sorted(home.glob("*/stm/*.stm")):
        split = path.parent.parent.name
        for number, line in numbered_lines(path):
            if not line.startswith(";;"):
                yield _utterance(line, f"{path}:{number}", path, split)


def _utterance(line: str, source: str, path: Path, split: str) -> CorpusUtterance:
    fields = line.split(maxsplit=6)
    try:
        start, end = float(fields[3]), float(fields[4])
    except (IndexError, ValueError):
        return CorpusUtterance(
            source, AudioReference(path), line, split, dropped="are no lines of an STM file"
        )
    text = fields[6] if len(fields) > 6 else ""
    audio = AudioReference(
        path.parent.parent / "sph" / f"{fields[0]}.sph", start_seconds=start, end_seconds=end
    )
    dropped = "are not to be scored" if text.strip() == _IGNORED else ""
    if not 0 <= start < end:
        dropped = "end before they begin"
    spoken = _PARTED.sub("", _VARIANT.sub("", text))
    return CorpusUtterance(source, audio, spoken, split, fields[2], dropped)


TEDLIUM = Layout(
    "ted", "TED-LIUM", "https://www.openslr.org/51", "SET/stm/*.stm and SET/sph/*.sph", _read, "en"
)
