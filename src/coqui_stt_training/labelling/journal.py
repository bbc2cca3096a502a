"""The journal of all labels, in order: one JSON object per line, append-only.

The data set is written from it. It also holds what the CSV file cannot: rejected clips with their
reasons, how recordings were cut, and texts that were refused because somebody else saved first.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from coqui_stt_ctcdecoder.regular_file import read_regular
from stt.plain_values import restore

from ..errors import CorpusError
from .clip import VERDICTS, DeskLabel, Span, Verdict

_LARGEST_BYTES = 1 << 31


@dataclass(frozen=True)
class CutEntry:
    """How a recording was cut.

    Attributes:
        recording: key of the recording.
        audio_bytes: size of the file, to detect that it has changed.
        spans: start and end of each clip in milliseconds, alternating.
        is_whole: whether the whole recording is one clip.
    """

    recording: str
    audio_bytes: int
    spans: tuple[int, ...]
    is_whole: bool
    kind: Literal["cut"] = "cut"

    def clips(self) -> list[Span]:
        """Return the spans of the clips."""
        pairs = zip(self.spans[::2], self.spans[1::2], strict=False)
        return [Span(start, end, self.is_whole) for start, end in pairs]


@dataclass(frozen=True)
class LabelEntry:
    """A label of a clip.

    Attributes:
        clip: identity of the clip.
        taken: whether the label counts. If not, somebody else had saved the clip meanwhile, and
            the label is kept only here.
        label: the label.
    """

    clip: str
    taken: bool
    label: DeskLabel


class DeskJournal:
    """An append-only file. One process uses it at a time; `serve_desk` holds a lock.

    Args:
        path: the file, which need not exist yet.

    Raises:
        CorpusError: the file exists, but is not a journal or cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._sound_bytes = 0
        self.entries: list[CutEntry | LabelEntry] = list(self._read())

    def append(self, entry: CutEntry | LabelEntry) -> None:
        """Append an entry. Labels are synced to the disk; cuts are not, as they can be repeated.

        Raises:
            OSError: the entry cannot be written.
        """
        values = _values(entry)
        line = (json.dumps(values, ensure_ascii=True) + "\n").encode()
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o666)
        try:
            # Remove the incomplete line that a killed process or a full disk may have left.
            os.ftruncate(descriptor, self._sound_bytes)
            os.lseek(descriptor, self._sound_bytes, os.SEEK_SET)
            written = 0
            while written < len(line):
                written += os.write(descriptor, line[written:])
            if isinstance(entry, LabelEntry):
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._sound_bytes += len(line)

    def _read(self) -> Iterator[CutEntry | LabelEntry]:
        try:
            content = read_regular(self.path, _LARGEST_BYTES) if self.path.exists() else b""
        except OSError as error:
            raise CorpusError(f"{self.path}: {error.strerror or error}") from None
        lines = content.split(b"\n")  # the last element is an incomplete entry, or empty
        for number, line in enumerate(lines[:-1], 1):
            try:
                yield _entry(json.loads(line))
            except (ValueError, TypeError, RecursionError) as error:
                raise CorpusError(
                    f"{self.path}:{number}: not a valid line of a label journal ({error}); move "
                    "the file away to begin without it"
                ) from None
            self._sound_bytes += len(line) + 1


def _values(entry: CutEntry | LabelEntry) -> dict[str, Any]:
    if isinstance(entry, CutEntry):
        return asdict(entry)
    return {"kind": "label", "clip": entry.clip, "taken": entry.taken, **asdict(entry.label)}


def _entry(values: Any) -> CutEntry | LabelEntry:
    if isinstance(values, dict) and values.get("kind") == "cut":
        cut = restore(CutEntry, {name: value for name, value in values.items() if name != "kind"})
        if any(start >= end for start, end in zip(cut.spans[::2], cut.spans[1::2], strict=True)):
            raise ValueError("a clip without length")
        return cut
    if not isinstance(values, dict) or values.get("kind") != "label":
        raise TypeError("neither a cut nor a label")
    line = restore(_LabelLine, {name: value for name, value in values.items() if name != "kind"})
    verdict = verdict_of(line.verdict)
    label = DeskLabel(line.version, verdict, line.text, line.reason, line.person, line.time)
    return LabelEntry(line.clip, line.taken, label)


@dataclass(frozen=True)
class _LabelLine:
    clip: str
    version: int
    verdict: str
    taken: bool = True
    text: str = ""
    reason: str = ""
    person: str = ""
    time: str = ""


def verdict_of(name: str) -> Verdict:
    """Return a verdict by its name.

    Raises:
        ValueError: no verdict has that name.
    """
    for verdict in VERDICTS:
        if verdict == name:
            return verdict
    raise ValueError(f"a verdict {name[:40]!r}; it must be one of {', '.join(VERDICTS)}")
