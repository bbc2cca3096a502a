"""The data of a page's list of clips: as much as fits."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from .clip_media import ClipMedia
from .clips import ClipResult, ModelResults
from .page import packed

# A page stays below 20 MB, whatever it shows: tables and charts take less than what is left.
LARGEST_CLIPS_CHARACTERS = 18_000_000  # with the media
LARGEST_MEDIA_CHARACTERS = 7_000_000


def fitting_clips(
    sets: Sequence[ModelResults], media_characters: int = 0
) -> tuple[list[int], dict[str, Any]]:
    """Return which clips the page can hold, and their data: all, or those with the most errors.

    Args:
        sets: of each model.
        media_characters: what sound and probabilities take of the page.
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
    """Return clips column by column, which packs better than clip by clip."""
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
    """Return as much as the page can hold, by the numbers of the clips, and how much it takes."""
    parts, total = [], 0
    for number, clip in media:
        content = clip.packed()
        size = len(packed("size", content))
        if total + size > LARGEST_MEDIA_CHARACTERS:
            break
        total += size
        parts.append((number, content))
    return parts, total
