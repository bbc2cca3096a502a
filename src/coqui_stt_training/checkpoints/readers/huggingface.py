"""Reads model folders of Hugging Face's transformers: `config.json` and weights, also in shards.

Weights are safetensors, or else the `pytorch_model.bin` of older models, which is never unpickled.
The encoder of a model is read, and the head of a CTC model with its vocabulary; decoders are left
out.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import CheckpointError
from ...models.encoder import EncoderSpecification
from ...models.foreign import ForeignConfig
from ..source import SourceModel
from .ctc_vocabulary import VOCABULARY, chosen_language, language_file, read_vocabulary
from .encoder_tensors import (
    OUTPUT_LAYER,
    encoder_source,
    leave_out_output,
    name_some,
    order_output,
    output_rows,
    sort_names,
)
from .json_file import read_json
from .lfs_pointer import refuse_pointers
from .tensor_file import read_tensors, tensor_names

CONFIG = "config.json"
PREPROCESSOR = "preprocessor_config.json"
PROCESSOR = "processor_config.json"  # of transformers 5; contains the preprocessor's
_EXTRACTOR = "feature_extractor"
_ADAPTER_OF_LANGUAGE = re.compile(r"adapter\.([\w-]+)\.safetensors")
TORCH_WHOLE = "pytorch_model.bin"
_INDEX_END = ".index.json"
# Files with all weights, or an index of the files with weights. As in transformers, the first that
# exists counts: an index may be left over from an earlier model in shards.
_HOMES = ("model.safetensors", "model.safetensors.index.json")
_TORCH_HOMES = (TORCH_WHOLE, "pytorch_model.bin.index.json")
# Our architecture for each `model_type`. Names are in its module `names`, or in `_OTHER_NAMES`.
ARCHITECTURES = {
    "whisper": "whisper",
    "wav2vec2": "wav2vec2",
    "hubert": "wav2vec2",
    "wavlm": "wav2vec2",
    "data2vec-audio": "wav2vec2",
    "unispeech": "wav2vec2",
    "unispeech-sat": "wav2vec2",
    "omniasr_audio": "wav2vec2",
    "omniasr_ctc": "wav2vec2",
    "omniasr": "wav2vec2",
    "wav2vec2-bert": "conformer",
    "parakeet_ctc": "conformer",
    "parakeet_encoder": "conformer",
    "parakeet_rnnt": "conformer",
    "parakeet_tdt": "conformer",
}
_OTHER_NAMES = dict.fromkeys(("omniasr_audio", "omniasr_ctc", "omniasr"), "omniasr_names")


def is_model(folder: Path) -> bool:
    """Say whether a folder holds a model of transformers."""
    return (folder / CONFIG).is_file() and (
        any(folder.glob("*.safetensors")) or any((folder / name).is_file() for name in _TORCH_HOMES)
    )


def has_weights(folder: Path) -> bool:
    """Say whether a folder has a file of weights with one of the usual names."""
    return any((folder / name).is_file() for name in (*_HOMES, *_TORCH_HOMES))


def weight_files(folder: Path) -> list[Path]:
    """Return the files that the weights of a folder's model, and of its language, are read from.

    Raises:
        CheckpointError: there are several files and no index.
    """
    main, language = _main_file(folder), language_of(folder)
    is_index = main.name.endswith(_INDEX_END)
    files = set(_listed_files(main).values()) if is_index else {main}
    files |= {folder / language_file(language)} if language else set()
    return sorted(file for file in files if file.is_file())


def folder_of(path: Path) -> Path:
    """Return the folder of a model, given the folder or a file in it."""
    return path if path.is_dir() else path.parent


def load_huggingface(path: Path) -> SourceModel:
    """Read an encoder, and the output layer of a CTC model.

    Args:
        path: the folder, or a file of weights in it; for a multilingual model (MMS), also the file
            of a language in it (`adapter.ukr.safetensors`).

    Raises:
        CheckpointError: the model is damaged or of an unknown kind, or tensors are missing or have
            wrong shapes; the message names them.
    """
    folder = folder_of(path)
    config, preprocessor = read_json(folder / CONFIG), _preprocessor(folder)
    names = _names_module(folder, config)
    try:
        specification = names.specification_of({**preprocessor, **config})
    except ValueError as error:
        raise CheckpointError(f"{folder / CONFIG}: {error}") from None
    language = language_of(path)
    homes, has_language = _homes_with_language(path, language)
    known = sort_names(homes, lambda name: names.our_name(name, specification), names.is_ignored)
    tensors = _read(homes, known.ours)
    if hasattr(names, "convert"):
        try:
            tensors = names.convert(tensors, specification)
        except ValueError as error:
            raise CheckpointError(f"{path}: {error}") from None
    alphabet, notes = None, []
    if OUTPUT_LAYER[0] in tensors and (reason := _reason_against_output(folder)):
        leave_out_output(tensors)
        notes.append(reason)
    elif OUTPUT_LAYER[0] in tensors:
        count = output_rows(path, tensors)
        alphabet, rows = read_vocabulary(folder, config, count, language, is_its_own=has_language)
        order_output(tensors, rows)
        specification = specification.with_classes(alphabet.size + 1)
    return encoder_source(
        "huggingface",
        path,
        specification,
        tensors,
        known,
        alphabet=alphabet,
        notes=notes,
        details={"model_type": config["model_type"], "size_bytes": _size_bytes(homes)},
    )


def read_as_stored(
    folder: Path, specification: EncoderSpecification, wanted: Collection[str]
) -> dict[str, tuple[str, NDArray[np.float32]]]:
    """Return tensors of an encoder by our names, each with its stored name and in its stored shape.

    Args:
        folder: folder of the model.
        specification: specification of the encoder.
        wanted: our names of the tensors; those that the model stores in another form are left out.

    Raises:
        CheckpointError: the model is damaged or of an unknown kind.
    """
    names = _names_module(folder, read_json(folder / CONFIG))
    homes = _homes(folder)
    known = {name: names.our_name(name, specification) for name in homes}
    theirs = {ours: name for name, ours in known.items() if ours in wanted}
    found = _read(homes, {name: ours for ours, name in theirs.items()})
    return {ours: (theirs[ours], tensor) for ours, tensor in found.items()}


def language_of(path: Path) -> str | None:
    """Return the language chosen for a multilingual model (MMS), or None.

    Args:
        path: folder of the model, or the file of a language in it.
    """
    match = _ADAPTER_OF_LANGUAGE.fullmatch(path.name)
    return match[1] if match else chosen_language(folder_of(path))


def _preprocessor(folder: Path) -> dict[str, Any]:
    """Return the settings of the preprocessor, or none without such a file.

    Raises:
        CheckpointError: the file is damaged, or says a sample rate other than 16 kHz.
    """
    file = folder / PREPROCESSOR
    values = read_json(file) if file.is_file() else {}
    if not file.is_file() and (file := folder / PROCESSOR).is_file():
        extractor = read_json(file).get(_EXTRACTOR)
        values = extractor if isinstance(extractor, dict) else {}
    try:
        with ForeignConfig(values) as sound:
            sound.expect("sampling_rate", 16000)
    except ValueError as error:
        raise CheckpointError(f"{file}: {error}") from None
    return values


def _names_module(folder: Path, config: Mapping[str, Any]) -> ModuleType:
    model_type = config.get("model_type")
    architecture = ARCHITECTURES.get(model_type) if isinstance(model_type, str) else None
    if architecture is None or not isinstance(model_type, str):
        raise CheckpointError(
            f"{folder / CONFIG}: its model_type is {model_type!r}, which is not built here; "
            f"{', '.join(sorted(ARCHITECTURES))} can be started from"
        )
    return names_of(architecture, model_type)


def names_of(architecture: str, model_type: str = "") -> ModuleType:
    """Return the module with transformers' names of an architecture's tensors.

    Args:
        architecture: name of our architecture.
        model_type: the `model_type` of transformers; some have a module of their own.
    """
    module = _OTHER_NAMES.get(model_type, "names")
    return import_module(f"...models.{architecture}.{module}", __package__)


def reason_against_place(folder: Path) -> str:
    """Return why the output layer is not directly on top of the encoder, or an empty string."""
    path = folder / CONFIG
    if path.is_file() and read_json(path).get("add_adapter"):
        return (
            "it stands on an adapter on top of the encoder (add_adapter), which is not built here"
        )
    return ""


def _reason_against_output(folder: Path) -> str:
    """Return why the output layer of a CTC model cannot be used, or an empty string."""
    if reason := reason_against_place(folder):
        return f"Its output layer is left out: {reason}."
    if (folder / VOCABULARY).is_file():
        return ""
    if any((folder / name).is_file() for name in ("tokenizer.json", "tokenizer.model")):
        return (
            "Its output layer is left out: its tokenizer, mostly of pieces of words, is not read."
        )
    return (
        f"Its output layer is left out: no {VOCABULARY} beside it says which characters it "
        "writes. To keep it, copy that file beside it."
    )


def _homes(path: Path) -> dict[str, Path]:
    """Return the file of each tensor.

    Raises:
        CheckpointError: shards are missing, or the index names files outside the folder.
    """
    main = _main_file(path)
    if main.name.endswith(_INDEX_END):
        return _homes_of_shards(main)
    refuse_pointers([main])
    return dict.fromkeys(tensor_names(main), main)


def _homes_with_language(path: Path, language: str | None) -> tuple[dict[str, Path], bool]:
    """Return the file of each tensor, and whether there is a file of the language."""
    folder = folder_of(path)
    file = folder / language_file(language) if language else path
    homes = _homes(folder if path == file else path)
    if language is None or not file.is_file():
        return homes, False
    refuse_pointers([file])
    return homes | dict.fromkeys(tensor_names(file), file), True


def _main_file(path: Path) -> Path:
    """Return the file with all weights of a model, or the index of its shards."""
    if path.is_file():
        return path
    for name in (*_HOMES, *_TORCH_HOMES):
        if (path / name).is_file():
            return path / name
    files = sorted(path.glob("*.safetensors"))
    if len(files) > 1:
        raise CheckpointError(
            f"{path} has {len(files)} safetensors files and no {_HOMES[1]} that says what is "
            "where; copy that too, or name one of the files"
        )
    return files[0]


def _homes_of_shards(index: Path) -> dict[str, Path]:
    listed = _listed_files(index)
    shards = sorted(set(listed.values()))
    absent = [shard.name for shard in shards if not shard.is_file()]
    if absent:
        raise CheckpointError(
            f"{index.parent}: {name_some(absent)} missing; copy or download it again"
        )
    refuse_pointers(shards)
    there = {shard: set(tensor_names(shard)) for shard in shards}
    lost = [name for name, file in listed.items() if name not in there[file]]
    if lost:
        raise CheckpointError(
            f"{index.parent}: {name_some(lost)} not in the file that {index.name} names"
        )
    return listed


def _listed_files(index: Path) -> dict[str, Path]:
    """Return the file of each tensor according to an index."""
    listed = read_json(index).get("weight_map")
    if not isinstance(listed, dict) or not all(
        isinstance(file, str) and Path(file).name == file for file in listed.values()
    ):
        raise CheckpointError(f"{index}: its weight_map does not name files beside it")
    return {name: index.parent / file for name, file in listed.items()}


def _read(homes: Mapping[str, Path], wanted: Mapping[str, str]) -> dict[str, NDArray[np.float32]]:
    tensors = {}
    for file in dict.fromkeys(homes[name] for name in wanted):
        found = read_tensors(file, [name for name in wanted if homes[name] == file])
        tensors.update({wanted[name]: tensor for name, tensor in found.items()})
    return tensors


def _size_bytes(homes: Mapping[str, Path]) -> int:
    return sum(file.stat().st_size for file in set(homes.values()))
