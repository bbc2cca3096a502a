"""Reads `.pt` files: Whisper as OpenAI publishes it, and checkpoints of fairseq."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import CheckpointError
from ..source import SourceModel
from .byte_cursor import whole_file
from .fairseq import is_fairseq, load_fairseq
from .torch_file import TorchFile
from .whisper_source import whisper_source

_DIMENSIONS, _TENSORS = "dims", "model_state_dict"


def load_torch(path: Path) -> SourceModel:
    """Read the encoder of a PyTorch file.

    Args:
        path: a `.pt` in the form of OpenAI's Whisper or of fairseq.

    Raises:
        CheckpointError: the file is cut off, damaged, has code in it, or is of another model, or
            tensors are missing or have wrong shapes; the message names them.
    """
    content = whole_file(path)
    described = TorchFile(path, content, describes=True)
    if is_fairseq(described.value):
        return load_fairseq(described)
    return _load_whisper(TorchFile(path, content))


def _load_whisper(file: TorchFile) -> SourceModel:
    path = file.path
    value: Mapping[Any, Any] = file.value if isinstance(file.value, Mapping) else {}
    dimensions = value.get(_DIMENSIONS)
    if not isinstance(dimensions, Mapping) or _TENSORS not in value:
        raise CheckpointError(
            f"{path}: is a PyTorch file without the {_DIMENSIONS} and {_TENSORS} of Whisper, or "
            "the model and cfg of fairseq; a model of another kind is read from a folder of "
            "Hugging Face or a .nemo file"
        )
    tensors = file.tensors(value[_TENSORS])
    return whisper_source(
        "pytorch", path, dimensions, tensors, lambda name: file.read(name, tensors[name])
    )
