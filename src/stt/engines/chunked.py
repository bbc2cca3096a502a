"""Engines for models that take chunk after chunk and have a state: the streaming encoder.

The posteriors do not depend on how the samples are split into calls of `feed`. Frames depend only
on past samples; a chunk is computed as soon as its last sample has arrived, and nothing is computed
twice. The front end defines the length of the silence added after the last sample.
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

_SLICE_SECONDS = 60  # audio turned into features at once; bounds the memory of a call
CHUNKS_AT_A_TIME = 16  # of recorded audio; products are efficient, and attention is still small


@dataclass(frozen=True)
class ChunkedInfo:
    """Description of a model that takes chunks; see `ModelInfo`.

    Attributes:
        alphabet: labels of the model.
        front_end: front end of the model.
        chunk_frames: number of input frames in a chunk.
        reduction: number of input frames for one output frame.
        beam_width: default beam width of the decoder.
        language: language tag of the model card; empty if the file has none.
        most_chunks: highest number of chunks in one call.
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
        """Number of classes: the labels and the blank."""
        return self.alphabet.size + 1

    @property
    def sample_rate_hz(self) -> int:
        """Sample rate of the audio that the model takes."""
        return self.front_end.sample_rate_hz

    @property
    def step_seconds(self) -> float:
        """Time from the start of one output frame to that of the next."""
        return self.front_end.step_seconds * self.reduction


class ChunkedEngine(ABC):
    """Base class of engines for models that take chunks.

    Attributes:
        info: description of the model.
    """

    info: ChunkedInfo

    @abstractmethod
    def initial_state(self) -> State:
        """Return the state at the start of an utterance."""

    @abstractmethod
    def run(self, features: FloatArray, state: State) -> tuple[FloatArray, State]:
        """Compute posteriors.

        Args:
            features: float32 `[frames, values]`, one or more whole chunks. The last chunk of an
                utterance may be shorter, but must be a multiple of `reduction`.
            state: state returned by the previous call, or `initial_state()`. It is not modified.

        Returns:
            Posteriors, float32 `[frames // reduction, classes]`, and the state after them.
        """

    @cached_property
    def extract(self) -> Callable[[FloatArray], FloatArray]:
        """The feature extractor of all streams; see `CausalLogMel.frames_extractor`."""
        return self.info.front_end.frames_extractor(np)

    def open_stream(self) -> ChunkedStream:
        """Return a new stream for one utterance."""
        return ChunkedStream(self)

    def posteriors(self, samples: Pcm) -> FloatArray:
        """Return the posteriors of a whole utterance, float32 `[frames, classes]`."""
        stream = self.open_stream()
        return np.concatenate([stream.feed(samples), stream.finish()])


class ChunkedStream:
    """One utterance passing through the acoustic model. Not thread-safe.

    Args:
        engine: engine, shared with other streams.
    """

    def __init__(self, engine: ChunkedEngine) -> None:
        self._engine = engine
        self._state = engine.initial_state()
        self._has_begun = False
        # From the first sample of the next frame on.
        self._samples = np.zeros(SAMPLES_BEFORE, np.float32)

    def feed(self, samples: Pcm) -> FloatArray:
        """Add samples; return the posteriors that are ready, float32 `[frames, classes]`."""
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
        """Number of further samples until `feed` returns posteriors; at least 1."""
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
        """Run the model on the next `sample_count` samples, a multiple of an output frame."""
        features = self._engine.extract(self._samples[: SAMPLES_BEFORE + sample_count])
        self._samples = self._samples[sample_count:]
        at_a_time = self._engine.info.most_chunks * self._engine.info.chunk_frames
        for start in range(0, len(features), at_a_time):
            posteriors, self._state = self._engine.run(
                features[start : start + at_a_time], self._state
            )
            yield posteriors

    def finish(self) -> FloatArray:
        """End the utterance; return the remaining posteriors, float32 `[frames, classes]`.

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
        """Return an independent copy of the stream in its present state."""
        return copy.copy(self)  # shallow: arrays are replaced, never written to

    def _concatenate(self, parts: list[FloatArray]) -> FloatArray:
        return np.concatenate([np.zeros((0, self._engine.info.n_classes), np.float32), *parts])
