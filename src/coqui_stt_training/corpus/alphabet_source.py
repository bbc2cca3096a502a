"""Where an alphabet comes from when none is given: the transcripts themselves."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from coqui_stt_ctcdecoder import Alphabet

from ..errors import CorpusError
from .rows import read_rows


def alphabet_from_corpus(paths: Iterable[str | Path]) -> Alphabet:
    """Return the alphabet of all characters of these files' transcripts, in code point order.

    Malformed rows are left out; `check_corpus` reports them.

    Raises:
        CorpusError: files that cannot be read, all of them; or not one character in them all.
    """
    characters: set[str] = set()
    problems: list[str] = []
    names = [str(path) for path in paths]
    for name in names:
        try:
            file = read_rows(name)
        except CorpusError as error:
            problems.append(str(error))
            continue
        for row in file.rows:
            if row.problem is None:
                characters.update(row.transcript)
    if problems:
        raise CorpusError("\n".join(problems))
    if not characters:
        raise CorpusError(
            f"no transcript in {', '.join(names)} has a character to make an alphabet from; "
            "fill in the transcript column"
        )
    return Alphabet.from_labels(sorted(characters))
