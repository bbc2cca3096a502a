"""All clips of a desk, their labels, and who works on which. Thread-safe."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from .clip import DeskClip, DeskLabel, Span, Verdict
from .data_set import DataSet, Transcribed
from .journal import CutEntry, DeskJournal, LabelEntry
from .lease import Leases, Person
from .recording import DeskRecording
from .spelling import DeskSpelling, one_line


class UnknownClipError(LookupError):
    """There is no clip with that identity."""


class OutdatedError(Exception):
    """Somebody else has saved a clip since it was opened.

    Attributes:
        current: the label that they saved.
    """

    def __init__(self, current: DeskLabel) -> None:
        super().__init__(f"saved meanwhile by {current.person or 'somebody else'}")
        self.current = current


@dataclass(frozen=True)
class Change:
    """A label that a person wants to save.

    Attributes:
        version: version of the label that the person saw.
        verdict: the decision.
        text: the transcript.
        reason: why the clip is rejected.
    """

    version: int
    verdict: Verdict
    text: str
    reason: str = ""


@dataclass(frozen=True)
class DeskProgress:
    """How much is labelled.

    Attributes:
        clips: number of clips found so far.
        accepted: number of accepted clips.
        rejected: number of rejected clips.
        seconds: duration of all clips.
        accepted_seconds: duration of the accepted clips.
    """

    clips: int
    accepted: int
    rejected: int
    seconds: float
    accepted_seconds: float


class Desk:
    """Clips in their order, with their labels.

    A label is first written to the journal on the disk, then to the data set. If the process is
    killed in between, nothing is lost: the next process writes the data set from the journal.

    Args:
        data_set: the data set to write.
        journal: the labels and cuts so far.
        spelling: how texts are normalized before they are saved.
        leases: who works on which clip.
        now: returns the current time, for the journal.
    """

    def __init__(
        self,
        data_set: DataSet,
        journal: DeskJournal,
        spelling: DeskSpelling,
        leases: Leases,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self.data_set = data_set
        self.spelling = spelling
        self._journal = journal
        self._leases = leases
        self._now = now
        self._lock = threading.RLock()
        self._clips: list[DeskClip] = []
        self._places: dict[str, int] = {}
        self._labels: dict[str, DeskLabel] = {}
        self._verdicts: Counter[Verdict] = Counter()
        self._milliseconds: Counter[Verdict] = Counter()
        self._is_behind = False  # whether the data set lacks labels of the journal
        self._had_file = data_set.path.exists()
        labels = [one for one in journal.entries if isinstance(one, LabelEntry) and one.taken]
        self._last = labels[-1].clip if labels else ""
        self._decided = {one.clip: one.label for one in labels}
        self._cuts = {one.recording: one for one in journal.entries if isinstance(one, CutEntry)}

    # ------------------------------------------------------------------ clips

    def cut_before(self, recording: DeskRecording, audio_bytes: int) -> list[Span] | None:
        """Return how a recording was cut before; None: not yet, or the file has changed since."""
        cut = self._cuts.get(recording.key)
        return cut.clips() if cut and cut.audio_bytes == audio_bytes else None

    def keep_cut(self, recording: DeskRecording, audio_bytes: int, spans: Sequence[Span]) -> None:
        """Record how a recording was cut, so that it is cut the same way next time.

        Raises:
            OSError: the journal cannot be written.
        """
        times = tuple(
            time for span in spans for time in (span.start_milliseconds, span.end_milliseconds)
        )
        is_whole = any(span.is_whole for span in spans)
        with self._lock:
            self._journal.append(CutEntry(recording.key, audio_bytes, times, is_whole))

    def add(self, clip: DeskClip) -> None:
        """Append a clip.

        Raises:
            OSError: the journal cannot be written.
        """
        with self._lock:
            if clip.identity in self._places:
                return
            self._places[clip.identity] = len(self._clips)
            self._clips.append(clip)
            self._put(clip, self._decided.pop(clip.identity, DeskLabel()))
            self._follow_file(clip)

    def _follow_file(self, clip: DeskClip) -> None:
        """Adopt changes that somebody made in the CSV file since the desk was last open."""
        label, found = self._labels[clip.identity], self.data_set.text_found(clip)
        is_accepted = label.verdict == "accepted"
        if not label.version or (is_accepted and found == label.text):
            return
        # If the process was killed, the last label may be in the journal only.
        if clip.identity == self._last or not self._had_file:
            self._is_behind = self._is_behind or is_accepted or found is not None
        elif found is not None:
            self._decide(clip, replace(label, verdict="accepted", text=found, reason=""))
        elif is_accepted:
            reason = f"removed from {self.data_set.path.name}"
            self._decide(clip, replace(label, verdict="rejected", reason=reason))

    def _decide(self, clip: DeskClip, label: DeskLabel, person: str = "") -> DeskLabel:
        label = replace(
            label,
            version=self._labels[clip.identity].version + 1,
            person=person,
            time=self._now().isoformat(timespec="seconds"),
        )
        self._journal.append(LabelEntry(clip.identity, True, label))
        self._put(clip, label)
        return label

    def _put(self, clip: DeskClip, label: DeskLabel) -> None:
        before = self._labels.get(clip.identity)
        if before is not None:
            self._verdicts[before.verdict] -= 1
            self._milliseconds[before.verdict] -= clip.span.milliseconds
        self._verdicts[label.verdict] += 1
        self._milliseconds[label.verdict] += clip.span.milliseconds
        self._labels[clip.identity] = label

    def progress(self) -> DeskProgress:
        """Return how much is labelled."""
        with self._lock:
            return DeskProgress(
                len(self._clips),
                self._verdicts["accepted"],
                self._verdicts["rejected"],
                sum(self._milliseconds.values()) / 1000,
                self._milliseconds["accepted"] / 1000,
            )

    def clip(self, identity: str) -> DeskClip:
        """Return a clip.

        Raises:
            UnknownClipError: there is no such clip.
        """
        with self._lock:
            if identity not in self._places:
                raise UnknownClipError(identity)
            return self._clips[self._places[identity]]

    def place(self, clip: DeskClip) -> int:
        """Return the index of a clip, from 0."""
        return self._places[clip.identity]

    def label(self, clip: DeskClip) -> DeskLabel:
        """Return the label of a clip."""
        with self._lock:
            return self._labels[clip.identity]

    def first_text(self, clip: DeskClip) -> str:
        """Return the transcript that the data set or the input list had before any labelling."""
        found = self.data_set.text_found(clip)
        if found is not None:
            return found
        return clip.recording.transcript if clip.span.is_whole else ""

    def listed(self, verdict: Verdict | None, search: str = "") -> list[tuple[DeskClip, DeskLabel]]:
        """Return clips and labels, in order.

        Args:
            verdict: only clips with this verdict; None: all.
            search: only clips with this in their text, name or reason, ignoring case.
        """
        wanted = search.casefold().strip()
        with self._lock:
            pairs = [(clip, self._labels[clip.identity]) for clip in self._clips]
        return [
            (clip, label)
            for clip, label in pairs
            if (verdict is None or label.verdict == verdict)
            and (not wanted or wanted in self._searched(clip, label))
        ]

    def _searched(self, clip: DeskClip, label: DeskLabel) -> str:
        text = label.text if label.version else self.first_text(clip)
        return "\n".join((text, clip.recording.name, label.reason)).casefold()

    # ------------------------------------------------------------------ people

    def following(self, after: str, count: int, person: Person | None = None) -> list[DeskClip]:
        """Return the open clips after a given clip, then those before it.

        Args:
            after: identity of a clip; any other text: from the start.
            count: greatest number of clips.
            person: leave out clips that anybody but this person works on; None: leave out nothing.
        """
        with self._lock:
            start = self._places.get(after, -1) + 1
            order = [*range(start, len(self._clips)), *range(start)]
            found: list[DeskClip] = []
            for place in order:
                clip = self._clips[place]
                is_open = self._labels[clip.identity].verdict == "open"
                if not is_open or clip.identity == after:
                    continue
                if person is None or self._leases.holder(clip.identity, person) is None:
                    found.append(clip)
                if len(found) == count:
                    break
            return found

    def take(self, clip: DeskClip, person: Person) -> Person | None:
        """Lease a clip to a person; return who else holds it, or None if the lease is granted."""
        with self._lock:
            return self._leases.take(clip.identity, person)

    def leave(self, person: Person) -> None:
        """Release the clip that a person holds."""
        with self._lock:
            self._leases.release(person)

    def save(self, clip: DeskClip, person: Person, change: Change) -> DeskLabel:
        """Save a person's label of a clip, and write the data set.

        Saving the same label again changes nothing, so a request without an answer can be repeated.

        Raises:
            OutdatedError: somebody else has saved it meanwhile; this text is kept in the journal.
            AudioError: the recording cannot be read.
            OSError: the disk cannot be written to.
        """
        wanted = DeskLabel(
            change.version + 1,
            change.verdict,
            self.spelling.tidy(change.text),
            one_line(change.reason) if change.verdict == "rejected" else "",
        )
        with self._lock:
            if wanted.verdict == "accepted":
                self.data_set.write_audio(clip)
            current = self._labels[clip.identity]
            if change.version == current.version:
                current = self._decide(clip, wanted, person.name)
                self._is_behind = True
            elif not current.says_the_same(wanted):
                late = replace(wanted, person=person.name, time=self._now().isoformat())
                self._journal.append(LabelEntry(clip.identity, False, late))
                raise OutdatedError(current)
            self.settle()
            if current.verdict != "accepted":
                self.data_set.remove_audio(clip)
            return current

    def settle(self) -> None:
        """Write the data set, if it lacks labels of the journal.

        Raises:
            OSError: the data set cannot be written.
        """
        with self._lock:
            if not self._is_behind:
                return
            decided = [clip for clip in self._clips if self._labels[clip.identity].version]
            accepted = [Transcribed(clip, label.text) for clip, label in self.listed("accepted")]
            self.data_set.write(accepted, decided)
            self._is_behind = False
