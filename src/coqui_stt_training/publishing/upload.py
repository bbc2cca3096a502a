"""Files sent to the Hugging Face hub, in one commit, by `huggingface_hub`."""

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
    """The hub did not take a model."""


def check_repository(name: str) -> str:
    """Return the name of a repository, `owner/name`.

    Raises:
        FlagError: it is none.
    """
    plain = name.removeprefix("hf://").strip("/")
    if not _REPOSITORY.fullmatch(plain):
        raise FlagError(f"{name}: not a name on the hub; write owner/name")
    return plain


def check_access(repository: str) -> None:
    """See that there is a token to upload with.

    Raises:
        HubUploadError: no `huggingface_hub`, or nobody is logged in.
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
    """Upload files in one commit, see `check_access`; the repository is made where it is missing.

    Args:
        repository: `owner/name`.
        files: by the names they get.
        private: whether only its owner may see it.

    Returns:
        The address of the model's page.

    Raises:
        HubUploadError: no right, no network, or a repository that all may see.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    api = HfApi(library_name="coqui-stt")
    try:
        # The setting of a repository that is there is not touched.
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
    # The client raises its own errors, the system's, and those of the library that it uses for
    # HTTP, which is another from version to version.
    except Exception as error:
        raise HubUploadError(f"{repository}: {_reason(error, repository)}") from None
    return page


def _reason(error: Exception, repository: str) -> str:
    """Say why an upload failed, and what mends it."""
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
