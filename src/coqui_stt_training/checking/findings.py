"""All that a check found, and as text and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from coqui_stt_ctcdecoder.alphabet import describe_codepoints
from stt.counted import counted
from stt.durations import say_audio_length

from ..corpus.report import Report
from .survey import Duplicates, Histogram, Survey
from .suspects import Suspect

_LISTED = 10
_OF_TEXTS = {
    "numbers": ("numbers", "write them as spoken words"),
    "tags": ("tags", "remove them if nobody speaks them"),
    "symbols": ("symbols", "write them as spoken words"),
    "invisible": ("invisible", "--normalize_transcripts true removes them"),
}
_BARS = " ▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Findings:
    """All that a check found.

    Attributes:
        survey: what the corpus holds.
        report: the rows that cannot be used.
        suspects: transcripts that are probably wrong, the worst first.
        asked: the model that was asked for them, "" for none.
    """

    survey: Survey
    report: Report
    suspects: tuple[Suspect, ...]
    asked: str


def as_json(findings: Findings) -> dict[str, Any]:
    """Return everything as JSON values."""
    survey = asdict(findings.survey)
    survey["characters"] = [
        {"character": one, "code_points": describe_codepoints(one), "count": count}
        for one, count in findings.survey.characters.items()
    ]
    return {
        "version": 1,
        "survey": survey,
        "file_problems": list(findings.report.file_problems),
        "row_problems": [
            {"source": problem.source, "kind": problem.kind.name, "reason": problem.reason}
            for problem in findings.report.row_problems
        ],
        "model": findings.asked,
        "suspects": [
            {
                "source": suspect.clip.source,
                "audio": str(suspect.clip.audio),
                "transcript": suspect.clip.transcript,
                "heard": suspect.score.hypothesis,
                "alignment_cost": suspect.score.cost,
                "cer": suspect.score.cer,
                "outlyingness": suspect.outlyingness,
            }
            for suspect in findings.suspects
        ],
    }


def as_text(findings: Findings) -> str:
    """Return what a person reads on a terminal."""
    return "\n".join(_lines(findings))


def _lines(findings: Findings) -> Iterator[str]:
    survey = findings.survey
    for one in survey.sets:
        speakers = f", {counted(one.speakers, 'speaker')}" if one.speakers else ""
        usable = (
            ""
            if one.clips == one.rows
            else f" ({counted(one.rows - one.clips, 'row')} cannot be used)"
        )
        yield (
            f"{one.path}: {counted(one.clips, 'clip')}{usable}, "
            f"{say_audio_length(one.hours * 3600)}{speakers}, {counted(one.words, 'word')}"
        )
    for name, found, unit in histograms(survey):
        yield (
            f"{name:<22} {sparkline(found)}  {found.low:.3g} to {found.high:.3g}{unit}, "
            f"median {found.median:.3g}{unit}"
        )
    rates = ", ".join(f"{rate} Hz: {count}" for rate, count in survey.sample_rates_hz.items())
    yield f"{'sample rates':<22} {rates or 'none'}"
    yield f"{'characters':<22} {len(survey.characters)}: {characters_line(survey)}"
    for character, places in list(survey.rare.items())[:_LISTED]:
        yield f"{'':<22} rare: {character!r} {describe_codepoints(character)}, {places[0]}"
    for name, places, why in (*text_concerns(survey), *concerns(survey)):
        first = ", ".join(places[:3])
        yield f"{name:<22} {counted(len(places), 'clip')}{why}, the first: {first}"
    for name, groups in duplicate_kinds(survey):
        if groups:
            example = ", ".join(groups[0][:4])
            yield f"{name:<22} {counted(len(groups), 'group')}, the first: {example}"
    if survey.shared_speakers:
        named = ", ".join(list(survey.shared_speakers)[:_LISTED])
        yield f"{'speakers in 2 sets':<22} {len(survey.shared_speakers)}: {named}"
    if str(findings.report):
        yield str(findings.report)
    if findings.asked:
        yield from _suspect_lines(findings.suspects)


def _suspect_lines(suspects: Sequence[Suspect]) -> Iterator[str]:
    yield f"suspected transcripts: {len(suspects)}"
    for suspect in suspects[:_LISTED]:
        yield f"  {suspect.clip.source} ({suspect.outlyingness:.1f} standard deviations)"
        yield f"    written: {suspect.clip.transcript}"
        yield f"    heard:   {suspect.score.hypothesis}"
    if len(suspects) > _LISTED:
        yield f"  ... and {len(suspects) - _LISTED} more: see --json and --html"


def histograms(survey: Survey) -> Iterator[tuple[str, Histogram, str]]:
    """Yield the histograms that there are: name, values, unit."""
    for name, found, unit in (
        ("duration", survey.duration_seconds, " s"),
        ("characters per second", survey.characters_per_second, ""),
        ("level of speech", survey.speech_dbfs, " dBFS"),
        ("noise below speech", survey.noise_decibels, " dB"),
    ):
        if found is not None:
            yield name, found, unit


def text_concerns(survey: Survey) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Yield what may be wrong with transcripts: name, places, explanation."""
    for one in survey.unspoken:
        name, what = _OF_TEXTS[one.kind]
        yield f"{name} in texts", one.places, f", {what}: {' '.join(one.examples)}"


def concerns(survey: Survey) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Yield what may be wrong with audio: name, places, explanation."""
    seconds = survey.silence_seconds
    for name, places, why in (
        ("clipped", survey.clipped, ", loud parts are clipped"),
        ("quiet", survey.quiet, ", speech below -40 dBFS"),
        ("noisy", survey.noisy, ", noise less than 15 dB below speech"),
        (
            "silence at the ends",
            survey.silent_ends,
            f" of 1 s or more; {say_audio_length(seconds)} in all clips",
        ),
    ):
        if places:
            yield name, places, why


def duplicate_kinds(survey: Survey) -> tuple[tuple[str, tuple[tuple[str, ...], ...]], ...]:
    """Return what is there more than once: name, groups of places."""

    def of(found: Duplicates) -> tuple[tuple[tuple[str, ...], ...], ...]:
        return found.across, found.within

    (audio_across, audio_within), (text_across, _) = of(survey.same_audio), of(survey.same_text)
    return (
        ("same audio in 2 sets", audio_across),
        ("same audio in 1 set", audio_within),
        ("same text in 2 sets", text_across),
    )


def characters_line(survey: Survey) -> str:
    """Return all characters, the commonest first, those that take no room by their code."""
    return " ".join(
        one if one.isprintable() and not one.isspace() else f"U+{ord(one):04X}"
        for one in survey.characters
    )


def sparkline(found: Histogram) -> str:
    """Return a histogram as a row of bars."""
    most = max(found.counts)
    return "".join(
        _BARS[0 if not count else 1 + count * (len(_BARS) - 2) // most] for count in found.counts
    )
