"""The HTML page of an evaluation of one model, or of several models on the same clips."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from stt.counted import counted
from stt.durations import say_audio_length

from ..scoring.metrics import score_set
from .breakdown import Breakdown, by_columns, by_duration, by_word_frequency, rates, speakers_of
from .charts import Bar, bar_chart
from .clip_data import fitting_clips, fitting_media
from .clip_media import ClipMedia
from .clips import ModelResults
from .confidence_intervals import Difference, Rate, difference_of, units_of
from .mistakes import calibration_tables, confusion_tables, for_each_model
from .page import (
    Html,
    asset,
    document,
    figures,
    in_script,
    joined,
    packed,
    percent,
    section,
    table,
    tag,
)


def evaluation_page(
    sets: Sequence[ModelResults],
    media: Iterable[tuple[int, ClipMedia]] = (),
    *,
    title: str = "Evaluation",
    left_out: int = 0,
    folder: str = ".",
) -> str:
    """Return a page about the results of models on the same clips.

    Args:
        sets: results of each model, with the same clips in the same order.
        media: clip numbers with the audio and the first model's posteriors, the most important
            first; as many as fit are included.
        title: title of the page.
        left_out: number of clips left out because not all models have transcribed them.
        folder: folder that names of audio files are relative to, itself relative to the page.
    """
    units = units_of(speakers_of(sets[0].clips))
    drawn = f"{counted(units.count, units.name.rstrip('s'))} drawn again and again"
    both = [rates(one.clips, units) for one in sets]
    media_parts, media_characters = fitting_media(media)
    numbers, clips_data = fitting_clips(sets, media_characters)
    kept = set(numbers)
    media_parts = [part for part in media_parts if part[0] in kept]
    with_media = [number for number, _ in media_parts]
    body: list[object] = [
        _overview(sets, both, drawn),
        *([_left_out(left_out)] if left_out else []),
        *([_comparison(sets)] if len(sets) > 1 else []),
        _parts(sets),
        section("Confusions", *for_each_model(sets, confusion_tables), anchor="confusions"),
        section("Confidence", *for_each_model(sets, calibration_tables), anchor="confidence"),
        _clips_section(sets, len(kept), with_media),
        packed("clips-data", {**clips_data, "folder": folder, "media": with_media}),
        *(packed(f"media-{number}", content) for number, content in media_parts),
    ]
    links = [
        ("rates", "Rates"), ("comparison", "Comparison"), ("parts", "Subsets"),
        ("confusions", "Confusions"), ("confidence", "Confidence"), ("clips", "Clips"),
    ]  # fmt: skip
    return document(
        title,
        body,
        subtitle=_subtitle(sets),
        contents=[link for link in links if link[0] != "comparison" or len(sets) > 1],
        footer="Intervals hold 95 of 100 draws of the bootstrap. Word and character error rates "
        "are errors over the length of all references together.",
        style=asset("evaluation.css"),
        script=asset("evaluation.js"),
    )


def _subtitle(sets: Sequence[ModelResults]) -> str:
    clips = sets[0].clips
    seconds = sum(clip.duration_seconds or 0.0 for clip in clips)
    length = f", {say_audio_length(seconds)}" if seconds else ""
    return f"{', '.join(one.model for one in sets)}: {counted(len(clips), 'clip')}{length}"


def _left_out(count: int) -> Html:
    note = (
        f"{counted(count, 'clip')} that not all models transcribed, or with different references, "
        "are not counted here."
    )
    return tag("p", note, class_="quiet")


def _interval(rate: Rate) -> str:
    return f"{100 * rate.low:.2f} to {100 * rate.high:.2f} %"


def _with_interval(rate: Rate) -> tuple[Html, float]:
    """Return a table cell: a rate above its interval, and the value to sort by."""
    interval = f"{100 * rate.low:.1f} to {100 * rate.high:.1f}"
    below = tag("span", interval, class_="quiet small whole")
    return joined([percent(rate.value), tag("br"), below]), rate.value


def _overview(sets: Sequence[ModelResults], both: Sequence[tuple[Rate, Rate]], drawn: str) -> Html:
    parts: list[object] = []
    if len(sets) == 1:
        (wer, cer), samples = both[0], sets[0].samples
        right = sum(not sample.word_distance for sample in samples)
        loss = score_set(samples).loss
        values = [
            ("Word error rate", percent(wer.value), f"95 %: {_interval(wer)}"),
            ("Character error rate", percent(cer.value), f"95 %: {_interval(cer)}"),
            ("Clips without errors", percent(right / max(1, len(samples))),
             f"{right} of {len(samples)}"),
        ]  # fmt: skip
        if math.isfinite(loss):
            values.append(("Loss", f"{loss:.3f}", "mean over clips"))
        parts.append(figures(*values))
    else:
        rows = [
            (one.model, (percent(wer.value), wer.value), _interval(wer),
             (percent(cer.value), cer.value), _interval(cer))
            for one, (wer, cer) in zip(sets, both, strict=True)
        ]  # fmt: skip
        columns = ("model", "WER", "95 %", "CER", "95 %")
        parts.append(table("Error rates", columns, rows, numbers=(1, 2, 3, 4), sortable=True))
    datasets = Counter(clip.dataset for clip in sets[0].clips)
    if len(datasets) > 1:
        rows_of_sets = [
            (name, count, *(text for one in sets for text in _rates_of(one, name)))
            for name, count in datasets.items()
        ]
        names = [joined([kind, *_of(one, sets)]) for one in sets for kind in ("WER", "CER")]
        parts.append(
            table("By file", ("file", "clips", *names), rows_of_sets,
                  numbers=range(1, 2 + len(names)), sortable=True)
        )  # fmt: skip
    errors = [_error_counts(one) for one in sets]
    parts.append(
        table("Word errors", ("model", "words in references", "substituted", "deleted", "inserted"),
              [(one.model, *counts) for one, counts in zip(sets, errors, strict=True)],
              numbers=range(1, 5))
    )  # fmt: skip
    parts.append(tag("p", f"Intervals: {drawn}.", class_="quiet small"))
    return section("Rates", *parts, anchor="rates")


def _of(one: ModelResults, sets: Sequence[ModelResults]) -> list[Html]:
    """Return the model's name, on a new line of a column heading; nothing for a single model."""
    return [Html(","), tag("br"), in_script(one.model)] if len(sets) > 1 else []


