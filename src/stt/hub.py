"""Downloads models from the Hugging Face hub: `hf://owner/name` or `hf://owner/name@revision`.

`huggingface_hub` downloads a model once, into the cache that all programs share (`HF_HOME`). Its
settings apply: with `HF_HUB_OFFLINE=1` only the cache is used. Nothing else is downloaded.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from coqui_stt_ctcdecoder.errors import UserError

_NAME = re.compile(r"hf:/+([\w.-]+/[\w.-]+)(?:@([\w./-]+))?")
_PREFIX = re.compile(r"hf:/")
_BY_HAND = "download its files from its page, and give their folder"
_MODELS = ("*.tflite", "*.onnx")
_USUAL_NAME = "output_graph"  # name of an exported model


class HubError(UserError):
    """A model of the hub cannot be downloaded or used."""


@dataclass(frozen=True)
class HubName:
    """The name of a model on the hub.

    Attributes:
        repository: `owner/name`.
        revision: branch, tag or commit; None for the newest.
    """

    repository: str
    revision: str | None

    def __str__(self) -> str:
        return f"hf://{self.repository}" + (f"@{self.revision}" if self.revision else "")


def is_hub_name(location: str | Path) -> bool:
    """Whether a location is the name of a model on the hub and not a path."""
    return _PREFIX.match(str(location)) is not None


def parse_hub_name(location: str | Path) -> HubName:
    """Parse the name of a model on the hub.

    Raises:
        HubError: `location` is not such a name.
    """
    match = _NAME.fullmatch(str(location))
    if match is None:
        raise HubError(f"{location} is not a name of a model; write hf://owner/name@revision")
    return HubName(*match.groups())


def fetch_model(location: str | Path) -> Path:
    """Return the path of an exported model, downloaded if it is not in the cache.

    Raises:
        HubError: the model cannot be downloaded, or the repository has none, or several.
    """
    name = parse_hub_name(location)
    folder = download(name, _MODELS)
    for suffix in (".tflite", ".onnx"):
        found = sorted(folder.glob(f"*{suffix}"))
        usual = folder / (_USUAL_NAME + suffix)
        if usual in found or len(found) == 1:
            return usual if usual in found else found[0]
        if found:
            names = ", ".join(file.name for file in found)
            raise HubError(f"{name} has several models ({names}); {_BY_HAND} and file")
    raise HubError(
        f"{name} has no exported model (.tflite or .onnx); export its checkpoint first: python -m "
        f"coqui_stt_training.export --checkpoint_dir {name} --export_dir exported"
    )


def fetch_scorer(location: str | Path) -> Path:
    """Return the path of the scorer of a model, downloaded if it is not in the cache.

    Raises:
        HubError: the scorer cannot be downloaded, or the repository has none, or several.
    """
    name = parse_hub_name(location)
    found = sorted(download(name, ("*.scorer",)).glob("*.scorer"))
    if len(found) != 1:
        what = ", ".join(file.name for file in found) if found else "no scorer"
        raise HubError(f"{name} has {what}, where one scorer is needed; name a file")
    return found[0]


def download(name: HubName, patterns: Sequence[str]) -> Path:
    """Download the files of a repository that match patterns; return their folder.

    Raises:
        HubError: there is no such repository or revision, no network, or no `huggingface_hub`.
    """
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise HubError(
            f"{name}: huggingface_hub is not installed; pip install 'coqui-stt[hub]', or {_BY_HAND}"
        ) from None
    try:
        with progress_on_terminals():
            folder = snapshot_download(
                name.repository, revision=name.revision, allow_patterns=list(patterns)
            )
    # The client raises its own errors, system errors, and those of its HTTP library, which differs
    # between its versions.
    except Exception as error:
        raise HubError(f"{name}: {_reason(error)}") from None
    return Path(folder)


@contextmanager
def progress_on_terminals() -> Iterator[None]:
    """Disable the progress bars of the hub's client within the context if stderr is no terminal.

    The client has one setting for the whole process, so it is restored at the end.
    """
    from huggingface_hub import utils

    if sys.stderr.isatty() or utils.are_progress_bars_disabled():
        yield
        return
    utils.disable_progress_bars()
    try:
        yield
    finally:
        utils.enable_progress_bars()


def _reason(error: Exception) -> str:
    """Return why a download failed, and how to fix it."""
    from huggingface_hub import constants, errors

    if isinstance(error, errors.GatedRepoError):
        return "its owner restricts access; accept the terms on its page, then: hf auth login"
    if isinstance(error, errors.RepositoryNotFoundError):
        return "the hub has no such model; check the name, or for a private one: hf auth login"
    if isinstance(error, errors.RevisionNotFoundError):
        return "the hub has the model, but not this revision; leave out the part after @"
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        return f"is not a name of a model ({first_line(error)}); write hf://owner/name@revision"
    if constants.HF_HUB_OFFLINE:
        return f"is not in the cache, and HF_HUB_OFFLINE is set; unset it, or {_BY_HAND}"
    if isinstance(error, errors.LocalEntryNotFoundError):
        return (
            f"is not in the cache, and {constants.ENDPOINT} cannot be reached; try again with "
            f"a network, or {_BY_HAND}"
        )
    return f"it cannot be downloaded ({first_line(error)}); try again, or {_BY_HAND}"


def first_line(error: Exception) -> str:
    """Return the first line of an error's message that is not blank."""
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
