"""The format of PyTorch before 1.6, and of `torch.save` without zip files: pickles, then values.

    pickle  a magic number
    pickle  version of the protocol, 1001
    pickle  sizes of types, and whether the machine was little-endian
    pickle  the saved object; its tensors refer to storages by keys
    pickle  keys of all storages, in the order of the file
    for each storage: int64 number of values, then the values

Nothing is unpickled: `torch_pickle.py` reads the pickles as descriptions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .torch_pickle import STORAGE_TYPES, Pickled, Storage, read_pickle

MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
LARGEST_PICKLE_BYTES = 16 << 20
_LARGEST_HEAD_BYTES = 1 << 10
_PROTOCOL = 1001
_COUNT_BYTES = 8


def read_legacy(content: memoryview, *, describes: bool) -> tuple[Any, dict[str, memoryview]]:
    """Return the saved object, and the bytes of each storage by its key.

    Args:
        content: bytes of the file.
        describes: see `read_pickle`.

    Raises:
        PickledCodeError: the object has more than plain values and tensors, and `describes` is not
            set.
        ValueError: the file is cut off, damaged, or from a big-endian machine.
    """
    start = len(MAGIC)
    head = []
    for _ in range(2):
        pickled = _read(content, start, _LARGEST_HEAD_BYTES)
        head.append(pickled.value)
        start += pickled.size_bytes
    protocol, system = head
    if protocol != _PROTOCOL or not isinstance(system, Mapping):
        raise ValueError("it begins as no version of the format does")
    if system.get("little_endian") is not True:
        raise ValueError("it is from a machine that is not little-endian")
    described = _read(content, start, LARGEST_PICKLE_BYTES, describes=describes)
    start += described.size_bytes
    keys = _read(content, start, LARGEST_PICKLE_BYTES)
    if not isinstance(keys.value, list):
        raise ValueError("it has no list of its storages")
    return described.value, _storages(
        content, start + keys.size_bytes, keys.value, described.storages
    )


def _read(content: memoryview, start: int, most_bytes: int, *, describes: bool = False) -> Pickled:
    return read_pickle(bytes(content[start : start + most_bytes]), describes=describes)


def _storages(
    content: memoryview, start: int, keys: list[Any], known: Mapping[str, Storage]
) -> dict[str, memoryview]:
    """Return the bytes of the storages, which begin at `start`, one after the other."""
    found = {}
    for key in keys:
        storage = known.get(key) if isinstance(key, str) else None
        if storage is None or key in found:
            raise ValueError(f"its storage {key!r} is of no tensor, or there twice")
        stored = STORAGE_TYPES.get(storage.kind)
        if stored is None:
            raise ValueError(f"it has a {storage.kind}, whose values are not known here")
        count = int.from_bytes(content[start : start + _COUNT_BYTES], "little", signed=True)
        start += _COUNT_BYTES
        size = count * stored.itemsize
        if count != storage.values or not 0 <= size <= len(content) - start:
            raise ValueError(f"its storage {key!r} is cut off")
        found[key] = content[start : start + size]
        start += size
    return found
