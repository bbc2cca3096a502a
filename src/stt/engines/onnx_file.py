"""Shared parts of the engines for `.onnx` files: ONNX Runtime, and the kind of a graph."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from coqui_stt_ctcdecoder import Alphabet
from coqui_stt_ctcdecoder.errors import UserError

from ..errors import ErrorCode, ModelError
from ..extras import missing_packages
from ..onnx.graph import OnnxError
from . import CREATE_MODEL, FloatArray, parse_alphabet

# Kinds of graphs that an engine runs.
STREAMING, UTTERANCE, CHUNKED = "streaming", "utterance", "chunked"
_FORMAT_VERSION = 1


class OnnxSession:
    """A model in ONNX Runtime, which itself serves any number of calls at the same time.

    Args:
        content: contents of the file, already checked.
        source: path of the file, for messages.
        threads: number of threads that one call may use.

    Raises:
        ModelError: ONNX Runtime is not installed, or refuses the file.
    """

    def __init__(self, content: bytes, source: Path, threads: int) -> None:
        self._source = source
        self._session = _open_session(content, source, threads)

    def run(self, outputs: Sequence[str], feed: Mapping[str, FloatArray]) -> list[FloatArray]:
        """Run the model and return the values of the named outputs.

        Raises:
            ModelError: ONNX Runtime cannot run the model.
        """
        try:
            results: list[FloatArray] = self._session.run(outputs, feed)
        except Exception as error:  # ONNX Runtime's errors have no common base class
            raise ModelError(
                CREATE_MODEL,
                ErrorCode.FAIL_RUN_SESS,
                f"{self._source}: ONNX Runtime cannot run it ({error})",
            ) from None
        return results

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
    # Threads that spin between calls would take CPU time from other streams.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors have no common base class
        raise ModelError(
            CREATE_MODEL, ErrorCode.FAIL_INIT_MMAP, f"{source}: ONNX Runtime refuses it ({error})"
        ) from None


def kind_of(properties: Mapping[str, str], source: Path) -> str:
    """Return the kind of graph in a file's metadata: `STREAMING`, `UTTERANCE` or `CHUNKED`.

    Raises:
        ModelError: the kind is another one, or the file is of a later release.
    """
    kind = properties.get("kind", "")
    if kind not in (STREAMING, UTTERANCE, CHUNKED):
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
            f"{source}: written by a later release of this toolkit (format {version!r}); install "
            "that release",
        )
    return kind


def alphabet_of(properties: Mapping[str, str], classes: int, source: Path) -> Alphabet:
    """Return the alphabet in a file's metadata.

    Raises:
        ModelError: the alphabet is broken, or does not fit the number of classes.
        KeyError, ValueError: it is missing, or not base64.
    """
    return parse_alphabet(base64.b64decode(properties["alphabet"], validate=True), classes, source)


@contextmanager
def errors_of(source: Path) -> Iterator[None]:
    """Turn errors in reading a file into a `ModelError` that names the file.

    Raises:
        ModelError: the file or its metadata is broken.
    """
    try:
        yield
    except ModelError:
        raise
    except OnnxError as error:
        raise ModelError(CREATE_MODEL, ErrorCode.FAIL_INIT_MMAP, f"{source}: {error}") from None
    except (KeyError, ValueError, IndexError, binascii.Error, UserError) as error:
        raise ModelError(
            CREATE_MODEL,
            ErrorCode.MODEL_INCOMPATIBLE,
            f"{source}: its metadata is incomplete or wrong ({type(error).__name__}: {error}); "
            "export the model anew",
        ) from None
