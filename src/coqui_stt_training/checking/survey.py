"""What a corpus holds, in numbers: of each set, of all, and what several sets share."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stt.audio.reference import AudioReference

from ..corpus import Clip, RowFile
from .audio_facts import AudioFacts, FactsResult
from .unspoken import Unspoken, find_unspoken

CLIPPED_SHARE = 1e-4  # of the samples: a few crackles in each second
QUIET_DBFS, NOISY_DECIBELS = -40.0, 15.0
LONG_SILENCE_SECONDS = 1.0
_BINS = 24


@dataclass(frozen=True)
class Histogram:
    """How often values lie between edges.

    Attributes:
        edges: of the bins, one more than there are bins.
        counts: of each bin; values beyond the 99.5th percentile are in the last.
        median: of the values.
        low: the 5th percentile.
        high: the 95th percentile.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Duplicates:
    """Clips that are there more than once.

    Attributes:
        within: groups of places in one set.
        across: groups of places in several sets.
    """

    within: tuple[tuple[str, ...], ...]
    across: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class SetSurvey:
    """What one set holds.

    Attributes:
        path: as the user named it.
        rows: how many there are.
        clips: how many can be used.
        hours: of those.
        speakers: how many; 0 where the file does not say.
        characters: of the transcripts.
        words: of the transcripts.
    """

    path: str
    rows: int
    clips: int
    hours: float
    speakers: int
    characters: int
    words: int


@dataclass(frozen=True)
class Survey:
    """What a corpus holds.

    Attributes:
        sets: each of them.
        duration_seconds: of clips.
        characters_per_second: of clips.
        speech_dbfs: how loud clips are.
        noise_decibels: how far the soft frames lie below the loud ones.
        sample_rates_hz: how many clips have which.
        characters: how often each occurs, the commonest first.
        rare: places of the characters that occur in three clips at most.
        unspoken: what stands in transcripts and is not read as letters are.
        clipped: places with clipping.
        quiet: places that are hardly audible.
        noisy: places with much noise.
        silent_ends: places with a second or more of silence at an end.
        silence_seconds: at the ends of all clips.
        same_audio: clips whose samples are equal.
        same_text: transcripts that several sets share; groups of places.
        shared_speakers: speakers who are in several sets, with those.
    """

    sets: tuple[SetSurvey, ...]
    duration_seconds: Histogram | None
    characters_per_second: Histogram | None
    speech_dbfs: Histogram | None
    noise_decibels: Histogram | None
    sample_rates_hz: Mapping[int, int]
    characters: Mapping[str, int]
    rare: Mapping[str, tuple[str, ...]]
    unspoken: tuple[Unspoken, ...]
    clipped: tuple[str, ...]
    quiet: tuple[str, ...]
    noisy: tuple[str, ...]
    silent_ends: tuple[str, ...]
    silence_seconds: float
    same_audio: Duplicates
    same_text: Duplicates
    shared_speakers: Mapping[str, tuple[str, ...]]


def survey_corpus(
    files: Sequence[RowFile],
    clips: Mapping[str, Sequence[Clip]],
    measured: Mapping[AudioReference, FactsResult],
) -> Survey:
    """Return what a corpus holds.

    Args:
        files: its sets.
        clips: of each set, those that can be used, by its path.
        measured: what each recording sounds like.
    """
    every = [clip for file in files for clip in clips[file.path]]
    facts = [
        (clip, found) for clip in every if isinstance(found := measured[clip.audio], AudioFacts)
    ]
    characters = Counter(character for clip in every for character in clip.transcript)
    return Survey(
        sets=tuple(_survey_set(file, clips[file.path]) for file in files),
        duration_seconds=histogram([clip.duration_seconds for clip in every]),
        characters_per_second=histogram([pace(clip) for clip in every]),
        speech_dbfs=histogram([found.speech_dbfs for _, found in facts]),
        noise_decibels=histogram([found.speech_dbfs - found.noise_dbfs for _, found in facts]),
        sample_rates_hz=dict(Counter(found.sample_rate_hz for _, found in facts).most_common()),
        characters=dict(characters.most_common()),
        rare=_rare_characters(every),
        unspoken=find_unspoken((clip.source, clip.transcript) for clip in every),
        clipped=_places(facts, lambda found: found.clipped_share > CLIPPED_SHARE),
        quiet=_places(facts, lambda found: found.speech_dbfs < QUIET_DBFS),
        noisy=_places(facts, lambda found: found.speech_dbfs - found.noise_dbfs < NOISY_DECIBELS),
        silent_ends=_places(facts, _has_silent_end),
        silence_seconds=sum(
            found.leading_silence_seconds + found.trailing_silence_seconds for _, found in facts
        ),
        same_audio=_same(files, clips, lambda clip: _digest(measured[clip.audio])),
        same_text=_same(files, clips, lambda clip: normal_text(clip.transcript)),
        shared_speakers=_shared_speakers(files),
    )


