"""Transcripts that are probably not what is said: a model is asked, in two ways.

How well the transcript can be aligned to what the model hears, in nats a label below the model's
own choice; and how far the model's own transcript is from it, as a character error rate. A model
that is bad at a language is bad at all of its clips: what counts is how far a clip stands out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
from rapidfuzz.distance import Levenshtein

from coqui_stt_ctcdecoder.alignment import HIGHEST_COST, align
from coqui_stt_ctcdecoder.errors import DecodeError
from stt.audio.source import read_pcm
from stt.engines import Engine, FloatArray, posteriors_of, streams_at_a_time

from ..cli.progress_bar import ProgressBar
from ..corpus import Clip
from ..scoring.ctc import best_path
from .results_file import ResultsFile

KIND = "coqui-stt check: scores 1"

_CLIPS_AT_A_TIME = 16
_LEAST_CER = 0.4  # below which a transcript is not suspected, however good the others are
_LEAST_COST = 2.0  # the same of its cost, in nats a label
_OUTLIER = 3.0  # standard deviations, were the scores distributed normally
# A model hears what it was trained on without fault; small flaws there are no outliers.
_LEAST_SPREAD_OF_COST, _LEAST_SPREAD_OF_CER = 0.5, 0.1


@dataclass(frozen=True)
class ClipScore:
    """What a model thinks of a clip's transcript.

    Attributes:
        cost: how far its labels lie below the model's choice, in nats, mean of all.
        cer: character error rate of what the model hears.
        hypothesis: what the model hears, without a language model.
    """

    cost: float
    cer: float
    hypothesis: str


@dataclass(frozen=True)
class Suspect:
    """A clip whose transcript stands out.

    Attributes:
        clip: the clip.
        score: what the model thinks of it.
        outlyingness: by how many standard deviations it stands out, mean of both scores.
        is_probable: whether both scores say so.
    """

    clip: Clip
    score: ClipScore
    outlyingness: float
    is_probable: bool


def score_clips(
    engine: Engine,
    model_key: str,
    clips: Sequence[Clip],
    results: ResultsFile,
    *,
    show_progressbar: bool = False,
) -> list[ClipScore]:
    """Have a model hear clips, and compare with their transcripts.

    Args:
        engine: the model.
        model_key: tells it from other models.
        clips: whose transcripts its alphabet can write.
        results: what is known from earlier runs, and what is found.
        show_progressbar: whether to show one on a terminal.
    """
    keys = [
        f"{model_key}\0{clip.audio.key}\0{clip.size_bytes}\0{clip.duration_seconds}\0"
        f"{clip.transcript}"
        for clip in clips
    ]
    scores = [_restore(results.get(key)) for key in keys]
    missing = [index for index, score in enumerate(scores) if score is None]
    with ProgressBar("Scoring transcripts", len(missing), show_progressbar, unit="clip") as bar:
        for start in range(0, len(missing), _CLIPS_AT_A_TIME):
            chosen = missing[start : start + _CLIPS_AT_A_TIME]
            found = _posteriors(engine, [clips[index] for index in chosen])
            for index, posteriors in zip(chosen, found, strict=True):
                score = score_transcript(clips[index].transcript, posteriors, engine)
                scores[index] = score
                results.add(keys[index], [score.cost, score.cer, score.hypothesis])
            results.flush()
            bar.advance(len(chosen), amount=len(chosen))
    return [score for score in scores if score is not None]


def _posteriors(engine: Engine, clips: Sequence[Clip]) -> list[FloatArray]:
    rate_hz = engine.info.sample_rate_hz
    with ThreadPoolExecutor(streams_at_a_time(engine)) as pool:
        utterances = list(pool.map(lambda clip: read_pcm(clip.audio, rate_hz), clips))
        return posteriors_of(engine, utterances, pool)


def score_transcript(transcript: str, posteriors: FloatArray, engine: Engine) -> ClipScore:
    """Compare a transcript with what a model hears, float32 `[frames, classes]`."""
    alphabet = engine.info.alphabet
    labels = alphabet.encode(transcript)
    hypothesis = alphabet.decode(best_path(posteriors.argmax(axis=-1).tolist(), alphabet.blank))
    try:
        costs = [label.cost for label in align(labels, posteriors, alphabet)]
    except DecodeError:  # too short for it
        costs = [HIGHEST_COST]
    distance = Levenshtein.distance(transcript, hypothesis)
    return ClipScore(
        round(sum(costs) / len(costs), 4), round(distance / len(transcript), 4), hypothesis
    )


def _restore(values: list[object] | None) -> ClipScore | None:
    if not values or len(values) != 3:
        return None
    cost, cer, hypothesis = values
    if not isinstance(cost, float) or not isinstance(cer, float) or not isinstance(hypothesis, str):
        return None
    return ClipScore(cost, cer, hypothesis) if math.isfinite(cost) and math.isfinite(cer) else None


def rank_suspects(clips: Sequence[Clip], scores: Sequence[ClipScore]) -> Iterator[Suspect]:
    """Yield clips, those that stand out most first."""
    if not clips:
        return
    by_cost = _standardized([score.cost for score in scores], _LEAST_SPREAD_OF_COST)
    by_cer = _standardized([score.cer for score in scores], _LEAST_SPREAD_OF_CER)
    outlyingness = (by_cost + by_cer) / 2
    for index in np.argsort(-outlyingness, kind="stable").tolist():
        yield Suspect(
            clips[index],
            scores[index],
            round(float(outlyingness[index]), 2),
            bool(
                min(by_cost[index], by_cer[index]) > _OUTLIER / 2
                and outlyingness[index] > _OUTLIER
                and scores[index].cer > _LEAST_CER
                and scores[index].cost > _LEAST_COST
            ),
        )


def most_suspect(ranked: Iterator[Suspect], most: int) -> list[Suspect]:
    """Return the first so many of those that are probably wrong."""
    return list(islice((suspect for suspect in ranked if suspect.is_probable), most))


def _standardized(values: Sequence[float], least_spread: float) -> FloatArray:
    """Return by how many standard deviations values lie above the median, outliers not counted."""
    array = np.asarray(values, np.float32)
    middle = np.median(array)
    spread = max(1.4826 * float(np.median(np.abs(array - middle))), least_spread)
    standardized: FloatArray = (array - middle) / np.float32(spread)
    return standardized
