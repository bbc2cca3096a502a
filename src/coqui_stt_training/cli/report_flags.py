"""The flags of evaluation reports, shared by several commands."""

from __future__ import annotations

from dataclasses import dataclass

from .flag import flag, not_negative


@dataclass(frozen=True)
class ReportFlags:
    """Reports."""

    report: tuple[str, ...] = flag(
        [],
        "report files to write: an HTML page (.html), or all clips with their errors (.json, .csv)",
    )
    report_clips: int = flag(
        24,
        "number of clips, those with the most errors, that the page shows with audio, spectrogram "
        "and probabilities",
        check=not_negative,
    )
    compare: tuple[str, ...] = flag(
        [], "JSON reports of other models on the same clips, to compare with on the page"
    )
