"""Runs the streaming encoders of our `.onnx` exports with ONNX Runtime.

Inputs are features and states; outputs are probabilities and states. The runtime computes the
features. The metadata of the file describes the model (docs/export.md). The file is checked before
ONNX Runtime loads it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..frontends import restore_front_end
from ..frontends.causal_log_mel import CausalLogMel
from ..onnx.chunked import INPUT, OUTPUT, check_chunked, new_name
from ..onnx.graph import read_onnx, read_onnx_metadata
from . import FloatArray
from .chunked import ChunkedEngine, ChunkedInfo
from .onnx_file import OnnxSession, alphabet_of, errors_of
from .windowed import State

_WIDEST_BEAM, _MOST_FEATURES = 1 << 20, 1 << 14
_LONGEST_DESCRIPTION = 1 << 12


class OnnxChunkedEngine(ChunkedEngine):
    """Runs an `.onnx` model that takes chunks.

    Args:
        content: contents of the file.
        source: path of the file, for messages.
        threads: number of threads that one call may use.

    Raises:
        ModelError: the file is broken, or not a speech-to-text model of this kind.
    """

    def __init__(self, content: memoryview, *, source: Path, threads: int) -> None:
        with errors_of(source):
            self.info, self._states = read_chunked(content, source)
        self._outputs = [OUTPUT, *map(new_name, self._states)]
        self._session = OnnxSession(bytes(content), source, threads)

    def initial_state(self) -> State:
        """Return the state at the start of an utterance: zeros."""
        return tuple(np.zeros(shape, np.float32) for shape in self._states.values())

    def run(self, features: FloatArray, state: State) -> tuple[FloatArray, State]:
        """Compute the posteriors of chunks; see `ChunkedEngine.run`."""
        feed = {INPUT: features, **dict(zip(self._states, state, strict=True))}
        posteriors, *after = self._session.run(self._outputs, feed)
        return posteriors, tuple(after)

    def close(self) -> None:
        """Free the model."""
        self._session.close()


def read_chunked(
    content: memoryview, source: Path
) -> tuple[ChunkedInfo, Mapping[str, tuple[int, ...]]]:
    """Check a file; return the description of the model and the shapes of its states by name.

    Raises:
        OnnxError: the file is broken, or its graph is not like that of an export.
        ModelError: the alphabet does not fit.
        KeyError, ValueError: an entry of the metadata is missing or wrong.
    """
    properties, graph = read_onnx_metadata(content), read_onnx(content)
    front_end = _front_end(properties["front_end"])
    reduction = _number(properties, "reduction", _MOST_FEATURES)
    chunk = _number(properties, "chunk_features", _MOST_FEATURES)
    most_chunks = _number(properties, "most_chunks", _MOST_FEATURES // chunk)
    if chunk % reduction or _number(properties, "sample_rate", 1 << 20) != front_end.sample_rate_hz:
        raise ValueError(f"chunks of {chunk} frames, or a sample rate, that cannot be")
    counts = sorted({reduction, chunk, most_chunks * chunk})
    states = check_chunked(graph, counts, front_end.values, reduction)
    info = ChunkedInfo(
        alphabet=alphabet_of(properties, graph.outputs[OUTPUT][1], source),
        front_end=front_end,
        chunk_frames=chunk,
        reduction=reduction,
        beam_width=_number(properties, "beam_width", _WIDEST_BEAM),
        language=properties["language"],
        most_chunks=most_chunks,
    )
    return info, {name: graph.inputs[name] for name in states}


def _front_end(description: str) -> CausalLogMel:
    if len(description) > _LONGEST_DESCRIPTION:
        raise ValueError(f"its front end is described in {len(description)} characters")
    try:
        front_end = restore_front_end(json.loads(description))
    except (TypeError, RecursionError) as error:
        raise ValueError(str(error)) from None
    if not isinstance(front_end, CausalLogMel):
        raise ValueError(f"its front end is {front_end.kind}, which knows what comes later")
    return front_end


def _number(properties: Mapping[str, str], name: str, highest: int) -> int:
    number = int(properties[name])
    if not 1 <= number <= highest:
        raise ValueError(f"its {name} is {properties[name]:.40}; it must be from 1 to {highest}")
    return number
