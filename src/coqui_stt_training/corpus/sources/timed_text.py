"""Texts with times for long recordings: subtitles, labels of Audacity, tiers of Praat and ELAN.

Every caption, label or interval with text is a clip: a piece of the recording.
"""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from stt.counted import some_of

from ...errors import CorpusError
from .text_file import decode_text, read_content

CAPTIONS = (".srt", ".vtt")
_LARGEST_BYTES = 1 << 28
_TIME = r"(?:(\d{1,6}):)?(\d{1,6}):(\d{1,6}[.,]\d+)"
_CAPTION_TIMES = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}")
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s+([^<>]+)>")
_MARKUP = re.compile(r"<[^<>]*>|\{\\[^{}]*\}")
_LABEL = re.compile(r"(-?\d+[.,]\d+)\t(-?\d+[.,]\d+)(?:\t(.*))?")
_FREQUENCIES = "\\\t"  # beginning of the second line of a label with frequencies
# Values in a TextGrid: a text in quotes, or a number on its own.
_PRAAT_VALUE = re.compile(r'"((?:[^"]|"")*)"|(?<!\S)(-?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)(?!\S)')
# Names of tiers with transcripts, if there are other tiers.
_TRANSCRIPTS = frozenset(
    {"text", "transcript", "transcription", "sentence", "sentences", "utterance", "utterances",
     "orthography", "ortho", "orth", "phrase", "phrases"}
)  # fmt: skip


@dataclass(frozen=True)
class TimedText:
    """The text of a piece of a recording.

    Attributes:
        place: its place in the file: number of the line, or of the interval in its tier.
        start_seconds: start of the piece.
        end_seconds: end of the piece.
        text: its text, on one line.
        speaker: its speaker; "" if unknown.
    """

    place: int
    start_seconds: float
    end_seconds: float
    text: str
    speaker: str = ""


def is_label_track(text: str) -> bool:
    """Whether a text is a label track of Audacity: two times and a label on each line."""
    lines = [line for line in text.splitlines() if line.strip()]
    return bool(lines) and all(_LABEL.fullmatch(line) or line[:2] == _FREQUENCIES for line in lines)


def read_label_track(text: str, path: Path) -> Iterator[TimedText]:
    """Yield the labels of Audacity that are not empty.

    Args:
        text: content of the file.
        path: path of the file, for messages.
    """
    for number, line in enumerate(text.splitlines(), 1):
        if found := _LABEL.fullmatch(line):
            start, end = (float(time.replace(",", ".")) for time in found.groups()[:2])
            yield from _said(
                number, max(0.0, start), end, found[3] or ""
            )  # labels may start before the audio


def read_captions(text: str, path: Path) -> Iterator[TimedText]:
    """Yield the captions of an `.srt` or `.vtt`, without their markup.

    Args:
        text: content of the file.
        path: path of the file, for messages.
    """
    lines = text.splitlines()
    found = {i: times for i, line in enumerate(lines) if (times := _CAPTION_TIMES.match(line))}
    for index, end in itertools.pairwise([*found, len(lines)]):
        bounds = found[index].groups()
        start, until = _seconds(bounds[:3]), _seconds(bounds[3:])
        caption = [*itertools.takewhile(str.strip, lines[index + 1 : end])]
        if index + 1 + len(caption) == end < len(lines) and caption[-1:] and caption[-1].isdigit():
            caption.pop()  # the number of the next caption, if there is no empty line before it
        voice = _VOICE.search(" ".join(caption))
        plain = html.unescape(_MARKUP.sub("", " ".join(caption)))
        yield from _said(index + 1, start, until, plain, voice[1].strip() if voice else "")


def _seconds(parts: Sequence[str | None]) -> float:
    hours, minutes, seconds = parts
    return (
        int(hours or 0) * 3600 + int(minutes or 0) * 60 + float((seconds or "").replace(",", "."))
    )


def read_textgrid(text: str, path: Path) -> Iterator[TimedText]:
    """Yield the intervals of a tier of Praat's `.TextGrid`, in its long or short form.

    Args:
        text: content of the file.
        path: path of the file, for messages.

    Raises:
        CorpusError: the file is truncated, or it is unclear which tier has the transcripts.
    """
    values = [found[2] or found[1] for found in _PRAAT_VALUE.finditer(text)]
    if values[:2] != ["ooTextFile", "TextGrid"]:
        raise CorpusError(f"{path}: no TextGrid of Praat, or one that is not text; save it as text")
    try:
        tiers = _tiers_of_praat(iter(values[2:]))
    except (StopIteration, RuntimeError, ValueError):  # a generator raises the second
        raise CorpusError(f"{path}: a damaged TextGrid; save it in Praat again") from None
    yield from _of_tiers(tiers, path)


