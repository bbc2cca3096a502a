"""Whole columns of a manifest at once: which of its rows may be bad."""

from __future__ import annotations

import bisect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coqui_stt_ctcdecoder import Alphabet

from .manifest import Manifest
from .rows import AUDIO_COLUMN, TRANSCRIPT_COLUMN

_LONGEST_LABELS = 1 << 14  # longer transcripts are looked at one by one
_MOST_SAMPLES = 1 << 32


@dataclass(frozen=True)
class Texts:
    """What the transcripts of some rows need.

    Attributes:
        needed: frames of the model's output, int64 `[rows]`.
        unsure: which rows are to be looked at one by one, bool `[rows]`.
    """

    needed: NDArray[np.int64]
    unsure: NDArray[np.bool_]


@dataclass(frozen=True)
class ColumnCheck:
    """Finds the rows of a manifest that may be bad. Of all others it is sure.

    Attributes:
        alphabet: of the model.
        frames_of: how many frames the model makes of so many samples.
        rate_hz: of the model.
        may_be_empty: whether transcripts may be.
    """

    alphabet: Alphabet
    frames_of: Callable[[int], int]
    rate_hz: int
    may_be_empty: bool
    # The fewest samples for so many frames, as far as they were needed: they serve all batches.
    _found: list[int] = field(default_factory=lambda: [0], init=False, repr=False, compare=False)

    def unsure(
        self, manifest: Manifest, batch: Any, seconds: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Return which rows of a batch are to be looked at one by one.

        Args:
            manifest: it is of.
            batch: some of its rows.
            seconds: length of the audio of each; NaN where unknown.
        """
        texts = self._texts(batch, manifest)
        least = self._least_samples(min(int(texts.needed.max(initial=0)), _LONGEST_LABELS))
        samples = np.nan_to_num(seconds * self.rate_hz).astype(np.int64)
        short = samples < least[np.minimum(texts.needed, len(least) - 1)]
        too_long = texts.needed > _LONGEST_LABELS
        no_audio = _is_blank(manifest.field(batch, AUDIO_COLUMN))
        known = np.isfinite(seconds)
        return texts.unsure | short | too_long | no_audio | ~known | manifest.is_odd(batch)

    def _least_samples(self, most: int) -> NDArray[np.int64]:
        """Return the fewest samples that give 0, 1, ... frames, up to `most` or beyond."""
        found = self._found
        while len(found) <= most:
            found.append(
                bisect.bisect_left(range(_MOST_SAMPLES), len(found), found[-1], key=self.frames_of)
            )
        return np.array(found, np.int64)

    def _texts(self, batch: Any, manifest: Manifest) -> Texts:
        import pyarrow.compute

        column = manifest.field(batch, TRANSCRIPT_COLUMN)
        if column is None:  # what is unlabelled
            return Texts(np.ones(batch.num_rows, np.int64), np.zeros(batch.num_rows, np.bool_))
        normal = pyarrow.compute.utf8_normalize(column, form="NFC")
        labels, bounds = self._labels(normal)
        starts, ends = bounds[:-1], bounds[1:]
        counts = ends - starts
        unknown = _count(labels < 0, starts, ends)
        same = np.append(labels[1:] == labels[:-1], False) & (labels >= 0)
        repeats = _count(same, starts, np.maximum(starts, ends - 1))
        blank = _is_blank(normal)
        return Texts(
            np.maximum(1, counts + repeats), (unknown > 0) | (blank & (not self.may_be_empty))
        )

    def _labels(self, texts: Any) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return the labels of all texts after one another, and where each text begins.

        A label of -1 is one to look at: a character without one, or that may begin a longer one.
        """
        offsets = np.frombuffer(texts.buffers()[1], np.int32)
        offsets = offsets[texts.offset : texts.offset + len(texts) + 1]
        first, last = int(offsets[0]), int(offsets[-1])
        content = texts.buffers()[2]
        raw = np.frombuffer(content, np.uint8)[first:last] if content else np.empty(0, np.uint8)
        bounds = offsets.astype(np.int64) - first
        if self.alphabet.is_bytes:
            return raw.astype(np.int32) - 1, bounds
        points: NDArray[Any] = raw
        if raw.size and raw.max() >= 0x80:
            begins = np.append(np.int64(0), np.cumsum((raw & 0xC0) != 0x80))
            points = np.frombuffer(raw.tobytes().decode().encode("utf-32-le"), np.uint32)
            bounds = begins[bounds]
        table = self._table(int(points.max(initial=0)))
        return table.take(points), bounds

    def _table(self, largest: int) -> NDArray[np.int32]:
        table = np.full(largest + 1, -1, np.int32)
        singles = {label: number for number, label in enumerate(self.alphabet.labels)}
        firsts = {label[0] for label in singles if len(label) > 1}
        for label, number in singles.items():
            if len(label) == 1 and label not in firsts and ord(label) <= largest:
                table[ord(label)] = number
        table[[point for point in (10, 13) if point <= largest]] = -1  # breaks of lines
        return table


def _count(
    holds: NDArray[np.bool_], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return how many values hold between each start and end; faster the fewer they are."""
    places = np.flatnonzero(holds)
    if not len(places):
        return np.zeros(len(starts), np.int64)
    counts: NDArray[np.int64] = np.searchsorted(places, ends) - np.searchsorted(places, starts)
    return counts


def _is_blank(texts: Any) -> NDArray[np.bool_]:
    """Return which texts hold nothing but blanks."""
    import pyarrow.compute

    trimmed = pyarrow.compute.utf8_trim_whitespace(texts)
    lengths = pyarrow.compute.binary_length(trimmed).to_numpy(zero_copy_only=False)
    blank: NDArray[np.bool_] = lengths == 0
    return blank
