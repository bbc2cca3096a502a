"""Finds and reads the source model that a flag names, in any format."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from ..errors import CheckpointError
from .file import as_source, read_checkpoint
from .folder import CheckpointFolder
from .hub import fetch, is_hub_name
from .peft import find_base, merge_peft
from .readers.ctranslate2 import load_ctranslate2
from .readers.ggml import load_ggml
from .readers.gguf import load_gguf
from .readers.huggingface import load_huggingface, weight_files
from .readers.nemo import load_nemo
from .readers.peft_folder import read_peft
from .readers.tensorflow import load_tensorflow
from .readers.tensorflow_bundle import with_suffix
from .readers.tflite import load_tflite
from .readers.torch_whole import load_torch
from .recognise import Format, Recognised, find_checkpoints, recognise, recognise_base
from .run_record import read_record
from .source import SourceModel, Tensors, is_finite
from .state_file import Which

# Suffixes of the files of a model in folders of Hugging Face and NeMo.
_MODEL_SUFFIXES = (".json", ".safetensors", ".bin", ".yaml", ".ckpt")


def load_source(path: str | Path, which: Which = "auto", with_adam: bool = False) -> SourceModel:
    """Read a pre-trained model.

    Args:
        path: a checkpoint folder, the folder of a `bootstrap`, one checkpoint file, the prefix of a
            TensorFlow checkpoint, a `.tflite` file, a model folder of Hugging Face or CTranslate2,
            a `.bin` of whisper.cpp, a `.gguf` of Whisper, a `.pt` of OpenAI's Whisper or fairseq,
            a `.nemo`, an adapter folder of peft, or the name of a model on the Hugging Face hub,
            `hf://owner/name`.
        which: which checkpoint of a folder: `best`, `last`, or `auto`: the best of the newest run,
            else the last. A best checkpoint older than the newest run is another model.
        with_adam: whether to read the optimizer's state too.

    Raises:
        CheckpointError: there is no model, it is damaged, of an unknown format, or has weights that
            are not finite.
    """
    found = _find(path, which)
    if found.format in _READERS:
        source = _READERS[found.format](found.path)
        _check_finite(source)
        return source
    if found.format is Format.TENSORFLOW:
        # This checks the weights itself, to name tensors as the checkpoint does.
        source = load_tensorflow(found.path, optimizer=with_adam)
    else:
        source = as_source(found.path, read_checkpoint(found.path, with_adam))
        _check_finite(source)
    return replace(source, details={"checkpoint": found.chosen, **source.details})


def load_base(path: Path) -> Tensors:
    """Return the tensors of the base model of adapters.

    Raises:
        CheckpointError: the model is damaged, of an unknown format, or has a base model itself.
    """
    found = recognise_base(path)
    if found.format in _READERS:
        return _READERS[found.format](found.path).tensors
    if found.format is not Format.NATIVE:
        raise CheckpointError(f"{path} is not an encoder; give the base model of the adapters")
    return as_source(found.path, read_checkpoint(found.path, False, with_base=False)).tensors


def _load_peft(folder: Path) -> SourceModel:
    """Read an adapter of peft, merged into its base model."""
    adapter, found = read_peft(folder), _recognise_base(folder)
    return merge_peft(folder, adapter, _READERS[found.format](found.path))


def _recognise_base(folder: Path) -> Recognised:
    """Find the base model of an adapter of peft, which must not be an adapter itself."""
    found = recognise(find_base(folder))
    if found.format not in _READERS or found.format is Format.PEFT:
        raise CheckpointError(
            f"{folder}: is an adapter for {found.path}, which is no encoder of another program's; "
            "put the model that it was trained on beside it, as base"
        )
    return found


# Readers of formats of single models, without an optimizer's state.
_READERS: Mapping[Format, Callable[[Path], SourceModel]] = {
    Format.TFLITE: load_tflite,
    Format.HUGGINGFACE: load_huggingface,
    Format.CTRANSLATE2: load_ctranslate2,
    Format.GGML: load_ggml,
    Format.GGUF: load_gguf,
    Format.PYTORCH: load_torch,
    Format.NEMO: load_nemo,
    Format.PEFT: _load_peft,
}


def digest_source(path: str | Path, which: Which = "auto") -> str:
    """Return a digest of the files that `load_source` would read.

    Raises:
        CheckpointError: there is no model, or it is of an unknown format.
    """
    return _digest(_find(path, which))[:16]


def _digest(found: Recognised) -> str:
    digest = hashlib.sha256()
    for file in _digested_files(found):
        try:
            with file.open("rb") as opened:
                while block := opened.read(1 << 20):
                    digest.update(block)
        except OSError as error:
            raise CheckpointError(f"{file} cannot be read ({error.strerror or error})") from None
    if found.format is Format.PEFT:
        digest.update(_digest(_recognise_base(found.path)).encode())
    return digest.hexdigest()


def _digested_files(found: Recognised) -> list[Path]:
    if found.format is Format.TENSORFLOW:  # the index has a checksum of each tensor
        return [with_suffix(found.path, ".index")]
    if found.path.is_dir():
        files = [file for file in sorted(found.path.iterdir()) if file.suffix in _MODEL_SUFFIXES]
        if found.format is not Format.HUGGINGFACE:
            return files
        # Such folders may have the same weights in other formats, which are not read.
        weights = weight_files(found.path)
        return [file for file in files if file.suffix == ".json" or file in weights]
    return [found.path]


def _find(path: str | Path, which: Which) -> Recognised:
    location = fetch(path) if is_hub_name(path) else find_checkpoints(Path(path))
    return recognise(location, _of_newest_run(location) if which == "auto" else which)


def _of_newest_run(location: Path) -> Which:
    record = read_record(location)
    if record and record.last:
        return "auto"
    last = CheckpointFolder(location).newest_of_ours("last")
    run = read_checkpoint(last, with_adam=False).run if last else None
    return "last" if run and not run.get("best_checkpoint") else "auto"


def _check_finite(source: SourceModel) -> None:
    broken = [name for name, tensor in source.tensors.items() if not is_finite(tensor)]
    if broken:
        raise CheckpointError(
            f"{source.path}: {', '.join(broken)} {'hold' if len(broken) > 1 else 'holds'} NaN or "
            "infinite values; it was saved after training had diverged, name an earlier checkpoint"
        )
