"""Engines for models that take whole clips: encoders with attention.

utterance       computed as a whole up to `longest_seconds`, else in pieces
live stream     computed in pieces: each with `left_seconds` before it and `ahead_seconds` after it
                as context, of which the frames are discarded

|------ left ------|--- piece ---|- ahead -|
                   |------ left ------|--- piece ---|- ahead -|
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass

import numpy as np

from coqui_stt_ctcdecoder.alphabet import Alphabet

from ..audio.pcm import Pcm, scaled
from . import FloatArray


@dataclass(frozen=True)
class Pieces:
    """Lengths of the pieces into which audio is cut.

    Attributes:
        piece_seconds: length of the new audio in a piece.
        left_seconds: context before it.
        ahead_seconds: context after it. A live stream is late by up to this plus `piece_seconds`.
    """

    piece_seconds: float
    left_seconds: float
    ahead_seconds: float

    def within(self, longest_seconds: float) -> Pieces:
        """Return these lengths, scaled down so that a piece with context fits `longest_seconds`."""
        whole = self.piece_seconds + self.left_seconds + self.ahead_seconds
        share = min(1.0, longest_seconds / whole)
        return Pieces(*(share * seconds for seconds in astuple(self)))


LIVE = Pieces(piece_seconds=1.6, left_seconds=8.0, ahead_seconds=1.6)
WHOLE = Pieces(piece_seconds=20.0, left_seconds=4.0, ahead_seconds=4.0)
LATENCIES_SECONDS = (0.4, 20.0)  # allowed range of the latency of live streams
LONGEST_SECONDS = 30.0  # length of the clips on which encoders such as Whisper's were trained


@dataclass(frozen=True)
class UtteranceInfo:
    """Description of a model that takes whole clips; see `ModelInfo`.

    Attributes:
        alphabet: labels of the model.
        sample_rate_hz: sample rate of the audio that the model takes.
        step_seconds: time from the start of one output frame to that of the next.
        beam_width: default beam width of the decoder.
        language: language tag of the model card; empty if the file has none.
        live: lengths of the pieces of live streams.
        longest_seconds: longest clip that is computed as a whole.
    """

    alphabet: Alphabet
    sample_rate_hz: int
    step_seconds: float
    beam_width: int
    language: str = ""
    live: Pieces = LIVE
    longest_seconds: float = LONGEST_SECONDS

    @property
    def n_classes(self) -> int:
        """Number of classes: the labels and the blank."""
        return self.alphabet.size + 1


class UtteranceEngine(ABC):
    """Base class of engines for models that take whole clips.

    Attributes:
        info: description of the model.
    """

    info: UtteranceInfo
    _live: Pieces | None = None  # set by `set_live_latency`, instead of `info.live`

    @abstractmethod
    def run_clips(self, clips: Sequence[FloatArray]) -> list[FloatArray]:
        """Compute the posteriors of clips.

        Args:
            clips: float32 `[samples]` each, at most `longest_seconds` long, full scale at -1 and 1.

        Returns:
            Posteriors of each clip, float32 `[frames, classes]`. Frame n begins `n * step_seconds`
            after the start of the clip.
        """

    def open_stream(self) -> UtteranceStream:
        """Return a new stream for one utterance."""
        return UtteranceStream(self, self._live or self.info.live)

    def set_live_latency(self, seconds: float) -> None:
        """Set the latency of live streams that are opened from now on.

        Half of it is the length of a piece, the other half the context after the piece.

        Raises:
            ValueError: `seconds` is not within `LATENCIES_SECONDS`.
        """
        least, most = LATENCIES_SECONDS
        if not least <= seconds <= most:
            raise ValueError(f"{seconds:g} seconds: must be from {least:g} to {most:g}")
        pieces = Pieces(seconds / 2, self.info.live.left_seconds, seconds / 2)
        self._live = pieces.within(self.info.longest_seconds)

    def posteriors(self, samples: Pcm) -> FloatArray:
        """Return the posteriors of a whole utterance, float32 `[frames, classes]`."""
        return self.batch_posteriors([samples])[0]

    def batch_posteriors(self, utterances: Sequence[Pcm]) -> list[FloatArray]:
        """Return the posteriors of whole utterances, float32 `[frames, classes]` each."""
        longest = int(self.info.longest_seconds * self.info.sample_rate_hz)
        short = [index for index, audio in enumerate(utterances) if len(audio) <= longest]
        together = dict(
            zip(short, self.run_clips([scaled(utterances[i]) for i in short]), strict=True)
        )
        return [
            together[index] if index in together else self._posteriors_in_pieces(audio)
            for index, audio in enumerate(utterances)
        ]

    def _posteriors_in_pieces(self, samples: Pcm) -> FloatArray:
        stream = UtteranceStream(self, WHOLE.within(self.info.longest_seconds))
        return np.concatenate([stream.feed(samples), stream.finish()])


class UtteranceStream:
    """One utterance, computed in pieces. Not thread-safe.

    Args:
        engine: engine, shared with other streams.
        pieces: lengths of the pieces.
    """

    def __init__(self, engine: UtteranceEngine, pieces: Pieces) -> None:
        info = engine.info
        self._engine = engine
        self._hop = round(info.step_seconds * info.sample_rate_hz)

        def samples(seconds: float) -> int:  # of whole frames, so that pieces join without gaps
            return int(seconds / info.step_seconds + 1e-6) * self._hop

        self._piece = max(self._hop, samples(pieces.piece_seconds))
        self._left, self._ahead = samples(pieces.left_seconds), samples(pieces.ahead_seconds)
        self._kept = np.zeros(0, np.int16)  # context before the next piece, and new samples
        self._returned = 0  # number of samples in `_kept` whose frames have been returned

    def feed(self, samples: Pcm) -> FloatArray:
        """Add samples; return the posteriors that are ready, float32 `[frames, classes]`."""
        self._kept = np.concatenate([self._kept, samples])
        return self._concatenate(list(self._due()))

    @property
    def samples_until_due(self) -> int:
        """Number of further samples until `feed` returns posteriors; at least 1."""
        return max(1, self._returned + self._piece + self._ahead - len(self._kept))

    def _due(self) -> Iterator[FloatArray]:
        while len(self._kept) >= self._returned + self._piece + self._ahead:
            yield self._take(self._returned + self._piece + self._ahead)[: self._piece // self._hop]
            self._returned += self._piece
            forgotten = max(0, self._returned - self._left)
            self._kept = self._kept[forgotten:]
            self._returned -= forgotten

    def _take(self, end: int) -> FloatArray:
        """Run the model on `_kept` up to `end`; return the frames not returned before."""
        return self._engine.run_clips([scaled(self._kept[:end])])[0][self._returned // self._hop :]

    def finish(self) -> FloatArray:
        """End the utterance; return the remaining posteriors, float32 `[frames, classes]`.

        The stream must not be used afterwards.
        """
        if len(self._kept) <= self._returned:
            return self._concatenate([])
        return self._take(len(self._kept))

    def copy(self) -> UtteranceStream:
        """Return an independent copy of the stream in its present state."""
        return copy.copy(self)  # shallow: arrays are replaced, never written to

    def _concatenate(self, parts: list[FloatArray]) -> FloatArray:
        return np.concatenate([np.zeros((0, self._engine.info.n_classes), np.float32), *parts])
