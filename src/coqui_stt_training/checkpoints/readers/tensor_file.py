"""Reads tensors by name from a file of transformers: safetensors, or a `.bin` of PyTorch."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from . import safetensors_file
from .byte_cursor import whole_file
from .torch_file import TorchFile

TORCH_SUFFIX = ".bin"


def tensor_names(path: Path) -> list[str]:
    """Return the names of a file's tensors.

    Raises:
        CheckpointError: the file is missing, cut off, damaged, or a pickle with code in it.
    """
    if path.suffix != TORCH_SUFFIX:
        return safetensors_file.tensor_names(path)
    file = _torch_file(path)
    return list(file.tensors(file.value))


def read_tensors(path: Path, names: Iterable[str]) -> dict[str, NDArray[np.float32]]:
    """Return some of a file's tensors.

    Raises:
        CheckpointError: the file is cut off or damaged, or a tensor is not of a float type.
    """
    if path.suffix != TORCH_SUFFIX:
        return safetensors_file.read_tensors(path, names)
    file = _torch_file(path)
    stored = file.tensors(file.value)
    return {name: file.read(name, stored[name]) for name in names}


def _torch_file(path: Path) -> TorchFile:
    return TorchFile(path, whole_file(path))
