"""The layout of a corpus on disk: an importer describes its recordings and their transcripts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from stt.audio.reference import AudioReference

from ..corpus.rows import Entry
from ..errors import CorpusError


@dataclass(frozen=True)
class CorpusUtterance:
    """A clip of a corpus.

    Attributes:
        source: the file and line that list it, for messages: `trans.txt:17`.
        audio: reference to the recording, or to a piece of it.
        text: transcript, as the corpus has it.
        split: name of its set, such as `train` or `dev-clean`; "": the corpus has no sets.
        speaker: name of the speaker; "": unknown.
        dropped: why it is left out, whatever the flags say; "": it is not.
    """

    source: str
    audio: AudioReference
    text: str
    split: str = ""
    speaker: str = ""
    dropped: str = ""


@dataclass(frozen=True)
class Layout:
    """The layout of a corpus on disk.

    Attributes:
        name: name of its importer: `cv2` for `import_cv2`.
        title: name of the corpus, for people.
        page: web page that describes and offers it.
        tree: content of its folder, in a line.
        read: yields all utterances of a folder.
        language: language of the corpus; "": many, or `language_of` finds it.
        language_of: finds the language of a folder; returns "" if it cannot.
        usual: the sets that are imported by default; (): all.
    """

    name: str
    title: str
    page: str
    tree: str
    read: Callable[[Path], Iterator[CorpusUtterance]]
    language: str = ""
    language_of: Callable[[Path], str] = lambda folder: ""
    usual: tuple[str, ...] = ()

    def utterances(self, folder: Path) -> Iterator[CorpusUtterance]:
        """Yield all utterances of a folder.

        Raises:
            CorpusError: the folder does not exist, or does not contain this corpus.
        """
        if not folder.is_dir():
            raise CorpusError(f"{folder}: no such folder; unpack {self.title} ({self.page}) there")
        empty = True
        for utterance in self.read(folder):
            empty = False
            yield utterance
        if empty:
            raise CorpusError(
                f"{folder}: does not hold {self.title}, which has {self.tree} ({self.page})"
            )


def utterance_of(entry: Entry, table: Path, split: str, speaker: str) -> CorpusUtterance:
    """Return the utterance of a row of a table; a malformed row is marked as left out."""
    if entry.audio is not None:
        return CorpusUtterance(entry.source, entry.audio, entry.transcript, split, speaker)
    why = f"are malformed ({entry.problem})"
    return CorpusUtterance(entry.source, AudioReference(table), "", split, dropped=why)


def within(folder: Path, *names: str) -> Path:
    """Return the first subfolder with one of these names, or the folder itself."""
    return next((folder / name for name in names if (folder / name).is_dir()), folder)


def language_in_name(folder: Path) -> str:
    """Return the language at the beginning of a folder's name: `cy` for `cy_gb` and for `cy`."""
    return folder.resolve().name.partition("_")[0]
