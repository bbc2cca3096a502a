"""The one report of everything that is wrong with a corpus."""

from __future__ import annotations

import enum
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from coqui_stt_ctcdecoder.alphabet import describe_codepoints
from stt.counted import counted, first_lines

from .normalization import Normalized

_LISTED_PER_KIND = 20


class ProblemKind(enum.Enum):
    """Ways for a row to be bad; the value heads the rows in the report, their count before it."""

    FORM = "malformed"
    AUDIO = "with audio that is missing or cannot be read"
    RATE = "with audio of another sample rate"
    SILENCE = "with silent audio"
    EMPTY = "without a transcript"
    CHARACTERS = "with characters outside the alphabet"
    LENGTH = "with audio too short for the transcript"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with one row.

    Attributes:
        kind: under which heading it goes.
        source: `train.csv:17`.
        reason: what is wrong, the offending value included.
        characters: those outside the alphabet, each as often as it occurs.
        normalized: what `--normalize_transcripts` would make of such a transcript; None where it
            has been done.
        transcript: the row's.
    """

    kind: ProblemKind
    source: str
    reason: str
    characters: tuple[str, ...] = ()
    normalized: Normalized | None = None
    transcript: str = ""

    @property
    def mended(self) -> bool:
        """Whether normalising the transcript makes one that the alphabet can write."""
        return bool(self.normalized and self.normalized.text and not self.normalized.unknown)


@dataclass
class Report:
    """Collects problems of files, which nothing can skip, and of rows.

    Attributes:
        file_problems: one text for each file that cannot be used at all; an ordered set.
        row_problems: in the order of the files and rows; an ordered set.
        sources: sources of all checked rows, except those of large files.
        large_files: number of rows of each large file, by path.
        bad_rows: numbers of the rows with problems, counted from 0, by the path of their file.
        advice: what to do about the problems; the last line.
    """

    file_problems: dict[str, None] = field(default_factory=dict)
    row_problems: dict[Problem, None] = field(default_factory=dict)
    sources: set[str] = field(default_factory=set)
    large_files: dict[str, int] = field(default_factory=dict)
    bad_rows: dict[str, list[int]] = field(default_factory=dict)
    advice: str = ""

    def add(self, *problems: str | Problem) -> None:
        """Take up problems, of files as texts; a file listed twice has each problem once."""
        for problem in problems:
            if isinstance(problem, Problem):
                self.row_problems[problem] = None
            else:
                self.file_problems[problem] = None

    def add_row(self, path: str, number: int, problems: Sequence[Problem]) -> None:
        """Add the problems of a row.

        Args:
            path: path of its file.
            number: number of the row in the file, counted from 0.
            problems: what is wrong with the row; may be empty.
        """
        self.add(*problems)
        if problems:
            self.bad_rows.setdefault(path, []).append(number)

    @property
    def row_count(self) -> int:
        """Number of rows looked at."""
        return len(self.sources) + sum(self.large_files.values())

    @property
    def bad_row_count(self) -> int:
        """Number of rows that have at least one problem."""
        return len({problem.source for problem in self.row_problems})

    @property
    def rows_to_mend(self) -> set[str]:
        """Sources of the rows that `--normalize_transcripts` would not make good."""
        return {problem.source for problem in self.row_problems if not problem.mended}

    def __str__(self) -> str:
        lines = _cap(list(self.file_problems), indent="")
        if self.row_problems:
            lines.append(
                f"{self.bad_row_count} of {counted(self.row_count, 'row')} cannot be used:"
            )
        for kind in ProblemKind:
            problems = [problem for problem in self.row_problems if problem.kind is kind]
            if problems:
                lines.append(f"  {counted(len(problems), 'row')} {kind.value}:")
                lines += _cap(_describe(kind, problems), indent="    ")
        return "\n".join([*lines, self.advice] if self.advice else lines)


def _describe(kind: ProblemKind, problems: Sequence[Problem]) -> list[str]:
    if kind is ProblemKind.CHARACTERS:
        return _describe_characters(problems)
    return [f"{problem.source}: {problem.reason}" for problem in problems]


def _describe_characters(problems: Iterable[Problem]) -> list[str]:
    """Return a line for each character, the most frequent first."""
    counts: Counter[str] = Counter()
    first: dict[str, str] = {}
    for problem in problems:
        counts.update(problem.characters)
        for character in problem.characters:
            first.setdefault(character, problem.source)
    return [
        f"{character!r} ({describe_codepoints(character)}), {counted(count, 'time')}, "
        f"first in {first[character]}"
        for character, count in counts.most_common()
    ]


def advise_on_characters(report: Report, alphabet_advice: str = "") -> list[str]:
    """Return what to do about characters outside the alphabet: normalise, and see to what remains.

    Args:
        report: of all rows.
        alphabet_advice: what to do about letters that the alphabet lacks.
    """
    problems = [
        problem for problem in report.row_problems if problem.kind is ProblemKind.CHARACTERS
    ]
    mended = [problem for problem in problems if problem.mended]
    remaining = dict.fromkeys(
        character
        for problem in problems
        if not problem.mended
        for character in (problem.normalized.unknown if problem.normalized else problem.characters)
    )
    letters = [one for one in remaining if unicodedata.category(one)[0] in "LM"]
    lines = []
    if mended:
        lines.append(_advise_to_normalize(mended, len(problems)))
    if mended and remaining:
        lines.append(f"It cannot fix {', '.join(map(repr, remaining))}.")
    if letters and alphabet_advice:
        lines.append(alphabet_advice)
    spoken = [one for one in remaining if unicodedata.category(one)[0] in "NS" or one in "%&@"]
    if spoken:
        lines.append(f"Write {', '.join(map(repr, spoken))} as spoken words.")
    return lines


def _advise_to_normalize(mended: Sequence[Problem], of: int) -> str:
    example = mended[0]
    after = example.normalized.text if example.normalized else ""
    rows = f"{len(mended)} of the {of} rows" if len(mended) < of else counted(of, "row")
    return (
        f"To fix {rows} with characters outside the alphabet, add to your command: "
        f"--normalize_transcripts true. It changes {example.transcript!r} to {after!r}."
    )


def _cap(lines: Sequence[str], indent: str) -> list[str]:
    return [indent + line for line in first_lines(lines, _LISTED_PER_KIND)]
