"""Engines of models that hear chunk by chunk and carry a state: the streaming encoder.

From samples to posteriors, piece by piece, the same whatever the pieces. Frames are of what was
heard so far; a chunk is due as soon as its last sample is there, and nothing is computed twice.
Behind the last sample stands as much silence as the front end says.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from coqui_stt_ctcdecoder.alphabet import Alphabet

from ..audio.pcm import Pcm, scaled
from ..frontends.causal_log_mel import SAMPLES_BEFORE, CausalLogMel
from . import FloatArray
from .windowed import State

_SLICE_SECONDS = 60  # of audio turned into features at once: bounds the memory a call takes
CHUNKS_AT_A_TIME = 16  # of audio that is there: larger products, and attention still small


@dataclass(frozen=True)
class ChunkedInfo:
    """What a model of chunks says of itself; see `ModelInfo`.

    Attributes:
        alphabet: its labels.
        front_end: what its input is computed from.
        chunk_frames: frames of the front end in a chunk.
        reduction: frames of the front end that become one frame of the output.
        beam_width: the decoder's default.
        language: the model card's tag, empty where the file does not say.
        most_chunks: how many it takes at a time.
    """

    alphabet: Alphabet
    front_end: CausalLogMel
    chunk_frames: int
    reduction: int
    beam_width: int
    language: str = ""
    most_chunks: int = CHUNKS_AT_A_TIME

    @property
    def n_classes(self) -> int:
        """Labels and the blank."""
        return self.alphabet.size + 1

    @property
    def sample_rate_hz(self) -> int:
        """Of the audio it takes."""
        return self.front_end.sample_rate_hz

    @property
    def step_seconds(self) -> float:
        """From the start of one frame of its output to that of the next."""
        return self.front_end.step_seconds * self.reduction


class ChunkedEngine(ABC):
    """Runs a model of chunks; its subclasses say how.

    Attributes:
        info: what the model says of itself.
    """

    info: ChunkedInfo

    @abstractmethod
    def initial_state(self) -> State:
        """Return the state at the start of an utterance."""

    @abstractmethod
    def run(self, features: FloatArray, state: State) -> tuple[FloatArray, State]:
        """Compute posteriors.

        Args:
            features: float32 `[frames, values]`, one or some whole chunks; the last chunk of an
                utterance may be shorter, but a multiple of `reduction`.
            state: what the call before returned, or `initial_state()`; it is left as it is.

        Returns:
            float32 `[frames // reduction, classes]`, and the state after them.
        """

    @cached_property
    def extract(self) -> Callable[[FloatArray], FloatArray]:
        """The features, shared by all streams; see `CausalLogMel.frames_extractor`."""
        return self.info.front_end.frames_extractor(np)

    def open_stream(self) -> ChunkedStream:
        """Return an utterance, to be fed piece by piece."""
        return ChunkedStream(self)

    def posteriors(self, samples: Pcm) -> FloatArray:
        """Return the posteriors of a whole utterance, float32 `[frames, classes]`."""
        stream = self.open_stream()
        return np.concatenate([stream.feed(samples), stream.finish()])


class ChunkedStream:
    """One utterance on its way through the acoustic model. Not for two threads at once.

    Args:
        engine: the model, shared with other streams.
    """

    def __init__(self, engine: ChunkedEngine) -> None:
        self._engine = engine
        self._state = engine.initial_state()
        self._has_begun = False
        # From where the next frame begins to hear.
        self._samples = np.zeros(SAMPLES_BEFORE, np.float32)

    def feed(self, samples: Pcm) -> FloatArray:
        """Take samples; return the posteriors that are due, float32 `[frames, classes]`."""
        slice_samples = _SLICE_SECONDS * self._engine.info.sample_rate_hz
        return self._concatenate(
            [
                rows
                for start in range(0, len(samples), slice_samples)
                for rows in self._feed_slice(samples[start : start + slice_samples])
            ]
        )

    @property
    def samples_until_due(self) -> int:
        """How many samples `feed` needs to return posteriors; at least 1."""
        return max(1, SAMPLES_BEFORE + self._chunk_samples - len(self._samples))

    @property
    def _chunk_samples(self) -> int:
        info = self._engine.info
        return info.chunk_frames * info.front_end.step_samples

    def _feed_slice(self, samples: Pcm) -> Iterator[FloatArray]:
        self._has_begun = True
        self._samples = np.concatenate([self._samples, scaled(samples)])
        chunks = (len(self._samples) - SAMPLES_BEFORE) // self._chunk_samples
        yield from self._run_chunks(chunks * self._chunk_samples)

    def _run_chunks(self, sample_count: int) -> Iterator[FloatArray]:
        """Run the model on the frames of so many of the samples, a multiple of the reduction."""
        features = self._engine.extract(self._samples[: SAMPLES_BEFORE + sample_count])
        self._samples = self._samples[sample_count:]
        at_a_time = self._engine.info.most_chunks * self._engine.info.chunk_frames
        for start in range(0, len(features), at_a_time):
            posteriors, self._state = self._engine.run(
                features[start : start + at_a_time], self._state
            )
            yield posteriors

    def finish(self) -> FloatArray:
        """Return the posteriors of what is left, float32 `[frames, classes]`.

        The stream must not be used afterwards.
        """
        if not self._has_begun:
            return self._concatenate([])
        info = self._engine.info
        silence = np.zeros(info.front_end.tail_samples, np.float32)
        self._samples = np.concatenate([self._samples, silence])
        output_samples = info.reduction * info.front_end.step_samples
        left = (len(self._samples) - SAMPLES_BEFORE) // output_samples
        return self._concatenate(list(self._run_chunks(left * output_samples)))

    def copy(self) -> ChunkedStream:
        """Return a stream that goes on from here without touching this one."""
        return copy.copy(self)  # arrays are replaced, never written to

    def _concatenate(self, parts: list[FloatArray]) -> FloatArray:
        return np.concatenate([np.zeros((0, self._engine.info.n_classes), np.float32), *parts])
