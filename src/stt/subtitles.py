"""Subtitles: groups words into cues, and writes the usual file formats."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from .words import Word, join_words

LINE_CHARACTERS = 42  # limit of broadcasters (https://bbc.github.io/subtitle-guidelines/)
LINES = 2
LONGEST_CUE_SECONDS = 7.0
SHORTEST_CUE_SECONDS = 1.0
PAUSE_SECONDS = 0.8  # a silence that ends a cue


@dataclass(frozen=True)
class Cue:
    """The text shown at one time; times in seconds."""

    start_time: float
    end_time: float
    text: str


def cues_of(words: Sequence[Word]) -> list[Cue]:
    """Group words into cues.

    A cue ends at a pause, or before it would exceed two lines or 7 seconds. It is shown for at
    least a second, but not beyond the start of the next one.
    """
    groups = list(_groups(words))
    starts = [group[0].start_time for group in groups]
    next_starts = [*starts, float("inf")][1:]
    return [
        Cue(
            group[0].start_time,
            min(max(group[-1].end_time, group[0].start_time + SHORTEST_CUE_SECONDS), next_start),
            join_words(group),
        )
        for group, next_start in zip(groups, next_starts, strict=True)
    ]


def _groups(words: Sequence[Word]) -> Iterator[list[Word]]:
    group: list[Word] = []
    for word in words:
        if group and (
            word.after_pause
            or word.start_time - group[-1].end_time >= PAUSE_SECONDS
            or word.end_time - group[0].start_time > LONGEST_CUE_SECONDS
            or len(_lines(join_words([*group, word]))) > LINES
        ):
            yield group
            group = []
        group.append(word)
    if group:
        yield group


def _lines(text: str) -> list[str]:
    return textwrap.wrap(text, LINE_CHARACTERS, break_on_hyphens=False)


def format_srt(words: Sequence[Word]) -> str:
    """Return words as SubRip subtitles."""
    return "\n".join(
        f"{number}\n{_clock(cue.start_time, ',')} --> {_clock(cue.end_time, ',')}\n"
        + "\n".join(_lines(cue.text))
        + "\n"
        for number, cue in enumerate(cues_of(words), 1)
    )


def format_vtt(words: Sequence[Word]) -> str:
    """Return words as WebVTT subtitles."""
    return "WEBVTT\n" + "".join(
        f"\n{_clock(cue.start_time, '.')} --> {_clock(cue.end_time, '.')}\n"
        + _escaped("\n".join(_lines(cue.text)))
        + "\n"
        for cue in cues_of(words)
    )


def format_tsv(words: Sequence[Word]) -> str:
    """Return words as a tab-separated table of cues: start and end in milliseconds, and text."""
    return "start\tend\ttext\n" + "".join(
        f"{round(cue.start_time * 1000)}\t{round(cue.end_time * 1000)}\t{cue.text}\n"
        for cue in cues_of(words)
    )


def format_txt(words: Sequence[Word]) -> str:
    """Return words as plain text, one cue per line."""
    return "".join(f"{cue.text}\n" for cue in cues_of(words))


FORMATS: Mapping[str, Callable[[Sequence[Word]], str]] = {
    "srt": format_srt,
    "vtt": format_vtt,
    "txt": format_txt,
    "tsv": format_tsv,
}


def _clock(seconds: float, decimal_mark: str) -> str:
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return (
        f"{hours:02d}:{minutes:02d}:{milliseconds // 1000:02d}"
        f"{decimal_mark}{milliseconds % 1000:03d}"
    )


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
