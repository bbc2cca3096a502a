"""Reads and writes the JSON files of foreign models."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stt.atomic_file import replacing

from ...errors import CheckpointError
from ..state_file import read_small_file

# The vocabulary of a model for a thousand languages (MMS) is larger than one megabyte.
_MOST_BYTES = 32 << 20


def read_json(path: Path) -> dict[str, Any]:
    """Read a small JSON object.

    Raises:
        CheckpointError: the file is missing, too large, or not a JSON object.
    """
    if not path.is_file():
        raise CheckpointError(
            f"{path}: no such file; it tells what the tensors are, copy it beside them"
        )
    try:
        content = json.loads(read_small_file(path, _MOST_BYTES).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: is no JSON ({error})") from None
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: holds no JSON object")
    return content


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON object atomically, indented for people."""
    with replacing(path) as partial:
        partial.write_text(json.dumps(content, ensure_ascii=False, indent=2), encoding="utf-8")
