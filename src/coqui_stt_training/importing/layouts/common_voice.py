"""Common Voice, releases since 2019: a folder per language, with TSV tables and `clips`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...corpus.sources.tables import common_voice_entries
from ..layout import CorpusUtterance, Layout, utterance_of

_SETS = ("train", "dev", "test")
_FURTHER = ("validated", "other")


def _read(folder: Path) -> Iterator[CorpusUtterance]:
    measured: set[str] = set()
    for split in (*reversed(_SETS), *_FURTHER):
        for utterance in _table(folder / f"{split}.tsv", split):
            if split in ("dev", "test"):
                measured |= {utterance.audio.path.name, utterance.speaker}
            yield utterance
    # Everything that may be trained on: clips and speakers that are not in the dev and test sets.
    for utterance in _table(folder / "validated.tsv", "train-all"):
        if not {utterance.audio.path.name, utterance.speaker or "?"} & measured:
            yield utterance


def _table(path: Path, split: str) -> Iterator[CorpusUtterance]:
    if not path.is_file():
        return
    for entry in common_voice_entries(path):
        yield utterance_of(entry, path, split, entry.speaker)


def _language(folder: Path) -> str:
    return folder.resolve().name


COMMON_VOICE = Layout(
    "cv2", "Common Voice", "https://commonvoice.mozilla.org/datasets",
    "train.tsv, dev.tsv, test.tsv and clips, as the folder of one language", _read,
    language_of=_language, usual=_SETS,
)  # fmt: skip
