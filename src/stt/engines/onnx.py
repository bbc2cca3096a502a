"""Runs the streaming `.onnx` graph of our exports with ONNX Runtime.

Names and shapes of inputs and outputs are those of the `.tflite` models. The metadata of the file
describes the model (docs/export.md). ONNX Runtime runs any graph, so the file is checked first.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..errors import ErrorCode, ModelError
from ..frontends.mfcc_config import MFCC_COEFFICIENTS, FeatureConfig
from ..onnx.acoustic import INPUTS, OUTPUTS, check_acoustic
from ..onnx.graph import OnnxGraph, read_onnx, read_onnx_metadata
from . import CREATE_MODEL, Engine, FloatArray
from .onnx_file import CHUNKED, STREAMING, OnnxSession, alphabet_of, errors_of, kind_of
from .windowed import State, WindowedEngine, WindowedInfo, check_limits


class OnnxEngine(WindowedEngine):
    """Runs an `.onnx` model of the streaming kind.

    Args:
        content: contents of the file.
        source: path of the file, for messages.
        threads: number of threads that one call may use.

    Raises:
        ModelError: the file is broken, or not a speech-to-text model of the streaming kind.
    """

    def __init__(self, content: memoryview, *, source: Path, threads: int) -> None:
        self.info, self._state_size = _read_model(content, source)
        self._session = OnnxSession(bytes(content), source, threads)

    def initial_state(self) -> State:
        """Return the state at the start of an utterance: zeros."""
        return tuple(np.zeros((1, self._state_size), np.float32) for _ in INPUTS[1:])

    def run(self, windows: FloatArray, state: State) -> tuple[FloatArray, State]:
        """Compute the posteriors of `n_steps` windows; see `WindowedEngine.run`."""
        feed = dict(zip(INPUTS, (windows[None], *state), strict=True))
        posteriors, *new_state = self._session.run(OUTPUTS, feed)
        return posteriors, tuple(new_state)

    def close(self) -> None:
        """Free the model."""
        self._session.close()


def open_onnx(content: memoryview, *, source: Path, threads: int) -> Engine:
    """Return the engine for an `.onnx` file, chosen by the kind in its metadata.

    Args:
        content: contents of the file.
        source: path of the file, for messages.
        threads: number of threads that one call may use.

    Raises:
        ModelError: the file is broken, or not a speech-to-text model that an engine runs.
    """
    with errors_of(source):
        kind = kind_of(read_onnx_metadata(content), source)
    if kind == STREAMING:
        return OnnxEngine(content, source=source, threads=threads)
    if kind == CHUNKED:
        from .onnx_chunked import OnnxChunkedEngine

        return OnnxChunkedEngine(content, source=source, threads=threads)
    from .onnx_utterance import OnnxUtteranceEngine

    return OnnxUtteranceEngine(content, source=source, threads=threads)


def _read_model(content: memoryview, source: Path) -> tuple[WindowedInfo, int]:
    """Check a file; return the description of the model and the width of its state."""
    with errors_of(source):
        graph = read_onnx(content)
        check_acoustic(graph)
        state_size = graph.inputs[INPUTS[1]][-1]
        info = _describe(graph, read_onnx_metadata(content), source)
        check_limits(info, state_size, source)
    return info, state_size


def _describe(graph: OnnxGraph, properties: Mapping[str, str], source: Path) -> WindowedInfo:
    n_steps, n_context = int(properties["n_steps"]), int(properties["n_context"])
    found, expected = graph.inputs[INPUTS[0]], (1, n_steps, 2 * n_context + 1, MFCC_COEFFICIENTS)
    if found != expected:
        raise ModelError(
            CREATE_MODEL,
            ErrorCode.INVALID_SHAPE,
            f"{source}: {INPUTS[0]} is {list(found)}, and its metadata says {list(expected)}",
        )
    return WindowedInfo(
        alphabet=alphabet_of(properties, graph.outputs[OUTPUTS[0]][-1], source),
        features=FeatureConfig(
            int(properties["sample_rate"]),
            int(properties["feature_win_len"]),
            int(properties["feature_win_step"]),
        ),
        n_steps=n_steps,
        n_context=n_context,
        beam_width=int(properties["beam_width"]),
        language=properties["language"],
    )
