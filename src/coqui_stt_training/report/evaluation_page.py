"""The page of an evaluation: of one model, or of several on the same clips."""

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
from .bootstrap import Difference, Rate, difference_of, units_of
from .breakdown import Breakdown, by_columns, by_duration, by_word_frequency, rates, speakers_of
from .charts import Bar, bar_chart, calibration_chart
from .clip_data import fitting_clips, fitting_media
from .clip_media import ClipMedia
from .clips import HeardSet
from .confusions import NOTHING, CharacterMatrix, calibration, character_matrix, word_confusions
from .page import Html, asset, document, figures, in_script, joined, packed, section, table, tag

_TOP = 25


def evaluation_page(
    sets: Sequence[HeardSet],
    media: Iterable[tuple[int, ClipMedia]] = (),
    *,
    title: str = "Evaluation",
    left_out: int = 0,
    folder: str = ".",
) -> str:
    """Return a page about what models have heard in the same clips.

    Args:
        sets: of each model, all with the same clips in the same order; the first is the one that
            parts of the set, confusions and confidence are shown of.
        media: audio and probabilities of the first model, by the number of the clip, the most
            important first; as many as fit are kept.
        title: of the page.
        left_out: clips that not all models have heard, and that are not among these.
        folder: from which the names of audio files start, as seen from the page's own.
    """
    first = sets[0]
    units = units_of(speakers_of(first.clips))
    both = [rates(one.clips, units) for one in sets]
    kept, clips_data = fitting_clips(sets)
    media_parts = fitting_media(media, set(kept))
    seconds = sum(clip.duration_seconds or 0.0 for clip in first.clips)
    length = f", {say_audio_length(seconds)}" if seconds else ""
    subtitle = (
        f"{', '.join(one.model for one in sets)}: {counted(len(first.clips), 'clip')}{length}"
    )
    body: list[object] = [
        _overview(
            sets, both, f"{counted(units.count, units.name.rstrip('s'))} drawn again and again"
        ),
        _comparison(sets) if len(sets) > 1 else None,
        _parts(first),
        _confused(first),
        _confidence(first),
        _clips_section(sets, len(kept), [number for number, _ in media_parts]),
        packed(
            "clips-data",
            {**clips_data, "folder": folder, "media": [number for number, _ in media_parts]},
        ),
        *(packed(f"media-{number}", content) for number, content in media_parts),
    ]
    if left_out:
        note = f"{counted(left_out, 'clip')} not heard by all models, or with another reference, "
        body.insert(1, tag("p", note + "are not counted here.", class_="quiet"))
    links = [
        ("rates", "Rates"), ("comparison", "Comparison"), ("parts", "Parts of the set"),
        ("confusions", "Confusions"), ("confidence", "Confidence"), ("clips", "Clips"),
    ]  # fmt: skip
    return document(
        title,
        [part for part in body if part is not None],
        subtitle=subtitle,
        contents=[link for link in links if link[0] != "comparison" or len(sets) > 1],
        footer="Intervals hold 95 of 100 draws of the bootstrap. Word and character error rates "
        "are errors over the length of all references together.",
        style=asset("evaluation.css"),
        script=asset("evaluation.js"),
    )


def _percent(value: float) -> str:
    return f"{100 * value:.2f} %"


def _interval(rate: Rate) -> str:
    return f"{100 * rate.low:.2f} to {100 * rate.high:.2f} %"


def _overview(sets: Sequence[HeardSet], both: Sequence[tuple[Rate, Rate]], drawn: str) -> Html:
    parts: list[object] = []
    if len(sets) == 1:
        (wer, cer), samples = both[0], sets[0].samples
        right = sum(not sample.word_distance for sample in samples)
        loss = score_set(samples).loss
        values = [
            ("Word error rate", _percent(wer.value), f"95 %: {_interval(wer)}"),
            ("Character error rate", _percent(cer.value), f"95 %: {_interval(cer)}"),
            ("Clips without an error", _percent(right / max(1, len(samples))),
             f"{right} of {len(samples)}"),
        ]  # fmt: skip
        if math.isfinite(loss):
            values.append(("Loss", f"{loss:.3f}", "mean of the clips"))
        parts.append(figures(*values))
    else:
        rows = [
            (one.model, (_percent(wer.value), wer.value), _interval(wer),
             (_percent(cer.value), cer.value), _interval(cer))
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
            table("Each file", ("file", "clips", *names), rows_of_sets,
                  numbers=range(1, 2 + len(names)), sortable=True)
        )  # fmt: skip
    errors = [_error_counts(one) for one in sets]
    parts.append(
        table("Errors of words", ("", "words said", "substituted", "deleted", "inserted"),
              [(one.model, *counts) for one, counts in zip(sets, errors, strict=True)],
              numbers=range(1, 5))
    )  # fmt: skip
    parts.append(tag("p", f"Intervals: {drawn}.", class_="quiet small"))
    return section("Rates", *parts, anchor="rates")


