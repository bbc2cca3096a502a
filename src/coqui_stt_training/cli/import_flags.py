"""The flags of all importers of public corpora."""

from __future__ import annotations

from dataclasses import dataclass

from .config import LogFlags
from .data_flags import Names
from .flag import flag, not_negative, positive


@dataclass(frozen=True)
class ImportFlags:
    """Import."""

    out: str = flag("", "output folder for the CSV files (default: the corpus's folder)")
    splits: Names = flag([], "sets to import, named as in the corpus (default: its usual sets)")
    audio: str = flag(
        "as-is",
        "leave recordings as they are, or write each clip as 16-bit WAV",
        choices=("as-is", "wav"),
    )
    audio_sample_rate: int = flag(16000, "sample rate in Hz of --audio wav", check=positive)
    language: str = flag(
        "", "language tag; its letters are used for transcripts (default: the corpus's language)"
    )
    alphabet_config_path: str = flag(
        "", "alphabet file to use for transcripts instead of --language"
    )
    numbers: str = flag(
        "drop",
        "transcripts with digits: leave them out; spell numbers of up to three digits in words "
        "and leave out longer ones, which can be read in several ways; or keep them",
        choices=("drop", "spell", "keep"),
    )
    validate_label_locale: str = flag(
        "",
        "Python file with a function validate_label(text) that cleans each transcript, or returns "
        "None to leave it out; the file is executed",
    )
    shortest_seconds: float = flag(0.3, "leave out shorter clips", check=not_negative)
    longest_seconds: float = flag(30.0, "leave out longer clips", check=positive)
    limit: int = flag(0, "import at most N clips of each set; 0: all", check=not_negative)
    workers: int = flag(
        0, "threads that decode audio; 0: a few more than there are cores", check=not_negative
    )


@dataclass(frozen=True)
class ImportConfig:
    """All flags of an importer."""

    importing: ImportFlags = ImportFlags()
    output: LogFlags = LogFlags()
