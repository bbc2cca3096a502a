"""Acoustic engines: what runs a model file. One small interface, one module for each runtime."""

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
ENGINES = "stt.engines"  # the group of entry points that open what this package cannot
_CHECKPOINT_SUFFIX = ".safetensors"


class ModelInfo(Protocol):
    """What a model says of itself."""

    @property
    def alphabet(self) -> Alphabet:
        """Its labels; the model has one class more, the blank, which is the last."""
        ...

    @property
    def n_classes(self) -> int:
        """Labels and the blank."""
        ...

    @property
    def sample_rate_hz(self) -> int:
        """Of the audio it takes."""
        ...

    @property
    def step_seconds(self) -> float:
        """From the start of one frame of its output to that of the next."""
        ...

    @property
    def beam_width(self) -> int:
        """The decoder's default."""
        ...

    @property
    def language(self) -> str:
        """The model card's tag, empty where the file does not say."""
        ...


class AcousticStream(Protocol):
    """One utterance on its way through an acoustic model. Not for two threads at once."""

    def feed(self, samples: Pcm) -> FloatArray:
        """Take samples; return the posteriors that are due, float32 `[frames, classes]`."""
        ...

    @property
    def samples_until_due(self) -> int:
        """How many samples `feed` needs to return posteriors; at least 1."""
        ...

    def finish(self) -> FloatArray:
        """Return the posteriors of what is left, float32 `[frames, classes]`.

        The stream must not be used afterwards.
        """
        ...

    def copy(self) -> AcousticStream:
        """Return a stream that goes on from here without touching this one."""
        ...


class Engine(Protocol):
    """Runs an acoustic model. All methods may be called from many threads at once.

    How audio becomes posteriors is the engine's own affair: in windows of frames with a state
    (`windowed.py`), in chunks with a state (`chunked.py`), or whole clips and overlapping pieces
    (`utterance.py`).
    """

    @property
    def info(self) -> ModelInfo:
        """What the model says of itself."""
        ...

    def open_stream(self) -> AcousticStream:
        """Return an utterance, to be fed piece by piece."""
        ...

    def posteriors(self, samples: Pcm) -> FloatArray:
        """Return the posteriors of a whole utterance, float32 `[frames, classes]`."""
        ...

    def close(self) -> None:
        """Free the model. The engine must not be used afterwards."""
        ...


@runtime_checkable
class BatchEngine(Engine, Protocol):
    """An engine that takes many whole utterances at a time, faster than one after the other."""

    def batch_posteriors(self, utterances: Sequence[Pcm]) -> list[FloatArray]:
        """Return the posteriors of whole utterances, float32 `[frames, classes]` each."""
        ...


@runtime_checkable
class GatheringEngine(Engine, Protocol):
    """An engine that makes calls of several threads together where they come at the same time."""

    @property
    def streams_at_a_time(self) -> int:
        """How many streams, each fed by a thread of its own, it is fastest with."""
        ...


@runtime_checkable
class SizedEngine(Engine, Protocol):
    """An engine that takes small models too."""

    @property
    def is_small(self) -> bool:
        """Whether the model takes less time than all that Python does around it."""
        ...


def streams_at_a_time(engine: Engine, cores: int | None = None) -> int:
    """Return how many streams to run side by side, each in a thread: as many as there are cores,
    or more where the engine makes their calls together.

    Args:
        engine: what they run on.
        cores: how many to use; all by default.
    """
    cores = cores or available_cores()
    return max(cores, engine.streams_at_a_time) if isinstance(engine, GatheringEngine) else cores


def posteriors_of(engine: Engine, utterances: Sequence[Pcm], pool: Executor) -> list[FloatArray]:
    """Return the posteriors of whole utterances, float32 `[frames, classes]` each.

    Args:
        engine: what computes them, together where it can.
        utterances: the audio.
        pool: whose threads compute them side by side where the engine takes one at a time.
    """
    if isinstance(engine, BatchEngine):
        return engine.batch_posteriors(utterances)
    return list(pool.map(engine.posteriors, utterances))


def open_engine(path: str | Path, *, threads: int, parallel: int) -> Engine:
    """Load a model file with the runtime it is for.

    Args:
        path: a `.tflite` or `.onnx` file, recognised by content, a checkpoint directory or
            `.safetensors` file, or the name of an exported model on the Hugging Face hub,
            `hf://owner/name`.
        threads: how many threads one call may use.
        parallel: how many calls may run at the same time.

    Raises:
        ModelError: missing, broken, or not a speech-to-text model.
        HubError: it cannot be had from the hub.
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
        forget = partial(_forget, content)
        return NativeEngine(graph, info, threads=threads, parallel=parallel, forget=forget)
    return LiteRtEngine(graph, info, source=file, threads=threads, parallel=parallel)


def _open_checkpoint(path: Path) -> Engine:
    """Open a checkpoint with what the installed packages registered for the job.

    Knowledge flows one way: training registers its engine as the entry point `checkpoint` of the
    group `stt.engines`.
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


def _forget(content: memoryview) -> None:
    """Take what was read of a mapped file out of this process's memory until it is read again."""
    if isinstance(content.obj, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        content.obj.madvise(mmap.MADV_DONTNEED)


def parse_alphabet(blob: bytes, n_classes: int, source: Path) -> Alphabet:
    """Return the alphabet stored in a model file.

    Args:
        blob: as `Alphabet.serialize` writes it.
        n_classes: of the model, the blank included.
        source: the file, for messages.

    Raises:
        ModelError: it is broken, or does not fit the number of classes.
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
