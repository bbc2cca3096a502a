"""Where an alphabet comes from when none is given: the transcripts themselves."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from pathlib import Path

from coqui_stt_ctcdecoder import Alphabet

from ..errors import CorpusError
from .files import CorpusFiles
from .manifest import Manifest
from .rows import RowFile


def all_characters(transcripts: Iterable[str]) -> Alphabet:
    """Return the alphabet of all characters of transcripts, in code point order."""
    found: set[str] = set()
    for text in transcripts:
        found.update(text)
    return Alphabet.from_labels(sorted(found))


def pieces_of(transcripts: Iterable[str], other: Alphabet) -> Alphabet:
    """Return the alphabet of all pieces that another one cuts the words of transcripts into.

    That writes these transcripts, if it can write every label of this.
    """
    words: set[str] = set()
    for text in transcripts:
        words.update(text.split(" "))
        words.update(" " if " " in text else ())
    found = {piece for word in words for piece, _ in other.pieces(word)}
    return Alphabet.from_labels(sorted(found))


def alphabet_from_corpus(
    paths: Iterable[str | Path],
    make_alphabet: Callable[[Iterable[str]], Alphabet] = all_characters,
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
    files = files or CorpusFiles()
    transcripts: list[Iterable[str]] = []
    problems: list[str] = []
    names = [str(path) for path in paths]
    for name in names:
        try:
            file = files.rows(name)
        except CorpusError as error:
            problems.append(str(error))
            continue
        transcripts.append(_transcripts(file))
    if problems:
        raise CorpusError("\n".join(problems))
    if not any(map(any, transcripts)):
        rows = (row for name in names for row in files.rows(name).rows)
        bad = next((row for row in rows if row.problem), None)
        remedy = f"{bad.source}: {bad.problem}" if bad else "fill in the transcript column"
        raise CorpusError(
            f"no transcript in {', '.join(names)} has a character to make an alphabet from; "
            f"{remedy}"
        )
    return make_alphabet(itertools.chain.from_iterable(transcripts))


def _transcripts(file: RowFile) -> Iterable[str]:
    if isinstance(file.rows, Manifest):
        return file.rows.transcripts()
    return [row.transcript for row in file.rows if row.problem is None]
