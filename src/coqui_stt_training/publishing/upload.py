"""Upload of files to the Hugging Face hub, in one commit, with `huggingface_hub`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stt.extras import missing_packages
from stt.hub import first_line, progress_on_terminals

from ..errors import ExportError, FlagError

_REPOSITORY = re.compile(r"[\w][\w.-]*/[\w][\w.-]*", re.ASCII)
_LOG_IN = "create one with write access at https://huggingface.co/settings/tokens"


class HubUploadError(ExportError):
    """A model could not be uploaded to the hub."""


def check_repository(name: str) -> str:
    """Return the name of a repository, `owner/name`, without `hf://`.

    Raises:
        FlagError: the name is malformed.
    """
    plain = name.removeprefix("hf://").strip("/")
    if not _REPOSITORY.fullmatch(plain):
        raise FlagError(f"{name}: not a name on the hub; write owner/name")
    return plain


def check_access(repository: str) -> None:
    """Check that there is a token to upload with.

    Raises:
        HubUploadError: `huggingface_hub` is not installed, or there is no token.
    """
    try:
        from huggingface_hub import get_token
    except ImportError:
        raise HubUploadError(missing_packages("huggingface_hub", "hub")) from None
    if get_token() is None:
        raise HubUploadError(
            f"{repository}: no token to upload with; {_LOG_IN}, then: hf auth login (or set "
            "HF_TOKEN)"
        )


def upload(repository: str, files: Mapping[str, Path | bytes], private: bool) -> str:
    """Upload files in one commit. Create the repository if it does not exist.

    Call `check_access` first.

    Args:
        repository: name of the repository, `owner/name`.
        files: contents or paths of the files, by their names on the hub.
        private: whether the repository must be private.

    Returns:
        The URL of the model's page.

    Raises:
        HubUploadError: the hub rejects the upload or cannot be reached, or `private` is true and
            the repository is public.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    api = HfApi(library_name="coqui-stt")
    try:
        # This does not change the visibility of an existing repository.
        page = str(api.create_repo(repository, private=private or None, exist_ok=True))
        if private and not api.model_info(repository).private:
            raise HubUploadError(
                f"{repository} exists already and is public; nothing was uploaded: make it "
                "private on its page, or choose another name"
            )
        operations = [
            CommitOperationAdd(name, content if isinstance(content, bytes) else str(content))
            for name, content in files.items()
        ]
        with progress_on_terminals():
            api.create_commit(repository, operations, commit_message="Upload a Coqui STT model")
    except HubUploadError:
        raise
    # The client raises its own errors, the system's, and those of its HTTP library, which differs
    # between versions.
    except Exception as error:
        raise HubUploadError(f"{repository}: {_reason(error, repository)}") from None
    return page


def _reason(error: Exception, repository: str) -> str:
    """Return why an upload failed, and the remedy."""
    from huggingface_hub import constants, errors

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set, which prevents uploads; unset it"
    response: Any = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    owner = repository.partition("/")[0]
    if status == 401:
        return f"the hub rejects the token as expired or unknown; {_LOG_IN}, then: hf auth login"
    if status == 403:
        return (
            f"the token has no write access there; {_LOG_IN}, and check that you belong to {owner}"
        )
    if isinstance(error, errors.RepositoryNotFoundError) or status == 404:
        return (
            f"the repository does not exist on the hub, or is not visible to you; check {owner!r}"
        )
    if status is not None:
        return f"the hub refuses it ({status}: {first_line(error)})"
    return (
        f"cannot reach {constants.ENDPOINT}, or the connection broke ({first_line(error)}); "
        "nothing was published: try again"
    )
