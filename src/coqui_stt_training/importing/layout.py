"""What an importer says of a corpus: which recordings it holds, and what is said in each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from stt.audio.reference import AudioReference

from ..corpus.rows import Entry
from ..errors import CorpusError


@dataclass(frozen=True)
class CorpusUtterance:
    """What a corpus says of one clip.

    Attributes:
        source: where it stands, for messages: `trans.txt:17`.
        audio: where it is, perhaps a piece of a recording.
        text: what is said, as the corpus writes it.
        split: the set it belongs to: `train`, `dev-clean`; "": the corpus has no sets.
        speaker: who speaks, "" where unknown.
        dropped: why it is left out whatever the flags say, "" for a good one.
    """

    source: str
    audio: AudioReference
    text: str
    split: str = ""
    speaker: str = ""
    dropped: str = ""


@dataclass(frozen=True)
class Layout:
    """How a corpus lies on disk.

    Attributes:
        name: of its importer: `cv2` for `import_cv2`.
        title: the corpus's name, for people.
        page: where it is described and can be had.
        tree: what its folder holds, in a line.
        read: yields all utterances of a folder.
        language: of the corpus; "": of many, or `language_of` says.
        language_of: finds the language of a folder, "" where it cannot.
        usual: the sets that are imported where no others are asked for; (): all.
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
            CorpusError: it is not there, or does not hold this corpus.
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
    """Return what a row of a table says; a malformed row is one that is left out, and says why."""
    if entry.audio is not None:
        return CorpusUtterance(entry.source, entry.audio, entry.transcript, split, speaker)
    why = f"are malformed ({entry.problem})"
    return CorpusUtterance(entry.source, AudioReference(table), "", split, dropped=why)


def within(folder: Path, *names: str) -> Path:
    """Return the first folder of these names in a folder, or the folder itself."""
    return next((folder / name for name in names if (folder / name).is_dir()), folder)


def language_in_name(folder: Path) -> str:
    """Return the language that a folder's name begins with: `cy` of `cy_gb`, `cy` of `cy`."""
    return folder.resolve().name.partition("_")[0]
