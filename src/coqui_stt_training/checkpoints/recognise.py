"""Recognises the format of a path by its content, before any reader is called."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from stt.protobuf import BYTES, read_fields
from stt.tflite.graph import IDENTIFIER as TFLITE_MAGIC

from ..errors import CheckpointError, NoModelError
from .file import is_checkpoint
from .readers.ctranslate2_file import FILE_NAME as CTRANSLATE2_NAME
from .readers.ctranslate2_file import is_ctranslate2
from .readers.ggml_file import MAGIC as GGML_MAGIC
from .readers.ggml_file import OTHER_MAGICS as OTHER_GGML_MAGICS
from .readers.gguf_file import MAGIC as GGUF_MAGIC
from .readers.huggingface import CONFIG, TORCH_WHOLE, has_weights, is_model
from .readers.lfs_pointer import refuse_pointers
from .readers.nemo_file import is_nemo, is_unpacked_nemo
from .readers.peft_folder import is_peft
from .readers.peft_folder import is_weights as is_peft_weights
from .readers.tensorflow_bundle import TABLE_MAGIC, with_suffix
from .readers.tensorflow_directory import NATIVE_SUFFIX, choose_checkpoint
from .readers.torch_file import ZIP_MAGIC, is_torch
from .run_record import is_file_name, read_record
from .state_file import STATE_FILES, Which, read_small_file


class Format(Enum):
    """A format that can be read; the value is `SourceModel.format`."""

    NATIVE = "coqui-stt"
    TENSORFLOW = "tensorflow-1"
    TFLITE = "tflite"
    HUGGINGFACE = "huggingface"
    CTRANSLATE2 = "ctranslate2"
    GGML = "ggml"
    GGUF = "gguf"
    PYTORCH = "pytorch"
    NEMO = "nemo"
    PEFT = "peft"


BOOTSTRAP_RECORD = "bootstrap.json"  # in a folder of `bootstrap`: the finished stages
_HOW_TO = (
    "give a checkpoint directory, the prefix of a TensorFlow checkpoint (its path without .index), "
    "an exported .tflite, a model folder of Hugging Face or CTranslate2, an adapter of peft, a "
    ".bin of whisper.cpp, a .gguf of Whisper, a .pt of Whisper or fairseq, or a .nemo"
)
_NOT_TRAINABLE = "it cannot be trained further; " + _HOW_TO
_ON_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")  # a model's name on the hub
_SUFFIXES = (".index", ".meta")
_HEAD_BYTES = 512
_OTHER_WEIGHTS = frozenset({"flax_model.msgpack", "tf_model.h5", "model.onnx", "onnx"})
_SPEECHBRAIN = "hyperparams.yaml"
_HDF5 = b"\x89HDF\r\n\x1a\n"
_ARCHIVES = {b"\x1f\x8b": "gzip", b"\xfd7zXZ\x00": "xz", b"BZh": "bzip2"}
_KENLM = b"mmap lm http://kheafield.com/code"
_MEMMAPPED = b"memmapped_package://"  # in the directory at the end of a .pbmm
# Files that are a whole model each; a directory may hold one.
_MODEL_SUFFIXES = (".tflite", ".bin", ".gguf", ".pt", ".nemo")
# Files that may be models of other programs, in directories that hold nothing else.
_FOREIGN_SUFFIXES = (
    ".pb", ".pbmm", ".pt", ".pth", ".ckpt", ".bin", ".h5", ".hdf5", ".keras", ".zip", ".gguf",
    ".nemo",
)  # fmt: skip


@dataclass(frozen=True)
class Recognised:
    """A recognised model.

    Attributes:
        format: its format.
        path: path for the reader of the format: a file, a folder, or the prefix of a TensorFlow
            checkpoint.
        chosen: kind of the checkpoint chosen in a directory: `best`, `last` or `only`; else
            `named`.
    """

    format: Format
    path: Path
    chosen: str = "named"


def recognise(path: Path, which: Which = "auto") -> Recognised:
    """Recognise the format of a path, and choose a checkpoint of a directory.

    Args:
        path: a directory, a file, or the prefix of a TensorFlow checkpoint.
        which: which checkpoint of a directory: `best`, `last`, or `auto`: the best, or else the
            last.

    Raises:
        CheckpointError: there is no source model; the message says what the path is instead.
    """
    if path.is_dir():
        return _recognise_directory(path, which)
    if path.is_file():
        return _recognise_file(path)
    if with_suffix(path, ".index").is_file():
        return Recognised(Format.TENSORFLOW, path)
    if any(path.parent.glob(_glob_literal(path.name) + ".data-*-of-*")):
        raise CheckpointError(
            f"{path} has data files but no {path.name}.index beside them; copy that too"
        )
    if _ON_HUB.fullmatch(str(path)) and not path.parent.exists():
        raise CheckpointError(
            f"{path} does not exist; is it a model of the Hugging Face hub? That is hf://{path}"
        )
    found = "is no regular file" if path.exists() else "does not exist"
    raise CheckpointError(f"{path} {found}; {_HOW_TO}")


def recognise_base(path: Path) -> Recognised:
    """Recognise the base model of adapters, which may have been trained in its own directory.

    Raises:
        CheckpointError: see `recognise`.
    """
    foreign = _foreign_model(path) if path.is_dir() else None
    return Recognised(foreign, path) if foreign else recognise(path)


def find_checkpoints(path: Path) -> Path:
    """Return the folder with checkpoints: in a folder of `bootstrap`, a folder within it."""
    if not (path / BOOTSTRAP_RECORD).is_file() or _has_checkpoint(path):
        return path
    try:
        record = json.loads(read_small_file(path / BOOTSTRAP_RECORD))
        name = str(record["stages"]["train"]["found"]["folder"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return path
    return path / name if is_file_name(name) and (path / name).is_dir() else path


def is_vacant(path: Path) -> bool:
    """Say whether training may begin from scratch in a folder: it holds nothing like a model.

    Raises:
        CheckpointError: it cannot be read.
    """
    try:
        if not path.is_dir():
            return not path.exists() and not with_suffix(path, ".index").is_file()
        entries = list(path.iterdir())
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror or error})") from None
    if find_checkpoints(path) != path:
        return False
    suffixes = {".tflite", *_FOREIGN_SUFFIXES}
    return not _has_checkpoint(path) and not any(
        entry.suffix in suffixes or ".data-" in entry.name for entry in entries
    )


def _recognise_directory(path: Path, which: Which) -> Recognised:
    try:
        entries = sorted(path.iterdir())
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror or error})") from None
    if not entries:
        raise NoModelError(f"{path} is an empty directory; {_HOW_TO}")
    # If a foreign model was trained further in its own directory, the result counts.
    if not _has_run(path) and (foreign := _foreign_model(path)):
        return Recognised(foreign, path)
    if (path / CTRANSLATE2_NAME).is_file() and not _has_checkpoint(path):
        return _recognise_file(path / CTRANSLATE2_NAME)
    if _has_checkpoint(path):
        checkpoint, chosen = choose_checkpoint(path, which)
        if checkpoint.suffix == NATIVE_SUFFIX and checkpoint.is_file():
            refuse_pointers([checkpoint])
            return Recognised(Format.NATIVE, checkpoint, chosen)
        return Recognised(Format.TENSORFLOW, checkpoint, chosen)
    if (path / "saved_model.pb").is_file():
        raise CheckpointError(f"{path} is a TensorFlow SavedModel; {_NOT_TRAINABLE}")
    return _recognise_only_file(path, entries)


def _recognise_only_file(path: Path, entries: Sequence[Path]) -> Recognised:
    """Recognise the only model file of a directory without checkpoints.

    Raises:
        CheckpointError: there is no model file, or several; the message says what there is instead.
    """
    models = [
        entry for entry in entries if entry.suffix.lower() in _MODEL_SUFFIXES and entry.is_file()
    ]
    models = [entry for entry in models if entry.suffix == ".tflite"] or models
    if len(models) > 1:
        raise CheckpointError(
            f"{path} has {len(models)} model files ({', '.join(e.name for e in models[:4])}) "
            "and no checkpoint; name one of them"
        )
    if models:
        return _recognise_file(models[0])
    shards = [entry for entry in entries if ".data-" in entry.name]
    if shards:
        raise CheckpointError(
            f"{path} has data files of a checkpoint ({shards[0].name}) but no .index file; "
            "copy that too"
        )
    others = [] if (path / _SPEECHBRAIN).is_file() else entries
    for entry in others:
        if entry.suffix.lower() in _FOREIGN_SUFFIXES and entry.is_file():
            return _recognise_file(entry)
    raise NoModelError(f"{path} {_describe_directory(path, entries)}")


def _has_run(directory: Path) -> bool:
    """Say whether a run of ours has written a checkpoint into a directory."""
    record = read_record(directory)
    return record is not None and record.choose("auto") is not None


def _foreign_model(directory: Path) -> Format | None:
    """Return the format of a directory that is a foreign model as a whole, else None."""
    if is_peft(directory) and not has_weights(directory):
        return Format.PEFT
    if is_model(directory):
        return Format.HUGGINGFACE
    return Format.NEMO if is_unpacked_nemo(directory) else None


def _describe_directory(path: Path, entries: Sequence[Path]) -> str:
    """Return a message on a directory that is not a source model, with a remedy."""
    names = {entry.name for entry in entries}
    snapshots = path / "snapshots"  # in the cache of the Hugging Face hub
    below = [*entries, *(sorted(snapshots.iterdir()) if snapshots.is_dir() else ())]
    inside = [entry for entry in below if entry.is_dir() and _is_source(entry)]
    if inside:
        return f"contains no checkpoint; did you mean {inside[0]}?"
    if CONFIG in names:
        others = sorted(names & _OTHER_WEIGHTS)
        there = f"only {' and '.join(others)}" if others else "none"
        return (
            f"has the {CONFIG} of a model of Hugging Face, and of its weights {there}; copy "
            f"model.safetensors or {TORCH_WHOLE} beside it, which are read"
        )
    if _SPEECHBRAIN in names:
        return (
            "is a model of SpeechBrain, whose weights are not read; start from the model of "
            f"Hugging Face that its {_SPEECHBRAIN} names, or give another"
        )
    return f"contains no checkpoint; {_HOW_TO}"


def _is_source(directory: Path) -> bool:
    if (directory / CTRANSLATE2_NAME).is_file():
        return True
    return _has_checkpoint(directory) or is_model(directory) or is_unpacked_nemo(directory)


def _has_checkpoint(directory: Path) -> bool:
    record = read_record(directory)
    names = {file.name for file in directory.iterdir()} - set(record.left_over if record else ())
    return not names.isdisjoint(STATE_FILES.values()) or any(
        name.endswith((".index", NATIVE_SUFFIX)) for name in names
    )


def _recognise_file(path: Path) -> Recognised:
    """Recognise a file; a file of a TensorFlow checkpoint stands for the whole checkpoint."""
    refuse_pointers([path])
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
            size = file.seek(0, 2)
            file.seek(max(0, size - _HEAD_BYTES))
            tail = file.read()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror or error})") from None
    if head[4:8] == TFLITE_MAGIC:
        return Recognised(Format.TFLITE, path)
    if is_peft_weights(path):
        return Recognised(Format.PEFT, path.parent)
    if path.suffix == NATIVE_SUFFIX and head[8:9] == b"{":
        foreign = (path.parent / CONFIG).is_file() and not is_checkpoint(path)
        return Recognised(Format.HUGGINGFACE if foreign else Format.NATIVE, path)
    if is_ctranslate2(head):
        return Recognised(Format.CTRANSLATE2, path)
    if head.startswith(GGML_MAGIC):
        return Recognised(Format.GGML, path)
    if head.startswith(GGUF_MAGIC):
        return Recognised(Format.GGUF, path)
    if is_torch(path, head):
        foreign = path.name == TORCH_WHOLE and (path.parent / CONFIG).is_file()
        return Recognised(Format.HUGGINGFACE if foreign else Format.PYTORCH, path)
    if head[257:262] == b"ustar" and is_nemo(path):
        return Recognised(Format.NEMO, path)
    prefix = _prefix_of(path, tail)
    if prefix is not None:
        return Recognised(Format.TENSORFLOW, prefix)
    raise CheckpointError(f"{path} {_describe(path, head, tail)}")


def _prefix_of(path: Path, tail: bytes) -> Path | None:
    name = path.name
    for suffix in _SUFFIXES:
        if name.endswith(suffix) and (suffix != ".index" or tail.endswith(TABLE_MAGIC)):
            return path.with_name(name.removesuffix(suffix))
    stem, found, shard = name.rpartition(".data-")
    return path.with_name(stem) if found and "-of-" in shard else None


def _describe(path: Path, head: bytes, tail: bytes) -> str:
    """Return a message on a file that is not a source model, with a remedy."""
    if not head:
        return f"is empty (0 bytes); copy or download it again, or {_HOW_TO}"
    if path.name in STATE_FILES.values() and b"model_checkpoint_path" in head:
        return f"only names a checkpoint; give the directory it is in: {path.parent}"
    if path.suffix == ".json" and is_model(path.parent):
        return f"only describes a model; give the directory it is in: {path.parent}"
    if path.suffix == ".index":
        return (
            "does not end as the index of a TensorFlow checkpoint does; it is cut off or damaged, "
            "copy or download it again"
        )
    if head.startswith(ZIP_MAGIC):
        return _describe_zip(path)
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return (
            "is a Python pickle, and no file of PyTorch's; it can run code when it is read, so it "
            f"is not; {_HOW_TO}"
        )
    if head.startswith(_HDF5):
        return f"is an HDF5 file (Keras weights); models of Coqui STT have none; {_HOW_TO}"
    if _KENLM in head or path.suffix == ".scorer":
        return f"is a language model or scorer, not an acoustic model; {_HOW_TO}"
    if head.startswith(OTHER_GGML_MAGICS):
        return (
            "is a model for llama.cpp or another program that uses ggml, not for whisper.cpp; "
            + _HOW_TO
        )
    for magic, kind in _ARCHIVES.items():
        if head.startswith(magic):
            return f"is a {kind} archive; unpack it and give the directory it makes"
    if head[257:262] == b"ustar":
        return "is a tar archive; unpack it and give the directory it makes"
    if _MEMMAPPED in tail or path.suffix == ".pbmm":
        return f"is a memory-mapped frozen graph (.pbmm) for inference: {_NOT_TRAINABLE}"
    if path.suffix == ".pb" or _is_graph(head):
        return f"is a frozen TensorFlow graph (.pb) for inference: {_NOT_TRAINABLE}"
    if path.suffix == NATIVE_SUFFIX:
        return "is named as a checkpoint of ours, but is none; copy or download it again"
    return f"is of no known format (it starts with {head[:8]!r}); {_HOW_TO}"


def _describe_zip(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        return f"is a damaged zip archive ({error}); copy or download it again"
    if "model.weights.h5" in names:
        return f"is a Keras model; models of Coqui STT have another form; {_HOW_TO}"
    return "is a zip archive; unpack it and give the directory it makes"


def _is_graph(head: bytes) -> bool:
    """Say whether a file starts like a GraphDef: a first node (field 1) with name and operator."""
    try:
        number, wire_type, node = next(read_fields(head, "the head", CheckpointError), (0, 0, b""))
    except CheckpointError:  # the first node may be longer than the head
        return (head[:1] == b"\x0a" and b"\x12\x0bPlaceholder" in head) or b"\x12\x05Const" in head
    if (number, wire_type) != (1, BYTES):
        return False
    try:
        fields = {number for number, _, _ in read_fields(bytes(node), "the node", CheckpointError)}
    except (CheckpointError, TypeError):
        return False
    return {1, 2} <= fields


def _glob_literal(name: str) -> str:
    return "".join(f"[{character}]" if character in "*?[" else character for character in name)
