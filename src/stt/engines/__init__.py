"""Acoustic engines, which run model files: their common interface, and how to open a file."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from coqui_stt_ctcdecoder.alphabet import Alphabet
from coqui_stt_ctcdecoder.errors import AlphabetError
from coqui_stt_ctcdecoder.utf8_alphabet import restore_alphabet

from ..audio.pcm import Pcm
from ..cores import available_cores
from ..errors import ErrorCode, ModelError
from ..extras import missing_packages
from ..hub import fetch_model, is_hub_name
from ..mapped_file import map_file

FloatArray = NDArray[np.float32]

CREATE_MODEL = "CreateModel"
ENGINES = "stt.engines"  # group of entry points for models that this package cannot open
_CHECKPOINT_SUFFIX = ".safetensors"


class ModelInfo(Protocol):
    """Description of a model, read from its file."""

    @property
    def alphabet(self) -> Alphabet:
        """Labels of the model. The model has one more class, the blank, which is the last."""
        ...

    @property
    def n_classes(self) -> int:
        """Number of classes: the labels and the blank."""
        ...

    @property
    def sample_rate_hz(self) -> int:
        """Sample rate of the audio that the model takes."""
        ...

    @property
    def step_seconds(self) -> float:
        """Time from the start of one output frame to that of the next."""
        ...

    @property
    def beam_width(self) -> int:
        """Default beam width of the decoder."""
        ...

    @property
    def language(self) -> str:
        """Language tag of the model card; empty if the file has none."""
        ...


class AcousticStream(Protocol):
    """One utterance passing through an acoustic model. Not thread-safe."""

    def feed(self, samples: Pcm) -> FloatArray:
        """Add samples; return the posteriors that are ready, float32 `[frames, classes]`."""
        ...

    @property
    def samples_until_due(self) -> int:
        """Number of further samples until `feed` returns posteriors; at least 1."""
        ...

    def finish(self) -> FloatArray:
        """End the utterance; return the remaining posteriors, float32 `[frames, classes]`.

        The stream must not be used afterwards.
        """
        ...

    def copy(self) -> AcousticStream:
        """Return an independent copy of the stream in its present state."""
        ...


class Engine(Protocol):
    """Runs an acoustic model. All methods are thread-safe.

    Engines differ in how they process audio: in windows of frames with a state (`windowed.py`), in
    chunks with a state (`chunked.py`), or as whole clips and overlapping pieces (`utterance.py`).
    """

    @property
    def info(self) -> ModelInfo:
        """Description of the model."""
        ...

    def open_stream(self) -> AcousticStream:
        """Return a new stream for one utterance."""
        ...

    def posteriors(self, samples: Pcm) -> FloatArray:
        """Return the posteriors of a whole utterance, float32 `[frames, classes]`."""
        ...

    def close(self) -> None:
        """Free the model. The engine must not be used afterwards."""
        ...


@runtime_checkable
class BatchEngine(Engine, Protocol):
    """An engine that computes a batch of utterances faster than one after the other."""

    def batch_posteriors(self, utterances: Sequence[Pcm]) -> list[FloatArray]:
        """Return the posteriors of whole utterances, float32 `[frames, classes]` each."""
        ...


@runtime_checkable
class GatheringEngine(Engine, Protocol):
    """An engine that batches simultaneous calls of several threads."""

    @property
    def streams_at_a_time(self) -> int:
        """Number of streams, each fed by its own thread, with the highest throughput."""
        ...


@runtime_checkable
class SizedEngine(Engine, Protocol):
    """An engine that can tell whether its model is small."""

    @property
    def is_small(self) -> bool:
        """Whether the model takes less time than the Python code around it."""
        ...


def streams_at_a_time(engine: Engine, cores: int | None = None) -> int:
    """Return the number of streams to run in parallel, each in its own thread.

    It is the number of cores, or more if the engine batches their calls.

    Args:
        engine: engine of the streams.
        cores: number of cores to use; None uses all.
    """
    cores = cores or available_cores()
    return max(cores, engine.streams_at_a_time) if isinstance(engine, GatheringEngine) else cores


def posteriors_of(engine: Engine, utterances: Sequence[Pcm], pool: Executor) -> list[FloatArray]:
    """Return the posteriors of whole utterances, float32 `[frames, classes]` each.

    Args:
        engine: engine that computes them, as a batch if it can.
        utterances: audio of the utterances.
        pool: threads that compute them in parallel if the engine takes one utterance at a time.
    """
    if isinstance(engine, BatchEngine):
        return engine.batch_posteriors(utterances)
    return list(pool.map(engine.posteriors, utterances))


def open_engine(path: str | Path, *, threads: int, parallel: int) -> Engine:
    """Load a model file with the engine for its format.

    Args:
        path: path of a `.tflite` file (recognised by content), an `.onnx` file, or a checkpoint (a
            directory or a `.safetensors` file); or name of an exported model on the Hugging Face
            hub, `hf://owner/name`.
        threads: number of threads that one call may use.
        parallel: number of calls that may run at the same time.

    Raises:
        ModelError: the file is missing, broken, or not a speech-to-text model.
        HubError: the model cannot be downloaded from the hub.
    """
    file = fetch_model(path) if is_hub_name(path) else Path(path)
    if not str(path):
        raise ModelError(CREATE_MODEL, ErrorCode.NO_MODEL, "the model's path is empty")
    if file.is_dir() or (file.suffix == _CHECKPOINT_SUFFIX and file.is_file()):
        return _open_checkpoint(file)
    content = _map(file)
    if bytes(content[4:8]) == b"TFL3":
        return _open_tflite(content, file, threads, parallel)
    if file.suffix == ".onnx":
        from .onnx import open_onnx

        return open_onnx(content, source=file, threads=threads)
    raise ModelError(
        CREATE_MODEL,
        ErrorCode.FAIL_INIT_MMAP,
        f"{file} is neither a TensorFlow Lite model (it lacks the mark TFL3) nor an .onnx file; "
        "give the file that coqui_stt_training.export wrote, or the folder of a checkpoint",
    )


def _open_tflite(content: memoryview, file: Path, threads: int, parallel: int) -> Engine:
    from .litert import LiteRtEngine, read_model
    from .native import NativeEngine

    graph, info = read_model(content, file)
    if NativeEngine.suits(graph):
        drop_pages = partial(_drop_pages, content)
        return NativeEngine(graph, info, threads=threads, parallel=parallel, drop_pages=drop_pages)
    return LiteRtEngine(graph, info, source=file, threads=threads, parallel=parallel)


def _open_checkpoint(path: Path) -> Engine:
    """Open a checkpoint with the engine that an installed package has registered for checkpoints.

    The runtime does not import the training package. That package registers its engine as the entry
    point `checkpoint` of the group `stt.engines`.
    """
    reason = "that package is not installed"
    for point in metadata.entry_points(group=ENGINES, name="checkpoint"):
        try:
            open_checkpoint: Callable[[Path], Engine] = point.load()
        except ImportError as error:
            package = (error.name or "").split(".")[0]
            reason = missing_packages(package, "train") if package else str(error)
        else:
            return open_checkpoint(path)
    raise ModelError(
        CREATE_MODEL,
        ErrorCode.FAIL_INIT_MMAP,
        f"{path} is not an exported model, and checkpoints need the training packages: {reason}; "
        "or give an exported model",
    ) from None


def _map(file: Path) -> memoryview:
    try:
        content = map_file(file)
    except OSError as error:
        raise ModelError(
            CREATE_MODEL, ErrorCode.FAIL_INIT_MMAP, f"{file}: {error.strerror or error}"
        ) from None
    if not content:
        raise ModelError(
            CREATE_MODEL, ErrorCode.FAIL_INIT_MMAP, f"{file}: the file is empty (0 bytes)"
        )
    return content


def _drop_pages(content: memoryview) -> None:
    """Drop the pages of a mapped file from this process's memory until they are read again."""
    if isinstance(content.obj, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        content.obj.madvise(mmap.MADV_DONTNEED)


def parse_alphabet(blob: bytes, n_classes: int, source: Path) -> Alphabet:
    """Return the alphabet stored in a model file.

    Args:
        blob: result of `Alphabet.serialize`.
        n_classes: number of classes of the model, including the blank.
        source: path of the file, for messages.

    Raises:
        ModelError: the blob is broken, or does not fit the number of classes.
    """
    try:
        alphabet = restore_alphabet(blob)
    except AlphabetError as error:
        raise ModelError(CREATE_MODEL, ErrorCode.INVALID_ALPHABET, f"{source}: {error}") from None
    if alphabet.size + 1 != n_classes:
        raise ModelError(
            CREATE_MODEL,
            ErrorCode.INVALID_ALPHABET,
            f"{source}: the alphabet has {alphabet.size} labels, but the model has {n_classes} "
            f"classes; they must be {alphabet.size + 1} (with the blank)",
        )
    return alphabet