def _of(one: HeardSet, sets: Sequence[HeardSet]) -> list[Html]:
    """Return what names a model in the heading of a column, in a line of its own."""
    return [Html(","), tag("br"), in_script(one.model)] if len(sets) > 1 else []


def _rates_of(one: HeardSet, dataset: str) -> tuple[object, object]:
    scores = score_set([clip.sample for clip in one.clips if clip.dataset == dataset])
    return (_percent(scores.wer), scores.wer), (_percent(scores.cer), scores.cer)


def _error_counts(heard: HeardSet) -> list[int]:
    letters: Counter[str] = Counter()
    for clip in heard.clips:
        letters.update(clip.words)
    said = sum(clip.sample.word_length for clip in heard.clips)
    return [said, letters["S"], letters["D"], letters["I"]]


def compare(one: HeardSet, other: HeardSet) -> dict[str, Any]:
    """Return who won where, and how sure that is: of two models on the same clips."""
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
                   "chance": found.chance}
            for name, found in kinds.items()
        },
    }  # fmt: skip


def _comparison(sets: Sequence[HeardSet]) -> Html:
    rows = []
    for one, other in combinations(sets, 2):
        found = compare(one, other)
        texts: list[object] = []
        for kind in ("wer", "cer"):
            value = found[kind]
            texts += [
                (f"{100 * value['difference']:+.2f}", value["difference"]),
                f"{100 * value['low']:+.2f} to {100 * value['high']:+.2f}",
                (_chance(value["chance"]), value["chance"]),
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
            "Below 0 the first model makes fewer errors. p is how likely so great a difference "
            "would be if there were none (paired bootstrap, two-sided); from 0.05 on, it may be "
            "chance. Clips are won by fewer wrong words.",
            class_="quiet small",
        ),
        anchor="comparison",
    )


def _chance(value: float) -> str:
    return f"{value:.3f}" + (" *" if value < 0.05 else "")


def _parts(heard: HeardSet) -> Html:
    found = [by_duration(heard.clips), *by_columns(heard.clips)]
    blocks = [_breakdown(one) for one in found if one is not None and len(one.groups) > 1]
    frequencies = by_word_frequency(heard.clips)
    rows = [(g.name, g.words, g.spoken, (_percent(g.wrong), g.wrong)) for g in frequencies]
    words = table(
        "Words by how often they are said here",
        ("said", "words", "in all", "not heard"), rows, numbers=(1, 2, 3),
    )  # fmt: skip
    return section("Parts of the set", tag("div", *blocks, words, class_="columns"), anchor="parts")


def _breakdown(found: Breakdown) -> Html:
    rows = [
        (in_script(group.name), group.clips, (_percent(group.wer.value), group.wer.value),
         (_percent(group.cer.value), group.cer.value))
        for group in found.groups
    ]  # fmt: skip
    bars = [
        Bar(group.name, 100 * group.wer.value, 100 * group.wer.low, 100 * group.wer.high)
        for group in found.groups
    ]
    note = f"{counted(found.left_out, 'clip')} of further values are not listed."
    return tag(
        "div",
        bar_chart(f"WER by {found.property.lower()}", bars) if len(bars) <= 12 else None,
        table(f"By {found.property.lower()}", (found.property, "clips", "WER", "CER"), rows,
              numbers=(1, 2, 3), sortable=True),
        tag("p", note, class_="quiet small") if found.left_out else None,
    )  # fmt: skip


