"""TUDA, the German speech data package: an XML file per sentence, a WAV file per microphone."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

from stt.audio.reference import AudioReference

from ...corpus.sources.text_file import read_text
from ..layout import CorpusUtterance, Layout, within


def _read(folder: Path) -> Iterator[CorpusUtterance]:
    home = within(folder, "german-speechdata-package-v3", "german-speechdata-package-v2")
    for path in sorted(home.glob("*/*.xml")):
        content = read_text(path)
        text = _element(content, "cleaned_sentence") or _element(content, "sentence")
        speaker = _element(content, "speaker_id")
        for audio in sorted(path.parent.glob(f"{path.stem}_*.wav")):
            split = path.parent.name
            yield CorpusUtterance(str(path), AudioReference(audio), text, split, speaker)


def _element(content: str, name: str) -> str:
    """Return the text of an element without child elements; this does not parse XML."""
    found = re.search(rf"<{name}>([^<]*)</{name}>", content)
    return " ".join(html.unescape(found[1]).split()) if found else ""


TUDA = Layout(
    "tuda", "TUDA", "https://www.openslr.org/179",
    "train, dev and test with NAME.xml and NAME_MICROPHONE.wav", _read, "de",
)  # fmt: skip
