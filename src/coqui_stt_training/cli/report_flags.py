"""The flags of evaluation reports, which several commands have."""

from __future__ import annotations

from dataclasses import dataclass

from .flag import flag, not_negative


@dataclass(frozen=True)
class ReportFlags:
    """Reports."""

    report: tuple[str, ...] = flag(
        [],
        "files to write a report to: a page to look at (.html), all clips with their errors "
        "(.json, .csv)",
    )
    report_clips: int = flag(
        24,
        "for how many clips, those with the most errors, the page holds sound, spectrogram and "
        "probabilities",
        check=not_negative,
    )
    compare: tuple[str, ...] = flag(
        [], "JSON reports of other models on the same clips, to compare with in the page"
    )
