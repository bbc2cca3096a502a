"""Where an alphabet comes from when none is given: the transcripts themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from coqui_stt_ctcdecoder import Alphabet

from ..errors import CorpusError
from .files import CorpusFiles


def all_characters(transcripts: Iterable[str]) -> Alphabet:
    """Return the alphabet of all characters of transcripts, in code point order."""
    return Alphabet.from_labels(sorted(set().union(*transcripts)))


def alphabet_from_corpus(
    paths: Iterable[str | Path],
    make_alphabet: Callable[[Sequence[str]], Alphabet] = all_characters,
    files: CorpusFiles | None = None,
) -> Alphabet:
    """Return the alphabet of these files' transcripts.

    Malformed rows are left out; `check_corpus` reports them.

    Args:
        paths: corpus files.
        make_alphabet: makes it of all transcripts.
        files: reads them.

    Raises:
        CorpusError: files that cannot be read, all of them; or not one character in them all.
    """
    transcripts: list[str] = []
    problems: list[str] = []
    names = [str(path) for path in paths]
    for name in names:
        try:
            file = (files or CorpusFiles()).rows(name)
        except CorpusError as error:
            problems.append(str(error))
            continue
        transcripts += [row.transcript for row in file.rows if row.problem is None]
    if problems:
        raise CorpusError("\n".join(problems))
    if not any(transcripts):
        raise CorpusError(
            f"no transcript in {', '.join(names)} has a character to make an alphabet from; "
            "fill in the transcript column"
        )
    return make_alphabet(transcripts)
