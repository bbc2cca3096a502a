"""Whisper models of whisper.cpp: their encoder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ...models.whisper.openai_names import PREFIX
from ..source import SourceModel
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
    source = whisper_source("ggml", path, dimensions, stored, lambda name: stored[name].decode())
    types = {stored[name].type for name in stored if name.startswith(PREFIX)}
    return replace(
        source,
        notes=source.notes + ((QUANTISED,) if any(kind.is_quantised for kind in types) else ()),
        details={"types": ", ".join(sorted(kind.name for kind in types)), **source.details},
    )
