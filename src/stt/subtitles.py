"""Subtitles: words put into cues, and the files people have players for."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from .words import Word, join_words

LINE_CHARACTERS = 42  # what broadcasters allow (https://bbc.github.io/subtitle-guidelines/)
LINES = 2
LONGEST_CUE_SECONDS = 7.0
SHORTEST_CUE_SECONDS = 1.0
PAUSE_SECONDS = 0.8  # a silence that ends a cue


@dataclass(frozen=True)
class Cue:
    """What is shown at one time."""

    start_time: float
    end_time: float
    text: str


def cues_of(words: Sequence[Word]) -> list[Cue]:
    """Put words into cues.

    A cue ends before a pause, before it grows longer than two lines or 7 seconds. It stays for at
    least a second, but not into the next one.
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
    """Return words as a table of cues: start and end in milliseconds, and the text."""
    return "start\tend\ttext\n" + "".join(
        f"{round(cue.start_time * 1000)}\t{round(cue.end_time * 1000)}\t{cue.text}\n"
        for cue in cues_of(words)
    )


def format_txt(words: Sequence[Word]) -> str:
    """Return words as plain text, one cue a line."""
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
