"""What a check found, as a page of one file, with players for the suspected transcripts."""

from __future__ import annotations

import base64
import io
import itertools
from collections.abc import Iterable, Iterator, Sequence

import soundfile

from coqui_stt_ctcdecoder.alphabet import describe_codepoints
from stt.audio.file import read_audio
from stt.audio.reference import AudioReference
from stt.durations import say_audio_length

from ..errors import AudioError
from ..report.charts import Series, line_chart
from ..report.page import Html, document, figures, in_script, section, table, tag
from .findings import Findings, concerns, duplicate_kinds, histograms, text_concerns
from .survey import Histogram, Survey
from .suspects import Suspect

_PLAYER_RATE_HZ = 16000
_LONGEST_PLAYED_SECONDS = 60
_MOST_PLACES = 200
_STYLE = """
.suspect { border-top: 1px solid var(--line); padding: .9rem 0; }
.suspect p { margin: .3rem 0; }
.suspect .label { display: inline-block; min-width: 5.5rem; color: var(--quiet); }
.suspect audio { width: min(100%, 30rem); display: block; margin-top: .4rem; }
"""


def as_page(findings: Findings) -> str:
    """Return the page."""
    survey, problems = findings.survey, findings.report.row_problems
    sections = [
        ("overview", "Overview", _overview(findings)),
        ("suspects", "Suspected transcripts", _suspects(findings)),
        ("bad", "Rows that cannot be used", _bad_rows(findings) if problems else None),
        ("charts", "Distributions", _charts(survey)),
        ("texts", "Transcripts to look at", _concerns(text_concerns(survey))),
        ("audio", "Audio to look at", _concerns(concerns(survey))),
        ("duplicates", "Duplicates", _duplicates(survey)),
        ("characters", "Characters", _characters(survey)),
    ]
    shown = [(anchor, title, content) for anchor, title, content in sections if content]
    return document(
        "Overview of the data",
        [section(title, *content, anchor=anchor) for anchor, title, content in shown],
        subtitle=in_script(", ".join(one.path for one in survey.sets)),
        contents=[(anchor, title) for anchor, title, _ in shown],
        footer=(
            "Written by coqui_stt_training.check. This page is self-contained and loads nothing "
            "from the network."
        ),
        style=_STYLE,
    )


def _overview(findings: Findings) -> list[Html]:
    survey = findings.survey
    clips = sum(one.clips for one in survey.sets)
    rows = sum(one.rows for one in survey.sets)
    seconds = sum(one.hours for one in survey.sets) * 3600
    bad = findings.report.bad_row_count
    large = [
        ("Speech", say_audio_length(seconds), f"{clips:,} clips"),
        ("Rows that cannot be used", f"{bad:,}", f"of {rows:,}"),
        ("Characters", str(len(survey.characters)), f"{len(survey.rare)} of them rare"),
    ]
    if findings.asked:
        large.append(("Suspected transcripts", str(len(findings.suspects)), "listed below"))
    columns = ("set", "rows", "usable", "hours", "speakers", "words", "characters")
    rows_of_sets = [
        (
            in_script(one.path),
            f"{one.rows:,}",
            f"{one.clips:,}",
            f"{one.hours:.2f}",
            f"{one.speakers:,}" if one.speakers else "not said",
            f"{one.words:,}",
            f"{one.characters:,}",
        )
        for one in survey.sets
    ]
    rates = [(f"{rate:,} Hz", f"{count:,}") for rate, count in survey.sample_rates_hz.items()]
    return [
        figures(*large),
        table("Sets", columns, rows_of_sets, numbers=range(1, 7), sortable=True),
        table("Sample rates", ("rate", "clips"), rates, numbers=[1]),
    ]


def _charts(survey: Survey) -> list[Html]:
    charts = [
        line_chart(
            f"{name.capitalize()}: median {found.median:.3g}{unit}, "
            f"most from {found.low:.3g} to {found.high:.3g}",
            [Series(name, _outline(found))],
            f"{name}{unit}",
            "clips",
        )
        for name, found, unit in histograms(survey)
    ]
    return [tag("div", *charts, class_="columns")] if charts else []


