"""`.onnx` models, on ONNX Runtime: the streaming graph that our export writes.

Names and shapes of inputs and outputs are those of the `.tflite` models; what the model says of
itself stands in its metadata (docs/export.md). The file is read and checked before ONNX Runtime,
which runs whatever it is given, sees it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from coqui_stt_ctcdecoder.errors import UserError

from ..errors import ErrorCode, ModelError
from ..extras import missing_packages
from ..frontends.mfcc import MFCC_COEFFICIENTS, FeatureConfig
from ..onnx.acoustic import INPUTS, OUTPUTS, check_acoustic
from ..onnx.graph import OnnxError, OnnxGraph, read_onnx, read_onnx_metadata
from . import CREATE_MODEL, FloatArray, parse_alphabet
from .windowed import State, WindowedEngine, WindowedInfo, check_limits

_FORMAT_VERSION = 1


class OnnxEngine(WindowedEngine):
    """Runs an `.onnx` model. ONNX Runtime serves any number of calls at a time itself.

    Args:
        content: the file.
        source: its name, for messages.
        threads: how many threads one call may use.

    Raises:
        ModelError: broken, or not a speech-to-text model of the streaming kind.
    """

    def __init__(self, content: memoryview, *, source: Path, threads: int) -> None:
        self._source = source
        self._info, self._state_size = _read_model(content, source)
        self._session = _open_session(bytes(content), source, threads)

    @property
    def info(self) -> WindowedInfo:
        """What the model says of itself."""
        return self._info

    def initial_state(self) -> State:
        """Return the state at the start of an utterance: zeros."""
        return tuple(np.zeros((1, self._state_size), np.float32) for _ in INPUTS[1:])

    def run(self, windows: FloatArray, state: State) -> tuple[FloatArray, State]:
        """Compute the probabilities of `n_steps` windows; see `WindowedEngine.run`."""
        feed = dict(zip(INPUTS, (windows[None], *state), strict=True))
        try:
            probabilities, *new_state = self._session.run(OUTPUTS, feed)
        except Exception as error:  # its errors have no base class of their own
            raise ModelError(
                CREATE_MODEL,
                ErrorCode.FAIL_RUN_SESS,
                f"{self._source}: ONNX Runtime cannot run it ({error})",
            ) from None
        return probabilities, tuple(new_state)

    def close(self) -> None:
        """Free the model."""
        self._session = None


def _open_session(content: bytes, source: Path, threads: int) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise ModelError(
            CREATE_MODEL,
            ErrorCode.FAIL_INIT_MMAP,
            f"{source} needs ONNX Runtime: {missing_packages('onnxruntime')}",
        ) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # Threads that spin between calls would burn the time that other streams need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no base class of their own
        raise ModelError(
            CREATE_MODEL, ErrorCode.FAIL_INIT_MMAP, f"{source}: ONNX Runtime refuses it ({error})"
        ) from None


def _read_model(content: memoryview, source: Path) -> tuple[WindowedInfo, int]:
    """Return what the model says of itself, and the width of its state; all of it is checked."""
    try:
        properties = read_onnx_metadata(content)
        _check_kind(properties, source)
        graph = read_onnx(content)
        check_acoustic(graph)
    except OnnxError as error:
        raise ModelError(CREATE_MODEL, ErrorCode.FAIL_INIT_MMAP, f"{source}: {error}") from None
    state_size = graph.inputs[INPUTS[1]][-1]
    try:
        info = _describe(graph, properties, source)
        check_limits(info, state_size, source)
    except ModelError:
        raise
    except (KeyError, ValueError, IndexError, binascii.Error, UserError) as error:
        raise ModelError(
            CREATE_MODEL,
            ErrorCode.MODEL_INCOMPATIBLE,
            f"{source}: its metadata is incomplete or wrong ({type(error).__name__}: {error}); "
            "export the model anew",
        ) from None
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
    alphabet = base64.b64decode(properties["alphabet"], validate=True)
    return WindowedInfo(
        alphabet=parse_alphabet(alphabet, graph.outputs[OUTPUTS[0]][-1], source),
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


def _check_kind(properties: Mapping[str, str], source: Path) -> None:
    kind = properties.get("kind")
    if kind != "streaming":
        raise ModelError(
            CREATE_MODEL,
            ErrorCode.MODEL_INCOMPATIBLE,
            f"{source} is "
            + (f"the {kind} graph of an export" if kind else "no model of this toolkit")
            + "; give the streaming one, which coqui_stt_training.export --export_onnx true "
            "writes as output_graph.onnx",
        )
    version = properties.get("format_version", "")
    if not version.isdecimal() or int(version[:9]) > _FORMAT_VERSION:
        raise ModelError(
            CREATE_MODEL,
            ErrorCode.MODEL_INCOMPATIBLE,
            f"{source}: written by a later release of this program (its format is {version!r}); "
            "install that",
        )
