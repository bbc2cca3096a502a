"""Removal of the folder names of the author's machine from values of a checkpoint."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath, PureWindowsPath
from typing import Any

# The folders of an absolute path (from a root, a home or a drive); not those of a URL, `hf://...`.
_FOLDERS = re.compile(r"(?<![\w:./\\~-])(?:~\w*|[A-Za-z]:)?[\\/](?:[^\\/,;\]\[)(\"'\n]+[\\/])+")


def without_folders(value: Any) -> Any:
    """Return a JSON value in which absolute paths are reduced to their last part."""
    if isinstance(value, Mapping):
        return {name: without_folders(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_folders(one) for one in value]
    return _last_part(value) if isinstance(value, str) else value


def _last_part(text: str) -> str:
    if PurePath(text).is_absolute():
        return PurePath(text).name
    if PureWindowsPath(text).is_absolute():
        return PureWindowsPath(text).name
    return _FOLDERS.sub("", text)