def pace(clip: Clip) -> float:
    """Return a clip's characters per second."""
    return len(clip.transcript) / max(clip.duration_seconds, 1e-3)


def normal_text(transcript: str) -> str:
    """Return what makes transcripts equal: their letters and digits, whatever the case."""
    return "".join(one for one in transcript.casefold() if unicodedata.category(one)[0] in "LMN")


def histogram(values: Sequence[float]) -> Histogram | None:
    """Return how values are distributed; None where there are none."""
    if not values:
        return None
    array = np.asarray(values, np.float64)
    low, high = float(array.min()), float(np.percentile(array, 99.5))
    if high <= low:
        high = low + max(abs(low) * 0.1, 0.1)
    counts, edges = np.histogram(array.clip(low, high), _BINS, (low, high))
    fifth, median, last = np.percentile(array, [5, 50, 95])
    return Histogram(
        tuple(round(float(edge), 4) for edge in edges),
        tuple(int(count) for count in counts),
        round(float(median), 3),
        round(float(fifth), 3),
        round(float(last), 3),
    )


def _survey_set(file: RowFile, clips: Sequence[Clip]) -> SetSurvey:
    return SetSurvey(
        file.path,
        len(file.rows),
        len(clips),
        round(sum(clip.duration_seconds for clip in clips) / 3600, 4),
        len({row.speaker for row in file.rows if row.speaker}),
        sum(len(clip.transcript) for clip in clips),
        sum(len(clip.transcript.split()) for clip in clips),
    )


def _rare_characters(clips: Iterable[Clip]) -> dict[str, tuple[str, ...]]:
    places: dict[str, list[str]] = defaultdict(list)
    for clip in clips:
        for character in set(clip.transcript):
            if len(places[character]) <= 3:
                places[character].append(clip.source)
    return {
        character: tuple(found) for character, found in sorted(places.items()) if len(found) <= 3
    }


def _places(facts: Iterable[tuple[Clip, AudioFacts]], holds: Any) -> tuple[str, ...]:
    return tuple(clip.source for clip, found in facts if holds(found))


def _has_silent_end(facts: AudioFacts) -> bool:
    return (
        max(facts.leading_silence_seconds, facts.trailing_silence_seconds) >= LONG_SILENCE_SECONDS
    )


def _digest(facts: FactsResult) -> str:
    return facts.digest if isinstance(facts, AudioFacts) else ""


def _same(files: Sequence[RowFile], clips: Mapping[str, Sequence[Clip]], key: Any) -> Duplicates:
    places: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for file in files:
        for clip in clips[file.path]:
            if value := key(clip):
                places[value][file.path].append(clip.source)
    groups = [found for found in places.values() if sum(map(len, found.values())) > 1]
    flat = [(len(found), tuple(one for some in found.values() for one in some)) for found in groups]
    return Duplicates(
        tuple(group for sets, group in flat if sets == 1),
        tuple(group for sets, group in flat if sets > 1),
    )


def _shared_speakers(files: Sequence[RowFile]) -> dict[str, tuple[str, ...]]:
    homes: dict[str, dict[str, None]] = defaultdict(dict)
    for file in files:
        for row in file.rows:
            if row.speaker:
                homes[row.speaker][file.path] = None
    return {speaker: tuple(paths) for speaker, paths in homes.items() if len(paths) > 1}
