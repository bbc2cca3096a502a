"""What is wrong with one row, given what its audio holds."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from coqui_stt_ctcdecoder import Alphabet
from stt.counted import counted
from stt.frontends import FrontEnd

from ..errors import AudioError
from .audio_scan import MISSING, AudioScan, ScanResult
from .normalization import ChangeCounts, Normalizer
from .report import Problem, ProblemKind
from .rows import Row

# Two bits of 16-bit audio: dither and the rounding of codecs, not a voice.
SILENCE_PEAK_TO_PEAK = 4 / 32768


@dataclass(frozen=True)
class CorpusRules:
    """What the rows of a corpus must fit.

    Attributes:
        alphabet: of the model to train or evaluate.
        front_end: says how many frames audio has.
        output_length: how many frames the model makes of so many.
        any_sample_rate: whether audio of another rate than the model's is fine: it is resampled.
        normalize_transcripts: whether to bring transcripts to what the alphabet can write, see
            `Normalizer`.
    """

    alphabet: Alphabet
    front_end: FrontEnd
    output_length: Callable[[int], int] = int
    any_sample_rate: bool = True
    normalize_transcripts: bool = False

    @cached_property
    def normalizer(self) -> Normalizer:
        """What brings transcripts to what the alphabet can write."""
        return Normalizer(self.alphabet)

    def frames_of(self, sample_count: int) -> int:
        """Return how many frames the model makes of so many samples."""
        return self.output_length(self.front_end.frame_count(sample_count))


def check_row(
    row: Row, scan: ScanResult, rules: CorpusRules, may_be_empty: bool, changes: ChangeCounts
) -> tuple[Row, list[Problem]]:
    """Return a row as it is trained on, and what is wrong with it."""
    as_given = row.transcript
    if rules.normalize_transcripts:
        normalized = rules.normalizer(as_given)
        changes.add(row.source, as_given, normalized)
        row = replace(row, transcript=normalized.text)
    return row, _find_problems(row, scan, rules, may_be_empty, as_given)


def _find_problems(
    row: Row, scan: ScanResult, rules: CorpusRules, may_be_empty: bool, as_given: str
) -> list[Problem]:
    if row.problem:
        return [Problem(ProblemKind.FORM, row.source, row.problem)]
    problems = []
    if isinstance(scan, AudioError):
        reason = str(scan).removeprefix(f"{row.source}: ")  # audio in an archive is where rows are
        hint = _hint_at_name(row.audio_name) if reason.endswith(MISSING) else ""
        problems.append(Problem(ProblemKind.AUDIO, row.source, reason + hint))
    elif scan.peak_to_peak < SILENCE_PEAK_TO_PEAK:
        reason = f"{row.audio_name}: {scan.duration_seconds:.2f} s of silence"
        problems.append(Problem(ProblemKind.SILENCE, row.source, reason))
    elif not rules.any_sample_rate and scan.sample_rate_hz != rules.front_end.sample_rate_hz:
        reason = (
            f"{row.audio_name} has {scan.sample_rate_hz} Hz, the model "
            f"{rules.front_end.sample_rate_hz} Hz, and --normalize_sample_rate false forbids "
            "to resample"
        )
        problems.append(Problem(ProblemKind.RATE, row.source, reason))
    if not row.transcript.strip() and not may_be_empty:
        found = f": nothing is left of {as_given!r}" if as_given.strip() else " has none"
        problems.append(Problem(ProblemKind.EMPTY, row.source, row.audio_name + found))
    unknown = tuple(rules.alphabet.unknown_characters(row.transcript))
    if unknown:
        named = ", ".join(map(repr, dict.fromkeys(unknown)))
        reason = f"{row.transcript!r} has {named}"
        normalized = None if rules.normalize_transcripts else rules.normalizer(row.transcript)
        problems.append(
            Problem(ProblemKind.CHARACTERS, row.source, reason, unknown, normalized, row.transcript)
        )
    elif isinstance(scan, AudioScan):
        problems += _find_shortage(row, scan, rules)
    return problems


def _hint_at_name(name: str) -> str:
    """Return why audio of a name may not be found, "" for a name like any other."""
    if name != name.strip():
        return f"; the name has blanks around it: {name!r}"
    if "\\" in name:
        return "; write / for the \\ in the name"
    return "; write ~ out in the name" if name.startswith("~") else ""


def frames_needed(labels: Sequence[int]) -> int:
    """Return the frames that CTC needs: one a label, and a blank between equal ones."""
    return len(labels) + sum(left == right for left, right in itertools.pairwise(labels))


def _find_shortage(row: Row, scan: AudioScan, rules: CorpusRules) -> list[Problem]:
    """Compare the frames with what CTC needs."""
    labels = rules.alphabet.encode(row.transcript)
    needed = max(1, frames_needed(labels))
    sample_count = scan.sample_count_at(rules.front_end.sample_rate_hz)
    frames = rules.frames_of(sample_count)
    if frames >= needed:
        return []
    reason = (
        f"{row.audio_name}: {scan.duration_seconds:.2f} s are {counted(frames, 'frame')}, but "
        f"{row.transcript!r} needs {needed} ({counted(len(labels), 'label')}, "
        f"{frames_needed(labels) - len(labels)} of them repeated)"
    )
    return [Problem(ProblemKind.LENGTH, row.source, reason)]
