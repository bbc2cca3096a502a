"""Reads tensors of files that `torch.save` wrote, without PyTorch and without running any code.

Such a file is a zip archive of uncompressed records: `data.pkl` describes the tensors, `data/0`,
`data/1` ... hold their values. For files of PyTorch before 1.6 see `torch_legacy.py`.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import CheckpointError
from .torch_legacy import LARGEST_PICKLE_BYTES, read_legacy
from .torch_legacy import MAGIC as LEGACY_MAGIC
from .torch_pickle import FLOAT_STORAGES, STORAGE_TYPES, PickledCodeError, TensorView, read_pickle

ZIP_MAGIC = b"PK\x03\x04"
_LOCAL_HEADER = struct.Struct("<4s22xHH")  # of a record: magic, lengths of its name and extra field
_PICKLE = "data.pkl"
_STORAGES = "data/"
_MOST_RECORDS = 1 << 20
_MOST_GROWTH = 4  # size as float32 over stored size: 2 for half floats, and a margin


def is_torch(path: Path, head: bytes) -> bool:
    """Say whether a file is a PyTorch file; for a damaged archive the answer is no.

    Args:
        path: the file.
        head: its first bytes.
    """
    if head.startswith(LEGACY_MAGIC):
        return True
    if not head.startswith(ZIP_MAGIC):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith(f"/{_PICKLE}") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error):
        return False


class TorchFile:
    """The content of a PyTorch file; values of tensors are read when they are asked for.

    Args:
        path: path of the file, for messages.
        content: bytes of the file, or of the part of an archive that is such a file.
        describes: whether objects of unknown classes become `Described`; else they are an error.

    Attributes:
        value: the saved object: dicts, lists, numbers, texts, and `TensorView`s.

    Raises:
        CheckpointError: the file is cut off, damaged, or has code in it, which the message names.
    """

    def __init__(self, path: Path, content: memoryview, *, describes: bool = False) -> None:
        self.path = path
        self._content = content
        self._taken_bytes = 0
        self.value: Any
        is_legacy = content[: len(LEGACY_MAGIC)] == LEGACY_MAGIC
        described, self._storages = (b"", {}) if is_legacy else self._open_archive()
        try:
            if is_legacy:
                self.value, self._storages = read_legacy(content, describes=describes)
            else:
                self.value = read_pickle(described, describes=describes).value
        except PickledCodeError as error:
            raise CheckpointError(
                f"{path}: is a pickle with code in it, which is not run: it wants {error}; save "
                "its tensors alone, as safetensors, where you trust it"
            ) from None
        except ValueError as error:
            raise self._damaged(f"what describes it cannot be read, {error}") from None

    def tensors(self, found: Any) -> dict[str, TensorView]:
        """Return the tensors of a part of the value, by name.

        Raises:
            CheckpointError: it is not a dict.
        """
        if not isinstance(found, Mapping):
            raise CheckpointError(f"{self.path}: holds no tensors by name")
        return {
            name: tensor
            for name, tensor in found.items()
            if isinstance(name, str) and isinstance(tensor, TensorView)
        }

    def read(self, name: str, tensor: TensorView) -> NDArray[np.float32]:
        """Return a tensor's values.

        Raises:
            CheckpointError: they are not floats, or not all in the file.
        """
        kind = tensor.storage.kind
        if kind not in FLOAT_STORAGES:
            raise CheckpointError(
                f"{self.path}: {name} is in a {kind}; {', '.join(FLOAT_STORAGES)} can be read. "
                "Save the model in one of these"
            )
        stored = STORAGE_TYPES[kind]
        record = self._storages.get(tensor.storage.key)
        size = 0 if record is None else len(record) // stored.itemsize
        last = tensor.offset + sum(
            (length - 1) * stride
            for length, stride in zip(tensor.shape, tensor.strides, strict=True)
        )
        # A view must not repeat values: it could be larger than any memory.
        if record is None or not 0 < prod(tensor.shape) <= size or not 0 <= last < size:
            raise self._damaged(f"{name} is {list(tensor.shape)}, which is not all in it")
        # Tensors may share a storage, but all together must not be much larger than the file.
        self._taken_bytes += 4 * prod(tensor.shape)
        if self._taken_bytes > _MOST_GROWTH * len(self._content):
            raise self._damaged("its tensors are larger than it")
        values = np.frombuffer(record, stored, size)[tensor.offset :]
        strides_bytes = [  # strides of single values do not matter, and may be too large for NumPy
            stride * stored.itemsize if length > 1 else 0
            for length, stride in zip(tensor.shape, tensor.strides, strict=True)
        ]
        view = np.lib.stride_tricks.as_strided(values, tensor.shape, strides_bytes)
        if kind == "BFloat16Storage":
            return np.asarray((view.astype(np.uint32) << 16).view(np.float32))
        with np.errstate(over="ignore"):  # `load_source` refuses infinity
            return np.array(view, np.float32)

    def _open_archive(self) -> tuple[bytes, dict[str, memoryview]]:
        """Return the pickle in an archive, and its storages by their keys."""
        records = self._find_records()
        described = records.get(_PICKLE)
        if described is None:
            raise CheckpointError(
                f"{self.path}: is a zip archive without the {_PICKLE} of PyTorch; unpack it and "
                "give the directory it makes"
            )
        if len(described) > LARGEST_PICKLE_BYTES:
            raise self._damaged(f"its {_PICKLE} has {len(described):,} bytes")
        storages = {
            name.removeprefix(_STORAGES): record
            for name, record in records.items()
            if name.startswith(_STORAGES)
        }
        return bytes(described), storages

    def _find_records(self) -> dict[str, memoryview]:
        """Return the records of the archive by name, without the folder that contains them all."""
        try:
            with zipfile.ZipFile(_Window(self._content)) as archive:
                members = archive.infolist()
        except (
            zipfile.BadZipFile,
            OSError,
            ValueError,
            NotImplementedError,
            struct.error,
        ) as error:
            raise self._damaged(f"it is no whole zip archive ({error})") from None
        if len(members) > _MOST_RECORDS:
            raise self._damaged(f"it has {len(members):,} records")
        return {
            member.filename.partition("/")[2]: self._record(member)
            for member in members
            if not member.filename.endswith("/")  # `is_dir` fails where there is no name
        }

    def _record(self, member: zipfile.ZipInfo) -> memoryview:
        # PyTorch never compresses; a compressed record may be meant to fill the memory.
        head = self._content[member.header_offset : member.header_offset + _LOCAL_HEADER.size]
        if member.compress_type != zipfile.ZIP_STORED or len(head) < _LOCAL_HEADER.size:
            raise self._damaged(f"its record {member.filename!r} is compressed or cut off")
        magic, name, rest = _LOCAL_HEADER.unpack(head)
        start = member.header_offset + _LOCAL_HEADER.size + name + rest
        record = self._content[start : start + member.file_size]
        if magic != ZIP_MAGIC or len(record) != member.file_size:
            raise self._damaged(f"its record {member.filename!r} is cut off")
        return record

    def _damaged(self, what: str) -> CheckpointError:
        return CheckpointError(
            f"{self.path}: {what}; the file is damaged or none of PyTorch's, copy or download it "
            "again"
        )


class _Window(io.RawIOBase):
    """Part of a memory-mapped file, as a file object."""

    def __init__(self, content: memoryview) -> None:
        self._content = content
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: len(self._content)}
        if base[whence] + offset < 0:
            raise OSError("a place before the start")
        self._position = base[whence] + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        taken = self._content[self._position : self._position + len(buffer)]
        buffer[: len(taken)] = taken
        self._position += len(taken)
        return len(taken)
