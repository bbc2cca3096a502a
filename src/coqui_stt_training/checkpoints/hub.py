"""Models of the Hugging Face hub, by name: `hf://owner/name`, or `hf://owner/name@revision`.

What is named so is downloaded once, into the cache that all programs share (`HF_HOME`), by
`huggingface_hub`, whose settings hold: with `HF_HUB_OFFLINE=1` only the cache is looked at. Nothing
is downloaded that was not named. Weights are fetched as safetensors alone, never a pickle.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from ..errors import CheckpointError
from .readers.huggingface import CONFIG, TOKENIZER, is_model
from .readers.json_file import read_json
from .readers.peft_folder import CONFIG as ADAPTER_CONFIG
from .readers.peft_folder import WEIGHTS as ADAPTER_WEIGHTS
from .readers.peft_folder import base_of, is_peft

_NAME = re.compile(r"hf:/+([\w.-]+/[\w.-]+)(?:@([\w./-]+))?")
_PREFIX = re.compile(r"hf:/")
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
# A folder of the cache: owner and name of the model, and the revision.
_CACHED = re.compile(r"models--([\w.-]+?)--([\w.-]+)/snapshots/([0-9a-f]+)")
_FILES = (
    CONFIG, ADAPTER_CONFIG, ADAPTER_WEIGHTS, TOKENIZER, "preprocessor_config.json", "vocab.json",
    "tokenizer.json", "tokenizer.model", "model.safetensors", "model-*-of-*.safetensors",
    "model.safetensors.index.json",
)  # fmt: skip
_BY_HAND = "download its files from its page, and name their folder"


def is_hub_name(location: str | Path) -> bool:
    """Say whether something names a model of the hub rather than a file."""
    return _PREFIX.match(str(location)) is not None


def fetch(location: str | Path) -> Path:
    """Return the folder of a model of the hub, downloaded where it is not yet in the cache.

    Of an adapter, the model that it names is downloaded, too.

    Raises:
        CheckpointError: no such name or revision, no network, no `huggingface_hub`, or a model
            without safetensors.
    """
    match = _NAME.fullmatch(str(location))
    if match is None:
        raise CheckpointError(f"{location} is no name of a model; write hf://owner/name@revision")
    repository, revision = match.groups()
    name = f"hf://{repository}" + (f"@{revision}" if revision else "")
    folder = _download(name, repository, revision, list(_FILES))
    if is_peft(folder):
        base, base_revision = base_of(folder)
        if _REPOSITORY.fullmatch(base):
            _download(f"hf://{base}", base, base_revision, list(_FILES))
        return folder
    if not is_model(folder):
        raise CheckpointError(
            f"{name} has no {CONFIG} with weights in safetensors, and nothing else is fetched, "
            "since other formats may hold code; take a model that has them"
        )
    language = _language_adapter(folder)
    if language and not (folder / language).is_file():
        folder = _download(name, repository, revision, [*_FILES, language])
    return folder


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


def _download(name: str, repository: str, revision: str | None, patterns: list[str]) -> Path:
    try:
        from huggingface_hub import snapshot_download, utils
    except ImportError:
        raise CheckpointError(
            f"{name}: huggingface_hub is not installed; pip install 'coqui-stt[hub]', or {_BY_HAND}"
        ) from None
    if not sys.stderr.isatty():
        utils.disable_progress_bars()
    try:
        folder = snapshot_download(repository, revision=revision, allow_patterns=patterns)
    # The client raises its own errors, the system's, and those of the library that it uses for
    # HTTP, which is another from version to version.
    except Exception as error:
        raise CheckpointError(f"{name}: {_reason(error)}") from None
    return Path(folder)


def _reason(error: Exception) -> str:
    """Say why a download failed, and what mends it."""
    from huggingface_hub import constants, errors

    if isinstance(error, errors.GatedRepoError):
        return "its owner asks to be asked; accept the terms on its page, then: hf auth login"
    if isinstance(error, errors.RepositoryNotFoundError):
        return "the hub has no such model; check the name, or for a private one: hf auth login"
    if isinstance(error, errors.RevisionNotFoundError):
        return "the hub has the model, but not this revision of it; leave out what follows the @"
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        return f"is no name of a model ({_first_line(error)}); write hf://owner/name@revision"
    if constants.HF_HUB_OFFLINE:
        return f"is not in the cache, and HF_HUB_OFFLINE is set; unset it, or {_BY_HAND}"
    if isinstance(error, errors.LocalEntryNotFoundError):
        return (
            f"is not in the cache, and {constants.ENDPOINT} cannot be reached; try again with "
            f"a network, or {_BY_HAND}"
        )
    return f"it cannot be downloaded ({_first_line(error)}); try again, or {_BY_HAND}"


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
