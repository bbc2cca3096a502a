"""The flags of all importers of public corpora."""

from __future__ import annotations

from dataclasses import dataclass

from .config import LogFlags
from .data_flags import Names
from .flag import flag, not_negative, positive


@dataclass(frozen=True)
class ImportFlags:
    """Import."""

    out: str = flag("", "folder for the CSV files; by default that of the corpus")
    splits: Names = flag([], "sets to import, by the corpus's names; by default its usual ones")
    audio: str = flag(
        "as-is",
        "leave recordings where and as they are, or write each clip as 16-bit WAV",
        choices=("as-is", "wav"),
    )
    audio_sample_rate: int = flag(16000, "sample rate in Hz of --audio wav", check=positive)
    language: str = flag(
        "", "tag of the language, whose letters transcripts are written in; by default the corpus's"
    )
    alphabet_config_path: str = flag("", "alphabet that transcripts are written in instead")
    numbers: str = flag(
        "drop",
        "digits: leave such transcripts out; spell numbers of up to three digits in words, and "
        "leave out others, which are read in several ways; or keep them",
        choices=("drop", "spell", "keep"),
    )
    validate_label_locale: str = flag(
        "",
        "Python file with a function validate_label(text) that cleans transcripts instead, or "
        "returns None to leave one out; the file is executed",
    )
    shortest_seconds: float = flag(0.3, "shorter clips are left out", check=not_negative)
    longest_seconds: float = flag(30.0, "longer clips are left out", check=positive)
    limit: int = flag(0, "import only so many clips of each set; 0: all", check=not_negative)
    workers: int = flag(
        0, "threads that decode audio; 0: a few more than there are cores", check=not_negative
    )


@dataclass(frozen=True)
class ImportConfig:
    """All flags of an importer."""

    importing: ImportFlags = ImportFlags()
    output: LogFlags = LogFlags()
