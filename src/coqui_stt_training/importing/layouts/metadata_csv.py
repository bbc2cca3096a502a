"""Corpora with a `metadata.csv` and `wavs`: LJSpeech, and M-AILABS with one for each book."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...corpus.sources.tables import ljspeech_entries
from ..layout import CorpusUtterance, Layout, utterance_of, within


def _read_ljspeech(folder: Path) -> Iterator[CorpusUtterance]:
    path = within(folder, "LJSpeech-1.1") / "metadata.csv"
    if path.is_file():
        yield from _table(path, "")


def _read_m_ailabs(folder: Path) -> Iterator[CorpusUtterance]:
    for path in sorted(folder.glob("**/by_book/**/metadata.csv")):
        parts = path.relative_to(folder).parts
        # by_book/male/READER/BOOK/metadata.csv; books of several readers are in by_book/mix
        kind, *rest = parts[parts.index("by_book") + 1 : -1]
        yield from _table(path, rest[0] if rest and kind != "mix" else "")


def _table(path: Path, speaker: str) -> Iterator[CorpusUtterance]:
    for entry in ljspeech_entries(path):
        yield utterance_of(entry, path, "", speaker)


def _language(folder: Path) -> str:
    name = next((path.name for path in folder.glob("*_*") if path.is_dir()), folder.resolve().name)
    return name.partition("_")[0]


LJSPEECH = Layout(
    "ljspeech", "LJSpeech", "https://keithito.com/LJ-Speech-Dataset", "metadata.csv and wavs",
    _read_ljspeech, "en",
)  # fmt: skip
M_AILABS = Layout(
    "m_ailabs", "M-AILABS", "https://github.com/i-celeste-aurora/m-ailabs-dataset",
    "by_book/GENDER/READER/BOOK/metadata.csv, as the folder of one language", _read_m_ailabs,
    language_of=_language,
)  # fmt: skip
