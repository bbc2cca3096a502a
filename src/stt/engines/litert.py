"""Runs `.tflite` models, upstream's exports and ours, with LiteRT.

The names and shapes of the tensors are upstream's (libstt finds them by name). Inputs: `input_node`
`[1, 16, 19, 26]`, `previous_state_c` and `previous_state_h` `[1, hidden]`. Outputs: `logits` (which
are probabilities) `[16, classes]`, `new_state_c` and `new_state_h`. Constants describe the model.
LiteRT does not check its input, so the file is parsed, checked and written anew first.

LiteRT's own kernels are used, not its XNNPACK delegate. For int8 models they quantise activations
as libstt does (with XNNPACK, probabilities differ by up to 0.2), and the unrolled steps share one
copy of the LSTM's weights (XNNPACK packs sixteen). Float models agree with libstt to 1e-5. So do
most frames of int8 models; in a few, a value is rounded to another step of int8, since LiteRT's
activations are newer than libstt's (see `native.py`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import LifoQueue
from typing import Any

import numpy as np

from coqui_stt_ctcdecoder.errors import UserError

from ..errors import ErrorCode, ModelError
from ..frontends.mfcc_config import MFCC_COEFFICIENTS, FeatureConfig
from ..tflite.acoustic import INPUTS, OUTPUTS, acoustic_graph, read_metadata
from ..tflite.graph import Graph
from ..tflite.reader import read_graph
from ..tflite.split import split_recurrence
from . import CREATE_MODEL, FloatArray, parse_alphabet
from .windowed import State, WindowedEngine, WindowedInfo, check_limits

_OLDEST_VERSION = 6  # first metadata_version with everything that this runtime reads

# About 256 units in float32. Most models here are smaller, since `native.py` runs large ones.
_SMALL_BYTES = 4 << 20


class LiteRtEngine(WindowedEngine):
    """Runs a `.tflite` model.

    Args:
        graph: acoustic part of the graph, checked.
        info: description of the model.
        source: path of the file, for messages.
        threads: number of threads that one call may use.
        parallel: number of calls that may run at the same time. An interpreter of LiteRT serves one
            call at a time, so there are up to `parallel` interpreters; a new one is made only if no
            other is idle. They share the weights.

    Raises:
        ModelError: the file is broken, or not a speech-to-text model.
    """

    def __init__(
        self, graph: Graph, info: WindowedInfo, *, source: Path, threads: int, parallel: int
    ) -> None:
        from ..tflite.writer import write_graph  # imported late: the other engine does not need it

        self.info = info
        self._content = write_graph(split_recurrence(graph))
        self._source = source
        self._threads = threads
        self._idle: LifoQueue[_Interpreter] = LifoQueue()
        self._lock = threading.Lock()
        self._still_to_make = parallel - 1
        first = self._make()
        first.check(source)
        self._state_sizes = first.state_sizes()
        self._idle.put(first)

    @property
    def is_small(self) -> bool:
        """Whether the model takes less time than the Python code around it."""
        return len(self._content) < _SMALL_BYTES

    def _make(self) -> _Interpreter:
        return _Interpreter(self._content, self._source, self._threads)

    def initial_state(self) -> State:
        """Return the state at the start of an utterance: zeros."""
        return tuple(np.zeros((1, size), np.float32) for size in self._state_sizes)

    def run(self, windows: FloatArray, state: State) -> tuple[FloatArray, State]:
        """Compute the posteriors of `n_steps` windows; see `WindowedEngine.run`."""
        with self._borrow() as interpreter:
            return interpreter.run(windows, state)

    @contextmanager
    def _borrow(self) -> Iterator[_Interpreter]:
        interpreter = self._take()
        try:
            yield interpreter
        finally:
            self._idle.put(interpreter)

    def _take(self) -> _Interpreter:
        with self._lock:
            must_make = self._still_to_make > 0 and self._idle.empty()
            self._still_to_make -= must_make
        return self._make() if must_make else self._idle.get()

    def close(self) -> None:
        """Free the idle interpreters."""
        while not self._idle.empty():
            self._idle.get_nowait()


class _Interpreter:
    """One LiteRT interpreter; serves one call at a time."""

    def __init__(self, content: bytes, source: Path, threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        try:
            self._litert: Any = Interpreter(
                model_content=content,
                num_threads=threads,
                experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            )
            self._litert.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelError(
                CREATE_MODEL, ErrorCode.FAIL_INIT_MMAP, f"{source}: LiteRT refuses it ({error})"
            ) from None
        self._source = source
        inputs = {detail["name"]: detail for detail in self._litert.get_input_details()}
        outputs = {detail["name"]: detail for detail in self._litert.get_output_details()}
        self._inputs = [inputs[name]["index"] for name in INPUTS]
        self._outputs = [outputs[name]["index"] for name in OUTPUTS]
        self._input_shapes = [tuple(map(int, inputs[name]["shape"])) for name in INPUTS]

    def check(self, source: Path) -> None:
        """Check that the shape of the input is one of windows of MFCC features.

        Raises:
            ModelError: it is not.
        """
        width, coefficients = self._input_shapes[0][2:]
        if width % 2 == 0 or coefficients != MFCC_COEFFICIENTS:
            raise ModelError(
                CREATE_MODEL,
                ErrorCode.INVALID_SHAPE,
                f"{source}: {INPUTS[0]} is {list(self._input_shapes[0])}; [1, steps, odd number "
                f"of frames, {MFCC_COEFFICIENTS}] is needed",
            )

    def state_sizes(self) -> tuple[int, ...]:
        """Return the width of each array of the state."""
        return tuple(shape[1] for shape in self._input_shapes[1:])

    def run(self, windows: FloatArray, state: State) -> tuple[FloatArray, State]:
        """Compute posteriors; see `WindowedEngine.run`."""
        litert = self._litert
        for index, value in zip(self._inputs, (windows[None], *state), strict=True):
            litert.set_tensor(index, value)
        try:
            litert.invoke()
        except (ValueError, RuntimeError) as error:
            raise ModelError(
                CREATE_MODEL,
                ErrorCode.FAIL_RUN_SESS,
                f"{self._source}: LiteRT cannot run it ({str(error).strip()})",
            ) from None
        posteriors, *new_state = (litert.get_tensor(index) for index in self._outputs)
        return posteriors, tuple(new_state)


def read_model(content: bytes | memoryview, source: Path) -> tuple[Graph, WindowedInfo]:
    """Return the acoustic part of a `.tflite` file, checked, and the description of the model.

    Raises:
        ModelError: the file is broken, or not a speech-to-text model.
    """
    try:
        graph = read_graph(content)
        info = _read_info(graph, source)
        acoustic = acoustic_graph(graph)
        check_limits(info, acoustic.tensors[acoustic.inputs[1]].shape[-1], source)
        return acoustic, info
    except ModelError:
        raise
    except UserError as error:
        raise ModelError(CREATE_MODEL, ErrorCode.FAIL_INIT_MMAP, f"{source}: {error}") from None


def _read_info(graph: Graph, source: Path) -> WindowedInfo:
    metadata = read_metadata(graph)
    if metadata.version < _OLDEST_VERSION:
        raise ModelError(
            CREATE_MODEL,
            ErrorCode.MODEL_INCOMPATIBLE,
            f"{source}: metadata_version is {metadata.version}; {_OLDEST_VERSION} or later is "
            "needed, so export the model anew",
        )
    shape = graph.tensors[graph.input(INPUTS[0])].shape
    n_classes = graph.tensors[graph.output(OUTPUTS[0])].shape[-1]
    return WindowedInfo(
        alphabet=parse_alphabet(metadata.alphabet, n_classes, source),
        features=FeatureConfig(
            metadata.sample_rate_hz, metadata.window_milliseconds, metadata.step_milliseconds
        ),
        n_steps=shape[1],
        n_context=shape[2] // 2,
        beam_width=metadata.beam_width,
        language=metadata.language,
    )
