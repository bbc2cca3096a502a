"""Engines for models that take windows of frames and have a state: the DeepSpeech graph.

The posteriors do not depend on how the samples are split into calls of `feed`.

As in upstream's runtime, the complete frames are followed by exactly one more, with the remaining
samples and zeros: audio of `T` complete frames has `T + 1` frames, even if `T` is 0. `n_context`
frames of zeros are added before the first and after the last frame. The model takes windows of
`2 * n_context + 1` frames, `n_steps` windows in one call.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from coqui_stt_ctcdecoder.alphabet import Alphabet

from ..audio.pcm import Pcm, scaled
from ..errors import ErrorCode, ModelError
from ..frontends.framing import windows_of
from ..frontends.mfcc import Mfcc
from ..frontends.mfcc_config import MFCC_COEFFICIENTS, FeatureConfig
from . import CREATE_MODEL, FloatArray

State = tuple[FloatArray, ...]  # passed from one call of a model to the next; opaque to callers

_SLICE_SECONDS = 60  # audio turned into features at once; bounds the memory of a call


@dataclass(frozen=True)
class WindowedInfo:
    """Description of a model that takes windows; see `ModelInfo`.

    Attributes:
        alphabet: labels of the model.
        features: parameters of the features.
        n_steps: number of windows in one call.
        n_context: number of context frames on each side of the middle frame of a window.
        beam_width: default beam width of the decoder.
        language: language tag of the model card; empty if the file has none.
    """

    alphabet: Alphabet
    features: FeatureConfig
    n_steps: int
    n_context: int
    beam_width: int
    language: str = ""

    @property
    def n_classes(self) -> int:
        """Number of classes: the labels and the blank."""
        return self.alphabet.size + 1

    @property
    def sample_rate_hz(self) -> int:
        """Sample rate of the audio that the model takes."""
        return self.features.sample_rate_hz

    @property
    def step_seconds(self) -> float:
        """Time from the start of one output frame to that of the next."""
        return self.features.step_seconds


class WindowedEngine(ABC):
    """Base class of engines for models that take windows.

    Attributes:
        info: description of the model.
    """

    info: WindowedInfo

    @abstractmethod
    def initial_state(self) -> State:
        """Return the state at the start of an utterance."""

    @abstractmethod
    def run(self, windows: FloatArray, state: State) -> tuple[FloatArray, State]:
        """Compute posteriors.

        Args:
            windows: float32 `[n_steps, 2 * n_context + 1, 26]`, oldest frame first.
            state: state returned by the previous call, or `initial_state()`. It is not modified.

        Returns:
            Posteriors, float32 `[n_steps, classes]`, and the state after the last window.
        """

    @cached_property
    def mfcc(self) -> Mfcc:
        """The front end, shared by all streams."""
        return Mfcc(self.info.features)

    def open_stream(self) -> WindowedStream:
        """Return a new stream for one utterance."""
        return WindowedStream(self, self.mfcc)

    def posteriors(self, samples: Pcm) -> FloatArray:
        """Return the posteriors of a whole utterance, float32 `[frames, classes]`."""
        stream = self.open_stream()
        return np.concatenate([stream.feed(samples), stream.finish()])


class WindowedStream:
    """One utterance passing through the acoustic model. Not thread-safe.

    Args:
        engine: engine, shared with other streams.
        mfcc: front end of the model, shared with other streams.
    """

    def __init__(self, engine: WindowedEngine, mfcc: Mfcc) -> None:
        self._engine = engine
        self._mfcc = mfcc
        self._state: State = engine.initial_state()
        self._samples = np.zeros(0, np.int16)  # from the start of the next frame on
        self._rows = _zero_frames(engine.info.n_context)  # from the next window's start on

    def feed(self, samples: Pcm) -> FloatArray:
        """Add samples; return the posteriors that are ready, float32 `[frames, classes]`."""
        slice_samples = _SLICE_SECONDS * self._mfcc.config.sample_rate_hz
        due = [
            self._feed_slice(samples[start : start + slice_samples])
            for start in range(0, len(samples), slice_samples)
        ]
        return self._concatenate(due)

    @property
    def samples_until_due(self) -> int:
        """Number of further samples until `feed` returns posteriors; at least 1."""
        info, config = self._engine.info, self._mfcc.config
        frames_missing = info.n_steps + 2 * info.n_context - len(self._rows)
        return max(1, config.sample_count(frames_missing) - len(self._samples))

    def _feed_slice(self, samples: Pcm) -> FloatArray:
        info, config = self._engine.info, self._mfcc.config
        self._samples = np.concatenate([self._samples, samples])
        frames_at_hand = config.frame_count(len(self._samples))
        lookaround = 2 * info.n_context
        calls = (len(self._rows) + frames_at_hand - lookaround) // info.n_steps
        if calls < 1:
            return self._concatenate([])
        frames_due = calls * info.n_steps + lookaround - len(self._rows)
        self._take_frames(frames_due)
        return self._run(calls)

    def _take_frames(self, count: int) -> None:
        config = self._mfcc.config
        audio = scaled(self._samples[: config.sample_count(count)])
        self._rows = np.concatenate([self._rows, self._mfcc(audio)])
        self._samples = self._samples[count * config.step_samples :]

    def _run(self, calls: int) -> FloatArray:
        info = self._engine.info
        windows = windows_of(self._rows, 2 * info.n_context + 1)
        results = []
        for start in range(0, calls * info.n_steps, info.n_steps):
            posteriors, self._state = self._engine.run(
                np.ascontiguousarray(windows[start : start + info.n_steps]), self._state
            )
            results.append(posteriors)
        self._rows = self._rows[calls * info.n_steps :].copy()
        return self._concatenate(results)

    def finish(self) -> FloatArray:
        """End the utterance; return the remaining posteriors, float32 `[frames, classes]`.

        The stream must not be used afterwards.
        """
        info, config = self._engine.info, self._mfcc.config
        full_frames = config.frame_count(len(self._samples))
        padded = np.zeros(config.sample_count(full_frames + 1), np.int16)
        padded[: len(self._samples)] = self._samples[: len(padded)]
        self._samples = padded
        self._take_frames(full_frames + 1)
        steps_left = len(self._rows) - info.n_context
        calls = -(-steps_left // info.n_steps)
        padding = calls * info.n_steps - steps_left
        self._rows = np.concatenate([self._rows, _zero_frames(info.n_context + padding)])
        return self._run(calls)[:steps_left]

    def copy(self) -> WindowedStream:
        """Return an independent copy of the stream in its present state."""
        return copy.copy(self)  # shallow: arrays are replaced, never written to

    def _concatenate(self, parts: list[FloatArray]) -> FloatArray:
        if len(parts) == 1:
            return parts[0]
        return np.concatenate([np.zeros((0, self._engine.info.n_classes), np.float32), *parts])


def utterance_features(samples: Pcm, mfcc: Mfcc) -> FloatArray:
    """Return the features of an utterance with its additional frame, float32 `[frames + 1, 26]`."""
    config = mfcc.config
    padded = np.zeros(config.sample_count(config.frame_count(len(samples)) + 1), np.int16)
    padded[: len(samples)] = samples[: len(padded)]
    features: FloatArray = mfcc(scaled(padded))
    return features


def _zero_frames(count: int) -> FloatArray:
    return np.zeros((count, MFCC_COEFFICIENTS), np.float32)


_HIGHEST_SAMPLE_RATE_HZ = 192_000
_LONGEST_WINDOW_MILLISECONDS = 1000
_WIDEST_BEAM = 100_000
_WIDEST_STATE = 1 << 15  # 16 times Coqui's models


def check_limits(info: WindowedInfo, state_size: int, source: Path) -> None:
    """Check that a model file does not require absurd amounts of computation and memory.

    Args:
        info: description of the model.
        state_size: width of each array of the state; every stream keeps a state.
        source: path of the file, for messages.

    Raises:
        ModelError: a value is out of range.
    """
    features = info.features
    for what, value, highest in (
        ("sample rate", features.sample_rate_hz, _HIGHEST_SAMPLE_RATE_HZ),
        ("window in milliseconds", features.window_milliseconds, _LONGEST_WINDOW_MILLISECONDS),
        ("step in milliseconds", features.step_milliseconds, features.window_milliseconds),
        ("beam width", info.beam_width, _WIDEST_BEAM),
        ("state", state_size, _WIDEST_STATE),
    ):
        if not 1 <= value <= highest:
            raise ModelError(
                CREATE_MODEL,
                ErrorCode.MODEL_INCOMPATIBLE,
                f"{source}: its {what} is {value}; it must be from 1 to {highest}",
            )