def _rates_of(one: ModelResults, dataset: str) -> tuple[object, object]:
    scores = score_set([clip.sample for clip in one.clips if clip.dataset == dataset])
    return (percent(scores.wer), scores.wer), (percent(scores.cer), scores.cer)


def _error_counts(results: ModelResults) -> list[int]:
    letters: Counter[str] = Counter()
    for clip in results.clips:
        letters.update(clip.words)
    said = sum(clip.sample.word_length for clip in results.clips)
    return [said, letters["S"], letters["D"], letters["I"]]


def compare(one: ModelResults, other: ModelResults) -> dict[str, Any]:
    """Return the differences of two models on the same clips, with p-values and clips won."""
    units = units_of(speakers_of(one.clips))
    kinds: dict[str, Difference] = {}
    for name, kind in (("wer", "word"), ("cer", "char")):
        mine, theirs, lengths = (
            np.array([getattr(clip.sample, f"{kind}_{what}") for clip in clips], np.int64)
            for clips, what in ((one.clips, "distance"), (other.clips, "distance"),
                                (one.clips, "length"))
        )  # fmt: skip
        kinds[name] = difference_of(mine, theirs, lengths, units)
    ahead = [
        clip.sample.word_distance - against.sample.word_distance
        for clip, against in zip(one.clips, other.clips, strict=True)
    ]
    return {
        "models": [one.model, other.model],
        "better": sum(value < 0 for value in ahead),
        "equal": sum(value == 0 for value in ahead),
        "worse": sum(value > 0 for value in ahead),
        **{
            name: {"difference": found.rate.value, "low": found.rate.low, "high": found.rate.high,
                   "chance": found.p_value}
            for name, found in kinds.items()
        },
    }  # fmt: skip


