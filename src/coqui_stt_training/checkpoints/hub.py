"""Downloads source models from the Hugging Face hub; see `stt.hub`.

Weights are downloaded as safetensors, `.tflite`, or CTranslate2's `model.bin`, never as a pickle.
"""

from __future__ import annotations

import re
from pathlib import Path

from stt.hub import HubError, HubName, download, is_hub_name, parse_hub_name

from ..errors import CheckpointError
from .file import is_checkpoint
from .readers.ctc_vocabulary import TOKENIZER, language_file
from .readers.ctranslate2_file import FILE_NAME as CTRANSLATE2_NAME
from .readers.huggingface import (
    CONFIG,
    PREPROCESSOR,
    PROCESSOR,
    is_model,
    language_of,
)
from .readers.json_file import read_json
from .readers.peft_folder import CONFIG as ADAPTER_CONFIG
from .readers.peft_folder import WEIGHTS as ADAPTER_WEIGHTS
from .readers.peft_folder import base_of, is_peft

__all__ = ["OWN_WEIGHTS", "fetch", "find_cached", "is_hub_name", "name_on_hub"]

OWN_WEIGHTS = "model.safetensors"  # for our own checkpoints, too
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
# A folder of the hub's cache: owner and name of the model, and the revision.
_CACHED = re.compile(r"models--([\w.-]+?)--([\w.-]+)/snapshots/([0-9a-f]+)")
_OF_LANGUAGE = re.compile(r"(hf:/+[\w.-]+/[\w.-]+)/(adapter\.[\w-]+\.safetensors)(@.+)?")
_FILES = (
    CONFIG, ADAPTER_CONFIG, ADAPTER_WEIGHTS, TOKENIZER, PREPROCESSOR, PROCESSOR, "vocab.json",
    "tokenizer.json", "tokenizer.model", OWN_WEIGHTS, "model-*-of-*.safetensors",
    "model.safetensors.index.json",
)  # fmt: skip


def fetch(location: str | Path) -> Path:
    """Return the folder or file of a model of the hub, after downloading it if it is not cached.

    For an adapter, the base model that it names is downloaded too.

    Raises:
        CheckpointError: there is no such name or revision, no network, or no `huggingface_hub`, or
            the model is of a format that is not downloaded.
    """
    try:
        name, language = _parted(str(location))
        return _fetch(parse_hub_name(name), language)
    except HubError as error:
        raise CheckpointError(str(error)) from None


def _parted(location: str) -> tuple[str, str]:
    """Split a location into a model and the file of a language (`adapter.ukr.safetensors`)."""
    match = _OF_LANGUAGE.fullmatch(location)
    return (f"{match[1]}{match[3] or ''}", match[2]) if match else (location, "")


def _fetch(name: HubName, language: str = "") -> Path:
    folder = download(name, [*_FILES, language] if language else _FILES)
    if language:
        return _file_of_language(folder, language, name)
    if (folder / CONFIG).is_file() and "model_type" not in read_json(folder / CONFIG):
        folder = download(name, [*_FILES, CTRANSLATE2_NAME])  # its config.json has no model_type
        if (folder / CTRANSLATE2_NAME).is_file():
            return folder
    own = folder / OWN_WEIGHTS
    if is_peft(folder):
        base, base_revision = base_of(folder)
        if _REPOSITORY.fullmatch(base):
            download(HubName(base, base_revision), _FILES)
        return folder
    if is_model(folder):
        chosen = _language_adapter(folder)
        if chosen and not (folder / chosen).is_file():
            folder = download(name, [*_FILES, chosen])
        return folder
    if own.is_file() and is_checkpoint(own):
        return own
    exported = sorted(download(name, ["*.tflite"]).glob("*.tflite"))
    if len(exported) == 1:
        return exported[0]
    raise CheckpointError(
        f"{name} has no {CONFIG} with weights in safetensors or of CTranslate2, no checkpoint of "
        "this toolkit and no .tflite, and nothing else is fetched, since other formats may hold "
        "code; where its page has a pytorch_model.bin, .nemo or .pt, download that by hand, with "
        "the .json files beside it, and name their folder: no code in it is run"
    )


def find_cached(repository: str, revision: str | None) -> Path | None:
    """Return the folder of a model of the hub that is in the cache, or None."""
    if not _REPOSITORY.fullmatch(repository):
        return None
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import LocalEntryNotFoundError
    except ImportError:
        return None
    try:
        found = snapshot_download(repository, revision=revision, local_files_only=True)
    except (LocalEntryNotFoundError, ValueError, OSError):
        return None
    return Path(found) if is_model(Path(found)) else None


def name_on_hub(folder: Path) -> tuple[str, str] | None:
    """Return the model's name and revision for a folder of the hub's cache, else None."""
    match = _CACHED.search(folder.as_posix())
    return (f"{match[1]}/{match[2]}", match[3]) if match else None


def _language_adapter(folder: Path) -> str | None:
    """Return the file of the language chosen in a multilingual model (MMS), or None."""
    if read_json(folder / CONFIG).get("adapter_attn_dim") is None:
        return None
    language = language_of(folder)
    return language_file(language) if language else None


def _file_of_language(folder: Path, file: str, name: HubName) -> Path:
    """Return the path of a language's file.

    Raises:
        CheckpointError: the repository has no such file.
    """
    if not (folder / file).is_file():
        raise CheckpointError(
            f"{name} has no {file}; its page lists the files of the languages that it has"
        )
    return folder / file