def _tiers_of_praat(values: Iterator[str]) -> dict[str, list[TimedText]]:
    """Return the tiers of intervals of a TextGrid, by name.

    Raises:
        StopIteration: values are missing at the end.
        RuntimeError: likewise.
        ValueError: a value should be a number, but is not.
    """
    tiers: dict[str, list[TimedText]] = {}
    _, _, count = (next(values) for _ in range(3))
    for _ in range(int(count)):
        kind, name, _, _, length = (next(values) for _ in range(5))
        size = 3 if kind == "IntervalTier" else 2  # a point has only one time
        parts = [tuple(next(values) for _ in range(size)) for _ in range(int(length))]
        if kind == "IntervalTier":
            tiers[name] = [
                one
                for number, (start, end, said) in enumerate(parts, 1)
                for one in _said(number, float(start), float(end), said.replace('""', '"'))
            ]
    return tiers


def read_elan(text: str, path: Path) -> Iterator[TimedText]:
    """Yield the annotations of a tier of ELAN's `.eaf`, or of one tier per speaker.

    Args:
        text: content of the file.
        path: path of the file, for messages.

    Raises:
        CorpusError: it is no XML of ELAN, or it is unclear which tier has the transcripts.
    """
    if "<!DOCTYPE" in text:  # it would allow references to other files, and expansion without limit
        raise CorpusError(f"{path}: an .eaf with a DOCTYPE, of which ELAN writes none")
    try:
        document = ElementTree.fromstring(text)
        unit = _unit_seconds(document)
        times = {
            slot.get("TIME_SLOT_ID"): int(slot.get("TIME_VALUE", "")) * unit
            for slot in document.iter("TIME_SLOT")
            if slot.get("TIME_VALUE")
        }
        tiers = {
            tier.get("TIER_ID", ""): list(_annotations(tier, times))
            for tier in document.iter("TIER")
            if tier.get("PARENT_REF") is None
        }
    except (ElementTree.ParseError, ValueError) as error:
        raise CorpusError(f"{path}: a damaged .eaf ({error}); save it in ELAN again") from None
    speakers = [tier.speaker for pieces in tiers.values() for tier in pieces[:1]]
    if all(speakers) and len(set(speakers)) == len(speakers):
        yield from sorted(
            itertools.chain.from_iterable(tiers.values()), key=lambda one: one.start_seconds
        )
    else:
        yield from _of_tiers(tiers, path)


def _unit_seconds(document: ElementTree.Element) -> float:
    header = document.find("HEADER")
    units = "milliseconds" if header is None else header.get("TIME_UNITS", "milliseconds")
    if units != "milliseconds":
        raise ValueError(f"its times are in {units}")
    return 1e-3


def _annotations(
    tier: ElementTree.Element, times: Mapping[str | None, float]
) -> Iterator[TimedText]:
    for number, one in enumerate(tier.iter("ALIGNABLE_ANNOTATION"), 1):
        start, end = (times.get(one.get(f"TIME_SLOT_REF{end}")) for end in (1, 2))
        if start is not None and end is not None:
            text = one.findtext("ANNOTATION_VALUE") or ""
            yield from _said(number, start, end, text, tier.get("PARTICIPANT", "").strip())


def _of_tiers(tiers: Mapping[str, list[TimedText]], path: Path) -> list[TimedText]:
    """Return the texts of the tier with transcripts: the only tier, or the one with such a name.

    Raises:
        CorpusError: it is unclear which tier that is.
    """
    filled = {name: pieces for name, pieces in tiers.items() if pieces}
    named = {name for name in filled if name.strip().lower() in _TRANSCRIPTS}
    chosen = named if len(filled) > 1 else set(filled)
    if len(chosen) == 1:
        return filled[chosen.pop()]
    if not filled:
        return []
    raise CorpusError(
        f"{path}: which of its tiers has the transcripts is not known: {some_of(list(filled))}; "
        "call that one transcription, and no other"
    )


def _said(
    place: int, start: float, end: float, text: str, speaker: str = ""
) -> Iterator[TimedText]:
    """Yield a piece with its text; nothing if the text is empty."""
    if plain := " ".join(text.split()):
        yield TimedText(place, start, end, plain, speaker)


_READERS: Mapping[str, Callable[[str, Path], Iterator[TimedText]]] = {
    **dict.fromkeys(CAPTIONS, read_captions),
    ".textgrid": read_textgrid,
    ".eaf": read_elan,
}
SUFFIXES = tuple(_READERS)


def read_timed_text(path: Path) -> list[TimedText]:
    """Return the texts of a file beside a recording, with their times, in its order.

    Args:
        path: a file with one of `SUFFIXES`, or labels of Audacity.

    Raises:
        CorpusError: the file cannot be read, has no such format, or is damaged.
    """
    read = _READERS.get(path.suffix.lower(), read_label_track)
    return list(read(decode_text(read_content(path, _LARGEST_BYTES), str(path)), path))
