"""Whisper models of whisper.cpp: their encoder."""

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
        CheckpointError: cut off, damaged, of another model, or with tensors missing or misshapen;
            all of them are named.
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
    """Return the encoder of a Whisper model as ggml stores it; says so if that is quantised.

    Args:
        format_name: of the file.
        path: the file.
        dimensions: of the model, by OpenAI's names.
        stored: all the file's tensors.
        theirs: knows whose names they have.

    Raises:
        CheckpointError: as `whisper_source` does.
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
