"""Data for the list of clips in a page, limited to the size of the page."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from .clip_media import ClipMedia
from .clips import ClipResult, ModelResults
from .page import packed

# Pages stay below 20 MB: tables and charts take less than the rest.
LARGEST_CLIPS_CHARACTERS = 18_000_000  # including the media
LARGEST_MEDIA_CHARACTERS = 7_000_000


def fitting_clips(
    sets: Sequence[ModelResults], media_characters: int = 0
) -> tuple[list[int], dict[str, Any]]:
    """Return the numbers and the data of the clips that fit into the page.

    If not all fit, those with the most errors are chosen.

    Args:
        sets: results of each model.
        media_characters: size of the audio and probabilities in the page.
    """
    clips = sets[0].clips
    worst = sorted(
        range(len(clips)),
        key=lambda number: -max(one.clips[number].sample.word_distance for one in sets),
    )
    count, most = len(clips), LARGEST_CLIPS_CHARACTERS - media_characters
    while True:
        numbers = sorted(worst[:count])
        data = _columns(sets, numbers)
        size = len(packed("size", data))
        if size <= most or not count:
            return numbers, data
        count = int(count * min(0.9, 0.95 * most / size))


def _columns(sets: Sequence[ModelResults], numbers: Sequence[int]) -> dict[str, Any]:
    """Return the data of clips by column, which compresses better than by clip."""
    clips = [sets[0].clips[number] for number in numbers]
    names = sorted({name for clip in clips for name in clip.columns})
    return {
        "models": [one.model for one in sets],
        "number": list(numbers),
        "file": [clip.sample.wav_filename for clip in clips],
        "src": [clip.sample.src for clip in clips],
        "seconds": [_rounded(clip.duration_seconds) for clip in clips],
        "words": [clip.sample.word_length for clip in clips],
        "characters": [clip.sample.char_length for clip in clips],
        "dataset": _coded(clips, lambda clip: clip.dataset),
        "columns": {name: _coded(clips, lambda clip, name=name: clip.columns.get(name, ""))  # type: ignore[misc]
                    for name in names},
        "runs": [_run_columns([one.clips[number] for number in numbers]) for one in sets],
    }  # fmt: skip


def _run_columns(clips: Sequence[ClipResult]) -> dict[str, list[Any]]:
    return {
        "res": [clip.sample.res for clip in clips],
        "operations": [clip.words for clip in clips],
        "errors": [clip.sample.word_distance for clip in clips],
        "characters": [clip.sample.char_distance for clip in clips],
        "loss": [_rounded(clip.sample.loss) for clip in clips],
        "sure": [[round(100 * sure) for sure in clip.confidences] for clip in clips],
    }


def _coded(clips: Sequence[ClipResult], value: Callable[[ClipResult], str]) -> Mapping[str, Any]:
    found: dict[str, int] = {}
    codes = [found.setdefault(value(clip), len(found)) for clip in clips]
    return {"values": list(found), "codes": codes}


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 2)


def fitting_media(
    media: Iterable[tuple[int, ClipMedia]],
) -> tuple[list[tuple[int, dict[str, Any]]], int]:
    """Return the media that fit into the page, with the numbers of their clips, and their size."""
    parts, total = [], 0
    for number, clip in media:
        content = clip.packed()
        size = len(packed("size", content))
        if total + size > LARGEST_MEDIA_CHARACTERS:
            break
        total += size
        parts.append((number, content))
    return parts, total
