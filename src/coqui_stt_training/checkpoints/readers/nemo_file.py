"""The `.nemo` format of NVIDIA NeMo: a tar archive, or the folder of an unpacked one.

Two of its files are read: the configuration and the PyTorch file with the weights.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from ...errors import CheckpointError
from .byte_cursor import whole_file
from .lfs_pointer import refuse_pointers

CONFIG = "model_config.yaml"
WEIGHTS = "model_weights.ckpt"
_LARGEST_CONFIG_BYTES = 4 << 20
_UNREADABLE = (tarfile.TarError, OSError, ValueError, OverflowError, RecursionError)


def is_nemo(path: Path) -> bool:
    """Say whether a tar archive has a file of a `.nemo`, even if the archive is cut off."""
    try:
        return any(Path(member.name).name in (CONFIG, WEIGHTS) for member in _members(path))
    except _UNREADABLE:
        return False


def is_unpacked_nemo(folder: Path) -> bool:
    """Say whether a folder has the files of a `.nemo`."""
    return (folder / CONFIG).is_file() and (folder / WEIGHTS).is_file()


def read_nemo(path: Path) -> Mapping[str, memoryview]:
    """Return the files of a model by name without folder, including `CONFIG` and `WEIGHTS`.

    Raises:
        CheckpointError: the file is cut off, damaged, or lacks one of these two.
    """
    if path.is_dir():
        refuse_pointers([path / WEIGHTS])
        return {name: whole_file(path / name) for name in (CONFIG, WEIGHTS)}
    return _read_archive(path)


def _read_archive(path: Path) -> Mapping[str, memoryview]:
    content = whole_file(path)
    try:
        found = {
            Path(member.name).name: content[member.offset_data :][: member.size]
            for member in _members(path)
            if member.isreg() and not member.issparse()
        }
    except _UNREADABLE as error:
        raise CheckpointError(
            f"{path}: is no whole .nemo ({error}); copy or download it again"
        ) from None
    missing = [name for name in (CONFIG, WEIGHTS) if name not in found]
    if missing:
        raise CheckpointError(
            f"{path}: is a tar archive without {' and '.join(missing)}, so no .nemo of one model; "
            "unpack it and give what is in it"
        )
    return found


def _members(path: Path) -> Iterator[tarfile.TarInfo]:
    """Yield the members of a tar archive.

    Raises:
        TarError: the archive is damaged. A negative size would lead back to an earlier member, and
            `tarfile` would never end.
    """
    with tarfile.open(path, "r:") as archive:
        newest = -1
        for member in archive:
            if member.offset <= newest:
                raise tarfile.HeaderError("a member lies before the one that precedes it")
            newest = member.offset
            yield member


def read_config(path: Path, content: bytes) -> Mapping[str, Any]:
    """Return the settings of a `model_config.yaml`.

    Raises:
        CheckpointError: it cannot be parsed, or is not a mapping.
    """
    try:
        if len(content) > _LARGEST_CONFIG_BYTES:
            raise ValueError(f"{len(content):,} bytes")
        config = yaml.safe_load(content)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise CheckpointError(f"{path}: its {CONFIG} cannot be read ({reason})") from None
    if not isinstance(config, Mapping):
        raise CheckpointError(f"{path}: its {CONFIG} holds no settings by name")
    return config