def _comparison(sets: Sequence[ModelResults]) -> Html:
    rows = []
    for one, other in combinations(sets, 2):
        found = compare(one, other)
        texts: list[object] = []
        for kind in ("wer", "cer"):
            value = found[kind]
            texts += [
                (f"{100 * value['difference']:+.2f}", value["difference"]),
                f"{100 * value['low']:+.2f} to {100 * value['high']:+.2f}",
                (_p_value_text(value["chance"]), value["chance"]),
            ]
        names = f"{one.model} − {other.model}"
        rows.append((names, *texts, found["better"], found["equal"], found["worse"]))
    columns = ("models", "WER, points", "95 %", "p", "CER, points", "95 %", "p",
               "clips won", "equal", "lost")  # fmt: skip
    return section(
        "Comparison",
        table("Differences on the same clips", columns, rows, numbers=range(1, 10), sortable=True),
        tag(
            "p",
            "Below 0, the first model makes fewer errors. p is the probability of a difference at "
            "least this large by chance (two-sided paired bootstrap); above 0.05 it may be "
            "chance. A model wins a clip if it has fewer wrong words in it.",
            class_="quiet small",
        ),
        anchor="comparison",
    )


def _p_value_text(value: float) -> str:
    return f"{value:.3f}" + (" *" if value < 0.05 else "")


def _parts(sets: Sequence[ModelResults]) -> Html:
    found = [[by_duration(one.clips), *by_columns(one.clips)] for one in sets]
    blocks = [
        _breakdown(sets, [one for one in of_all if one is not None])
        for of_all in zip(*found, strict=True)
        if of_all[0] is not None and len(of_all[0].groups) > 1
    ]
    columns = (
        "said",
        "words",
        "in all",
        *(joined(["not transcribed", *_of(one, sets)]) for one in sets),
    )
    rows = [
        (of_all[0].name, of_all[0].words, of_all[0].spoken,
         *((percent(one.wrong), one.wrong) for one in of_all))
        for of_all in zip(*(by_word_frequency(one.clips) for one in sets), strict=True)
    ]  # fmt: skip
    words = table("Words by frequency in this set", columns, rows, numbers=range(1, len(columns)))
    shape = "columns" if len(sets) == 1 else None  # tables of several models are wide
    return section("Subsets", tag("div", *blocks, words, class_=shape), anchor="parts")


def _breakdown(sets: Sequence[ModelResults], found: Sequence[Breakdown]) -> Html:
    """Return a table of error rates by group, with a column for each model."""
    first = found[0]
    rows = [
        (in_script(parts[0].name), parts[0].clips,
         *map(_with_interval, [one.wer for one in parts] + [one.cer for one in parts]))
        for parts in zip(*(one.groups for one in found), strict=True)
    ]  # fmt: skip
    bars = [
        Bar(group.name, 100 * group.wer.value, 100 * group.wer.low, 100 * group.wer.high)
        for group in first.groups
    ]
    names = [joined([kind, *_of(one, sets)]) for kind in ("WER", "CER") for one in sets]
    note = f"{counted(first.left_out, 'clip')} with other values are not listed."
    shows_bars = len(sets) == 1 and len(bars) <= 12
    return tag(
        "div",
        bar_chart(f"WER by {first.property.lower()}", bars) if shows_bars else None,
        table(f"By {first.property.lower()}", (first.property, "clips", *names), rows,
              numbers=range(1, 2 + len(names)), sortable=True),
        tag("p", note, class_="quiet small") if first.left_out else None,
    )  # fmt: skip


def _clips_section(sets: Sequence[ModelResults], kept: int, media: Sequence[int]) -> Html:
    total = len(sets[0].clips)
    texts = []
    if kept < total:
        texts.append(
            f"This page contains {kept} of {total} clips, those with the most errors; the JSON "
            "and CSV reports contain all."
        )
    if media:
        texts.append(
            "Audio, spectrogram and probabilities are in this page for "
            f"{counted(len(media), 'clip')}, those with the most errors; other clips play if "
            "their files have not moved."
        )
    legend = tag(
        "p", tag("del", "in the reference only"), " ", tag("ins", "in the transcript only"), " ",
        tag("span", "unsure", class_="unsure"), " below 50 % confidence", class_="small",
    )  # fmt: skip
    noscript = tag("noscript", tag("p", "The list of clips needs JavaScript.", class_="quiet"))
    return section(
        "Clips",
        *(tag("p", text, class_="quiet small") for text in texts),
        legend,
        noscript,
        tag("div", id="browser"),
        anchor="clips",
    )
