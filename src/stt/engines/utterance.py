"""Engines of models that hear whole clips: encoders with attention.

an utterance     as a whole, up to `longest_seconds`; longer ones in pieces
a live stream    in pieces: of each `left_seconds` before it and `ahead_seconds` behind it are
                 heard too, and only its own frames are taken

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
    """How audio is cut, in seconds.

    Attributes:
        piece_seconds: what is heard anew at a time.
        left_seconds: what is heard again before it.
        ahead_seconds: what must have come behind it: a live stream is so much, and a piece, late.
    """

    piece_seconds: float
    left_seconds: float
    ahead_seconds: float

    def within(self, longest_seconds: float) -> Pieces:
        """Return these pieces, or shorter ones where no clip may be as long as one is heard."""
        whole = self.piece_seconds + self.left_seconds + self.ahead_seconds
        share = min(1.0, longest_seconds / whole)
        return Pieces(*(share * seconds for seconds in astuple(self)))


LIVE = Pieces(piece_seconds=1.6, left_seconds=8.0, ahead_seconds=1.6)
WHOLE = Pieces(piece_seconds=20.0, left_seconds=4.0, ahead_seconds=4.0)
LATENCIES_SECONDS = (0.4, 20.0)  # that live streams can be asked for
LONGEST_SECONDS = 30.0  # what encoders such as Whisper's were trained on


@dataclass(frozen=True)
class UtteranceInfo:
    """What a model of whole clips says of itself; see `ModelInfo`.

    Attributes:
        alphabet: its labels.
        sample_rate_hz: of the audio it takes.
        step_seconds: from the start of one frame of its output to that of the next.
        beam_width: the decoder's default.
        language: the model card's tag, empty where the file does not say.
        live: how live streams are cut.
        longest_seconds: of a clip that is heard as a whole.
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
        """Labels and the blank."""
        return self.alphabet.size + 1


class UtteranceEngine(ABC):
    """Runs a model of whole clips; its subclasses say how.

    Attributes:
        info: what the model says of itself.
    """

    info: UtteranceInfo
    _live: Pieces | None = None  # where they are not as the model says

    @abstractmethod
    def run_clips(self, clips: Sequence[FloatArray]) -> list[FloatArray]:
        """Compute the posteriors of clips.

        Args:
            clips: float32 `[samples]` each, of at most `longest_seconds`, full scale at -1 and 1.

        Returns:
            For each float32 `[frames, classes]`; frame n begins `n * step_seconds` into the clip.
        """

    def open_stream(self) -> UtteranceStream:
        """Return an utterance, to be fed piece by piece."""
        return UtteranceStream(self, self._live or self.info.live)

    def set_live_latency(self, seconds: float) -> None:
        """Say how late live streams may be that are opened from now on.

        Half of it is what is heard anew at a time, the other half what must have come behind that.

        Raises:
            ValueError: not within `LATENCIES_SECONDS`.
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
    """One utterance, heard in pieces. Not for two threads at once.

    Args:
        engine: the model, shared with other streams.
        pieces: how to cut the audio.
    """

    def __init__(self, engine: UtteranceEngine, pieces: Pieces) -> None:
        info = engine.info
        self._engine = engine
        self._hop = round(info.step_seconds * info.sample_rate_hz)

        def samples(seconds: float) -> int:  # whole frames, so that pieces fit to each other
            return int(seconds / info.step_seconds + 1e-6) * self._hop

        self._piece = max(self._hop, samples(pieces.piece_seconds))
        self._left, self._ahead = samples(pieces.left_seconds), samples(pieces.ahead_seconds)
        self._kept = np.zeros(0, np.int16)  # what may be heard again, and what is new
        self._returned = 0  # samples of that whose frames have been returned

    def feed(self, samples: Pcm) -> FloatArray:
        """Take samples; return the posteriors that are due, float32 `[frames, classes]`."""
        self._kept = np.concatenate([self._kept, samples])
        return self._concatenate(list(self._due()))

    @property
    def samples_until_due(self) -> int:
        """How many samples `feed` needs to return posteriors; at least 1."""
        return max(1, self._returned + self._piece + self._ahead - len(self._kept))

    def _due(self) -> Iterator[FloatArray]:
        while len(self._kept) >= self._returned + self._piece + self._ahead:
            yield self._take(self._returned + self._piece + self._ahead)[: self._piece // self._hop]
            self._returned += self._piece
            forgotten = max(0, self._returned - self._left)
            self._kept = self._kept[forgotten:]
            self._returned -= forgotten

    def _take(self, end: int) -> FloatArray:
        """Hear what is kept up to a sample, and return the frames that were not heard before."""
        return self._engine.run_clips([scaled(self._kept[:end])])[0][self._returned // self._hop :]

    def finish(self) -> FloatArray:
        """Return the posteriors of what is left, float32 `[frames, classes]`.

        The stream must not be used afterwards.
        """
        if len(self._kept) <= self._returned:
            return self._concatenate([])
        return self._take(len(self._kept))

    def copy(self) -> UtteranceStream:
        """Return a stream that goes on from here without touching this one."""
        return copy.copy(self)  # arrays are replaced, never written to

    def _concatenate(self, parts: list[FloatArray]) -> FloatArray:
        return np.concatenate([np.zeros((0, self._engine.info.n_classes), np.float32), *parts])