def _outline(found: Histogram) -> list[tuple[float, float]]:
    """Return the outline of a histogram's bars."""
    bars = zip(itertools.pairwise(found.edges), found.counts, strict=True)
    steps = [(edge, float(count)) for edges, count in bars for edge in edges]
    return [(found.edges[0], 0.0), *steps, (found.edges[-1], 0.0)]


def _suspects(findings: Findings) -> list[Html]:
    if not findings.asked:
        return []
    if not findings.suspects:
        return [tag("p", "None: the model found no transcript that stands out.")]
    told = (
        "Transcripts that the model can hardly align with the audio and that differ much from its "
        "own transcripts, worst first. Listen, then correct or remove them."
    )
    return [tag("p", told, class_="quiet"), *map(_suspect, findings.suspects)]


def _suspect(suspect: Suspect) -> Html:
    clip, score = suspect.clip, suspect.score
    return tag(
        "article",
        tag("h3", in_script(clip.source)),
        tag("p", tag("span", "written", class_="label"), tag("bdi", clip.transcript, dir="auto")),
        tag("p", tag("span", "heard", class_="label"), tag("bdi", score.hypothesis, dir="auto")),
        tag(
            "p",
            f"{suspect.outlyingness:.1f} standard deviations from the others; character error rate "
            f"{score.cer:.0%}; {score.cost:.1f} nats a label; {clip.duration_seconds:.1f} s",
            class_="quiet small",
        ),
        _player(clip.audio, clip.source),
        class_="suspect",
    )


def _player(audio: AudioReference, name: str) -> Html:
    try:
        samples = read_audio(audio, _PLAYER_RATE_HZ)[: _LONGEST_PLAYED_SECONDS * _PLAYER_RATE_HZ]
    except AudioError as error:
        return tag("p", str(error), class_="quiet small")
    content = io.BytesIO()
    soundfile.write(content, samples, _PLAYER_RATE_HZ, format="FLAC", subtype="PCM_16")
    data = base64.b64encode(content.getvalue()).decode()
    return tag(
        "audio",
        controls=True,
        preload="metadata",
        aria_label=f"Play {name}",
        src=f"data:audio/flac;base64,{data}",
    )


def _bad_rows(findings: Findings) -> list[Html]:
    problems = list(findings.report.row_problems)
    rows = [
        (in_script(problem.source), problem.kind.value, in_script(problem.reason))
        for problem in problems[:_MOST_PLACES]
    ]
    return [table("Problems", ("place", "kind", "why"), rows, sortable=True), *_more(problems)]


def _concerns(found: Iterable[tuple[str, tuple[str, ...], str]]) -> list[Html]:
    return [
        _listed(
            in_script(f"{name.capitalize()}: {len(places)}{why}"), [(place,) for place in places]
        )
        for name, places, why in found
    ]


def _duplicates(survey: Survey) -> list[Html]:
    found = [
        _listed(f"{name.capitalize()}: {len(groups)}", groups)
        for name, groups in duplicate_kinds(survey)
        if groups
    ]
    if survey.shared_speakers:
        rows = [(speaker, *paths) for speaker, paths in survey.shared_speakers.items()]
        found.append(_listed(f"Speakers in several sets: {len(rows)}", rows))
    return found


def _listed(title: str | Html, groups: Sequence[Sequence[str]]) -> Html:
    items = [tag("li", in_script(", ".join(group))) for group in groups[:_MOST_PLACES]]
    return tag("details", tag("summary", title), tag("ul", *items), *_more(groups))


def _more(values: Sequence[object]) -> Iterator[Html]:
    if len(values) > _MOST_PLACES:
        yield tag("p", f"and {len(values) - _MOST_PLACES} more", class_="quiet")


def _visible(character: str) -> str:
    """Return what shows a character that cannot be seen by itself."""
    if character == " ":
        return "␣"
    return character if character.isprintable() else "�"


def _characters(survey: Survey) -> list[Html]:
    rows = [
        (
            tag("bdi", _visible(one)),
            (f"{count:,}", count),
            tag("span", describe_codepoints(one), class_="whole"),
            in_script(", ".join(survey.rare.get(one, ()))),
        )
        for one, count in survey.characters.items()
    ]
    columns = ("character", "count", "code point", "where, if rare")
    return [table("All characters", columns, rows, numbers=[1], sortable=True)]
