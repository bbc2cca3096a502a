"""VoxPopuli, as its own program unpacks it: a folder for each language, with asr_SET.tsv."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from stt.audio.reference import AudioReference

from ...corpus.sources.text_file import numbered_lines
from ..layout import CorpusUtterance, Layout, language_in_name


def _read(folder: Path) -> Iterator[CorpusUtterance]:
    for split in ("train", "dev", "test"):
        path = folder / f"asr_{split}.tsv"
        if not path.is_file():
            continue
        columns: list[str] = []
        for number, line in numbered_lines(path):
            if not columns:
                columns = line.split("\t")
                continue
            values = dict(zip(columns, line.split("\t"), strict=False))
            name = values.get("id") or values.get("id_", "")
            # The column with raw text has the exact words, if it is not empty.
            text = values.get("raw_text") or values.get("normalized_text", "")
            audio = AudioReference(folder / name[:4] / f"{name}.ogg")
            speaker = values.get("speaker_id", "")
            yield CorpusUtterance(f"{path}:{number}", audio, text, split, speaker)


VOXPOPULI = Layout(
    "voxpopuli", "VoxPopuli", "https://github.com/facebookresearch/voxpopuli",
    "asr_train.tsv, asr_dev.tsv, asr_test.tsv and YEAR/ID.ogg, as transcribed_data/LANGUAGE", _read,
    language_of=language_in_name,
)  # fmt: skip
