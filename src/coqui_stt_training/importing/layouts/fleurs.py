"""FLEURS: a folder per language, with train.tsv, dev.tsv, test.tsv and audio."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from stt.audio.reference import AudioReference

from ...corpus.sources.text_file import numbered_lines
from ..layout import CorpusUtterance, Layout, language_in_name, within


def _read(folder: Path) -> Iterator[CorpusUtterance]:
    for split in ("train", "dev", "test"):
        path = folder / f"{split}.tsv"
        if not path.is_file():
            continue
        place = within(folder, f"audio/{split}", split, "audio")
        for number, line in numbered_lines(path):
            # columns, without a header: ID, file, text, normalised text, letters, samples, gender
            fields = line.split("\t")
            source = f"{path}:{number}"
            if len(fields) < 4:
                nothing = AudioReference(path)
                yield CorpusUtterance(
                    source, nothing, line, split, dropped="are no rows of seven fields"
                )
                continue
            yield CorpusUtterance(source, AudioReference(place / fields[1]), fields[2], split)


FLEURS = Layout(
    "fleurs", "FLEURS", "https://huggingface.co/datasets/google/fleurs",
    "train.tsv, dev.tsv, test.tsv, and the unpacked audio in audio/SET", _read,
    language_of=language_in_name,
)  # fmt: skip
