"""Models of the Hugging Face hub to start from; see `stt.hub`.

Weights are fetched as safetensors alone, never a pickle, or as `.tflite`.
"""

from __future__ import annotations

import re
from pathlib import Path

from stt.hub import HubError, HubName, download, is_hub_name, parse_hub_name

from ..errors import CheckpointError
from .file import is_checkpoint
from .readers.ctc_vocabulary import TOKENIZER
from .readers.huggingface import CONFIG, is_model
from .readers.json_file import read_json
from .readers.peft_folder import CONFIG as ADAPTER_CONFIG
from .readers.peft_folder import WEIGHTS as ADAPTER_WEIGHTS
from .readers.peft_folder import base_of, is_peft

__all__ = ["OWN_WEIGHTS", "fetch", "find_cached", "is_hub_name", "name_on_hub"]

OWN_WEIGHTS = "model.safetensors"  # of our own checkpoints, as of models of Hugging Face
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
# A folder of the cache: owner and name of the model, and the revision.
_CACHED = re.compile(r"models--([\w.-]+?)--([\w.-]+)/snapshots/([0-9a-f]+)")
_FILES = (
    CONFIG, ADAPTER_CONFIG, ADAPTER_WEIGHTS, TOKENIZER, "preprocessor_config.json", "vocab.json",
    "tokenizer.json", "tokenizer.model", OWN_WEIGHTS, "model-*-of-*.safetensors",
    "model.safetensors.index.json",
)  # fmt: skip


def fetch(location: str | Path) -> Path:
    """Return the folder or file of a model of the hub, downloaded where it is not in the cache.

    Of an adapter, the model that it names is downloaded, too.

    Raises:
        CheckpointError: no such name or revision, no network, no `huggingface_hub`, or a model
            that is neither ours nor one of Hugging Face with safetensors.
    """
    try:
        return _fetch(parse_hub_name(location))
    except HubError as error:
        raise CheckpointError(str(error)) from None


def _fetch(name: HubName) -> Path:
    folder = download(name, _FILES)
    own = folder / OWN_WEIGHTS
    if is_peft(folder):
        base, base_revision = base_of(folder)
        if _REPOSITORY.fullmatch(base):
            download(HubName(base, base_revision), _FILES)
        return folder
    if is_model(folder):
        language = _language_adapter(folder)
        if language and not (folder / language).is_file():
            folder = download(name, [*_FILES, language])
        return folder
    if own.is_file() and is_checkpoint(own):
        return own
    exported = sorted(download(name, ["*.tflite"]).glob("*.tflite"))
    if len(exported) == 1:
        return exported[0]
    raise CheckpointError(
        f"{name} has no {CONFIG} with weights in safetensors, no checkpoint of this toolkit and no "
        ".tflite, and nothing else is fetched, since other formats may hold code; take a model "
        "that has them"
    )


def find_cached(repository: str, revision: str | None) -> Path | None:
    """Return the folder of a model of the hub that was downloaded before, or None."""
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
    """Return the name and revision of the model that a folder of the cache is of, else None."""
    match = _CACHED.search(folder.as_posix())
    return (f"{match[1]}/{match[2]}", match[3]) if match else None


def _language_adapter(folder: Path) -> str | None:
    """Return the file of the language that a model for many (MMS) is set to."""
    if read_json(folder / CONFIG).get("adapter_attn_dim") is None:
        return None
    settings = folder / TOKENIZER
    language = read_json(settings).get("target_lang") if settings.is_file() else None
    return f"adapter.{language}.safetensors" if re.fullmatch(r"[\w-]+", str(language)) else None
