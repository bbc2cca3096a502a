"""File formats for the times of words: Praat's TextGrid, NIST's CTM, JSON and SRT."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from stt.subtitles import format_srt

from .alignment import AlignedUnit


@dataclass(frozen=True)
class Alignment:
    """The alignment of a recording.

    Attributes:
        name: name of the recording.
        duration_seconds: duration of the recording.
        units: units that were found, in order.
    """

    name: str
    duration_seconds: float
    units: Sequence[AlignedUnit]


Interval = tuple[float, float, str]


def format_json(alignment: Alignment) -> str:
    """Return JSON with segments, words and characters; times are in seconds."""
    content = {
        "recording": alignment.name,
        "duration": round(alignment.duration_seconds, 3),
        "segments": [
            {
                "text": unit.text,
                "start": round(unit.start_time, 3),
                "end": round(unit.end_time, 3),
                "cost": unit.cost,
                "words": [
                    {
                        "word": word.text,
                        "start": round(word.start_time, 3),
                        "end": round(word.end_time, 3),
                        "confidence": round(word.confidence, 4),
                    }
                    for word in unit.words
                ],
                "characters": [
                    [one.text, round(one.start_time, 3), round(one.end_time, 3)]
                    for one in unit.characters
                ],
            }
            for unit in alignment.units
        ],
    }
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def format_ctm(alignment: Alignment) -> str:
    """Return a line for each word: recording, channel, start, duration, word, confidence."""
    name = "_".join(alignment.name.split())
    return "".join(
        f"{name} 1 {word.start_time:.3f} {word.duration:.3f} {word.text} {word.confidence:.4f}\n"
        for unit in alignment.units
        for word in unit.words
    )


def format_subtitles(alignment: Alignment) -> str:
    """Return SubRip subtitles."""
    return format_srt([word for unit in alignment.units for word in unit.words])


def format_textgrid(alignment: Alignment) -> str:
    """Return a TextGrid with tiers of segments, words and characters."""
    units = alignment.units
    tiers: dict[str, list[Interval]] = {
        "segments": [(unit.start_time, unit.end_time, unit.text) for unit in units],
        "words": [
            (word.start_time, word.end_time, word.text) for unit in units for word in unit.words
        ],
        "characters": [
            (one.start_time, one.end_time, one.text) for unit in units for one in unit.characters
        ],
    }
    end = max([alignment.duration_seconds, *(unit.end_time for unit in units)])
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0"]
    lines += [f"xmax = {end:.3f}", "tiers? <exists>", f"size = {len(tiers)}", "item []:"]
    for number, (name, intervals) in enumerate(tiers.items(), 1):
        filled = _filled(intervals, end)
        lines += [
            f"    item [{number}]:",
            '        class = "IntervalTier"',
            f'        name = "{name}"',
            "        xmin = 0",
            f"        xmax = {end:.3f}",
            f"        intervals: size = {len(filled)}",
        ]
        for index, (start, stop, text) in enumerate(filled, 1):
            quoted = text.replace('"', '""')
            lines += [
                f"        intervals [{index}]:",
                f"            xmin = {start:.3f}",
                f"            xmax = {stop:.3f}",
                f'            text = "{quoted}"',
            ]
    return "\n".join(lines) + "\n"


def _filled(intervals: Sequence[Interval], end: float) -> list[Interval]:
    """Return intervals that cover the recording without overlap; the gaps are empty intervals."""
    filled: list[Interval] = []
    at = 0.0
    for start, stop, text in intervals:
        start, stop = round(max(start, at), 3), round(min(stop, end), 3)
        if stop <= start:
            continue
        if start > at:
            filled.append((at, start, ""))
        filled.append((start, stop, text))
        at = stop
    if at < round(end, 3):
        filled.append((at, round(end, 3), ""))
    return filled


FORMATS: Mapping[str, Callable[[Alignment], str]] = {
    "json": format_json,
    "TextGrid": format_textgrid,
    "ctm": format_ctm,
    "srt": format_subtitles,
}
