"""Reads tensors of `.safetensors` files as float32 (https://huggingface.co/docs/safetensors).

Files are memory-mapped, and only the requested tensors are copied.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from stt.counted import some_clauses

from ...errors import CheckpointError

_AS_THEY_ARE = ("F16", "F32", "F64")
_LISTED = 6
_FLOATS = (*_AS_THEY_ARE, "BF16", "F8_E4M3", "F8_E5M2")


def tensor_names(path: Path) -> list[str]:
    """Return the names of a file's tensors.

    Raises:
        CheckpointError: the file is missing, cut off or damaged.
    """
    try:
        with safe_open(path, framework="np") as opened:
            return list(opened.keys())
    except (SafetensorError, OSError, UnicodeDecodeError, ValueError) as error:
        raise _unreadable(path, error) from None


def read_tensors(path: Path, names: Iterable[str]) -> dict[str, NDArray[np.float32]]:
    """Return some of a file's tensors.

    Raises:
        CheckpointError: the file is cut off or damaged, or a tensor is not of a float type.
    """
    wanted = list(names)
    try:
        with safe_open(path, framework="np") as opened:
            types = {name: opened.get_slice(name).get_dtype() for name in wanted}
            foreign = [f"{name} is {types[name]}" for name in wanted if types[name] not in _FLOATS]
            if foreign:
                raise CheckpointError(
                    f"{path}: {some_clauses(foreign, _LISTED)}; {', '.join(_FLOATS)} can be "
                    "read. Save the model in one of these, or take one that is not quantised"
                )
            tensors = {
                name: np.asarray(opened.get_tensor(name), np.float32)
                for name in wanted
                if types[name] in _AS_THEY_ARE
            }
        return tensors | _read_shortened(path, [name for name in wanted if name not in tensors])
    except (SafetensorError, OSError, UnicodeDecodeError, ValueError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise _unreadable(path, error) from None


def _read_shortened(path: Path, names: list[str]) -> dict[str, NDArray[np.float32]]:
    """Read tensors whose type NumPy does not have, with PyTorch."""
    if not names:
        return {}
    with safe_open(path, framework="pt") as opened:
        return {name: opened.get_tensor(name).float().numpy() for name in names}


def _unreadable(path: Path, error: Exception) -> CheckpointError:
    return CheckpointError(
        f"{path}: cannot be read as safetensors, it is cut off or damaged ({error}); copy or "
        "download it again"
    )