def _confused(heard: HeardSet) -> Html:
    found = word_confusions(heard.clips)
    swaps = [
        (in_script(said), in_script(taken), count)
        for (said, taken), count in _most(found.substitutions)
    ]
    gone = [(in_script(word), count) for word, count in _most(found.deletions)]
    extra = [(in_script(word), count) for word, count in _most(found.insertions)]
    tables = [
        table("Substitutions", ("said", "heard as", "times"), swaps, numbers=[2])
        if swaps
        else None,
        table("Deletions", ("said, and not heard", "times"), gone, numbers=[1]) if gone else None,
        table("Insertions", ("heard, and not said", "times"), extra, numbers=[1])
        if extra
        else None,
    ]
    return section(
        "Confusions",
        tag("div", *tables, class_="columns")
        if any(tables)
        else tag("p", "All words are right.", class_="quiet"),
        _matrix(character_matrix(heard.clips)),
        anchor="confusions",
    )


def _most(counts: Counter[Any]) -> list[tuple[Any, int]]:
    return sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:_TOP]


def _matrix(matrix: CharacterMatrix) -> Html | None:
    if len(matrix.names) < 2:
        return None
    worst = max(
        (count for i, row in enumerate(matrix.counts) for j, count in enumerate(row) if i != j),
        default=0,
    )

    def cell(i: int, j: int, count: int) -> Html:
        if i == j:
            return tag("td", count or "", class_="same")
        heat = math.ceil(3 * count / worst) if worst else 0
        return tag("td", count or "", class_=f"heat{heat}" if heat else None)

    names = [_shown_character(name) for name in matrix.names]
    head = tag("tr", tag("td", ""), *(tag("th", name, scope="col") for name in names))
    body = [
        tag("tr", tag("th", name, scope="row"),
            *(cell(i, j, count) for j, count in enumerate(matrix.counts[i])))
        for i, name in enumerate(names)
    ]  # fmt: skip
    note = "Rows: what was said; columns: what was heard; ∅: nothing. "
    if matrix.others:
        note += f"The {counted(matrix.others, 'character')} with the fewest errors are left out."
    return tag(
        "div",
        tag("h3", "Characters"),
        tag("p", note, class_="quiet small"),
        tag("div", tag("table", tag("caption", "Character confusions", class_="hidden"),
                       tag("thead", head), tag("tbody", *body), class_="matrix"),
            class_="scroll", tabindex="0", role="region", aria_label="Character confusions"),
    )  # fmt: skip


def _shown_character(name: str) -> Html:
    if name == NOTHING:
        return tag("span", "∅", title="nothing")
    if name == " ":
        return tag("span", "␣", title="space")
    return in_script(name)


def _confidence(heard: HeardSet) -> Html:
    found = calibration(heard.clips)
    if found is None:
        text = tag("p", "This file does not say how sure the model was.", class_="quiet")
        return section("Confidence", text, anchor="confidence")
    rows = [
        (
            tag("span", f"{10 * number} to {10 * number + 10} %", class_="whole"),
            count,
            _percent(sure),
            _percent(right),
        )
        for number, (sure, right, count) in enumerate(found.bins)
        if count
    ]
    columns = ("confidence", "words", "mean confidence", "right")
    return section(
        "Confidence",
        tag("div", calibration_chart("Is it right where it is sure?", found.bins),
            tag("div", table("Words by confidence", columns, rows, numbers=(1, 2, 3)),
                tag("p", f"Confidence is off by {_percent(found.error)} on average (expected "
                    "calibration error). On the dotted line it would be exact; below it the model "
                    "is surer than it should be.", class_="quiet small")),
            class_="columns"),
        anchor="confidence",
    )  # fmt: skip


def _clips_section(sets: Sequence[HeardSet], kept: int, media: Sequence[int]) -> Html:
    total = len(sets[0].clips)
    texts = []
    if kept < total:
        texts.append(
            f"This page holds {kept} of {total} clips, those with the most errors; the JSON and "
            "CSV reports hold all."
        )
    if media:
        texts.append(
            "Sound, spectrogram and probabilities are in this page for "
            f"{counted(len(media), 'clip')}, those with the most errors; other clips play if their "
            "files are where they were."
        )
    legend = tag(
        "p", tag("del", "said, not heard"), " ", tag("ins", "heard, not said"), " ",
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
