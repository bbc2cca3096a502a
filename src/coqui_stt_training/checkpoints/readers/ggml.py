"""Reads the encoder of Whisper models in the format of whisper.cpp."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from ...models.whisper import openai_names
from ..source import SourceModel
from .ggml_blocks import StoredTensor
from .ggml_file import read_ggml
from .whisper_source import QUANTISED, whisper_source


def load_ggml(path: Path) -> SourceModel:
    """Read the encoder of a Whisper model, quantised or not.

    Args:
        path: a `.bin` of whisper.cpp.

    Raises:
        CheckpointError: the file is cut off, damaged, or of another model, or tensors are missing
            or have wrong shapes; the message names them.
    """
    dimensions, stored = read_ggml(path)
    return ggml_source("ggml", path, dimensions, stored)


def ggml_source(
    format_name: str,
    path: Path,
    dimensions: Mapping[str, Any],
    stored: Mapping[str, StoredTensor],
    theirs: ModuleType = openai_names,
) -> SourceModel:
    """Return the encoder of a Whisper model with ggml's types, with a note if it is quantised.

    Args:
        format_name: name of the format.
        path: the file.
        dimensions: dimensions of the model, by OpenAI's names.
        stored: all tensors of the file.
        theirs: module with the names of the tensors.

    Raises:
        CheckpointError: see `whisper_source`.
    """
    source = whisper_source(
        format_name, path, dimensions, stored, lambda name: stored[name].decode(), theirs
    )
    types = {tensor.type for name, tensor in stored.items() if not theirs.is_ignored(name)}
    return replace(
        source,
        notes=source.notes + ((QUANTISED,) if any(kind.is_quantised for kind in types) else ()),
        details={"types": ", ".join(sorted(kind.name for kind in types)), **source.details},
    )
