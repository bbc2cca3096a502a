"""The token that clients must send to a server that other machines can reach."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from ..errors import FlagError

TOKEN_VARIABLE = "STT_TOKEN"
_SHORTEST = 12
_MOST_BYTES = 4096  # a larger file is not a token file


def read_token(token: str, path: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return the token that a server should require; empty if none is given.

    Args:
        token: value of `--token`; other users of the machine can see it in the process list.
        path: value of `--token_file`; whitespace around the token in the file is ignored.
        environment: environment variables; `STT_TOKEN` is used if neither flag is given.

    Raises:
        FlagError: both flags are given, the file cannot be read, or the token is too short or has
            characters that cannot be in a header.
    """
    if token and path:
        raise FlagError("--token and --token_file: give one of the two")
    if path:
        return _checked(_content(path), f"--token_file {path}")
    if token:
        return _checked(token, "--token")
    found = environment.get(TOKEN_VARIABLE, "")
    return _checked(found, f"environment variable {TOKEN_VARIABLE}") if found else ""


def new_token() -> str:
    """Return a random token."""
    return secrets.token_urlsafe(18)


def _content(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise FlagError(f"--token_file {path}: {error.strerror or error}") from None
    if len(content) > _MOST_BYTES:
        raise FlagError(
            f"--token_file {path}: longer than {_MOST_BYTES} bytes; it must contain the token alone"
        )
    return content.decode("utf-8", "replace")


def _checked(text: str, where: str) -> str:
    token = text.strip()
    if len(token) < _SHORTEST:
        raise FlagError(f"{where}: give {_SHORTEST} characters or more, or leave it out")
    if not (token.isascii() and token.isprintable()):
        raise FlagError(f"{where}: must be plain characters, as on any keyboard, on one line")
    return token
