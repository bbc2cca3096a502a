"""Whisper models as OpenAI publishes them, `.pt`: their encoder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import CheckpointError
from ..source import SourceModel
from .byte_cursor import ByteCursor
from .torch_file import TorchFile
from .whisper_source import whisper_source

_DIMENSIONS, _TENSORS = "dims", "model_state_dict"


def load_openai(path: Path) -> SourceModel:
    """Read the encoder of a Whisper model.

    Args:
        path: a `.pt` of OpenAI, or one in the same form.

    Raises:
        CheckpointError: cut off, damaged, with code in it, of another model, or with tensors
            missing or misshapen; all of them are named.
    """
    cursor = ByteCursor(path)
    file = TorchFile(path, cursor.take(cursor.size, "the file"))
    value: Mapping[Any, Any] = file.value if isinstance(file.value, Mapping) else {}
    dimensions = value.get(_DIMENSIONS)
    if not isinstance(dimensions, Mapping) or _TENSORS not in value:
        raise CheckpointError(
            f"{path}: is a PyTorch file without the {_DIMENSIONS} and {_TENSORS} of Whisper; a "
            "model of another kind is read from a folder of Hugging Face or a .nemo file"
        )
    tensors = file.tensors(value[_TENSORS])
    return whisper_source(
        "pytorch", path, dimensions, tensors, lambda name: file.read(name, tensors[name])
    )
